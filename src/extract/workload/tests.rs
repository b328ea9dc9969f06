//! Tests of the changes for workload objects.

mod agents;
mod ownership;

use std::collections::HashSet;

use rstest::rstest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

// Not a glob import: `core` of the outer module is the API group, and the code of rstest needs the crate of this name.
use super::{
    CronJob, DaemonSet, Deployment, Extract, Extraction, Job, Pod, ReplicaSet, ReplicationController, StatefulSet,
    WorkloadFacts, WorkloadKind, WorkloadObject,
};
use crate::extract::object_name;
use crate::facts::{
    Delta, Labels, Listed, ListedKind, ObjectIdentity, ObjectName, PodLabels, ValueDigest, WorkloadKey, set_of,
};
use crate::matrix::LayerTriggers;

/// A change of a workload: its key and its object; `None` if it is not evaluated.
type Change = (WorkloadKey, Option<WorkloadObject>);

/// A workload kind with the data for its test objects.
struct Sample {
    kind: WorkloadKind,
    api_version: &'static str,
    /// The JSON pointer to its pod template; empty for a Pod.
    template: &'static str,
    read: fn(Value, &Extraction) -> Read,
}

/// The results of the extraction for an object.
struct Read {
    delta: Delta,
    deletion: Delta,
    listed: ListedKind,
}

fn read<W: Extract + DeserializeOwned>(object: Value, extraction: &Extraction) -> Read {
    let object: W = serde_json::from_value(object).unwrap();
    Read { delta: object.delta(extraction), deletion: W::KIND.deletion(object_name(object.meta())), listed: W::KIND }
}

fn samples() -> [Sample; 8] {
    let sample = |kind, api_version, template, read| Sample { kind, api_version, template, read };
    let template = "/spec/template";
    [
        sample(WorkloadKind::CronJob, "batch/v1", "/spec/jobTemplate/spec/template", read::<CronJob>),
        sample(WorkloadKind::DaemonSet, "apps/v1", template, read::<DaemonSet>),
        sample(WorkloadKind::Deployment, "apps/v1", template, read::<Deployment>),
        sample(WorkloadKind::Job, "batch/v1", template, read::<Job>),
        sample(WorkloadKind::Pod, "v1", "", read::<Pod>),
        sample(WorkloadKind::ReplicaSet, "apps/v1", template, read::<ReplicaSet>),
        sample(WorkloadKind::ReplicationController, "v1", template, read::<ReplicationController>),
        sample(WorkloadKind::StatefulSet, "apps/v1", template, read::<StatefulSet>),
    ]
}

fn sample(kind: &WorkloadKind) -> Sample {
    samples().into_iter().find(|sample| sample.kind == *kind).unwrap()
}

impl Sample {
    /// Returns an object of the kind named `shop/web` with a stateless template.
    fn object(&self) -> Value {
        let mut object = json!({
            "apiVersion": self.api_version,
            "kind": self.kind.name(),
            "metadata": { "name": "web", "namespace": "shop", "uid": "3f1c", "resourceVersion": "41" },
        });
        let spec = json!({ "containers": [{ "name": "web", "image": "shop/web:1" }] });
        match self.template {
            "" => object["spec"] = spec,
            "/spec/template" => object["spec"] = json!({ "template": { "metadata": {}, "spec": spec } }),
            _ => object["spec"] = json!({ "jobTemplate": { "spec": { "template": { "spec": spec } } } }),
        }
        object
    }

    fn template_of<'a>(&self, object: &'a mut Value) -> &'a mut Value {
        object.pointer_mut(self.template).unwrap()
    }

    fn read(&self, object: Value) -> Read {
        (self.read)(object, &Extraction::default())
    }

    fn change(&self, object: Value) -> Change {
        workload(self.read(object).delta)
    }

    fn workload(&self, object: Value) -> WorkloadObject {
        self.change(object).1.unwrap()
    }

    fn facts(&self, object: Value) -> WorkloadFacts {
        self.workload(object).facts
    }

    /// Returns the key of [`Self::object`].
    fn key(&self) -> WorkloadKey {
        WorkloadKey { namespace: "shop".into(), kind: self.kind.clone(), name: "web".into() }
    }

    fn counts(&self, object: Value) -> bool {
        self.change(object).1.is_some()
    }
}

