//! Objects that users apply, and a list of all objects of the cluster.

use std::collections::BTreeSet;

use anyhow::Result;
use harness::POD_IMAGE;
use serde_json::{Value, json};

use crate::scenario::Scenario;

pub(crate) fn namespace(name: &str, labels: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } })
}

/// Returns a Deployment whose pod can run.
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

/// Returns a LoadBalancer Service for a Deployment.
pub(crate) fn load_balancer(namespace: &str, of: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": of, "namespace": namespace },
        "spec": { "type": "LoadBalancer", "selector": { "app": of }, "ports": [{ "port": 80, "targetPort": 8080 }] },
    })
}

/// Returns an assignment in which a team owns the customer duties of layers.
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

/// Returns a custom service model.
pub(crate) fn service_model(name: &str) -> Value {
    json!({
        "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ServiceModel", "metadata": { "name": name },
        "spec": { "extends": "CaaS", "cells": [{ "layer": "backup-recovery", "owes": "Provider", "source": "contract" }] },
    })
}

/// Returns all objects of the cluster as `kind namespace/name`, except those that Kubernetes creates and deletes all the time.
pub(crate) fn all(scenario: &Scenario) -> Result<BTreeSet<String>> {
    let kinds = scenario.kubectl(&["api-resources", "--verbs=list", "-o", "name"])?;
    let passing = ["events", "events.events.k8s.io", "leases.coordination.k8s.io", "endpointslices.discovery.k8s.io"];
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !passing.contains(kind)).collect();
    let template = "go-template={{range .items}}{{.kind}} {{.metadata.namespace}}/{{.metadata.name}}{{\"\\n\"}}{{end}}";
    let listed = scenario.kubectl(&["get", &kinds.join(","), "-A", "-o", template])?;
    // Only Leases in the namespace of the operator count. Others belong to Kubernetes.
    let leases = scenario.kubectl(&["get", "leases", "-n", crate::scenario::SYSTEM, "-o", template])?;
    Ok(listed.lines().chain(leases.lines()).map(str::to_owned).collect())
}
