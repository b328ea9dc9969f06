use rstest::rstest;

use super::*;

fn source(plural: &str, role: SourceRole) -> Source {
    Source::new("", plural, role, None)
}

fn services() -> Source {
    source("services", SourceRole::Additional)
}

fn assignments() -> Source {
    Source::new("sharedresponsibility.dev", "responsibilityassignments", SourceRole::Assignments, None)
}

/// What is said while one kind cannot be read.
fn without(source: Source, problem: Problem) -> Completeness {
    let mut sources = Sources::new([source.clone()]);
    sources.unreadable(source, problem);
    sources.completeness(None, true, true)
}

#[test]
fn nothing_is_settled_before_every_kind_was_read_or_refused() {
    let [deployments, services] = [source("deployments", SourceRole::Essential), services()];
    let mut sources = Sources::new([deployments.clone(), services.clone()]);
    assert!(!sources.settled());
    assert!(sources.synced(deployments.clone()));
    assert!(!sources.synced(deployments));
    assert!(!sources.settled());
    assert!(sources.unreadable(services.clone(), Problem::Forbidden));
    assert!(!sources.unreadable(services.clone(), Problem::Forbidden));
    assert!(sources.settled() && !sources.is_complete());
    assert!(sources.unreadable(services, Problem::Failing), "for another reason");
}

#[test]
fn a_kind_that_is_served_no_more_is_waited_for_no_more_and_one_that_appears_unsettles_nothing() {
    let routes = source("httproutes", SourceRole::Optional);
    let mut sources = Sources::new([routes.clone(), services()]);
    sources.synced(services());
    assert!(!sources.settled());
    assert!(sources.gone(&routes));
    assert!(!sources.gone(&routes));
    assert!(sources.settled() && sources.is_complete());
    sources.unreadable(routes.clone(), Problem::Forbidden);
    assert!(sources.settled() && !sources.is_complete());
    sources.gone(&routes);
    assert!(sources.is_complete());
}

#[test]
fn a_kind_that_comes_back_is_complete_again() {
    let mut sources = Sources::new([services()]);
    sources.unreadable(services(), Problem::Forbidden);
    assert!(!sources.completeness(None, false, false).is_complete());
    sources.synced(services());
    assert!(sources.completeness(None, false, false).is_complete() && sources.is_complete());
}

#[rstest]
#[case::workloads(SourceRole::Essential, [true; 3], false)]
#[case::configured_workloads(SourceRole::Configured, [true; 3], false)]
#[case::assignments(SourceRole::Assignments, [true; 3], false)]
#[case::service_models(SourceRole::ServiceModels, [false, false, true], false)]
#[case::nodes(SourceRole::Nodes, [false, true, false], false)]
#[case::services(SourceRole::Additional, [false; 3], true)]
#[case::routes(SourceRole::Optional, [false; 3], true)]
#[case::network_policies(SourceRole::Policies, [false; 3], false)]
fn what_cannot_be_said_depends_on_what_cannot_be_read(
    #[case] role: SourceRole,
    #[case] essential_otherwise_from_nodes_with_own_model: [bool; 3],
    #[case] additional: bool,
) {
    let mut sources = Sources::new([]);
    sources.unreadable(source("things", role), Problem::Forbidden);
    let circumstances = [(false, false), (true, false), (false, true)];
    for (circumstances, essential) in circumstances.into_iter().zip(essential_otherwise_from_nodes_with_own_model) {
        let completeness = sources.completeness(None, circumstances.0, circumstances.1);
        assert_eq!(!completeness.essential.is_empty(), essential, "{circumstances:?}");
        assert_eq!(!completeness.additional.is_empty(), additional, "{circumstances:?}");
    }
}

