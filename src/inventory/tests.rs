//! The index against a plain evaluation of everything it was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::api::Role;
use crate::matrix::{Duty, LayerSet, ServiceModel, Signal, Signals};
use crate::model::testing::silent;
use crate::model::{Claim, Directory, ModelClaim, PartyDeclaration, PodLabels, Requirement, Selector, ValueDigest};

/// Two ordinary namespaces and one that is left out unless it is named.
const NAMESPACES: [&str; 3] = ["shop", "bank", "kube-system"];
const KINDS: [WorkloadKind; 2] = [WorkloadKind::Deployment, WorkloadKind::Pod];
const SETTINGS: Settings =
    Settings { default_model: Some(ServiceModel::Caas), provider_duties: crate::model::ProviderDuties::Assume };

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn left_out() -> impl Iterator<Item = String> {
    LEFT_OUT.split(',').map(str::to_owned)
}

fn inventory() -> Inventory {
    Inventory::new(SETTINGS, left_out())
}

fn namespace() -> impl Strategy<Value = Arc<str>> {
    (0..NAMESPACES.len()).prop_map(|at| NAMESPACES[at].into())
}

fn object_name(prefix: &'static str) -> impl Strategy<Value = ObjectName> {
    (namespace(), 0..3)
        .prop_map(move |(namespace, number)| ObjectName { namespace, name: format!("{prefix}{number}").into() })
}

fn workload_key() -> impl Strategy<Value = WorkloadKey> {
    (object_name("w"), 0..KINDS.len()).prop_map(|(ObjectName { namespace, name }, kind)| WorkloadKey {
        namespace,
        kind: KINDS[kind],
        name,
    })
}

fn app() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b")]
}

fn workload_facts() -> impl Strategy<Value = WorkloadFacts> {
    (app(), app(), any::<bool>(), any::<bool>(), 0..4).prop_map(|(own, pods, storage, secrets, called)| WorkloadFacts {
        labels: labels(&[("app", own)]),
        pods: PodLabels { template: labels(&[("app", pods)]), ordinals_of: None },
        signals: Signals::default().with_if(Signal::Storage, storage).with_if(Signal::Secrets, secrets),
        env_values: [ValueDigest::of(&format!("s{called}"))].into(),
    })
}

fn service_facts() -> impl Strategy<Value = ServiceFacts> {
    (option::of(app()), any::<bool>(), any::<bool>()).prop_map(|(app, published, external_name)| ServiceFacts {
        selector: app.map(|app| labels(&[("app", app)])).unwrap_or_default(),
        published,
        external_name,
    })
}

fn ingress_facts() -> impl Strategy<Value = IngressFacts> {
    proptest::collection::btree_set(0..3, 0..3).prop_map(|services| IngressFacts {
        services: services.into_iter().map(|number| format!("s{number}").into()).collect(),
    })
}

fn selector(key: &'static str, values: &'static [&'static str]) -> impl Strategy<Value = Option<Selector>> {
    option::of(0..values.len()).prop_map(move |at| {
        Selector::new(at.map(|at| Requirement::In(key.to_owned(), vec![values[at].to_owned()])).into_iter().collect())
    })
}

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    let layer = prop_oneof![Just("application-code"), Just("node-os"), Just("data-protection")];
    let claim = (layer, any::<bool>(), prop_oneof![Just("team"), Just("cloud"), Just("nobody")]);
    vec(claim, 0..4).prop_map(|claims| {
        let mut claims: Vec<Claim> = claims
            .into_iter()
            .map(|(layer, provider, party)| Claim {
                layer: Matrix::built_in().find(layer).unwrap(),
                duty: if provider { Duty::Provider } else { Duty::Customer },
                party: party.into(),
                accountable: None,
                agreement: false,
            })
            .collect();
        claims.sort_by_key(|claim| (claim.layer, claim.duty));
        claims
    })
}