fn workload(delta: Delta) -> Change {
    match delta {
        Delta::Workload(key, object) => (key, object.map(|object| *object)),
        // It is not a workload: another one controls it.
        Delta::Child(key, _) => (key, None),
        other => panic!("{other:?}"),
    }
}

fn owner(kind: &str, controller: Option<bool>) -> Value {
    let api_version = match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => "apps/v1",
        "Job" | "CronJob" => "batch/v1",
        "Rollout" | "Cluster" => "example.com/v1beta2",
        _ => "v1",
    };
    let mut owner = json!({ "apiVersion": api_version, "kind": kind, "name": "owner", "uid": "9a" });
    if let Some(controller) = controller {
        owner["controller"] = json!(controller);
        owner["blockOwnerDeletion"] = json!(true);
    }
    owner
}

fn label(key: &str, value: &str) -> Labels {
    [(key, value)].into_iter().collect()
}

#[test]
fn every_kind_is_a_workload_under_its_own_key() {
    assert_eq!(samples().map(|sample| sample.kind), WorkloadKind::BUILT_IN);
    for sample in samples() {
        let (key, object) = sample.change(sample.object());
        assert_eq!(key, sample.key());
        assert_eq!(object.unwrap().part_of, None, "{key}");
    }
}

#[test]
fn events_on_a_workload_are_about_its_object() {
    for sample in samples() {
        let mut object = sample.object();
        object["metadata"]["creationTimestamp"] = json!("1970-01-01T00:02:00Z");
        let version = "v1".into();
        let expected = ObjectIdentity { uid: "3f1c".into(), version, created: 120 };
        assert_eq!(sample.workload(object).identity, expected, "{:?}", sample.kind);
    }
}

#[test]
fn a_deletion_is_the_absence_of_the_workload() {
    for sample in samples() {
        let (key, object) = workload(sample.read(sample.object()).deletion);
        assert_eq!(key, sample.key());
        assert_eq!(object, None, "{key}");
    }
}

#[test]
fn a_list_holds_the_workloads_of_its_kind_that_count() {
    for (kind, maker) in
        [(WorkloadKind::Pod, "ReplicaSet"), (WorkloadKind::ReplicaSet, "Deployment"), (WorkloadKind::Job, "CronJob")]
    {
        let sample = sample(&kind);
        let mut child = sample.object();
        child["metadata"]["name"] = json!("child");
        child["metadata"]["ownerReferences"] = json!([owner(maker, Some(true))]);
        let mut part = sample.object();
        part["metadata"]["name"] = json!("part");
        part["metadata"]["ownerReferences"] = json!([owner("Cluster", Some(true))]);
        let read = sample.read(sample.object());
        let mut list = Listed::empty(read.listed, None);
        for delta in [read.delta, sample.read(child).delta, sample.read(part).delta] {
            list.insert(&delta);
        }
        let names = ["web", "part", "child"].map(|name| ObjectName { namespace: "shop".into(), name: name.into() });
        assert_eq!((list.kind, list.names), (ListedKind::Workloads(sample.kind), HashSet::from(names)));
    }
}

#[test]
fn every_kind_shows_the_facts_of_its_pod_template() {
    for sample in samples() {
        let stateless = sample.facts(sample.object());
        assert_eq!(
            (stateless.triggers, &*stateless.env_values),
            (LayerTriggers::default(), &[][..]),
            "{:?}",
            sample.kind
        );
        let mut object = sample.object();
        sample.template_of(&mut object)["spec"] = json!({
            "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }],
            "containers": [{ "name": "web", "env": [{ "name": "UPSTREAM", "value": "payments" }] }],
        });
        let facts = sample.facts(object);
        assert_eq!(facts.triggers, LayerTriggers::STORAGE, "{:?}", sample.kind);
        assert_eq!(*facts.env_values, [ValueDigest::of("payments")], "{:?}", sample.kind);
    }
}

#[test]
fn the_labels_of_the_object_are_kept_apart_from_those_of_its_pods() {
    for sample in samples().into_iter().filter(|sample| sample.kind != WorkloadKind::Pod) {
        let mut object = sample.object();
        object["metadata"]["labels"] = json!({ "team": "shop" });
        sample.template_of(&mut object)["metadata"]["labels"] = json!({ "app": "web" });
        let facts = sample.facts(object);
        assert_eq!(facts.labels, label("team", "shop"), "{:?}", sample.kind);
        assert!(facts.pods.selected_by(&label("app", "web")), "{:?}", sample.kind);
        assert!(!facts.pods.selected_by(&label("team", "shop")), "{:?}", sample.kind);
    }
}

