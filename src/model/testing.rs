//! Builders for the tests of the model: assignments in a few words, workloads, and what was found for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::assignment::{Assignment, AssignmentId, Claim, ModelClaim, PartyDeclaration};
use super::directory::Directory;
use super::evaluate::{DutyState, Evaluation, ProviderDuties, Settings, State, evaluate};
use super::labels::{Requirement, Selector};
use super::roll_up::{Members, RollUp};
use super::service_model::EffectiveModel;
use super::workload::{WorkloadKey, WorkloadKind};
use crate::api::{GapReason, Role};
use crate::matrix::{Duty, LayerId, LayerSet, Matrix, ServiceModel, Signal, Signals};

pub(super) fn matrix() -> &'static Matrix {
    Matrix::built_in()
}

pub(super) fn layer(name: &str) -> LayerId {
    matrix().find(name).unwrap_or_else(|| panic!("no layer {name:?}"))
}

pub(super) fn layers(names: &[&str]) -> LayerSet {
    names.iter().map(|name| layer(name)).collect()
}

pub(super) fn all_layers() -> Vec<&'static str> {
    matrix().layers().map(|(_, layer)| layer.name.as_str()).collect()
}

pub(super) fn names(layers: impl IntoIterator<Item = LayerId>) -> Vec<&'static str> {
    layers.into_iter().map(|id| matrix().layer(id).name.as_str()).collect()
}

/// A point of time, counted in minutes.
pub(super) fn minute(minute: i64) -> Timestamp {
    Timestamp::from_second(1_793_000_000 + 60 * minute).unwrap()
}

/// What an assignment says beside who holds a duty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms {
    pub(super) accountable: Option<&'static str>,
    pub(super) agreement: bool,
}

/// An assignment that says nothing.
pub(crate) fn silent(id: AssignmentId) -> Assignment {
    Assignment {
        id,
        selector: None,
        namespace_selector: None,
        model: None,
        declares: LayerSet::EMPTY,
        parties: BTreeMap::new(),
        claims: vec![],
        unknown_layers: vec![],
    }
}

fn assignment(namespace: Option<&str>, name: &str) -> Assignment {
    silent(AssignmentId { namespace: namespace.map(Arc::from), name: name.into() })
}

/// A `ResponsibilityAssignment` in the namespace `shop` that says nothing.
pub(super) fn namespaced(name: &str) -> Assignment {
    assignment(Some("shop"), name)
}

/// A `ClusterResponsibilityAssignment` that says nothing.
pub(super) fn cluster(name: &str) -> Assignment {
    assignment(None, name)
}

fn some_selector() -> Option<Selector> {
    Selector::new(vec![Requirement::Exists("app".into())])
}

impl Assignment {
    pub(super) fn with_selector(self) -> Self {
        Self { selector: some_selector(), ..self }
    }

    pub(super) fn with_namespace_selector(self) -> Self {
        Self { namespace_selector: some_selector(), ..self }
    }

    pub(super) fn with_model(self, model: ServiceModel) -> Self {
        Self { model: Some(ModelClaim::BuiltIn(model)), ..self }
    }

    pub(super) fn with_model_not_found(self) -> Self {
        Self { model: Some(ModelClaim::NotFound("Cass".into())), ..self }
    }

    pub(super) fn declaring(self, names: &[&str]) -> Self {
        Self { declares: layers(names), ..self }
    }

    /// With a declaration of a party that does not say what it accepts.
    pub(super) fn party(mut self, name: &str, role: Role) -> Self {
        self.parties.insert(name.into(), PartyDeclaration { role, accepts: None });
        self
    }

    /// With a declaration of a party that says what it accepts.
    pub(super) fn accepting(mut self, name: &str, role: Role, accepts: &[&str]) -> Self {
        self.parties.insert(name.into(), PartyDeclaration { role, accepts: Some(layers(accepts)) });
        self
    }

    pub(super) fn customer(self, layers: &[&str], party: &str) -> Self {
        self.gives(Duty::Customer, layers, party, Terms::default())
    }

    pub(super) fn provider(self, layers: &[&str], party: &str) -> Self {
        self.gives(Duty::Provider, layers, party, Terms::default())
    }

    pub(super) fn gives(mut self, duty: Duty, layers: &[&str], party: &str, terms: Terms) -> Self {
        self.claims.extend(layers.iter().map(|name| Claim {
            layer: layer(name),
            duty,
            party: party.into(),
            accountable: terms.accountable.map(Arc::from),
            agreement: terms.agreement,
        }));
        self.claims.sort_by_key(|claim| (claim.layer, claim.duty));
        self
    }
}

/// The parties that a gap is about, whatever stands between their names.
pub(super) fn parties_in(subject: Option<&str>) -> Vec<&str> {
    let is_between = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    subject.into_iter().flat_map(|text| text.split(is_between)).filter(|name| !name.is_empty()).collect()
}

