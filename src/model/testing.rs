//! Builders for tests: assignments, workloads and evaluations.

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

/// Returns a time that is this number of minutes after a fixed start.
pub(super) fn minute(minute: i64) -> Timestamp {
    Timestamp::from_second(1_793_000_000 + 60 * minute).unwrap()
}

/// Accountable party and agreement of a claim.
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

/// Returns an assignment without content.
pub(crate) fn empty(id: AssignmentId) -> Assignment {
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

/// Returns the declaration of a party with a contact and an acknowledgement.
pub(super) fn declared(role: Role) -> PartyDeclaration {
    PartyDeclaration { role, accepts: None, evidence: Box::default(), reachable: true, acknowledged: true }
}

fn assignment(namespace: Option<&str>, name: &str) -> Assignment {
    empty(AssignmentId { namespace: namespace.map(Arc::from), name: name.into() })
}

/// Returns a `ResponsibilityAssignment` in the namespace `shop` without content.
pub(super) fn namespaced(name: &str) -> Assignment {
    assignment(Some("shop"), name)
}

/// Returns a `ClusterResponsibilityAssignment` without content.
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

    /// Adds a party without `accepts`.
    pub(super) fn party(mut self, name: &str, role: Role) -> Self {
        self.parties.insert(name.into(), declared(role));
        self
    }

    /// Adds a party with `accepts`.
    pub(super) fn accepting(mut self, name: &str, role: Role, accepts: &[&str]) -> Self {
        let accepts = Some(layers(accepts));
        self.parties.insert(name.into(), PartyDeclaration { accepts, ..declared(role) });
        self
    }

    /// Changes the declaration of an existing party.
    pub(super) fn declared_as(mut self, name: &str, change: impl FnOnce(&mut PartyDeclaration)) -> Self {
        change(self.parties.get_mut(name).unwrap_or_else(|| panic!("{name} is not declared")));
        self
    }

    /// Adds evidence to an existing party, for some or all layers, ended or not.
    pub(super) fn evidence(self, name: &str, about: Option<&[&str]>, ended: bool) -> Self {
        let evidence = EvidenceFacts { layers: about.map(layers), ended };
        self.declared_as(name, |party| {
            let existing = std::mem::take(&mut party.evidence);
            party.evidence = existing.into_iter().chain([evidence]).collect();
        })
    }

    pub(super) fn reviewed(self, review: Review) -> Self {
        Self { review, ..self }
    }

    /// Sets a lapsed review.
    pub(super) fn lapsed(self) -> Self {
        self.reviewed(Review::Lapsed(date(2026, 10, 1)))
    }

    /// Adds valid exceptions for these layers.
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

/// Returns the party names in the subject of a gap.
pub(super) fn parties_in(subject: Option<&str>) -> Vec<&str> {
    let is_separator = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    subject.into_iter().flat_map(|text| text.split(is_separator)).filter(|name| !name.is_empty()).collect()
}

/// A workload of the namespace `shop` with its assignments and settings.
#[derive(Clone, Debug, Default)]
pub(super) struct Workload {
    matrix: Option<Arc<Matrix>>,
    settings: EvaluationSettings,
    catalogue: Catalogue,
    view: WorkloadView,
    assignments: Vec<Assignment>,
    not_selecting: Vec<Assignment>,
}

impl Workload {
    /// Creates a workload without facts, with this default service model.
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
        self.with_view(|view| {
            view.triggers = signals.iter().fold(view.triggers, |all, signal| all.union(*signal));
        })
    }

    pub(super) fn with_view(mut self, change: impl FnOnce(&mut WorkloadView)) -> Self {
        change(&mut self.view);
        self
    }

    /// Sets the models of the nodes.
    pub(super) fn on_nodes(self, models: &[ServiceModel]) -> Self {
        let models = models.iter().copied().collect();
        self.with_view(|view| view.nodes.models = models)
    }

    /// Adds an undetermined node.
    pub(super) fn on_unknown_node(self) -> Self {
        self.with_view(|view| view.nodes.undetermined = true)
    }

    /// Adds a node to the cluster that shows a managed control plane.
    pub(super) fn beside_managed_nodes(self) -> Self {
        self.with_view(|view| view.nodes.managed_control_plane = true)
    }

    pub(super) fn configured(mut self, change: impl FnOnce(&mut EvaluationSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Uses a matrix with ServiceModels.
    pub(super) fn in_matrix(self, matrix: &Arc<Matrix>) -> Self {
        Self { matrix: Some(matrix.clone()), ..self }
    }

    /// Adds an assignment that selects the workload.
    pub(super) fn with(mut self, assignment: Assignment) -> Self {
        self.assignments.push(assignment);
        self
    }

    /// Adds a cluster assignment that selects the namespace but not the workload.
    pub(super) fn beside(mut self, assignment: Assignment) -> Self {
        self.not_selecting.push(assignment);
        self
    }

    /// Adds a signal to the catalogue.
    pub(super) fn watched(mut self, name: &str, layer: &str, attribution: Attribution, reach: Reach) -> Self {
        self.catalogue.add(signal_text(name, Some(layer), attribution, reach));
        self
    }

    /// Adds a reading of a signal, for the workload or for nodes of a model.
    pub(super) fn seen(self, name: &str, on: Option<ServiceModel>, verdict: SignalVerdict) -> Self {
        let signal = self.catalogue.find(name).unwrap_or_else(|| panic!("no signal {name}"));
        let seen = Observation { signal, on: on.map(Into::into), verdict, detail: None };
        self.with_view(|view| view.observed.push(seen))
    }

    /// Enables the signal that checks the evidence of parties.
    pub(super) fn with_evidence_signal(mut self) -> Self {
        self.catalogue.add_attestation(signal_text("evidence", None, Attribution::Provider, Reach::Duty));
        self
    }

    /// Returns the fulfilment of a duty, if it is owed.
    pub(super) fn fulfilment(&self, name: &str, duty: Duty) -> Option<Fulfilment> {
        let duties = self.evaluate().duties;
        let found = duties.into_iter().find(|found| (found.layer, found.duty) == (layer(name), duty))?;
        Some(found.fulfilment)
    }

    pub(super) fn evaluate(&self) -> Evaluation {
        let cluster_assignments = self.assignments.iter().chain(&self.not_selecting).filter(|a| a.id.is_cluster());
        let directory = Directory::new(cluster_assignments);
        let selecting: Vec<&Assignment> = self.assignments.iter().collect();
        let matrix = self.matrix.as_deref().unwrap_or_else(|| matrix());
        evaluate(matrix, &self.settings, &self.catalogue, &self.view, &selecting, &directory)
    }

    /// Returns state and subject of a duty, if it is owed.
    pub(super) fn finding(&self, name: &str, duty: Duty) -> Option<(State, Option<String>)> {
        let found =
            self.evaluate().duties.into_iter().find(|found| (found.layer, found.duty) == (layer(name), duty))?;
        Some((found.state, found.subject.as_deref().map(str::to_owned)))
    }

    /// Returns the owed duties of a layer.
    pub(super) fn duties_of(&self, name: &str) -> Vec<Duty> {
        self.evaluate().duties.iter().filter(|found| found.layer == layer(name)).map(|found| found.duty).collect()
    }

    /// Returns the layers of the risks with this reason that an assignment lists, in matrix order; `None` for a risk without a layer.
    pub(super) fn listed_risks(&self, id: &AssignmentId, reason: RiskReason) -> Vec<Option<String>> {
        let matrix = self.matrix.as_deref().unwrap_or_else(|| matrix());
        let risks = self.evaluate().risks;
        let listed = risks.iter().filter(|risk| risk.reason == reason);
        let listed = listed.filter(|risk| risk.assignment.as_ref().is_none_or(|assignment| assignment == id));
        listed.map(|risk| risk.layer.map(|layer| matrix.layer(layer).name.clone())).collect()
    }

    /// Returns the state of a duty, if it is owed.
    pub(super) fn state(&self, name: &str, duty: Duty) -> Option<State> {
        self.finding(name, duty).map(|(state, _)| state)
    }
}

impl Evaluation {
    /// Returns the layers with a gap by reason, in matrix order, once for each duty.
    pub(super) fn gaps_by_reason(&self) -> BTreeMap<GapReason, Vec<&'static str>> {
        let mut gaps: BTreeMap<GapReason, Vec<&str>> = BTreeMap::new();
        for found in &self.duties {
            if let State::Gap(reason) = found.state {
                gaps.entry(reason).or_default().push(&matrix().layer(found.layer).name);
            }
        }
        gaps
    }

    /// Returns the layers with a duty in this state, in matrix order, once for each duty.
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

/// Returns the evaluation of a `CaaS` workload with duties in these states.
pub(super) fn found(duties: &[(&str, Duty, State)]) -> Evaluation {
    let model = ServiceModel::Caas;
    let owed = matrix().owed(model);
    let mut duties: Vec<DutyState> =
        duties.iter().map(|(name, duty, state)| DutyState::new(layer(name), *duty, *state, None)).collect();
    duties.sort();
    let model = EffectiveModel { models: [model].into_iter().collect(), owed, ..EffectiveModel::default() };
    Evaluation { model, duties, risks: vec![], results: vec![] }
}

/// Returns a signal whose texts contain its name.
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

/// Returns a catalogue with two signals of node-os and one of workload-configuration.
pub(super) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::new();
    for (name, layer) in [("age", "node-os"), ("image", "node-os"), ("context", "workload-configuration")] {
        catalogue.add(signal_text(name, Some(layer), Attribution::Operator, Reach::Duty));
    }
    catalogue
}

/// Returns the evaluation of a workload whose customer duties are held by `team`, with these readings of signals of
/// [`catalogue`].
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

/// Returns the evaluation of a workload whose customer duties of these layers are gaps.
pub(super) fn found_gaps(gaps: &[(&str, GapReason)]) -> Evaluation {
    let duties: Vec<_> = gaps.iter().map(|(layer, reason)| (*layer, Duty::Customer, State::Gap(*reason))).collect();
    found(&duties)
}

pub(super) fn deployment(namespace: &str, name: &str) -> WorkloadKey {
    WorkloadKey { namespace: namespace.into(), kind: WorkloadKind::Deployment, name: name.into() }
}

/// Groups workloads by evaluation.
pub(super) fn members(found: impl IntoIterator<Item = (WorkloadKey, Evaluation)>) -> Members {
    let mut members = Members::new();
    for (key, evaluation) in found {
        members.entry(Arc::new(evaluation)).or_default().insert(Arc::new(key));
    }
    members
}

/// Returns the totals over one Deployment for each evaluation, for an assignment that lists every gap.
pub(super) fn roll_up(found: impl IntoIterator<Item = Evaluation>) -> RollUp {
    let keyed =
        found.into_iter().enumerate().map(|(number, found)| (deployment("shop", &format!("app-{number}")), found));
    added_up(&members(keyed), false)
}

/// Returns the totals of an assignment of the namespace `shop`.
pub(super) fn added_up(members: &Members, platform_elsewhere: bool) -> RollUp {
    RollUp::new(matrix(), &namespaced("shop").id, members, platform_elsewhere)
}

/// Returns the configuration of property tests: 1,000 cases, or the number in `PROPTEST_CASES`.
pub(crate) fn tried() -> ProptestConfig {
    const DEFAULT: u32 = 256;
    let config = ProptestConfig::default();
    ProptestConfig { cases: if config.cases == DEFAULT { 1000 } else { config.cases }, ..config }
}
