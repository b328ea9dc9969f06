//! The requirements of a pod on nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::meta::labels;
use super::pod_spec::{Expression, PodSpec, Term, TolerationSpec};
use crate::facts::{NodeRequirement, NodeTerm, Placement, TaintEffect, Toleration};

/// The scheduler of AWS Fargate.
const FARGATE_SCHEDULER: &str = "fargate-scheduler";
/// The label that AWS adds to pods on Fargate.
const FARGATE_LABEL: &str = "eks.amazonaws.com/fargate-profile";

/// Parses the effect of a taint; `None` for an effect that does not keep pods away.
pub(super) fn taint_effect(effect: &str) -> Option<TaintEffect> {
    match effect {
        "NoSchedule" => Some(TaintEffect::NoSchedule),
        "NoExecute" => Some(TaintEffect::NoExecute),
        _ => None,
    }
}

impl PodSpec {
    /// Extracts the placement of pods with these labels.
    pub(super) fn placement(&self, pod_labels: Option<&BTreeMap<String, String>>) -> Placement {
        let required = self
            .affinity
            .as_ref()
            .and_then(|affinity| affinity.node_affinity.as_ref())
            .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
        let terms = required.map(|selector| selector.node_selector_terms.iter().flatten().map(Term::read).collect());
        let is_labelled = pod_labels.is_some_and(|labels| labels.contains_key(FARGATE_LABEL));
        Placement {
            node_name: self.node_name.as_deref().filter(|name| !name.is_empty()).map(Arc::from),
            node_selector: labels(self.node_selector.as_ref()),
            affinity: terms,
            tolerations: self.tolerations.iter().flatten().filter_map(TolerationSpec::read).collect(),
            fargate: is_labelled || self.scheduler_name.as_deref() == Some(FARGATE_SCHEDULER),
        }
    }
}

impl Term {
    fn read(&self) -> NodeTerm {
        let mut term = NodeTerm::default();
        let mut labels = Vec::new();
        let mut name = Vec::new();
        for expression in self.match_expressions.iter().flatten() {
            match expression.read() {
                Some(requirement) => labels.push((expression.key.as_str().into(), requirement)),
                None => term.impossible = true,
            }
        }
        for expression in self.match_fields.iter().flatten() {
            match expression.read() {
                Some(requirement @ (NodeRequirement::In(_) | NodeRequirement::NotIn(_)))
                    if expression.key == "metadata.name" =>
                {
                    name.push(requirement);
                }
                _ => term.impossible = true,
            }
        }
        NodeTerm { labels: labels.into(), name: name.into(), ..term }
    }
}

impl Expression {
    /// Returns `None` for an unknown operator and for values that are invalid for the operator: the scheduler matches
    /// no node then.
    fn read(&self) -> Option<NodeRequirement> {
        let values = self.values.as_deref().unwrap_or_default();
        let listed = || values.iter().map(|value| Arc::from(value.as_str())).collect();
        let bound = || if let [bound] = values { bound.parse::<i64>().ok() } else { None };
        Some(match self.operator.as_str() {
            "In" if !values.is_empty() => NodeRequirement::In(listed()),
            "NotIn" if !values.is_empty() => NodeRequirement::NotIn(listed()),
            "Exists" => NodeRequirement::Exists,
            "DoesNotExist" => NodeRequirement::DoesNotExist,
            "Gt" => NodeRequirement::Gt(bound()?),
            "Lt" => NodeRequirement::Lt(bound()?),
            _ => return None,
        })
    }
}

impl TolerationSpec {
    /// Returns `None` for a toleration of taints that do not keep pods away.
    fn read(&self) -> Option<Toleration> {
        let effect = match self.effect.as_deref() {
            None | Some("") => None,
            Some(effect) => Some(taint_effect(effect)?),
        };
        let compares_text = matches!(self.operator.as_deref(), None | Some("" | "Equal"));
        Some(Toleration {
            key: self.key.as_deref().filter(|key| !key.is_empty()).map(Arc::from),
            value: compares_text.then(|| self.value.as_deref().unwrap_or_default().into()),
            effect,
        })
    }
}

#[cfg(test)]
mod tests;
