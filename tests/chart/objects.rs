//! Objects that the chart creates from values.

use std::collections::BTreeSet;

use clap::Parser;
use responsibility_operator::cli::Cli;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::*;

const HOOK: &str = "helm.sh/hook";

/// Returns the objects that stay after installation: neither hooks nor tests.
fn of_release(objects: &[Value]) -> Vec<Value> {
    objects.iter().filter(|object| object["metadata"]["annotations"][HOOK].is_null()).cloned().collect()
}

#[test]
fn a_release_without_values_is_this() {
    assert_eq!(
        kinds_and_names(&of_release(&render("{}"))),
        [
            "ClusterRole responsibility-operator",
            "ClusterRole responsibility-operator-edit",
            "ClusterRole responsibility-operator-view",
            "ClusterRoleBinding responsibility-operator",
            "Deployment responsibility-operator",
            "FlowSchema responsibility-operator",
            "Lease responsibility-operator",
            "NetworkPolicy responsibility-operator",
            "PodDisruptionBudget responsibility-operator",
            "Role responsibility-operator-lease",
            "RoleBinding responsibility-operator-lease",
            "Service responsibility-operator-metrics",
            "ServiceAccount responsibility-operator",
        ]
    );
}

#[test]
fn switches_leave_nothing_but_the_operator() {
    let values = "
flowSchema: {enabled: false}
networkPolicy: {enabled: false}
podDisruptionBudget: {enabled: false}
serviceAccount: {create: false, name: mine}
rbac: {create: false, aggregatedRoles: false}
metrics: {enabled: false}
crds: {upgrade: false}
";
    let objects = render(values);
    let left =
        ["Deployment responsibility-operator", "Lease responsibility-operator", "Pod responsibility-operator-test"];
    assert_eq!(kinds_and_names(&objects), left);
    for (of, pod) in pods(&objects) {
        assert_eq!(pod["spec"]["serviceAccountName"], "mine", "{of}");
    }
    assert!(!flags(&objects).iter().any(|flag| flag.starts_with("--metrics")));
}

#[test]
fn every_object_has_the_recommended_labels_and_the_common_ones_which_cannot_undo_them() {
    let values = format!("{EVERYTHING}\nfullnameOverride: operator").replace(
        "commonLabels: {team: platform}",
        "commonLabels: {team: platform, app.kubernetes.io/name: other, app.kubernetes.io/component: other}",
    );
    let objects = render(&values);
    assert!(objects.len() > 20, "{:?}", kinds_and_names(&objects));
    for object in &objects {
        let labels = texts(&object["metadata"]["labels"]);
        let of = format!("{} {}", kind(object), name(object));
        assert_eq!(labels.get("team"), Some(&"platform"), "{of}");
        assert_eq!(labels.get("app.kubernetes.io/name"), Some(&"responsibility-operator"), "{of}");
        assert_eq!(labels.get("app.kubernetes.io/instance"), Some(&RELEASE), "{of}");
        assert_eq!(labels.get("app.kubernetes.io/version"), Some(&env!("CARGO_PKG_VERSION")), "{of}");
        assert_eq!(labels.get("app.kubernetes.io/managed-by"), Some(&"Helm"), "{of}");
        assert!(labels.get("app.kubernetes.io/component").is_some_and(|component| *component != "other"), "{of}");
        assert!(labels.contains_key("helm.sh/chart"), "{of}");
    }
}

