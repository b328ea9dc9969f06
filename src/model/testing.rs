//! Builders for the tests of the model: assignments in a few words, workloads, and what was found for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::ProptestConfig;

use super::assignment::{
    AgreementCover, Assignment, Claim, EvidenceFacts, ExceptionState, ModelClaim, PartyDeclaration, Review,
};
use super::context::WorkloadView;
use super::directory::Directory;
use super::evaluate::evaluate;
use super::evaluation::{DutyState, Evaluation, State};
use super::fulfilment::{Attribution, Catalogue, Observation, Reach, SignalResult, SignalText, SignalVerdict, combine};
use super::roll_up::{Members, RollUp};
use super::service_model::EffectiveModel;
use super::settings::{EvaluationSettings, ProviderDuties};
use crate::api::{Fulfilment, GapReason, RiskReason, Role};
use crate::facts::{AssignmentId, Requirement, Selector, WorkloadKey, WorkloadKind};
use crate::matrix::{Duty, LayerId, LayerSet, LayerTriggers, Matrix, ServiceModel};

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
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) accountable: Option<&'static str>,
    pub(super) agreement: AgreementCover,
}

impl Default for Terms {
    fn default() -> Self {
        Self { accountable: None, agreement: AgreementCover::Missing }
    }
}

/// An assignment that says nothing.
pub(crate) fn silent(id: AssignmentId) -> Assignment {
    Assignment {
        id,
        selector: None,
        namespace_selector: None,
        model: None,
        declares: LayerSet::empty(),
        parties: BTreeMap::new(),
        claims: vec![],
        exceptions: BTreeMap::new(),
        review: Review::Missing,
        deadlines: vec![],
        next_change: None,
        digest: "".into(),
        unknown_layers: vec![],
    }
}

/// The declaration of a party that can be reached and acknowledged what it holds.
pub(super) fn declared(role: Role) -> PartyDeclaration {
    PartyDeclaration { role, accepts: None, evidence: Box::default(), reachable: true, acknowledged: true }
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
        Self { model: Some(ModelClaim::Known(model.into())), ..self }
    }

    pub(super) fn with_model_not_found(self) -> Self {
        Self { model: Some(ModelClaim::NotFound("Cass".into())), ..self }
    }

    pub(super) fn declaring(self, names: &[&str]) -> Self {
        Self { declares: layers(names), ..self }
    }

    /// With a declaration of a party that does not say what it accepts.
    pub(super) fn party(mut self, name: &str, role: Role) -> Self {
        self.parties.insert(name.into(), declared(role));
        self
    }

    /// With a declaration of a party that says what it accepts.
    pub(super) fn accepting(mut self, name: &str, role: Role, accepts: &[&str]) -> Self {
        let accepts = Some(layers(accepts));
        self.parties.insert(name.into(), PartyDeclaration { accepts, ..declared(role) });
        self
    }

    /// Changes the declaration of a party that is there already.
    pub(super) fn declared_as(mut self, name: &str, change: impl FnOnce(&mut PartyDeclaration)) -> Self {
        change(self.parties.get_mut(name).unwrap_or_else(|| panic!("{name} is not declared")));
        self
    }

    /// With evidence of a party that is there already, of some layers or of all, which has ended or not.
    pub(super) fn evidence(self, name: &str, about: Option<&[&str]>, ended: bool) -> Self {
        let evidence = EvidenceFacts { layers: about.map(layers), ended };
        self.declared_as(name, |party| {
            let known = std::mem::take(&mut party.evidence);
            party.evidence = known.into_iter().chain([evidence]).collect();
        })
    }

    pub(super) fn reviewed(self, review: Review) -> Self {
        Self { review, ..self }
    }

    /// Reviewed so long ago that its duties have lapsed.
    pub(super) fn lapsed(self) -> Self {
        self.reviewed(Review::Lapsed(date(2026, 10, 1)))
    }

    /// With an exception from these layers that holds.
    pub(super) fn excepting(self, names: &[&str]) -> Self {
        self.exceptions(names, ExceptionState::Valid)
    }

    pub(super) fn exceptions(mut self, names: &[&str], state: ExceptionState) -> Self {
        self.exceptions.extend(layers(names).ids().map(|layer| (layer, state)));
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
    matrix: Option<Arc<Matrix>>,
    settings: EvaluationSettings,
    catalogue: Catalogue,
    circumstances: WorkloadView,
    assignments: Vec<Assignment>,
    not_selecting: Vec<Assignment>,
}

