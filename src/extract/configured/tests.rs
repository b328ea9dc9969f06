//! Tests of workloads of configured kinds.

use kube::Resource;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::facts::{HostAccess, ListedKind, PodLabels, WorkloadKey, set_of};
use crate::matrix::LayerTriggers;

fn kind_with_template(template: &str) -> Result<ConfiguredKind, serde_json::Error> {
    serde_json::from_value(json!({
        "group": "argoproj.io", "version": "v1alpha1", "kind": "Rollout", "plural": "rollouts", "template": template,
    }))
}

fn rollouts() -> ConfiguredKind {
    kind_with_template("spec.template").unwrap()
}

fn rollout(spec: &Value) -> ConfiguredWorkload {
    serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "3f1c",
            "creationTimestamp": "1970-01-01T00:02:00Z",
            "labels": { "team": "shop" },
            "managedFields": [{ "manager": "kubectl", "operation": "Update" }],
        },
        "spec": spec,
        "status": { "phase": "Healthy", "template": { "spec": { "hostNetwork": true } } },
    }))
    .unwrap()
}

/// Returns a template with storage, secrets, host access and a node selector.
fn template() -> Value {
    json!({
        "metadata": { "labels": { "app": "web" }, "annotations": { "vault.hashicorp.com/agent-inject": "true" } },
        "spec": {
            "hostPID": true,
            "nodeSelector": { "pool": "a" },
            "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }],
            "containers": [{ "name": "web", "image": "shop/web:1" }],
        },
    })
}

fn object(kind: &ConfiguredKind, workload: &ConfiguredWorkload) -> WorkloadObject {
    match workload.delta(kind, &Extraction::default()) {
        Delta::Workload(key, Some(object)) if key == web() => *object,
        other => panic!("{other:?}"),
    }
}

fn facts(kind: &ConfiguredKind, spec: &Value) -> WorkloadFacts {
    object(kind, &rollout(spec)).facts
}

fn web() -> WorkloadKey {
    WorkloadKey { namespace: "shop".into(), kind: WorkloadKind::of("argoproj.io", "Rollout"), name: "web".into() }
}

fn assert_is_of_template(facts: &WorkloadFacts) {
    assert_eq!(facts.labels, [("team", "shop")].into_iter().collect());
    assert_eq!(facts.pods, PodLabels { template: [("app", "web")].into_iter().collect(), ..PodLabels::default() });
    assert_eq!(facts.triggers, LayerTriggers::STORAGE.union(LayerTriggers::SECRETS));
    assert_eq!(facts.host, HostAccess::HOST_PID);
    assert_eq!(facts.placement.node_selector, [("pool", "a")].into_iter().collect());
}

#[test]
fn an_object_shows_the_facts_of_its_pod_template() {
    assert_is_of_template(&facts(&rollouts(), &json!({ "replicas": 3, "strategy": {}, "template": template() })));
}

#[test]
fn the_template_may_lie_deeper_in_the_spec() {
    let kind = kind_with_template("spec.jobTemplate.spec.template").unwrap();
    assert_is_of_template(&facts(&kind, &json!({ "jobTemplate": { "spec": { "template": template() } } })));
    assert!(!counts(&kind, &rollout(&json!({ "template": template() }))), "elsewhere");
}

fn counts(kind: &ConfiguredKind, workload: &ConfiguredWorkload) -> bool {
    matches!(workload.delta(kind, &Extraction::default()), Delta::Workload(_, Some(_)))
}

#[rstest]
#[case::nothing(json!({}))]
#[case::null(json!(null))]
#[case::empty_template(json!({ "template": {} }))]
#[case::no_container(json!({ "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [] } } }))]
#[case::null_template(json!({ "template": null }))]
#[case::not_a_template(json!({ "template": ["web"] }))]
#[case::unreadable(json!({ "template": { "spec": { "containers": "web" } } }))]
#[case::elsewhere(json!({ "workloadRef": { "kind": "Deployment", "name": "web" }, "template2": template() }))]
fn an_object_without_a_readable_template_is_known_by_what_it_controls(#[case] spec: Value) {
    assert!(!counts(&rollouts(), &rollout(&spec)));
}

