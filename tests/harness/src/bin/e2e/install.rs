//! Installs and uninstalls the operator.

use std::time::Instant;

use anyhow::{Result, ensure};
use harness::Access;
use serde_json::json;

use crate::objects::{all, deployment, namespace};
use crate::rights::OPTIONAL;
use crate::scenario::{RELEASE, SYSTEM, Scenario, seconds};

/// The chart of this checkout, relative to its root.
pub(crate) const CHART: &str = "charts/responsibility-operator";

/// The objects that belong to the CRDs.
const DEFINITIONS: [&str; 4] = [
    "APIService <no value>/v1alpha1.sharedresponsibility.dev",
    "CustomResourceDefinition <no value>/clusterresponsibilityassignments.sharedresponsibility.dev",
    "CustomResourceDefinition <no value>/responsibilityassignments.sharedresponsibility.dev",
    "CustomResourceDefinition <no value>/servicemodels.sharedresponsibility.dev",
];

pub(crate) fn namespaces(scenario: &mut Scenario) -> Result<()> {
    let restricted = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    scenario.apply(&[
        namespace(SYSTEM, &restricted),
        namespace("shop", &json!({})),
        deployment("shop", "web"),
        deployment("shop", "api"),
    ])?;
    let refused = scenario.refused(&["run", "unrestricted", "-n", SYSTEM, "--image=unrestricted"])?;
    print!("{refused}");
    ensure!(refused.contains("violates PodSecurity"), "the unrestricted pod was refused for another reason");
    let ready = ["wait", "--for=condition=Available", "deployment", "--all", "-n", "shop", "--timeout=120s"];
    scenario.show(&ready)?;
    scenario.before = all(scenario)?;
    Ok(())
}

pub(crate) fn wrong_values(scenario: &mut Scenario) -> Result<()> {
    for (value, field) in [
        ("defaultServiceModel=OnPrem", "defaultServiceModel"),
        ("replicas=two", "replicas"),
        ("metrics.protect=true", "protect"),
    ] {
        let mut helm = scenario.cluster.helm();
        helm.current_dir(&scenario.root).args(["install", RELEASE, CHART, "-n", SYSTEM, "--set", value]);
        let refused = helm.output()?;
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        println!("$ helm install {RELEASE} {CHART} --set {value}\n{error}");
        ensure!(
            !refused.status.success() && error.contains(field),
            "Helm did not refuse {value} with the field {field}"
        );
    }
    // Helm installs CRDs before it checks the values.
    let new = new(scenario)?;
    ensure!(new == DEFINITIONS, "other objects were installed: {new:?}");
    Ok(())
}

pub(crate) fn install(scenario: &mut Scenario) -> Result<()> {
    let values = scenario.cluster.folder().join("values.yaml");
    let platform = json!({
        "parties": [
            { "name": "cloud-provider", "role": "Provider", "contact": { "url": "https://provider.example" } },
            { "name": "platform-team", "role": "Customer", "contact": { "email": "platform@example.com" } },
        ],
        "duties": [
            { "layers": ["physical-infrastructure"], "provider": "cloud-provider" },
            { "layers": ["control-plane", "node-os"], "customer": "platform-team" },
        ],
    });
    let spec = json!({
        "defaultServiceModel": "CaaS",
        "clusterAssignment": { "create": true, "name": "platform", "spec": platform },
    });
    std::fs::write(&values, spec.to_string())?;
    let mut arguments = vec!["install", RELEASE, CHART, "-n", SYSTEM, "--wait", "--timeout=120s", "-f"];
    let (path, image) = (values.display().to_string(), scenario.image_values()?);
    arguments.push(&path);
    arguments.extend(image.iter().map(String::as_str));
    let started = Instant::now();
    scenario.helm(&arguments)?;
    scenario.measure("helm install to two ready replicas", seconds(started.elapsed()));
    scenario.until_both_ready()?;
    let pods = scenario.show(&["get", "pods", "-n", SYSTEM, "-o", "wide"])?;
    ensure!(pods.lines().count() == 3, "the namespace has more pods than the two replicas");
    let leader = scenario.leader()?;
    scenario.measure("helm install to a leader", seconds(started.elapsed()));
    println!("{leader} is the leader");
    scenario.show(&["wait", "crassign/platform", "--for=condition=Ready", "--timeout=60s"])?;
    scenario.show(&["get", "crassign"])?;
    Ok(())
}

/// Returns the objects that did not exist before. Fails if one that existed is missing.
fn new(scenario: &Scenario) -> Result<Vec<String>> {
    let after = all(scenario)?;
    let lost: Vec<&String> = scenario.before.difference(&after).collect();
    ensure!(lost.is_empty(), "these objects are missing: {lost:?}");
    Ok(after.difference(&scenario.before).cloned().collect())
}

pub(crate) fn uninstall(scenario: &mut Scenario) -> Result<()> {
    scenario.helm(&["uninstall", RELEASE, "-n", SYSTEM, "--wait"])?;
    let gone = [
        "wait",
        "pods",
        "-n",
        SYSTEM,
        "-l",
        "app.kubernetes.io/name=responsibility-operator",
        "--for=delete",
        "--timeout=60s",
    ];
    scenario.show(&gone)?;
    // Objects of the earlier steps.
    scenario.show(&["delete", "service", "web", "-n", "shop"])?;
    let optional = OPTIONAL.map(|(group, _, _, plural)| format!("crd/{plural}.{group}"));
    scenario.kubectl(&[&["delete"], &optional.each_ref().map(String::as_str)[..]].concat())?;
    let (left, _) = scenario.until("the objects of the earlier steps are deleted", |this| {
        let left = new(this)?;
        let passing =
            |object: &String| object.contains("shop/web") || OPTIONAL.iter().any(|(group, ..)| object.contains(group));
        Ok((!left.iter().any(passing)).then_some(left))
    })?;
    println!("Objects that remain:");
    for object in &left {
        println!("  {object}");
    }
    let expected = [&DEFINITIONS[..], &["ResponsibilityAssignment shop/team", "ServiceModel <no value>/own"]].concat();
    ensure!(left == expected, "other objects should remain: {expected:#?}");
    Ok(())
}
