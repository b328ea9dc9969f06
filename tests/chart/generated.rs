//! Generated files are current, and duplicated texts are the same.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::*;

#[test]
fn files_made_of_the_chart_are_current() {
    let generated = CHART.generated().unwrap();
    assert_eq!(generated.len(), 3);
    for (path, text) in generated {
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == text, "{} is not what is generated; run: make generate", path.display());
    }
}

#[test]
fn plain_manifests_need_nothing_that_a_cluster_may_not_serve() {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&file("deploy/operator.yaml")).unwrap();
    let kinds = [
        "ClusterRole",
        "ClusterRoleBinding",
        "Deployment",
        "FlowSchema",
        "Lease",
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    ];
    for object in &objects {
        assert!(kinds.contains(&kind(object)), "{} {}", kind(object), name(object));
        assert!(
            object["metadata"]["annotations"].is_null(),
            "{} {} has annotations for Helm",
            kind(object),
            name(object)
        );
        assert!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"].is_null(), "{}", name(object));
    }
    assert_eq!((kind(&objects[0]), name(&objects[0])), ("Namespace", NAMESPACE));
    assert_eq!(objects[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    for (kind, name) in [("Deployment", RELEASE), ("ClusterRole", RELEASE), ("ServiceAccount", RELEASE)] {
        one(&objects, kind, name);
    }
}

#[test]
fn chart_operator_and_image_have_one_version() {
    let chart = yaml("charts/responsibility-operator/Chart.yaml");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!((&chart["version"], &chart["appVersion"]), (&Value::from(version), &Value::from(version)));
    let images: Value = annotation(&chart, "artifacthub.io/images");
    let deployment = render("{}");
    let image = &one(&deployment, "Deployment", RELEASE)["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(images[0]["image"], *image);
}

#[test]
fn a_release_names_the_image_by_its_digest() {
    let folder = std::env::temp_dir().join(format!("pinned-image-{}", std::process::id()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in ["deploy", "charts"] {
        std::fs::create_dir_all(&folder).unwrap();
        assert!(Command::new("cp").arg("-R").arg(root.join(path)).arg(&folder).status().unwrap().success());
    }
    let pin = |digest: &str| Command::new(folder.join("deploy/pin-image.sh")).arg(digest).output().unwrap();
    let digest = format!("sha256:{}", "a1".repeat(32));
    let refused = pin("0.2.0");
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("not a digest"));
    let pinned = pin(&digest);
    assert!(pinned.status.success(), "{}", String::from_utf8_lossy(&pinned.stderr));
    let mut helm = CHART.helm();
    helm.args(["template", RELEASE]).arg(folder.join("charts/responsibility-operator"));
    let rendered = String::from_utf8(helm.output().unwrap().stdout).unwrap();
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
    let texts = [rendered, read("deploy/operator.yaml"), read("charts/responsibility-operator/Chart.yaml")];
    assert!(!pin(&digest).status.success(), "nothing is left to replace");
    std::fs::remove_dir_all(&folder).unwrap();
    for text in texts {
        let images: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("image: ")).collect();
        assert!(!images.is_empty() && images.iter().all(|line| line.contains(&format!("@{digest}"))), "{images:?}");
    }
}

#[test]
fn artifact_hub_is_told_of_the_definitions_there_are() {
    let chart = yaml("charts/responsibility-operator/Chart.yaml");
    let listed: Value = annotation(&chart, "artifacthub.io/crds");
    let mut listed: Vec<String> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|crd| format!("{} {} {}", crd["name"], crd["kind"], crd["version"]))
        .collect();
    let definitions: Vec<Value> =
        serde_saphyr::from_multiple(&file("charts/responsibility-operator/crds/crds.yaml")).unwrap();
    let mut there: Vec<String> = definitions
        .iter()
        .map(|crd| {
            format!(
                "{} {} {}",
                crd["metadata"]["name"], crd["spec"]["names"]["kind"], crd["spec"]["versions"][0]["name"]
            )
        })
        .collect();
    listed.sort();
    there.sort();
    assert_eq!(listed, there);
    for annotation_name in ["artifacthub.io/changes", "artifacthub.io/links"] {
        assert!(annotation(&chart, annotation_name).as_array().is_some_and(|entries| !entries.is_empty()));
    }
    assert_eq!(chart["annotations"]["artifacthub.io/license"], "Apache-2.0");
    assert_eq!(chart["annotations"]["artifacthub.io/operator"], "true");
}

#[test]
fn examples_for_artifact_hub_are_written_in_fields_that_exist() {
    let chart = yaml("charts/responsibility-operator/Chart.yaml");
    let examples = annotation(&chart, "artifacthub.io/crdsExamples");
    let definitions: Vec<Value> = serde_saphyr::from_multiple(&file("crds/crds.yaml")).unwrap();
    for example in examples.as_array().unwrap() {
        let definition = definitions.iter().find(|crd| crd["spec"]["names"]["kind"] == example["kind"]).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        assert_known(&example["spec"], schema, kind(example));
    }
}

/// Parses an annotation that contains YAML.
fn annotation(chart: &Value, name: &str) -> Value {
    serde_saphyr::from_str(chart["annotations"][name].as_str().unwrap()).unwrap()
}

/// Checks that the schema has every field and every enum value.
fn assert_known(value: &Value, schema: &Value, path: &str) {
    match value {
        Value::Object(fields) => {
            for (field, below) in fields {
                let known = schema["properties"].get(field).or_else(|| schema.get("additionalProperties"));
                assert_known(
                    below,
                    known.unwrap_or_else(|| panic!("{path}.{field} is not a field")),
                    &format!("{path}.{field}"),
                );
            }
        }
        Value::Array(items) => items.iter().for_each(|item| assert_known(item, &schema["items"], path)),
        _ => {
            if let Some(words) = schema["enum"].as_array() {
                assert!(words.contains(value), "{path}: {value}");
            }
        }
    }
}
