//! Rejected values and their error messages.

use responsibility_operator::matrix::ServiceModel;
use rstest::rstest;
use serde_json::Value;

use crate::support::*;

#[test]
fn helm_finds_nothing_to_complain_of() {
    let mut helm = CHART.helm();
    let output = helm.args(["lint", "--strict", "--quiet"]).arg(CHART.folder()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

#[rstest]
#[case::unknown("replica: 3", &["replica"])]
#[case::unknown_deeper("metrics: {serviceMonitor: {enable: true}}", &["/metrics/serviceMonitor", "enable"])]
#[case::unknown_resource_field("resources: {request: {cpu: 1}}", &["/resources", "request"])]
#[case::nothing_can_be_replaced("updateStrategy: {rollingUpdate: {maxSurge: 0}}", &["maxSurge", "maxUnavailable"])]
#[case::no_quantity("resources: {limits: {memory: lots}}", &["/resources/limits/memory", "lots"])]
#[case::unknown_in_security_context("securityContext: {runAsRoot: true}", &["/securityContext", "runAsRoot"])]
#[case::no_number("replicas: two", &["/replicas", "integer"])]
#[case::negative("replicas: -1", &["/replicas"])]
#[case::text_for_switch("managedControlPlane: 'yes'", &["/managedControlPlane", "boolean"])]
#[case::pull_policy("image: {pullPolicy: Sometimes}", &["/image/pullPolicy", "IfNotPresent"])]
#[case::tag_with_image("image: {tag: 'operator:1'}", &["/image/tag"])]
#[case::digest("image: {digest: abc}", &["/image/digest"])]
#[case::digest_in_repository("image: {repository: 'a@sha256:1'}", &["/image/repository"])]
#[case::no_repository("image: {repository: ''}", &["/image/repository"])]
#[case::pull_secret("imagePullSecrets: [registry]", &["/imagePullSecrets/0"])]
#[case::model("defaultServiceModel: OnPrem", &["/defaultServiceModel", "OnPremises"])]
#[case::duties("providerDuties: ignore", &["/providerDuties", "require"])]
#[case::namespace("namespaces: [shop, Payments]", &["/namespaces/1", "Payments"])]
#[case::namespace_pattern("namespaces: ['shop-*']", &["/namespaces/0", "shop-*"])]
#[case::namespaces_as_text("namespaces: shop,payments", &["/namespaces", "array"])]
#[case::namespace_twice("namespaces: [shop, shop]", &["/namespaces"])]
#[case::exclude_everything("excludeNamespaces: ['*']", &["/excludeNamespaces/0"])]
#[case::exclude_by_end("excludeNamespaces: [shop-]", &["/excludeNamespaces/0", "shop-"])]
#[case::both("{namespaces: [shop], excludeNamespaces: [payments]}", &["excludeNamespaces", "namespaces"])]
#[case::assignment_unseen(
    "{namespaces: [shop], clusterAssignment: {create: true, spec: {duties: []}}}",
    &["clusterAssignment.create", "namespaces"]
)]
#[case::assignment_without_spec("clusterAssignment: {create: true}", &["/clusterAssignment/spec"])]
#[case::assignment_name("clusterAssignment: {name: The Platform}", &["/clusterAssignment/name", "The Platform"])]
#[case::no_writes("statusWritesPerSecond: 0", &["/statusWritesPerSecond", "minimum"])]
#[case::too_many_writes("statusWritesPerSecond: 1001", &["/statusWritesPerSecond", "maximum"])]
#[case::half_a_write("statusWritesPerSecond: 0.5", &["/statusWritesPerSecond", "integer"])]
#[case::reports_as_switch("reports: true", &["/reports", "object"])]
#[case::reports_as_text("reports: {enabled: 'yes'}", &["/reports/enabled", "boolean"])]
#[case::log_format("log: {format: xml}", &["/log/format", "json"])]
#[case::configuration("configuration: {nodeAgent: [a]}", &["/configuration", "nodeAgent"])]
#[case::kind_without_template(
    "configuration: {workloadKinds: [{group: a.io, version: v1, kind: A, plural: as}]}",
    &["/configuration/workloadKinds/0", "template"]
)]
#[case::template_outside_of_spec(
    "configuration: {workloadKinds: [{group: a.io, version: v1, kind: A, plural: as, template: template}]}",
    &["/configuration/workloadKinds/0/template"]
)]
#[case::plural(
    "configuration: {workloadKinds: [{group: a.io, version: v1, kind: A, plural: As, template: spec.template}]}",
    &["/configuration/workloadKinds/0/plural", "As"]
)]
#[case::any_group(
    "configuration: {workloadKinds: [{group: '*', version: v1, kind: A, plural: as, template: spec.template}]}",
    &["/configuration/workloadKinds/0/group"]
)]
#[case::any_plural(
    "configuration: {workloadKinds: [{group: a.io, version: v1, kind: A, plural: '*', template: spec.template}]}",
    &["/configuration/workloadKinds/0/plural"]
)]
#[case::custom_signal(
    "configuration: {customSignals: [{name: a, group: a.io, version: v1, kind: A, plural: as, layer: node-os, duty: Everyone, rules: [{path: a, exists: true}]}]}",
    &["/configuration/customSignals/0/duty", "Customer"]
)]
#[case::custom_signal_of_any_kind(
    "configuration: {customSignals: [{name: a, group: a.io, version: v1, kind: A, plural: '*', layer: node-os, duty: Customer, rules: [{path: a, exists: true}]}]}",
    &["/configuration/customSignals/0/plural"]
)]
#[case::custom_signal_without_rules(
    "configuration: {customSignals: [{name: a, group: a.io, version: v1, kind: A, plural: as, layer: node-os, duty: Customer, rules: []}]}",
    &["/configuration/customSignals/0/rules"]
)]
#[case::custom_signal_with_another_operator(
    "configuration: {customSignals: [{name: a, group: a.io, version: v1, kind: A, plural: as, layer: node-os, duty: Customer, rules: [{path: a, matches: b}]}]}",
    &["/configuration/customSignals/0/rules/0", "matches"]
)]
#[case::custom_signal_with_two_operators(
    "configuration: {customSignals: [{name: a, group: a.io, version: v1, kind: A, plural: as, layer: node-os, duty: Customer, rules: [{path: a, equals: b, exists: true}]}]}",
    &["/configuration/customSignals/0/rules/0"]
)]
#[case::custom_signal_with_an_odd_age(
    "configuration: {customSignals: [{name: a, group: a.io, version: v1, kind: A, plural: as, layer: node-os, duty: Customer, rules: [{path: a, newerThan: 3w}]}]}",
    &["/configuration/customSignals/0/rules/0/newerThan", "3w"]
)]
#[case::node_model("configuration: {nodeModels: [{label: a, model: Metal}]}", &["/configuration/nodeModels/0/model"])]
#[case::rule_asks_nothing("configuration: {nodeModels: [{model: CaaS}]}", &["/configuration/nodeModels/0", "labelPrefix"])]
#[case::node_agent("configuration: {nodeAgents: [Not One]}", &["/configuration/nodeAgents/0"])]
#[case::extra_args("extraArgs: --log-format=text", &["/extraArgs", "array"])]
#[case::extra_env("extraEnv: [{value: a}]", &["/extraEnv/0", "name"])]
#[case::label_is_no_text("commonLabels: {version: 2}", &["/commonLabels/version", "string"])]
#[case::annotation_is_no_text("podAnnotations: {scrape: true}", &["/podAnnotations/scrape", "string"])]
#[case::spread("topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone}]", &["/topologySpreadConstraints/0", "whenUnsatisfiable"])]
#[case::affinity("affinity: {nodeAfinity: {}}", &["/affinity", "nodeAfinity"])]
#[case::strategy("updateStrategy: {type: OnDelete}", &["/updateStrategy/type", "Recreate"])]
#[case::budget("podDisruptionBudget: {maxUnavailable: half}", &["/podDisruptionBudget/maxUnavailable"])]
#[case::port("networkPolicy: {apiServerPorts: [70000]}", &["/networkPolicy/apiServerPorts/0"])]
#[case::no_port("networkPolicy: {apiServerPorts: []}", &["/networkPolicy/apiServerPorts"])]
#[case::peer("networkPolicy: {metricsFrom: [{namespace: monitoring}]}", &["/networkPolicy/metricsFrom/0", "namespace"])]
#[case::interval("metrics: {serviceMonitor: {interval: often}}", &["/metrics/serviceMonitor/interval", "often"])]
#[case::half_a_secret("metrics: {serviceMonitor: {tokenSecret: {name: token}}}", &["/metrics/serviceMonitor/tokenSecret", "key"])]
#[case::monitor_of_an_unverified_server(
    "metrics: {protected: true, serviceMonitor: {enabled: true, tokenFile: /token}}",
    &["metrics.serviceMonitor.enabled", "metrics.certificate.certManager.enabled"]
)]
#[case::monitor_without_token(
    "metrics: {protected: true, certificate: {secretName: a}, serviceMonitor: {enabled: true}}",
    &["metrics.serviceMonitor", "tokenSecret", "tokenFile"]
)]
#[case::monitor_with_two_tokens(
    "metrics: {protected: true, certificate: {secretName: a}, serviceMonitor: {enabled: true, tokenFile: /a, tokenSecret: {name: a, key: a}}}",
    &["metrics.serviceMonitor", "tokenSecret", "tokenFile"]
)]
#[case::certificate_of_open_metrics("metrics: {certificate: {secretName: a}}", &["metrics.certificate", "metrics.protected"])]
#[case::audience("metrics: {audience: ''}", &["/metrics/audience"])]
#[case::token_file("metrics: {serviceMonitor: {tokenFile: token}}", &["/metrics/serviceMonitor/tokenFile"])]
#[case::issuer_without_name("metrics: {certificate: {certManager: {issuerRef: {kind: Issuer}}}}", &["/metrics/certificate/certManager/issuerRef", "name"])]
#[case::gaps_for("metrics: {prometheusRule: {gapsFor: a day}}", &["/metrics/prometheusRule/gapsFor", "a day"])]
#[case::runbook("metrics: {prometheusRule: {runbookURL: docs}}", &["/metrics/prometheusRule/runbookURL"])]
#[case::monitor_of_nothing("metrics: {enabled: false, serviceMonitor: {enabled: true}}", &["metrics.serviceMonitor.enabled"])]
#[case::rules_of_nothing("metrics: {enabled: false, prometheusRule: {enabled: true}}", &["metrics.prometheusRule.enabled"])]
#[case::dashboard_of_nothing("metrics: {enabled: false, dashboard: {enabled: true}}", &["metrics.dashboard.enabled"])]
fn a_wrong_value_is_refused_by_its_name(#[case] values: &str, #[case] words: &[&str]) {
    let refusal = try_render(values).expect_err("it was taken");
    for word in words {
        assert!(refusal.contains(word), "{word} is not in: {refusal}");
    }
}

