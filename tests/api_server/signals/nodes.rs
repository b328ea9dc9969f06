//! Signals about nodes and about the version of the API server.

use std::collections::BTreeSet;
use std::sync::Arc;

use responsibility_operator::api::{AssignmentStatus, Fulfilment};
use responsibility_operator::facts::{KubernetesVersion, WorkloadKind};
use responsibility_operator::matrix::Duty::{Customer, Provider};
use responsibility_operator::signals::supported_until;
use serde_json::{Value, json};

use super::{OPERATOR, Of, Today, account_without, explained, failure, fulfilment_where, settings};
use crate::clock::{TestClock, options};
use crate::support::*;

/// Date of one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Day on which the nodes joined.
    Joined,
    /// Last day of support of this Kubernetes version.
    Supported,
    /// First day after support.
    Unsupported,
    /// Day on which the nodes joined; the version of the API server cannot be read.
    NoVersion,
}

use When::{Joined, NoVersion, Supported, Unsupported};

/// Test case: expected result of a signal for the workload on a pool of nodes on a day.
struct Case {
    signal: &'static str,
    of: Of,
    pool: &'static str,
    when: When,
    expected: Fulfilment,
    words: &'static str,
}

const fn case(
    signal: &'static str,
    of: Of,
    (pool, when): (&'static str, When),
    expected: Fulfilment,
    words: &'static str,
) -> Case {
    Case { signal, of, pool, when, expected, words }
}

const OS: Of = ("node-os", Customer);
const RUNTIME: Of = ("platform-runtime", Customer);
/// Under Auto Mode the provider patches the nodes.
const PROVIDED_OS: Of = ("node-os", Provider);
const CONTROL_PLANE: Of = ("control-plane", Customer);

use Fulfilment::{Fulfilled, Unfulfilled, Unknown};

/// If a signal covers only a part of a duty, the duty stays Unknown when the signal passes.
#[rustfmt::skip]
const CASES: [Case; 17] = [
    case("kubelet-skew", RUNTIME, ("recent", Joined), Unknown, "the kubelets of its nodes go with the API server"),
    case("kubelet-skew", RUNTIME, ("neglected", Joined), Unfulfilled, "a kubelet is of version 1.20, the API server of {version}"),
    case("kubelet-skew", RUNTIME, ("bare", Joined), Unknown, "the versions of its kubelets or of the API server are not known"),
    case("kubelet-skew", RUNTIME, ("recent", NoVersion), Unknown, "the versions of its kubelets or of the API server are not known"),
    case("node-readiness", RUNTIME, ("recent", Joined), Unknown, "its nodes are ready"),
    case("node-readiness", RUNTIME, ("neglected", Joined), Unfulfilled, "a node is not ready since {3 days before}, longer than 1 day(s)"),
    case("node-readiness", RUNTIME, ("bare", Joined), Unknown, "its nodes do not show whether they are ready"),
    case("node-image-age", OS, ("recent", Joined), Fulfilled, "its nodes run a recent image"),
    case("node-image-age", OS, ("neglected", Joined), Unfulfilled, "a node runs an image of {91 days before}, older than 90 days"),
    case("node-image-age", OS, ("bare", Joined), Unknown, "its nodes do not show of which day their image is"),
    case("node-age", PROVIDED_OS, ("auto", Joined), Fulfilled, "its nodes are replaced in time"),
    case("node-age", PROVIDED_OS, ("auto", Supported), Unfulfilled, "a node runs since {its creation}, longer than 21 days"),
    // A Fargate node beside it does not affect the result.
    case("node-age", PROVIDED_OS, ("auto-and-fargate", Joined), Unknown, "its nodes do not show since when they run"),
    case("version-support", CONTROL_PLANE, ("recent", Joined), Unknown, "the version of Kubernetes gets patches"),
    case("version-support", CONTROL_PLANE, ("recent", Supported), Unknown, "the version of Kubernetes gets patches"),
    case("version-support", CONTROL_PLANE, ("recent", Unsupported), Unfulfilled, "Kubernetes {version} gets no patches from the community since {support}"),
    case("version-support", CONTROL_PLANE, ("recent", NoVersion), Unknown, "it is not known until when the version of Kubernetes gets patches"),
];

pub(super) fn signals() -> impl Iterator<Item = &'static str> {
    let mut all: Vec<&str> = CASES.iter().map(|case| case.signal).collect();
    all.dedup();
    all.into_iter()
}

