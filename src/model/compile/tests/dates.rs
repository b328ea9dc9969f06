//! Reviews, agreements, evidence and exceptions as of a day.

use std::fmt::Write;

use jiff::civil::Date;
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;
use serde_json::{Value, json};

use super::{TODAY, compile, compiled, compiled_on, customer_claim, id, layer, layers};
use crate::matrix::{Audience, Duty, Matrix, Presence};
use crate::model::assignment::DeadlineKind::{self, Agreement, Evidence, Exception};
use crate::model::calendar::days_after;
use crate::model::{AgreementCover, Assignment, Deadline, EvidenceFacts, ExceptionState, Refusal, Review};

/// The day that is this number of days after today, as text.
fn day(days: i32) -> String {
    days_after(TODAY, days).to_string()
}

fn near(kind: DeadlineKind, subject: &str, days: i32, passed: bool) -> Deadline {
    Deadline { date: days_after(TODAY, days), kind, subject: subject.into(), passed }
}

// Reviews

/// A date in the future is not a review.
#[test]
fn a_review_that_is_still_to_come_is_none() {
    let reviewed = |days| compiled(json!({ "review": { "lastAt": day(days) } }));
    assert_eq!(reviewed(1).review, Review::Missing);
    assert_eq!(reviewed(1).next_change, Some(days_after(TODAY, 1)));
    assert_eq!(reviewed(0).review, Review::Current(days_after(TODAY, 365)));
}

/// Evidence about a period that has not ended does not count.
#[test]
fn evidence_of_a_period_that_has_not_ended_is_none() {
    let evidence = |days| {
        let evidence = json!([{ "type": "SOC2TypeII", "periodEnd": day(days) }]);
        let party = json!({ "name": "aws", "role": "Provider", "evidence": evidence });
        compiled(json!({ "parties": [party] })).parties["aws"].evidence.clone()
    };
    assert_eq!(evidence(1).len(), 0);
    assert_eq!(*evidence(0), [EvidenceFacts { layers: None, ended: false }]);
}

/// Reviews due this many days ahead, with 30 days of grace and without.
#[rstest]
#[case::more_than_a_month_ahead(31, Review::Current, Review::Current)]
#[case::a_month_ahead(30, Review::Due, Review::Due)]
#[case::on_the_day(0, Review::Due, Review::Due)]
#[case::the_day_after(-1, Review::Due, Review::Lapsed)]
#[case::on_the_last_day_of_grace(-30, Review::Due, Review::Lapsed)]
#[case::grace_has_passed(-31, Review::Lapsed, Review::Lapsed)]
#[case::long_ago(-1000, Review::Lapsed, Review::Lapsed)]
fn a_review_is_due_for_a_month_and_lapses_after_its_grace(
    #[case] ahead: i32,
    #[case] with_grace: fn(Date) -> Review,
    #[case] without: fn(Date) -> Review,
) {
    let due = days_after(TODAY, ahead);
    let reviewed = |every: Option<i32>, grace: Option<i32>| {
        let last_at = days_after(due, -every.unwrap_or(365)).to_string();
        compiled(json!({ "review": { "lastAt": last_at, "everyDays": every, "graceDays": grace } }))
    };
    for every in [None, Some(90)] {
        for grace in [None, Some(30)] {
            assert_eq!(reviewed(every, grace).review, with_grace(due), "{every:?} {grace:?}");
        }
    }
    let strict = reviewed(None, Some(0));
    assert_eq!(strict.review, without(due));
    assert_eq!(strict.is_lapsed(), ahead < 0);
    let noted = |passed| Deadline { date: due, kind: DeadlineKind::Review, subject: "".into(), passed };
    let expected = if ahead > 30 { vec![] } else { vec![noted(ahead < -30)] };
    assert_eq!(reviewed(None, None).deadlines, expected);
}

#[rstest]
#[case::nothing(json!({}))]
#[case::a_day_that_does_not_exist(json!({ "review": { "lastAt": "2026-02-30" } }))]
fn without_a_day_nobody_is_asked_for_a_review(#[case] spec: Value) {
    let assignment = compiled(spec);
    assert_eq!((assignment.review, assignment.deadlines, assignment.next_change), (Review::Missing, vec![], None));
}

