//! Generates the specs of assignments and service models.

use std::collections::BTreeMap;

use jiff::civil::Date;

use proptest::strategy::Strategy;

use super::generate::{Dice, NAMESPACES, days_from_today, from_dice};
use crate::api::{
    self, Acknowledgement, Agreement, AssignmentSpec, Cell, ClusterResponsibilityAssignmentSpec, Contact,
    DefinedHalves, DefinedPresence, DutyEntry, Evidence, Exception, LabelSelector, LabelSelectorRequirement,
    LabelValue, LayerDefinition, LayerName, Operator, Party, PartyName, Review, Role, ServiceModelSpec, Url,
};
use crate::facts::AssignmentId;
use crate::inventory::Inventory;
use crate::matrix::{Audience, Duty, Owes, Plane, ServiceModel};
use crate::model::{Assignment, compile};

/// The names of custom service models.
pub(super) const OWN_MODELS: [&str; 2] = ["own-a", "own-b"];
/// The service models that assignments name: built-in ones, custom ones that may exist, and one that never exists.
pub(super) const SERVICE_MODELS: [&str; 6] = [OWN_MODELS[0], "OnPremises", "SaaS", OWN_MODELS[1], "absent", "CaaS"];
/// The layers of custom service models.
const OWN_LAYERS: [&str; 2] = ["example.com/ai", "example.com/zz"];
const LAYERS: [&str; 9] = [
    "application-code",
    "data-protection",
    "backup-recovery",
    "network-segmentation",
    "node-os",
    "incident-response",
    "cloud-network",
    OWN_LAYERS[0],
    OWN_LAYERS[1],
];
const PARTIES: [(&str, Role); 4] =
    [("team", Role::Customer), ("cloud", Role::Provider), ("msp", Role::ThirdParty), ("platform", Role::Customer)];
/// Days around the dates on which results change: 30 days before, the day itself, the day after.
const DAYS: [i64; 16] = [0, 1, -1, 29, 30, 31, 60, -30, -31, -32, 365, 400, 401, -365, -396, -420];

/// Returns a day for the result of a roll.
pub(super) fn day(roll: usize) -> Date {
    days_from_today(DAYS[roll % DAYS.len()])
}

fn date(dice: &mut Dice) -> api::Date {
    api::Date(day(dice.roll(256)).to_string())
}

fn name(party: &str) -> PartyName {
    PartyName(party.to_owned())
}

fn layer_names(layers: impl IntoIterator<Item = &'static str>) -> Vec<LayerName> {
    layers.into_iter().map(|layer| LayerName(layer.to_owned())).collect()
}

fn party_name(dice: &mut Dice) -> PartyName {
    name(dice.pick(&PARTIES).0)
}

fn some_layers(dice: &mut Dice) -> Vec<LayerName> {
    // Some layers are more frequent, so that assignments give the same duties.
    let any = dice.pick(&LAYERS);
    let first = dice.pick(&[LAYERS[0], LAYERS[1], LAYERS[3], LAYERS[4], any]);
    let second = dice.some(2, |dice| dice.pick(&LAYERS)).filter(|second| *second != first);
    layer_names([first].into_iter().chain(second))
}

/// Generates the spec of an assignment of either kind.
pub(super) fn spec(dice: &mut Dice) -> ClusterResponsibilityAssignmentSpec {
    let model = |dice: &mut Dice| dice.pick(&SERVICE_MODELS).to_owned();
    let excluded = dice.some(2, |dice| dice.pick(&PARTIES).0);
    let parties = PARTIES.into_iter().filter(|(name, _)| Some(*name) != excluded);
    ClusterResponsibilityAssignmentSpec {
        namespace_selector: dice.some(2, namespace_selector),
        assignment: AssignmentSpec {
            selector: dice.some(3, |dice| one_of("app", dice.pick(&["a", "b"]))),
            service_model: dice.some(3, model),
            declares: layer_names(
                dice.some(4, |dice| dice.pick(&["client-devices", OWN_LAYERS[0], "external-services"])),
            ),
            accountable: dice.some(4, party_name),
            parties: parties.map(|(name, role)| party(dice, name, role)).collect(),
            duties: (0..dice.roll(5)).map(|_| duty(dice)).collect(),
            exceptions: dice.some(4, exception).into_iter().collect(),
            review: dice.some(3, |dice| Review {
                last_at: date(dice),
                every_days: dice.some(3, |_| 30),
                grace_days: dice.some(3, |_| 0),
            }),
        },
    }
}

fn one_of(key: &str, value: &str) -> LabelSelector {
    let match_labels = BTreeMap::from([(key.to_owned(), LabelValue(value.to_owned()))]);
    LabelSelector { match_labels, match_expressions: vec![] }
}

fn namespace_selector(dice: &mut Dice) -> LabelSelector {
    if dice.once_in(3) {
        let key = "kubernetes.io/metadata.name".to_owned();
        let values = vec![dice.pick(&NAMESPACES).to_owned()];
        let match_expressions = vec![LabelSelectorRequirement { key, operator: Operator::NotIn, values }];
        return LabelSelector { match_labels: BTreeMap::new(), match_expressions };
    }
    let named = ("kubernetes.io/metadata.name", dice.pick(&NAMESPACES));
    let (key, value) = dice.pick(&[named, named, ("tier", "a")]);
    one_of(key, value)
}

fn party(dice: &mut Dice, party: &str, role: Role) -> Party {
    Party {
        name: name(party),
        role: if dice.once_in(6) { dice.pick(&[Role::Customer, Role::Provider]) } else { role },
        contact: dice.some(2, |_| Contact { email: None, url: None, escalation: Some("#shop".to_owned()) }),
        accepts: dice.some(3, some_layers),
        acknowledgement: dice.some(2, |dice| Acknowledgement {
            by: "lead".to_owned(),
            at: date(dice),
            digest: dice.some(2, |_| "of-other-duties".to_owned()),
        }),
        evidence: (0..dice.roll(3)).map(|_| evidence(dice)).collect(),
    }
}

