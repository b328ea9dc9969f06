//! An assignment as the evaluation sees it: names resolved to layers, one claim per layer and duty, ranks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::labels::Selector;
use crate::api::Role;
use crate::matrix::{Concern, Duty, LayerId, LayerSet, ServiceModel};

/// The identity of an assignment: a namespaced one or, without a namespace, a cluster one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssignmentId {
    /// The namespace of a ResponsibilityAssignment, none for a ClusterResponsibilityAssignment.
    pub namespace: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
}

impl AssignmentId {
    /// Whether this is the cluster kind.
    #[must_use]
    pub const fn is_cluster(&self) -> bool {
        self.namespace.is_none()
    }
}

impl fmt::Display for AssignmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The service model that an assignment claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelClaim {
    /// A built-in model.
    BuiltIn(ServiceModel),
    /// A name that resolves to nothing: the claim has no effect.
    NotFound(String),
}

/// A party as one assignment declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyDeclaration {
    /// What it is to the workloads.
    pub role: Role,
    /// The layers whose customer duty it lets namespaces give to it; none when the declaration does not say.
    pub accepts: Option<LayerSet>,
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
    pub agreement: bool,
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
    /// The stored object does not parse: it was written under another schema.
    SchemaOutdated(String),
}

/// What an assignment says, ready for evaluation.
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
            Some(ModelClaim::BuiltIn(_)) | None => Acceptance::Accepted { unknown_layers: self.unknown_layers.clone() },
        }
    }

    /// How much the assignment's word weighs for a duty: the highest rank decides. The workload's team has the last word
    /// on its own layers, the platform's on provider duties and on platform layers; the more specific selector wins.
    #[must_use]
    pub fn rank(&self, concern: Concern, duty: Duty) -> u8 {
        let within_kind = match (self.id.is_cluster(), &self.selector, &self.namespace_selector) {
            (true, Some(_), _) => 2,
            (true, None, Some(_)) | (false, Some(_), _) => 1,
            (_, None, _) => 0,
        };
        let namespace_leads = concern == Concern::Workload && duty == Duty::Customer;
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
    use super::super::labels::Requirement;
    use super::*;

    fn assignment(cluster: bool, selector: bool, namespace_selector: bool) -> Assignment {
        let some = |wanted: bool| Selector::new(vec![Requirement::Exists("a".into())]).filter(|_| wanted);
        Assignment {
            id: AssignmentId { namespace: (!cluster).then(|| "shop".into()), name: "a".into() },
            selector: some(selector),
            namespace_selector: some(namespace_selector),
            model: None,
            declares: LayerSet::EMPTY,
            parties: BTreeMap::new(),
            claims: vec![],
            unknown_layers: vec![],
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
        assert_eq!(kinds().map(|a| a.rank(Concern::Workload, Duty::Customer)), [4, 3, 2, 1, 0]);
    }

    #[test]
    fn the_cluster_has_the_last_word_on_provider_duties_and_on_platform_layers() {
        for (concern, duty) in [
            (Concern::Workload, Duty::Provider),
            (Concern::Platform, Duty::Provider),
            (Concern::Platform, Duty::Customer),
        ] {
            assert_eq!(kinds().map(|a| a.rank(concern, duty)), [1, 0, 4, 3, 2]);
        }
    }

    #[test]
    fn a_cluster_assignment_with_both_selectors_ranks_by_the_workload_selector() {
        let both = assignment(true, true, true);
        assert_eq!(both.rank(Concern::Platform, Duty::Customer), 4);
    }
}
