//! Tests of the workload that an object is a part of.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::facts::Placement;

/// Returns an object of a kind with these owners.
fn owned(sample: &Sample, owners: Value) -> Value {
    let mut object = sample.object();
    object["metadata"]["ownerReferences"] = owners;
    object
}

fn of_owner(kind: WorkloadKind) -> WorkloadKey {
    WorkloadKey { namespace: "shop".into(), kind, name: "owner".into() }
}

#[rstest]
#[case(WorkloadKind::ReplicaSet, "Deployment")]
#[case(WorkloadKind::Pod, "ReplicaSet")]
#[case(WorkloadKind::Pod, "ReplicationController")]
#[case(WorkloadKind::Pod, "StatefulSet")]
#[case(WorkloadKind::Pod, "DaemonSet")]
#[case(WorkloadKind::Pod, "Job")]
#[case(WorkloadKind::Job, "CronJob")]
fn the_child_of_a_workload_is_absent(#[case] kind: WorkloadKind, #[case] controller: &str) {
    let sample = sample(&kind);
    let owners = json!([owner("ConfigMap", None), owner(controller, Some(true))]);
    assert_eq!(sample.change(owned(&sample, owners)), (sample.key(), None));
}

/// The kind of the owner is not watched, so the owner is only known from this object.
#[test]
fn what_another_kind_controls_is_a_part_of_its_owner() {
    for sample in samples() {
        let mut object = owned(&sample, json!([owner("ConfigMap", None), owner("Cluster", Some(true))]));
        object["metadata"]["creationTimestamp"] = json!("1970-01-01T00:02:00Z");
        let (key, found) = sample.change(object);
        let found = found.unwrap();
        assert_eq!(key, sample.key());
        assert_eq!(found.part_of, Some(of_owner(WorkloadKind::of("example.com", "Cluster"))), "{key}");
        assert_eq!(found.facts, sample.facts(sample.object()), "{key}");
        let of_owner = ObjectIdentity { uid: "9a".into(), version: "v1beta2".into(), created: 120 };
        assert_eq!(found.identity, of_owner, "{key}");
    }
}

#[test]
fn an_owner_that_is_not_watched_goes_before_the_stem_of_a_generated_name() {
    let sample = sample(&WorkloadKind::Pod);
    let mut object = owned(&sample, json!([owner("Cluster", Some(true))]));
    object["metadata"]["generateName"] = json!("we");
    assert_eq!(sample.workload(object).part_of, Some(of_owner(WorkloadKind::of("example.com", "Cluster"))));
}

#[test]
fn a_kind_of_the_same_name_in_another_group_is_not_watched() {
    let sample = sample(&WorkloadKind::Pod);
    let mut foreign = owner("StatefulSet", Some(true));
    foreign["apiVersion"] = "apps.example.com/v1beta1".into();
    let part_of = sample.workload(owned(&sample, json!([foreign]))).part_of;
    assert_eq!(part_of, Some(of_owner(WorkloadKind::of("apps.example.com", "StatefulSet"))));
}

#[test]
fn an_owner_of_the_core_group_may_be_a_workload_too() {
    let sample = sample(&WorkloadKind::Pod);
    let part_of = sample.workload(owned(&sample, json!([owner("ConfigMap", Some(true))]))).part_of;
    assert_eq!(part_of, Some(of_owner(WorkloadKind::of("", "ConfigMap"))));
}

#[test]
fn the_version_of_the_owner_does_not_matter() {
    let sample = sample(&WorkloadKind::ReplicaSet);
    let mut old = owner("Deployment", Some(true));
    old["apiVersion"] = "apps/v1beta2".into();
    assert!(!sample.counts(owned(&sample, json!([old]))));
}

/// The controllers of built-in kinds do not create such objects. Such an owner reference could hide an object.
#[test]
fn an_object_hides_behind_no_workload_that_would_not_make_it() {
    let made = [
        (WorkloadKind::Pod, "ReplicaSet"),
        (WorkloadKind::Pod, "StatefulSet"),
        (WorkloadKind::Pod, "DaemonSet"),
        (WorkloadKind::Pod, "Job"),
        (WorkloadKind::Pod, "ReplicationController"),
        (WorkloadKind::ReplicaSet, "Deployment"),
        (WorkloadKind::Job, "CronJob"),
    ];
    for sample in samples() {
        for kind in WorkloadKind::BUILT_IN {
            let object = owned(&sample, json!([owner(kind.name(), Some(true))]));
            let counts = !made.contains(&(sample.kind.clone(), kind.name()));
            assert_eq!(sample.counts(object), counts, "{:?} of a {kind:?}", sample.kind);
        }
    }
}

#[test]
fn an_owner_that_does_not_control_makes_no_child() {
    for sample in samples() {
        let owners = json!([owner("Deployment", Some(false)), owner("Cluster", Some(false)), owner("CronJob", None)]);
        assert_eq!(sample.workload(owned(&sample, owners)).part_of, None, "{:?}", sample.kind);
        assert_eq!(sample.workload(owned(&sample, json!([]))).part_of, None, "{:?}", sample.kind);
    }
}

#[test]
fn a_static_pod_is_a_bare_pod() {
    let sample = sample(&WorkloadKind::Pod);
    let mut object = owned(&sample, json!([owner("Node", Some(true))]));
    object["spec"]["nodeName"] = json!("node-1");
    let (key, found) = sample.change(object.clone());
    let found = found.unwrap();
    assert_eq!((key, found.part_of), (sample.key(), None));
    assert_eq!(&*found.identity.uid, "3f1c");
    assert_eq!(found.facts.placement.node_name.as_deref(), Some("node-1"));
    object["status"] = json!({ "phase": "Failed" });
    assert!(!sample.counts(object));
}

