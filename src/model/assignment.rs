//! Compiled assignments: names are resolved to layers, with one claim per layer and duty, and ranks.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use crate::api::Role;
use crate::facts::{AssignmentId, Selector};
use crate::matrix::{Audience, Duty, LayerId, LayerSet, Matrix, ModelId, ServiceModel};

/// Service model that an assignment names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelClaim {
    /// A model that can be used.
    Known(ModelId),
    /// A model that does not exist. The claim has no effect.
    NotFound(String),
    /// A ServiceModel that cannot be used. The claim has no effect.
    Refused {
        /// Name of the ServiceModel.
        name: String,
        /// Reason why it cannot be used.
        why: String,
    },
}

impl ModelClaim {
    /// Returns the model if it can be used.
    #[must_use]
    pub const fn known(&self) -> Option<ModelId> {
        match self {
            Self::Known(model) => Some(*model),
            Self::NotFound(_) | Self::Refused { .. } => None,
        }
    }

    /// Returns true unless it names a built-in model.
    #[must_use]
    pub const fn uses_custom_model(&self) -> bool {
        match self {
            Self::Known(model) => model.index() >= ServiceModel::ALL.len(),
            Self::NotFound(_) | Self::Refused { .. } => true,
        }
    }
}

/// Declaration of a party in one assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyDeclaration {
    /// Role of the party for the workloads.
    pub role: Role,
    /// Layers whose customer duty a namespace can give to the party; `None` if not declared.
    pub accepts: Option<LayerSet>,
    /// Evidence that the party fulfils its duties.
    pub evidence: Box<[EvidenceFacts]>,
    /// True if the declaration has a contact.
    pub reachable: bool,
    /// True if the party acknowledged the current duties.
    pub acknowledged: bool,
}

/// Report or certificate about a party, as of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceFacts {
    /// Layers that it names; `None` for all layers of the party.
    pub layers: Option<LayerSet>,
    /// True if its last valid day has passed.
    pub ended: bool,
}

impl EvidenceFacts {
    /// Returns true if it covers a layer.
    #[must_use]
    pub fn covers(&self, layer: LayerId) -> bool {
        self.layers.is_none_or(|layers| layers.has(layer))
    }
}

/// Cover of a claim by an agreement in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgreementCover {
    /// No agreement covers the claim.
    Missing,
    /// An agreement without its own layers, in a duty entry that names the layer.
    Entry,
    /// An agreement lists the layer.
    Listed,
}

/// Statement that a party holds a duty of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The layer.
    pub layer: LayerId,
    /// The duty of the layer.
    pub duty: Duty,
    /// Party that holds the duty.
    pub party: Arc<str>,
    /// Accountable party, if the assignment names one.
    pub accountable: Option<Arc<str>>,
    /// Cover by the agreements of the assignment with the party.
    pub agreement: AgreementCover,
}

/// Review state of an assignment, as of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Review {
    /// No past review is recorded.
    #[default]
    Missing,
    /// The next review is due on this day, more than 30 days ahead.
    Current(Date),
    /// The review is due on this day: within 30 days, or overdue within the days of grace.
    Due(Date),
    /// The review was due on this day and the days of grace have passed. The duties have lapsed.
    Lapsed(Date),
}

/// State of an exception, as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExceptionState {
    /// In force.
    Valid,
    /// Its last day has passed.
    Expired(Date),
    /// Not allowed, without effect.
    Refused(Refusal),
}

/// Reason to refuse an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// This kind of assignment cannot make an exception for the layer.
    Layer,
    /// The last day is too far ahead.
    TooFar,
}

/// Date within 30 days or in the past.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// Last valid day.
    pub date: Date,
    /// Kind of what ends.
    pub kind: DeadlineKind,
    /// The party, or the layer of an exception.
    pub subject: Arc<str>,
    /// True if the day has passed, false if it is within 30 days.
    pub passed: bool,
}

