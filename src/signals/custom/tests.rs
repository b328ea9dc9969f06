use jiff::civil::date;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::*;
use crate::facts::{Availability, CustomFinding, CustomTarget, KindAndName, WorkloadFacts, WorkloadKey, WorkloadKind};
use crate::model::{Attribution, SignalVerdict};
use crate::signals::testing::{TODAY, WorkloadFixture};
use crate::signals::{BadCustomSignal, SignalSettings};

/// A signal about BackupPlans.
fn signal(expression: &str) -> CustomSignal {
    CustomSignal {
        name: "backup-plan".to_owned(),
        group: "backup.example.com".to_owned(),
        version: "v1".to_owned(),
        kind: "BackupPlan".to_owned(),
        plural: "backupplans".to_owned(),
        scope: KindScope::Namespaced,
        selector: None,
        layer: "backup-recovery".to_owned(),
        duty: Attribution::Customer,
        shows: Reach::Part,
        expression: expression.to_owned(),
        references: None,
        pod_selector: None,
        seen_at: None,
        max_age_days: None,
        failed: None,
        remedy: None,
    }
}

fn about_targets(expression: &str) -> CustomSignal {
    CustomSignal { references: Some("object.spec.targets".to_owned()), ..signal(expression) }
}

/// What one signal finds in an object of the namespace `shop`.
fn found(signal: &CustomSignal, object: &Json) -> CustomFinding {
    let [kind] = &*CustomObjects::of(std::slice::from_ref(signal)).unwrap() else { panic!("there is one kind") };
    let Some(Facts::Custom(mut found)) = kind.facts("shop", &Labels::default(), &object.to_string()) else {
        panic!("nothing was looked at")
    };
    found.remove(0)
}

fn outcome(expression: &str, object: &Json) -> Result<bool, String> {
    found(&signal(expression), object).outcome.map_err(|why| why.to_string())
}

fn plan() -> Json {
    json!({
        "metadata": {"name": "nightly", "labels": {"tier": "gold"}},
        "spec": {"schedule": "0 3 * * *", "keep": 7, "share": 0.5, "offset": -1, "targets": [{"kind": "Deployment", "name": "web"}]},
        "status": {"phase": "Ready", "conditions": [{"type": "Ready", "status": "True"}], "last": "2026-11-25T03:00:00Z"},
    })
}

#[rstest]
#[case::equality("object.status.phase == 'Ready'", true)]
#[case::inequality("object.status.phase != 'Ready'", false)]
#[case::numbers_are_added("object.spec.keep + object.spec.offset == 6", true)]
#[case::numbers_are_compared("object.spec.keep >= 7 && object.spec.share < 1.0", true)]
#[case::has("has(object.status.error) || has(object.status.phase)", true)]
#[case::fields_that_may_be_missing("object.?status.?error.?code.orValue(0) == 0", true)]
#[case::exists("object.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')", true)]
#[case::all("object.status.conditions.all(c, c.status == 'True')", true)]
#[case::filter("object.status.conditions.filter(c, c.status == 'False').size() == 0", true)]
#[case::map("'Ready' in object.status.conditions.map(c, c.type)", true)]
#[case::index("object.metadata.labels['tier'] == 'gold'", true)]
#[case::pattern("object.spec.schedule.matches('^[0-9]+ [0-9]+ ')", true)]
#[case::type_of("type(object.spec.keep) == int", true)]
#[case::what_it_is("object.kind == 'BackupPlan' && object.apiVersion == 'backup.example.com/v1'", true)]
fn an_expression_says_whether_an_object_is_as_it_has_to_be(#[case] expression: &str, #[case] expected: bool) {
    assert_eq!(outcome(expression, &plan()), Ok(expected));
}

#[rstest]
#[case::missing_field("object.status.error == ''", "expression: No such key: error")]
#[case::field_of_a_text("object.status.phase.since == ''", "expression: ")]
#[case::no_truth("object.status.phase", "expression: it comes to something else than true or false")]
#[case::other_types("object.status.phase + 1 == 2", "expression: ")]
#[case::division("object.spec.keep / 0 == 1", "expression: ")]
#[case::beyond_the_end("object.status.conditions[9].type == ''", "expression: ")]
fn what_goes_wrong_is_told_and_is_neither_a_pass_nor_a_failure(#[case] expression: &str, #[case] expected: &str) {
    let why = outcome(expression, &plan()).unwrap_err();
    assert!(why.starts_with(expected), "{why}");
    assert!(why.len() <= 200, "{why}");
}

