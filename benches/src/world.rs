//! All objects of a cluster of a given size.

use serde_json::{Value, json};

use crate::manifest::{draw, labels, managed_fields, one_in, pod_spec};

/// Number of values of the label `app.kubernetes.io/part-of` in a namespace.
const PARTS: usize = 10;

/// Maximum number of assignments that leave a layer without an owner, so that changes of workloads change their statuses.
const WITH_GAP: usize = 200;

/// Layer that these assignments leave without an owner. A workload has it if it keeps data.
const GAP: &str = "backup-recovery";

/// Layers that the team of a namespace holds.
const TEAM_LAYERS: [&str; 13] = [
    "application-code",
    "image-supply-chain",
    "workload-configuration",
    "access-control",
    "data-classification",
    "data-protection",
    "backup-recovery",
    "user-accounts",
    "secrets-and-keys",
    "network-segmentation",
    "network-exposure",
    "external-services",
    "incident-response",
];

/// Size of a cluster. The same size gives the same objects.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// Number of workloads: nine of ten are Deployments, the rest StatefulSets, DaemonSets, CronJobs and bare pods.
    pub workloads: usize,
    /// Number of namespaced assignments: at most one per namespace, or a multiple of the number of namespaces.
    pub assignments: usize,
}

/// Object with the path to create it.
#[derive(Clone, Debug)]
pub struct Object {
    /// Path of its collection.
    pub collection: String,
    /// Body of the request.
    pub body: Value,
}

impl Object {
    pub(crate) fn new(api: &str, plural: &str, body: Value) -> Self {
        let base = if api.contains('/') { format!("/apis/{api}") } else { format!("/api/{api}") };
        let collection = match body["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("{base}/namespaces/{namespace}/{plural}"),
            None => format!("{base}/{plural}"),
        };
        Self { collection, body }
    }

    /// Returns the path of the object itself.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.collection, self.body["metadata"]["name"].as_str().unwrap_or_default())
    }

    /// Returns the object as the API server lists it, with the fields that the API server adds.
    #[must_use]
    pub fn listed(&self) -> Value {
        let mut object = self.body.clone();
        let path = self.path();
        let number = draw(&path.bytes().map(usize::from).collect::<Vec<_>>());
        let managed = managed_fields("kubectl-client-side-apply", &object);
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(format!("{number:08x}-0000-4000-8000-{number:012x}"));
        metadata["resourceVersion"] = json!("123456");
        metadata["generation"] = json!(1);
        metadata["creationTimestamp"] = json!("2026-11-01T08:00:00Z");
        metadata["managedFields"] = managed;
        object
    }

    /// Returns true for a Deployment.
    #[must_use]
    pub fn is_deployment(&self) -> bool {
        self.collection.ends_with("/deployments")
    }
}

fn namespace_name(number: usize) -> String {
    format!("team-{number:03}")
}

fn part_name(part: usize) -> String {
    format!("part-{part}")
}

impl World {
    /// Number of namespaces in every cluster.
    pub const NAMESPACES: usize = 500;