fn parties() -> impl Strategy<Value = BTreeMap<Arc<str>, PartyDeclaration>> {
    let role = prop_oneof![Just(Role::Customer), Just(Role::Provider)];
    let name = prop_oneof![Just("team"), Just("cloud")];
    vec((name, role), 0..3).prop_map(|parties| {
        parties.into_iter().map(|(name, role)| (name.into(), PartyDeclaration { role, accepts: None })).collect()
    })
}

fn assignment_id() -> impl Strategy<Value = AssignmentId> {
    (option::of(namespace()), 0..2)
        .prop_map(|(namespace, number)| AssignmentId { namespace, name: format!("r{number}").into() })
}

fn assignment() -> impl Strategy<Value = (AssignmentId, Option<Box<Assignment>>)> {
    let namespaces = selector("kubernetes.io/metadata.name", &NAMESPACES);
    let model = prop_oneof![
        3 => Just(None),
        1 => Just(Some(ModelClaim::BuiltIn(ServiceModel::OnPremises))),
        1 => Just(Some(ModelClaim::NotFound("Unheard".into()))),
    ];
    let content = (selector("app", &["a", "b"]), namespaces, model, any::<bool>(), parties(), claims());
    (assignment_id(), option::weighted(0.8, content)).prop_map(|(id, content)| {
        let assignment = content.map(|(selector, namespace_selector, model, devices, parties, claims)| {
            let declares = if devices { Matrix::built_in().find("client-devices") } else { None };
            Box::new(Assignment {
                id: id.clone(),
                selector,
                namespace_selector: namespace_selector.filter(|_| id.is_cluster()),
                model,
                declares: declares.into_iter().collect::<LayerSet>(),
                parties,
                claims,
                unknown_layers: vec![],
            })
        });
        (id, assignment)
    })
}

