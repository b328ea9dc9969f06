//! Shared cluster of the tests, and helpers that wait for a condition.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use futures::StreamExt;
use harness::{Access, ControlPlane, Operator, loose_definition};
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::api::Api;
use kube::core::NamespaceResourceScope;
use kube::runtime::wait::await_condition;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource};
use responsibility_operator::api::{AssignmentStatus, ClusterResponsibilityAssignment, ResponsibilityAssignment, Risk};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Maximum time for a condition. It is long because the machine can be busy.
pub const LIMIT: Duration = Duration::from_mins(3);

/// Namespace of the operator.
pub const SYSTEM: &str = "responsibility-system";

/// Lease for leader election.
pub const LEASE: &str = "responsibility-operator";

/// Control plane with the CRDs installed.
pub struct Cluster {
    pub control_plane: ControlPlane,
}

impl Cluster {
    /// Starts a control plane with the CRDs and the operator's ServiceAccount.
    pub async fn start() -> Self {
        let cluster = Self::start_bare().await;
        cluster.kubectl(&["apply", "--server-side", "-f", "crds/"]);
        cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"]);
        cluster
    }

    /// Starts a control plane with the operator's ServiceAccount, without the CRDs.
    pub async fn start_bare() -> Self {
        let control_plane = ControlPlane::start().await.unwrap();
        let cluster = Self { control_plane };
        cluster.kubectl(&["apply", "-f", "deploy/operator.yaml"]);
        // Only the permissions are needed, because the operator runs as a process.
        cluster.kubectl(&["delete", "deployment", "responsibility-operator", "-n", SYSTEM]);
        cluster
    }

    /// Starts the operator with the permissions of `deploy/operator.yaml`.
    pub fn operator(&self, arguments: &[&str]) -> Operator {
        let binary = Path::new(env!("CARGO_BIN_EXE_responsibility-operator"));
        let log = self.control_plane.folder().join("operator.log");
        Operator::start(binary, &self.operator_kubeconfig(), arguments, log).unwrap()
    }

    /// Starts one of several replicas, as a ServiceAccount of its own with the same permissions, so that the audit log
    /// distinguishes the replicas.
    pub fn replica(&self, pod: &str) -> Operator {
        self.replica_with(pod, &[])
    }

    /// Starts a replica with further arguments.
    pub fn replica_with(&self, pod: &str, further: &[&str]) -> Operator {
        let account = format!("{SYSTEM}:{pod}");
        self.kubectl(&["create", "serviceaccount", pod, "-n", SYSTEM]);
        let cluster_role = "--clusterrole=responsibility-operator";
        self.kubectl(&["create", "clusterrolebinding", pod, cluster_role, "--serviceaccount", &account]);
        let role = "--role=responsibility-operator-lease";
        self.kubectl(&["create", "rolebinding", pod, role, "--serviceaccount", &account, "-n", SYSTEM]);
        let binary = Path::new(env!("CARGO_BIN_EXE_responsibility-operator"));
        let log = self.control_plane.folder().join(format!("{pod}.log"));
        let lease = format!("--lease={SYSTEM}/{LEASE}");
        let arguments = [&[&*lease, "--default-service-model=CaaS", "--probe-address=127.0.0.1:0"], further].concat();
        Operator::start_as(pod, binary, &self.kubeconfig_of(pod), &arguments, log).unwrap()
    }

    /// Creates a kubeconfig with a token of the operator's ServiceAccount.
    pub fn operator_kubeconfig(&self) -> PathBuf {
        self.kubeconfig_of("responsibility-operator")
    }

    /// Creates a kubeconfig with a token of a ServiceAccount in the namespace of the operator.
    pub fn kubeconfig_of(&self, account: &str) -> PathBuf {
        self.control_plane.kubeconfig_of(SYSTEM, account).unwrap()
    }

    /// Grants the operator list and watch on a resource, as an administrator does for a configured kind.
    pub fn grant(&self, plural: &str, group: &str) {
        let rule = json!([{ "op": "add", "path": "/rules/-", "value": { "apiGroups": [group], "resources": [plural], "verbs": ["list", "watch"] } }]);
        self.kubectl(&["patch", "clusterrole", "responsibility-operator", "--type=json", "-p", &rule.to_string()]);
    }

    /// Creates a Node with the kubelet version, labels and spec of a real one.
    pub fn node(&self, name: &str, kubelet_version: &str, labels: Value, spec: Value) {
        self.apply(&[
            json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": labels }, "spec": spec }),
        ]);
        let status = json!({ "status": { "nodeInfo": {
            "kubeletVersion": kubelet_version, "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "containerd://2",
            "kernelVersion": "6.12", "kubeProxyVersion": "", "machineID": "", "operatingSystem": "linux", "osImage": "Linux",
            "systemUUID": "",
        } } });
        self.kubectl(&["patch", "node", name, "--subresource=status", "--type=merge", "-p", &status.to_string()]);
    }

