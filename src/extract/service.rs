//! Services: the selected pods and the exposure to the outside of the cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use serde::Deserialize;

use super::meta::labels;
use super::{Extract, Extraction, Slim};
use crate::facts::{Delta, ListedKind, ServiceFacts};

/// A Service, reduced to the fields that the operator reads.
pub type Service = Slim<core::Service, Spec>;

/// The decoded part of the spec of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    r#type: Option<String>,
    selector: Option<BTreeMap<String, String>>,
    #[serde(rename = "externalIPs")]
    external_ips: Option<Vec<String>>,
}

impl Extract for Service {
    const KIND: ListedKind = ListedKind::Services;

    fn delta(&self, _: &Extraction) -> Delta {
        let spec = &self.spec;
        let of_type = |wanted: &str| spec.r#type.as_deref() == Some(wanted);
        let has_external_ips = spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty());
        let external_name = of_type("ExternalName");
        let facts = ServiceFacts {
            // The selector of an ExternalName Service has no meaning: there are no endpoints.
            selector: if external_name { labels(None) } else { labels(spec.selector.as_ref()) },
            published: of_type("LoadBalancer") || of_type("NodePort") || has_external_ips,
            external_name,
        };
        Delta::Service(self.object_name(), Some(facts))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(spec: &serde_json::Value) -> ServiceFacts {
        let service: Service =
            serde_json::from_value(json!({ "metadata": { "name": "web", "namespace": "shop" }, "spec": spec }))
                .unwrap();
        match service.delta(&Extraction::default()) {
            Delta::Service(name, Some(facts)) if &*name.name == "web" => facts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn load_balancers_node_ports_and_external_ips_open_a_way_in() {
        assert!(facts(&json!({ "type": "LoadBalancer" })).published);
        assert!(facts(&json!({ "type": "NodePort" })).published);
        assert!(facts(&json!({ "type": "ClusterIP", "externalIPs": ["192.0.2.7"] })).published);
        assert!(!facts(&json!({ "type": "ClusterIP" })).published);
        assert!(!facts(&json!({ "type": "ClusterIP", "externalIPs": [] })).published);
        assert!(!facts(&json!({})).published);
    }

    #[test]
    fn an_external_name_selects_no_pods() {
        let facts =
            facts(&json!({ "type": "ExternalName", "externalName": "db.example.com", "selector": { "a": "b" } }));
        assert!(facts.external_name && facts.selector.is_empty());
    }
}