#[rstest]
#[case::syntax("object.status. == 1", "expression: it does not parse: ")]
#[case::variable("status.phase == ''", "expression: there is no \"status\"; write what it looks at as object")]
#[case::loop_variable_outside("object.a.all(x, true) && x", "expression: there is no \"x\"")]
#[case::function(
    "object.a.lower() == ''",
    "expression: \"lower\" is no function that can be called here; write one of has"
)]
#[case::function_of_a_namespace("math.abs(object.a) == 1", "expression: \"math.abs\" is no function")]
#[case::pattern_of_the_object(
    "object.a.matches(object.b)",
    "expression: the pattern of matches() has to be written out"
)]
#[case::loops("object.a.all(x, x.all(y, y.all(z, z.all(w, w))))", "expression: more than 3 loops stand in each other")]
#[case::hidden_function("_lower(object.a) == ''", "expression: \"_lower\" is no function")]
#[case::pattern_that_does_not_parse(
    "object.a.matches('[')",
    "expression: the pattern \"[\" does not parse, or is too large"
)]
#[case::large_pattern("object.a.matches('^\\\\w{1,1000}$')", "expression: the pattern")]
#[case::message("Plan{a: 1} == object", "expression: there is no \"Plan\"")]
fn an_expression_that_cannot_be_meant_is_refused_with_what_to_write(#[case] expression: &str, #[case] expected: &str) {
    let (index, why) = CustomObjects::of(&[signal(expression)]).unwrap_err();
    assert_eq!(index, 0);
    assert!(why.to_string().starts_with(expected), "{why}");
}

#[rstest]
#[case::text(&"a".repeat(2049))]
#[case::parts(&format!("{}object.a.b", "object.a.b && ".repeat(140)))]
#[case::brackets(&format!("{}1{} == 1", "(".repeat(900), ")".repeat(900)))]
#[case::lists(&format!("{}1{} == 1", "[".repeat(95), "]".repeat(95)))]
#[case::choices(&format!("{}true", "true ? true : ".repeat(90)))]
#[case::sums(&format!("{}1 == 1", "1+".repeat(1000)))]
#[case::fields(&format!("object{}", ".a".repeat(1000)))]
fn an_expression_that_is_too_long_or_too_deep_is_refused(#[case] expression: &str) {
    let (_, why) = CustomObjects::of(&[signal(expression)]).unwrap_err();
    let why = why.to_string();
    assert!(["more than", "Recursion limit"].iter().any(|words| why.contains(words)), "{why}");
}

#[rstest]
#[case::brackets(&format!("{}1{} == 1", "(".repeat(28), ")".repeat(28)))]
#[case::lists(&format!("{}1{} == object", "[".repeat(28), "]".repeat(28)))]
#[case::choices(&format!("{}true", "true ? true : ".repeat(30)))]
#[case::sums(&format!("{}1 == 1", "1+".repeat(28)))]
#[case::negations(&format!("{}true", "!".repeat(30)))]
#[case::indices(&format!("object.a{} == 1", "[0]".repeat(26)))]
#[case::in_a_loop(&format!("object.spec.targets.all(t, {}1 == 1)", "1+".repeat(24)))]
fn an_expression_as_deep_as_may_be_is_evaluated(#[case] expression: &str) {
    let _: Result<bool, String> = outcome(expression, &plan());
}

/// An object with a list of so many items of some bytes.
fn long(items: usize, bytes: usize) -> Json {
    json!({"metadata": {}, "spec": {"items": vec![json!({"name": "x".repeat(bytes), "tags": ["a", "b"]}); items]}})
}