#[test]
fn an_object_without_a_spec_is_known_by_what_it_controls() {
    let bare: ConfiguredWorkload =
        serde_json::from_value(json!({ "metadata": { "name": "web", "namespace": "shop" } })).unwrap();
    assert!(!counts(&rollouts(), &bare));
}

#[rstest]
#[case(json!([{ "metadata": { "name": "data" } }]), true)]
#[case(json!([]), false)]
#[case(json!(null), false)]
#[case(json!("data"), false)]
fn volume_claim_templates_beside_the_template_are_storage(#[case] claims: Value, #[case] storage: bool) {
    let expected: LayerTriggers = set_of([(LayerTriggers::STORAGE, storage)]);
    let beside =
        json!({ "volumeClaimTemplates": claims, "template": { "spec": { "containers": [{ "name": "web" }] } } });
    assert_eq!(facts(&rollouts(), &beside).triggers, expected);
    let deeper = kind_with_template("spec.workers.template").unwrap();
    assert_eq!(facts(&deeper, &json!({ "workers": beside })).triggers, expected);
}

#[test]
fn an_object_is_its_own_workload_under_the_version_that_is_watched() {
    let found = object(&rollouts(), &rollout(&json!({ "template": template() })));
    assert_eq!(found.part_of, None);
    let expected = crate::facts::ObjectIdentity { uid: "3f1c".into(), version: "v1alpha1".into(), created: 120 };
    assert_eq!(found.identity, expected);
}

#[rstest]
#[case::of_a_built_in_kind("apps/v1", "Deployment", None)]
#[case::of_another_kind("example.com/v1", "Site", Some("Site.example.com/owner"))]
fn an_object_of_a_configured_kind_has_owners_as_well(
    #[case] api_version: &str,
    #[case] owner_kind: &str,
    #[case] part_of: Option<&str>,
) {
    let mut owned = rollout(&json!({ "template": template() }));
    let owner =
        json!([{ "apiVersion": api_version, "kind": owner_kind, "name": "owner", "uid": "9a", "controller": true }]);
    owned.meta_mut().owner_references = serde_json::from_value(owner).unwrap();
    let Delta::Workload(key, object) = owned.delta(&rollouts(), &Extraction::default()) else {
        panic!("another change")
    };
    assert_eq!(key, web());
    let found = object.map(|object| object.part_of.map(|of| of.to_string()));
    assert_eq!(found.flatten().as_deref(), part_of);
}

#[test]
fn a_deletion_is_the_absence_of_the_workload() {
    let name = rollout(&json!({ "template": template() })).object_name();
    match ListedKind::Workloads(rollouts().workload_kind()).deletion(name) {
        Delta::Workload(key, None) => assert_eq!(key, web()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_configured_kind_is_watched_under_its_own_name_without_managed_fields() {
    let resource = rollouts().resource();
    let of = [
        ConfiguredWorkload::kind(&resource),
        ConfiguredWorkload::api_version(&resource),
        ConfiguredWorkload::group(&resource),
        ConfiguredWorkload::version(&resource),
        ConfiguredWorkload::plural(&resource),
    ];
    assert_eq!(of, ["Rollout", "argoproj.io/v1alpha1", "argoproj.io", "v1alpha1", "rollouts"]);
    let workload = rollout(&json!({}));
    assert_eq!(workload.meta().managed_fields, None);
    assert_eq!(workload.meta().name.as_deref(), Some("web"));
}

#[rstest]
#[case("spec.template", true)]
#[case("spec.jobTemplate.spec.template", true)]
#[case("spec", false)]
#[case("spec.", false)]
#[case("spec..template", false)]
#[case("template", false)]
#[case("/spec/template", false)]
#[case("specs.template", false)]
#[case("status.template", false)]
#[case("", false)]
fn a_path_to_the_template_leads_through_the_spec(#[case] path: &str, #[case] accepted: bool) {
    match kind_with_template(path) {
        Ok(kind) => assert!(accepted && kind.template.to_string() == path, "{path}"),
        Err(error) => assert!(!accepted && error.to_string().contains("such as spec.template"), "{path}: {error}"),
    }
}

#[test]
fn a_misspelt_field_of_a_configured_kind_is_refused() {
    let error = serde_json::from_value::<ConfiguredKind>(json!({ "group": "a", "templat": "spec.template" }));
    assert!(error.unwrap_err().to_string().contains("templat"));
}