#[test]
fn unreadable_network_policies_are_told_apart_from_the_rest() {
    let mut sources = Sources::new([source("networkpolicies", SourceRole::Policies), assignments()]);
    assert!(!sources.policies_readable(), "not read yet");
    sources.synced(source("networkpolicies", SourceRole::Policies));
    sources.synced(assignments());
    sources.unreadable(services(), Problem::Forbidden);
    assert!(sources.policies_readable());
    sources.unreadable(source("networkpolicies", SourceRole::Policies), Problem::Failing);
    sources.unreadable(source("servicemodels", SourceRole::ServiceModels), Problem::NotServed);
    assert!(!sources.policies_readable());
}

#[test]
fn what_cannot_be_read_is_named_with_the_verbs_and_what_to_run() {
    let refused = &without(services(), Problem::Forbidden).additional[0];
    assert!(refused.contains("list and watch services; grant these verbs"), "{refused}");
    assert!(refused.ends_with("or kubectl apply -f deploy/operator.yaml where it was installed by that"), "{refused}");
    let missing = &without(assignments(), Problem::NotServed).essential[0];
    assert!(missing.contains("does not know responsibilityassignments.sharedresponsibility.dev;"), "{missing}");
    assert!(missing.contains("responsibility-operator crds | kubectl apply"), "{missing}");
}

#[test]
fn the_remedy_is_one_that_helps() {
    let in_namespace = Source::new("", "services", SourceRole::Additional, Some("shop".into()));
    let sentence = &without(in_namespace, Problem::Forbidden).additional[0];
    assert!(sentence.contains("services in namespace shop;") && sentence.contains("a Role and a RoleBinding"));
    assert!(!sentence.contains("deploy/operator.yaml"), "it grants cluster-wide: {sentence}");
    let rollouts = Source::new("argoproj.io", "rollouts", SourceRole::Configured, None);
    let sentence = &without(rollouts.clone(), Problem::Forbidden).essential[0];
    assert!(sentence.contains("rollouts.argoproj.io;") && sentence.contains("workloadKinds"), "{sentence}");
    assert!(!sentence.contains("deploy/operator.yaml"), "it does not name that kind: {sentence}");
    let sentence = &without(rollouts, Problem::Misconfigured).essential[0];
    assert!(sentence.contains("correct workloadKinds of the configuration file"), "{sentence}");
}

#[test]
fn a_hundred_namespaces_that_may_not_be_read_are_one_sentence() {
    let mut sources = Sources::new([]);
    for number in 0..100 {
        for plural in ["deployments", "statefulsets", "services"] {
            let namespace = Some(format!("team-{number:02}").into());
            let role = if plural == "services" { SourceRole::Additional } else { SourceRole::Essential };
            sources.unreadable(Source::new("", plural, role, namespace), Problem::Forbidden);
        }
    }
    let Completeness { essential, additional, .. } = sources.completeness(None, true, true);
    assert_eq!((essential.len(), additional.len()), (1, 1));
    assert!(essential[0].contains("deployments in namespace team-00, "), "{}", essential[0]);
    assert!(essential[0].contains(" and 197 more; grant"), "{}", essential[0]);
    assert!(essential[0].len() < 512);
}

#[test]
fn what_is_missing_in_one_namespace_is_nothing_to_another() {
    let deployments =
        |namespace: &str| Source::new("apps", "deployments", SourceRole::Essential, Some(namespace.into()));
    let mut sources = Sources::new([deployments("a"), deployments("b")]);
    sources.synced(deployments("b"));
    sources.unreadable(deployments("a"), Problem::Forbidden);
    assert!(sources.completeness(Some("b"), true, true).is_complete());
    assert!(!sources.completeness(Some("a"), true, true).is_complete());
    assert!(!sources.completeness(None, true, true).is_complete(), "a cluster assignment may speak for both");
}

#[test]
fn what_is_not_looked_at_by_choice_is_said_and_is_no_problem() {
    let namespaces = ["a", "b", "c", "d"].map(str::to_owned);
    let completeness = Sources::new([]).within(&namespaces).completeness(None, true, true);
    assert!(completeness.is_complete());
    let sentence = completeness.namespaced_scope.unwrap();
    assert!(
        sentence.starts_with("only the 4 namespace(s) of") && sentence.contains("ServiceModels are not seen"),
        "{sentence}"
    );
}