// Agreements

/// Agreements that end this many days ahead: in force or not, deadline or not.
#[rstest]
#[case::more_than_a_month_ahead(31, true, None)]
#[case::a_month_ahead(30, true, Some(false))]
#[case::on_its_last_day(0, true, Some(false))]
#[case::the_day_after(-1, false, Some(true))]
fn an_agreement_is_in_force_through_its_last_day(#[case] ahead: i32, #[case] holds: bool, #[case] noted: Option<bool>) {
    let agreement = json!({ "uri": "https://contracts.example.com/42", "validUntil": day(ahead) });
    let assignment =
        compiled(json!({ "duties": [{ "layers": ["node-os"], "customer": "msp", "agreement": agreement }] }));
    let expected = if holds { AgreementCover::Entry } else { AgreementCover::Missing };
    assert_eq!(customer_claim(&assignment, "node-os").agreement, expected);
    let deadlines: Vec<Deadline> = noted.map(|passed| near(Agreement, "msp", ahead, passed)).into_iter().collect();
    assert_eq!(assignment.deadlines, deadlines);
}

#[test]
fn an_agreement_without_an_end_is_always_in_force_and_one_whose_end_cannot_be_read_never() {
    let until = |valid_until: Option<&str>| {
        let agreement = json!({ "uri": "https://contracts.example.com/42", "validUntil": valid_until });
        let entry = json!({ "layers": ["node-os"], "customer": "msp", "agreement": agreement });
        let assignment = compiled(json!({ "duties": [entry] }));
        (customer_claim(&assignment, "node-os").agreement, assignment.deadlines, assignment.next_change)
    };
    assert_eq!(until(None), (AgreementCover::Entry, vec![], None));
    assert_eq!(until(Some("soon")), (AgreementCover::Missing, vec![], None));
}

#[test]
fn an_agreement_that_lists_a_layer_covers_more_than_one_that_stands_beside_it() {
    let entry =
        |layers: &[&str], agreement: &Value| json!({ "layers": layers, "customer": "msp", "agreement": agreement });
    let uri = "https://contracts.example.com/42";
    let assignment = compiled(json!({ "duties": [
        entry(&["node-os", "backup-recovery"], &json!({ "uri": uri })),
        entry(&["cloud-network"], &json!({ "uri": uri, "layers": ["backup-recovery", "cloud-network"] })),
        entry(&["control-plane"], &json!({ "uri": uri, "layers": ["cloud-network"], "validUntil": day(-1) })),
    ] }));
    let cover = |name| customer_claim(&assignment, name).agreement;
    assert_eq!(cover("node-os"), AgreementCover::Entry);
    assert_eq!(cover("backup-recovery"), AgreementCover::Listed);
    assert_eq!(cover("cloud-network"), AgreementCover::Listed);
    assert_eq!(cover("control-plane"), AgreementCover::Missing);
}

// Evidence

fn evidence_of(evidence: &Value) -> Assignment {
    compiled(json!({ "parties": [{ "name": "aws", "role": "Provider", "evidence": evidence }] }))
}

fn certificate(until: &str) -> Value {
    json!({ "type": "ISO27001", "validUntil": until })
}

/// Certificates that end this many days ahead: ended or not, deadline or not.
#[rstest]
#[case::more_than_a_month_ahead(31, false, None)]
#[case::a_month_ahead(30, false, Some(false))]
#[case::on_its_last_day(0, false, Some(false))]
#[case::the_day_after(-1, true, Some(true))]
fn a_certificate_shows_something_through_its_last_day(
    #[case] ahead: i32,
    #[case] ended: bool,
    #[case] noted: Option<bool>,
) {
    let assignment = evidence_of(&json!([certificate(&day(ahead))]));
    assert_eq!(*assignment.parties["aws"].evidence, [EvidenceFacts { layers: None, ended }]);
    let deadlines: Vec<Deadline> = noted.map(|passed| near(Evidence, "aws", ahead, passed)).into_iter().collect();
    assert_eq!(assignment.deadlines, deadlines);
}

