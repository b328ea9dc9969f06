//! Generates changes of every kind. They use few names, so that many changes affect each other.

use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use proptest::sample::select;

use super::custom;
use super::specs;
use super::world::Step;
use super::{app, labels};
use crate::facts::{
    AssignmentId, Availability, BackupFacts, BackupPhase, BindingFacts, BudgetFacts, CertificateFacts, ChildFacts,
    ChildObject, ContainerFacts, Controller, Delta, FactKind, Facts, GENERATED, GrantFacts, HostAccess, IngressRules,
    KindAndName, KubernetesVersion, ListedKind, NamespaceFacts, NodeFacts, NodeRequirement, NodeTerm, ObjectIdentity,
    ObjectName, Placement, PodLabels, PolicyCoverage, PolicyFacts, Readiness, ReportFacts, Requirement, ResultCounts,
    RoleFacts, RouteFacts, RouteKind, Selector, ServiceFacts, Shortcomings, SnapshotFacts, StorageClassFacts, Taint,
    TaintEffect, Toleration, ValueDigest, VolumeClaim, WorkloadFacts, WorkloadKey, WorkloadKind, WorkloadObject,
    set_of,
};
use crate::matrix::{LayerTriggers, ServiceModel};
use crate::model::{CONTROL_PLANE_LABEL, EvaluationSettings, ProviderDuties};

/// Two ordinary namespaces and one that is excluded by default.
pub(super) const NAMESPACES: [&str; 3] = ["shop", "bank", "kube-system"];
/// The day on which each test starts.
pub(super) const TODAY: Date = date(2026, 11, 24);
/// The kinds of the generated workloads and parts of workloads.
pub(super) const KINDS: [WorkloadKind; 5] =
    [WorkloadKind::Deployment, WorkloadKind::Pod, WorkloadKind::DaemonSet, WorkloadKind::Job, WorkloadKind::CronJob];
const ROUTES: [RouteKind; 3] = [RouteKind::Ingress, RouteKind::HttpRoute, RouteKind::TcpRoute];
const NODES: [&str; 5] = ["n0", "n1", "n2", "gk3-a", "fargate-a"];

/// Random bytes that choose values one after the other. Lower bytes choose simpler values, so that failures shrink.
pub(super) struct Dice {
    bytes: [u8; 32],
    at: usize,
}

impl Dice {
    /// Returns dice that always choose the simplest value.
    pub(super) const fn zeros() -> Self {
        Self { bytes: [0; 32], at: 0 }
    }

    pub(super) fn roll(&mut self, sides: usize) -> usize {
        // After the last byte the bytes are read again, shifted by a constant per round.
        let (round, at) = (self.at / self.bytes.len(), self.at % self.bytes.len());
        self.at += 1;
        (usize::from(self.bytes[at]) + round * 7) % sides
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }

    /// Returns true with the probability 1 / `times`.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) == times - 1
    }

    pub(super) fn some<T>(&mut self, once_in: usize, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.once_in(once_in).then(|| make(self))
    }

    /// Returns a random subset.
    pub(super) fn subset<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        let bits = self.roll(256);
        of.iter().enumerate().filter(|(at, _)| bits >> (at % 8) & 1 == 1).map(|(_, one)| one.clone()).collect()
    }

    /// Returns an object with the probability 3/4, otherwise `None`: it was deleted.
    fn object<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.roll(4) != 3).then(|| make(self))
    }
}

/// Generates settings: a default service model, the defaults, or every setting with another value.
pub(super) fn settings() -> impl Strategy<Value = EvaluationSettings> {
    let default_model = Some(ServiceModel::Caas);
    let own = EvaluationSettings {
        default_model: Some(ServiceModel::OnPremises),
        managed_control_plane: true,
        provider_duties: ProviderDuties::Require,
    };
    select(vec![
        EvaluationSettings { default_model, ..EvaluationSettings::default() },
        EvaluationSettings::default(),
        own,
    ])
}

/// Generates a sequence of steps.
pub(super) fn steps(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(from_dice(step), count)
}

/// Generates a node.
pub(super) fn node() -> impl Strategy<Value = NodeFacts> {
    from_dice(node_facts)
}

/// Returns a strategy for a value that `make` builds from dice.
pub(super) fn from_dice<T: std::fmt::Debug>(make: fn(&mut Dice) -> T) -> impl Strategy<Value = T> {
    any::<[u8; 32]>().prop_map(move |bytes| make(&mut Dice { bytes, at: 0 }))
}

