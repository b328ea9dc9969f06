//! Assignments: names resolved to layers, one claim per layer and duty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::meta::{Readable, Slim};
use crate::api::{
    AssignmentSpec, AssignmentStatus, ClusterResponsibilityAssignment, ClusterResponsibilityAssignmentSpec, DutyEntry,
    LabelSelector, LayerName, Operator, ResponsibilityAssignment, ResponsibilityAssignmentSpec,
};
use crate::matrix::{Duty, LayerSet, Matrix, ServiceModel};
use crate::model::{Assignment, AssignmentId, Claim, ModelClaim, PartyDeclaration, Requirement, Selector};

/// A ResponsibilityAssignment, of which spec and status may have been written under another schema.
pub type NamespacedAssignment =
    Slim<ResponsibilityAssignment, Readable<ResponsibilityAssignmentSpec>, Readable<AssignmentStatus>>;
/// A ClusterResponsibilityAssignment, of which spec and status may have been written under another schema.
pub type ClusterAssignment =
    Slim<ClusterResponsibilityAssignment, Readable<ClusterResponsibilityAssignmentSpec>, Readable<AssignmentStatus>>;

/// The assignment that a ResponsibilityAssignment amounts to.
#[must_use]
pub fn compile_namespaced(matrix: &Matrix, id: AssignmentId, spec: &AssignmentSpec) -> Assignment {
    compile(matrix, id, spec, None)
}

/// The assignment that a ClusterResponsibilityAssignment amounts to.
#[must_use]
pub fn compile_cluster(matrix: &Matrix, id: AssignmentId, spec: &ClusterResponsibilityAssignmentSpec) -> Assignment {
    compile(matrix, id, &spec.assignment, spec.namespace_selector.as_ref())
}

fn compile(
    matrix: &Matrix,
    id: AssignmentId,
    spec: &AssignmentSpec,
    namespace_selector: Option<&LabelSelector>,
) -> Assignment {
    let mut names = Names { matrix, unknown: BTreeSet::new() };
    let declares = names.layers(&spec.declares);
    let parties = spec
        .parties
        .iter()
        .map(|party| {
            let accepts = party.accepts.as_ref().map(|layers| names.layers(layers));
            (party.name.0.as_str().into(), PartyDeclaration { role: party.role, accepts })
        })
        .collect();
    let claims = claims(&mut names, spec);
    // They have no effect on claims; their layers are looked up so that a name that nobody knows is reported.
    for exception in &spec.exceptions {
        names.layers(std::slice::from_ref(&exception.layer));
    }
    for layers in spec.parties.iter().flat_map(|party| &party.evidence).filter_map(|evidence| evidence.layers.as_ref())
    {
        names.layers(layers);
    }
    let model = spec.service_model.as_ref().map(|name| {
        name.parse::<ServiceModel>().map_or_else(|_| ModelClaim::NotFound(name.clone()), ModelClaim::BuiltIn)
    });
    Assignment {
        id,
        selector: spec.selector.as_ref().and_then(selector),
        namespace_selector: namespace_selector.and_then(selector),
        model,
        declares,
        parties,
        claims,
        unknown_layers: names.unknown.into_iter().collect(),
    }
}

/// Looks up layers by name and remembers the names that it does not know.
struct Names<'a> {
    matrix: &'a Matrix,
    unknown: BTreeSet<String>,
}

impl Names<'_> {
    fn layers(&mut self, names: &[LayerName]) -> LayerSet {
        let mut found = LayerSet::EMPTY;
        for LayerName(name) in names {
            match self.matrix.find(name) {
                Some(layer) => found.insert(layer),
                None => {
                    self.unknown.insert(name.clone());
                }
            }
        }
        found
    }
}

fn claims(names: &mut Names<'_>, spec: &AssignmentSpec) -> Vec<Claim> {
    let agreements = agreements(names, &spec.duties);
    let mut claims = Vec::new();
    for entry in &spec.duties {
        let layers = names.layers(&entry.layers);
        for (duty, party) in holders(entry) {
            let accountable = entry.accountable.as_ref().or(spec.accountable.as_ref());
            claims.extend(layers.iter().map(|layer| Claim {
                layer,
                duty,
                party: party.into(),
                accountable: accountable.map(|name| Arc::from(name.0.as_str())),
                agreement: agreements.get(party).is_some_and(|covered| covered.contains(layer)),
            }));
        }
    }
    claims.sort_by_key(|claim| (claim.layer, claim.duty));
    claims.dedup();
    claims
}

fn holders(entry: &DutyEntry) -> impl Iterator<Item = (Duty, &str)> {
    let holders = [(Duty::Provider, &entry.provider), (Duty::Customer, &entry.customer)];
    holders.into_iter().filter_map(|(duty, party)| party.as_ref().map(|party| (duty, party.0.as_str())))
}

/// The layers that the agreements with each party cover: those they list, or those of their duty entry.
fn agreements<'a>(names: &mut Names<'_>, entries: &'a [DutyEntry]) -> BTreeMap<&'a str, LayerSet> {
    let mut covered: BTreeMap<&str, LayerSet> = BTreeMap::new();
    for entry in entries {
        let Some(agreement) = &entry.agreement else { continue };
        let layers = names.layers(agreement.layers.as_ref().unwrap_or(&entry.layers));
        for (_, party) in holders(entry) {
            let all = covered.entry(party).or_default();
            *all = all.union(layers);
        }
    }
    covered
}

fn selector(selector: &LabelSelector) -> Option<Selector> {
    let labels = selector.match_labels.iter().map(|(key, value)| Requirement::In(key.clone(), vec![value.0.clone()]));
    let expressions = selector.match_expressions.iter().map(|requirement| {
        let key = requirement.key.clone();
        let values = || requirement.values.clone();
        match requirement.operator {
            Operator::In => Requirement::In(key, values()),
            Operator::NotIn => Requirement::NotIn(key, values()),
            Operator::Exists => Requirement::Exists(key),
            Operator::DoesNotExist => Requirement::DoesNotExist(key),
        }
    });
    Selector::new(labels.chain(expressions).collect())
}

#[cfg(test)]
mod tests;