/// Twelve calendar months, independent of their days.
#[rstest]
#[case::a_year_ago_today("2025-11-24", "2026-11-24", false)]
#[case::a_year_ago_yesterday("2025-11-23", "2026-11-23", true)]
#[case::a_short_february("2025-02-28", "2026-02-28", true)]
#[case::a_leap_day("2024-02-29", "2025-02-28", true)]
#[case::a_month_to_go("2025-12-24", "2026-12-24", false)]
fn an_audited_period_shows_something_for_twelve_months_more(
    #[case] end: &str,
    #[case] last: &str,
    #[case] ended: bool,
) {
    let assignment = evidence_of(&json!([{ "type": "SOC2TypeII", "periodEnd": end }]));
    assert_eq!(*assignment.parties["aws"].evidence, [EvidenceFacts { layers: None, ended }]);
    let expected = Deadline { date: last.parse().unwrap(), kind: Evidence, subject: "aws".into(), passed: ended };
    assert_eq!(assignment.deadlines, [expected]);
}

#[test]
fn evidence_is_of_the_layers_it_names_and_one_without_a_day_shows_nothing() {
    let evidence = json!([
        { "type": "SOC2TypeII", "validUntil": day(100), "layers": ["node-os", "example.com/unheard-of"] },
        { "type": "SOC2TypeII", "validUntil": "tomorrow" },
    ]);
    let assignment = evidence_of(&evidence);
    let expected = [
        EvidenceFacts { layers: Some(layers(&["node-os"])), ended: false },
        EvidenceFacts { layers: None, ended: true },
    ];
    assert_eq!(*assignment.parties["aws"].evidence, expected);
    assert!(expected[0].covers(layer("node-os")) && !expected[0].covers(layer("cloud-network")));
    assert!(expected[1].covers(layer("cloud-network")));
    assert_eq!(assignment.unknown_layers, ["example.com/unheard-of"]);
}

/// Evidence that ends, and later evidence: does the first end without a deadline?
#[rstest]
#[case::of_the_same(Some(&["node-os"][..]), Some(&["node-os"][..]), true)]
#[case::of_more(Some(&["node-os"][..]), Some(&["node-os", "cloud-network"][..]), true)]
#[case::of_all(Some(&["node-os"][..]), None, true)]
#[case::both_of_all(None, None, true)]
#[case::of_others(Some(&["node-os"][..]), Some(&["cloud-network"][..]), false)]
#[case::of_less(Some(&["node-os", "cloud-network"][..]), Some(&["node-os"][..]), false)]
#[case::of_some_where_the_first_was_of_all(None, Some(&["node-os"][..]), false)]
fn evidence_that_is_renewed_ends_without_a_word(
    #[case] first: Option<&[&str]>,
    #[case] second: Option<&[&str]>,
    #[case] renewed: bool,
) {
    for ahead in [0, -1] {
        let one =
            |layers: Option<&[&str]>, until: i32| json!({ "type": "X", "validUntil": day(until), "layers": layers });
        let (old, new) = (one(first, ahead), one(second, 100));
        for evidence in [json!([old, new]), json!([new, old])] {
            let assignment = evidence_of(&evidence);
            assert_eq!(assignment.deadlines.is_empty(), renewed, "{ahead}");
            let ended = assignment.parties["aws"].evidence.iter().filter(|evidence| evidence.ended).count();
            assert_eq!(ended, usize::from(ahead < 0), "it ends all the same");
        }
    }
}

#[test]
fn evidence_of_another_party_renews_nothing() {
    let party =
        |name: &str, until: i32| json!({ "name": name, "role": "Provider", "evidence": [certificate(&day(until))] });
    let assignment = compiled(json!({ "parties": [party("aws", 0), party("gcp", 100)] }));
    assert_eq!(assignment.deadlines, [near(Evidence, "aws", 0, false)]);
}

// Exceptions

fn exception(layer: &str, until: &str) -> Value {
    json!({ "exceptions": [{ "layer": layer, "reason": "a cache", "approvedBy": "cto", "until": until }] })
}