impl Workload {
    /// A workload without a signal where this is the service model of the configuration.
    pub(super) fn under(model: impl Into<Option<ServiceModel>>) -> Self {
        Self {
            settings: EvaluationSettings { default_model: model.into(), ..EvaluationSettings::default() },
            ..Self::default()
        }
    }

    pub(super) const fn with_provider_duties(mut self, provider_duties: ProviderDuties) -> Self {
        self.settings.provider_duties = provider_duties;
        self
    }

    pub(super) fn showing(self, signals: &[LayerTriggers]) -> Self {
        self.in_circumstances(|circumstances| {
            circumstances.triggers = signals.iter().fold(circumstances.triggers, |all, signal| all.union(*signal));
        })
    }

    pub(super) fn in_circumstances(mut self, change: impl FnOnce(&mut WorkloadView)) -> Self {
        change(&mut self.circumstances);
        self
    }

    /// Landing on nodes of these models, and of no others.
    pub(super) fn on_nodes(self, models: &[ServiceModel]) -> Self {
        let models = models.iter().copied().collect();
        self.in_circumstances(|circumstances| circumstances.nodes.models = models)
    }

    /// Landing on a node as well that shows nothing.
    pub(super) fn on_unknown_node(self) -> Self {
        self.in_circumstances(|circumstances| circumstances.nodes.undetermined = true)
    }

    /// In a cluster of which some node shows that the provider runs the control plane.
    pub(super) fn beside_managed_nodes(self) -> Self {
        self.in_circumstances(|circumstances| circumstances.nodes.managed_control_plane = true)
    }