#[rstest]
#[case::nothing("{}")]
#[case::everything(EVERYTHING)]
#[case::what_parent_charts_give("global: {imageRegistry: registry.example}")]
#[case::hundred_percent("podDisruptionBudget: {maxUnavailable: 50%}")]
#[case::quantities("resources: {limits: {cpu: 1, memory: 1Gi, ephemeral-storage: 10Mi}}")]
#[case::openshift("podSecurityContext: {runAsUser: null, runAsGroup: null}")]
#[case::as_part_of_another_chart("{enabled: true, tags: {security: true}, global: {a: 1}}")]
#[case::large_quantity("resources: {requests: {ephemeral-storage: 1Ei}}")]
#[case::no_replicas("replicas: 0")]
#[case::nothing_to_spread("topologySpreadConstraints: []")]
#[case::one_letter("{namespaces: [a], nameOverride: b, fullnameOverride: c}")]
#[case::recreate("updateStrategy: {type: Recreate}")]
#[case::fewest_writes("statusWritesPerSecond: 1")]
#[case::most_writes("statusWritesPerSecond: 1000")]
#[case::rules_for_nodes(
    "configuration: {nodeModels: [{providerID: '', model: OnPremises}, {controlPlaneVisible: true, model: IaaS}]}"
)]
fn a_right_value_is_taken(#[case] values: &str) {
    let objects = render(values);
    one(&objects, "Deployment", if values.contains("fullnameOverride") { "c" } else { RELEASE });
}

