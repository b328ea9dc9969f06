//! Every pod of the chart is admitted to a namespace that enforces the restricted Pod Security Standard.

use serde_json::{Value, json};

use crate::support::*;

const VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

/// Returns the violations of the baseline and restricted standards by a pod.
fn offences(pod: &Value) -> Vec<String> {
    let spec = &pod["spec"];
    let mut found = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            found.push(what);
        }
    };
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        check(spec[field].is_null() || spec[field] == false, field.to_owned());
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        for source in volume.as_object().unwrap().keys().filter(|key| *key != "name") {
            check(VOLUMES.contains(&source.as_str()), format!("volume of type {source}"));
        }
    }
    let containers = ["initContainers", "containers", "ephemeralContainers"];
    let containers: Vec<&Value> = containers.iter().filter_map(|field| spec[field].as_array()).flatten().collect();
    check(!containers.is_empty(), "no container".to_owned());
    for container in containers {
        let context = &container["securityContext"];
        // A container inherits the settings of its pod.
        let either =
            |field: &str| if context[field].is_null() { &spec["securityContext"][field] } else { &context[field] };
        check(either("runAsNonRoot") == true, "runAsNonRoot".to_owned());
        check(either("runAsUser") != 0, "runAsUser".to_owned());
        let seccomp = &either("seccompProfile")["type"];
        check(seccomp == "RuntimeDefault" || seccomp == "Localhost", "seccompProfile".to_owned());
        for field in ["windowsOptions", "seLinuxOptions", "appArmorProfile"] {
            check(either(field).is_null(), field.to_owned());
        }
        check(context["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation".to_owned());
        check(context["privileged"].is_null() || context["privileged"] == false, "privileged".to_owned());
        check(context["procMount"].is_null() || context["procMount"] == "Default", "procMount".to_owned());
        check(context["capabilities"]["drop"] == json!(["ALL"]), "capabilities.drop".to_owned());
        check(context["capabilities"]["add"].is_null(), "capabilities.add".to_owned());
        for port in container["ports"].as_array().into_iter().flatten() {
            check(port["hostPort"].is_null(), "hostPort".to_owned());
        }
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            check(container[probe]["httpGet"]["host"].is_null(), format!("{probe}.host"));
        }
    }
    check(spec["securityContext"]["sysctls"].is_null(), "sysctls".to_owned());
    found
}

#[test]
fn every_pod_fulfils_the_restricted_standard() {
    let objects = render(EVERYTHING);
    let pods = pods(&objects);
    assert_eq!(pods.len(), 3, "operator, hook and test: {:?}", kinds_and_names(&objects));
    for (of, pod) in &pods {
        assert_eq!(offences(pod), Vec::<String>::new(), "{of}");
    }
    // The check detects settings that values remove.
    let loose = render(
        "{podSecurityContext: {runAsNonRoot: false, runAsUser: 0}, securityContext: {capabilities: {drop: [], add: [NET_ADMIN]}}}",
    );
    for (of, pod) in crate::support::pods(&loose) {
        assert_eq!(offences(&pod), ["runAsNonRoot", "runAsUser", "capabilities.drop", "capabilities.add"], "{of}");
    }
}

#[test]
fn every_pod_goes_where_values_say_and_has_resources() {
    for (of, pod) in pods(&render(EVERYTHING)) {
        let spec = &pod["spec"];
        assert_eq!(spec["tolerations"], json!([{ "key": "dedicated", "operator": "Exists" }]), "{of}");
        assert_eq!(spec["nodeSelector"], json!({ "kubernetes.io/os": "linux" }), "{of}");
        assert_eq!(spec["priorityClassName"], "system-cluster-critical", "{of}");
        assert_eq!(spec["imagePullSecrets"], json!([{ "name": "registry" }]), "{of}");
        assert_eq!(pod["metadata"]["labels"]["team"], "platform", "{of}");
        let resources = &spec["containers"][0]["resources"];
        assert!(resources["requests"]["cpu"].is_string() && resources["limits"]["memory"].is_string(), "{of}");
        assert!(resources["limits"]["cpu"].is_null(), "{of}");
        assert_eq!(spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true, "{of}");
    }
}

#[test]
fn every_pod_runs_the_same_image_with_a_subcommand() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let version = env!("CARGO_PKG_VERSION");
    let repository = "ghcr.io/sharedresponsibility/responsibility-operator";
    let wanted = [
        (String::new(), format!("{repository}:{version}")),
        (
            "image: {repository: registry.example:5000/operator, tag: '1'}".to_owned(),
            "registry.example:5000/operator:1".to_owned(),
        ),
        (format!("image: {{tag: '1', digest: '{digest}'}}"), format!("{repository}@{digest}")),
    ];
    for (values, image) in wanted {
        let pods = pods(&render(&values));
        let mut subcommands = Vec::new();
        for (of, pod) in &pods {
            let container = &pod["spec"]["containers"][0];
            assert_eq!(container["image"], *image, "{of}");
            subcommands.push(container["args"][0].as_str().unwrap());
        }
        subcommands.sort_unstable();
        assert_eq!(subcommands, ["crds", "doctor", "run"]);
    }
}

#[test]
fn probes_ask_the_server_of_the_operator() {
    let objects = render("{}");
    let container = &one(&objects, "Deployment", RELEASE)["spec"]["template"]["spec"]["containers"][0];
    assert!(flags(&objects).contains(&"--probe-address=:8081".to_owned()));
    let ports = container["ports"].as_array().unwrap();
    assert!(ports.contains(&json!({ "name": "probes", "containerPort": 8081 })), "{ports:?}");
    for (probe, path) in [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "probes" }), "{probe}");
    }
}