    pub(super) fn configured(mut self, change: impl FnOnce(&mut EvaluationSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// In a cluster with service models of its own.
    pub(super) fn in_matrix(self, matrix: &Arc<Matrix>) -> Self {
        Self { matrix: Some(matrix.clone()), ..self }
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

    /// Looked at by a signal of this name.
    pub(super) fn watched(mut self, name: &str, layer: &str, attribution: Attribution, reach: Reach) -> Self {
        self.catalogue.add(signal_text(name, Some(layer), attribution, reach));
        self
    }

    /// With what a signal of this name saw of it, or on nodes of a service model.
    pub(super) fn seen(self, name: &str, on: Option<ServiceModel>, verdict: SignalVerdict) -> Self {
        let signal = self.catalogue.find(name).unwrap_or_else(|| panic!("no signal {name}"));
        let seen = Observation { signal, on: on.map(Into::into), verdict, detail: None };
        self.in_circumstances(|circumstances| circumstances.observed.push(seen))
    }

    /// In a cluster where the evidence of parties is looked at.
    pub(super) fn with_evidence_looked_at(mut self) -> Self {
        self.catalogue.add_attestation(signal_text("evidence", None, Attribution::Provider, Reach::Duty));
        self
    }

    /// Whether a duty is fulfilled, if it is owed.
    pub(super) fn fulfilment(&self, name: &str, duty: Duty) -> Option<Fulfilment> {
        let duties = self.evaluate().duties;
        let found = duties.into_iter().find(|found| (found.layer, found.duty) == (layer(name), duty))?;
        Some(found.fulfilment)
    }

    pub(super) fn evaluate(&self) -> Evaluation {
        let taking_in = self.assignments.iter().chain(&self.not_selecting).filter(|a| a.id.is_cluster());
        let directory = Directory::new(taking_in);
        let selecting: Vec<&Assignment> = self.assignments.iter().collect();
        let matrix = self.matrix.as_deref().unwrap_or_else(|| matrix());
        evaluate(matrix, &self.settings, &self.catalogue, &self.circumstances, &selecting, &directory)
    }

    /// What was found for a duty, if it is owed: its state and whom a gap is about.
    pub(super) fn finding(&self, name: &str, duty: Duty) -> Option<(State, Option<String>)> {
        let found =
            self.evaluate().duties.into_iter().find(|found| (found.layer, found.duty) == (layer(name), duty))?;
        Some((found.state, found.subject.as_deref().map(str::to_owned)))
    }

    /// The duties that a layer owes.
    pub(super) fn duties_of(&self, name: &str) -> Vec<Duty> {
        self.evaluate().duties.iter().filter(|found| found.layer == layer(name)).map(|found| found.duty).collect()
    }

    /// The layers of the risks of this kind that the assignment is told of, in matrix order; none for one without a layer.
    pub(super) fn risks_told_to(&self, id: &AssignmentId, reason: RiskReason) -> Vec<Option<String>> {
        let matrix = self.matrix.as_deref().unwrap_or_else(|| matrix());
        let risks = self.evaluate().risks;
        let told = risks.iter().filter(|risk| risk.reason == reason);
        let told = told.filter(|risk| risk.assignment.as_ref().is_none_or(|assignment| assignment == id));
        told.map(|risk| risk.layer.map(|layer| matrix.layer(layer).name.clone())).collect()
    }

    /// The state of a duty, if it is owed.
    pub(super) fn state(&self, name: &str, duty: Duty) -> Option<State> {
        self.finding(name, duty).map(|(state, _)| state)
    }
}

impl Evaluation {
    /// The layers with a gap by reason, each in matrix order and once for each duty.
    pub(super) fn gaps_by_reason(&self) -> BTreeMap<GapReason, Vec<&'static str>> {
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
    let mut duties: Vec<DutyState> =
        duties.iter().map(|(name, duty, state)| DutyState::new(layer(name), *duty, *state, None)).collect();
    duties.sort();
    let model = EffectiveModel { models: [model].into_iter().collect(), owed, ..EffectiveModel::default() };
    Evaluation { model, duties, risks: vec![], results: vec![] }
}

/// A signal that says of itself what it is called.
pub(super) fn signal_text(name: &str, layer: Option<&str>, attribution: Attribution, reach: Reach) -> SignalText {
    let words = |what: &str| format!("{name} {what}").into();
    SignalText {
        signal: name.into(),
        layer: layer.map(Arc::from),
        attribution,
        reach,
        passed: words("passed"),
        failed: words("failed"),
        unseen: words("sees nothing"),
        remedy: words("is to be mended"),
    }
}

/// Two signals of the node's system, and one of the workload's own configuration.
pub(super) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::new();
    for (name, layer) in [("age", "node-os"), ("image", "node-os"), ("context", "workload-configuration")] {
        catalogue.add(signal_text(name, Some(layer), Attribution::Operator, Reach::Duty));
    }
    catalogue
}

/// What was found for a workload whose customer duties of these layers are held by a team, with what signals of
/// [`catalogue`] came to.
pub(super) fn seen_of(results: &[(&str, SignalVerdict)]) -> Evaluation {
    let catalogue = catalogue();
    let mut evaluation =
        found(&[("node-os", Duty::Customer, State::Owned), ("workload-configuration", Duty::Customer, State::Owned)]);
    for (name, verdict) in results {
        let signal = catalogue.find(name).unwrap_or_else(|| panic!("no signal {name}"));
        let of = catalogue.get(signal).layer.clone().unwrap_or_default();
        let (layer, duty) = (layer(&of), Duty::Customer);
        evaluation.results.push(SignalResult { layer, duty, signal, verdict: *verdict, detail: None });
    }
    evaluation.results.sort();
    let results = evaluation.results.clone();
    for duty in &mut evaluation.duties {
        duty.holder = Some("team".into());
        let about = results.iter().filter(|result| result.layer == duty.layer);
        duty.fulfilment = combine(about.map(|result| (Reach::Duty, result.verdict)));
    }
    evaluation
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
    added_up(&members(keyed), false)
}

/// The totals of an assignment of the namespace `shop` over these workloads.
pub(super) fn added_up(members: &Members, platform_elsewhere: bool) -> RollUp {
    RollUp::new(matrix(), &namespaced("shop").id, members, platform_elsewhere)
}

/// How properties are tried: with 1,000 cases, or as many as `PROPTEST_CASES` asks for.
pub(crate) fn tried() -> ProptestConfig {
    const UNASKED: u32 = 256;
    let config = ProptestConfig::default();
    ProptestConfig { cases: if config.cases == UNASKED { 1000 } else { config.cases }, ..config }
}
