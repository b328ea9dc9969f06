//! Which nodes the pods of a workload may land on.

use std::sync::Arc;

use jiff::civil::Date;

use super::labels::Labels;

/// Where the pods of a template may land, by what the template asks of nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Placement {
    /// The node that a pod is bound to already.
    pub node_name: Option<Arc<str>>,
    /// Labels that a node must have.
    pub node_selector: Labels,
    /// The required node affinity: one of the terms must match. No term matches nothing; none asks for nothing.
    pub affinity: Option<Box<[NodeTerm]>>,
    /// The taints that the pods put up with.
    pub tolerations: Box<[Toleration]>,
    /// Whether the pods run on AWS Fargate whatever the nodes: by the label of their profile or by their scheduler.
    pub fargate: bool,
}

/// One term of a required node affinity: all of it must hold. An empty term matches no node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeTerm {
    /// Requirements on labels.
    pub labels: Box<[(Arc<str>, NodeRequirement)]>,
    /// Requirements on the node's name (`metadata.name`, the only field there is).
    pub name: Box<[NodeRequirement]>,
    /// Whether it asks for something that no node can be known to fulfil, such as a field that does not exist.
    pub impossible: bool,
}

/// A requirement on a label or a field of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeRequirement {
    /// It has one of the values.
    In(Box<[Arc<str>]>),
    /// It is absent or has none of the values.
    NotIn(Box<[Arc<str>]>),
    /// It is present.
    Exists,
    /// It is absent.
    DoesNotExist,
    /// It is an integer above this one.
    Gt(i64),
    /// It is an integer below this one.
    Lt(i64),
}

/// A taint that pods put up with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Toleration {
    /// The key of the taint, every key when there is none.
    pub key: Option<Arc<str>>,
    /// The value that the taint must have; any where there is none (the operator `Exists`, or one that compares numbers:
    /// a node too many is the lesser mistake).
    pub value: Option<Arc<str>>,
    /// The effect of the taint, every effect when there is none.
    pub effect: Option<TaintEffect>,
}

/// What a taint does to pods that do not tolerate it. Those that only prefer to keep pods away do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaintEffect {
    /// They are not scheduled.
    NoSchedule,
    /// They are not scheduled, and evicted.
    NoExecute,
}

/// What counts of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its labels.
    pub labels: Labels,
    /// Its taints that keep pods away.
    pub taints: Box<[Taint]>,
    /// `spec.providerID`, empty when there is none.
    pub provider_id: Arc<str>,
    /// The version of its kubelet, such as `v1.37.1-eks-3abbec1`.
    pub kubelet_version: Arc<str>,
    /// The day on which it joined the cluster, in UTC.
    pub created: Option<Date>,
    /// Whether it is ready.
    pub readiness: Readiness,
}

/// Whether a node is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// It does not say so.
    #[default]
    Unknown,
    /// It is.
    Ready,
    /// It is not since this day, in UTC.
    Not(Date),
}

/// A taint that keeps pods away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: Arc<str>,
    /// Its value, empty when there is none.
    pub value: Arc<str>,
    /// What it does.
    pub effect: TaintEffect,
}

impl Taint {
    /// Whether it comes and goes by itself, with the state of the node or with the autoscaler's plans. Such taints say
    /// nothing about where pods may land.
    fn is_passing(&self) -> bool {
        const PREFIXES: [&str; 3] = ["node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "karpenter.sh/"];
        const KEYS: [&str; 2] = ["ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler"];
        let key = &*self.key;
        PREFIXES.iter().any(|prefix| key.starts_with(prefix))
            // Also under a prefix of its own: startup-taint.cluster-autoscaler.kubernetes.io/...
            || key.contains("cluster-autoscaler.kubernetes.io")
            || KEYS.contains(&key)
            || key.ends_with("/agent-not-ready")
    }
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
    /// Whether pods may land on a node of this name. Cordoned nodes count: they come back.
    #[must_use]
    pub fn admits(&self, name: &str, node: &NodeFacts) -> bool {
        if let Some(bound) = &self.node_name {
            return **bound == *name;
        }
        self.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value))
            && self.affinity.as_ref().is_none_or(|terms| terms.iter().any(|term| term.matches(name, node)))
            && node.taints.iter().filter(|taint| !taint.is_passing()).all(|taint| self.tolerates(taint))
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        self.tolerations.iter().any(|toleration| toleration.tolerates(taint))
    }
}

#[cfg(test)]
mod tests;