fn step(dice: &mut Dice) -> Step {
    match dice.roll(44) {
        0..7 => Step::Change(workload(dice)),
        7..13 => Step::Change(Delta::Assignment(assignment_id(dice), dice.object(|dice| Arc::new(specs::spec(dice))))),
        13..16 => Step::Change(Delta::Service(object_name(dice, "s"), dice.object(service_facts))),
        16..19 => Step::Change(Delta::Route(dice.pick(&ROUTES), object_name(dice, "r"), dice.object(route_facts))),
        19..21 => Step::Change(Delta::Grant(object_name(dice, "g"), dice.object(grant_facts))),
        21..23 => Step::Change(Delta::Policy(object_name(dice, "p"), dice.object(policy_facts))),
        23..25 => {
            let name = namespace(dice);
            Step::Change(Delta::Namespace(name.clone(), dice.object(|dice| namespace_facts(dice, &name))))
        }
        25..28 => Step::Change(Delta::Node(dice.pick(&NODES).into(), dice.object(node_facts))),
        28..30 => {
            let name = dice.pick(&specs::OWN_MODELS).into();
            Step::Change(Delta::ServiceModel(name, dice.object(|dice| Box::new(specs::service_model(dice)))))
        }
        30 => Step::Change(Delta::Day(specs::day(dice.roll(500)))),
        31 => Step::Change(Delta::PolicyCoverage(dice.pick(&[
            PolicyCoverage::Complete,
            PolicyCoverage::OtherApisServed,
            PolicyCoverage::Unreadable,
        ]))),
        32..36 => Step::Change(facts(dice)),
        36..39 => Step::Change(child(dice)),
        39 => {
            let availability = dice.pick(&[Availability::Read, Availability::Absent, Availability::Unreadable]);
            Step::Change(Delta::Availability(dice.pick(&custom::fact_kinds()), None, availability))
        }
        41 => Step::Change(Delta::NodesReadable(!dice.once_in(3))),
        40 => {
            let minor = dice.pick(&[33, 37, 40]);
            Step::Change(Delta::ServerVersion(dice.some(2, |_| KubernetesVersion {
                major: 1,
                minor,
                of_provider: false,
            })))
        }
        _ => {
            let kind = dice.pick(&listed_kinds());
            let scope = dice.some(2, namespace);
            let missing = (0..4).fold(0, |bits, _| bits << 8 | dice.roll(256) as u64);
            Step::Relist { kind, scope, missing }
        }
    }
}

/// Returns every kind of list.
pub(super) fn listed_kinds() -> Vec<ListedKind> {
    let fixed = [
        ListedKind::Services,
        ListedKind::Grants,
        ListedKind::Policies,
        ListedKind::Namespaces,
        ListedKind::Nodes,
        ListedKind::ServiceModels,
        ListedKind::Assignments,
        ListedKind::ClusterAssignments,
    ];
    let fixed = fixed.into_iter().chain(custom::fact_kinds().into_iter().map(ListedKind::Facts));
    let workloads = KINDS.into_iter().chain([owner_kind(), WorkloadKind::ReplicaSet]).map(ListedKind::Workloads);
    workloads.chain(ROUTES.map(ListedKind::Routes)).chain(fixed).collect()
}

fn namespace(dice: &mut Dice) -> Arc<str> {
    // One namespace is more frequent, so that changes affect each other.
    let of = [NAMESPACES[0], NAMESPACES[0], NAMESPACES[0], NAMESPACES[1], NAMESPACES[2]];
    dice.pick(&of).into()
}

fn object_name(dice: &mut Dice, prefix: &str) -> ObjectName {
    ObjectName { namespace: namespace(dice), name: format!("{prefix}{}", dice.roll(3)).into() }
}

fn assignment_id(dice: &mut Dice) -> AssignmentId {
    AssignmentId { namespace: dice.some(2, namespace), name: format!("a{}", dice.roll(2)).into() }
}

/// Returns a kind that is not built in. Its objects are known from the objects that they control, or from a template.
fn owner_kind() -> WorkloadKind {
    WorkloadKind::of("postgresql.cnpg.io", "Cluster")
}