#[test]
fn what_selects_pods_selects_those_of_the_operator_and_no_others() {
    let objects = render("podLabels: {app.kubernetes.io/component: other, mine: 'yes'}");
    let operator = one(&objects, "Deployment", RELEASE);
    let spread = &operator["spec"]["template"]["spec"]["topologySpreadConstraints"][0];
    let selectors = [
        &operator["spec"]["selector"]["matchLabels"],
        &one(&objects, "PodDisruptionBudget", RELEASE)["spec"]["selector"]["matchLabels"],
        &one(&objects, "Service", "responsibility-operator-metrics")["spec"]["selector"],
        &spread["labelSelector"]["matchLabels"],
    ];
    let policy = &one(&objects, "NetworkPolicy", RELEASE)["spec"]["podSelector"]["matchLabels"];
    let hook = &one(&objects, "NetworkPolicy", "responsibility-operator-crds")["spec"]["podSelector"]["matchLabels"];
    for (of, pod) in pods(&objects) {
        let labels = &pod["metadata"]["labels"];
        for selector in selectors {
            assert_eq!(selects(selector, labels), of.starts_with("Deployment"), "{selector} {of}");
        }
        assert!(selects(policy, labels), "{of} has no way out where a policy closes the namespace");
        assert_eq!(selects(hook, labels), of.starts_with("Job"), "{of}");
    }
    assert_eq!(operator["spec"]["template"]["metadata"]["labels"]["mine"], "yes");
}

#[rstest]
#[case::nothing("{}", &["--log-format=json", "--lease=responsibility-system/responsibility-operator", "--provider-duties=assume", "--status-writes-per-second=50", "--metrics-address=:8080"], &["--namespaces", "--exclude-namespaces", "--config", "--default-service-model", "--managed-control-plane", "--metrics-protected", "--metrics-owners", "--reports"])]
#[case::words("{defaultServiceModel: CaaS, managedControlPlane: true, providerDuties: require, log: {format: text}}", &["--default-service-model=CaaS", "--managed-control-plane", "--provider-duties=require", "--log-format=text"], &[])]
#[case::metrics("metrics: {protected: true, owners: true}", &["--metrics-protected", "--metrics-owners", "--metrics-audience=responsibility-operator"], &["--metrics-cert-dir"])]
#[case::excluded("excludeNamespaces: [kube-system, 'openshift-*']", &["--exclude-namespaces=kube-system,openshift-*"], &["--namespaces"])]
#[case::namespaces("namespaces: [shop, payments]", &["--namespaces=shop,payments"], &["--exclude-namespaces"])]
#[case::file("configuration: {nodeAgents: [a]}", &["--config=/etc/responsibility/config.yaml"], &[])]
#[case::writes("statusWritesPerSecond: 1000", &["--status-writes-per-second=1000"], &[])]
#[case::reports("reports: {enabled: true}", &["--reports"], &[])]
#[case::further("extraArgs: ['--some=thing']", &["--some=thing"], &[])]
fn values_become_flags(#[case] values: &str, #[case] there: &[&str], #[case] not_there: &[&str]) {
    let flags = flags(&render(values));
    assert_eq!(flags[0], "run");
    for flag in there {
        assert!(flags.iter().any(|given| given == flag), "{flag} is not in {flags:?}");
    }
    for flag in not_there {
        assert!(!flags.iter().any(|given| given.split('=').next() == Some(flag)), "{flag} is in {flags:?}");
    }
}

#[rstest]
#[case::nothing("{}")]
#[case::everything(EVERYTHING)]
#[case::words("{defaultServiceModel: CaaS, managedControlPlane: true, providerDuties: require, log: {format: text}}")]
#[case::excluded("excludeNamespaces: [kube-system, 'openshift-*']")]
#[case::namespaces("namespaces: [shop, payments]")]
#[case::writes("statusWritesPerSecond: 1000")]
fn the_operator_takes_the_arguments_of_every_pod(#[case] values: &str) {
    for (of, pod) in pods(&render(values)) {
        let arguments = strings(&pod["spec"]["containers"][0]["args"]);
        let parsed = Cli::try_parse_from(["responsibility-operator"].into_iter().chain(arguments));
        assert!(parsed.is_ok(), "{of}: {}", parsed.unwrap_err());
    }
}

