//! Cases of the core benchmarks: the work for one event in a loaded cluster, and the work for all objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;
use responsibility_operator::api::AssignmentStatus;
use responsibility_operator::facts::{AssignmentId, Delta, Listed, ListedKind, PolicyCoverage, WorkloadKind};
use responsibility_operator::inventory::{Inventory, InventoryOptions};
use responsibility_operator::matrix::Matrix;
use responsibility_operator::model::{
    Acceptance, Assignment, Catalogue, Completeness, Directory, Evaluation, EvaluationSettings, NodeModels,
    SchedulableNodes, StatusInput, WorkloadView, evaluate, status,
};
use serde_json::{Value, json};

use crate::read::Sent;
use crate::world::{Object, World};

/// Measured clusters.
pub const WORLDS: [World; 4] = [
    World { workloads: 1_000, assignments: 200 },
    World { workloads: 10_000, assignments: 200 },
    World { workloads: 50_000, assignments: 200 },
    World { workloads: 10_000, assignments: 5_000 },
];

/// Date of all evaluations.
const TODAY: jiff::civil::Date = date(2026, 11, 24);

/// Returns all objects of a cluster as the API server lists them.
#[must_use]
pub fn all(world: World) -> Vec<Sent> {
    let objects = world.surroundings().chain(world.assignments()).chain(world.workloads());
    objects.map(|object| Sent::listed(&object)).collect()
}

/// Creates an empty index that defers evaluation until it is loaded. Its operator may read NetworkPolicies.
#[must_use]
pub fn empty() -> Inventory {
    let mut inventory = Inventory::new(InventoryOptions::default(), TODAY).deferred();
    inventory.apply(Delta::PolicyCoverage(PolicyCoverage::Complete));
    inventory
}

/// Creates an index and applies these changes.
#[must_use]
pub fn load(deltas: impl IntoIterator<Item = Delta>) -> Inventory {
    let mut inventory = empty();
    deltas.into_iter().for_each(|delta| drop(inventory.apply(delta)));
    inventory.catch_up();
    inventory
}

/// Repeatable event. Every second turn restores the original state.
#[derive(Debug)]
pub struct Event {
    /// Name of the benchmark.
    pub name: &'static str,
    turns: [Sent; 2],
    turn: usize,
}

impl Event {
    const fn new(name: &'static str, turns: [Sent; 2]) -> Self {
        Self { name, turns, turn: 0 }
    }

    /// Returns the change of the next turn.
    pub fn next_change(&mut self) -> Delta {
        self.turn += 1;
        self.turns[(self.turn - 1) % 2].read()
    }
}

/// Returns the Deployment of the events: the first one in a namespace with an assignment.
fn deployment(world: World) -> Object {
    // The second cluster assignment also selects every fifth namespace, starting with the first.
    let is_common = |object: &Object| object.body["metadata"]["namespace"] != "team-000";
    world.workloads().find(|object| object.is_deployment() && is_common(object)).expect("most are Deployments")
}

/// Returns the Deployment as the API server lists it.
#[must_use]
pub fn listed_deployment(world: World) -> Sent {
    Sent::listed(&deployment(world))
}