/// A change, or the kind whose objects a relist misses by the bits of a number.
#[derive(Clone, Debug)]
enum Step {
    Change(Delta),
    Relist(u8, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mostly = 0.75;
    let change = prop_oneof![
        4 => (workload_key(), option::weighted(mostly, workload_facts())).prop_map(|(k, f)| Delta::Workload(k, f)),
        3 => (object_name("s"), option::weighted(mostly, service_facts())).prop_map(|(n, f)| Delta::Service(n, f)),
        2 => (object_name("i"), option::weighted(mostly, ingress_facts())).prop_map(|(n, f)| Delta::Ingress(n, f)),
        1 => (namespace(), option::weighted(mostly, app()))
            .prop_map(|(name, app)| Delta::Namespace(name.clone(), app.map(|app| labels(&[
                ("kubernetes.io/metadata.name", &name), ("tier", app),
            ])))),
        3 => assignment().prop_map(|(id, assignment)| Delta::Assignment(id, assignment)),
    ];
    let step = prop_oneof![
        9 => change.prop_map(Step::Change),
        1 => (0..6_u8, any::<u64>()).prop_map(|(kind, missing)| Step::Relist(kind, missing)),
    ];
    vec(step, 1..60)
}

/// Everything that the index was told, as plain maps.
#[derive(Clone, Debug, Default)]
struct World {
    workloads: BTreeMap<WorkloadKey, WorkloadFacts>,
    services: BTreeMap<ObjectName, ServiceFacts>,
    ingresses: BTreeMap<ObjectName, IngressFacts>,
    namespaces: BTreeMap<Arc<str>, Labels>,
    assignments: BTreeMap<AssignmentId, Assignment>,
}

fn keep<K: Ord + Clone + std::hash::Hash, V>(map: &mut BTreeMap<K, V>, missing: u64) -> HashSet<K> {
    let mut bit = 0;
    map.retain(|_, _| {
        bit += 1;
        missing >> (bit % 64) & 1 == 0
    });
    map.keys().cloned().collect()
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

impl World {
    /// Takes a step here and returns what the index is told of it.
    fn take(&mut self, step: Step) -> Delta {
        match step {
            Step::Change(delta) => {
                match delta.clone() {
                    Delta::Workload(key, facts) => set(&mut self.workloads, key, facts),
                    Delta::Service(name, facts) => set(&mut self.services, name, facts),
                    Delta::Ingress(name, facts) => set(&mut self.ingresses, name, facts),
                    Delta::Namespace(name, labels) => set(&mut self.namespaces, name, labels),
                    Delta::Assignment(id, assignment) => set(&mut self.assignments, id, assignment.map(|boxed| *boxed)),
                    Delta::Relisted(_) => unreachable!("changes are no relists"),
                }
                delta
            }
            Step::Relist(0, missing) => Delta::Relisted(Listed::Services(keep(&mut self.services, missing))),
            Step::Relist(1, missing) => Delta::Relisted(Listed::Ingresses(keep(&mut self.ingresses, missing))),
            Step::Relist(2, missing) => Delta::Relisted(Listed::Namespaces(keep(&mut self.namespaces, missing))),
            Step::Relist(kind @ (3 | 4), missing) => {
                let cluster = kind == 3;
                let (mut of_kind, others) = std::mem::take(&mut self.assignments)
                    .into_iter()
                    .partition::<BTreeMap<_, _>, _>(|(id, _)| id.is_cluster() == cluster);
                let ids = keep(&mut of_kind, missing);
                self.assignments = others.into_iter().chain(of_kind).collect();
                Delta::Relisted(Listed::Assignments { cluster, ids })
            }
            Step::Relist(_, missing) => {
                let (mut of_kind, others) = std::mem::take(&mut self.workloads)
                    .into_iter()
                    .partition::<BTreeMap<_, _>, _>(|(key, _)| key.kind == KINDS[0]);
                let keys = keep(&mut of_kind, missing);
                self.workloads = others.into_iter().chain(of_kind).collect();
                Delta::Relisted(Listed::Workloads(KINDS[0], keys))
            }
        }
    }

    fn takes_in(&self, assignment: &Assignment, namespace: &Arc<str>) -> bool {
        let named = labels(&[("kubernetes.io/metadata.name", namespace)]);
        let labels = self.namespaces.get(namespace).unwrap_or(&named);
        assignment.id.is_cluster() && assignment.namespace_selector.as_ref().is_none_or(|s| s.matches(labels))
    }

    fn signals(&self, key: &WorkloadKey, facts: &WorkloadFacts) -> Signals {
        let mut signals = facts.signals;
        for (name, service) in self.services.iter().filter(|(name, _)| name.namespace == key.namespace) {
            let ingresses = self.ingresses.iter().filter(|(ingress, _)| ingress.namespace == key.namespace);
            let routed = ingresses.into_iter().any(|(_, ingress)| ingress.services.contains(&name.name));
            let selected = facts.pods.selected_by(&service.selector);
            let called = service.external_name && facts.env_values.contains(&ValueDigest::of(&name.name));
            signals = signals
                .with_if(Signal::Published, selected && (service.published || routed))
                .with_if(Signal::ExternalServices, called);
        }
        signals
    }

    /// The totals of every assignment, computed from nothing but the maps.
    fn roll_ups(&self) -> BTreeMap<AssignmentId, RollUp> {
        let mut members: BTreeMap<AssignmentId, Members> =
            self.assignments.keys().map(|id| (id.clone(), Members::new())).collect();
        for (key, facts) in &self.workloads {
            let taking_in: Vec<&Assignment> =
                self.assignments.values().filter(|a| self.takes_in(a, &key.namespace)).collect();
            let names_it = |a: &&Assignment| {
                a.namespace_selector.as_ref().is_some_and(|s| s.names("kubernetes.io/metadata.name", &key.namespace))
            };
            if LEFT_OUT.split(',').any(|name| name == &*key.namespace) && !taking_in.iter().any(names_it) {
                continue;
            }
            let own = self.assignments.values().filter(|a| a.id.namespace.as_ref() == Some(&key.namespace));
            let selecting: Vec<&Assignment> = taking_in
                .iter()
                .copied()
                .chain(own)
                .filter(|a| a.selector.as_ref().is_none_or(|s| s.matches(&facts.labels)))
                .collect();
            let directory = Directory::new(taking_in.iter().copied());
            let signals = self.signals(key, facts);
            let found = Arc::new(evaluate(Matrix::built_in(), &SETTINGS, signals, &selecting, &directory));
            for assignment in selecting {
                let classes = members.entry(assignment.id.clone()).or_default();
                classes.entry(found.clone()).or_default().insert(Arc::new(key.clone()));
            }
        }
        let platform_elsewhere = |id: &AssignmentId| {
            id.namespace.as_ref().is_some_and(|ns| self.assignments.values().any(|a| self.takes_in(a, ns)))
        };
        members
            .into_iter()
            .map(|(id, members)| {
                let named = |a: &Assignment| {
                    let selector = a.namespace_selector.as_ref();
                    let namespace = id.namespace.as_ref();
                    selector
                        .zip(namespace)
                        .is_some_and(|(s, ns)| self.takes_in(a, ns) && s.names("kubernetes.io/metadata.name", ns))
                };
                let left_out = id.namespace.as_ref().is_some_and(|ns| LEFT_OUT.split(',').any(|name| name == &**ns))
                    && !self.assignments.values().any(named);
                let roll_up = RollUp::new(Matrix::built_in(), &members, platform_elsewhere(&id));
                let roll_up = RollUp { left_out, ..roll_up };
                (id, roll_up)
            })
            .collect()
    }
}

fn roll_ups(inventory: &Inventory) -> BTreeMap<AssignmentId, RollUp> {
    inventory.members.keys().map(|id| (id.clone(), inventory.roll_up(id).unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// After every change, duplicate and relist the index holds what an evaluation from scratch finds, and it names every
    /// assignment whose result changed.
    #[test]
    fn any_sequence_of_changes_gives_the_same_as_evaluating_from_scratch(steps in steps()) {
        let mut world = World::default();
        let mut inventory = inventory();
        let mut before = BTreeMap::new();
        for step in steps {
            let delta = world.take(step);
            let changed = inventory.apply(delta.clone());
            let after = roll_ups(&inventory);
            prop_assert_eq!(&after, &world.roll_ups());
            for (id, roll_up) in &after {
                prop_assert!(before.get(id) == Some(roll_up) || changed.contains(id), "{} changed unnoticed", id);
            }
            for id in &changed {
                prop_assert!(after.contains_key(id), "{} is gone and cannot change", id);
            }
            prop_assert!(inventory.apply(delta).is_empty(), "the same change again changes nothing");
            before = after;
        }
    }

    /// Nothing is left behind by what is gone.
    #[test]
    fn an_index_that_was_told_that_everything_is_gone_is_empty(steps in steps()) {
        let mut inventory = inventory();
        let mut world = World::default();
        for step in steps {
            inventory.apply(world.take(step));
        }
        for kind in 0..6 {
            inventory.apply(world.take(Step::Relist(kind, u64::MAX)));
        }
        inventory.apply(Delta::Relisted(Listed::Workloads(KINDS[1], HashSet::new())));
        prop_assert!(inventory.namespaces.is_empty() && inventory.members.is_empty());
    }

    /// One tenant's objects never change another tenant's results.
    #[test]
    fn what_happens_in_one_namespace_leaves_the_results_of_another_alone(steps in steps(), noise in steps()) {
        let mut inventory = inventory();
        let mut world = World::default();
        for step in steps {
            inventory.apply(world.take(step));
        }
        let of_shop = |inventory: &Inventory| -> BTreeMap<AssignmentId, RollUp> {
            roll_ups(inventory).into_iter().filter(|(id, _)| id.namespace.as_deref() == Some("shop")).collect()
        };
        let before = of_shop(&inventory);
        for step in noise {
            if let Step::Change(delta) = step && is_of_tenant(&delta, "bank") {
                let changed = inventory.apply(delta);
                prop_assert!(changed.iter().all(|id| id.namespace.as_deref() != Some("shop")));
            }
        }
        prop_assert_eq!(of_shop(&inventory), before);
    }
}

fn is_of_tenant(delta: &Delta, tenant: &str) -> bool {
    match delta {
        Delta::Workload(key, _) => &*key.namespace == tenant,
        Delta::Service(name, _) | Delta::Ingress(name, _) => &*name.namespace == tenant,
        Delta::Namespace(name, _) => &**name == tenant,
        Delta::Assignment(id, _) => id.namespace.as_deref() == Some(tenant),
        Delta::Relisted(_) => false,
    }
}

fn named(namespace: &str, name: &str) -> ObjectName {
    ObjectName { namespace: namespace.into(), name: name.into() }
}

fn key(namespace: &str, name: &str) -> WorkloadKey {
    WorkloadKey { namespace: namespace.into(), kind: WorkloadKind::Deployment, name: name.into() }
}

fn plain(id: AssignmentId) -> Box<Assignment> {
    Box::new(silent(id))
}

fn facts_of(app: &str) -> WorkloadFacts {
    WorkloadFacts {
        labels: labels(&[("app", app)]),
        pods: PodLabels { template: labels(&[("app", app)]), ordinals_of: None },
        ..WorkloadFacts::default()
    }
}

/// 1,000 workloads in 100 namespaces, each namespace with an assignment, and one cluster assignment.
fn large() -> Inventory {
    let mut inventory = inventory();
    for namespace in 0..100 {
        let namespace: Arc<str> = format!("team-{namespace}").into();
        let id = AssignmentId { namespace: Some(namespace.clone()), name: "all".into() };
        inventory.apply(Delta::Assignment(id.clone(), Some(plain(id))));
        for number in 0..10 {
            let name = format!("app-{number}");
            inventory.apply(Delta::Workload(key(&namespace, &name), Some(facts_of(&name))));
        }
    }
    let id = AssignmentId { namespace: None, name: "platform".into() };
    inventory.apply(Delta::Assignment(id.clone(), Some(plain(id))));
    inventory
}

#[test]
fn a_change_evaluates_what_it_touches_and_no_more() {
    let mut inventory = large();
    let mut cost = |delta: Delta| {
        let before = inventory.evaluated();
        let changed: BTreeSet<String> = inventory.apply(delta).iter().map(ToString::to_string).collect();
        (inventory.evaluated() - before, changed)
    };
    let concerned = || BTreeSet::from(["platform".to_owned(), "team-7/all".to_owned()]);
    let published = ServiceFacts { selector: labels(&[("app", "app-3")]), published: true, external_name: false };
    let service = || Delta::Service(named("team-7", "web"), Some(published.clone()));
    assert_eq!(cost(service()), (2, concerned()), "one workload, two assignments");
    assert_eq!(cost(service()), (0, BTreeSet::new()), "nothing new");
    let unchanged = Delta::Workload(key("team-7", "app-3"), Some(facts_of("app-3")));
    assert_eq!(cost(unchanged), (0, BTreeSet::new()), "a change of status only");
    assert_eq!(cost(Delta::Workload(key("team-7", "app-3"), None)), (0, concerned()));
    assert_eq!(cost(Delta::Workload(key("team-7", "new"), Some(facts_of("app-3")))), (2, concerned()));
}

#[test]
fn a_namespace_that_is_left_out_is_counted_and_comes_back_when_it_is_named() {
    let mut inventory = inventory();
    let everywhere = AssignmentId { namespace: None, name: "everywhere".into() };
    inventory.apply(Delta::Assignment(everywhere.clone(), Some(plain(everywhere.clone()))));
    inventory.apply(Delta::Workload(key("kube-system", "dns"), Some(facts_of("dns"))));
    assert_eq!(inventory.workloads(), (1, 1));
    assert_eq!(inventory.roll_up(&everywhere).unwrap().workloads, 0);
    let system = AssignmentId { namespace: None, name: "system".into() };
    let name = Requirement::In("kubernetes.io/metadata.name".into(), vec!["kube-system".into()]);
    let naming = Assignment { namespace_selector: Selector::new(vec![name]), ..*plain(system.clone()) };
    inventory.apply(Delta::Assignment(system.clone(), Some(Box::new(naming))));
    assert_eq!(inventory.workloads(), (1, 0));
    assert_eq!(inventory.roll_up(&system).unwrap().workloads, 1);
}