/// Exceptions that end this many days ahead: state, and deadline or not.
#[rstest]
#[case::too_far(401, ExceptionState::Refused(Refusal::TooFar), None)]
#[case::just_not_too_far(400, ExceptionState::Valid, None)]
#[case::more_than_a_month_ahead(31, ExceptionState::Valid, None)]
#[case::a_month_ahead(30, ExceptionState::Valid, Some(false))]
#[case::on_its_last_day(0, ExceptionState::Valid, Some(false))]
#[case::the_day_after(-1, ExceptionState::Expired(days_after(TODAY, -1)), Some(true))]
fn an_exception_holds_through_its_last_day_at_most_400_days_ahead(
    #[case] ahead: i32,
    #[case] state: ExceptionState,
    #[case] noted: Option<bool>,
) {
    let assignment = compiled(exception("backup-recovery", &day(ahead)));
    assert_eq!(assignment.exceptions.into_iter().collect::<Vec<_>>(), [(layer("backup-recovery"), state)]);
    let deadlines: Vec<Deadline> =
        noted.map(|passed| near(Exception, "backup-recovery", ahead, passed)).into_iter().collect();
    assert_eq!(assignment.deadlines, deadlines);
}

#[test]
fn an_exception_without_a_day_that_can_be_read_is_refused() {
    let assignment = compiled(exception("backup-recovery", "some day"));
    assert_eq!(assignment.exceptions[&layer("backup-recovery")], ExceptionState::Refused(Refusal::TooFar));
    assert_eq!((assignment.deadlines, assignment.next_change), (vec![], None));
}

/// Namespaced assignments: refused for inherent layers, data-protection, secrets-and-keys and platform layers. Cluster
/// assignments: refused for retained layers.
#[test]
fn exceptions_are_refused_by_kind_of_assignment_and_layer() {
    const IN_NAMESPACE: [&str; 5] =
        ["user-accounts", "client-devices", "network-exposure", "backup-recovery", "external-services"];
    let mut allowed = [String::new(), String::new()];
    for (id, of) in Matrix::built_in().layers() {
        for (namespace, allowed) in [Some("shop"), None].into_iter().zip(&mut allowed) {
            let assignment = compiled_on(TODAY, namespace, exception(&of.name, &day(10)));
            match assignment.exceptions[&id] {
                ExceptionState::Valid => writeln!(allowed, "{}", of.name).unwrap(),
                state => {
                    assert_eq!(state, ExceptionState::Refused(Refusal::Layer), "{}", of.name);
                    assert_eq!((assignment.deadlines, assignment.next_change), (vec![], None), "nothing ends");
                }
            }
        }
    }
    let [in_namespace, in_cluster] = allowed;
    assert_eq!(in_namespace.lines().collect::<Vec<_>>(), IN_NAMESPACE);
    let not_retained = Matrix::built_in().layers().filter(|(_, layer)| !layer.retained);
    assert_eq!(
        in_cluster.lines().collect::<Vec<_>>(),
        not_retained.map(|(_, layer)| layer.name.as_str()).collect::<Vec<_>>()
    );
    for name in IN_NAMESPACE {
        let layer = Matrix::built_in().layer(layer(name));
        assert!(layer.presence != Presence::Inherent && layer.concern == Audience::Workload, "{name}");
    }
}

#[test]
fn deadlines_are_in_order_of_their_days() {
    let mut spec = exception("backup-recovery", &day(3));
    spec["review"] = json!({ "lastAt": day(1 - 365) });
    spec["parties"] =
        json!([{ "name": "aws", "role": "Provider", "evidence": [certificate(&day(2)), certificate(&day(-5))] }]);
    let kinds: Vec<_> = compiled(spec).deadlines.into_iter().map(|deadline| (deadline.kind, deadline.passed)).collect();
    // The older certificate is renewed.
    assert_eq!(kinds, [(DeadlineKind::Review, false), (Evidence, false), (Exception, false)]);
}

// Next change

#[rstest]
#[case::the_notice_of_a_review(json!({ "review": { "lastAt": day(-300) } }), 35)]
#[case::the_end_of_a_grace(json!({ "review": { "lastAt": day(-350) } }), 46)]
#[case::the_notice_of_evidence(json!({ "parties": [{ "name": "a", "role": "Provider", "evidence": [certificate(&day(90))] }] }), 60)]
#[case::the_end_of_an_exception(exception("backup-recovery", &day(7)), 8)]
#[case::an_exception_that_will_hold(exception("backup-recovery", &day(405)), 5)]
fn the_next_change_is_the_first_day_on_which_something_is_different(#[case] spec: Value, #[case] days: i32) {
    assert_eq!(compiled(spec).next_change, Some(days_after(TODAY, days)));
}