/// Returns one event of each kind.
///
/// # Panics
///
/// If the Deployments of the world have no volumes.
#[must_use]
pub fn events(world: World) -> Vec<Event> {
    let plain = deployment(world);
    let metadata = &plain.body["metadata"];
    let (name, namespace) = (&metadata["name"], &metadata["namespace"]);
    let in_namespace = |api: &str, plural: &str, kind: &str, spec: Value| {
        let metadata = json!({ "name": "another", "namespace": namespace });
        Object::new(api, plural, json!({ "apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec }))
    };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut object = plain.clone();
        change(&mut object.body);
        object
    };
    let with_claim = with(&|body| {
        let claim = json!({ "name": "data", "persistentVolumeClaim": { "claimName": "data" } });
        let volumes = body["spec"]["template"]["spec"]["volumes"].as_array_mut();
        volumes.expect("each Deployment of the world has volumes").push(claim);
    });
    let touched = with(&|body| {
        body["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2".into();
        body["status"] = json!({ "observedGeneration": 1, "replicas": 3, "readyReplicas": 3 });
    });
    let another = with(&|body| body["metadata"]["name"] = "another".into());
    let pods = json!({ "app.kubernetes.io/name": name });
    let published = json!({ "type": "LoadBalancer", "selector": pods, "ports": [{ "port": 80 }] });
    let service = in_namespace("v1", "services", "Service", published);
    let deny = json!({ "podSelector": { "matchLabels": pods }, "policyTypes": ["Egress"] });
    let policy = in_namespace("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", deny);
    let comes_and_goes = |name, object| Event::new(name, [Sent::listed(object), Sent::deleted(object)]);
    vec![
        Event::new("apply-deployment-changed", [Sent::listed(&with_claim), Sent::listed(&plain)]),
        Event::new("apply-deployment-touched", [Sent::listed(&touched), Sent::listed(&plain)]),
        comes_and_goes("apply-deployment-added-or-removed", &another),
        comes_and_goes("apply-service-added-or-removed", &service),
        comes_and_goes("apply-policy-added-or-removed", &policy),
    ]
}

/// Returns a complete list of Deployments without a change, and their number.
#[must_use]
pub fn relisted(all: &[Sent]) -> (Delta, usize) {
    let mut listed = Listed::empty(ListedKind::Workloads(WorkloadKind::Deployment), None);
    for delta in all.iter().map(Sent::read) {
        if matches!(&delta, Delta::Workload(key, _) if key.kind == WorkloadKind::Deployment) {
            listed.insert(&delta);
        }
    }
    let deployments = listed.names.len();
    (Delta::Relisted(listed), deployments)
}

/// Evaluation of the Deployment with the assignments that select it.
#[derive(Debug)]
pub struct Evaluated {
    settings: EvaluationSettings,
    catalogue: Arc<Catalogue>,
    view: WorkloadView,
    assignments: Vec<Arc<Assignment>>,
    directory: Directory,
}

impl Evaluated {
    /// Returns the evaluation as in an index of the whole cluster. `selecting` are the assignments that select the
    /// Deployment.
    #[must_use]
    pub fn new(world: World, inventory: &Inventory, selecting: &[AssignmentId]) -> Self {
        let Delta::Workload(_, Some(workload)) = listed_deployment(world).read() else {
            unreachable!("a Deployment counts")
        };
        let nodes = world.surroundings().filter(|object| object.body["kind"] == "Node").take(1);
        let classes = nodes.filter_map(|node| match Sent::listed(&node).read() {
            Delta::Node(name, Some(facts)) => Some(NodeModels::default().classify(&name, &facts, false)),
            _ => None,
        });
        let view = WorkloadView {
            triggers: workload.facts.triggers,
            host: workload.facts.host,
            nodes: SchedulableNodes::of(classes, true),
            unsegmented: true,
            ..WorkloadView::default()
        };
        let assignments: Vec<_> = selecting.iter().filter_map(|id| inventory.assignment(id).cloned()).collect();
        let of_cluster = assignments.iter().filter(|assignment| assignment.id.is_cluster());
        let directory = Directory::new(of_cluster.map(AsRef::as_ref));
        Self {
            settings: EvaluationSettings::default(),
            catalogue: inventory.catalogue().clone(),
            view,
            assignments,
            directory,
        }
    }

    /// Evaluates the Deployment.
    #[must_use]
    pub fn evaluate(&self) -> Evaluation {
        let assignments: Vec<&Assignment> = self.assignments.iter().map(AsRef::as_ref).collect();
        evaluate(Matrix::built_in(), &self.settings, &self.catalogue, &self.view, &assignments, &self.directory)
    }
}

/// Returns the assignments whose results change with the Deployment. The index is unchanged afterwards.
pub fn changed_assignments(inventory: &mut Inventory, world: World) -> Vec<AssignmentId> {
    let turns = events(world).into_iter().take(1).flat_map(|mut event| [event.next_change(), event.next_change()]);
    let changed: BTreeSet<AssignmentId> = turns.flat_map(|delta| inventory.apply(delta).assignments).collect();
    changed.into_iter().collect()
}

/// Returns the name of the benchmark for the reconciliation of an assignment.
#[must_use]
pub const fn reconciliation(id: &AssignmentId) -> &'static str {
    if id.is_cluster() { "reconcile-cluster-assignment" } else { "reconcile-assignment" }
}

/// Computes the status of an assignment as a reconciliation does before a write.
///
/// # Panics
///
/// If the index does not have the assignment.
#[must_use]
pub fn reconciled(inventory: &Inventory, id: &AssignmentId, previous: &AssignmentStatus) -> AssignmentStatus {
    let roll_up = inventory.roll_up(id).expect("the assignment is in the index");
    let subject = StatusInput {
        id,
        generation: Some(1),
        acceptance: &Acceptance::Accepted { unknown_layers: Vec::new() },
        completeness: &Completeness::default(),
        roll_up: &roll_up,
        catalogue: inventory.catalogue(),
        assignment: inventory.assignment(id).map(AsRef::as_ref),
    };
    status(inventory.matrix(), &subject, previous, Timestamp::UNIX_EPOCH)
}
