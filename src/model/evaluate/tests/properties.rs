//! Properties of the evaluation of generated assignments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::api::Role;
use crate::facts::{AssignmentId, HostAccess};
use crate::matrix::{Duty, LayerId, LayerSet, LayerTriggers, ModelSet, ServiceModel};
use crate::model::context::WorkloadView;
use crate::model::evaluate::evaluate;
use crate::model::evaluation::{Evaluation, State};
use crate::model::settings::{EvaluationSettings, ProviderDuties};
use crate::model::testing::{Terms, all_layers, cluster, declared, layers, matrix, namespaced};
use crate::model::{
    AgreementCover, Assignment, Catalogue, Deadline, DeadlineKind, Directory, EvidenceFacts, ModelClaim,
    PartyDeclaration, Review, SchedulableNodes,
};

/// Few layers and parties, so that claims overlap.
const LAYERS: [&str; 5] = ["data-classification", "application-code", "node-os", "incident-response", "client-devices"];
const PARTIES: [&str; 3] = ["aws", "team", "platform"];
const ACCOUNTABLE: [&str; 2] = ["team", "platform"];
const ACCESSES: [HostAccess; 4] =
    [HostAccess::PRIVILEGED, HostAccess::HOST_NETWORK, HostAccess::HOST_PORT, HostAccess::KNOWN_AGENT];

fn role() -> impl Strategy<Value = Role> {
    select(vec![Role::Provider, Role::Customer, Role::ThirdParty])
}

fn layer_set() -> impl Strategy<Value = LayerSet> {
    subsequence(LAYERS.to_vec(), 0..=LAYERS.len()).prop_map(|names| layers(&names))
}

fn parties() -> impl Strategy<Value = BTreeMap<Arc<str>, PartyDeclaration>> {
    let declaration =
        (role(), option::of(layer_set())).prop_map(|(role, accepts)| PartyDeclaration { accepts, ..declared(role) });
    btree_map(select(PARTIES.to_vec()).prop_map(Arc::from), declaration, 0..3)
}

fn model_claim() -> impl Strategy<Value = Option<ModelClaim>> {
    let found = select(ServiceModel::ALL.to_vec()).prop_map(|model| ModelClaim::Known(model.into()));
    prop_oneof![3 => Just(None), 2 => found.prop_map(Some), 1 => Just(Some(ModelClaim::NotFound("Cass".into())))]
}

/// One party for each duty of a layer, as in a valid object.
fn claims() -> impl Strategy<Value = BTreeMap<(&'static str, Duty), (&'static str, Terms)>> {
    let duty = (select(LAYERS.to_vec()), select(Duty::ALL.to_vec()));
    let agreement = select(vec![AgreementCover::Missing, AgreementCover::Entry, AgreementCover::Listed]);
    let terms = (option::of(select(ACCOUNTABLE.to_vec())), agreement)
        .prop_map(|(accountable, agreement)| Terms { accountable, agreement });
    btree_map(duty, (select(PARTIES.to_vec()), terms), 0..6)
}

fn assignments() -> impl Strategy<Value = Vec<Assignment>> {
    let said = (model_claim(), layer_set(), parties(), claims());
    let one = (any::<[bool; 3]>(), said).prop_map(|([in_namespace, selector, other_selector], said)| {
        let assignment = if in_namespace { namespaced("") } else { cluster("") };
        let assignment = if selector { assignment.with_selector() } else { assignment };
        let assignment =
            if other_selector && !in_namespace { assignment.with_namespace_selector() } else { assignment };
        let (model, declares, parties, claims) = said;
        claims.into_iter().fold(
            Assignment { model, declares, parties, ..assignment },
            |assignment, ((layer, duty), (party, terms))| assignment.gives(duty, &[layer], party, terms),
        )
    });
    vec(one, 0..7).prop_map(|mut assignments| {
        for (number, assignment) in assignments.iter_mut().enumerate() {
            assignment.id.name = format!("a-{number}").into();
        }
        assignments
    })
}

fn in_two_orders() -> impl Strategy<Value = (Vec<Assignment>, Vec<Assignment>)> {
    assignments().prop_flat_map(|one| (Just(one.clone()), Just(one).prop_shuffle()))
}

fn settings() -> impl Strategy<Value = EvaluationSettings> {
    let provider_duties = select(vec![ProviderDuties::Assume, ProviderDuties::Require]);
    (option::of(select(ServiceModel::ALL.to_vec())), provider_duties).prop_map(|(default_model, provider_duties)| {
        EvaluationSettings { default_model, provider_duties, ..EvaluationSettings::default() }
    })
}

fn signals() -> impl Strategy<Value = LayerTriggers> {
    let all = vec![
        LayerTriggers::STORAGE,
        LayerTriggers::SECRETS,
        LayerTriggers::EXTERNAL_SERVICES,
        LayerTriggers::PUBLISHED,
        LayerTriggers::HOST_NETWORK,
    ];
    subsequence(all, 0..=5).prop_map(|some| some.into_iter().fold(LayerTriggers::default(), LayerTriggers::union))
}

fn evaluated(settings: EvaluationSettings, signals: LayerTriggers, assignments: &[Assignment]) -> Evaluation {
    let selecting: Vec<&Assignment> = assignments.iter().collect();
    let directory = Directory::new(selecting.iter().copied().filter(|a| a.id.is_cluster()));
    let view = WorkloadView { triggers: signals, ..WorkloadView::default() };
    evaluate(matrix(), &settings, &Catalogue::default(), &view, &selecting, &directory)
}

