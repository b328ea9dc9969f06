//! The nodes that the pods of a workload can be scheduled on.

use std::sync::Arc;

use super::labels::Labels;
use super::node::{NodeFacts, Taint, TaintEffect};

/// The requirements of a pod template on nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Placement {
    /// The node that a pod is already bound to.
    pub node_name: Option<Arc<str>>,
    /// Labels that a node must have.
    pub node_selector: Labels,
    /// The required node affinity: one of the terms must match. An empty list matches no node; `None` matches every
    /// node.
    pub affinity: Option<Box<[NodeTerm]>>,
    /// The taints that the pods tolerate.
    pub tolerations: Box<[Toleration]>,
    /// True if the pods run on AWS Fargate: by the label of the Fargate profile or by the scheduler.
    pub fargate: bool,
}

/// One term of a required node affinity: all its requirements must match. An empty term matches no node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeTerm {
    /// Requirements on labels.
    pub labels: Box<[(Arc<str>, NodeRequirement)]>,
    /// Requirements on the name of the node (`metadata.name`, the only supported field).
    pub name: Box<[NodeRequirement]>,
    /// True if it contains a requirement that no node can meet, such as one on an unknown field.
    pub impossible: bool,
}

/// A requirement on a label or a field of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeRequirement {
    /// The value is one of these.
    In(Box<[Arc<str>]>),
    /// There is no value, or it is none of these.
    NotIn(Box<[Arc<str>]>),
    /// There is a value.
    Exists,
    /// There is no value.
    DoesNotExist,
    /// The value is an integer above this one.
    Gt(i64),
    /// The value is an integer below this one.
    Lt(i64),
}

/// A toleration of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Toleration {
    /// The key of the taint; without one it tolerates every key.
    pub key: Option<Arc<str>>,
    /// The value of the taint; without one it tolerates every value. That is so for the operator `Exists` and also for
    /// the operators that compare numbers: a node too many is the smaller error.
    pub value: Option<Arc<str>>,
    /// The effect of the taint; without one it tolerates every effect.
    pub effect: Option<TaintEffect>,
}

impl Toleration {
    fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && self.key.as_ref().is_none_or(|key| *key == taint.key)
            && self.value.as_ref().is_none_or(|value| *value == taint.value)
    }
}

impl NodeRequirement {
    fn is_met_by(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(values) => value.is_some_and(|value| values.iter().any(|v| **v == *value)),
            Self::NotIn(values) => value.is_none_or(|value| values.iter().all(|v| **v != *value)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
            Self::Gt(bound) => number().is_some_and(|number| number > *bound),
            Self::Lt(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

impl NodeTerm {
    fn matches(&self, name: &str, node: &NodeFacts) -> bool {
        let is_empty = self.labels.is_empty() && self.name.is_empty();
        !is_empty
            && !self.impossible
            && self.labels.iter().all(|(key, requirement)| requirement.is_met_by(node.labels.get(key)))
            && self.name.iter().all(|requirement| requirement.is_met_by(Some(name)))
    }
}

impl Placement {
    /// Returns true if the pods can be scheduled on a node of this name. Cordoned nodes count: cordoning is temporary.
    #[must_use]
    pub fn admits(&self, name: &str, node: &NodeFacts) -> bool {
        if let Some(bound) = &self.node_name {
            return **bound == *name;
        }
        self.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value))
            && self.affinity.as_ref().is_none_or(|terms| terms.iter().any(|term| term.matches(name, node)))
            && node.taints.iter().filter(|taint| !taint.is_temporary()).all(|taint| self.tolerates(taint))
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        self.tolerations.iter().any(|toleration| toleration.tolerates(taint))
    }
}

#[cfg(test)]
mod tests;
