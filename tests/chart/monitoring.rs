//! Rules and dashboard use only metrics that exist.

use std::collections::BTreeSet;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use regex::Regex;
use responsibility_operator::telemetry::metric::{ALL, Metric};
use rstest::rstest;
use serde_json::{Value, json};

use crate::metrics::{metric_of, words_of};
use crate::support::*;

/// Labels that Prometheus adds to every series that it scrapes from the Service.
const OF_TARGET: [&str; 7] = ["job", "namespace", "pod", "instance", "service", "endpoint", "container"];

/// Checks the selectors of an expression, and the labels that it groups by.
#[derive(Default)]
struct Check {
    offences: Vec<String>,
    selectors: usize,
    /// Labels of the selected series.
    labels: BTreeSet<String>,
}

impl Check {
    fn selector(&mut self, selector: &VectorSelector) {
        self.selectors += 1;
        let series = selector.name.as_deref().unwrap_or_default();
        let Some(metric) = metric_of(series) else {
            self.offences.push(format!("{series} is not a metric"));
            return;
        };
        let own = metric.labels.iter().copied();
        self.labels.extend(own.chain(OF_TARGET).map(str::to_owned));
        if series.ends_with("_bucket") {
            self.labels.insert("le".to_owned());
        }
        for matcher in &selector.matchers.matchers {
            self.matcher(series, metric, matcher);
        }
    }

    fn matcher(&mut self, series: &str, metric: &Metric, matcher: &Matcher) {
        let label = matcher.name.as_str();
        if !metric.labels.contains(&label) && !OF_TARGET.contains(&label) {
            self.offences.push(format!("{series} has no label {label}"));
        }
        let Some(words) = words_of(metric, label) else { return };
        let is_pattern = matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_));
        let asked: Vec<&str> = if is_pattern { matcher.value.split('|').collect() } else { vec![&matcher.value] };
        for word in asked.into_iter().filter(|word| !words.contains(word)) {
            self.offences.push(format!("{label} of {series} is never {word}"));
        }
    }
}

impl ExprVisitor for Check {
    type Error = ();

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
        match expr {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(selector) => self.selector(&selector.vs),
            Expr::Aggregate(aggregate) => {
                let mut below = Self::default();
                walk_expr(&mut below, &aggregate.expr)?;
                for label in aggregate.modifier.iter().flat_map(|modifier| &modifier.labels().labels) {
                    if !below.labels.contains(label) {
                        self.offences.push(format!("nothing has the label {label} that is grouped by"));
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

/// Returns the mistakes in an expression.
fn offences(expression: &str) -> Vec<String> {
    let parsed = match parse(expression) {
        Ok(parsed) => parsed,
        Err(error) => return vec![format!("{expression}: {error}")],
    };
    let mut check = Check::default();
    walk_expr(&mut check, &parsed).unwrap();
    if check.selectors == 0 {
        check.offences.push(format!("{expression} asks for no metric"));
    }
    check.offences
}

#[rstest]
#[case::metric("sum(responsibility_gap)", "responsibility_gap is not a metric")]
#[case::histogram(
    "responsibility_reconcile_duration_seconds",
    "responsibility_reconcile_duration_seconds is not a metric"
)]
#[case::label("responsibility_gaps{owner=\"a\"}", "responsibility_gaps has no label owner")]
#[case::word(
    "rate(responsibility_reconciles_total{result=\"error\"}[5m])",
    "result of responsibility_reconciles_total is never error"
)]
#[case::words("responsibility_duties{state=~\"Unowned|Lost\"}", "state of responsibility_duties is never Lost")]
#[case::grouped("sum by (owner) (responsibility_gaps)", "nothing has the label owner that is grouped by")]
#[case::constant("vector(1)", "vector(1) asks for no metric")]
fn the_check_sees(#[case] expression: &str, #[case] offence: &str) {
    assert_eq!(offences(expression), [offence]);
}

fn alerts() -> Vec<Value> {
    let objects = render(EVERYTHING);
    let groups = one(&objects, "PrometheusRule", RELEASE)["spec"]["groups"].as_array().unwrap().clone();
    groups.into_iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn alerts_ask_for_what_exists_and_say_what_to_do() {
    let duration = Regex::new("^[0-9]+[mh]$").unwrap();
    let field = Regex::new(r"\$labels\.(\w+)").unwrap();
    let alerts = alerts();
    assert!(alerts.len() >= 10, "{}", alerts.len());
    let mut names = BTreeSet::new();
    for alert in &alerts {
        let called = alert["alert"].as_str().unwrap();
        let expression = alert["expr"].as_str().unwrap();
        assert!(names.insert(called), "{called} is there twice");
        assert_eq!(offences(expression), Vec::<String>::new(), "{called}");
        assert!(expression.contains("job=\"responsibility-operator-metrics\""), "{called}");
        assert!(duration.is_match(alert["for"].as_str().unwrap()), "{called}");
        assert!(["critical", "warning", "info"].contains(&alert["labels"]["severity"].as_str().unwrap()), "{called}");
        let annotations = texts(&alert["annotations"]);
        assert!(annotations["summary"].ends_with('.') && annotations["description"].ends_with('.'), "{called}");
        let anchor = annotations["runbook_url"].split_once("/docs/operations.md#").map(|(_, anchor)| anchor);
        assert_eq!(anchor, Some(called.to_lowercase().as_str()));
        for label in field.captures_iter(annotations["description"]) {
            let grouped = Regex::new(&format!(r"by \([^)]*\b{}\b", &label[1])).unwrap();
            assert!(
                grouped.is_match(expression),
                "{called} uses the label {}, which its result does not have",
                &label[1]
            );
        }
    }
}

#[test]
fn runbooks_are_there_for_every_alert_and_for_nothing_else() {
    let document = file("docs/operations.md");
    let (_, from_alerts) = document.split_once("\n## Alerts\n").unwrap();
    let (section, _) = from_alerts.split_once("\n## ").unwrap();
    let written: BTreeSet<&str> = section.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let alerts = alerts();
    assert_eq!(written, alerts.iter().map(|alert| alert["alert"].as_str().unwrap()).collect());
    for text in section.split("\n### ").skip(1) {
        assert!(text.contains("**Look:**") && text.contains("**Do:**"), "{text}");
    }
}

#[test]
fn alerts_about_duties_are_an_option_of_severity_info() {
    let objects = render("metrics: {prometheusRule: {enabled: true, alertLabels: {team: security}}}");
    let groups = one(&objects, "PrometheusRule", RELEASE)["spec"]["groups"].as_array().unwrap().clone();
    assert_eq!(groups.len(), 1);
    let plain: Vec<&Value> = groups[0]["rules"].as_array().unwrap().iter().collect();
    assert!(plain.iter().all(|alert| alert["labels"]["severity"] != "info" && alert["labels"]["team"] == "security"));
    let all = alerts();
    let added: Vec<&Value> =
        all.iter().filter(|alert| !plain.iter().any(|kept| kept["alert"] == alert["alert"])).collect();
    assert!(!added.is_empty() && added.iter().all(|alert| alert["labels"]["severity"] == "info"));
    assert!(added.iter().any(|alert| alert["alert"] == "ResponsibilityGapsOpen" && alert["for"] == "24h"));
}

/// Returns the dashboard as Grafana loads it.
fn dashboard() -> Value {
    let objects = render(EVERYTHING);
    let map = one(&objects, "ConfigMap", "responsibility-operator-dashboard");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    serde_json::from_str(map["data"]["responsibility-operator.json"].as_str().unwrap()).unwrap()
}

/// Returns an expression as Grafana sends it to Prometheus.
fn with_variables(expression: &str) -> String {
    expression.replace("$__rate_interval", "5m").replace("$job", "metrics").replace("$namespace", ".*")
}

#[test]
fn dashboard_asks_for_what_exists() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = String::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is there twice");
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expression = with_variables(target["expr"].as_str().unwrap());
            assert!(!expression.contains('$'), "{title}: {expression}");
            assert_eq!(offences(&expression), Vec::<String>::new(), "{title}");
            asked += &expression;
        }
    }
    for metric in ALL {
        assert!(asked.contains(metric.name), "the dashboard does not show {}", metric.name);
    }
}

