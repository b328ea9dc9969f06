use rstest::rstest;

use super::*;

fn kind(plural: &str, role: KindRole) -> WatchedKind {
    WatchedKind::new("", plural, role, None)
}

fn services() -> WatchedKind {
    kind("services", KindRole::Additional)
}

fn assignments() -> WatchedKind {
    WatchedKind::new("sharedresponsibility.dev", "responsibilityassignments", KindRole::Assignments, None)
}

/// Returns the completeness while one kind cannot be read.
fn without(kind: WatchedKind, problem: Problem) -> Completeness {
    let mut coverage = Coverage::new([kind.clone()]);
    coverage.set_unreadable(kind, problem);
    coverage.completeness(None, true, true)
}

#[test]
fn nothing_is_settled_before_every_kind_was_read_or_refused() {
    let [deployments, services] = [kind("deployments", KindRole::Essential), services()];
    let mut coverage = Coverage::new([deployments.clone(), services.clone()]);
    assert!(!coverage.is_settled());
    assert!(coverage.set_synced(deployments.clone()));
    assert!(!coverage.set_synced(deployments));
    assert!(!coverage.is_settled());
    assert!(coverage.set_unreadable(services.clone(), Problem::Forbidden));
    assert!(!coverage.set_unreadable(services.clone(), Problem::Forbidden));
    assert!(coverage.is_settled() && !coverage.is_complete());
    assert!(coverage.set_unreadable(services, Problem::Failing), "for another reason");
}

#[test]
fn a_kind_that_is_served_no_more_is_waited_for_no_more_and_one_that_appears_unsettles_nothing() {
    let routes = kind("httproutes", KindRole::Optional);
    let mut coverage = Coverage::new([routes.clone(), services()]);
    coverage.set_synced(services());
    assert!(!coverage.is_settled());
    assert!(coverage.remove(&routes));
    assert!(!coverage.remove(&routes));
    assert!(coverage.is_settled() && coverage.is_complete());
    coverage.set_unreadable(routes.clone(), Problem::Forbidden);
    assert!(coverage.is_settled() && !coverage.is_complete());
    coverage.remove(&routes);
    assert!(coverage.is_complete());
}

#[test]
fn a_kind_that_comes_back_is_complete_again() {
    let mut coverage = Coverage::new([services()]);
    coverage.set_unreadable(services(), Problem::Forbidden);
    assert!(!coverage.completeness(None, false, false).is_complete());
    coverage.set_synced(services());
    assert!(coverage.completeness(None, false, false).is_complete() && coverage.is_complete());
}

#[rstest]
#[case::workloads(KindRole::Essential, [true; 3], false)]
#[case::configured_workloads(KindRole::Configured, [true; 3], false)]
#[case::assignments(KindRole::Assignments, [true; 3], false)]
#[case::service_models(KindRole::ServiceModels, [false, false, true], false)]
#[case::nodes(KindRole::Nodes, [false, true, false], false)]
#[case::services(KindRole::Additional, [false; 3], true)]
#[case::routes(KindRole::Optional, [false; 3], true)]
#[case::network_policies(KindRole::Policies, [false; 3], false)]
fn what_cannot_be_said_depends_on_what_cannot_be_read(
    #[case] role: KindRole,
    #[case] essential_otherwise_from_nodes_with_own_model: [bool; 3],
    #[case] additional: bool,
) {
    let mut coverage = Coverage::new([]);
    coverage.set_unreadable(kind("things", role), Problem::Forbidden);
    let circumstances = [(false, false), (true, false), (false, true)];
    for (circumstances, essential) in circumstances.into_iter().zip(essential_otherwise_from_nodes_with_own_model) {
        let completeness = coverage.completeness(None, circumstances.0, circumstances.1);
        assert_eq!(!completeness.essential.is_empty(), essential, "{circumstances:?}");
        assert_eq!(!completeness.additional.is_empty(), additional, "{circumstances:?}");
    }
}

