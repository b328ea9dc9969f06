//! Parties that cluster assignments declare for a namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assignment::{Assignment, EvidenceFacts};
use crate::api::Role;
use crate::matrix::{Duty, LayerId, LayerSet};

/// Parties of the cluster assignments that select a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory(BTreeMap<Arc<str>, ClusterParty>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct ClusterParty {
    /// `None` if two cluster assignments declare different roles.
    role: Option<Role>,
    /// Layers whose customer duty a namespace can give to the party.
    accepts: LayerSet,
    evidence: Vec<EvidenceFacts>,
}

/// State of the evidence of a party for a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EvidenceState {
    /// No evidence is declared.
    Missing,
    /// At least one piece of evidence has not ended.
    Current,
    /// All evidence has ended.
    Ended,
}

/// Role in the cluster assignments.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum DeclaredRole {
    #[default]
    None,
    One(Role),
    Several,
}

/// Declarations of a party in all cluster assignments.
#[derive(Default)]
struct Declared {
    role: DeclaredRole,
    accepts: Option<LayerSet>,
    evidence: Vec<EvidenceFacts>,
}

/// Role and acceptance of a party that a claim names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartyStanding {
    /// Not declared.
    Unknown,
    /// Declared with different roles in cluster assignments.
    Ambiguous,
    /// Declared. `accepts` is true if the assignment of the claim can give it the customer duty.
    Known { role: Role, accepts: bool },
}

impl Directory {
    /// Creates the directory of a namespace from the cluster assignments that select it.
    pub fn new<'a>(cluster_assignments: impl IntoIterator<Item = &'a Assignment> + Clone) -> Self {
        let mut parties: BTreeMap<Arc<str>, Declared> = BTreeMap::new();
        for assignment in cluster_assignments.clone() {
            for (name, declaration) in &assignment.parties {
                let party = parties.entry(name.clone()).or_default();
                let role = DeclaredRole::One(declaration.role);
                let is_same = party.role == DeclaredRole::None || party.role == role;
                party.role = if is_same { role } else { DeclaredRole::Several };
                party.accepts = match (party.accepts, declaration.accepts) {
                    (Some(some), Some(more)) => Some(some.union(more)),
                    (some, more) => some.or(more),
                };
                party.evidence.extend(declaration.evidence.iter().cloned());
            }
        }
        let mut given: BTreeMap<&str, LayerSet> = BTreeMap::new();
        let claims = cluster_assignments.into_iter().flat_map(|assignment| &assignment.claims);
        for claim in claims.filter(|claim| claim.duty == Duty::Customer) {
            given.entry(&claim.party).or_default().insert(LayerSet::of(claim.layer));
        }
        let with_default = |(name, Declared { role, accepts, evidence }): (Arc<str>, Declared)| {
            let role = match role {
                DeclaredRole::One(role) => Some(role),
                DeclaredRole::None | DeclaredRole::Several => None,
            };
            let accepts = accepts.unwrap_or_else(|| given.get(&*name).copied().unwrap_or_default());
            (name, ClusterParty { role, accepts, evidence })
        };
        Self(parties.into_iter().map(with_default).collect())
    }

    /// Returns true if a cluster assignment declares a party of this name.
    pub(super) fn declares(&self, party: &str) -> bool {
        self.0.contains_key(party)
    }

    /// Returns the state of the evidence for a layer of a party that an assignment names.
    pub(super) fn evidence(&self, assignment: &Assignment, party: &str, layer: LayerId) -> EvidenceState {
        let declared = assignment.parties.get(party).map(|party| &*party.evidence);
        let evidence = self.0.get(party).map(|party| &*party.evidence).or(declared).unwrap_or_default();
        let about = || evidence.iter().filter(|evidence| evidence.covers(layer));
        match (about().next().is_some(), about().all(|evidence| evidence.ended)) {
            (false, _) => EvidenceState::Missing,
            (true, true) => EvidenceState::Ended,
            (true, false) => EvidenceState::Current,
        }
    }

    /// Returns role and acceptance of a party that an assignment names.
    ///
    /// The declaration in a cluster assignment overrides one in a namespace. From a namespace, a party of the cluster accepts
    /// only the customer duties of the layers in `accepts`.
    pub(super) fn standing(&self, assignment: &Assignment, party: &str, layer: LayerId) -> PartyStanding {
        match (self.0.get(party), assignment.parties.get(party)) {
            (Some(ClusterParty { role: None, .. }), _) => PartyStanding::Ambiguous,
            (Some(ClusterParty { role: Some(role), accepts, .. }), _) => {
                PartyStanding::Known { role: *role, accepts: assignment.id.is_cluster() || accepts.has(layer) }
            }
            (None, Some(declared)) => PartyStanding::Known { role: declared.role, accepts: true },
            (None, None) => PartyStanding::Unknown,
        }
    }
}
