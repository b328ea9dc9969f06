//! Objects that users apply, and all objects of the cluster.

use std::collections::BTreeSet;

use anyhow::Result;
use harness::POD_IMAGE;
use serde_json::{Value, json};

use crate::scenario::Scenario;

pub(crate) fn namespace(name: &str, labels: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } })
}

/// A Deployment whose pod runs.
pub(crate) fn deployment(namespace: &str, name: &str) -> Value {
    let labels = json!({ "app": name });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name, "namespace": namespace, "labels": labels },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "app", "image": POD_IMAGE, "imagePullPolicy": "Never", "args": ["serve", ":8080"] }] },
            },
        },
    })
}

/// A Service that leads to it from outside.
pub(crate) fn load_balancer(namespace: &str, of: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": of, "namespace": namespace },
        "spec": { "type": "LoadBalancer", "selector": { "app": of }, "ports": [{ "port": 80, "targetPort": 8080 }] },
    })
}

/// An assignment in which a team holds these layers.
pub(crate) fn assignment(namespace: &str, layers: &[&str]) -> Value {
    json!({
        "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ResponsibilityAssignment",
        "metadata": { "name": "team", "namespace": namespace },
        "spec": {
            "accountable": "team",
            "parties": [{ "name": "team", "role": "Customer", "contact": { "email": "team@example.com" } }],
            "duties": [{ "layers": layers, "customer": "team" }],
        },
    })
}

/// A cluster's own service model.
pub(crate) fn service_model(name: &str) -> Value {
    json!({
        "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ServiceModel", "metadata": { "name": name },
        "spec": { "extends": "CaaS", "cells": [{ "layer": "backup-recovery", "owes": "Provider", "source": "contract" }] },
    })
}

/// All objects of the cluster as `kind namespace/name`, but for those that come and go by themselves.
pub(crate) fn all(scenario: &Scenario) -> Result<BTreeSet<String>> {
    let kinds = scenario.kubectl(&["api-resources", "--verbs=list", "-o", "name"])?;
    let passing = ["events", "events.events.k8s.io", "leases.coordination.k8s.io", "endpointslices.discovery.k8s.io"];
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !passing.contains(kind)).collect();
    let template = "go-template={{range .items}}{{.kind}} {{.metadata.namespace}}/{{.metadata.name}}{{\"\\n\"}}{{end}}";
    let listed = scenario.kubectl(&["get", &kinds.join(","), "-A", "-o", template])?;
    // Leases of nodes and of Kubernetes itself are renewed all the time; those of the operator's namespace count.
    let leases = scenario.kubectl(&["get", "leases", "-n", crate::scenario::SYSTEM, "-o", template])?;
    Ok(listed.lines().chain(leases.lines()).map(str::to_owned).collect())
}