/// Generates a change of a workload object. The object is a workload itself, or a part of an owner of another kind or
/// of the objects with the same prefix of a generated name.
fn workload(dice: &mut Dice) -> Delta {
    let ObjectName { namespace, name } = object_name(dice, "w");
    let kind = dice.pick(&KINDS);
    let owners = ["pg0", "pg1"];
    let is_owner = dice.roll(6) == 5;
    let key = if is_owner {
        WorkloadKey { namespace: namespace.clone(), kind: owner_kind(), name: owners[dice.roll(2)].into() }
    } else {
        WorkloadKey { namespace: namespace.clone(), kind: kind.clone(), name }
    };
    let object = dice.object(|dice| {
        let owner = |kind, name: &str| WorkloadKey { namespace: namespace.clone(), kind, name: name.into() };
        let part_of = match dice.roll(4) {
            _ if is_owner => None,
            0 | 1 => None,
            2 => Some(owner(owner_kind(), owners[dice.roll(2)])),
            _ => Some(owner(kind, &format!("w{GENERATED}"))),
        };
        Box::new(WorkloadObject {
            facts: workload_facts(dice),
            part_of,
            identity: ObjectIdentity::default(),
            uid: uid(dice),
        })
    });
    Delta::Workload(key, object)
}

fn workload_facts(dice: &mut Dice) -> WorkloadFacts {
    WorkloadFacts {
        labels: app(app_name(dice)),
        pods: PodLabels { template: app(app_name(dice)), ..PodLabels::default() },
        triggers: set_of([
            (LayerTriggers::STORAGE, dice.once_in(3)),
            (LayerTriggers::SECRETS, dice.once_in(3)),
            (LayerTriggers::HOST_NETWORK, dice.once_in(8)),
        ]),
        env_values: dice.some(3, |dice| ValueDigest::of(&format!("s{}", dice.roll(3)))).into_iter().collect(),
        placement: Arc::new(placement(dice)),
        host: set_of([(HostAccess::PRIVILEGED, dice.once_in(5)), (HostAccess::KNOWN_AGENT, dice.once_in(9))]),
        shortcomings: set_of([
            (Shortcomings::UNPINNED_IMAGE, dice.once_in(3)),
            (Shortcomings::NO_MEMORY_LIMIT, dice.once_in(3)),
        ]),
        service_account: account(dice),
        several: dice.once_in(2),
        idle: dice.once_in(6),
        container_names: dice.some(2, |dice| ValueDigest::of(&format!("c{}", dice.roll(2)))).into_iter().collect(),
        containers: u16::from(dice.once_in(2)),
        claims: dice.some(3, claim).into_iter().collect(),
    }
}

fn account(dice: &mut Dice) -> Arc<str> {
    dice.pick(&["default", "admin"]).into()
}

fn claim(dice: &mut Dice) -> VolumeClaim {
    if dice.once_in(2) { VolumeClaim::Named("x0".into()) } else { VolumeClaim::PerPod(dice.some(2, |_| "x1".into())) }
}

/// Generates a pod, a ReplicaSet or a Job that refers to a controller.
fn child(dice: &mut Dice) -> Delta {
    let ObjectName { namespace, name } = object_name(dice, "w");
    let key = |kind, name: Arc<str>| WorkloadKey { namespace: namespace.clone(), kind, name };
    let (kind, owners) = match dice.roll(5) {
        0..3 => (WorkloadKind::Pod, [WorkloadKind::ReplicaSet, WorkloadKind::Job, WorkloadKind::DaemonSet]),
        3 => (WorkloadKind::ReplicaSet, [(); 3].map(|()| WorkloadKind::Deployment)),
        _ => (WorkloadKind::Job, [(); 3].map(|()| WorkloadKind::CronJob)),
    };
    let key_of_child = key(kind.clone(), name);
    let child = dice.object(|dice| {
        let controller =
            Controller { key: key(dice.pick(&owners), format!("w{}", dice.roll(3)).into()), uid: uid(dice) };
        let facts = (kind == WorkloadKind::Pod || !dice.once_in(4)).then(|| child_facts(dice));
        Box::new(ChildObject { controller, uid: uid(dice), created: 0, facts })
    });
    child.map_or_else(|| Delta::Workload(key_of_child.clone(), None), |child| Delta::Child(key_of_child.clone(), child))
}