#[test]
fn panels_of_the_dashboard_do_not_overlap() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for cell in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} lies on another panel", panel["title"]);
        }
    }
}

#[test]
fn variables_of_the_dashboard_are_labels_of_metrics() {
    let dashboard = dashboard();
    let query = Regex::new(r"^label_values\((.+), (\w+)\)$").unwrap();
    let mut names = Vec::new();
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        names.push(variable["name"].as_str().unwrap());
        if variable["type"] == "datasource" {
            continue;
        }
        let found = query.captures(variable["query"].as_str().unwrap()).unwrap();
        let grouped = format!("count by ({}) ({})", &found[2], with_variables(&found[1]));
        assert_eq!(offences(&grouped), Vec::<String>::new(), "{variable}");
    }
    assert_eq!(names, ["datasource", "job", "namespace"]);
}

#[test]
fn the_service_monitor_finds_the_service_and_shows_a_token_where_one_is_asked_for() {
    let endpoint = |values: &str| {
        let objects = render(values);
        let monitor = one(&objects, "ServiceMonitor", RELEASE);
        let service = one(&objects, "Service", "responsibility-operator-metrics");
        assert!(selects(&monitor["spec"]["selector"]["matchLabels"], &service["metadata"]["labels"]));
        assert_eq!(monitor["spec"]["namespaceSelector"]["matchNames"], json!([NAMESPACE]));
        let endpoint = monitor["spec"]["endpoints"][0].clone();
        assert_eq!(endpoint["port"], service["spec"]["ports"][0]["name"]);
        let scheme = endpoint["scheme"].as_str().unwrap_or("http").to_owned();
        assert_eq!(service["spec"]["ports"][0]["appProtocol"], *scheme);
        endpoint
    };
    let open = endpoint("metrics: {serviceMonitor: {enabled: true, interval: 15s}}");
    let plain = json!({ "port": "metrics", "path": "/metrics", "honorLabels": true, "interval": "15s" });
    assert_eq!(open, plain);
    let protected = |certificate: &str, token: &str| {
        endpoint(&format!(
            "metrics: {{protected: true, certificate: {certificate}, serviceMonitor: {{enabled: true, {token}}}}}"
        ))
    };
    let closed = protected("{certManager: {enabled: true}}", "tokenFile: /var/run/secrets/tokens/operator");
    let ca = |secret: &str| json!({ "secret": { "name": secret, "key": "ca.crt" } });
    let verified = |secret: &str| json!({ "serverName": "responsibility-operator-metrics.responsibility-system.svc", "ca": ca(secret) });
    assert_eq!(closed["tlsConfig"], verified("responsibility-operator-metrics-tls"));
    assert_eq!(closed["bearerTokenFile"], "/var/run/secrets/tokens/operator");
    let secret = protected("{secretName: mine}", "tokenSecret: {name: prometheus, key: token}");
    assert_eq!(secret["tlsConfig"], verified("mine"));
    let credentials = json!({ "type": "Bearer", "credentials": { "name": "prometheus", "key": "token" } });
    assert_eq!((&secret["authorization"], &secret["bearerTokenFile"]), (&credentials, &Value::Null));
}