/// A workload of the namespace `shop` and everything that is said of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Workload {
    settings: Settings,
    signals: Signals,
    assignments: Vec<Assignment>,
    not_selecting: Vec<Assignment>,
}

impl Workload {
    /// A workload without a signal where this is the service model of the configuration.
    pub(super) fn under(model: impl Into<Option<ServiceModel>>) -> Self {
        Self { settings: Settings { default_model: model.into(), ..Settings::default() }, ..Self::default() }
    }

    pub(super) const fn with_provider_duties(mut self, provider_duties: ProviderDuties) -> Self {
        self.settings.provider_duties = provider_duties;
        self
    }

    pub(super) fn showing(self, signals: &[Signal]) -> Self {
        Self { signals: signals.iter().fold(self.signals, |all, signal| all.with(*signal)), ..self }
    }

    /// With an assignment that selects it.
    pub(super) fn with(mut self, assignment: Assignment) -> Self {
        self.assignments.push(assignment);
        self
    }

    /// With a cluster assignment that takes in its namespace, but does not select it.
    pub(super) fn beside(mut self, assignment: Assignment) -> Self {
        self.not_selecting.push(assignment);
        self
    }

    pub(super) fn evaluate(&self) -> Evaluation {
        let taking_in = self.assignments.iter().chain(&self.not_selecting).filter(|a| a.id.is_cluster());
        let directory = Directory::new(taking_in);
        let selecting: Vec<&Assignment> = self.assignments.iter().collect();
        evaluate(matrix(), &self.settings, self.signals, &selecting, &directory)
    }

    /// What was found for a duty, if it is owed: its state and whom a gap is about.
    pub(super) fn finding(&self, name: &str, duty: Duty) -> Option<(State, Option<String>)> {
        let found =
            self.evaluate().duties.into_iter().find(|found| (found.layer, found.duty) == (layer(name), duty))?;
        Some((found.state, found.subject.as_deref().map(str::to_owned)))
    }

    /// The state of a duty, if it is owed.
    pub(super) fn state(&self, name: &str, duty: Duty) -> Option<State> {
        self.finding(name, duty).map(|(state, _)| state)
    }
}

impl Evaluation {
    /// The layers with a gap by reason, each in matrix order and once for each duty.
    pub(super) fn gaps(&self) -> BTreeMap<GapReason, Vec<&'static str>> {
        let mut gaps: BTreeMap<GapReason, Vec<&str>> = BTreeMap::new();
        for found in &self.duties {
            if let State::Gap(reason) = found.state {
                gaps.entry(reason).or_default().push(&matrix().layer(found.layer).name);
            }
        }
        gaps
    }

    /// The layers with a duty in this state, in matrix order and once for each duty.
    pub(super) fn layers_in(&self, state: State) -> Vec<&'static str> {
        names(self.duties.iter().filter(|found| found.state == state).map(|found| found.layer))
    }

    pub(super) fn layers(&self) -> LayerSet {
        self.duties.iter().map(|found| found.layer).collect()
    }

    pub(super) fn layers_owing(&self, duty: Duty) -> LayerSet {
        self.duties.iter().filter(|found| found.duty == duty).map(|found| found.layer).collect()
    }
}

/// What was found for a workload of service model `CaaS`: duties in these states.
pub(super) fn found(duties: &[(&str, Duty, State)]) -> Evaluation {
    let model = ServiceModel::Caas;
    let owed = matrix().owed(model);
    let mut duties: Vec<DutyState> = duties
        .iter()
        .map(|(name, duty, state)| DutyState { layer: layer(name), duty: *duty, state: *state, subject: None })
        .collect();
    duties.sort();
    Evaluation { model: EffectiveModel { models: [model].into_iter().collect(), owed, not_found: false }, duties }
}

/// What was found for a workload whose customer duties of these layers are gaps.
pub(super) fn found_gaps(gaps: &[(&str, GapReason)]) -> Evaluation {
    let duties: Vec<_> = gaps.iter().map(|(layer, reason)| (*layer, Duty::Customer, State::Gap(*reason))).collect();
    found(&duties)
}

pub(super) fn deployment(namespace: &str, name: &str) -> WorkloadKey {
    WorkloadKey { namespace: namespace.into(), kind: WorkloadKind::Deployment, name: name.into() }
}

/// The workloads of an assignment and what was found for them.
pub(super) fn members(found: impl IntoIterator<Item = (WorkloadKey, Evaluation)>) -> Members {
    let mut members = Members::new();
    for (key, evaluation) in found {
        members.entry(Arc::new(evaluation)).or_default().insert(Arc::new(key));
    }
    members
}

/// The totals of an assignment that is told of every gap, over one Deployment for each of these findings.
pub(super) fn roll_up(found: impl IntoIterator<Item = Evaluation>) -> RollUp {
    let keyed =
        found.into_iter().enumerate().map(|(number, found)| (deployment("shop", &format!("app-{number}")), found));
    RollUp::new(matrix(), &members(keyed), false)
}
