//! Tests of the facts of children.

use serde_json::{Value, json};

use crate::extract::{Extract, Extraction, Pod, ReplicaSet};
use crate::facts::{ChildObject, Delta, HostAccess, Labels, Shortcomings, WorkloadObject};
use crate::matrix::LayerTriggers;

/// Returns a pod with this controller.
fn pod(name: &str, (kind, owner): (&str, &str), labels: &Value, spec: &Value) -> Value {
    let api_version = if kind == "Job" { "batch/v1" } else { "apps/v1" };
    let reference = json!({ "apiVersion": api_version, "kind": kind, "name": owner, "uid": "u-1", "controller": true });
    let metadata =
        json!({ "name": name, "namespace": "shop", "uid": name, "labels": labels, "ownerReferences": [reference] });
    json!({ "metadata": metadata, "spec": spec })
}

fn child(object: Value) -> ChildObject {
    let object: Pod = serde_json::from_value(object).unwrap();
    match object.delta(&Extraction::default()) {
        Delta::Child(_, child) => *child,
        other => panic!("{other:?}"),
    }
}

fn part(object: Value) -> WorkloadObject {
    let object: Pod = serde_json::from_value(object).unwrap();
    match object.delta(&Extraction::default()) {
        Delta::Workload(_, Some(object)) => *object,
        other => panic!("{other:?}"),
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn web() -> Value {
    json!({ "containers": [{ "name": "web", "image": "shop/web:1" }] })
}

#[test]
fn pods_of_one_template_share_their_facts() {
    let of_set = |ordinal: &str| {
        let name = format!("db-{ordinal}");
        let labels = json!({
            "app": "db", "controller-revision-hash": "db-5", "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": ordinal,
        });
        let claim = json!({ "name": "data", "persistentVolumeClaim": { "claimName": format!("data-{name}") } });
        let spec = json!({ "nodeName": ordinal, "volumes": [claim], "containers": web()["containers"] });
        child(pod(&name, ("StatefulSet", "db"), &labels, &spec)).facts.unwrap()
    };
    assert_eq!(of_set("0"), of_set("1"));
    assert_eq!(of_set("0").facts.pods.template, labels(&[("app", "db")]));
    assert_eq!(of_set("0").added, labels(&[("controller-revision-hash", "db-5")]));
    assert_eq!(of_set("0").counted, LayerTriggers::STORAGE);
    let of_daemons = |node: &str| {
        let field = json!({ "key": "metadata.name", "operator": "In", "values": [node] });
        let terms = json!({ "nodeSelectorTerms": [{ "matchFields": [field] }] });
        let affinity = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": terms } });
        let spec = json!({ "nodeName": node, "affinity": affinity, "containers": web()["containers"] });
        child(pod(node, ("DaemonSet", "agent"), &json!({}), &spec)).facts
    };
    assert_eq!(of_daemons("n-1"), of_daemons("n-2"));
}

/// A Service can select by such a label, so only the value that the controller would set is ignored.
#[test]
fn a_label_of_a_controller_with_another_value_is_a_label_of_the_tenant() {
    let template = |owner, key: &str, value: &str| {
        let facts = child(pod("web-7d-x", owner, &json!({ key: value }), &web())).facts.unwrap();
        facts.facts.pods.template
    };
    let replicas = ("ReplicaSet", "web-7d");
    assert_eq!(template(replicas, "pod-template-hash", "7d"), labels(&[]));
    assert_eq!(template(replicas, "pod-template-hash", "evil"), labels(&[("pod-template-hash", "evil")]));
    assert_eq!(template(replicas, "job-name", "web-7d"), labels(&[("job-name", "web-7d")]));
    assert_eq!(template(("Job", "load"), "job-name", "load"), labels(&[]));
    assert_eq!(template(("Job", "load"), "job-name", "evil"), labels(&[("job-name", "evil")]));
}

#[test]
fn a_child_shows_its_access_and_the_settings_of_each_container() {
    let privileged = json!({ "name": "debug", "image": "a@sha256:0", "securityContext": { "privileged": true } });
    let spec = json!({ "containers": [web()["containers"][0], privileged] });
    let facts = child(pod("evil", ("ReplicaSet", "web-7d"), &json!({}), &spec)).facts.unwrap();
    assert_eq!(facts.facts.host, HostAccess::PRIVILEGED);
    let pinned = |name: &str| {
        let container = facts.containers.iter().find(|container| &*container.name == name).unwrap();
        !container.shortcomings.contains(Shortcomings::UNPINNED_IMAGE)
    };
    assert_eq!([pinned("debug"), pinned("web")], [true, false]);
}

/// The admission plugin for ServiceAccounts adds pull secrets to pods.
#[test]
fn pull_secrets_of_a_child_do_not_count_and_other_secrets_do() {
    let counted = |field: &str, value: Value| {
        let mut spec = web();
        spec[field] = value;
        child(pod("web-7d-x", ("ReplicaSet", "web-7d"), &json!({}), &spec)).facts.unwrap().counted
    };
    assert_eq!(counted("imagePullSecrets", json!([{ "name": "pull" }])), LayerTriggers::empty());
    let secret = json!([{ "name": "s", "secret": { "secretName": "s" } }]);
    assert_eq!(counted("volumes", secret), LayerTriggers::SECRETS);
}

#[test]
fn a_replica_set_without_pods_is_known_and_adds_nothing() {
    let child = |replicas: i32| {
        let mut object = pod("web-7d", ("Deployment", "web"), &json!({}), &json!({}));
        object["spec"] = json!({ "replicas": replicas, "template": { "spec": web() } });
        let object: ReplicaSet = serde_json::from_value(object).unwrap();
        let Delta::Child(_, child) = object.delta(&Extraction::default()) else { panic!("it is no child") };
        *child
    };
    assert_eq!((child(0).facts, &*child(0).uid), (None, "web-7d"));
    assert!(child(1).facts.is_some());
}

#[test]
fn a_hostile_owner_reference_is_replaced_by_fixed_words() {
    let hostile = ["\u{1b}[2J", "a\nb", "a\u{202e}b", "a\u{200b}b", &"a\u{85}".repeat(20_000)];
    for text in hostile {
        let mut object = pod("web", ("ReplicaSet", "web"), &json!({}), &web());
        let reference = &mut object["metadata"]["ownerReferences"][0];
        (reference["name"], reference["uid"]) = (text.into(), text.into());
        let controller = child(object.clone()).controller;
        assert_eq!((controller.key.to_string(), &*controller.uid), ("ReplicaSet/invalid".to_owned(), ""), "{text:?}");
        let reference = &mut object["metadata"]["ownerReferences"][0];
        (reference["kind"], reference["apiVersion"]) = (text.into(), format!("{text}/{text}").into());
        let part = part(object);
        assert_eq!(part.part_of.unwrap().to_string(), "Invalid.invalid/invalid", "{text:?}");
        assert_eq!((&*part.identity.uid, &*part.identity.version), ("", "invalid"), "{text:?}");
    }
}