fn owed(evaluation: &Evaluation) -> BTreeSet<(LayerId, Duty)> {
    evaluation.duties.iter().map(|found| (found.layer, found.duty)).collect()
}

proptest! {
    #![proptest_config(crate::model::testing::tried())]

    #[test]
    fn the_order_of_the_assignments_changes_nothing(
        settings in settings(),
        signals in signals(),
        (one, other) in in_two_orders(),
    ) {
        prop_assert_eq!(evaluated(settings, signals, &one), evaluated(settings, signals, &other));
    }

    #[test]
    fn each_duty_is_in_exactly_one_state_and_each_present_layer_has_one(
        settings in settings(),
        signals in signals(),
        assignments in assignments(),
    ) {
        let evaluation = evaluated(settings, signals, &assignments);
        let listed = evaluation.duties.iter().map(|found| (found.layer, found.duty));
        prop_assert!(listed.clone().is_sorted_by(|one, next| one < next), "twice or out of order");
        let declared = assignments.iter().fold(LayerSet::empty(), |all, a| all.union(a.declares));
        prop_assert_eq!(evaluation.layers(), matrix().present(signals, ModelSet::empty(), declared));
        for found in &evaluation.duties {
            let judged = matrix().customer_everywhere().has(found.layer) || !evaluation.model.is_undetermined();
            prop_assert_eq!(found.state != State::Unknown, judged);
            prop_assert!(found.state != State::Assumed || found.duty == Duty::Provider, "a customer duty is assumed");
        }
    }

    #[test]
    fn no_claim_in_a_namespace_takes_away_a_duty(
        model in select(ServiceModel::ALL.to_vec()),
        signals in signals(),
        assignments in assignments(),
    ) {
        let settings = EvaluationSettings { default_model: Some(model), ..EvaluationSettings::default() };
        let without_namespaced_claims: Vec<Assignment> = assignments
            .iter()
            .map(|a| if a.id.is_cluster() { a.clone() } else { Assignment { model: None, ..a.clone() } })
            .collect();
        let before = owed(&evaluated(settings, signals, &without_namespaced_claims));
        let after = owed(&evaluated(settings, signals, &assignments));
        prop_assert!(after.is_superset(&before));
        prop_assert!(after.difference(&before).all(|(_, duty)| *duty == Duty::Customer));
    }

    /// Inputs that only risks depend on do not change the state of a duty.
    #[test]
    fn what_only_risks_look_at_changes_no_duty(
        settings in settings(),
        signals in signals(),
        assignments in assignments(),
        accesses in subsequence(ACCESSES.to_vec(), 0..=ACCESSES.len()),
        flags in any::<[bool; 5]>(),
    ) {
        let [daemon_set, fargate, unsegmented, reachable, acknowledged] = flags;
        let host = accesses.into_iter().fold(HostAccess::default(), HostAccess::union);
        let nodes = SchedulableNodes { fargate, ..SchedulableNodes::default() };
        let view = WorkloadView { triggers: signals, host, daemon_set, nodes, unsegmented, ..WorkloadView::default() };
        let current = EvidenceFacts { layers: None, ended: false };
        let due = jiff::civil::date(2026, 12, 1);
        let deadline = Deadline { date: due, kind: DeadlineKind::Review, subject: "".into(), passed: false };
        let mut others = assignments.clone();
        for assignment in &mut others {
            assignment.review = Review::Due(due);
            assignment.deadlines = vec![deadline.clone()];
            for party in assignment.parties.values_mut() {
                (party.reachable, party.acknowledged) = (reachable, acknowledged);
                party.evidence = [current.clone()].into();
            }
        }
        let plain = evaluated(settings, signals, &assignments);
        let selecting: Vec<&Assignment> = others.iter().collect();
        let directory = Directory::new(selecting.iter().copied().filter(|a| a.id.is_cluster()));
        let other = evaluate(matrix(), &settings, &Catalogue::default(), &view, &selecting, &directory);
        prop_assert_eq!(other.duties, plain.duties);
    }

    /// Risks are sorted and unique. Their layers are present, and their assignments select the workload.
    #[test]
    fn risks_are_about_what_there_is(settings in settings(), signals in signals(), assignments in assignments()) {
        let evaluation = evaluated(settings, signals, &assignments);
        prop_assert!(evaluation.risks.is_sorted_by(|one, next| one < next), "{:?}", evaluation.risks);
        for risk in &evaluation.risks {
            prop_assert!(risk.layer.is_none_or(|layer| evaluation.layers().has(layer)), "{:?}", risk);
            let is_selecting = |id: &AssignmentId| assignments.iter().any(|assignment| assignment.id == *id);
            prop_assert!(risk.assignment.as_ref().is_none_or(is_selecting), "{:?}", risk);
        }
    }

    /// An assignment that names only providers does not give customer duties.
    #[test]
    fn naming_providers_makes_no_customer_duty_owned(settings in settings(), signals in signals()) {
        let providers = namespaced("shop").party("aws", Role::Provider).provider(&all_layers(), "aws");
        let evaluation = evaluated(settings, signals, &[providers]);
        let owned = evaluation.duties.iter().filter(|found| found.state == State::Owned);
        prop_assert!(owned.map(|found| found.duty).all(|duty| duty == Duty::Provider));
    }
}