    /// Returns a client for the running test. Its tasks end with the runtime of the test, so it is not shared.
    pub async fn client(&self) -> Client {
        self.control_plane.client().await.unwrap()
    }

    /// Runs kubectl as administrator. Panics if it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.control_plane.kubectl().args(arguments).output().unwrap();
        assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs kubectl with objects on its standard input.
    pub fn kubectl_with_input(&self, arguments: &[&str], objects: &[Value]) -> Output {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        run_with_input(self.control_plane.kubectl().args(arguments), &list.to_string())
    }

    /// Applies objects. Panics if the API server rejects one.
    pub fn apply(&self, objects: &[Value]) {
        let output = self.kubectl_with_input(&["apply", "-f", "-"], objects);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Creates an object that the API server must reject, and returns the error.
    pub fn refuse(&self, object: &Value) -> String {
        // The client-side validation of kubectl is off: its texts differ by version, and the API server must reject the
        // object.
        let arguments = ["create", "--validate=false", "-f", "-"];
        let output = self.kubectl_with_input(&arguments, std::slice::from_ref(object));
        assert!(!output.status.success(), "was accepted: {object}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Creates a namespace.
    pub fn namespace<'a>(&'a self, name: &'a str) -> Namespace<'a> {
        self.apply(&[json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": { "test": name } } })]);
        Namespace { cluster: self, name }
    }

    /// Waits until the status of a cluster assignment meets a condition.
    pub async fn cluster_status(&self, name: &str, wanted: impl Fn(&AssignmentStatus) -> bool) -> AssignmentStatus {
        let api: Api<ClusterResponsibilityAssignment> = Api::all(self.client().await);
        wait_for(&api, name, |object| object.status.as_ref(), wanted).await
    }

    /// Returns the requests of the operator so far, from the audit log.
    fn requests_of_operator(&self) -> Vec<Value> {
        self.requests_of("responsibility-operator")
    }

    /// Returns the requests of a ServiceAccount in the namespace of the operator so far.
    pub fn requests_of(&self, account: &str) -> Vec<Value> {
        let log = std::fs::read_to_string(self.control_plane.audit_log()).unwrap();
        let user = format!("system:serviceaccount:{SYSTEM}:{account}");
        // The last line can be incomplete.
        let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries.filter(|entry| entry["user"]["username"] == user).collect()
    }

    /// Returns the number of successful lists of a resource by the operator.
    pub fn lists_by_operator(&self, resource: &str) -> usize {
        let listed = |entry: &&Value| {
            entry["verb"] == "list"
                && entry["objectRef"]["resource"] == resource
                && entry["responseStatus"]["code"] == 200
        };
        self.requests_of_operator().iter().filter(listed).count()
    }

    /// Returns the writes of the operator so far: verb, resource with subresource, namespace.
    pub fn writes_of_operator(&self) -> Vec<String> {
        self.requests_of_operator()
            .into_iter()
            .filter(|entry| !["list", "watch", "get"].contains(&entry["verb"].as_str().unwrap()))
            .map(|entry| {
                let of = &entry["objectRef"];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let verb = text(&entry["verb"]);
                format!("{verb} {}/{} {}", text(&of["resource"]), text(&of["subresource"]), text(&of["namespace"]))
            })
            .collect()
    }
}

/// Polls until a condition holds that cannot be watched.
pub async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    eventually_within(LIMIT, what, holds).await;
}

/// Polls with another time limit.
pub async fn eventually_within(limit: Duration, what: &str, holds: impl AsyncFn() -> bool) {
    let started = std::time::Instant::now();
    while !holds().await {
        assert!(started.elapsed() < limit, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the shared control plane of most tests, with an operator whose default service model is CaaS.
pub async fn shared() -> &'static Cluster {
    static SHARED: OnceCell<(Cluster, Operator)> = OnceCell::const_new();
    let start = || async {
        let cluster = Cluster::start().await;
        let operator = cluster.operator(&["--default-service-model=CaaS"]);
        (cluster, operator)
    };
    let (cluster, _) = SHARED.get_or_init(start).await;
    cluster
}

/// Namespace of a test.
pub struct Namespace<'a> {
    pub cluster: &'a Cluster,
    pub name: &'a str,
}

impl Namespace<'_> {
    /// Applies objects to this namespace.
    pub fn apply(&self, objects: &[Value]) {
        let placed: Vec<Value> = objects.iter().map(|object| self.place(object)).collect();
        self.cluster.apply(&placed);
    }

    fn place(&self, object: &Value) -> Value {
        let mut object = object.clone();
        object["metadata"]["namespace"] = self.name.into();
        object
    }

    pub fn delete(&self, kind: &str, name: &str) {
        self.cluster.kubectl(&["delete", kind, name, "-n", self.name]);
    }

    /// Returns the objects of a kind in this namespace.
    pub async fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.cluster.client().await, self.name)
    }

    pub async fn assignments(&self) -> Api<ResponsibilityAssignment> {
        self.api().await
    }

    /// Waits until the status of an assignment meets a condition.
    pub async fn status(&self, name: &str, wanted: impl Fn(&AssignmentStatus) -> bool) -> AssignmentStatus {
        wait_for(&self.assignments().await, name, |object| object.status.as_ref(), wanted).await
    }

    /// Waits until the status of the current generation of an assignment meets a condition.
    pub async fn evaluated(&self, name: &str, workloads: i64) -> AssignmentStatus {
        self.status(name, |status| status.summary.as_ref().is_some_and(|summary| summary.workloads == workloads)).await
    }

    /// Returns the reasons of all Events on an assignment, oldest first.
    pub async fn events(&self, assignment: &str) -> Vec<String> {
        let events = self.event_objects(assignment).await;
        events.into_iter().map(|event| event.reason.unwrap_or_default()).collect()
    }

    /// Returns the reasons without those about fulfilment: workloads in tests about owners fail many signals.
    pub async fn events_about_owners(&self, assignment: &str) -> Vec<String> {
        let mut events = self.events(assignment).await;
        events.retain(|reason| !reason.contains("ulfilled"));
        events
    }

    pub async fn event_objects(&self, assignment: &str) -> Vec<Event> {
        let api: Api<Event> = self.api().await;
        let mut events = api.list(&kube::api::ListParams::default()).await.unwrap().items;
        events.retain(|event| is_about(event, assignment));
        events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        events
    }

    /// Waits for an Event with this reason on an assignment.
    pub async fn event(&self, assignment: &str, reason: &str) -> Event {
        let api: Api<Event> = self.api().await;
        // A watch continues after errors.
        let events = watcher(api, watcher::Config::default()).default_backoff().applied_objects();
        let wanted = events.filter_map(|event| {
            let wanted = |event: &Event| is_about(event, assignment) && event.reason.as_deref() == Some(reason);
            std::future::ready(event.ok().filter(wanted))
        });
        let found = tokio::time::timeout(LIMIT, Box::pin(wanted).next()).await;
        found.unwrap_or_else(|_| panic!("no Event {reason} on {assignment}")).unwrap()
    }
}

fn is_about(event: &Event, assignment: &str) -> bool {
    event.regarding.as_ref().is_some_and(|regarding| regarding.name.as_deref() == Some(assignment))
}

/// Waits until the status of an object meets a condition. Panics with the last status after the time limit.
async fn wait_for<K>(
    api: &Api<K>,
    name: &str,
    status: impl Fn(&K) -> Option<&AssignmentStatus> + Copy,
    wanted: impl Fn(&AssignmentStatus) -> bool,
) -> AssignmentStatus
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let condition = |object: Option<&K>| object.and_then(status).is_some_and(&wanted);
    let met = tokio::time::timeout(LIMIT, await_condition(api.clone(), name, condition)).await;
    let Ok(object) = met else {
        let object = api.get_opt(name).await.unwrap();
        panic!("{name} did not come to the wanted state; its status is {:#?}", object.as_ref().and_then(status))
    };
    status(&object.unwrap().unwrap()).unwrap().clone()
}

fn run_with_input(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kubectl runs");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Returns the rows of a status as `layer/Duty/Reason`.
pub fn rows(status: &AssignmentStatus) -> Vec<String> {
    status.unowned_layers.iter().map(|row| format!("{}/{:?}/{}", row.layer, row.duty, row.reason.name())).collect()
}

/// Returns the layers of a status with one reason.
pub fn layers_with(status: &AssignmentStatus, reason: &str) -> Vec<String> {
    let rows = status.unowned_layers.iter().filter(|row| row.reason.name() == reason);
    rows.map(|row| row.layer.clone()).collect()
}

/// Returns a condition as `status reason`.
pub fn condition(status: &AssignmentStatus, kind: &str) -> String {
    let condition = status.conditions.iter().find(|condition| condition.type_ == kind);
    condition.map_or_else(String::new, |condition| format!("{} {}", condition.status, condition.reason))
}

pub fn is_covered(status: &AssignmentStatus) -> bool {
    condition(status, "Covered").starts_with("True ")
}

/// Returns the risks of a status as `reason` or `reason(layer)`.
pub fn risks(status: &AssignmentStatus) -> Vec<String> {
    let of_layer = |layer: &String| format!("({layer})");
    let word = |risk: &Risk| format!("{}{}", risk.reason.name(), risk.layer.as_ref().map(of_layer).unwrap_or_default());
    status.risks.iter().map(word).collect()
}

/// Returns the layers of the risks with one reason.
pub fn risky_layers(status: &AssignmentStatus, reason: &str) -> Vec<String> {
    status.risks.iter().filter(|risk| risk.reason.name() == reason).filter_map(|risk| risk.layer.clone()).collect()
}

/// Returns all layers of the matrix.
pub fn all_layers() -> Vec<&'static str> {
    responsibility_operator::matrix::Matrix::built_in().layers().map(|(_, layer)| layer.name.as_str()).collect()
}

pub fn assignment(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ResponsibilityAssignment",
        "metadata": { "name": name }, "spec": spec,
    })
}

