//! The parties that cluster assignments declare for a namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assignment::Assignment;
use crate::api::Role;
use crate::matrix::{Duty, LayerSet};

/// The parties that the cluster assignments taking in a namespace declare for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory(BTreeMap<Arc<str>, ClusterParty>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct ClusterParty {
    /// None when two cluster assignments declare different roles.
    role: Option<Role>,
    /// The layers whose customer duty a namespace may give to it.
    accepts: LayerSet,
}

/// What is known of a party that a claim names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Declared nowhere.
    Unknown,
    /// Declared with different roles by cluster assignments.
    Ambiguous,
    /// Declared, and free to take the customer duty from the claim's assignment or not.
    Known { role: Role, accepts: bool },
}

impl Directory {
    /// The directory of a namespace from the cluster assignments that take it in.
    pub fn new<'a>(cluster_assignments: impl IntoIterator<Item = &'a Assignment> + Clone) -> Self {
        let mut parties: BTreeMap<Arc<str>, (Option<Role>, Option<LayerSet>)> = BTreeMap::new();
        for assignment in cluster_assignments.clone() {
            for (name, declared) in &assignment.parties {
                let (role, accepts) = parties.entry(name.clone()).or_insert((Some(declared.role), None));
                *role = role.filter(|role| *role == declared.role);
                *accepts = match (*accepts, declared.accepts) {
                    (Some(some), Some(more)) => Some(some.union(more)),
                    (some, more) => some.or(more),
                };
            }
        }
        let mut given: BTreeMap<&str, LayerSet> = BTreeMap::new();
        let claims = cluster_assignments.into_iter().flat_map(|assignment| &assignment.claims);
        for claim in claims.filter(|claim| claim.duty == Duty::Customer) {
            given.entry(&claim.party).or_default().insert(claim.layer);
        }
        let with_default = |(name, (role, accepts)): (Arc<str>, (_, Option<LayerSet>))| {
            let accepts = accepts.unwrap_or_else(|| given.get(&*name).copied().unwrap_or_default());
            (name, ClusterParty { role, accepts })
        };
        Self(parties.into_iter().map(with_default).collect())
    }

    /// What is known of a party named by an assignment. A cluster's declaration wins over a namespace's; a party that the
    /// cluster declares holds customer duties named in a namespace only for layers it accepts.
    pub(super) fn standing(&self, assignment: &Assignment, party: &str, layer: crate::matrix::LayerId) -> Standing {
        match (self.0.get(party), assignment.parties.get(party)) {
            (Some(ClusterParty { role: None, .. }), _) => Standing::Ambiguous,
            (Some(ClusterParty { role: Some(role), accepts }), _) => {
                Standing::Known { role: *role, accepts: assignment.id.is_cluster() || accepts.contains(layer) }
            }
            (None, Some(declared)) => Standing::Known { role: declared.role, accepts: true },
            (None, None) => Standing::Unknown,
        }
    }
}