#[test]
fn the_labels_of_a_bare_pod_are_both() {
    let sample = sample(&WorkloadKind::Pod);
    let mut object = sample.object();
    object["metadata"]["labels"] = json!({ "app": "web" });
    let facts = sample.facts(object);
    assert_eq!(facts.labels, label("app", "web"));
    assert_eq!(facts.pods, PodLabels { template: label("app", "web"), ..PodLabels::default() });
    assert!(sample.facts(sample.object()).labels.is_empty());
}

#[rstest]
#[case("Complete", "True", false)]
#[case("Failed", "True", false)]
#[case("Complete", "False", true)]
#[case("Failed", "Unknown", true)]
#[case("Suspended", "True", true)]
#[case("FailureTarget", "True", true)]
#[case("SuccessCriteriaMet", "True", true)]
fn a_job_counts_until_it_is_complete_or_failed(#[case] condition: &str, #[case] status: &str, #[case] counts: bool) {
    let sample = sample(&WorkloadKind::Job);
    let mut object = sample.object();
    let condition = json!({ "type": condition, "status": status, "lastProbeTime": null, "reason": "x" });
    object["status"] = json!({ "active": 1, "conditions": [condition] });
    assert_eq!(sample.counts(object.clone()), counts);
    object["status"]["conditions"] = json!([{ "type": "Suspended", "status": "False" }, condition]);
    assert_eq!(sample.counts(object), counts);
}

#[rstest]
#[case(json!({}))]
#[case(json!({ "conditions": null }))]
#[case(json!({ "active": 1, "succeeded": 3, "failed": 2, "ready": 0 }))]
fn a_job_without_conditions_counts(#[case] status: Value) {
    let sample = sample(&WorkloadKind::Job);
    let mut object = sample.object();
    object["status"] = status;
    assert!(sample.counts(object));
}

#[rstest]
#[case(json!({ "phase": "Pending" }), true)]
#[case(json!({ "phase": "Running" }), true)]
#[case(json!({ "phase": "Unknown" }), true)]
#[case(json!({}), true)]
#[case(json!({ "phase": "Succeeded" }), false)]
#[case(json!({ "phase": "Failed", "reason": "Evicted" }), false)]
fn a_bare_pod_counts_until_it_has_ended(#[case] status: Value, #[case] counts: bool) {
    let sample = sample(&WorkloadKind::Pod);
    let mut object = sample.object();
    object["status"] = status;
    assert_eq!(sample.counts(object), counts);
}

#[rstest]
#[case(WorkloadKind::Deployment, "replicas", json!(0))]
#[case(WorkloadKind::StatefulSet, "replicas", json!(0))]
#[case(WorkloadKind::ReplicaSet, "replicas", json!(0))]
#[case(WorkloadKind::ReplicationController, "replicas", json!(0))]
#[case(WorkloadKind::CronJob, "suspend", json!(true))]
#[case(WorkloadKind::Job, "suspend", json!(true))]
fn scaled_to_zero_and_suspended_count(#[case] kind: WorkloadKind, #[case] field: &str, #[case] value: Value) {
    let sample = sample(&kind);
    let mut object = sample.object();
    object["spec"][field] = value;
    object["status"] = json!({ "replicas": 0, "observedGeneration": 3 });
    assert_eq!(sample.facts(object), sample.facts(sample.object()));
}

#[rstest]
#[case(json!([{ "metadata": { "name": "data" }, "spec": { "accessModes": ["ReadWriteOnce"] } }]), true)]
#[case(json!([]), false)]
#[case(json!(null), false)]
fn volume_claim_templates_are_storage(#[case] claims: Value, #[case] storage: bool) {
    let sample = sample(&WorkloadKind::StatefulSet);
    let mut object = sample.object();
    object["spec"]["volumeClaimTemplates"] = claims;
    assert_eq!(sample.facts(object).triggers, set_of([(LayerTriggers::STORAGE, storage)]));
}

