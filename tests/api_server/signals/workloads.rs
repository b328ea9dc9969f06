//! Signals about a workload and its related objects.

use std::sync::Arc;

use responsibility_operator::api::{AssignmentStatus, Fulfilment};
use responsibility_operator::controller::{Options, Unexplained};
use responsibility_operator::extract::Extraction;
use responsibility_operator::facts::WorkloadKind;
use responsibility_operator::matrix::Duty::{Customer, Provider};
use responsibility_operator::signals;

use super::objects::{self, AGENT, WEB};
use super::{OPERATOR, Of, Today, account_without, duty, explained, failure, fulfilment_where, settings};
use crate::clock::{TestClock, options};
use crate::support::*;

/// Expected result of a signal if it passes, fails and is unknown.
struct Cases {
    signal: &'static str,
    of: Of,
    passes: &'static str,
    fails: &'static str,
    unknown: Unknown,
}

/// Case in which a signal is unknown.
enum Unknown {
    /// The input does not exist; the explanation has these words.
    Unseen(&'static str),
    /// The input exists and cannot be read.
    Forbidden,
    /// Only some namespaces are watched; the explanation has these words.
    OneNamespace(&'static str),
    /// Every workload has a template: the signal is unknown only if workloads cannot be read.
    NoTemplate,
}

use Unknown::{Forbidden, NoTemplate, OneNamespace, Unseen};

const CONFIGURATION: Of = ("workload-configuration", Customer);
const IMAGES: Of = ("image-supply-chain", Customer);
const BACKUP: Of = ("backup-recovery", Customer);

#[rustfmt::skip]
const CASES: [Cases; 16] = [
    Cases {
        signal: "broad-rights", of: ("access-control", Customer),
        passes: "its ServiceAccount has no far-reaching rights in the cluster and its namespace",
        fails: "its ServiceAccount may do everything in its namespace (Role of-web)",
        unknown: Forbidden,
    },
    Cases {
        signal: "image-pinning", of: IMAGES,
        passes: "its images are pinned by digest",
        fails: "an image is named by a tag, which can be moved to another image",
        unknown: NoTemplate,
    },
    Cases {
        signal: "image-registry", of: IMAGES,
        passes: "its images come from allowed registries",
        fails: "an image comes from a registry that is not allowed",
        unknown: NoTemplate,
    },
    Cases {
        signal: "vulnerability-report", of: IMAGES,
        passes: "no critical vulnerability was found in its images",
        fails: "critical vulnerabilities were found in its images",
        unknown: Unseen("no VulnerabilityReport is about it"),
    },
    Cases {
        signal: "pod-security", of: CONFIGURATION,
        passes: "Pod Security is enforced in its namespace",
        fails: "no label of its namespace has Pod Security enforced",
        unknown: OneNamespace("its namespace cannot be seen"),
    },
    Cases {
        signal: "security-context", of: CONFIGURATION,
        passes: "its containers run with restricted privileges",
        fails: "a container may run as root (runAsNonRoot)",
        unknown: NoTemplate,
    },
    Cases {
        signal: "resources", of: CONFIGURATION,
        passes: "its containers say what they need and at most take",
        fails: "a container has no limit of memory",
        unknown: NoTemplate,
    },
    Cases {
        signal: "disruption-budget", of: CONFIGURATION,
        passes: "its pods can be evicted one after another",
        fails: "no PodDisruptionBudget selects its pods, of which several are asked for",
        unknown: Forbidden,
    },
    Cases {
        signal: "policy-report", of: CONFIGURATION,
        passes: "it breaks no policy of high severity that was tried",
        fails: "it breaks a policy of high severity",
        unknown: Unseen("no Report or PolicyReport is about it"),
    },
    Cases {
        signal: "config-audit-report", of: CONFIGURATION,
        passes: "no critical mistake was found in its manifests",
        fails: "critical mistakes were found in its manifests",
        unknown: Unseen("no ConfigAuditReport is about it"),
    },
    Cases {
        signal: "network-policy", of: ("network-segmentation", Customer),
        passes: "NetworkPolicies say who may reach its pods",
        fails: "no NetworkPolicy says who may reach its pods, or one lets everybody in",
        unknown: Unseen("its pods share the network of their node, for which NetworkPolicies do not hold"),
    },
    Cases {
        signal: "certificate", of: ("network-exposure", Customer),
        passes: "the certificates of its Ingresses are renewed in time",
        fails: "Certificate web was not renewed and is good until {in 5 days}",
        unknown: Unseen("no Certificate fills the Secrets of its Ingresses"),
    },
    Cases {
        signal: "storage-encryption", of: ("data-protection", Customer),
        passes: "its storage classes encrypt",
        fails: "StorageClass class-undone does not encrypt",
        unknown: Unseen("its storage classes do not say whether they encrypt"),
    },
    Cases {
        signal: "velero-backup", of: BACKUP,
        passes: "its namespace is backed up",
        fails: "the newest backup of its namespace, of {yesterday}, failed",
        unknown: Unseen("no Backup holds all of its namespace"),
    },
    Cases {
        signal: "volume-snapshot", of: BACKUP,
        passes: "its volumes have usable snapshots",
        fails: "the snapshot of {its creation} of claim data is not usable",
        unknown: Unseen("no VolumeSnapshot is of its claims"),
    },
    Cases {
        signal: "provider-evidence", of: ("physical-infrastructure", Provider),
        passes: "evidence of the holder covers it",
        fails: "the evidence of the holder has ended",
        unknown: Unseen("nobody has shown evidence of it"),
    },
];

pub(super) fn signals() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|cases| cases.signal)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_signal_of_a_workload_passes_where_all_is_done_fails_where_nothing_is_and_otherwise_does_not_know() {
    let cluster = Cluster::start().await;
    for api in ["trivy", "openreports", "cert-manager", "velero", "volume-snapshots"] {
        install(&cluster, api);
    }
    // A snapshot that is not ready counts only after a day.
    let today = Today::in_days(3);
    let clock = TestClock::at_noon(&today.plus(0));
    let test_options = || Options {
        scope: responsibility_operator::inventory::InventoryOptions {
            signals: signals::SignalSettings::default().with_registries(true),
            ..options(&clock, settings()).scope
        },
        extraction: Arc::new(Extraction {
            registries: vec!["registry.example.com".to_owned()],
            ..Extraction::default()
        }),
        ..options(&clock, settings())
    };
    let operator = cluster.operator_with_options(OPERATOR, test_options()).await;
    let [done, undone, unseen, velero] = ["done", "undone", "unseen", "velero"].map(|name| cluster.namespace(name));
    objects::all_is_done(&done, &velero, today);
    objects::nothing_is_done(&undone, &velero, today);
    objects::nothing_is_seen(&unseen);
    let look = async |account: &str, options: Options, namespace: &str| {
        let workload = match namespace {
            "unseen" => (namespace, WorkloadKind::DaemonSet, AGENT),
            _ => (namespace, WorkloadKind::StatefulSet, WEB),
        };
        explained(&cluster, account, options, workload).await
    };

    // Every signal passes: the duties that a signal covers completely are Fulfilled.
    let fulfilled =
        |status: &AssignmentStatus| status.summary.as_ref().is_some_and(|all| all.fulfilment.fulfilled == 5);
    let status = done.status("team", fulfilled).await;
    assert_eq!(status.unfulfilled, []);
    let explanation = look(OPERATOR, test_options(), done.name).await.unwrap();
    for Cases { signal, of, passes, .. } in &CASES {
        let fulfilment = fulfilment_where(&explanation, *of, signal, passes);
        assert!(matches!(fulfilment, Fulfilment::Fulfilled | Fulfilment::Unknown), "{signal}: {fulfilment:?}");
    }

    // Every signal fails: each failure goes to the party that holds the duty.
    let all_fail = |status: &AssignmentStatus| CASES.iter().all(|cases| failure(status, cases.signal).is_some());
    let status = undone.status("team", all_fail).await;
    assert_eq!(status.unfulfilled.len(), CASES.len());
    let explanation = look(OPERATOR, test_options(), undone.name).await.unwrap();
    let created = undone.cluster.kubectl(&[
        "get",
        "volumesnapshot",
        "data",
        "-n",
        undone.name,
        "-o",
        "jsonpath={.metadata.creationTimestamp}",
    ]);
    for Cases { signal, of, fails, .. } in &CASES {
        let words = fails
            .replace("{in 5 days}", &today.plus(5))
            .replace("{yesterday}", &today.plus(-1))
            .replace("{its creation}", &created[..10]);
        let row = failure(&status, signal).unwrap();
        assert!(row.message.starts_with(&words), "{signal}: {}", row.message);
        assert_eq!((row.layer.as_str(), row.duty), *of);
        let (party, seen) =
            if of.1 == Provider { ("cloud", Fulfilment::Stale) } else { ("team", Fulfilment::Unfulfilled) };
        assert_eq!((row.party.as_deref(), row.fulfilment), (Some(party), seen), "{signal}");
        assert_eq!(fulfilment_where(&explanation, *of, signal, &words), seen, "{signal}");
    }

    // Without inputs every signal is unknown: it neither passes nor fails.
    let status = unseen.evaluated("team", 1).await;
    let seen = &status.summary.as_ref().unwrap().fulfilment;
    assert_eq!((seen.fulfilled, seen.unfulfilled, seen.stale), (0, 0, 0), "{:#?}", status.unfulfilled);
    let nothing_seen = look(OPERATOR, test_options(), unseen.name).await.unwrap();
    let one_namespace = Options { namespaces: Some(vec![undone.name.to_owned()]), ..test_options() };
    let one_namespace = look(OPERATOR, one_namespace, undone.name).await.unwrap();
    // A forbidden request is retried for a while, so these run at the same time.
    account_without(&cluster, "half-blind", &["clusterrolebindings", "poddisruptionbudgets"]).await;
    account_without(&cluster, "blind", &["statefulsets"]).await;
    assert_eq!(condition(&done.evaluated("team", 1).await, "Fulfilled"), "Unknown NotAllSeen");
    operator.stop().await;
    let _blind = cluster.operator_with_options("blind", test_options()).await;
    let (half_blind, refusal) =
        tokio::join!(look("half-blind", test_options(), done.name), look("blind", test_options(), done.name));
    let (half_blind, refusal) = (half_blind.unwrap(), refusal.unwrap_err());
    for Cases { signal, of, unknown, .. } in &CASES {
        let fulfilment = match unknown {
            Unseen(words) => fulfilment_where(&nothing_seen, *of, signal, words),
            Forbidden => fulfilment_where(&half_blind, *of, signal, "its source cannot be read"),
            OneNamespace(words) => {
                fulfilment_where(&one_namespace, *of, signal, words);
                // Other failures are still detected.
                continue;
            }
            NoTemplate => {
                assert!(matches!(refusal, Unexplained::Unseen { .. }), "{signal}: {refusal:?}");
                continue;
            }
        };
        assert_eq!(fulfilment, Fulfilment::Unknown, "{signal}");
    }
    assert!(refusal.to_string().contains("may not list and watch statefulsets.apps"), "{refusal}");

    // Without allowedRegistries, no registry passes or fails.
    let explanation = look(OPERATOR, options(&clock, settings()), undone.name).await.unwrap();
    let (_, said) = duty(&explanation, IMAGES);
    assert!(said.iter().all(|said| !said.ends_with("(image-registry)")), "{said:?}");

    // An operator that may no longer read workloads removes the results that depend on them.
    for ns in [&done, &undone] {
        ns.status("team", |status| condition(status, "Fulfilled") == "Unknown InventoryIncomplete").await;
    }
}