    /// Returns the namespaces, nodes, Services, Ingresses and NetworkPolicies.
    pub fn surroundings(self) -> impl Iterator<Item = Object> {
        let namespaces = (0..Self::NAMESPACES).map(|number| {
            let tier = if number % 5 == 0 { "gold" } else { "standard" };
            let metadata =
                json!({ "name": namespace_name(number), "labels": { "team": namespace_name(number), "tier": tier } });
            Object::new("v1", "namespaces", json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }))
        });
        let policies = (0..Self::NAMESPACES).step_by(2).map(|number| {
            let metadata = json!({ "name": "default-deny", "namespace": namespace_name(number) });
            let body = json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata,
                "spec": { "podSelector": {}, "policyTypes": ["Ingress"] },
            });
            Object::new("networking.k8s.io/v1", "networkpolicies", body)
        });
        let nodes = (0..self.workloads.div_ceil(50)).map(node);
        let services = (0..self.workloads).filter(|number| one_in(4, 10, *number)).map(service);
        let ingresses = (0..self.workloads).filter(|number| one_in(20, 11, *number)).map(ingress);
        namespaces.chain(policies).chain(nodes).chain(services).chain(ingresses)
    }

    /// Returns the workloads.
    pub fn workloads(self) -> impl Iterator<Item = Object> {
        (0..self.workloads).map(workload)
    }

    /// Returns the assignments, including the cluster assignments.
    pub fn assignments(self) -> impl Iterator<Item = Object> {
        let cluster = [
            cluster_assignment("platform", &json!({ "matchExpressions": [{ "key": "team", "operator": "Exists" }] })),
            cluster_assignment("gold", &json!({ "matchLabels": { "tier": "gold" } })),
        ];
        cluster.into_iter().chain((0..self.assignments).map(move |number| self.assignment(number)))
    }

    /// Returns the number of assignments in each namespace that has any.
    const fn per_namespace(self) -> usize {
        let per = self.assignments / Self::NAMESPACES;
        if per == 0 { 1 } else { per }
    }

    const fn leaves_gap(self, assignment: usize) -> bool {
        let step = self.assignments.div_ceil(WITH_GAP);
        assignment.is_multiple_of(if step == 0 { 1 } else { step })
    }

    fn assignment(self, number: usize) -> Object {
        let per = self.per_namespace();
        let (namespace, part) = (namespace_name(number / per), number % per);
        let held = TEAM_LAYERS.into_iter().filter(|layer| *layer != GAP || !self.leaves_gap(number));
        let mut spec = json!({
            "parties": [{
                "name": namespace, "role": "Customer",
                "contact": { "email": format!("{namespace}@example.com"), "escalation": format!("#{namespace}-oncall") },
            }],
            "duties": [{ "layers": held.collect::<Vec<_>>(), "customer": namespace }],
        });
        if per > 1 {
            spec["selector"] = json!({ "matchLabels": { "app.kubernetes.io/part-of": part_name(part) } });
        }
        let body = json!({
            "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ResponsibilityAssignment",
            "metadata": { "name": format!("part-{part}"), "namespace": namespace }, "spec": spec,
        });
        Object::new("sharedresponsibility.dev/v1alpha1", "responsibilityassignments", body)
    }

    /// Returns the assignments whose status shows a change of a workload, each with its Deployments that can show one: those
    /// that keep no data. Each such change is one workload in the row of the layer without an owner.
    #[must_use]
    pub fn observable(self) -> Vec<(Object, Vec<Object>)> {
        let per = self.per_namespace();
        let numbers = (0..self.assignments).filter(|number| self.leaves_gap(*number));
        let with_deployments = numbers.map(|number| {
            let (namespace, part) = (number / per, number % per);
            let here = (namespace..self.workloads).step_by(Self::NAMESPACES);
            let selected = here.enumerate().filter(|(place, _)| per == 1 || place % PARTS == part);
            let deployments = selected.map(|(_, number)| workload(number)).filter(Object::is_deployment);
            (self.assignment(number), deployments.collect())
        });
        with_deployments.filter(|(_, deployments): &(_, Vec<_>)| !deployments.is_empty()).collect()
    }

    /// Returns the layer whose row shows the changes.
    #[must_use]
    pub const fn observed_layer() -> &'static str {
        GAP
    }
}

fn node(number: usize) -> Object {
    let pool = ["general", "memory", "gpu"][number % 3];
    let body = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": format!("ip-10-0-{}-{}.eu-central-1.compute.internal", number / 250, number % 250), "labels": {
            "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "pool": pool,
            "eks.amazonaws.com/nodegroup": pool, "eks.amazonaws.com/capacityType": "ON_DEMAND",
            "node.kubernetes.io/instance-type": "m7i.4xlarge", "topology.kubernetes.io/region": "eu-central-1",
            "topology.kubernetes.io/zone": format!("eu-central-1{}", ["a", "b", "c"][number % 3]),
        } },
        "spec": { "providerID": format!("aws:///eu-central-1a/i-{number:017x}") },
    });
    Object::new("v1", "nodes", body)
}

