//! Rendering of the chart, and access to the rendered objects.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use harness::Chart;
use serde_json::Value;

pub const RELEASE: &str = "responsibility-operator";
pub const NAMESPACE: &str = "responsibility-system";

/// Values that enable every object of the chart in one release.
pub const EVERYTHING: &str = "
commonLabels: {team: platform}
configuration:
  workloadKinds:
  - {group: argoproj.io, version: v1alpha1, kind: Rollout, plural: rollouts, template: spec.template}
clusterAssignment: {create: true, spec: {parties: [{name: aws, role: Provider}], duties: [{layers: [control-plane], provider: aws}]}}
reports: {enabled: true}
tolerations: [{key: dedicated, operator: Exists}]
nodeSelector: {kubernetes.io/os: linux}
priorityClassName: system-cluster-critical
imagePullSecrets: [{name: registry}]
metrics:
  protected: true
  owners: true
  certificate: {certManager: {enabled: true}}
  serviceMonitor: {enabled: true, tokenFile: /var/run/secrets/tokens/responsibility-operator}
  prometheusRule: {enabled: true, duties: true}
  dashboard: {enabled: true}
";

pub static CHART: LazyLock<Chart> = LazyLock::new(|| Chart::locate().unwrap());

/// Renders the objects of a release with these values, or returns the error of Helm.
pub fn try_render(values: &str) -> Result<Vec<Value>, String> {
    let mut helm = CHART.helm();
    helm.args(["template", RELEASE]).arg(CHART.folder()).args(["--namespace", NAMESPACE, "--values", "-"]);
    let output = run_with_input(&mut helm, values);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let rendered = String::from_utf8_lossy(&output.stdout);
    let objects: Vec<Option<Value>> =
        serde_saphyr::from_multiple(&rendered).map_err(|error| format!("this is not YAML: {error}\n{rendered}"))?;
    Ok(objects.into_iter().flatten().collect())
}

/// Renders the objects of a release with these values, including hooks and tests.
pub fn render(values: &str) -> Vec<Value> {
    try_render(values).unwrap_or_else(|error| panic!("{error}\nwith the values {values}"))
}

fn run_with_input(command: &mut Command, input: &str) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Reads a file of the repository.
pub fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Reads a YAML file of the repository.
pub fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&file(path)).unwrap()
}

pub fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap()
}

pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// Returns the one object of a kind and a name.
pub fn one<'a>(objects: &'a [Value], wanted: &str, called: &str) -> &'a Value {
    let found: Vec<&Value> = objects.iter().filter(|object| kind(object) == wanted && name(object) == called).collect();
    assert_eq!(found.len(), 1, "{wanted} {called} among {:?}", kinds_and_names(objects));
    found[0]
}

pub fn kinds_and_names(objects: &[Value]) -> Vec<String> {
    let mut all: Vec<String> = objects.iter().map(|object| format!("{} {}", kind(object), name(object))).collect();
    all.sort();
    all
}

/// Returns the strings of an array.
pub fn strings(array: &Value) -> Vec<&str> {
    array
        .as_array()
        .unwrap_or_else(|| panic!("{array} is not an array"))
        .iter()
        .map(|value| value.as_str().unwrap())
        .collect()
}

/// Returns a map of strings.
pub fn texts(map: &Value) -> BTreeMap<&str, &str> {
    map.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str().unwrap())).collect()
}

/// Returns true if a selector matches the labels.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().unwrap();
    assert!(!wanted.is_empty(), "it selects everything");
    wanted.iter().all(|(key, value)| labels[key] == *value)
}

/// Returns the pods of the objects, with the name of the object that creates them.
pub fn pods(objects: &[Value]) -> Vec<(String, Value)> {
    let pod = |object: &Value| match kind(object) {
        "Pod" => Some(object.clone()),
        "Deployment" | "Job" => Some(object["spec"]["template"].clone()),
        _ => None,
    };
    objects.iter().filter_map(|object| Some((format!("{} {}", kind(object), name(object)), pod(object)?))).collect()
}

/// Returns the flags of the operator.
pub fn flags(objects: &[Value]) -> Vec<String> {
    let operator = one(objects, "Deployment", RELEASE);
    let containers = operator["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    strings(&containers[0]["args"]).into_iter().map(str::to_owned).collect()
}

/// Returns the verbs that rules grant by resource with group, such as `deployments.apps` or `pods`.
pub fn grants(role: &Value) -> BTreeMap<String, Vec<String>> {
    let mut granted = BTreeMap::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                let full = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
                let earlier =
                    granted.insert(full.clone(), strings(&rule["verbs"]).into_iter().map(str::to_owned).collect());
                assert!(earlier.is_none(), "{full} is granted by two rules of {}", name(role));
            }
        }
    }
    granted
}
