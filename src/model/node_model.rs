//! Service models of nodes, and of the nodes a workload can be scheduled on.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::facts::NodeFacts;
use crate::matrix::{ModelSet, ServiceModel};

/// Label of control plane nodes that are nodes of the cluster.
pub const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";

/// Rule that gives a service model to a node. All conditions that are set must match; see `node_models.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct NodeRule {
    /// Key of a label.
    pub label: Option<String>,
    /// Prefix of the key of a label.
    pub label_prefix: Option<String>,
    /// Key of a taint.
    pub taint: Option<String>,
    /// Value of that label or taint; any value if not set.
    pub value: Option<String>,
    /// Prefix of the node name.
    pub name: Option<String>,
    /// Part of the kubelet version.
    pub kubelet_version: Option<String>,
    /// Prefix of `spec.providerID`; empty for nodes without a provider ID.
    #[serde(rename = "providerID")]
    pub provider_id: Option<String>,
    /// True if the rule needs a control plane node in the cluster.
    pub control_plane_visible: bool,
    /// Service model of matching nodes; if not set, they are undetermined.
    pub model: Option<ServiceModel>,
    /// True if matching nodes show that the provider runs the control plane.
    pub managed_control_plane: bool,
    /// True for AWS Fargate.
    pub fargate: bool,
    /// Documentation that the rule is based on.
    pub source: String,
}

static BUILT_IN: LazyLock<Vec<NodeRule>> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("node_models.yaml"))
        .expect("the built-in node models are part of the binary and parsed by the tests")
});

/// Properties that a node shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeClass {
    /// Service model; `None` if undetermined.
    pub model: Option<ServiceModel>,
    /// True if the node shows that the provider runs the control plane.
    pub managed_control_plane: bool,
    /// True for AWS Fargate.
    pub fargate: bool,
}

/// Rules that classify nodes: configured rules first, then built-in rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeModels {
    configured: Vec<NodeRule>,
}

impl NodeModels {
    /// Creates the rules: the configured ones, then the built-in ones.
    #[must_use]
    pub const fn with(configured: Vec<NodeRule>) -> Self {
        Self { configured }
    }

    /// Returns the built-in rules.
    #[must_use]
    pub fn built_in() -> &'static [NodeRule] {
        &BUILT_IN
    }

    /// Classifies a node by the first rule that matches. `control_plane_visible` is true if the cluster has a control plane node.
    #[must_use]
    pub fn classify(&self, name: &str, node: &NodeFacts, control_plane_visible: bool) -> NodeClass {
        let mut rules = self.configured.iter().chain(BUILT_IN.iter());
        let rule = rules.find(|rule| rule.matches(name, node, control_plane_visible));
        rule.map_or_else(NodeClass::default, |rule| NodeClass {
            model: rule.model,
            managed_control_plane: rule.managed_control_plane
                || matches!(rule.model, Some(ServiceModel::Caas | ServiceModel::ManagedNodes)),
            fargate: rule.fargate,
        })
    }
}

impl NodeRule {
    fn matches(&self, name: &str, node: &NodeFacts, control_plane_visible: bool) -> bool {
        let given = |wanted: &Option<String>, matches: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(matches);
        let has_value = |value: &str| self.value.as_deref().is_none_or(|wanted| wanted == value);
        given(&self.label, &|key| node.labels.get(key).is_some_and(has_value))
            && given(&self.label_prefix, &|prefix| node.labels.iter().any(|(key, _)| key.starts_with(prefix)))
            && given(&self.taint, &|key| node.taints.iter().any(|taint| *taint.key == *key && has_value(&taint.value)))
            && given(&self.name, &|prefix| name.starts_with(prefix))
            && given(&self.kubelet_version, &|part| node.kubelet_version.contains(part))
            && given(&self.provider_id, &|prefix| match prefix {
                "" => node.provider_id.is_empty(),
                prefix => node.provider_id.starts_with(prefix),
            })
            && (control_plane_visible || !self.control_plane_visible)
    }
}

/// Service models of the nodes a workload can be scheduled on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchedulableNodes {
    /// Models that the nodes show.
    pub models: ModelSet,
    /// True if at least one node is undetermined.
    pub undetermined: bool,
    /// True if all nodes are AWS Fargate.
    pub fargate: bool,
    /// True if a node of the cluster shows that the provider runs the control plane.
    pub managed_control_plane: bool,
}

impl SchedulableNodes {
    /// Combines the classes of the nodes. Without nodes no model is shown.
    #[must_use]
    pub fn of(classes: impl IntoIterator<Item = NodeClass>, managed_control_plane: bool) -> Self {
        let one = |class: NodeClass| Self {
            models: class.model.into_iter().collect(),
            undetermined: class.model.is_none(),
            fargate: class.fargate,
            managed_control_plane,
        };
        let empty = Self { managed_control_plane, ..Self::default() };
        classes.into_iter().map(one).reduce(Self::union).unwrap_or(empty)
    }

    /// Combines two sets of nodes: the parts of a workload can be scheduled on different nodes.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            models: self.models.union(other.models),
            undetermined: self.undetermined || other.undetermined,
            fargate: self.fargate && other.fargate,
            managed_control_plane: self.managed_control_plane || other.managed_control_plane,
        }
    }

    /// Returns the result for a pod that always runs on AWS Fargate.
    #[must_use]
    pub fn fargate() -> Self {
        Self {
            models: [ServiceModel::ManagedNodes].into_iter().collect(),
            undetermined: false,
            fargate: true,
            managed_control_plane: true,
        }
    }
}

#[cfg(test)]
mod tests;