/// Returns a Node as its kubelet reports it: its version, and the condition Ready if there is one.
fn node(cluster: &Cluster, name: &str, kubelet: &str, labels: &Value, ready: Option<(&str, &str)>) {
    cluster.node(name, kubelet, labels.clone(), json!({}));
    if let Some((status, since)) = ready {
        let ready = json!({ "type": "Ready", "status": status, "lastTransitionTime": format!("{since}T00:00:00Z") });
        let patch = json!({ "status": { "conditions": [ready] } }).to_string();
        cluster.kubectl(&["patch", "node", name, "--subresource=status", "--type=merge", "-p", &patch]);
    }
}

/// Creates the pools, and a workload on each.
fn pools(cluster: &Cluster, ns: &Namespace<'_>, version: KubernetesVersion, today: Today) {
    let kubelet = format!("v{version}.0");
    let aks = |pool: &str, days: i32| {
        let image = today.plus(days).replacen('-', "", 1).replace('-', ".");
        let image = format!("AKSUbuntu-2204gen2containerd-{image}.0");
        json!({ "pool": pool, "kubernetes.azure.com/agentpool": pool, "kubernetes.azure.com/node-image-version": image })
    };
    let (ready, gone) = (today.plus(0), today.plus(-3));
    node(cluster, "recent", &kubelet, &aks("recent", -3), Some(("True", &ready)));
    node(cluster, "neglected", "v1.20.0", &aks("neglected", -91), Some(("Unknown", &gone)));
    // State at registration, before the kubelet has reported anything.
    node(cluster, "bare", "", &json!({ "pool": "bare", "cloud.google.com/gke-nodepool": "bare" }), None);
    for (name, pool, compute) in
        [("auto", "auto", "auto"), ("mixed", "auto-and-fargate", "auto"), ("fargate-1", "auto-and-fargate", "fargate")]
    {
        let labels = json!({ "pool": pool, "eks.amazonaws.com/compute-type": compute });
        node(cluster, name, &kubelet, &labels, Some(("True", &ready)));
    }
    let pinned = |pool: &&str| deployment(pool, &json!({ "nodeSelector": { "pool": pool } }));
    ns.apply(&["recent", "neglected", "bare", "auto", "auto-and-fargate"].iter().map(pinned).collect::<Vec<_>>());
    let platform = [RUNTIME.0, OS.0, CONTROL_PLANE.0];
    ns.apply(&[assignment(
        "team",
        json!({
            "parties": [{ "name": "team", "role": "Customer" }, { "name": "cloud", "role": "Provider" }],
            "duties": [held_by("team", &platform), { "layers": platform, "provider": "cloud" }],
        }),
    )]);
}

fn clock_on(day: Today) -> Arc<TestClock> {
    TestClock::at_noon(&day.plus(0))
}

/// Returns the version of the API server.
fn version_of(cluster: &Cluster) -> KubernetesVersion {
    let version: Value = serde_json::from_str(&cluster.kubectl(&["get", "--raw", "/version"])).unwrap();
    KubernetesVersion::parse(version["gitVersion"].as_str().unwrap()).unwrap()
}