#[test]
fn unreadable_network_policies_are_told_apart_from_the_rest() {
    let mut coverage = Coverage::new([kind("networkpolicies", KindRole::Policies), assignments()]);
    assert!(!coverage.is_policies_readable(), "not read yet");
    coverage.set_synced(kind("networkpolicies", KindRole::Policies));
    coverage.set_synced(assignments());
    coverage.set_unreadable(services(), Problem::Forbidden);
    assert!(coverage.is_policies_readable());
    coverage.set_unreadable(kind("networkpolicies", KindRole::Policies), Problem::Failing);
    coverage.set_unreadable(kind("servicemodels", KindRole::ServiceModels), Problem::NotServed);
    assert!(!coverage.is_policies_readable());
}

#[test]
fn what_cannot_be_read_is_named_with_the_verbs_and_what_to_run() {
    let refused = &without(services(), Problem::Forbidden).additional[0];
    assert!(refused.contains("list and watch services; grant these verbs"), "{refused}");
    assert!(refused.ends_with("or kubectl apply -f deploy/operator.yaml if that installed it"), "{refused}");
    let missing = &without(assignments(), Problem::NotServed).essential[0];
    assert!(missing.contains("does not serve responsibilityassignments.sharedresponsibility.dev;"), "{missing}");
    assert!(missing.contains("responsibility-operator crds | kubectl apply"), "{missing}");
}

#[test]
fn the_remedy_is_one_that_helps() {
    let in_namespace = WatchedKind::new("", "services", KindRole::Additional, Some("shop".into()));
    let sentence = &without(in_namespace, Problem::Forbidden).additional[0];
    assert!(sentence.contains("services in namespace shop;") && sentence.contains("a Role and a RoleBinding"));
    assert!(!sentence.contains("deploy/operator.yaml"), "it grants cluster-wide: {sentence}");
    let rollouts = WatchedKind::new("argoproj.io", "rollouts", KindRole::Configured, None);
    let sentence = &without(rollouts.clone(), Problem::Forbidden).essential[0];
    assert!(sentence.contains("rollouts.argoproj.io;") && sentence.contains("workloadKinds"), "{sentence}");
    assert!(!sentence.contains("deploy/operator.yaml"), "it does not name that kind: {sentence}");
    let sentence = &without(rollouts, Problem::Misconfigured).essential[0];
    assert!(sentence.contains("correct workloadKinds in the configuration file"), "{sentence}");
}

#[test]
fn a_hundred_namespaces_that_may_not_be_read_are_one_sentence() {
    let mut coverage = Coverage::new([]);
    for number in 0..100 {
        for plural in ["deployments", "statefulsets", "services"] {
            let namespace = Some(format!("team-{number:02}").into());
            let role = if plural == "services" { KindRole::Additional } else { KindRole::Essential };
            coverage.set_unreadable(WatchedKind::new("", plural, role, namespace), Problem::Forbidden);
        }
    }
    let Completeness { essential, additional, .. } = coverage.completeness(None, true, true);
    assert_eq!((essential.len(), additional.len()), (1, 1));
    assert!(essential[0].contains("deployments in namespace team-00, "), "{}", essential[0]);
    assert!(essential[0].contains(" and 197 more; grant"), "{}", essential[0]);
    assert!(essential[0].len() < 512);
}

#[test]
fn what_is_missing_in_one_namespace_is_nothing_to_another() {
    let deployments =
        |namespace: &str| WatchedKind::new("apps", "deployments", KindRole::Essential, Some(namespace.into()));
    let mut coverage = Coverage::new([deployments("a"), deployments("b")]);
    coverage.set_synced(deployments("b"));
    coverage.set_unreadable(deployments("a"), Problem::Forbidden);
    assert!(coverage.completeness(Some("b"), true, true).is_complete());
    assert!(!coverage.completeness(Some("a"), true, true).is_complete());
    assert!(
        !coverage.completeness(None, true, true).is_complete(),
        "a cluster assignment can select workloads of both"
    );
}

#[test]
fn what_is_not_looked_at_by_choice_is_said_and_is_no_problem() {
    let namespaces = ["a", "b", "c", "d"].map(str::to_owned);
    let completeness = Coverage::new([]).limited_to(&namespaces).completeness(None, true, true);
    assert!(completeness.is_complete());
    let sentence = completeness.namespaced_scope.unwrap();
    assert!(
        sentence.starts_with("only the 4 namespace(s) of") && sentence.contains("ServiceModels are not"),
        "{sentence}"
    );
}