#[test]
fn environment_has_the_name_of_the_pod_the_filter_and_what_users_add() {
    let environment = |values: &str| {
        one(&render(values), "Deployment", RELEASE)["spec"]["template"]["spec"]["containers"][0]["env"].clone()
    };
    let pod = json!({ "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } });
    assert_eq!(environment("{}"), json!([pod]));
    let more = environment("{log: {filter: debug}, extraEnv: [{name: HTTPS_PROXY, value: 'http://proxy:3128'}]}");
    let proxy = json!({ "name": "HTTPS_PROXY", "value": "http://proxy:3128" });
    assert_eq!(more, json!([pod, { "name": "RUST_LOG", "value": "debug" }, proxy]));
}

#[test]
fn configuration_is_the_file_that_is_mounted_and_a_change_of_it_replaces_the_pods() {
    let annotation = |objects: &[Value]| {
        let template = &one(objects, "Deployment", RELEASE)["spec"]["template"];
        template["metadata"]["annotations"]["checksum/configuration"].clone()
    };
    let plain = render("{}");
    assert!(annotation(&plain).is_null());
    assert!(!plain.iter().any(|object| kind(object) == "ConfigMap"));

    let (one_agent, two_agents) =
        (render("configuration: {nodeAgents: [a]}"), render("configuration: {nodeAgents: [a, b]}"));
    let map = one(&two_agents, "ConfigMap", RELEASE);
    let file: Value = serde_saphyr::from_str(map["data"]["config.yaml"].as_str().unwrap()).unwrap();
    assert_eq!(file, json!({ "nodeAgents": ["a", "b"] }));
    assert!(annotation(&one_agent).is_string());
    assert_ne!(annotation(&one_agent), annotation(&two_agents));
    let spec = &one(&two_agents, "Deployment", RELEASE)["spec"]["template"]["spec"];
    assert_eq!(spec["volumes"], json!([{ "name": "configuration", "configMap": { "name": name(map) } }]));
    let mount = json!([{ "name": "configuration", "mountPath": "/etc/responsibility", "readOnly": true }]);
    assert_eq!(spec["containers"][0]["volumeMounts"], mount);
}

#[test]
fn replicas_are_replaced_one_by_one_and_evicted_one_by_one() {
    let objects = render("{}");
    let spec = &one(&objects, "Deployment", RELEASE)["spec"];
    assert_eq!(spec["replicas"], 2);
    let rolling = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } });
    assert_eq!(spec["strategy"], rolling);
    assert_eq!(spec["template"]["spec"]["terminationGracePeriodSeconds"], 10);
    assert_eq!(one(&objects, "PodDisruptionBudget", RELEASE)["spec"]["maxUnavailable"], 1);
    // With one replica a budget would only block the drain of nodes.
    let alone = render("replicas: 1");
    assert!(!alone.iter().any(|object| kind(object) == "PodDisruptionBudget"));
    let recreated = render("updateStrategy: {type: Recreate}");
    assert_eq!(one(&recreated, "Deployment", RELEASE)["spec"]["strategy"], json!({ "type": "Recreate" }));
}

#[test]
fn the_lease_has_no_spec_and_flows_with_leader_elections() {
    let objects = render("{}");
    let lease = one(&objects, "Lease", RELEASE);
    assert_eq!((&lease["spec"], &lease["metadata"]["namespace"]), (&Value::Null, &json!(NAMESPACE)));
    let schema = &one(&objects, "FlowSchema", RELEASE)["spec"];
    assert_eq!(schema["priorityLevelConfiguration"]["name"], "leader-election");
    let precedence = schema["matchingPrecedence"].as_u64().unwrap();
    assert!((201..9000).contains(&precedence), "{precedence} is not between Kubernetes' own and all ServiceAccounts");
    let account = json!([{ "kind": "ServiceAccount", "serviceAccount": { "name": RELEASE, "namespace": NAMESPACE } }]);
    let requests = json!([{
        "verbs": ["get", "create", "update"], "apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
        "namespaces": [NAMESPACE],
    }]);
    assert_eq!(schema["rules"], json!([{ "subjects": account, "resourceRules": requests }]));
}

