//! An assignment as the evaluation sees it: names resolved to layers, one claim per layer and duty, ranks.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use crate::api::Role;
use crate::facts::{AssignmentId, Selector};
use crate::matrix::{Audience, Duty, LayerId, LayerSet, Matrix, ModelId, ServiceModel};

/// The service model that an assignment claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelClaim {
    /// One that can be used.
    Known(ModelId),
    /// A name that resolves to nothing: the claim has no effect.
    NotFound(String),
    /// A ServiceModel that cannot be used: the claim has no effect.
    Refused {
        /// Its name.
        name: String,
        /// Why it cannot be used.
        why: String,
    },
}

impl ModelClaim {
    /// The model, if it can be used.
    #[must_use]
    pub const fn known(&self) -> Option<ModelId> {
        match self {
            Self::Known(model) => Some(*model),
            Self::NotFound(_) | Self::Refused { .. } => None,
        }
    }

    /// Whether it names a service model that the cluster defines, or would have to.
    #[must_use]
    pub const fn uses_custom_model(&self) -> bool {
        match self {
            Self::Known(model) => model.index() >= ServiceModel::ALL.len(),
            Self::NotFound(_) | Self::Refused { .. } => true,
        }
    }
}

/// A party as one assignment declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyDeclaration {
    /// What it is to the workloads.
    pub role: Role,
    /// The layers whose customer duty it lets namespaces give to it; none when the declaration does not say.
    pub accepts: Option<LayerSet>,
    /// What shows that it fulfils its duties.
    pub evidence: Box<[EvidenceFacts]>,
    /// Whether it says how to reach it.
    pub reachable: bool,
    /// Whether it acknowledged the duties as they are.
    pub acknowledged: bool,
}

/// A report or certificate about a party, as of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceFacts {
    /// The layers it names; all of the party's when there are none.
    pub layers: Option<LayerSet>,
    /// Whether its day has passed.
    pub ended: bool,
}

impl EvidenceFacts {
    /// Whether it speaks of a layer.
    #[must_use]
    pub fn covers(&self, layer: LayerId) -> bool {
        self.layers.is_none_or(|layers| layers.has(layer))
    }
}

/// Whether an agreement in force covers a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgreementCover {
    /// None does.
    Missing,
    /// One does by the duty entry that it stands in.
    Entry,
    /// One lists the layer.
    Listed,
}

/// The statement that a party holds a duty of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The layer.
    pub layer: LayerId,
    /// Which of its duties.
    pub duty: Duty,
    /// Who holds it.
    pub party: Arc<str>,
    /// Who answers for it, when the assignment says so.
    pub accountable: Option<Arc<str>>,
    /// Whether the assignment names an agreement with the party that covers the layer.
    pub agreement: AgreementCover,
}

/// The review of an assignment, as of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Review {
    /// Nobody is asked for one.
    #[default]
    Missing,
    /// It is due on a later day, more than 30 days ahead.
    Current(Date),
    /// It is due within 30 days, or was due on this day.
    Due(Date),
    /// It was due on this day, and the days of grace have passed: its duties lapse.
    Lapsed(Date),
}

/// What becomes of an exception, as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExceptionState {
    /// It holds.
    Valid,
    /// Its day has passed.
    Expired(Date),
    /// It may not be made here.
    Refused(Refusal),
}

/// Why an exception is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Not from this layer, by this kind of assignment.
    Layer,
    /// It reaches too many days ahead.
    TooFar,
}

/// A day that is about to pass or has passed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// The last good day.
    pub date: Date,
    /// What ends then.
    pub what: DeadlineKind,
    /// The party, or the layer of an exception.
    pub subject: Arc<str>,
    /// Whether it has passed; otherwise it is within 30 days.
    pub passed: bool,
}

/// What has a last good day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineKind {
    /// The review is due; it has passed when the duties lapse.
    Review,
    /// An agreement with a party.
    Agreement,
    /// The evidence of a party.
    Evidence,
    /// An exception from a layer.
    Exception,
}

/// Whether the operator could take an assignment as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It was taken; layers that no matrix has are named and have no effect.
    Accepted {
        /// Names of layers without a meaning.
        unknown_layers: Vec<String>,
    },
    /// It names a service model that does not exist.
    ServiceModelNotFound(String),
    /// It names a service model that cannot be used.
    ServiceModelInvalid {
        /// Its name.
        name: String,
        /// Why it cannot be used.
        why: String,
    },
    /// The stored object does not parse: it was written under another schema.
    SchemaOutdated(String),
}

/// What an assignment says as of a day, ready for evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its identity.
    pub id: AssignmentId,
    /// The workloads it speaks of, all when there is none.
    pub selector: Option<Selector>,
    /// The namespaces that a cluster assignment takes in, all when there is none.
    pub namespace_selector: Option<Selector>,
    /// The service model it claims.
    pub model: Option<ModelClaim>,
    /// The layers it declares present.
    pub declares: LayerSet,
    /// The parties it declares.
    pub parties: BTreeMap<Arc<str>, PartyDeclaration>,
    /// Its claims, sorted by layer and duty.
    pub claims: Vec<Claim>,
    /// Its exceptions by layer.
    pub exceptions: BTreeMap<LayerId, ExceptionState>,
    /// Its review.
    pub review: Review,
    /// The days that are about to pass or have passed, in order.
    pub deadlines: Vec<Deadline>,
    /// The next day on which anything of this is different.
    pub next_change: Option<Date>,
    /// The digest of what it gives to its parties: what an acknowledgement refers to.
    pub digest: Arc<str>,
    /// Names of layers that no matrix has: they have no effect and are reported.
    pub unknown_layers: Vec<String>,
}