#[rstest]
#[case::one_loop("object.spec.items.all(i, i.name != '')", 1000, 100, true)]
#[case::found_and_counted("object.spec.items.filter(i, i.name == '').size() == 0", 1000, 100, true)]
#[case::a_loop_in_a_loop_over_few("object.spec.items.all(i, object.spec.items.all(j, i == j))", 20, 20, true)]
#[case::a_loop_in_a_loop_over_many("object.spec.items.all(i, object.spec.items.all(j, i == j))", 1000, 20, false)]
#[case::three_loops(
    "object.spec.items.all(i, object.spec.items.all(j, object.spec.items.all(k, i == k)))",
    100,
    20,
    false
)]
#[case::doubled_again_and_again(
    &format!("[object.spec.items].{} == []", ["map(x, x + x + x + x)"; 14].join(".")),
    10, 10, false
)]
#[case::a_text_doubled_again_and_again(
    &format!("[object.spec.items[0].name].{} == []", ["map(x, x + x + x + x)"; 14].join(".")),
    10, 10, false
)]
#[case::patterns_in_a_loop("object.spec.items.all(i, i.name.matches('^(x|y)+$'))", 2000, 10, false)]
#[case::a_large_object("object.spec.items.size() == 3000", 3000, 100, false)]
fn what_may_take_long_is_not_tried(
    #[case] expression: &str,
    #[case] items: usize,
    #[case] bytes: usize,
    #[case] is_tried: bool,
) {
    let result = outcome(expression, &long(items, bytes));
    assert_eq!(result.is_ok(), is_tried, "{result:?}");
    if let Err(why) = result {
        assert!(why.contains("too long") || why.contains("KiB"), "{why}");
    }
}

fn deployment(name: &str) -> WorkloadAndFacts {
    let key = WorkloadKey { namespace: "shop".into(), kind: WorkloadKind::Deployment, name: name.into() };
    let mut facts = WorkloadFacts::default();
    facts.pods.template = [("app", name)].into_iter().collect();
    (key, facts)
}

type WorkloadAndFacts = (WorkloadKey, WorkloadFacts);

fn concerns(about: &CustomTarget, (key, facts): &WorkloadAndFacts) -> bool {
    about.contains(key, facts, &[KindAndName { kind: "ReplicaSet".into(), name: format!("{}-5d5d", key.name).into() }])
}

#[test]
fn an_object_speaks_of_its_namespace_unless_it_says_of_which_workloads() {
    assert_eq!(found(&signal("true"), &plan()).about, CustomTarget::All);
    let of = |targets: Json| found(&about_targets("true"), &json!({"metadata": {}, "spec": {"targets": targets}}));
    let one = of(json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"})).about;
    assert!(concerns(&one, &deployment("web")) && !concerns(&one, &deployment("api")));
    let several = of(json!([{"kind": "Deployment", "name": "api"}, {"kind": "ReplicaSet", "name": "web-5d5d"}])).about;
    assert!(concerns(&several, &deployment("web")) && concerns(&several, &deployment("api")));
    assert_eq!(of(json!([])).about, CustomTarget::Workloads(BTreeSet::new()));
    let elsewhere = of(json!([{"kind": "Deployment", "name": "web", "namespace": "bank"}])).about;
    assert_eq!(elsewhere, CustomTarget::Workloads(BTreeSet::new()), "it has no say about another namespace");
    let odd = of(json!("web"));
    assert_eq!(odd.about, CustomTarget::All, "of whom it speaks is not known");
    assert!(odd.outcome.unwrap_err().starts_with("references: it comes to something else"));
    assert!(of(json!(vec![json!({"kind": "A", "name": "b"}); 257])).outcome.unwrap_err().contains("more than 256"));
}

#[test]
fn an_object_may_speak_of_pods_by_their_labels() {
    let of = |selector: Json| {
        let pods = CustomSignal { pod_selector: Some("object.spec.selector".to_owned()), ..signal("true") };
        found(&pods, &json!({"metadata": {}, "spec": {"selector": selector}}))
    };
    let web = of(json!({"matchLabels": {"app": "web"}})).about;
    assert!(concerns(&web, &deployment("web")) && !concerns(&web, &deployment("api")));
    let not_web = of(json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]})).about;
    assert!(!concerns(&not_web, &deployment("web")) && concerns(&not_web, &deployment("api")));
    assert_eq!(of(json!({})).about, CustomTarget::Pods(None));
    for odd in [json!(["app"]), json!([]), json!({"app": "web"}), json!({"matchLabel": {"app": "web"}}), json!(null)] {
        let found = of(odd.clone());
        assert!(found.outcome.unwrap_err().starts_with("podSelector: "), "{odd}");
    }
}