/// Returns a cluster assignment that selects one namespace of the tests.
pub fn cluster_assignment(name: &str, namespace: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["namespaceSelector"] = json!({ "matchLabels": { "test": namespace } });
    json!({
        "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ClusterResponsibilityAssignment",
        "metadata": { "name": name }, "spec": spec,
    })
}

/// Returns a Deployment whose pods have the label `app: NAME` and this pod spec in addition to the container.
pub fn deployment(name: &str, pod_spec: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "labels": { "app": name } },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": with_container(pod_spec) },
        },
    })
}

pub fn with_container(pod_spec: &Value) -> Value {
    let mut spec = pod_spec.clone();
    if spec["containers"].is_null() {
        spec["containers"] = json!([{ "name": "main", "image": "registry.example.com/app:1" }]);
    }
    spec
}

pub fn load_balancer(name: &str, app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
        "spec": { "type": "LoadBalancer", "selector": { "app": app }, "ports": [{ "port": 80 }] },
    })
}

/// Returns a duty entry for the customer duty.
pub fn held_by(party: &str, layers: &[&str]) -> Value {
    json!({ "layers": layers, "customer": party })
}

/// Returns the date that is this number of days from today.
pub fn in_days(days: i32) -> String {
    use jiff::ToSpan;
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.saturating_add(days.days()).to_string()
}

