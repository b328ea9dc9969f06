//! Ingresses: the Services they route to and the Secrets of their certificates.

use k8s_openapi::api::networking::v1 as networking;
use serde::Deserialize;

use super::{Extract, Extraction, Slim};
use crate::facts::{Delta, ListedKind, ObjectName, RouteFacts, RouteKind};

/// An Ingress, reduced to the fields that the operator reads.
pub type Ingress = Slim<networking::Ingress, Spec>;

/// The decoded part of the spec of an Ingress.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    default_backend: Option<Backend>,
    rules: Option<Vec<Rule>>,
    tls: Option<Vec<Tls>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Tls {
    secret_name: Option<String>,
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
    const KIND: ListedKind = ListedKind::Routes(RouteKind::Ingress);

    fn delta(&self, _: &Extraction) -> Delta {
        let spec = &self.spec;
        let paths = spec.rules.iter().flatten().filter_map(|rule| rule.http.as_ref()).flat_map(|http| &http.paths);
        let backends = paths.map(|path| &path.backend).chain(&spec.default_backend);
        let name = self.object_name();
        let services = backends.filter_map(|backend| backend.service.as_ref());
        let backend = |service: &ServiceName| ObjectName {
            namespace: name.namespace.clone(),
            name: service.name.as_str().into(),
        };
        let tls = spec.tls.iter().flatten().filter_map(|tls| tls.secret_name.as_deref()).map(Into::into);
        let facts = RouteFacts { backends: services.map(backend).collect(), tls: tls.collect() };
        Delta::Route(RouteKind::Ingress, name, Some(facts))
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
        let Delta::Route(RouteKind::Ingress, _, Some(facts)) = ingress.delta(&Extraction::default()) else {
            panic!("no facts")
        };
        assert!(facts.backends.iter().all(|backend| &*backend.namespace == "shop"));
        assert_eq!(facts.backends.iter().map(|backend| &*backend.name).collect::<Vec<_>>(), ["fallback", "web"]);
    }
}