/// Dates with no change or several changes in the tested days.
fn specs() -> impl Strategy<Value = Value> {
    let ahead = || -40..60_i32;
    let layer = || select(vec!["backup-recovery", "network-exposure", "node-os"]);
    let evidence = (ahead(), any::<bool>(), proptest::option::of(layer())).prop_map(|(ahead, period, layer)| {
        let layers = layer.map(|layer| [layer]);
        if period {
            let end = days_after(TODAY, ahead).saturating_sub(jiff::Span::new().months(12)).to_string();
            return json!({ "type": "X", "periodEnd": end, "layers": layers });
        }
        json!({ "type": "X", "validUntil": day(ahead), "layers": layers })
    });
    let agreement = (layer(), ahead()).prop_map(|(layer, until)| {
        let agreement = json!({ "uri": "https://contracts.example.com/42", "validUntil": day(until) });
        json!({ "layers": [layer], "provider": "msp", "customer": "msp", "agreement": agreement })
    });
    let exception = prop_oneof![ahead(), 395..460_i32];
    let review = (ahead(), 0..40_i32)
        .prop_map(|(due, grace)| json!({ "lastAt": day(due - 60), "everyDays": 60, "graceDays": grace }));
    (
        proptest::collection::vec(evidence, 0..4),
        proptest::collection::vec(agreement, 0..3),
        proptest::option::of((layer(), exception)),
        proptest::option::of(review),
    )
        .prop_map(|(evidence, duties, excepted, review)| {
            let mut spec = excepted.map_or_else(|| json!({}), |(layer, until)| self::exception(layer, &day(until)));
            spec["parties"] = json!([{ "name": "msp", "role": "ThirdParty", "evidence": evidence }]);
            spec["duties"] = json!(duties);
            spec["review"] = review.into();
            spec
        })
}

proptest! {
    #![proptest_config(crate::model::testing::tried())]

    /// The operator compiles an assignment again only on the day of its next change, so that day must be exact.
    #[test]
    fn an_assignment_says_the_same_until_its_next_change_and_something_else_then(
        spec in specs(),
        namespace in select(vec![Some("shop"), None]),
    ) {
        const DAYS: i32 = 70;
        let spec = serde_json::from_value(spec).unwrap();
        let days: Vec<Assignment> =
            (0..DAYS).map(|ahead| compile(Matrix::built_in(), days_after(TODAY, ahead - 10), id(namespace), &spec)).collect();
        let without_next = |assignment: &Assignment| Assignment { next_change: None, ..assignment.clone() };
        for (today, tomorrow) in days.iter().zip(&days[1..]) {
            let at = days.iter().position(|day| std::ptr::eq(day, tomorrow)).unwrap();
            let date = days_after(TODAY, i32::try_from(at).unwrap() - 10);
            prop_assert!(today.next_change.is_none_or(|next| next >= date), "{} is over", date);
            let differs = without_next(today) != without_next(tomorrow);
            prop_assert_eq!(differs, today.next_change == Some(date), "on {}", date);
            prop_assert!(differs || today.next_change == tomorrow.next_change, "on {}", date);
        }
    }
}

#[test]
fn duties_of_both_halves_end_with_their_agreement() {
    let agreement = json!({ "uri": "https://contracts.example.com/42", "validUntil": day(-1) });
    let entry = json!({ "layers": ["node-os"], "provider": "msp", "customer": "isp", "agreement": agreement });
    let assignment = compiled(json!({ "duties": [entry] }));
    assert!(assignment.claims.iter().all(|claim| claim.agreement == AgreementCover::Missing));
    assert_eq!(assignment.claims_about(layer("node-os"), Duty::Provider).count(), 1, "the claim is made all the same");
    assert_eq!(assignment.deadlines, [near(Agreement, "isp", -1, true), near(Agreement, "msp", -1, true)]);
}
