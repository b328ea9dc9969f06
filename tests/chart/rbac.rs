//! Permissions that the chart grants.

use responsibility_operator::controller::{KindSpec, spec_of};
use responsibility_operator::facts::FactKind;
use responsibility_operator::signals::{SIGNALS, Signal, SignalSetting, SignalSettings};
use serde_json::{Value, json};

use crate::support::*;

/// Resources that the chart grants only for the whole cluster.
const CLUSTER_RESOURCES: [&str; 9] = [
    "clusterrolebindings.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "storageclasses.storage.k8s.io",
    "namespaces",
    "nodes",
    "clusterresponsibilityassignments.sharedresponsibility.dev",
    "clusterresponsibilityassignments/status.sharedresponsibility.dev",
    "servicemodels.sharedresponsibility.dev",
    "servicemodels/status.sharedresponsibility.dev",
];

/// Returns all roles that are bound to a ServiceAccount: kind and name.
fn bound_to(objects: &[Value], account: &str) -> Vec<String> {
    let bindings = objects.iter().filter(|object| kind(object).ends_with("RoleBinding"));
    let of_account = bindings
        .filter(|binding| binding["subjects"].as_array().unwrap().iter().any(|subject| subject["name"] == account));
    let mut roles: Vec<String> = of_account
        .map(|binding| {
            let namespace =
                binding["metadata"]["namespace"].as_str().map_or_else(String::new, |name| format!(" in {name}"));
            let role = &binding["roleRef"];
            format!("{} {}{namespace}", role["kind"].as_str().unwrap(), role["name"].as_str().unwrap())
        })
        .collect();
    roles.sort();
    roles
}

#[test]
fn the_operator_reads_no_secrets_and_writes_statuses_events_and_where_it_is_told_to_reports_only() {
    let objects = render(EVERYTHING);
    let granted = grants(one(&objects, "ClusterRole", RELEASE));
    for (resource, verbs) in &granted {
        let expected = match resource.as_str() {
            resource if resource.contains("/status.") => vec!["patch"],
            "events.events.k8s.io" => vec!["create"],
            "reports.openreports.io" => vec!["list", "watch", "create", "patch", "delete"],
            _ => vec!["list", "watch"],
        };
        assert_eq!(*verbs, expected, "{resource}");
        assert!(!resource.contains('*') && resource != "secrets", "{resource}");
    }
    assert!(granted.contains_key("deployments.apps") && granted.contains_key("pods"));
    for resource in CLUSTER_RESOURCES {
        assert!(granted.contains_key(resource), "{resource}");
    }
    let lease = one(&objects, "Role", "responsibility-operator-lease");
    assert_eq!(lease["metadata"]["namespace"], NAMESPACE);
    let group = json!(["coordination.k8s.io"]);
    let rules = json!([
        { "apiGroups": group, "resources": ["leases"], "resourceNames": [RELEASE], "verbs": ["get", "update"] },
        { "apiGroups": group, "resources": ["leases"], "verbs": ["create"] },
    ]);
    assert_eq!(lease["rules"], rules);
    let bound = bound_to(&render("{}"), RELEASE);
    assert_eq!(
        bound,
        ["ClusterRole responsibility-operator", "Role responsibility-operator-lease in responsibility-system"]
    );
}

#[test]
fn the_table_of_permissions_in_operations_names_every_resource_that_the_chart_grants() {
    let document = file("docs/operations.md");
    let (_, section) = document.split_once("\n## Permissions\n").unwrap();
    let (table, _) = section.split_once("\n### ").unwrap();
    let named: Vec<&str> = table.split([' ', ',', ';', '|']).collect();
    for resource in grants(one(&render("reports: {enabled: true}"), "ClusterRole", RELEASE)).into_keys() {
        let plural = resource.split('.').next().unwrap();
        assert!(named.contains(&plural), "{resource} is not in the table");
    }
}