fn child_facts(dice: &mut Dice) -> ChildFacts {
    let facts = workload_facts(dice);
    let added = if dice.once_in(2) { labels(&[("pod-template-hash", "a")]) } else { labels(&[]) };
    let container = |dice: &mut Dice| ContainerFacts {
        name: format!("c{}", dice.roll(2)).into(),
        shortcomings: set_of([
            (Shortcomings::UNPINNED_IMAGE, dice.once_in(2)),
            (Shortcomings::NO_MEMORY_LIMIT, dice.once_in(2)),
        ]),
    };
    let containers = dice.some(2, container).into_iter().collect();
    ChildFacts { counted: facts.triggers, facts, added, containers }
}

/// Generates one of two UIDs, so that half of the owner references are true.
fn uid(dice: &mut Dice) -> Arc<str> {
    dice.pick(&["u0", "u1"]).into()
}

/// Generates one of the twelve days up to [`TODAY`].
pub(super) fn some_day(dice: &mut Dice) -> Date {
    days_from_today(-i64::try_from(dice.roll(12)).unwrap())
}

/// Generates a change of an object that only signals read.
fn facts(dice: &mut Dice) -> Delta {
    let kind = dice.pick(&custom::fact_kinds());
    let name = object_name(dice, "x");
    let name = if kind.is_cross_namespace() && dice.once_in(2) {
        ObjectName { namespace: "velero".into(), ..name }
    } else if kind.is_cluster_scoped() {
        ObjectName::cluster(&name.name)
    } else {
        name
    };
    let facts = dice.object(|dice| match kind {
        FactKind::Budgets => {
            let pods = policy_facts(dice).pods;
            Facts::Budget(BudgetFacts { pods, blocks: dice.once_in(3) })
        }
        FactKind::Claims => Facts::Claim(dice.some(2, |_| "x1".into())),
        FactKind::StorageClasses => Facts::StorageClass(StorageClassFacts {
            provisioner: dice.pick(&["ebs.csi.aws.com", "disk.csi.azure.com"]).into(),
            encrypted: dice.some(2, |dice| dice.once_in(2)),
            is_default: dice.once_in(2),
        }),
        FactKind::Roles | FactKind::ClusterRoles => Facts::Role(RoleFacts {
            everything: dice.once_in(2),
            escalates: dice.once_in(3),
            reads_secrets: dice.once_in(3),
        }),
        FactKind::RoleBindings | FactKind::ClusterRoleBindings => Facts::Binding(BindingFacts {
            accounts: [(namespace(dice), account(dice))].into(),
            namespaces: dice.some(4, namespace).into_iter().collect(),
            all: dice.once_in(6),
            of_cluster_role: kind == FactKind::ClusterRoleBindings || dice.once_in(2),
            role: format!("x{}", dice.roll(3)).into(),
        }),
        FactKind::VulnerabilityReports | FactKind::ConfigAuditReports | FactKind::Reports | FactKind::PolicyReports => {
            let kind = dice.pick(&["Deployment", "ReplicaSet"]).into();
            let subject = KindAndName { kind, name: format!("w{}", dice.roll(3)).into() };
            let [failed, errors, passed] = [(); 3].map(|()| u32::from(dice.once_in(3)));
            let outcome = ResultCounts { failed, errors, passed };
            let container = dice.some(2, |_| "main".into());
            Facts::Report(ReportFacts { about: [(subject, outcome)].into(), day: dice.some(2, some_day), container })
        }
        FactKind::Certificates => Facts::Certificate(CertificateFacts {
            secret: tls_secret(dice),
            ready: dice.some(2, |dice| dice.once_in(2)),
            until: dice.some(2, |dice| days_from_today(i64::try_from(dice.roll(30)).unwrap())),
            renewal: dice.some(2, some_day),
        }),
        FactKind::Backups => Facts::Backup(BackupFacts {
            included: dice.some(2, namespace).into_iter().collect(),
            excluded: dice.some(4, namespace).into_iter().collect(),
            phase: dice.pick(&[BackupPhase::Completed, BackupPhase::Failed]),
            has_volumes: dice.once_in(2),
            at: some_day(dice).at(3, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp(),
        }),
        FactKind::Snapshots => {
            Facts::Snapshot(SnapshotFacts { claim: "x0".into(), ready: dice.once_in(2), day: some_day(dice) })
        }
        FactKind::Custom(_) => custom::findings(dice),
    });
    Delta::Facts(kind, name, facts)
}

fn app_name(dice: &mut Dice) -> &'static str {
    dice.pick(&["a", "b"])
}