#[test]
fn only_the_pods_of_a_stateful_set_have_ordinals() {
    for sample in samples() {
        let stateful = sample.kind == WorkloadKind::StatefulSet;
        let pods = sample.facts(sample.object()).pods;
        assert_eq!(pods.ordinals_of.as_deref(), stateful.then_some("web"), "{:?}", sample.kind);
        assert_eq!(pods.selected_by(&label("statefulset.kubernetes.io/pod-name", "web-0")), stateful);
        assert_eq!(pods.selected_by(&label("apps.kubernetes.io/pod-index", "7")), stateful);
    }
}

#[test]
fn only_the_pods_of_a_job_have_its_name_as_a_label() {
    for sample in samples() {
        let is_job = sample.kind == WorkloadKind::Job;
        let pods = sample.facts(sample.object()).pods;
        for key in ["batch.kubernetes.io/job-name", "job-name"] {
            assert_eq!(pods.selected_by(&label(key, "web")), is_job, "{:?}: {key}", sample.kind);
            assert!(!pods.selected_by(&label(key, "other")), "{:?}: {key}", sample.kind);
        }
    }
}

#[test]
fn the_name_of_a_job_joins_the_labels_of_its_template() {
    let sample = sample(&WorkloadKind::Job);
    let mut object = sample.object();
    sample.template_of(&mut object)["metadata"]["labels"] = json!({ "app": "web", "job-name": "web" });
    let facts = sample.facts(object);
    let expected = [("app", "web"), ("batch.kubernetes.io/job-name", "web"), ("job-name", "web")];
    assert_eq!(facts.pods.template.iter().collect::<Vec<_>>(), expected);
    assert!(facts.labels.is_empty());
}

#[test]
fn the_annotation_for_vault_counts_on_the_pods_alone() {
    let annotations = json!({ "vault.hashicorp.com/agent-inject": "true" });
    let secrets = LayerTriggers::SECRETS;
    for sample in samples() {
        let mut on_pods = sample.object();
        sample.template_of(&mut on_pods)["metadata"]["annotations"] = annotations.clone();
        assert_eq!(sample.facts(on_pods).triggers, secrets, "{:?}", sample.kind);
        let mut on_object = sample.object();
        on_object["metadata"]["annotations"] = annotations.clone();
        let is_pod = sample.kind == WorkloadKind::Pod;
        assert_eq!(sample.facts(on_object).triggers == secrets, is_pod, "{:?}", sample.kind);
    }
    let cron_job = sample(&WorkloadKind::CronJob);
    let mut on_jobs = cron_job.object();
    on_jobs["spec"]["jobTemplate"]["metadata"] = json!({ "annotations": annotations });
    assert_eq!(cron_job.facts(on_jobs).triggers, LayerTriggers::default());
}

#[test]
fn managed_fields_and_unknown_fields_are_ignored() {
    for sample in samples() {
        let plain = sample.facts(sample.object());
        let mut object = sample.object();
        let metadata = &mut object["metadata"];
        metadata["generation"] = json!(3);
        metadata["creationTimestamp"] = json!("2026-01-02T03:04:05Z");
        metadata["managedFields"] = json!([{
            "manager": "kubectl-client-side-apply",
            "operation": "Update",
            "apiVersion": sample.api_version,
            "time": "not a time",
            "fieldsType": "FieldsV1",
            "fieldsV1": { "f:metadata": { "f:labels": { ".": {}, "f:app": {} } } },
        }]);
        metadata["fieldOfTheFuture"] = json!([1, { "a": "b" }]);
        object["spec"]["fieldOfTheFuture"] = json!({ "hostNetwork": true });
        sample.template_of(&mut object)["spec"]["fieldOfTheFuture"] = json!(["hostNetwork"]);
        sample.template_of(&mut object)["metadata"]["creationTimestamp"] = json!(null);
        object["fieldOfTheFuture"] = json!(1.5);
        assert_eq!(sample.facts(object), plain, "{:?}", sample.kind);
    }
}

#[test]
fn the_metadata_that_a_watch_needs_is_kept_and_managed_fields_are_not() {
    let mut object = sample(&WorkloadKind::Deployment).object();
    object["metadata"]["managedFields"] = json!([{ "manager": "kubectl", "operation": "Update" }]);
    let deployment: Deployment = serde_json::from_value(object).unwrap();
    let meta = kube::Resource::meta(&deployment);
    let kept = [&meta.name, &meta.namespace, &meta.uid, &meta.resource_version].map(Option::as_deref);
    assert_eq!(kept, [Some("web"), Some("shop"), Some("3f1c"), Some("41")]);
    assert_eq!(meta.managed_fields, None);
}