#[test]
fn with_namespaces_there_is_a_role_in_each_and_no_right_beyond_them() {
    let values = "
namespaces: [shop, payments]
crds: {upgrade: false}
flowSchema: {enabled: false}
rbac: {aggregatedRoles: false}
configuration: {workloadKinds: [{group: argoproj.io, version: v1alpha1, kind: Rollout, plural: rollouts, template: spec.template}]}
";
    let objects = render(values);
    for object in &objects {
        assert!(
            object["metadata"]["namespace"].is_string(),
            "{} {} is for the whole cluster",
            kind(object),
            name(object)
        );
    }
    let expected = [
        "Role responsibility-operator in payments",
        "Role responsibility-operator in shop",
        "Role responsibility-operator-lease in responsibility-system",
    ];
    assert_eq!(bound_to(&objects, RELEASE), expected);
    let mut everywhere = grants(one(&render("{}"), "ClusterRole", RELEASE));
    // Signals need these only together with cluster-scoped objects.
    let without_cluster =
        ["persistentvolumeclaims", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"];
    everywhere.retain(|resource, _| {
        !CLUSTER_RESOURCES.contains(&resource.as_str()) && !without_cluster.contains(&resource.as_str())
    });
    everywhere.insert("rollouts.argoproj.io".to_owned(), vec!["list".to_owned(), "watch".to_owned()]);
    for namespace in ["shop", "payments"] {
        let of_namespace = |object: &&Value| {
            kind(object) == "Role" && name(object) == RELEASE && object["metadata"]["namespace"] == namespace
        };
        assert_eq!(grants(objects.iter().find(of_namespace).unwrap()), everywhere, "{namespace}");
    }
}

#[test]
fn configured_kinds_are_granted() {
    let kinds = "
configuration:
  workloadKinds:
  - {group: argoproj.io, version: v1alpha1, kind: Rollout, plural: rollouts, template: spec.template}
  - {group: serving.knative.dev, version: v1, kind: Service, plural: services, template: spec.template}
";
    let mut expected = grants(one(&render("{}"), "ClusterRole", RELEASE));
    for resource in ["rollouts.argoproj.io", "services.serving.knative.dev"] {
        expected.insert(resource.to_owned(), vec!["list".to_owned(), "watch".to_owned()]);
    }
    assert_eq!(grants(one(&render(kinds), "ClusterRole", RELEASE)), expected);
}

#[test]
fn the_kinds_of_custom_signals_are_granted_once_where_they_lie() {
    let signal = |name: &str, plural: &str, scope: &str| {
        format!(
            "  - {{name: {name}, group: example.com, version: v1, kind: Kind, plural: {plural}, scope: {scope}, layer: node-os, \
             duty: Customer, rules: [{{path: spec, exists: true}}]}}\n"
        )
    };
    let values = format!(
        "configuration:\n  customSignals:\n{}{}{}",
        signal("a", "plans", "Namespaced"),
        signal("b", "plans", "Namespaced"),
        signal("c", "sites", "Cluster")
    );
    let read = || vec!["list".to_owned(), "watch".to_owned()];
    let mut expected = grants(one(&render("{}"), "ClusterRole", RELEASE));
    expected.extend(["plans.example.com", "sites.example.com"].map(|resource| (resource.to_owned(), read())));
    assert_eq!(grants(one(&render(&values), "ClusterRole", RELEASE)), expected);

    let objects = render(&format!("namespaces: [shop]\n{values}"));
    let of_shop = |object: &&Value| kind(object) == "Role" && object["metadata"]["namespace"] == "shop";
    let granted = grants(objects.iter().find(of_shop).unwrap());
    assert_eq!(granted.get("plans.example.com"), Some(&read()));
    assert_eq!(granted.get("sites.example.com"), None, "it lies in no namespace");
}

/// Returns the kinds that only these enabled signals read, named as in permissions.
fn read_by(enabled: &[&str]) -> Vec<String> {
    let setting = |signal: &&Signal| {
        let enabled = Some(enabled.contains(&signal.id));
        (signal.id.to_owned(), SignalSetting { enabled, threshold: None })
    };
    let settings = SignalSettings::new(SIGNALS.iter().map(setting).collect()).unwrap();
    let resource = |kind: FactKind| match spec_of(kind).expect("these are built in") {
        KindSpec { group: "", plural, .. } => (*plural).to_owned(),
        KindSpec { group, plural, .. } => format!("{plural}.{group}"),
    };
    let mut read: Vec<String> = settings.kinds().into_iter().map(resource).collect();
    read.sort();
    read
}

#[test]
fn nothing_is_granted_that_no_enabled_signal_reads() {
    let granted = |enabled: &[&str]| {
        let settings =
            SIGNALS.iter().map(|signal| format!("{}: {{enabled: {}}}", signal.id, enabled.contains(&signal.id)));
        let values = format!("configuration: {{signals: {{{}}}}}", settings.collect::<Vec<_>>().join(", "));
        grants(one(&render(&values), "ClusterRole", RELEASE))
    };
    let without = granted(&[]);
    let beyond = |enabled: &[&str]| -> Vec<String> {
        granted(enabled).into_keys().filter(|resource| !without.contains_key(resource)).collect()
    };
    assert_eq!(read_by(&[]), [""; 0]);
    for signal in SIGNALS {
        assert_eq!(beyond(&[signal.id]), read_by(&[signal.id]), "{}", signal.id);
    }
    let all: Vec<&str> = SIGNALS.iter().map(|signal| signal.id).collect();
    assert_eq!(beyond(&all), read_by(&all));
    assert_eq!(grants(one(&render("{}"), "ClusterRole", RELEASE)), granted(&all), "all are enabled unless it is said");
}

#[test]
fn reports_are_written_where_they_are_wanted_only_whether_a_signal_reads_those_of_others_or_not() {
    let granted = |values: &str| grants(one(&render(values), "ClusterRole", RELEASE)).remove("reports.openreports.io");
    let verbs = |verbs: &[&str]| Some(verbs.iter().map(|verb| (*verb).to_owned()).collect::<Vec<_>>());
    let without_signal = "configuration: {signals: {policy-report: {enabled: false}}}";
    let all = ["list", "watch", "create", "patch", "delete"];
    assert_eq!(granted("{}"), verbs(&["list", "watch"]));
    assert_eq!(granted(without_signal), None);
    assert_eq!(granted("reports: {enabled: true}"), verbs(&all));
    assert_eq!(granted(&format!("{without_signal}\nreports: {{enabled: true}}")), verbs(&all));
    let every = grants(one(&render("{}"), "ClusterRole", RELEASE));
    assert!(every.values().flatten().all(|verb| verb != "delete"), "{every:?}");
}

#[test]
fn the_chart_knows_every_signal_and_no_other() {
    for signal in SIGNALS {
        render(&format!("configuration: {{signals: {{{}: {{enabled: true}}}}}}", signal.id));
    }
    let refusal = try_render("configuration: {signals: {node-ages: {enabled: true}}}").unwrap_err();
    assert!(refusal.contains("node-ages"), "{refusal}");
}

#[test]
fn rights_for_protected_metrics_are_there_only_when_they_are_protected() {
    let names = ["responsibility-operator-metrics-auth", "responsibility-operator-metrics-reader"];
    let open = render("{}");
    assert!(!open.iter().any(|object| names.contains(&name(object))));

    let objects = render("metrics: {protected: true}");
    let granted = grants(one(&objects, "ClusterRole", names[0]));
    let asked = ["subjectaccessreviews.authorization.k8s.io", "tokenreviews.authentication.k8s.io"];
    assert_eq!(granted.keys().collect::<Vec<_>>(), asked);
    assert!(granted.values().all(|verbs| *verbs == ["create"]));
    assert!(bound_to(&objects, RELEASE).contains(&format!("ClusterRole {}", names[0])));
    let reader = one(&objects, "ClusterRole", names[1]);
    assert_eq!(reader["rules"], json!([{ "nonResourceURLs": ["/metrics"], "verbs": ["get"] }]));
    let bound = objects.iter().any(|object| object["roleRef"]["name"] == names[1]);
    assert!(!bound, "who scrapes is for the administrator to say");
}

#[test]
fn users_edit_specs_and_never_statuses() {
    let objects = render("{}");
    let view = one(&objects, "ClusterRole", "responsibility-operator-view");
    let edit = one(&objects, "ClusterRole", "responsibility-operator-edit");
    let aggregated = |role: &Value| -> Vec<String> {
        let labels = texts(&role["metadata"]["labels"]);
        let to = labels.iter().filter_map(|(label, value)| {
            let role = label.strip_prefix("rbac.authorization.k8s.io/aggregate-to-")?;
            (*value == "true").then(|| role.to_owned())
        });
        to.collect()
    };
    assert_eq!(aggregated(view), ["view"]);
    assert_eq!(aggregated(edit), ["admin", "edit"]);
    assert!(grants(view).values().all(|verbs| *verbs == ["get", "list", "watch"]));
    let edited = grants(edit);
    assert_eq!(edited.keys().collect::<Vec<_>>(), ["responsibilityassignments.sharedresponsibility.dev"]);
    assert!(grants(view).keys().chain(edited.keys()).all(|resource| !resource.contains("/status")));
}

#[test]
fn tokens_are_mounted_where_a_pod_says_so_only() {
    let objects = render(EVERYTHING);
    let accounts: Vec<&Value> = objects.iter().filter(|object| kind(object) == "ServiceAccount").collect();
    assert_eq!(accounts.len(), 2);
    for account in accounts {
        assert_eq!(account["automountServiceAccountToken"], false, "{}", name(account));
    }
    for (of, pod) in pods(&objects) {
        assert_eq!(pod["spec"]["automountServiceAccountToken"], true, "{of}");
    }
}
