//! NetworkPolicies: the selected pods and the effect on ingress traffic.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1 as networking;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Extract, Extraction, Slim};
use crate::facts::{Delta, IngressRules, ListedKind, PolicyFacts, Requirement, Selector};

/// A NetworkPolicy, reduced to the fields that the operator reads.
pub type NetworkPolicy = Slim<networking::NetworkPolicy, Spec>;

/// The decoded part of the spec of a NetworkPolicy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    pod_selector: PodSelector,
    policy_types: Option<Vec<String>>,
    ingress: Option<Vec<IngressRule>>,
}

impl Spec {
    /// Returns its effect on ingress traffic. A policy without the type `Ingress` has none, and a policy without types
    /// has that type. A rule without ports allows every source if it has no peers or a peer that matches every source.
    fn ingress(&self) -> IngressRules {
        let types = self.policy_types.as_deref().unwrap_or_default();
        let is_open = |rule: &IngressRule| {
            let from = rule.from.as_deref().unwrap_or_default();
            (from.is_empty() || from.iter().any(Peer::matches_all)) && rule.ports.as_ref().is_none_or(Vec::is_empty)
        };
        if !types.is_empty() && types.iter().all(|about| about != "Ingress") {
            IngressRules::Ignored
        } else if self.ingress.iter().flatten().any(is_open) {
            IngressRules::Open
        } else {
            IngressRules::Restricted
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct IngressRule {
    from: Option<Vec<Peer>>,
    ports: Option<Vec<IgnoredAny>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Peer {
    ip_block: Option<IpBlock>,
    namespace_selector: Option<PodSelector>,
    pod_selector: Option<PodSelector>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct IpBlock {
    cidr: String,
    except: Option<Vec<IgnoredAny>>,
}

impl Peer {
    /// Returns true if it matches every address, or every pod of the cluster.
    fn matches_all(&self) -> bool {
        let is_any = |block: &IpBlock| {
            matches!(&*block.cidr, "0.0.0.0/0" | "::/0") && block.except.as_ref().is_none_or(Vec::is_empty)
        };
        let selects_all = |selector: &PodSelector| selector.read().is_none();
        self.ip_block.as_ref().is_some_and(is_any)
            || self.namespace_selector.as_ref().is_some_and(selects_all)
                && self.pod_selector.as_ref().is_none_or(selects_all)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSelector {
    match_labels: Option<BTreeMap<String, String>>,
    match_expressions: Option<Vec<Expression>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Expression {
    key: String,
    operator: String,
    values: Option<Vec<String>>,
}

impl Expression {
    fn read(&self) -> Requirement {
        let key = self.key.clone();
        let values = || self.values.clone().unwrap_or_default();
        match self.operator.as_str() {
            "In" => Requirement::In(key, values()),
            "NotIn" => Requirement::NotIn(key, values()),
            "Exists" => Requirement::Exists(key),
            "DoesNotExist" => Requirement::DoesNotExist(key),
            // An unknown operator matches no pod, so that pods without a known policy are still reported.
            _ => Requirement::In(key, vec![]),
        }
    }
}

impl PodSelector {
    pub(super) fn read(&self) -> Option<Selector> {
        let labels = self.match_labels.iter().flatten();
        let labels = labels.map(|(key, value)| Requirement::In(key.clone(), vec![value.clone()]));
        let expressions = self.match_expressions.iter().flatten().map(Expression::read);
        Selector::new(labels.chain(expressions).collect())
    }
}

impl Extract for NetworkPolicy {
    const KIND: ListedKind = ListedKind::Policies;

    fn delta(&self, _: &Extraction) -> Delta {
        Delta::Policy(
            self.object_name(),
            Some(PolicyFacts { pods: self.spec.pod_selector.read(), ingress: self.spec.ingress() }),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::facts::{Labels, ObjectName};

    fn policy(spec: &Value) -> NetworkPolicy {
        serde_json::from_value(json!({ "metadata": { "name": "web", "namespace": "shop" }, "spec": spec })).unwrap()
    }

    fn name() -> ObjectName {
        ObjectName { namespace: "shop".into(), name: "web".into() }
    }

    fn pods(spec: &Value) -> Option<Selector> {
        match policy(spec).delta(&Extraction::default()) {
            Delta::Policy(of, Some(facts)) if of == name() => facts.pods,
            other => panic!("{other:?}"),
        }
    }

    fn key() -> String {
        "tier".to_owned()
    }

    fn expression(operator: &str, values: &Value) -> Value {
        json!({ "podSelector": { "matchExpressions": [{ "key": "tier", "operator": operator, "values": values }] } })
    }

    #[test]
    fn a_policy_without_requirements_selects_all_pods() {
        for spec in [
            json!({ "podSelector": {} }),
            json!({ "podSelector": { "matchLabels": {}, "matchExpressions": [] } }),
            json!({ "podSelector": { "matchLabels": null, "matchExpressions": null } }),
            json!({}),
        ] {
            assert_eq!(pods(&spec), None, "{spec}");
        }
    }

    #[test]
    fn labels_and_expressions_are_required_together() {
        let selector = json!({
            "matchLabels": { "app": "web" },
            "matchExpressions": [{ "key": "tier", "operator": "NotIn", "values": ["db"] }],
        });
        let requirements = vec![
            Requirement::In("app".to_owned(), vec!["web".to_owned()]),
            Requirement::NotIn(key(), vec!["db".to_owned()]),
        ];
        assert_eq!(pods(&json!({ "podSelector": selector })), Selector::new(requirements));
    }

    #[test]
    fn each_operator_is_understood() {
        let values = || vec!["web".to_owned(), "api".to_owned()];
        for (operator, written, expected) in [
            ("In", json!(["web", "api"]), Requirement::In(key(), values())),
            ("NotIn", json!(["web", "api"]), Requirement::NotIn(key(), values())),
            ("Exists", json!(null), Requirement::Exists(key())),
            ("DoesNotExist", json!([]), Requirement::DoesNotExist(key())),
        ] {
            assert_eq!(pods(&expression(operator, &written)), Selector::new(vec![expected]), "{operator}");
        }
    }

    #[test]
    fn an_operator_that_is_not_understood_selects_nothing() {
        let selector = pods(&expression("Matches", &json!(["web"]))).unwrap();
        assert!(!selector.matches(&Labels::default()));
        assert!(!selector.matches(&[("tier", "web")].into_iter().collect()));
    }

    #[test]
    fn pods_are_selected_whatever_traffic_a_policy_is_about() {
        let selector = json!({ "matchLabels": { "app": "web" } });
        let expected = pods(&json!({ "podSelector": selector }));
        assert!(expected.is_some());
        for types in [json!(["Ingress"]), json!(["Egress"]), json!(["Ingress", "Egress"]), json!([])] {
            let spec = json!({ "podSelector": selector, "policyTypes": types, "ingress": [{}], "egress": [] });
            assert_eq!(pods(&spec), expected, "{types}");
        }
    }

    #[test]
    fn a_policy_says_who_may_come_in_unless_it_says_otherwise_or_lets_everybody_in() {
        let does = |spec: &Value| match policy(spec).delta(&Extraction::default()) {
            Delta::Policy(_, Some(facts)) => facts.ingress,
            other => panic!("{other:?}"),
        };
        let with_rules = |rules: Value| does(&json!({ "policyTypes": ["Ingress"], "ingress": rules }));
        assert_eq!(does(&json!({})), IngressRules::Restricted);
        assert_eq!(does(&json!({ "policyTypes": null, "ingress": null })), IngressRules::Restricted);
        assert_eq!(does(&json!({ "policyTypes": ["Egress", "Ingress"] })), IngressRules::Restricted);
        assert_eq!(does(&json!({ "policyTypes": ["Egress"], "ingress": [{}] })), IngressRules::Ignored);
        assert_eq!(with_rules(json!([])), IngressRules::Restricted);
        assert_eq!(with_rules(json!([{ "from": [{ "podSelector": {} }] }])), IngressRules::Restricted);
        let open = [
            json!({ "ipBlock": { "cidr": "0.0.0.0/0" } }),
            json!({ "ipBlock": { "cidr": "::/0", "except": [] } }),
            json!({ "namespaceSelector": {} }),
            json!({ "namespaceSelector": { "matchLabels": {} }, "podSelector": {} }),
        ];
        for peer in &open {
            assert_eq!(with_rules(json!([{ "from": [{ "podSelector": {} }, peer] }])), IngressRules::Open, "{peer}");
            let by_port = json!([{ "from": [peer], "ports": [{ "port": 80 }] }]);
            assert_eq!(with_rules(by_port), IngressRules::Restricted, "{peer}");
        }
        for peer in [
            json!({ "ipBlock": { "cidr": "10.0.0.0/8" } }),
            json!({ "ipBlock": { "cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"] } }),
            json!({ "namespaceSelector": { "matchLabels": { "team": "shop" } } }),
            json!({ "namespaceSelector": {}, "podSelector": { "matchLabels": { "app": "gateway" } } }),
        ] {
            assert_eq!(with_rules(json!([{ "from": [peer.clone()] }])), IngressRules::Restricted, "{peer}");
        }
        assert_eq!(with_rules(json!([{ "ports": [{ "port": 80 }] }])), IngressRules::Restricted);
        assert_eq!(with_rules(json!([{ "from": [{ "podSelector": {} }] }, {}])), IngressRules::Open);
        assert_eq!(with_rules(json!([{ "from": [], "ports": [] }])), IngressRules::Open);
    }

    #[test]
    fn a_deletion_is_the_absence_of_the_policy() {
        assert!(matches!(NetworkPolicy::KIND.deletion(name()), Delta::Policy(of, None) if of == name()));
        assert_eq!(NetworkPolicy::KIND, ListedKind::Policies);
    }
}