/// It is not the Node of a kubelet.
#[test]
fn a_kind_called_node_in_another_group_is_an_owner_like_any_other() {
    let sample = sample(&WorkloadKind::Pod);
    let mut node = owner("Node", Some(true));
    node["apiVersion"] = "example.com/v1".into();
    let part_of = sample.workload(owned(&sample, json!([node]))).part_of;
    assert_eq!(part_of, Some(of_owner(WorkloadKind::of("example.com", "Node"))));
}

#[test]
fn what_has_ended_is_no_part_of_its_owner_any_more() {
    let owners = json!([owner("Cluster", Some(true))]);
    let pods = sample(&WorkloadKind::Pod);
    let mut pod = owned(&pods, owners.clone());
    pod["status"] = json!({ "phase": "Succeeded" });
    assert!(!pods.counts(pod));
    let jobs = sample(&WorkloadKind::Job);
    let mut job = owned(&jobs, owners);
    job["status"] = json!({ "conditions": [{ "type": "Complete", "status": "True" }] });
    assert!(!jobs.counts(job));
}

// Generated names

fn generated(sample: &Sample, prefix: &str, name: &str) -> Value {
    let mut object = sample.object();
    object["metadata"]["generateName"] = json!(prefix);
    object["metadata"]["name"] = json!(name);
    object
}

#[test]
fn pods_and_jobs_with_generated_names_are_parts_of_one_workload_for_their_stem() {
    for sample in samples() {
        let (key, found) = sample.change(generated(&sample, "build-", "build-x7k2p"));
        let found = found.unwrap();
        assert_eq!(&*key.name, "build-x7k2p");
        let has_prefix = matches!(sample.kind, WorkloadKind::Pod | WorkloadKind::Job);
        let expected = has_prefix.then(|| WorkloadKey { name: "build-*".into(), ..key.clone() });
        assert_eq!(found.part_of, expected, "{key}");
        assert_eq!(&*found.identity.uid, "3f1c", "{key}");
        assert!(found.part_of.is_none_or(|of| of.is_generated()));
    }
}

/// An object can have both a name and a `generateName`: then the API server does not generate the name.
#[rstest]
#[case::another_name("build-", "deploy-x7k2p")]
#[case::nothing_added("build", "build")]
#[case::shorter("build-", "build")]
#[case::no_stem("", "build-x7k2p")]
fn a_name_that_was_not_made_of_the_stem_is_a_workload_by_itself(#[case] prefix: &str, #[case] name: &str) {
    for kind in [WorkloadKind::Pod, WorkloadKind::Job] {
        let sample = sample(&kind);
        assert_eq!(sample.workload(generated(&sample, prefix, name)).part_of, None);
    }
}

#[test]
fn a_stem_that_is_too_long_for_names_is_a_stem_all_the_same() {
    let sample = sample(&WorkloadKind::Pod);
    let prefix = format!("{}-", "a".repeat(70));
    let part_of = |kept: usize, added: &str| {
        let name = format!("{}{added}", &prefix[..kept]);
        sample.workload(generated(&sample, &prefix, &name)).part_of.map(|of| of.name.to_string())
    };
    assert_eq!(part_of(58, "x7k2p"), Some(format!("{prefix}*")));
    assert_eq!(part_of(57, "x7k2p"), None);
    assert_eq!(part_of(58, ""), None);
}

#[test]
fn a_job_of_a_cron_job_is_absent_whatever_its_name() {
    let sample = sample(&WorkloadKind::Job);
    let mut object = generated(&sample, "report-", "report-x7k2p");
    object["metadata"]["ownerReferences"] = json!([owner("CronJob", Some(true))]);
    assert!(!sample.counts(object));
}

// The node that a pod is bound to

#[test]
fn a_bare_pod_keeps_its_node_and_one_that_somebody_makes_again_forgets_it() {
    let sample = sample(&WorkloadKind::Pod);
    let placement = |mut object: Value| {
        object["spec"]["nodeName"] = json!("node-1");
        object["spec"]["nodeSelector"] = json!({ "pool": "a" });
        (*sample.facts(object).placement).clone()
    };
    let node_selector: Labels = [("pool", "a")].into_iter().collect();
    let bound = Placement { node_name: Some("node-1".into()), node_selector, ..Placement::default() };
    let unbound = Placement { node_name: None, ..bound.clone() };
    assert_eq!(placement(sample.object()), bound);
    assert_eq!(placement(generated(&sample, "build-", "build-x7k2p")), unbound);
    assert_eq!(placement(owned(&sample, json!([owner("Cluster", Some(true))]))), unbound);
}

/// The node name is part of the template, so the scheduler did not set it.
#[test]
fn a_template_that_names_a_node_keeps_it_whoever_controls_the_object() {
    for sample in samples().into_iter().filter(|sample| sample.kind != WorkloadKind::Pod) {
        let mut object = owned(&sample, json!([owner("Cluster", Some(true))]));
        sample.template_of(&mut object)["spec"]["nodeName"] = json!("node-1");
        let found = sample.facts(object).placement.node_name.clone();
        assert_eq!(found.as_deref(), Some("node-1"), "{:?}", sample.kind);
    }
}