#[test]
fn an_object_of_the_cluster_says_in_which_namespace_its_workloads_are() {
    let cluster = CustomSignal { scope: KindScope::Cluster, ..about_targets("true") };
    let of = |targets: Json| {
        let kinds = CustomObjects::of(std::slice::from_ref(&cluster)).unwrap();
        let object = json!({"metadata": {}, "spec": {"targets": targets}});
        match kinds[0].facts("", &Labels::default(), &object.to_string()) {
            Some(Facts::Custom(mut found)) => found.remove(0),
            other => panic!("{other:?}"),
        }
    };
    let web = of(json!({"kind": "Deployment", "name": "web", "namespace": "shop"})).about;
    assert!(concerns(&web, &deployment("web")));
    let why = of(json!({"kind": "Deployment", "name": "web"})).outcome.unwrap_err();
    assert!(why.contains("needs a namespace"), "{why}");
}

#[test]
fn only_objects_with_the_labels_count() {
    let selector = serde_json::from_value(json!({"matchLabels": {"tier": "gold"}})).unwrap();
    let kinds = CustomObjects::of(&[CustomSignal { selector: Some(selector), ..signal("true") }]).unwrap();
    let with = |tier: &str| kinds[0].facts("shop", &[("tier", tier)].into_iter().collect(), &plan().to_string());
    assert!(with("gold").is_some());
    assert_eq!(with("silver"), None);
}

#[test]
fn signals_of_one_kind_share_its_watch_and_agree_about_it() {
    let named = |name: &str| CustomSignal { name: name.to_owned(), ..signal("true") };
    let other = CustomSignal { plural: "restores".to_owned(), kind: "Restore".to_owned(), ..named("c") };
    let kinds = CustomObjects::of(&[named("a"), other, named("b")]).unwrap();
    assert_eq!(
        kinds
            .iter()
            .map(|kind| kind.signals().map(|(_, signal)| signal.name.as_str()).collect::<Vec<_>>())
            .collect::<Vec<_>>(),
        [vec!["a", "b"], vec!["c"]]
    );
    let cluster = CustomSignal { scope: KindScope::Cluster, ..named("b") };
    let refused = CustomObjects::of(&[named("a"), cluster]).unwrap_err();
    assert_eq!(refused, (1, BadCustomSignal::OtherKind { name: "a".to_owned() }));
}

#[rstest]
#[case::built_in(CustomSignal { name: "node-age".to_owned(), ..signal("true") }, "name: \"node-age\" is the name of another")]
#[case::age(CustomSignal { max_age_days: Some(1), ..signal("true") }, "maxAgeDays: it says nothing without seenAt")]
#[case::time(CustomSignal { seen_at: Some("object.a".to_owned()), ..signal("true") }, "seenAt: it says nothing without maxAgeDays")]
#[case::targets(CustomSignal { pod_selector: Some("object.a".to_owned()), ..about_targets("true") }, "podSelector: references tells already")]
#[case::references(CustomSignal { references: Some("spec".to_owned()), ..signal("true") }, "references: there is no \"spec\"")]
fn what_does_not_go_together_is_refused(#[case] signal: CustomSignal, #[case] expected: &str) {
    let (_, why) = SignalSettings::default().with_custom(&[signal]).unwrap_err();
    assert!(why.to_string().starts_with(expected), "{why}");
}

/// What is seen of the Deployment `web` beside these BackupPlans.
fn seen(signal: &CustomSignal, plans: &[(&str, Json)]) -> (SignalVerdict, String) {
    let settings = SignalSettings::default().with_custom(std::slice::from_ref(signal)).unwrap();
    let kind = settings.custom().next().unwrap();
    let mut fixture = WorkloadFixture::new().but(|fixture| {
        fixture.availabilities.put(kind.fact_kind(), None, Availability::Read);
    });
    for (name, plan) in plans {
        if let Some(facts) = kind.facts("shop", &Labels::default(), &plan.to_string()) {
            fixture = fixture.beside(kind.fact_kind(), name, facts);
        }
    }
    fixture.seen_by_configured(&settings, &signal.name)
}