/// Kind of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineKind {
    /// Review of the assignment. It counts as passed when the duties lapse.
    Review,
    /// Agreement with a party.
    Agreement,
    /// Evidence of a party.
    Evidence,
    /// Exception for a layer.
    Exception,
}

/// Result of reading an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// The assignment applies. Undefined layers have no effect.
    Accepted {
        /// Names of undefined layers.
        unknown_layers: Vec<String>,
    },
    /// The named service model does not exist.
    ServiceModelNotFound(String),
    /// The named service model cannot be used.
    ServiceModelInvalid {
        /// Name of the ServiceModel.
        name: String,
        /// Reason why it cannot be used.
        why: String,
    },
    /// The stored object does not match the schema. Contains the error.
    SchemaOutdated(String),
}

/// Assignment as of a day, compiled for the evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Namespace and name.
    pub id: AssignmentId,
    /// Selector of workloads; `None` for all.
    pub selector: Option<Selector>,
    /// Selector of the namespaces of a cluster assignment; `None` for all.
    pub namespace_selector: Option<Selector>,
    /// Service model that it names.
    pub model: Option<ModelClaim>,
    /// Layers that it declares present.
    pub declares: LayerSet,
    /// Parties that it declares.
    pub parties: BTreeMap<Arc<str>, PartyDeclaration>,
    /// Claims, sorted by layer and duty.
    pub claims: Vec<Claim>,
    /// Exceptions by layer.
    pub exceptions: BTreeMap<LayerId, ExceptionState>,
    /// Review state.
    pub review: Review,
    /// Deadlines within 30 days or in the past, sorted.
    pub deadlines: Vec<Deadline>,
    /// Next day on which the result of compiling changes.
    pub next_change: Option<Date>,
    /// Digest of the duties that it gives to parties. An acknowledgement refers to it.
    pub digest: Arc<str>,
    /// Names of undefined layers. They have no effect.
    pub unknown_layers: Vec<String>,
}

impl Assignment {
    /// Returns the claims about a duty of a layer. In a valid object they all name one party.
    pub fn claims_about(&self, layer: LayerId, duty: Duty) -> impl Iterator<Item = &Claim> {
        let start = self.claims.partition_point(|claim| (claim.layer, claim.duty) < (layer, duty));
        self.claims[start..].iter().take_while(move |claim| (claim.layer, claim.duty) == (layer, duty))
    }

    /// Returns the acceptance of an assignment that matches the schema.
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

    /// Returns true if it names a service model or a layer that is not built in.
    #[must_use]
    pub fn uses_custom_model(&self, matrix: &Matrix) -> bool {
        self.model.as_ref().is_some_and(ModelClaim::uses_custom_model)
            || !self.unknown_layers.is_empty()
            || self.declares.ids().any(|layer| !matrix.layer(layer).defined_by.is_empty())
    }

    /// Returns true if the review has lapsed.
    #[must_use]
    pub const fn is_lapsed(&self) -> bool {
        matches!(self.review, Review::Lapsed(_))
    }

    /// Returns true if it has an exception in force for a layer.
    #[must_use]
    pub fn excepts(&self, layer: LayerId) -> bool {
        self.exceptions.get(&layer) == Some(&ExceptionState::Valid)
    }

    /// Returns the rank of the assignment for a duty. Claims of the highest rank decide.
    ///
    /// Namespaced assignments rank higher for customer duties of workload layers. Cluster assignments rank higher for provider
    /// duties and for platform layers. Within a kind, the more specific selector ranks higher.
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
    use super::super::testing::empty;
    use super::*;
    use crate::facts::Requirement;

    fn assignment(cluster: bool, selector: bool, namespace_selector: bool) -> Assignment {
        let some = |wanted: bool| Selector::new(vec![Requirement::Exists("a".into())]).filter(|_| wanted);
        Assignment {
            selector: some(selector),
            namespace_selector: some(namespace_selector),
            ..empty(AssignmentId { namespace: (!cluster).then(|| "shop".into()), name: "a".into() })
        }
    }

    /// Five kinds of assignment, from the most to the least specific of each scope.
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