fn workload_name(number: usize) -> String {
    format!("app-{number:05}")
}

fn workload(number: usize) -> Object {
    let (name, namespace) = (workload_name(number), namespace_name(number % World::NAMESPACES));
    let labels = labels(&name, &part_name(number / World::NAMESPACES % PARTS), number);
    let metadata = json!({ "name": name, "namespace": namespace, "labels": labels });
    let selector = json!({ "matchLabels": { "app.kubernetes.io/name": name } });
    let mut pods = pod_spec(&name, number);
    // Many charts give pods only the labels of the selector.
    let pod_labels = if one_in(3, 13, number) { &selector["matchLabels"] } else { &labels };
    let template = |pods: Value| json!({ "metadata": { "labels": pod_labels }, "spec": pods });
    let (api, plural, kind, spec) = match draw(&[20, number]) % 40 {
        0 => {
            let claim = json!({ "metadata": { "name": "data" }, "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "10Gi" } } } });
            let spec = json!({ "serviceName": name, "replicas": 3, "selector": selector, "template": template(pods), "volumeClaimTemplates": [claim] });
            ("apps/v1", "statefulsets", "StatefulSet", spec)
        }
        1 => ("apps/v1", "daemonsets", "DaemonSet", json!({ "selector": selector, "template": template(pods) })),
        2 => {
            pods["restartPolicy"] = "OnFailure".into();
            let spec = json!({ "schedule": "17 3 * * *", "jobTemplate": { "spec": { "template": template(pods) } } });
            ("batch/v1", "cronjobs", "CronJob", spec)
        }
        3 => ("v1", "pods", "Pod", pods),
        _ => (
            "apps/v1",
            "deployments",
            "Deployment",
            json!({ "replicas": 3, "selector": selector, "template": template(pods) }),
        ),
    };
    let mut body = json!({ "apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec });
    // kubectl apply adds this annotation.
    let applied = body.to_string();
    body["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/last-applied-configuration": applied });
    Object::new(api, plural, body)
}

fn service(number: usize) -> Object {
    let (name, namespace) = (workload_name(number), namespace_name(number % World::NAMESPACES));
    let kind = if one_in(10, 12, number) { "LoadBalancer" } else { "ClusterIP" };
    let body = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "type": kind, "selector": { "app.kubernetes.io/name": name },
            "ports": [{ "name": "http", "port": 80, "targetPort": "http" }],
        },
    });
    Object::new("v1", "services", body)
}

fn ingress(number: usize) -> Object {
    let (name, namespace) = (workload_name(number), namespace_name(number % World::NAMESPACES));
    let backend = json!({ "service": { "name": name, "port": { "name": "http" } } });
    let body = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{ "host": format!("{name}.example.com"), "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] } }],
        },
    });
    Object::new("networking.k8s.io/v1", "ingresses", body)
}

fn cluster_assignment(name: &str, namespaces: &Value) -> Object {
    let body = json!({
        "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ClusterResponsibilityAssignment",
        "metadata": { "name": name },
        "spec": {
            "namespaceSelector": namespaces,
            "parties": [
                { "name": "cloud-provider", "role": "Provider", "contact": { "url": "https://provider.example/security" } },
                { "name": "platform-team", "role": "Customer", "contact": { "email": "platform@example.com" } },
            ],
            "duties": [
                { "layers": ["physical-infrastructure", "control-plane", "node-os", "platform-runtime", "storage-platform"], "provider": "cloud-provider" },
                { "layers": ["control-plane", "node-os", "platform-runtime", "cloud-network", "storage-platform", "identity-infrastructure", "logging-detection"], "customer": "platform-team" },
            ],
        },
    });
    Object::new("sharedresponsibility.dev/v1alpha1", "clusterresponsibilityassignments", body)
}
