//! Tests that each signal passes, fails and is unknown.

use std::collections::BTreeSet;

use jiff::civil::date;
use rstest::rstest;

use super::testing::{WorkloadFixture, cluster_reading, node_reading};
use super::*;
use crate::facts::{
    Availability, BackupFacts, BackupPhase, BindingFacts, BudgetFacts, CertificateFacts, FactKind, Facts, HostAccess,
    KindAndName, KubernetesVersion, Labels, NodeFacts, Readiness, ReportFacts, Requirement, ResultCounts, RoleFacts,
    Selector, Shortcomings, SnapshotFacts, StorageClassFacts, VolumeClaim, WorkloadKind,
};
use crate::matrix::Matrix;
use crate::model::SignalVerdict::{Failed, NotApplicable, Passed, Unreadable, Unseen};

fn labelled(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn lacking(shortcoming: Shortcomings) -> WorkloadFixture {
    WorkloadFixture::new().with(|fixture| fixture.facts.shortcomings = shortcoming)
}

/// Sets the availability of a kind.
fn with_availability(availability: Availability, kind: FactKind, fixture: WorkloadFixture) -> WorkloadFixture {
    fixture.with(|fixture| {
        fixture.availabilities.put(kind, None, availability);
    })
}

#[test]
fn every_signal_speaks_of_a_layer_in_words_that_fit_and_is_named_once() {
    let mut names = BTreeSet::new();
    for signal in SIGNALS {
        assert!(names.insert(signal.id), "{} is repeated", signal.id);
        let is_plain = signal.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(is_plain && signal.id.len() <= 32, "{}", signal.id);
        assert!(signal.layer.is_none_or(|layer| Matrix::built_in().find(layer).is_some()), "{}", signal.id);
        assert!(signal.source.len() > 20 && signal.rule.ends_with('.'), "{}", signal.id);
        assert!(signal.failed.len() + signal.remedy.len() < 158, "{}", signal.id);
        let range = signal.threshold.map(|range| (range.least..=range.most).contains(&range.default));
        assert_ne!(range, Some(false), "{}", signal.id);
    }
}

#[test]
fn segmentation_is_seen_where_network_policies_tell() {
    let of = |segmentation| {
        WorkloadFixture::new().with(|fixture| fixture.segmentation = segmentation).verdict("network-policy")
    };
    assert_eq!(of(Segmentation::Yes), Passed);
    assert_eq!(of(Segmentation::No), Failed);
    assert_eq!(of(Segmentation::MaybeOtherwise), Unseen, "Cilium or a mesh can restrict ingress");
    assert_eq!(of(Segmentation::Unreadable), Unreadable);
    let on_host = WorkloadFixture::new().with(|fixture| {
        fixture.segmentation = Segmentation::Yes;
        fixture.facts.host = HostAccess::HOST_NETWORK;
    });
    assert_eq!(on_host.verdict("network-policy"), Unseen, "NetworkPolicies do not apply to it");
}

#[rstest]
#[case::baseline(Some(&[("pod-security.kubernetes.io/enforce", "baseline")][..]), Passed)]
#[case::restricted(Some(&[("pod-security.kubernetes.io/enforce", "restricted")][..]), Passed)]
#[case::privileged(Some(&[("pod-security.kubernetes.io/enforce", "privileged")][..]), Failed)]
#[case::only_warned(Some(&[("pod-security.kubernetes.io/warn", "restricted")][..]), Failed)]
#[case::no_label(Some(&[][..]), Failed)]
#[case::namespace_not_seen(None, Unseen)]
fn pod_security_counts_where_it_is_enforced(#[case] labels: Option<&[(&str, &str)]>, #[case] expected: SignalVerdict) {
    let fixture = WorkloadFixture::new().with(|fixture| fixture.labels = labels.map(labelled));
    assert_eq!(fixture.verdict("pod-security"), expected);
}

#[rstest]
#[case("security-context", Shortcomings::MAY_RUN_AS_ROOT, "may run as root")]
#[case("security-context", Shortcomings::MAY_ESCALATE, "may gain privileges")]
#[case("security-context", Shortcomings::KEEPS_CAPABILITIES, "does not drop all capabilities")]
#[case("security-context", Shortcomings::NO_SECCOMP_PROFILE, "seccomp")]
#[case("security-context", Shortcomings::MOUNTS_HOST, "mounts a directory of its node")]
#[case("resources", Shortcomings::NO_REQUESTS, "requests no memory")]
#[case("resources", Shortcomings::NO_MEMORY_LIMIT, "no memory limit")]
fn what_a_template_leaves_undone_is_named(#[case] id: &str, #[case] shortcoming: Shortcomings, #[case] words: &str) {
    let seen = lacking(shortcoming).reading(id);
    assert_eq!(seen.verdict, Failed);
    assert!(seen.detail.as_deref().is_some_and(|detail| detail.contains(words)), "{:?}", seen.detail);
    assert_eq!(WorkloadFixture::new().verdict(id), Passed);
}

#[test]
fn a_pod_that_shares_its_host_is_not_restricted_unless_it_is_a_known_agent() {
    let host = HostAccess::PRIVILEGED;
    let fixture = WorkloadFixture::new().with(|fixture| fixture.facts.host = host);
    let seen = fixture.reading("security-context");
    assert_eq!((seen.verdict, seen.detail.as_deref()), (Failed, Some("a container is privileged")));
    let agent = fixture.with(|fixture| fixture.facts.host = host.union(HostAccess::KNOWN_AGENT));
    assert_eq!(agent.verdict("security-context"), NotApplicable);
}

#[test]
fn images_are_pinned_and_come_from_where_they_may() {
    assert_eq!(WorkloadFixture::new().verdict("image-pinning"), Passed);
    assert_eq!(lacking(Shortcomings::UNPINNED_IMAGE).verdict("image-pinning"), Failed);
    assert_eq!(WorkloadFixture::new().verdict("image-registry"), NotApplicable, "no allowed registries are configured");
    let configured = |fixture: WorkloadFixture| fixture.with(|fixture| fixture.registries_known = true);
    assert_eq!(configured(WorkloadFixture::new()).verdict("image-registry"), Passed);
    assert_eq!(configured(lacking(Shortcomings::FOREIGN_REGISTRY)).verdict("image-registry"), Failed);
}

fn budget(app: Option<&str>, blocks: bool) -> Facts {
    let pods = app.and_then(|app| Selector::new(vec![Requirement::In("app".into(), vec![app.to_owned()])]));
    Facts::Budget(BudgetFacts { pods, blocks })
}

#[test]
fn several_pods_need_a_budget_and_none_may_block_drains() {
    let several = || {
        WorkloadFixture::new().with(|fixture| {
            fixture.facts.several = true;
            fixture.facts.pods.template = labelled(&[("app", "web")]);
        })
    };
    let id = "disruption-budget";
    assert_eq!(several().verdict(id), Failed);
    assert_eq!(several().with_object(FactKind::Budgets, "other", budget(Some("api"), true)).verdict(id), Failed);
    assert_eq!(several().with_object(FactKind::Budgets, "web", budget(Some("web"), false)).verdict(id), Passed);
    let blocked = several().with_object(FactKind::Budgets, "web", budget(None, true)).reading(id);
    assert!(blocked.detail.is_some_and(|detail| detail.contains("nodes cannot be drained")));
    assert_eq!(WorkloadFixture::new().verdict(id), NotApplicable, "a single pod needs none");
    assert_eq!(WorkloadFixture::new().with_object(FactKind::Budgets, "web", budget(None, true)).verdict(id), Failed);
    assert_eq!(several().with(|fixture| fixture.key.kind = WorkloadKind::DaemonSet).verdict(id), NotApplicable);
    assert_eq!(with_availability(Availability::Absent, FactKind::Budgets, several()).verdict(id), Unseen);
    assert_eq!(with_availability(Availability::Unreadable, FactKind::Budgets, several()).verdict(id), Unreadable);
}

fn role(everything: bool, escalates: bool, reads_secrets: bool) -> Facts {
    Facts::Role(RoleFacts { everything, escalates, reads_secrets })
}

fn binding(account: &str, role: &str, of_cluster_role: bool) -> Facts {
    let accounts = [("shop".into(), account.into())].into();
    Facts::Binding(BindingFacts { accounts, role: role.into(), of_cluster_role, ..BindingFacts::default() })
}

#[test]
fn far_reaching_rights_of_its_service_account_are_named() {
    let id = "broad-rights";
    let admin =
        || WorkloadFixture::new().with_cluster_object(FactKind::ClusterRoles, "admin", role(true, false, false));
    assert_eq!(admin().verdict(id), Passed, "nobody is bound to it");
    let bound =
        admin().with_cluster_object(FactKind::ClusterRoleBindings, "b", binding("web", "admin", true)).reading(id);
    let words = "its ServiceAccount may do everything in the cluster (ClusterRole admin)";
    assert_eq!((bound.verdict, bound.detail.as_deref()), (Failed, Some(words)));
    let other = admin().with_cluster_object(FactKind::ClusterRoleBindings, "b", binding("api", "admin", true));
    assert_eq!(other.verdict(id), Passed, "another ServiceAccount");
    let here = admin().with_object(FactKind::RoleBindings, "b", binding("web", "admin", true)).reading(id);
    assert!(here.detail.is_some_and(|detail| detail.contains("everything in its namespace")));
    let own = WorkloadFixture::new().with_object(FactKind::Roles, "own", role(false, true, false));
    let own = own.with_object(FactKind::RoleBindings, "b", binding("web", "own", false)).reading(id);
    assert!(own.detail.is_some_and(|detail| detail.contains("grant rights to itself (Role own)")));
    let secrets =
        || WorkloadFixture::new().with_cluster_object(FactKind::ClusterRoles, "view-all", role(false, false, true));
    let everywhere =
        secrets().with_cluster_object(FactKind::ClusterRoleBindings, "b", binding("web", "view-all", true));
    assert_eq!(everywhere.verdict(id), Failed);
    let in_its_namespace = secrets().with_object(FactKind::RoleBindings, "b", binding("web", "view-all", true));
    assert_eq!(in_its_namespace.verdict(id), Passed, "its own Secrets");
    for kind in [FactKind::Roles, FactKind::RoleBindings, FactKind::ClusterRoles, FactKind::ClusterRoleBindings] {
        assert_eq!(
            with_availability(Availability::Unreadable, kind, WorkloadFixture::new()).verdict(id),
            Unreadable,
            "{kind:?}"
        );
        assert_eq!(
            with_availability(Availability::Absent, kind, WorkloadFixture::new()).verdict(id),
            Unseen,
            "{kind:?}"
        );
    }
}

#[test]
fn everybody_is_bound_by_the_groups_of_service_accounts() {
    let bound = |change: fn(&mut BindingFacts)| {
        let mut binding = BindingFacts { role: "admin".into(), of_cluster_role: true, ..BindingFacts::default() };
        change(&mut binding);
        let fixture =
            WorkloadFixture::new().with_cluster_object(FactKind::ClusterRoles, "admin", role(true, false, false));
        fixture.with_cluster_object(FactKind::ClusterRoleBindings, "b", Facts::Binding(binding)).verdict("broad-rights")
    };
    assert_eq!(bound(|binding| binding.all = true), Failed);
    assert_eq!(bound(|binding| binding.namespaces = ["shop".into()].into()), Failed);
    assert_eq!(bound(|binding| binding.namespaces = ["pay".into()].into()), Passed);
}

#[rstest]
#[case::encrypts("ebs.csi.aws.com", Some(true), Passed)]
#[case::does_not("ebs.csi.aws.com", Some(false), Failed)]
#[case::does_not_say("ebs.csi.aws.com", None, Unseen)]
#[case::always_does("disk.csi.azure.com", None, Passed)]
fn storage_classes_encrypt_or_do_not_say(
    #[case] provisioner: &str,
    #[case] encrypted: Option<bool>,
    #[case] expected: SignalVerdict,
) {
    let id = "storage-encryption";
    let class =
        |is_default| Facts::StorageClass(StorageClassFacts { provisioner: provisioner.into(), encrypted, is_default });
    let claiming = |claim: VolumeClaim| WorkloadFixture::new().with(|fixture| fixture.facts.claims = [claim].into());
    let of_its_own = claiming(VolumeClaim::PerPod(Some("fast".into())));
    assert_eq!(of_its_own.with_cluster_object(FactKind::StorageClasses, "fast", class(false)).verdict(id), expected);
    let by_default =
        claiming(VolumeClaim::PerPod(None)).with_cluster_object(FactKind::StorageClasses, "fast", class(true));
    assert_eq!(by_default.verdict(id), expected);
    let named = claiming(VolumeClaim::Named("data".into()))
        .with_object(FactKind::Claims, "data", Facts::Claim(Some("fast".into())))
        .with_cluster_object(FactKind::StorageClasses, "fast", class(false));
    assert_eq!(named.verdict(id), expected);
}

#[test]
fn a_class_that_is_not_there_is_not_known_and_without_claims_nothing_is_to_be_encrypted() {
    let id = "storage-encryption";
    assert_eq!(WorkloadFixture::new().verdict(id), NotApplicable);
    let claiming = || WorkloadFixture::new().with(|fixture| fixture.facts.claims = [VolumeClaim::PerPod(None)].into());
    assert_eq!(claiming().verdict(id), Unseen);
    assert_eq!(with_availability(Availability::Unreadable, FactKind::Claims, claiming()).verdict(id), Unreadable);
}

#[rstest]
#[case::within_the_days(Some(date(2026, 11, 6)), Passed)]
#[case::a_day_too_old(Some(date(2026, 11, 5)), Failed)]
#[case::not_known(None, Unseen)]
fn a_node_of_auto_mode_is_replaced_within_21_days(
    #[case] created: Option<jiff::civil::Date>,
    #[case] expected: SignalVerdict,
) {
    let node = |labels: &[(&str, &str)]| NodeFacts { labels: labelled(labels), created, ..NodeFacts::default() };
    assert_eq!(node_reading("node-age", &node(&[("eks.amazonaws.com/compute-type", "auto")])).verdict, expected);
    let own = node_reading("node-age", &node(&[("eks.amazonaws.com/nodegroup", "main")]));
    assert_eq!(own.verdict, NotApplicable, "it may be patched in place");
}

#[rstest]
#[case::recent("AKSUbuntu-2204gen2containerd-202608.29.0", Passed)]
#[case::too_old("AKSUbuntu-2204gen2containerd-202608.28.0", Failed)]
#[case::tells_no_day("AKSWindows-2022-containerd-20348.4171.250910", Unseen)]
fn an_image_of_a_node_is_no_older_than_90_days(#[case] version: &str, #[case] expected: SignalVerdict) {
    let labels = labelled(&[("kubernetes.azure.com/node-image-version", version)]);
    assert_eq!(node_reading("node-image-age", &NodeFacts { labels, ..NodeFacts::default() }).verdict, expected);
    assert_eq!(node_reading("node-image-age", &NodeFacts::default()).verdict, Unseen);
}

#[rstest]
#[case::same("v1.37.2", Passed)]
#[case::three_older("v1.34.9-eks-1", Passed)]
#[case::four_older("v1.33.0", Failed)]
#[case::newer("v1.38.0", Failed)]
#[case::not_known("", Unseen)]
fn a_kubelet_goes_with_the_api_server(#[case] version: &str, #[case] expected: SignalVerdict) {
    let facts = NodeFacts { kubelet_version: version.into(), ..NodeFacts::default() };
    assert_eq!(node_reading("kubelet-skew", &facts).verdict, expected);
}

#[rstest]
#[case::ready(Readiness::Ready, Passed)]
#[case::does_not_say(Readiness::Unknown, Unseen)]
#[case::since_yesterday(Readiness::Not(date(2026, 11, 26)), Passed)]
#[case::for_longer(Readiness::Not(date(2026, 11, 25)), Failed)]
fn a_node_may_be_down_for_a_day(#[case] readiness: Readiness, #[case] expected: SignalVerdict) {
    assert_eq!(node_reading("node-readiness", &NodeFacts { readiness, ..NodeFacts::default() }).verdict, expected);
}

#[rstest]
#[case::supported(Some(37), Passed)]
#[case::ended(Some(34), Failed)]
#[case::of_the_future(Some(99), Unseen)]
#[case::not_known(None, Unseen)]
fn a_version_of_kubernetes_is_supported_until_its_day(#[case] minor: Option<u32>, #[case] expected: SignalVerdict) {
    let server = minor.map(|minor| KubernetesVersion { major: 1, minor, of_provider: false });
    assert_eq!(cluster_reading("version-support", server).verdict, expected);
}

#[test]
fn a_build_of_a_provider_is_supported_for_longer_than_anybody_here_knows() {
    let of_provider = KubernetesVersion::parse("v1.34.9-eks-3abbec1");
    assert!(of_provider.is_some_and(|version| version.of_provider));
    assert_eq!(cluster_reading("version-support", of_provider).verdict, Unseen);
}

#[test]
fn a_node_that_shows_nothing_is_not_outvoted_by_one_that_passes() {
    let signals = ActiveSignals::default();
    let seen = |labels: &[(&str, &str)]| {
        let created = Some(date(2026, 11, 20));
        let facts = NodeFacts { labels: labelled(labels), created, ..NodeFacts::default() };
        let input = NodeInput { today: testing::TODAY, facts: &facts, server: None };
        signals.evaluate_node(&input, Some(ServiceModel::ManagedNodes))
    };
    let verdict = |id: &str, observed: &[Observation]| {
        let found =
            worst_per_signal(observed).into_iter().find(|seen| &*signals.catalogue().get(seen.signal).signal == id);
        found.map(|seen| seen.verdict)
    };
    let auto = [("eks.amazonaws.com/compute-type", "auto")];
    let recent = [("kubernetes.azure.com/node-image-version", "AKSUbuntu-2204-202611.02.0")];
    let windows = [("kubernetes.azure.com/node-image-version", "AKSWindows-2022-containerd-20348.4171.250910")];
    assert_eq!(verdict("node-age", &seen(&auto)), Some(Passed));
    assert_eq!(
        verdict("node-age", &[seen(&auto), seen(&recent)].concat()),
        Some(Unseen),
        "the signal does not apply to one node"
    );
    assert_eq!(verdict("node-image-age", &seen(&recent)), Some(Passed));
    assert_eq!(verdict("node-image-age", &[seen(&recent), seen(&windows)].concat()), Some(Unseen));
}

#[test]
fn of_several_nodes_the_weightiest_counts_for_each_service_model() {
    let signals = ActiveSignals::default();
    let seen = |created, model| {
        let labels = labelled(&[("eks.amazonaws.com/compute-type", "auto")]);
        let facts = NodeFacts { labels, created: Some(created), ..NodeFacts::default() };
        signals.evaluate_node(&NodeInput { today: testing::TODAY, facts: &facts, server: None }, Some(model))
    };
    let (young, old) = (date(2026, 11, 20), date(2026, 10, 1));
    let managed = ServiceModel::ManagedNodes;
    let all = [seen(young, managed), seen(old, managed), seen(young, ServiceModel::Caas)].concat();
    let node_age = |seen: &&Observation| &*signals.catalogue().get(seen.signal).signal == "node-age";
    let found = worst_per_signal(&all);
    let verdicts: Vec<_> = found.iter().filter(node_age).map(|seen| (seen.on, seen.verdict)).collect();
    assert_eq!(verdicts, [(Some(ServiceModel::Caas.into()), Passed), (Some(managed.into()), Failed)]);
    assert!(
        signals.evaluate_node(&NodeInput { today: young, facts: &NodeFacts::default(), server: None }, None).is_empty()
    );
}

#[test]
fn a_signal_that_is_switched_off_is_not_looked_at_and_what_only_it_reads_is_not_read() {
    let setting = |enabled| SignalSetting { enabled: Some(enabled), threshold: None };
    let settings = SignalSettings::new([("broad-rights".to_owned(), setting(false))].into()).unwrap();
    let signals = ActiveSignals::new(&settings);
    assert!(signals.catalogue().iter().all(|signal_text| &*signal_text.signal != "broad-rights"));
    assert_eq!(signals.catalogue().iter().count(), SIGNALS.len() - 1);
    assert!(!settings.kinds().contains(&FactKind::ClusterRoles) && settings.kinds().contains(&FactKind::Budgets));
    assert_eq!(SignalSettings::default().kinds().into_iter().collect::<Vec<_>>(), FactKind::BUILT_IN);
}

fn subject(kind: &str, name: &str) -> KindAndName {
    KindAndName { kind: kind.into(), name: name.into() }
}

/// A report about an object with these numbers of failures, errors and passes.
fn report(about: KindAndName, [failed, errors, passed]: [u32; 3], day: Option<jiff::civil::Date>) -> Facts {
    Facts::Report(ReportFacts {
        about: [(about, ResultCounts { failed, errors, passed })].into(),
        day,
        container: None,
    })
}

#[rstest]
#[case("vulnerability-report", FactKind::VulnerabilityReports)]
#[case("config-audit-report", FactKind::ConfigAuditReports)]
fn a_scan_counts_for_the_workload_and_for_what_it_runs_at_the_moment(#[case] id: &str, #[case] kind: FactKind) {
    let today = Some(testing::TODAY);
    let running = || WorkloadFixture::new().with(|fixture| fixture.children = vec![subject("ReplicaSet", "web-5d5d")]);
    let scan =
        |name: &str, failed: u32, day| report(subject("ReplicaSet", name), [failed, 0, u32::from(failed == 0)], day);
    assert_eq!(running().verdict(id), Unseen);
    assert_eq!(running().with_object(kind, "a", scan("web-5d5d", 0, today)).verdict(id), Passed);
    assert_eq!(running().with_object(kind, "a", scan("web-5d5d", 2, today)).verdict(id), Failed);
    assert_eq!(running().with_object(kind, "a", scan("web-4c4c", 2, today)).verdict(id), Unseen, "an earlier revision");
    let of_itself = report(subject("Deployment", "web"), [1, 0, 0], today);
    assert_eq!(
        running().with_object(kind, "a", scan("web-5d5d", 0, today)).with_object(kind, "b", of_itself).verdict(id),
        Failed
    );
    let old = running().with_object(kind, "a", scan("web-5d5d", 0, Some(date(2026, 10, 1)))).reading(id);
    assert_eq!(old.verdict, crate::model::SignalVerdict::Stale);
    assert!(old.detail.is_some_and(|detail| detail.contains("2026-10-01")));
    assert_eq!(with_availability(Availability::Absent, kind, running()).verdict(id), Unseen);
    assert_eq!(with_availability(Availability::Unreadable, kind, running()).verdict(id), Unreadable);
}

#[rstest]
#[case::passes([0, 0, 3], Passed)]
#[case::fails([1, 0, 3], Failed)]
#[case::errors_hide([0, 1, 3], Unreadable)]
#[case::a_failure_outweighs_errors([1, 1, 0], Failed)]
#[case::only_skipped([0, 0, 0], Unseen)]
fn results_of_policy_engines_count_in_either_kind_of_report(
    #[case] outcome: [u32; 3],
    #[case] expected: SignalVerdict,
) {
    for kind in [FactKind::Reports, FactKind::PolicyReports] {
        let fixture =
            WorkloadFixture::new().with_object(kind, "r", report(subject("Deployment", "web"), outcome, None));
        assert_eq!(fixture.verdict("policy-report"), expected, "{kind:?}");
    }
    assert_eq!(WorkloadFixture::new().verdict("policy-report"), Unseen);
}

#[test]
fn each_container_has_a_report_of_its_own_before_all_is_known_to_be_well() {
    let (id, kind) = ("vulnerability-report", FactKind::VulnerabilityReports);
    let scan = |child: &str, container: &str, failed: u32| {
        let about =
            [(subject("ReplicaSet", child), ResultCounts { failed, errors: 0, passed: u32::from(failed == 0) })].into();
        Facts::Report(ReportFacts { about, day: Some(testing::TODAY), container: Some(container.into()) })
    };
    let running = |children: &[&str]| {
        WorkloadFixture::new().with(|fixture| {
            fixture.facts.containers = 2;
            fixture.children = children.iter().map(|child| subject("ReplicaSet", child)).collect();
        })
    };
    let one = || running(&["new"]).with_object(kind, "a", scan("new", "main", 0));
    assert_eq!(one().verdict(id), Unseen, "the sidecar was not scanned");
    assert_eq!(one().with_object(kind, "b", scan("new", "sidecar", 0)).verdict(id), Passed);
    assert_eq!(one().with_object(kind, "b", scan("new", "sidecar", 1)).verdict(id), Failed);
    let old = running(&["new", "old"]).with_object(kind, "a", scan("old", "main", 0)).with_object(
        kind,
        "b",
        scan("old", "sidecar", 0),
    );
    assert_eq!(old.verdict(id), Unseen, "the new revision was not scanned");
    let undated = report(subject("Deployment", "web"), [0, 0, 1], None);
    assert_eq!(
        WorkloadFixture::new().with_object(kind, "r", undated).verdict(id),
        Unseen,
        "nobody knows how old it is"
    );
}

#[rstest]
#[case::good(Some(true), Some(date(2027, 2, 1)), Some(date(2027, 1, 1)), Passed)]
#[case::short_lived_and_renewed(Some(true), Some(date(2026, 12, 1)), Some(date(2026, 11, 29)), Passed)]
#[case::to_be_renewed_since_yesterday(Some(true), Some(date(2026, 12, 10)), Some(date(2026, 11, 26)), Passed)]
#[case::to_be_renewed_for_longer(Some(true), Some(date(2026, 12, 10)), Some(date(2026, 11, 25)), Failed)]
#[case::ended(Some(true), Some(date(2026, 11, 26)), None, Failed)]
#[case::of_hours(Some(true), Some(date(2026, 11, 27)), Some(date(2026, 11, 27)), Passed)]
#[case::not_ready(Some(false), Some(date(2027, 3, 1)), None, Failed)]
#[case::being_issued(Some(false), None, None, Unseen)]
#[case::not_looked_at_yet(None, None, None, Unseen)]
fn a_certificate_is_renewed_when_its_time_has_come(
    #[case] ready: Option<bool>,
    #[case] until: Option<jiff::civil::Date>,
    #[case] renewal: Option<jiff::civil::Date>,
    #[case] expected: SignalVerdict,
) {
    let id = "certificate";
    let certificate =
        |secret: &str| Facts::Certificate(CertificateFacts { secret: secret.into(), ready, until, renewal });
    let published = || {
        WorkloadFixture::new().with(|fixture| {
            fixture.triggers = fixture.triggers.union(crate::matrix::LayerTriggers::PUBLISHED);
            fixture.tls_secrets = ["web-tls".into()].into();
        })
    };
    assert_eq!(published().with_object(FactKind::Certificates, "web", certificate("web-tls")).verdict(id), expected);
    assert_eq!(published().with_object(FactKind::Certificates, "api", certificate("api-tls")).verdict(id), Unseen);
    assert_eq!(
        WorkloadFixture::new().with_object(FactKind::Certificates, "web", certificate("web-tls")).verdict(id),
        NotApplicable
    );
    assert_eq!(
        with_availability(Availability::Unreadable, FactKind::Certificates, published()).verdict(id),
        Unreadable
    );
}

#[test]
fn the_newest_backup_that_holds_the_namespace_counts() {
    let id = "velero-backup";
    let storing = || {
        WorkloadFixture::new()
            .with(|fixture| fixture.triggers = fixture.triggers.union(crate::matrix::LayerTriggers::STORAGE))
    };
    let with_backup_in = |velero: &str, fixture: WorkloadFixture, name: &str, included: &[&str], phase, at: &str| {
        let included = included.iter().map(|name| Arc::from(*name)).collect();
        let (excluded, at) = (BTreeSet::new(), at.parse().unwrap());
        let backup = BackupFacts { included, excluded, phase, has_volumes: !name.starts_with("files"), at };
        fixture.with(|fixture| {
            fixture.far.put(FactKind::Backups, (&velero.into(), &name.into()), Some(Facts::Backup(backup)));
        })
    };
    let backed_up = |fixture, name: &str, included: &[&str], phase, at: &str| {
        with_backup_in("velero", fixture, name, included, phase, at)
    };
    let (completed, failed) = (BackupPhase::Completed, BackupPhase::Failed);
    let (recent, old) = ("2026-11-25T03:00:00Z", "2026-11-10T03:00:00Z");
    let elsewhere = with_backup_in("shop", storing(), "a", &["shop"], failed, recent);
    assert_eq!(elsewhere.verdict(id), Unseen, "Velero does not run there");
    assert_eq!(storing().verdict(id), Unseen);
    assert_eq!(backed_up(storing(), "a", &[], completed, recent).verdict(id), Passed);
    assert_eq!(backed_up(storing(), "a", &["*"], completed, recent).verdict(id), Passed);
    assert_eq!(backed_up(storing(), "files", &[], completed, recent).verdict(id), Unseen, "it does not show volumes");
    assert_eq!(backed_up(storing(), "a", &["bank"], completed, recent).verdict(id), Unseen, "of another namespace");
    assert_eq!(backed_up(storing(), "a", &["shop"], completed, old).verdict(id), crate::model::SignalVerdict::Stale);
    let failing = backed_up(backed_up(storing(), "a", &["shop"], completed, old), "b", &["shop"], failed, recent);
    assert_eq!(failing.verdict(id), Failed);
    let fixed = backed_up(failing, "a-later", &["shop"], completed, "2026-11-25T04:00:00Z");
    assert_eq!(fixed.verdict(id), Passed);
    assert_eq!(
        backed_up(WorkloadFixture::new(), "a", &[], failed, recent).verdict(id),
        NotApplicable,
        "it keeps no data"
    );
    let excluded = BackupFacts {
        included: BTreeSet::new(),
        excluded: ["shop".into()].into(),
        phase: completed,
        has_volumes: true,
        at: recent.parse().unwrap(),
    };
    assert!(!excluded.contains_namespace("shop") && excluded.contains_namespace("bank"));
    let by_pattern = BackupFacts { excluded: ["sho*".into()].into(), ..excluded };
    assert!(
        !by_pattern.contains_namespace("shop") && !by_pattern.contains_namespace("bank"),
        "patterns are not matched"
    );
    let some = BackupFacts { included: ["sho?".into()].into(), excluded: BTreeSet::new(), ..by_pattern };
    assert!(!some.contains_namespace("shop"));
    assert_eq!(with_availability(Availability::Absent, FactKind::Backups, storing()).verdict(id), Unseen);
    assert_eq!(with_availability(Availability::Unreadable, FactKind::Backups, storing()).verdict(id), Unreadable);
}

#[rstest]
#[case::usable(true, date(2026, 11, 26), Passed)]
#[case::old(true, date(2026, 11, 1), crate::model::SignalVerdict::Stale)]
#[case::begun_today(false, date(2026, 11, 27), Unseen)]
#[case::never_became_usable(false, date(2026, 11, 20), Failed)]
fn the_newest_snapshot_of_a_claim_is_usable(
    #[case] ready: bool,
    #[case] day: jiff::civil::Date,
    #[case] expected: SignalVerdict,
) {
    let id = "volume-snapshot";
    let claiming =
        || WorkloadFixture::new().with(|fixture| fixture.facts.claims = [VolumeClaim::Named("data".into())].into());
    let snapshot = |claim: &str| Facts::Snapshot(SnapshotFacts { claim: claim.into(), ready, day });
    assert_eq!(claiming().with_object(FactKind::Snapshots, "s", snapshot("data")).verdict(id), expected);
    assert_eq!(claiming().with_object(FactKind::Snapshots, "s", snapshot("other")).verdict(id), Unseen);
    assert_eq!(
        WorkloadFixture::new().with_object(FactKind::Snapshots, "s", snapshot("data")).verdict(id),
        NotApplicable
    );
    assert_eq!(with_availability(Availability::Unreadable, FactKind::Snapshots, claiming()).verdict(id), Unreadable);
}