#[test]
fn definitions_are_brought_up_to_date_before_anything_else_and_nothing_is_left_of_it() {
    let objects = render("{}");
    let hooks: Vec<&Value> = objects
        .iter()
        .filter(|object| object["metadata"]["annotations"][HOOK].as_str().is_some_and(|hook| hook != "test"))
        .collect();
    let mut order: Vec<(i32, &str)> = Vec::new();
    for hook in &hooks {
        let annotations = texts(&hook["metadata"]["annotations"]);
        assert_eq!(annotations[HOOK], "pre-install,pre-upgrade", "{}", kind(hook));
        assert_eq!(annotations["helm.sh/hook-delete-policy"], "before-hook-creation,hook-succeeded", "{}", kind(hook));
        order.push((annotations["helm.sh/hook-weight"].parse().unwrap(), kind(hook)));
    }
    order.sort_unstable();
    let kinds: Vec<&str> = order.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, ["ClusterRole", "NetworkPolicy", "ServiceAccount", "ClusterRoleBinding", "Job"]);
    assert!(order[4].0 > order[3].0, "the rights come before the Job");

    let job = one(&objects, "Job", "responsibility-operator-crds");
    let spec = &job["spec"]["template"]["spec"];
    assert_eq!(spec["containers"][0]["args"], json!(["crds", "--apply"]));
    let account = one(&objects, "ServiceAccount", spec["serviceAccountName"].as_str().unwrap());
    let binding = one(&objects, "ClusterRoleBinding", "responsibility-operator-crds");
    assert_eq!(binding["subjects"][0]["name"], account["metadata"]["name"]);
    assert_eq!(binding["roleRef"]["name"], "responsibility-operator-crds");
    let definitions: Vec<Value> = serde_saphyr::from_multiple(&file("crds/crds.yaml")).unwrap();
    let names: Vec<&str> = definitions.iter().map(name).collect();
    let rule = |names: Value, verbs: Value| {
        let mut rule = json!({ "apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": verbs });
        if !names.is_null() {
            rule["resourceNames"] = names;
        }
        rule
    };
    let rules = json!([rule(json!(names), json!(["get", "patch"])), rule(Value::Null, json!(["create"]))]);
    assert_eq!(one(&objects, "ClusterRole", "responsibility-operator-crds")["rules"], rules);

    let without = render("crds: {upgrade: false}");
    let left: BTreeSet<&str> =
        without.iter().filter_map(|object| object["metadata"]["annotations"][HOOK].as_str()).collect();
    assert_eq!(left, BTreeSet::from(["test"]));
}

#[test]
fn helm_test_asks_as_the_operator_and_goes() {
    let objects = render("{namespaces: [shop], configuration: {nodeAgents: [a]}, metrics: {protected: true}}");
    let test = one(&objects, "Pod", "responsibility-operator-test");
    let annotations = texts(&test["metadata"]["annotations"]);
    assert_eq!(
        (annotations[HOOK], annotations["helm.sh/hook-delete-policy"]),
        ("test", "before-hook-creation,hook-succeeded")
    );
    assert_eq!(test["spec"]["serviceAccountName"], RELEASE);
    let arguments = json!([
        "doctor",
        "--lease=responsibility-system/responsibility-operator",
        "--namespaces=shop",
        "--config=/etc/responsibility/config.yaml",
        "--metrics-protected"
    ]);
    assert_eq!(test["spec"]["containers"][0]["args"], arguments);
    assert_eq!(test["spec"]["restartPolicy"], "Never");
}

