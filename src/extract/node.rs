//! Nodes: the fields that determine the service model, the taints, and the state of the kubelet.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;

use super::placement::taint_effect;
use super::{Extract, Extraction, Slim};
use crate::facts::{Delta, ListedKind, NodeFacts, Readiness, Taint};
use crate::model::day;

/// A Node, reduced to the fields that the operator reads. The heartbeats of the kubelet are not among them.
pub type Node = Slim<core::Node, NodeSpec, NodeStatus>;

/// The decoded part of the spec of a Node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    #[serde(rename = "providerID")]
    provider_id: Option<String>,
    taints: Option<Vec<TaintSpec>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TaintSpec {
    key: String,
    value: Option<String>,
    effect: String,
}

/// The decoded part of the status of a Node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    node_info: NodeInfo,
    conditions: Option<Vec<NodeCondition>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeCondition {
    r#type: String,
    status: String,
    last_transition_time: Option<Time>,
}

impl NodeStatus {
    fn readiness(&self) -> Readiness {
        let ready = self.conditions.iter().flatten().find(|condition| condition.r#type == "Ready");
        match ready.map(|ready| (ready.status.as_str(), &ready.last_transition_time)) {
            Some(("True", _)) => Readiness::Ready,
            Some((_, Some(since))) => Readiness::Not(day(since.0)),
            Some((_, None)) | None => Readiness::Unknown,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeInfo {
    kubelet_version: String,
}

/// The taint of a new node until a cloud controller has set its providerID and its labels.
const UNINITIALISED: &str = "node.cloudprovider.kubernetes.io/uninitialized";

impl TaintSpec {
    /// Returns `None` for a taint with an effect that does not keep pods away.
    fn read(&self) -> Option<Taint> {
        let effect = taint_effect(&self.effect)?;
        Some(Taint { key: self.key.as_str().into(), value: self.value.as_deref().unwrap_or_default().into(), effect })
    }
}

impl Extract for Node {
    const KIND: ListedKind = ListedKind::Nodes;

    fn delta(&self, _: &Extraction) -> Delta {
        let facts = NodeFacts {
            labels: self.labels(),
            taints: self.spec.taints.iter().flatten().filter_map(TaintSpec::read).collect(),
            provider_id: self.spec.provider_id.as_deref().unwrap_or_default().into(),
            kubelet_version: self.status.node_info.kubelet_version.as_str().into(),
            created: kube::Resource::meta(self).creation_timestamp.as_ref().map(|time| day(time.0)),
            readiness: self.status.readiness(),
        };
        // A node that is not initialised by a cloud controller has no labels of its provider yet.
        let is_initialised = facts.taints.iter().all(|taint| &*taint.key != UNINITIALISED);
        Delta::Node(self.name(), is_initialised.then_some(facts))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::*;
    use crate::facts::TaintEffect;

    fn object() -> Value {
        json!({
            "metadata": {
                "name": "node-1",
                "labels": { "pool": "a", "karpenter.sh/nodepool": "shop" },
                "creationTimestamp": "2026-11-02T23:59:59Z",
            },
            "spec": { "providerID": "aws:///eu-central-1a/i-0f", "podCIDR": "10.0.0.0/24", "unschedulable": true },
            "status": { "nodeInfo": { "kubeletVersion": "v1.37.1-eks-3abbec1", "kubeProxyVersion": "v1.36.0" } },
        })
    }

    fn facts(node: Value) -> NodeFacts {
        let node: Node = serde_json::from_value(node).unwrap();
        match node.delta(&Extraction::default()) {
            Delta::Node(name, Some(facts)) if &*name == "node-1" => facts,
            other => panic!("{other:?}"),
        }
    }

    fn taint(key: &str, value: &str, effect: TaintEffect) -> Taint {
        Taint { key: key.into(), value: value.into(), effect }
    }

    #[test]
    fn a_node_shows_its_labels_its_provider_and_the_version_of_its_kubelet() {
        let expected = NodeFacts {
            labels: [("pool", "a"), ("karpenter.sh/nodepool", "shop")].into_iter().collect(),
            taints: [].into(),
            provider_id: "aws:///eu-central-1a/i-0f".into(),
            kubelet_version: "v1.37.1-eks-3abbec1".into(),
            created: Some(date(2026, 11, 2)),
            readiness: Readiness::Unknown,
        };
        assert_eq!(facts(object()), expected);
    }

    #[test]
    fn a_node_that_has_just_joined_shows_nothing() {
        assert_eq!(facts(json!({ "metadata": { "name": "node-1" } })), NodeFacts::default());
        let empty = json!({ "metadata": { "name": "node-1" }, "spec": {}, "status": { "nodeInfo": {} } });
        assert_eq!(facts(empty), NodeFacts::default());
    }

    #[test]
    fn only_taints_that_keep_pods_away_count() {
        let mut node = object();
        node["spec"]["taints"] = json!([
            { "key": "gpu", "value": "a100", "effect": "NoSchedule" },
            { "key": "spot", "value": "true", "effect": "PreferNoSchedule" },
            { "key": "drain", "effect": "NoExecute", "timeAdded": "2026-01-02T03:04:05Z" },
            { "key": "later", "value": "true", "effect": "NoAdmit" },
        ]);
        let expected = [taint("gpu", "a100", TaintEffect::NoSchedule), taint("drain", "", TaintEffect::NoExecute)];
        assert_eq!(*facts(node.clone()).taints, expected);
        node["spec"]["taints"] = json!(null);
        assert_eq!(*facts(node).taints, []);
    }

    #[test]
    fn a_heartbeat_changes_nothing() {
        let mut node = object();
        node["status"]["conditions"] =
            json!([{ "type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z" }]);
        let before = facts(node.clone());
        node["metadata"]["resourceVersion"] = json!("42");
        node["metadata"]["annotations"] = json!({ "volumes.kubernetes.io/controller-managed-attach-detach": "true" });
        node["status"]["conditions"] =
            json!([{ "type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-02T03:04:05Z" }]);
        node["status"]["images"] = json!([{ "names": ["shop/web:1"], "sizeBytes": 4096 }]);
        node["status"]["allocatable"] = json!({ "cpu": "4" });
        assert_eq!(facts(node), before);
    }

    #[test]
    fn a_node_that_is_not_ready_shows_since_which_day() {
        let since = |status: &str| {
            let mut node = object();
            let ready = json!({ "type": "Ready", "status": status, "lastTransitionTime": "2026-11-20T10:00:00Z" });
            node["status"]["conditions"] = json!([{ "type": "DiskPressure", "status": "True" }, ready]);
            facts(node).readiness
        };
        assert_eq!(since("True"), Readiness::Ready);
        assert_eq!(since("False"), Readiness::Not(date(2026, 11, 20)));
        assert_eq!(since("Unknown"), Readiness::Not(date(2026, 11, 20)), "its kubelet is silent");
    }

    #[test]
    fn a_deletion_is_the_absence_of_the_node() {
        let node: Node = serde_json::from_value(object()).unwrap();
        assert!(matches!(Node::KIND.deletion(node.object_name()), Delta::Node(name, None) if &*name == "node-1"));
        assert_eq!(Node::KIND, ListedKind::Nodes);
    }

    #[test]
    fn a_node_that_no_cloud_controller_has_seen_yet_does_not_count() {
        let mut node = object();
        node["spec"]["taints"] = json!([{ "key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule" }]);
        let node: Node = serde_json::from_value(node).unwrap();
        assert!(matches!(node.delta(&Extraction::default()), Delta::Node(_, None)));
    }
}