#[test]
fn every_object_that_speaks_of_a_workload_has_to_be_as_it_should() {
    let ready = about_targets("object.phase == 'Ready'");
    let plan = |target: &str, phase: &str| json!({"metadata": {}, "phase": phase, "spec": {"targets": {"kind": "Deployment", "name": target}}});
    let verdict = |plans: &[(&str, Json)]| seen(&ready, plans).0;
    assert_eq!(verdict(&[]), SignalVerdict::Unseen);
    assert_eq!(verdict(&[("a", plan("api", "Failed"))]), SignalVerdict::Unseen, "it speaks of another");
    assert_eq!(verdict(&[("a", plan("web", "Ready")), ("b", plan("api", "Failed"))]), SignalVerdict::Passed);
    let failed = seen(&ready, &[("a", plan("web", "Ready")), ("b", plan("web", "Failed"))]);
    assert_eq!(failed, (SignalVerdict::Failed, "BackupPlan b: a BackupPlan is not as it has to be".to_owned()));
    let broken = json!({"metadata": {}, "spec": {"targets": {"kind": "Deployment", "name": "web"}}});
    let unknown = seen(&ready, &[("a", plan("web", "Ready")), ("c", broken)]);
    assert_eq!(
        unknown,
        (SignalVerdict::Unreadable, "nothing can be told of BackupPlan c: expression: No such key: phase".to_owned())
    );
}

#[test]
fn what_was_seen_too_long_ago_is_stale() {
    let dated = CustomSignal {
        seen_at: Some("object.status.last".to_owned()),
        max_age_days: Some(2),
        failed: Some("the backup failed".to_owned()),
        ..signal("object.status.phase == 'Ready'")
    };
    assert_eq!(TODAY, date(2026, 11, 27), "two days after the time in the plan");
    assert_eq!(seen(&dated, &[("a", plan())]).0, SignalVerdict::Passed);
    let older = CustomSignal { max_age_days: Some(1), ..dated.clone() };
    assert_eq!(
        seen(&older, &[("a", plan())]),
        (SignalVerdict::Stale, "BackupPlan a is of 2026-11-25, older than 1 days".to_owned())
    );
    let failed = CustomSignal { expression: "object.status.phase == 'Done'".to_owned(), ..dated.clone() };
    assert_eq!(seen(&failed, &[("a", plan())]), (SignalVerdict::Failed, "BackupPlan a: the backup failed".to_owned()));
    let mut undated = plan();
    undated["status"]["last"] = "yesterday".into();
    let (verdict, why) = seen(&dated, &[("a", undated.clone())]);
    assert_eq!(verdict, SignalVerdict::Unreadable);
    assert!(why.contains("seenAt: it comes to a text that is no time"), "{why}");
    undated["status"]["phase"] = "Failed".into();
    assert_eq!(seen(&dated, &[("a", undated)]).0, SignalVerdict::Failed, "whenever that was");
}

#[test]
fn an_object_that_cannot_be_decoded_hides_what_it_says_and_nothing_else() {
    let deep = format!("{{\"metadata\": {{}}, \"spec\": {}{}}}", "[".repeat(200), "]".repeat(200));
    let large = json!({ "metadata": {}, "spec": "x".repeat(300_000) }).to_string();
    let kinds = CustomObjects::of(&[signal("true")]).unwrap();
    for (object, words) in [(deep, "recursion limit"), (large, "more than 256 KiB")] {
        let Some(Facts::Custom(found)) = kinds[0].facts("shop", &Labels::default(), &object) else { panic!("{words}") };
        assert_eq!(found[0].about, CustomTarget::All);
        assert!(found[0].outcome.as_ref().unwrap_err().contains(words), "{found:?}");
    }
}

#[test]
fn all_expressions_on_an_object_have_one_bound() {
    let named = |number: usize| CustomSignal {
        name: format!("signal-{number}"),
        ..signal("object.spec.items.all(i, i.name.matches('^x+$'))")
    };
    let kinds = CustomObjects::of(&(0..4).map(named).collect::<Vec<_>>()).unwrap();
    let Some(Facts::Custom(found)) = kinds[0].facts("shop", &Labels::default(), &long(60, 10).to_string()) else {
        panic!("it is looked at")
    };
    let told: Vec<bool> = found.iter().map(|finding| finding.outcome.is_ok()).collect();
    assert_eq!(told, [true, true, false, false]);
}