/// Revokes everybody's permission to read the version of the API server, which two default roles grant.
async fn hide_version(cluster: &Cluster) {
    for name in ["system:discovery", "system:public-info-viewer"] {
        let mut role: Value =
            serde_json::from_str(&cluster.kubectl(&["get", "clusterrole", name, "-o", "json"])).unwrap();
        for rule in role["rules"].as_array_mut().unwrap() {
            rule["nonResourceURLs"]
                .as_array_mut()
                .unwrap()
                .retain(|url| !url.as_str().unwrap().starts_with("/version"));
        }
        let replaced = cluster.kubectl_with_input(&["replace", "-f", "-"], &[role]);
        assert!(replaced.status.success(), "{}", String::from_utf8_lossy(&replaced.stderr));
    }
    let client = cluster.client_of(OPERATOR).await;
    eventually("the version may not be read", async || client.apiserver_version().await.is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_signal_of_nodes_and_of_the_version_passes_fails_and_does_not_know() {
    let cluster = Cluster::start().await;
    let version = version_of(&cluster);
    let support = supported_until(version).expect("the table of supported versions knows the one of the tests");
    let today = Today::in_days(0);
    let ns = cluster.namespace("pools");
    pools(&cluster, &ns, version, today);
    let created = cluster.kubectl(&["get", "node", "auto", "-o", "jsonpath={.metadata.creationTimestamp}"]);
    let filled = |words: &str| {
        words
            .replace("{version}", &version.to_string())
            .replace("{support}", &support.to_string())
            .replace("{its creation}", &created[..10])
            .replace("{3 days before}", &today.plus(-3))
            .replace("{91 days before}", &today.plus(-91))
    };
    let day = |when: When| match when {
        Joined | NoVersion => today,
        Supported => Today(support),
        Unsupported => Today(support.tomorrow().unwrap()),
    };
    let look = async |account: &str, pool: &str, when: When| {
        let workload = (ns.name, WorkloadKind::Deployment, pool);
        explained(&cluster, account, options(&clock_on(day(when)), settings()), workload).await.unwrap()
    };
    let check = async |when: When| {
        let on_day = || CASES.iter().filter(|case| case.when == when);
        for pool in on_day().map(|case| case.pool).collect::<BTreeSet<_>>() {
            let explanation = look(OPERATOR, pool, when).await;
            for Case { signal, of, expected, words, .. } in on_day().filter(|case| case.pool == pool) {
                let fulfilment = fulfilment_where(&explanation, *of, signal, &filled(words));
                assert_eq!(fulfilment, *expected, "{signal} on {pool}");
            }
        }
    };

    // The operator reports exactly the failures of the day for the workloads that can be scheduled on these nodes.
    let clock = clock_on(day(Joined));
    let _operator = cluster.operator_with_clock(&clock, settings()).await;
    for when in [Joined, Supported, Unsupported] {
        clock.move_to_noon(&day(when).plus(0));
        let failing: Vec<&Case> =
            CASES.iter().filter(|case| case.when == when && case.expected == Unfulfilled).collect();
        let all_fail = |status: &AssignmentStatus| {
            failing.iter().all(|case| {
                failure(status, case.signal).is_some_and(|row| row.message.starts_with(&filled(case.words)))
            })
        };
        let status = ns.status("team", all_fail).await;
        for Case { signal, of, pool, .. } in failing {
            let row = failure(&status, signal).unwrap();
            assert_eq!((row.layer.as_str(), row.duty), *of, "{signal}");
            let party = if of.1 == Provider { "cloud" } else { "team" };
            assert_eq!((row.party.as_deref(), row.fulfilment), (Some(party), Unfulfilled), "{signal}");
            if when == Joined {
                assert_eq!(row.examples, [format!("Deployment/{pool}")], "{signal}");
            }
        }
        check(when).await;
    }

    // Without the permission to read nodes, and with a given service model, every signal about nodes is unknown.
    cluster.apply(&[cluster_assignment("model", "pools", json!({ "serviceModel": "CaaS" }))]);
    account_without(&cluster, "blind", &["nodes"]).await;
    hide_version(&cluster).await;
    // A forbidden request is retried for a while.
    let (blind, ()) = tokio::join!(look("blind", "neglected", Joined), check(NoVersion));
    for (signal, of) in
        [("kubelet-skew", RUNTIME), ("node-readiness", RUNTIME), ("node-image-age", OS), ("node-age", OS)]
    {
        assert_eq!(fulfilment_where(&blind, of, signal, "its source cannot be read"), Unknown, "{signal}");
    }
}