/// Creates CRDs without a schema, and waits until they are served.
pub fn definitions(cluster: &Cluster, kinds: &[(&str, &str, &str, &str)]) {
    let definition =
        |&(group, version, kind, plural): &(&str, &str, &str, &str)| loose_definition(group, version, kind, plural);
    cluster.apply(&kinds.iter().map(definition).collect::<Vec<_>>());
    for (group, _, _, plural) in kinds {
        let name = format!("crd/{plural}.{group}");
        cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &name]);
    }
}

/// Installs the CRDs of an optional API from `tests/optional`.
pub fn install(cluster: &Cluster, api: &str) {
    let file = format!("tests/optional/{api}.yaml");
    cluster.kubectl(&["apply", "-f", &file]);
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &file]);
}

/// Deletes the CRDs of an optional API.
pub fn remove(cluster: &Cluster, api: &str) {
    cluster.kubectl(&["delete", "--timeout=60s", "-f", &format!("tests/optional/{api}.yaml")]);
}

/// Returns a spec by which a customer party holds these layers.
pub fn held(layers: &[&str]) -> Value {
    json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", layers)] })
}

/// Returns an assignment by which a team holds these layers.
pub fn team(layers: &[&str]) -> Value {
    assignment("team", held(layers))
}

/// Returns the unowned layers of the storefront on managed nodes, if its founders hold three layers.
pub const STOREFRONT_UNOWNED: [&str; 12] = [
    "access-control",
    "network-segmentation",
    "cloud-network",
    "control-plane",
    "logging-detection",
    "data-classification",
    "incident-response",
    "secrets-and-keys",
    "data-protection",
    "network-exposure",
    "user-accounts",
    "identity-infrastructure",
];

/// Returns all layers that owe a customer duty under CaaS.
pub fn customer_layers() -> Vec<&'static str> {
    all_layers().into_iter().filter(|layer| *layer != "physical-infrastructure").collect()
}

/// Returns the layers of a stateless Deployment that owe a customer duty under CaaS.
pub const INHERENT_CUSTOMER: [&str; 12] = [
    "data-classification",
    "access-control",
    "application-code",
    "image-supply-chain",
    "workload-configuration",
    "network-segmentation",
    "cloud-network",
    "platform-runtime",
    "node-os",
    "control-plane",
    "logging-detection",
    "incident-response",
];