impl Assignment {
    /// The claims about a duty of a layer: all of the same party in a valid object.
    pub fn claims_about(&self, layer: LayerId, duty: Duty) -> impl Iterator<Item = &Claim> {
        let start = self.claims.partition_point(|claim| (claim.layer, claim.duty) < (layer, duty));
        self.claims[start..].iter().take_while(move |claim| (claim.layer, claim.duty) == (layer, duty))
    }

    /// Whether it can be taken as it is written.
    #[must_use]
    pub fn acceptance(&self) -> Acceptance {
        match &self.model {
            Some(ModelClaim::NotFound(name)) => Acceptance::ServiceModelNotFound(name.clone()),
            Some(ModelClaim::Refused { name, why }) => {
                Acceptance::ServiceModelInvalid { name: name.clone(), why: why.clone() }
            }
            Some(ModelClaim::Known(_)) | None => Acceptance::Accepted { unknown_layers: self.unknown_layers.clone() },
        }
    }

    /// Whether it names a service model or a layer that the cluster defines, or would have to.
    #[must_use]
    pub fn uses_custom_model(&self, matrix: &Matrix) -> bool {
        self.model.as_ref().is_some_and(ModelClaim::uses_custom_model)
            || !self.unknown_layers.is_empty()
            || self.declares.ids().any(|layer| !matrix.layer(layer).defined_by.is_empty())
    }

    /// Whether its review has lapsed.
    #[must_use]
    pub const fn is_lapsed(&self) -> bool {
        matches!(self.review, Review::Lapsed(_))
    }

    /// Whether it makes an exception from a layer that holds.
    #[must_use]
    pub fn excepts(&self, layer: LayerId) -> bool {
        self.exceptions.get(&layer) == Some(&ExceptionState::Valid)
    }

    /// How much the assignment's word weighs for a duty: the highest rank decides. The workload's team has the last word
    /// on its own layers, the platform's on provider duties and on platform layers; the more specific selector wins.
    #[must_use]
    pub fn rank(&self, concern: Audience, duty: Duty) -> u8 {
        let within_kind = match (self.id.is_cluster(), &self.selector, &self.namespace_selector) {
            (true, Some(_), _) => 2,
            (true, None, Some(_)) | (false, Some(_), _) => 1,
            (_, None, _) => 0,
        };
        let namespace_leads = concern == Audience::Workload && duty == Duty::Customer;
        let above_other_kind = match (namespace_leads, self.id.is_cluster()) {
            (true, false) => 3,
            (false, true) => 2,
            (true, true) | (false, false) => 0,
        };
        above_other_kind + within_kind
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::silent;
    use super::*;
    use crate::facts::Requirement;

    fn assignment(cluster: bool, selector: bool, namespace_selector: bool) -> Assignment {
        let some = |wanted: bool| Selector::new(vec![Requirement::Exists("a".into())]).filter(|_| wanted);
        Assignment {
            selector: some(selector),
            namespace_selector: some(namespace_selector),
            ..silent(AssignmentId { namespace: (!cluster).then(|| "shop".into()), name: "a".into() })
        }
    }

    /// The five kinds of assignment from the most to the least specific of each scope.
    fn kinds() -> [Assignment; 5] {
        [
            assignment(false, true, false),
            assignment(false, false, false),
            assignment(true, true, false),
            assignment(true, false, true),
            assignment(true, false, false),
        ]
    }

    #[test]
    fn the_namespace_has_the_last_word_on_customer_duties_of_workload_layers() {
        assert_eq!(kinds().map(|a| a.rank(Audience::Workload, Duty::Customer)), [4, 3, 2, 1, 0]);
    }

    #[test]
    fn the_cluster_has_the_last_word_on_provider_duties_and_on_platform_layers() {
        for (concern, duty) in [
            (Audience::Workload, Duty::Provider),
            (Audience::Platform, Duty::Provider),
            (Audience::Platform, Duty::Customer),
        ] {
            assert_eq!(kinds().map(|a| a.rank(concern, duty)), [1, 0, 4, 3, 2]);
        }
    }

    #[test]
    fn a_cluster_assignment_with_both_selectors_ranks_by_the_workload_selector() {
        let both = assignment(true, true, true);
        assert_eq!(both.rank(Audience::Platform, Duty::Customer), 4);
    }

    #[test]
    fn an_assignment_names_what_the_cluster_defines_by_its_model_or_its_layers() {
        let matrix = Matrix::built_in();
        let plain = || assignment(false, false, false);
        let claiming = |claim| Assignment { model: Some(claim), ..plain() };
        assert!(!plain().uses_custom_model(matrix));
        assert!(!claiming(ModelClaim::Known(ServiceModel::Caas.into())).uses_custom_model(matrix));
        assert!(claiming(ModelClaim::NotFound("house".to_owned())).uses_custom_model(matrix));
        assert!(Assignment { unknown_layers: vec!["example.com/ai".to_owned()], ..plain() }.uses_custom_model(matrix));
        let declares = matrix.find("client-devices").into_iter().collect();
        assert!(!Assignment { declares, ..plain() }.uses_custom_model(matrix), "a built-in layer");
    }
}