#[test]
fn network_policy_lets_in_probes_and_metrics_and_lets_out_to_names_and_the_api_server() {
    let ports = |rule: &Value| -> Vec<u64> {
        rule["ports"].as_array().unwrap().iter().map(|port| port["port"].as_u64().unwrap()).collect()
    };
    let spec = |values: &str| one(&render(values), "NetworkPolicy", RELEASE)["spec"].clone();
    let open = spec("{}");
    assert_eq!(open["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(open["ingress"].as_array().unwrap().iter().map(ports).collect::<Vec<_>>(), [[8081], [8080]]);
    let labelled =
        json!([{ "namespaceSelector": { "matchLabels": { "sharedresponsibility.dev/metrics": "enabled" } } }]);
    assert_eq!(open["ingress"][1]["from"], labelled, "metrics are closed for all other namespaces");
    let nobody = spec("networkPolicy: {metricsFrom: []}");
    assert_eq!(nobody["ingress"].as_array().unwrap().iter().map(ports).collect::<Vec<_>>(), [[8081]]);
    assert_eq!(open["egress"].as_array().unwrap().iter().map(ports).collect::<Vec<_>>(), [[53, 53], [443, 6443]]);
    let from = "{apiServerPorts: [16443], metricsFrom: [{namespaceSelector: {matchLabels: {name: monitoring}}}]}";
    let closed = spec(&format!("networkPolicy: {from}"));
    assert_eq!(closed["ingress"][0]["from"], Value::Null, "the kubelet is no peer");
    assert_eq!(
        closed["ingress"][1]["from"],
        json!([{ "namespaceSelector": { "matchLabels": { "name": "monitoring" } } }])
    );
    assert_eq!(ports(&closed["egress"][1]), [16443]);
    assert_eq!(spec("metrics: {enabled: false}")["ingress"].as_array().unwrap().len(), 1);
}

#[test]
fn the_certificate_of_protected_metrics_is_mounted_in_the_operator_only() {
    let issued = "metrics: {protected: true, certificate: {certManager: {enabled: true}}}";
    let given = "metrics: {protected: true, certificate: {secretName: mine}}";
    for (values, secret) in [(issued, "responsibility-operator-metrics-tls"), (given, "mine")] {
        let objects = render(values);
        let spec = &one(&objects, "Deployment", RELEASE)["spec"]["template"]["spec"];
        let items = json!([{ "key": "tls.crt", "path": "tls.crt" }, { "key": "tls.key", "path": "tls.key" }]);
        let volume = json!([{ "name": "metrics-certificate", "secret": { "secretName": secret, "items": items } }]);
        assert_eq!(spec["volumes"], volume);
        let folder = &spec["containers"][0]["volumeMounts"][0]["mountPath"];
        let flag = format!("--metrics-cert-dir={}", folder.as_str().unwrap());
        assert!(flags(&objects).contains(&flag), "{flag}");
        for (of, pod) in pods(&objects).iter().filter(|(of, _)| !of.starts_with("Deployment")) {
            assert!(pod["spec"]["volumes"].is_null(), "{of}");
        }
    }
    let names = |values: &str| -> Vec<String> {
        let all = kinds_and_names(&render(values));
        all.into_iter().filter(|object| object.starts_with("Issuer") || object.starts_with("Certificate")).collect()
    };
    assert_eq!(
        names(issued),
        ["Certificate responsibility-operator-metrics", "Issuer responsibility-operator-metrics"]
    );
    assert_eq!(names(given), [""; 0]);
    let own_issuer = "metrics: {protected: true, certificate: {certManager: {enabled: true, issuerRef: {name: ca, kind: ClusterIssuer}}}}";
    assert_eq!(names(own_issuer), ["Certificate responsibility-operator-metrics"]);
    let objects = render(own_issuer);
    let spec = &one(&objects, "Certificate", "responsibility-operator-metrics")["spec"];
    assert_eq!(spec["issuerRef"], json!({ "name": "ca", "kind": "ClusterIssuer" }));
    assert_eq!(spec["dnsNames"][0], "responsibility-operator-metrics.responsibility-system.svc");
}

#[test]
fn a_first_assignment_comes_with_the_release() {
    let values = "clusterAssignment: {create: true, name: aws, annotations: {helm.sh/resource-policy: keep}, spec: {duties: [{layers: [control-plane], provider: aws}]}}";
    let objects = render(values);
    let assignment = one(&objects, "ClusterResponsibilityAssignment", "aws");
    assert_eq!(assignment["spec"], json!({ "duties": [{ "layers": ["control-plane"], "provider": "aws" }] }));
    assert_eq!(assignment["metadata"]["annotations"], json!({ "helm.sh/resource-policy": "keep" }));
}

#[test]
fn names_follow_the_release_and_stay_within_what_kubernetes_takes() {
    let long = "a".repeat(43);
    let objects =
        render(&format!("fullnameOverride: {long}\nmetrics: {{protected: true, dashboard: {{enabled: true}}}}"));
    for object in &objects {
        assert!(name(object).starts_with(&long) && name(object).len() <= 63, "{}", name(object));
    }
}