/// Returns the paths of the fields that a schema names, except below objects that allow any field.
fn named_by_schema(schema: &Value, path: &str, found: &mut Vec<String>) {
    let Some(fields) = schema["properties"].as_object() else {
        found.push(path.to_owned());
        return;
    };
    for (field, below) in fields {
        named_by_schema(below, &format!("{path}.{field}"), found);
    }
}

#[test]
fn schema_and_values_name_the_same_fields() {
    let schema: Value = serde_json::from_str(&file("charts/responsibility-operator/values.schema.json")).unwrap();
    let values = yaml("charts/responsibility-operator/values.yaml");
    let mut named = Vec::new();
    named_by_schema(&schema, "", &mut named);
    // Fields for users or parent charts, without defaults in values.yaml.
    let open = [
        "global",
        "enabled",
        "tags",
        "configuration",
        "affinity",
        "podSecurityContext",
        "securityContext",
        "metrics.serviceMonitor.tokenSecret",
        "metrics.certificate.certManager.issuerRef",
    ];
    named.retain(|path| !open.iter().any(|open| path[1..].starts_with(open)));
    assert!(named.len() > 50, "{named:?}");
    for path in &named {
        let pointer = path.replace('.', "/");
        assert!(values.pointer(&pointer).is_some(), "values.yaml does not have {path}");
    }
    let readme = file("charts/responsibility-operator/README.md");
    for path in named.iter().filter(|path| !path.contains(".rollingUpdate") && *path != ".updateStrategy.type") {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{}` |", &path[1..])));
        let meaning = row.and_then(|row| row.split(" | ").nth(2)).unwrap_or_default();
        assert!(meaning.trim_end_matches([' ', '|']).len() > 5, "{path} is not explained in values.yaml: {row:?}");
    }
}

#[test]
fn nothing_can_be_misspelt_anywhere() {
    fn closed(schema: &Value, path: &str) {
        let Some(fields) = schema["properties"].as_object() else { return };
        let is_open = path.contains("/topologySpreadConstraints") || path.ends_with("/then") || path.ends_with("/if");
        assert!(is_open || schema["additionalProperties"] == false, "{path} takes any field");
        for (field, below) in fields {
            closed(below, &format!("{path}/{field}"));
            closed(&below["items"], &format!("{path}/{field}/items"));
        }
    }
    let schema: Value = serde_json::from_str(&file("charts/responsibility-operator/values.schema.json")).unwrap();
    assert!(schema["properties"]["metrics"]["properties"].is_object());
    closed(&schema, "");
}

#[test]
fn service_models_are_those_of_the_operator() {
    let schema: Value = serde_json::from_str(&file("charts/responsibility-operator/values.schema.json")).unwrap();
    let models: Vec<Value> = ServiceModel::ALL.iter().map(|model| serde_json::to_value(model).unwrap()).collect();
    assert_eq!(schema.pointer("/properties/defaultServiceModel/enum").unwrap().as_array().unwrap()[1..], models);
    let of_nodes = "/properties/configuration/properties/nodeModels/items/properties/model/enum";
    assert_eq!(*schema.pointer(of_nodes).unwrap().as_array().unwrap(), models);
}