fn placement(dice: &mut Dice) -> Placement {
    let anywhere = Placement { tolerations: [Toleration::default()].into(), ..Placement::default() };
    let required = |term: NodeTerm| Placement { affinity: Some([term].into()), ..Placement::default() };
    match dice.roll(9) {
        0 | 1 => Placement::default(),
        2 => anywhere,
        3 => Placement { node_selector: labels(&[("pool", "gpu")]), ..anywhere },
        4 => Placement { node_selector: labels(&[("pool", "cpu")]), ..Placement::default() },
        5 => required(NodeTerm::default()),
        6 => required(NodeTerm {
            name: [NodeRequirement::In(["n1".into(), "gk3-a".into()].into())].into(),
            ..NodeTerm::default()
        }),
        7 => Placement { node_name: Some("n0".into()), ..Placement::default() },
        _ => Placement { fargate: true, ..Placement::default() },
    }
}

fn service_facts(dice: &mut Dice) -> ServiceFacts {
    ServiceFacts {
        selector: if dice.once_in(4) { labels(&[]) } else { app(app_name(dice)) },
        published: dice.once_in(3),
        external_name: dice.once_in(3),
    }
}

fn service_name(dice: &mut Dice) -> Arc<str> {
    format!("s{}", dice.roll(3)).into()
}

fn route_facts(dice: &mut Dice) -> RouteFacts {
    let backend = |dice: &mut Dice| ObjectName { namespace: namespace(dice), name: service_name(dice) };
    let backends = (0..dice.roll(3)).map(|_| backend(dice)).collect();
    RouteFacts { backends, tls: dice.some(2, tls_secret).into_iter().collect() }
}

fn tls_secret(dice: &mut Dice) -> Arc<str> {
    format!("t{}", dice.roll(2)).into()
}

fn grant_facts(dice: &mut Dice) -> GrantFacts {
    let from = (0..=dice.roll(2)).map(|_| (dice.pick(&ROUTES), namespace(dice))).collect();
    GrantFacts { from, to: [dice.some(2, service_name)].into() }
}

fn policy_facts(dice: &mut Dice) -> PolicyFacts {
    let one = |app: &str| Selector::new(vec![Requirement::In("app".into(), vec![app.to_owned()])]);
    let pods = if dice.once_in(4) { None } else { one(app_name(dice)) };
    let ingress = dice.pick(&[IngressRules::Restricted, IngressRules::Ignored, IngressRules::Open]);
    PolicyFacts { pods, ingress }
}

fn namespace_facts(dice: &mut Dice, name: &str) -> NamespaceFacts {
    let tier = dice.pick(&["a", "b"]);
    let level = dice.pick(&["privileged", "restricted"]);
    let shown = [("kubernetes.io/metadata.name", name), ("tier", tier), ("pod-security.kubernetes.io/enforce", level)];
    NamespaceFacts { labels: labels(&shown), uid: "uid".into() }
}

fn node_facts(dice: &mut Dice) -> NodeFacts {
    let pool = dice.pick(&["cpu", "gpu"]);
    let shows = dice.pick(&[
        None,
        Some(("eks.amazonaws.com/compute-type", "auto")),
        Some(("eks.amazonaws.com/compute-type", "hybrid")),
        Some(("cloud.google.com/gke-nodepool", "main")),
        Some((CONTROL_PLANE_LABEL, "")),
    ]);
    let taints = match dice.roll(4) {
        3 => vec![("gpu", "yes", TaintEffect::NoSchedule)],
        2 => vec![("node.kubernetes.io/not-ready", "", TaintEffect::NoExecute)],
        _ => vec![],
    };
    NodeFacts {
        labels: [("pool", pool)].into_iter().chain(shows).collect(),
        taints: taints
            .into_iter()
            .map(|(key, value, effect)| Taint { key: key.into(), value: value.into(), effect })
            .collect(),
        provider_id: dice.pick(&["", "aws://zone/i-1", "kind://node"]).into(),
        kubelet_version: dice.pick(&["v1.37.0", "v1.37.0-eks-1"]).into(),
        created: dice.some(2, |dice| days_from_today(-20 - i64::try_from(dice.roll(3)).unwrap())),
        readiness: match dice.roll(4) {
            0 | 1 => Readiness::Ready,
            2 => Readiness::Unknown,
            _ => Readiness::Not(days_from_today(-i64::try_from(dice.roll(3)).unwrap())),
        },
    }
}

/// Returns the day so many days after [`TODAY`], or before it.
pub(super) fn days_from_today(days: i64) -> Date {
    TODAY.saturating_add(days.days())
}
