//! Effects of dates, with a clock that the test moves.

use responsibility_operator::matrix::ServiceModel;
use responsibility_operator::model::EvaluationSettings;
use serde_json::{Value, json};

use crate::clock::TestClock;
use crate::support::*;

fn settings() -> EvaluationSettings {
    EvaluationSettings { default_model: Some(ServiceModel::Caas), ..EvaluationSettings::default() }
}

fn reviewed(last: &str) -> Value {
    json!({
        "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &INHERENT_CUSTOMER)],
        "review": { "lastAt": last },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_reminded_of_once_lapses_after_its_days_of_grace_and_is_mended_by_reviewing() {
    let cluster = Cluster::start().await;
    // Due 365 days after 2025-11-01, on 2026-11-01; lapsed 30 days later.
    let clock = TestClock::at_noon("2026-10-01");
    let operator = cluster.operator_with_clock(&clock, settings()).await;
    let ns = cluster.namespace("reviewed");
    ns.apply(&[deployment("web", &json!({})), assignment("team", reviewed("2025-11-01"))]);
    let status = ns.status("team", is_covered).await;
    assert_eq!(condition(&status, "Current"), "True NothingDue");
    assert_eq!(status.next_review.as_deref(), Some("2026-10-02"));
    assert_eq!(status.summary.as_ref().unwrap().review_due.as_deref(), Some("2026-11-01"));
    ns.event("team", "Covered").await;

    clock.move_to_noon("2026-10-02");
    let status = ns.status("team", |status| condition(status, "Current") == "False AboutToLapse").await;
    assert!(is_covered(&status) && risks(&status).contains(&"ReviewDue".to_owned()), "{:?}", risks(&status));
    let event = ns.event("team", "ReviewDue").await;
    assert!(event.note.unwrap().contains("2026-11-01"));
    assert_eq!(status.next_review.as_deref(), Some("2026-12-02"));

    // One day earlier: owned, with the risk. No second Event, also not after a restart.
    clock.move_to_noon("2026-12-01");
    operator.stop().await;
    let _operator = cluster.operator_with_clock(&clock, settings()).await;
    clock.move_to_noon("2026-12-02");
    let status = ns.status("team", |status| !status.unowned_layers.is_empty()).await;
    assert_eq!(layers_with(&status, "ReviewLapsed").len(), 12);
    assert_eq!(status.summary.as_ref().unwrap().duties.lapsed, 12);
    assert_eq!(condition(&status, "Current"), "False Lapsed");
    ns.event("team", "GapsOpened").await;
    assert_eq!(ns.events_about_owners("team").await, ["Covered", "ReviewDue", "GapsOpened"]);

    ns.apply(&[assignment("team", reviewed("2026-12-02"))]);
    let status = ns.status("team", is_covered).await;
    assert_eq!(condition(&status, "Current"), "True NothingDue");
    ns.event("team", "GapsClosed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_duty_that_lapses_is_told_as_such() {
    let cluster = Cluster::start().await;
    let clock = TestClock::at_noon("2026-10-01");
    let _operator = cluster.operator_with_clock(&clock, settings()).await;
    let ns = cluster.namespace("one-duty");
    let team = json!([{ "name": "team", "role": "Customer" }]);
    let (one, others) = INHERENT_CUSTOMER.split_at(1);
    ns.apply(&[
        deployment("web", &json!({})),
        assignment("others", json!({ "parties": team, "duties": [held_by("team", others)] })),
        assignment("one", json!({ "parties": team, "duties": [held_by("team", one)], "review": { "lastAt": "2026-09-30", "everyDays": 1, "graceDays": 1 } })),
    ]);
    ns.status("one", is_covered).await;
    ns.event("one", "Covered").await;
    clock.move_to_noon("2026-10-03");
    let event = ns.event("one", "DutyLapsed").await;
    assert!(event.note.unwrap().starts_with(
        "data-classification (customer duty): The review of the assignment that names \"team\" has lapsed"
    ));
    assert_eq!(event.type_.as_deref(), Some("Warning"));
}

#[tokio::test(flavor = "multi_thread")]
async fn agreements_exceptions_and_evidence_end_on_their_day() {
    let cluster = Cluster::start().await;
    let clock = TestClock::at_noon("2026-10-01");
    let _operator = cluster.operator_with_clock(&clock, settings()).await;
    let ns = cluster.namespace("dated");
    let own: Vec<&str> = INHERENT_CUSTOMER.into_iter().filter(|layer| *layer != "application-code").collect();
    let pod = json!({ "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }] });
    let own: Vec<&str> = own.into_iter().chain(["data-protection", "storage-platform"]).collect();
    ns.apply(&[
        deployment("web", &pod),
        assignment(
            "team",
            json!({
                "parties": [
                    { "name": "team", "role": "Customer" },
                    { "name": "integrator", "role": "ThirdParty" },
                    { "name": "aws", "role": "Provider", "evidence": [{ "type": "SOC2TypeII", "periodEnd": "2025-12-20" }] },
                ],
                "duties": [
                    held_by("team", &own),
                    { "layers": ["application-code"], "customer": "integrator", "accountable": "team",
                      "agreement": { "uri": "https://contracts.example.com/42", "validUntil": "2026-11-30" } },
                    { "layers": ["node-os", "physical-infrastructure"], "provider": "aws" },
                ],
                "exceptions": [{ "layer": "backup-recovery", "reason": "a cache", "approvedBy": "cto", "until": "2026-12-10" }],
            }),
        ),
    ]);
    let status = ns.status("team", is_covered).await;
    ns.event("team", "Covered").await;
    let duties =
        |status: &responsibility_operator::api::AssignmentStatus| status.summary.as_ref().unwrap().duties.clone();
    assert_eq!((duties(&status).excepted, duties(&status).assumed), (1, 5));

    clock.move_to_noon("2026-11-30");
    let status = ns.status("team", |status| condition(status, "Current") == "False AboutToLapse").await;
    assert!(is_covered(&status), "good through its last day");
    let event = ns.event("team", "EvidenceExpiring").await;
    assert!(event.note.unwrap().contains("Evidence ends: aws on 2026-12-20"));

    clock.move_to_noon("2026-12-01");
    let status = ns.status("team", |status| !is_covered(status)).await;
    assert_eq!(rows(&status), ["application-code/Customer/AgreementMissing"]);

    clock.move_to_noon("2026-12-11");
    let status = ns.status("team", |status| status.unowned_layers.len() == 2).await;
    assert!(rows(&status).contains(&"backup-recovery/Customer/LayerUnowned".to_owned()));
    assert!(risks(&status).contains(&"ExceptionExpired(backup-recovery)".to_owned()));

    // Evidence that ends does not cause a gap: the duty is Assumed again.
    clock.move_to_noon("2026-12-21");
    let status = ns.status("team", |status| duties(status).assumed == 7).await;
    assert_eq!(status.unowned_layers.len(), 2);
    assert_eq!(risky_layers(&status, "EvidenceLapsed"), ["node-os", "physical-infrastructure"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_is_of_the_duties_as_they_were() {
    let ns = shared().await.namespace("acknowledged");
    let spec = |layers: &[&str], digest: Option<&str>| {
        let mut party = json!({ "name": "team", "role": "Customer", "contact": { "escalation": "#team" } });
        if let Some(digest) = digest {
            party["acknowledgement"] = json!({ "by": "A. Lead", "at": "2026-11-01", "digest": digest });
        }
        json!({ "parties": [party], "duties": [held_by("team", layers)] })
    };
    let is_silent =
        |status: &responsibility_operator::api::AssignmentStatus| risks(status).contains(&"Unacknowledged".to_owned());
    ns.apply(&[deployment("web", &json!({})), assignment("team", spec(&["application-code"], None))]);
    let status = ns.status("team", is_silent).await;
    let digest = status.duties_digest.unwrap();
    assert_eq!(digest.len(), 64);
    ns.apply(&[assignment("team", spec(&["application-code"], Some(&digest)))]);
    ns.status("team", |status| status.observed_generation == Some(2) && !is_silent(status)).await;
    // Another duty changes the content that was acknowledged.
    ns.apply(&[assignment("team", spec(&["application-code", "access-control"], Some(&digest)))]);
    let status = ns.status("team", is_silent).await;
    assert_ne!(status.duties_digest, Some(digest));
}
