//! Ingresses: which Services of their namespace they lead to.

use std::collections::HashSet;

use k8s_openapi::api::networking::v1 as networking;
use serde::Deserialize;

use super::{Extract, Slim};
use crate::inventory::{Delta, IngressFacts, Listed};

/// An Ingress, decoded as far as it counts.
pub type Ingress = Slim<networking::Ingress, Spec>;

/// The part of the spec of an Ingress that counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    default_backend: Option<Backend>,
    rules: Option<Vec<Rule>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Rule {
    http: Option<Http>,
}

#[derive(Clone, Debug, Deserialize)]
struct Http {
    #[serde(default)]
    paths: Vec<Path>,
}

#[derive(Clone, Debug, Deserialize)]
struct Path {
    backend: Backend,
}

#[derive(Clone, Debug, Deserialize)]
struct Backend {
    service: Option<ServiceName>,
}

#[derive(Clone, Debug, Deserialize)]
struct ServiceName {
    name: String,
}

impl Extract for Ingress {
    fn delta(&self) -> Delta {
        let spec = &self.spec;
        let paths = spec.rules.iter().flatten().filter_map(|rule| rule.http.as_ref()).flat_map(|http| &http.paths);
        let backends = paths.map(|path| &path.backend).chain(&spec.default_backend);
        let services =
            backends.filter_map(|backend| backend.service.as_ref()).map(|service| service.name.as_str().into());
        Delta::Ingress(self.object_name(), Some(IngressFacts { services: services.collect() }))
    }

    fn deletion(&self) -> Delta {
        Delta::Ingress(self.object_name(), None)
    }

    fn empty_list() -> Listed {
        Listed::Ingresses(HashSet::new())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_and_the_default_backend_lead_to_services_and_resource_backends_do_not() {
        let ingress: Ingress = serde_json::from_value(json!({
            "metadata": { "name": "web", "namespace": "shop" },
            "spec": {
                "defaultBackend": { "service": { "name": "fallback", "port": { "number": 80 } } },
                "rules": [
                    { "host": "shop.example.com", "http": { "paths": [
                        { "path": "/", "pathType": "Prefix", "backend": { "service": { "name": "web", "port": { "name": "http" } } } },
                        { "path": "/files", "pathType": "Prefix", "backend": { "resource": { "kind": "Bucket", "name": "files" } } },
                    ] } },
                    { "host": "only-a-host.example.com" },
                ],
            },
        }))
        .unwrap();
        let Delta::Ingress(_, Some(facts)) = ingress.delta() else { panic!("no facts") };
        assert_eq!(facts.services.iter().map(|name| &**name).collect::<Vec<_>>(), ["fallback", "web"]);
    }
}
