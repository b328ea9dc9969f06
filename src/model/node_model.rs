//! Which service model a node shows, and what the nodes of a workload come to.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::facts::NodeFacts;
use crate::matrix::{ModelSet, ServiceModel};

/// The label of the nodes that run the control plane, where these are nodes of the cluster.
pub const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";

/// What a node has to show for a service model. All that is given must hold; see `node_models.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct NodeRule {
    /// The key of a label.
    pub label: Option<String>,
    /// The beginning of the key of a label.
    pub label_prefix: Option<String>,
    /// The key of a taint.
    pub taint: Option<String>,
    /// The value of that label or taint, any when left out.
    pub value: Option<String>,
    /// The beginning of the node's name.
    pub name: Option<String>,
    /// A part of the kubelet's version.
    pub kubelet_version: Option<String>,
    /// The beginning of `spec.providerID`; empty for none at all.
    #[serde(rename = "providerID")]
    pub provider_id: Option<String>,
    /// Whether some node of the cluster shows that it runs the control plane.
    pub control_plane_visible: bool,
    /// The service model; the node is undetermined without one.
    pub model: Option<ServiceModel>,
    /// Whether the node shows that the provider runs the control plane.
    pub managed_control_plane: bool,
    /// Whether the node is AWS Fargate.
    pub fargate: bool,
    /// Where that is said.
    pub source: String,
}

static BUILT_IN: LazyLock<Vec<NodeRule>> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("node_models.yaml"))
        .expect("the built-in node models are part of the binary and parsed by the tests")
});

/// What a node shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeClass {
    /// Its service model, none when it is undetermined.
    pub model: Option<ServiceModel>,
    /// Whether it shows that the provider runs the control plane.
    pub managed_control_plane: bool,
    /// Whether it is AWS Fargate.
    pub fargate: bool,
}

/// The rules by which nodes are classified: configured ones first, then the built-in ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeModels {
    configured: Vec<NodeRule>,
}

impl NodeModels {
    /// The built-in rules, with these in front of them.
    #[must_use]
    pub const fn with(configured: Vec<NodeRule>) -> Self {
        Self { configured }
    }

    /// The built-in rules.
    #[must_use]
    pub fn built_in() -> &'static [NodeRule] {
        &BUILT_IN
    }

    /// What a node of this name shows, where a node of the cluster runs the control plane or not.
    #[must_use]
    pub fn classify(&self, name: &str, node: &NodeFacts, control_plane_visible: bool) -> NodeClass {
        let mut rules = self.configured.iter().chain(BUILT_IN.iter());
        let rule = rules.find(|rule| rule.holds(name, node, control_plane_visible));
        rule.map_or_else(NodeClass::default, |rule| NodeClass {
            model: rule.model,
            managed_control_plane: rule.managed_control_plane
                || matches!(rule.model, Some(ServiceModel::Caas | ServiceModel::ManagedNodes)),
            fargate: rule.fargate,
        })
    }
}

impl NodeRule {
    fn holds(&self, name: &str, node: &NodeFacts, control_plane_visible: bool) -> bool {
        let given = |wanted: &Option<String>, holds: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(holds);
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

/// What the nodes come to on which a workload may land.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchedulableNodes {
    /// The service models of these nodes.
    pub models: ModelSet,
    /// Whether one of them is undetermined.
    pub undetermined: bool,
    /// Whether all of them are AWS Fargate.
    pub fargate: bool,
    /// Whether some node of the cluster shows that the provider runs the control plane.
    pub managed_control_plane: bool,
}

impl SchedulableNodes {
    /// The nodes of these classes; nothing is found where there is no node at all.
    #[must_use]
    pub fn of(classes: impl IntoIterator<Item = NodeClass>, managed_control_plane: bool) -> Self {
        let one = |class: NodeClass| Self {
            models: class.model.into_iter().collect(),
            undetermined: class.model.is_none(),
            fargate: class.fargate,
            managed_control_plane,
        };
        let nothing = Self { managed_control_plane, ..Self::default() };
        classes.into_iter().map(one).reduce(Self::union).unwrap_or(nothing)
    }

    /// Both together: the parts of a workload may land on different nodes.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            models: self.models.union(other.models),
            undetermined: self.undetermined || other.undetermined,
            fargate: self.fargate && other.fargate,
            managed_control_plane: self.managed_control_plane || other.managed_control_plane,
        }
    }

    /// A pod that runs on AWS Fargate whatever the nodes.
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