fn evidence(dice: &mut Dice) -> Evidence {
    let (period_end, valid_until) = if dice.once_in(2) { (Some(date(dice)), None) } else { (None, Some(date(dice))) };
    Evidence {
        kind: "SOC2TypeII".to_owned(),
        uri: None,
        period_end,
        valid_until,
        layers: dice.some(2, some_layers),
        reviewed_by: None,
        reviewed_at: None,
    }
}

fn duty(dice: &mut Dice) -> DutyEntry {
    let (provider, customer) = match dice.roll(3) {
        0 => (None, Some(party_name(dice))),
        1 => (Some(party_name(dice)), None),
        _ => (Some(name("cloud")), Some(party_name(dice))),
    };
    DutyEntry {
        layers: some_layers(dice),
        provider,
        customer,
        accountable: dice.some(5, party_name),
        agreement: dice.some(3, |dice| Agreement {
            uri: Url("https://contracts.example/42".to_owned()),
            kind: None,
            valid_until: dice.some(2, date),
            layers: dice.some(3, some_layers),
        }),
    }
}

fn exception(dice: &mut Dice) -> Exception {
    Exception {
        layer: LayerName(dice.pick(&LAYERS).to_owned()),
        reason: "a cache".to_owned(),
        approved_by: "cto".to_owned(),
        until: date(dice),
    }
}

/// Generates the spec of a service model, which is sometimes invalid.
pub(super) fn service_model(dice: &mut Dice) -> ServiceModelSpec {
    let cell = |dice: &mut Dice| Cell {
        layer: LayerName(dice.pick(&["node-os", "application-code", "cloud-network", "access-control"]).to_owned()),
        owes: dice.pick(&[Owes::Shared, Owes::Customer, Owes::Provider]),
        source: "contract".to_owned(),
    };
    let layers = dice.subset(&OWN_LAYERS);
    ServiceModelSpec {
        extends: dice.pick(&[ServiceModel::Caas, ServiceModel::OnPremises, ServiceModel::Saas]),
        cells: dice.some(2, cell).into_iter().collect(),
        layers: layers.into_iter().map(|layer| own_layer(dice, layer)).collect(),
    }
}

fn own_layer(dice: &mut Dice, layer: &str) -> LayerDefinition {
    LayerDefinition {
        name: LayerName(layer.to_owned()),
        meaning: dice.pick(&["models", "models", "models", "agents"]).to_owned(),
        plane: Plane::Workload,
        concern: Audience::Workload,
        presence: if dice.once_in(4) { DefinedPresence::Declared } else { DefinedPresence::Inherent },
        owes: dice.pick(&[Owes::Customer, Owes::Shared, Owes::Provider]),
        halves: Some(DefinedHalves { provider: "runs it".to_owned(), customer: "chooses it".to_owned() }),
        source: "policy".to_owned(),
    }
}

/// Generates an assignment that gives duties to parties of its own and has no exceptions. True for a cluster
/// assignment.
pub(super) fn fresh_claims() -> impl Strategy<Value = (bool, ClusterResponsibilityAssignmentSpec)> {
    from_dice(|dice| {
        let party = |name: &str, role| party(&mut Dice::zeros(), name, role);
        let duty = |dice: &mut Dice| {
            let (provider, customer) = match dice.roll(3) {
                0 => (None, Some(name("fresh-team"))),
                1 => (Some(name("fresh-cloud")), None),
                _ => (Some(name("fresh-cloud")), Some(name("fresh-team"))),
            };
            DutyEntry { layers: some_layers(dice), provider, customer, accountable: None, agreement: None }
        };
        let cluster = dice.once_in(2);
        let assignment = AssignmentSpec {
            selector: dice.some(3, |dice| one_of("app", dice.pick(&["a", "b"]))),
            parties: vec![party("fresh-team", Role::Customer), party("fresh-cloud", Role::Provider)],
            duties: (0..=dice.roll(4)).map(|_| duty(dice)).collect(),
            ..AssignmentSpec::default()
        };
        let namespace_selector = dice.some(3, namespace_selector).filter(|_| cluster);
        (cluster, ClusterResponsibilityAssignmentSpec { namespace_selector, assignment })
    })
}

/// Removes the duties that another assignment of the same rank gives to a party.
pub(super) fn without_contradiction(
    inventory: &Inventory,
    id: &AssignmentId,
    mut spec: ClusterResponsibilityAssignmentSpec,
) -> ClusterResponsibilityAssignmentSpec {
    let matrix = inventory.matrix();
    let this = compile(matrix, inventory.today(), id.clone(), &spec);
    let others: Vec<_> = inventory.assignment_specs.keys().filter_map(|id| inventory.assignment(id)).collect();
    let contradicts = |LayerName(name): &LayerName, duty| {
        let Some(layer) = matrix.find(name) else { return false };
        let rank = |assignment: &Assignment| assignment.rank(matrix.layer(layer).concern, duty);
        others.iter().any(|other| rank(other) == rank(&this) && other.claims_about(layer, duty).next().is_some())
    };
    for entry in &mut spec.assignment.duties {
        let (provider, customer) = (entry.provider.is_some(), entry.customer.is_some());
        entry.layers.retain(|layer| {
            let halves = [(provider, Duty::Provider), (customer, Duty::Customer)];
            halves.into_iter().all(|(given, duty)| !given || !contradicts(layer, duty))
        });
    }
    spec
}
