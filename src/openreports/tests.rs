//! Tests of the results of a namespace, their Reports and the writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use rstest::rstest;

use super::report::{Report, ReportResult, ResultStatus, Severity};
use super::{PublishedReports, REJOIN, RESULT_ID, ROUND, ReportWrite, build_reports, report_writes};
use crate::api::{Fulfilment, GapReason};
use crate::facts::published_report::{CONCERN, MAX_SPLITS, OWNER, RESULTS, is_report_name};
use crate::facts::{AssignmentId, ObjectIdentity, PublishedReport, WorkloadKey, WorkloadKind};
use crate::inventory::{ReportableNamespace, ReportableWorkload};
use crate::matrix::{Duty, LayerId, Matrix};
use crate::model::testing::tried;
use crate::model::{
    Attribution, Catalogue, DutyState, Evaluation, Reach, SignalId, SignalResult, SignalText, SignalVerdict, State,
};

/// The maximum size of a Report in bytes. etcd accepts 1.5 MiB, and other tools keep lists of Reports in memory.
const SIZE_LIMIT: usize = 512 * 1024;

fn layer(name: &str) -> LayerId {
    Matrix::built_in().find(name).unwrap()
}

/// A catalogue with one signal for network-segmentation.
fn catalogue() -> (Catalogue, SignalId) {
    let mut catalogue = Catalogue::new();
    let signal = catalogue.add(signal_text());
    (catalogue, signal)
}

fn signal_text() -> SignalText {
    SignalText {
        signal: "network-policy".into(),
        layer: Some("network-segmentation".into()),
        attribution: Attribution::Customer,
        reach: Reach::Duty,
        passed: "NetworkPolicies restrict ingress to its pods".into(),
        failed: "no NetworkPolicy restricts ingress to its pods".into(),
        unseen: "nothing is there".into(),
        remedy: "add a NetworkPolicy".into(),
    }
}

fn gap(name: &str, reason: GapReason) -> DutyState {
    DutyState::new(layer(name), Duty::Customer, State::Gap(reason), None)
}

fn evaluation(duties: Vec<DutyState>) -> Arc<Evaluation> {
    Arc::new(Evaluation { duties, ..Evaluation::default() })
}

/// A workload with its evaluation.
#[derive(Clone, Debug)]
struct Stored {
    key: WorkloadKey,
    identity: ObjectIdentity,
    evaluation: Arc<Evaluation>,
    assignment: AssignmentId,
    owner: Option<String>,
}

impl Stored {
    fn new(name: &str, evaluation: Arc<Evaluation>) -> Self {
        Self {
            key: WorkloadKey { namespace: "shop".into(), kind: WorkloadKind::Deployment, name: name.into() },
            identity: ObjectIdentity { uid: format!("uid-{name}").into(), version: "v1".into(), created: 0 },
            evaluation,
            assignment: AssignmentId { namespace: Some("shop".into()), name: "team".into() },
            owner: Some("shop-team".to_owned()),
        }
    }

    fn reported(&self) -> ReportableWorkload<'_> {
        let Self { key, identity, evaluation, assignment, owner } = self;
        ReportableWorkload { key, identity, evaluation, assignment, owner: owner.as_deref() }
    }
}

fn reported(stored: &[Stored]) -> ReportableNamespace<'_> {
    ReportableNamespace {
        namespace: "shop",
        workloads: stored.iter().map(Stored::reported).collect(),
        ..ReportableNamespace::default()
    }
}

fn reports_beside(reported: &ReportableNamespace<'_>, known: &PublishedReports) -> Vec<Report> {
    build_reports(Matrix::built_in(), &catalogue().0, reported, known)
}

fn build(reported: &ReportableNamespace<'_>) -> Vec<Report> {
    reports_beside(reported, &PublishedReports::default())
}

fn reports_of(stored: &[Stored]) -> Vec<Report> {
    build(&reported(stored))
}

fn label<'a>(report: &'a Report, label: &str) -> Option<&'a str> {
    report.metadata.labels.as_ref()?.get(label).map(String::as_str)
}

fn id(result: &ReportResult) -> &str {
    &result.properties[RESULT_ID]
}

/// The state after Reports were written with this resource version.
fn known(reports: &[Report], version: &str) -> PublishedReports {
    let mut own = PublishedReports::default();
    for report in reports {
        own.insert(report.name().to_owned(), PublishedReport::written(report, version.to_owned()));
    }
    own
}

/// Returns the Reports that are applied at `now`, and a log of all writes.
fn written(wanted: Vec<Report>, known: &PublishedReports, now: i64) -> (Vec<Report>, Vec<String>) {
    let (mut applied, mut log) = (Vec::new(), Vec::new());
    for change in report_writes(wanted, known, now) {
        match change {
            ReportWrite::Delete { name, resource_version } => log.push(format!("delete {name} at {resource_version}")),
            ReportWrite::Apply { report, .. } => {
                log.push(format!("apply {}", report.name()));
                applied.push(*report);
            }
        }
    }
    (applied, log)
}

#[test]
fn a_gap_is_a_failure_in_the_words_of_the_status() {
    let stored = Stored::new("web", evaluation(vec![gap("node-os", GapReason::LayerUnowned)]));
    let [report] = &reports_of(&[stored])[..] else { panic!("one Report") };
    let [result] = &report.results[..] else { panic!("one result") };
    assert_eq!((result.policy.as_str(), result.rule.as_str()), ("node-os", "LayerUnowned"));
    assert_eq!((result.result, result.severity, result.scored), (ResultStatus::Fail, Severity::Medium, true));
    assert!(
        result.message.starts_with("This duty has no owner. Add an entry to spec.duties with customer: PARTY. Duty: "),
        "{}",
        result.message
    );
    let [about] = &result.resources;
    assert_eq!((about.api_version.as_deref(), about.uid.as_deref()), (Some("apps/v1"), Some("uid-web")));
    assert_eq!(result.properties["assignment"], "ResponsibilityAssignment/team");
    assert_eq!((&*result.properties["owner"], result.properties.get("party")), ("shop-team", None));
    assert_eq!((report.summary.fail, report.summary.warn, report.summary.pass), (1, 0, 0));
    assert_eq!((label(report, OWNER), label(report, CONCERN)), (Some("shop-team"), Some("workload")));
}

#[test]
fn a_report_has_no_hidden_characters() {
    let stored = Stored {
        owner: Some("shop\u{202e}team".to_owned()),
        ..Stored::new("web\u{1b}[2J", evaluation(vec![gap("node-os", GapReason::LayerUnowned)]))
    };
    let [report] = &reports_of(&[stored])[..] else { panic!("one Report") };
    let [result] = &report.results[..] else { panic!("one result") };
    assert_eq!(result.properties["owner"], "shop\u{fffd}team");
    assert_eq!(result.resources[0].name.as_deref(), Some("web\u{fffd}[2J"));
}

#[rstest]
#[case::failed(SignalVerdict::Failed, Fulfilment::Unfulfilled, Some((ResultStatus::Fail, Severity::Medium)))]
#[case::too_old(SignalVerdict::Stale, Fulfilment::Stale, Some((ResultStatus::Warn, Severity::Low)))]
#[case::too_old_beside_a_failure(SignalVerdict::Stale, Fulfilment::Unfulfilled, None)]
#[case::passed(SignalVerdict::Passed, Fulfilment::Fulfilled, None)]
#[case::nothing_seen(SignalVerdict::Unseen, Fulfilment::Unknown, None)]
#[case::cannot_be_read(SignalVerdict::Unreadable, Fulfilment::Unknown, None)]
fn what_a_signal_shows_is_reported_where_it_is_wrong(
    #[case] verdict: SignalVerdict,
    #[case] fulfilment: Fulfilment,
    #[case] expected: Option<(ResultStatus, Severity)>,
) {
    let (layer, signal) = (layer("network-segmentation"), catalogue().1);
    let held = DutyState::new(layer, Duty::Customer, State::Owned, None);
    let duty = DutyState { holder: Some("net-team".into()), fulfilment, ..held };
    let result = SignalResult { layer, duty: Duty::Customer, signal, verdict, detail: None };
    // Two results of one signal are one failure.
    let results = vec![result.clone(), SignalResult { detail: Some("another".into()), ..result }];
    let evaluation = Arc::new(Evaluation { duties: vec![duty], results, ..Evaluation::default() });
    let reports = reports_of(&[Stored::new("web", evaluation)]);
    let results: Vec<&ReportResult> = reports.iter().flat_map(|report| &report.results).collect();
    assert_eq!(
        results.iter().map(|result| (result.result, result.severity)).collect::<Vec<_>>(),
        Vec::from_iter(expected)
    );
    for result in results {
        assert_eq!((result.rule.as_str(), result.category), ("network-policy", "Fulfilment"));
        assert_eq!((&*result.properties["party"], &*result.properties["signal"]), ("net-team", "network-policy"));
        assert!(result.message.ends_with("; add a NetworkPolicy"), "{}", result.message);
    }
}

#[rstest]
#[case::nobody(State::Gap(GapReason::LayerUnowned), Some("Unowned"))]
#[case::invalid(State::Gap(GapReason::UnknownParty), Some("Invalid"))]
#[case::several(State::Gap(GapReason::OverlappingAssignments), Some("Conflicted"))]
#[case::lapsed(State::Gap(GapReason::ReviewLapsed), Some("Lapsed"))]
#[case::held(State::Owned, None)]
#[case::assumed(State::Assumed, None)]
#[case::excepted(State::Excepted, None)]
#[case::unknown(State::Unknown, None)]
fn only_gaps_are_failures(#[case] state: State, #[case] expected: Option<&str>) {
    // The customer stays accountable for this layer even if another party does the work.
    let duty = DutyState::new(layer("data-classification"), Duty::Customer, state, Some("someone".into()));
    let reports = reports_of(&[Stored::new("web", evaluation(vec![duty]))]);
    let results: Vec<&ReportResult> = reports.iter().flat_map(|report| &report.results).collect();
    assert_eq!(results.iter().map(|result| &*result.properties["state"]).collect::<Vec<_>>(), Vec::from_iter(expected));
    for result in results {
        assert_eq!((result.severity, &*result.properties["party"]), (Severity::High, "someone"));
    }
}

#[test]
fn what_is_told_to_cluster_assignments_is_reported_once_and_apart() {
    let found =
        evaluation(vec![gap("application-code", GapReason::LayerUnowned), gap("node-os", GapReason::LayerUnowned)]);
    let stored: Vec<Stored> = ["web", "api"].iter().map(|name| Stored::new(name, found.clone())).collect();
    let uid: Arc<str> = "uid-shop".into();
    let of =
        |platform_elsewhere| build(&ReportableNamespace { platform_elsewhere, uid: Some(&uid), ..reported(&stored) });
    assert_eq!(of(false)[0].results.len(), 4);
    let [of_workloads, of_platform] = &of(true)[..] else { panic!("two Reports") };
    assert_eq!(of_platform.name(), "responsibility-operator-platform");
    assert_eq!((label(of_platform, OWNER), label(of_platform, CONCERN)), (None, Some("platform")));
    assert_eq!(of_workloads.results.len(), 2);
    let [result] = &of_platform.results[..] else { panic!("once for both workloads") };
    let [about] = &result.resources;
    assert_eq!((about.kind.as_deref(), about.uid.as_deref()), (Some("Namespace"), Some("uid-shop")));
    assert_eq!(about.namespace.as_deref(), Some("shop"), "where readers look for it");
}

#[test]
fn what_differs_between_workloads_of_a_platform_layer_is_told_each() {
    let refused = |party: &str| {
        let gap = State::Gap(GapReason::NotAccepted);
        evaluation(vec![DutyState::new(layer("node-os"), Duty::Provider, gap, Some(party.into()))])
    };
    let stored =
        [Stored::new("api", refused("aws")), Stored::new("web", refused("gcp")), Stored::new("db", refused("aws"))];
    let reports = build(&ReportableNamespace { platform_elsewhere: true, ..reported(&stored) });
    let [report] = &reports[..] else { panic!("one Report") };
    let parties: Vec<&str> = report.results.iter().map(|result| result.properties["party"].as_str()).collect();
    assert_eq!(parties, ["aws", "gcp"]);
    assert_ne!(id(&report.results[0]), id(&report.results[1]));
}

/// A workload with one result of the signal in the catalogue.
fn with_result(verdict: SignalVerdict, fulfilment: Fulfilment) -> Vec<Stored> {
    let (layer, signal) = (layer("network-segmentation"), catalogue().1);
    let held = DutyState::new(layer, Duty::Customer, State::Owned, None);
    let duty = DutyState { holder: Some("net-team".into()), fulfilment, ..held };
    let results = vec![SignalResult { layer, duty: Duty::Customer, signal, verdict, detail: None }];
    vec![Stored::new("web", Arc::new(Evaluation { duties: vec![duty], results, ..Evaluation::default() }))]
}

/// The status, the ID and the time of the only result.
fn only(reports: &[Report]) -> (ResultStatus, String, i64) {
    let [report] = reports else { panic!("one Report: {reports:?}") };
    let [result] = &report.results[..] else { panic!("one result: {report:?}") };
    (result.result, id(result).to_owned(), result.timestamp.unwrap().seconds)
}

#[test]
fn what_was_wrong_and_can_be_seen_no_more_stays_as_an_error_and_what_comes_out_otherwise_is_another_result() {
    let hidden = with_result(SignalVerdict::Unreadable, Fulfilment::Unknown);
    assert_eq!(reports_of(&hidden), [], "it was not wrong before");
    let written = |stored: &[Stored], known: &PublishedReports, now| {
        written(reports_beside(&reported(stored), known), known, now).0
    };
    let first = written(&with_result(SignalVerdict::Stale, Fulfilment::Stale), &PublishedReports::default(), 100);
    let stale = only(&first);
    let second = written(&with_result(SignalVerdict::Failed, Fulfilment::Unfulfilled), &known(&first, "1"), 200);
    let failed = only(&second);
    assert_eq!([stale.0, failed.0], [ResultStatus::Warn, ResultStatus::Fail]);
    assert_ne!(stale.1, failed.1);
    let third = written(&hidden, &known(&second, "2"), 300);
    let error = only(&third);
    assert_eq!((third[0].summary.error, third[0].summary.fail, third[0].results[0].scored), (1, 0, false));
    assert!(third[0].results[0].message.ends_with("its source cannot be read"), "{:?}", third[0].results[0].message);
    assert!(error.0 == ResultStatus::Error && error.1 != failed.1 && error.1 != stale.1);
    let known = known(&third, "3");
    assert_eq!(reports_beside(&reported(&hidden), &known).len(), 1, "it stays, also after a restart");
    let back = only(&written(&with_result(SignalVerdict::Failed, Fulfilment::Unfulfilled), &known, 400));
    assert_eq!(back.1, failed.1);
    assert_eq!([stale.2, failed.2, error.2, back.2], [100; 4], "it was found once");
    assert_eq!(reports_beside(&reported(&with_result(SignalVerdict::Passed, Fulfilment::Fulfilled)), &known), []);
    assert_eq!(
        reports_beside(&reported(&with_result(SignalVerdict::Unseen, Fulfilment::Unknown)), &known),
        [],
        "it is gone"
    );
}

#[test]
fn an_error_says_why_and_is_none_where_the_same_is_wrong_for_another_workload() {
    let platform = layer("node-os");
    let mut catalogue = Catalogue::new();
    let signal = catalogue.add(SignalText { layer: Some("node-os".into()), ..signal_text() });
    let of = |verdict: SignalVerdict, fulfilment: Fulfilment, seen: Option<&str>| {
        let held = DutyState::new(platform, Duty::Customer, State::Owned, None);
        let duty = DutyState { holder: Some("platform".into()), fulfilment, ..held };
        let result =
            SignalResult { layer: platform, duty: Duty::Customer, signal, verdict, detail: seen.map(Into::into) };
        Arc::new(Evaluation { duties: vec![duty], results: vec![result], ..Evaluation::default() })
    };
    let hidden =
        || Stored::new("api", of(SignalVerdict::Unreadable, Fulfilment::Unknown, Some("status.phase is missing")));
    let failed = Stored::new("web", of(SignalVerdict::Failed, Fulfilment::Unfulfilled, None));
    let build = |stored: &[Stored], known: &PublishedReports| {
        let reported = ReportableNamespace { platform_elsewhere: true, ..reported(stored) };
        build_reports(Matrix::built_in(), &catalogue, &reported, known)
    };
    let both = [failed, hidden()];
    let first = build(&both, &PublishedReports::default());
    assert_eq!(first[0].results.iter().map(|result| result.result).collect::<Vec<_>>(), [ResultStatus::Fail]);
    let known = known(&written(first.clone(), &PublishedReports::default(), 100).0, "1");
    assert_eq!(build(&both, &known), first, "the failure covers it already");
    let alone = build(&[hidden()], &known);
    let message =
        "no NetworkPolicy restricts ingress to its pods; the current state is unknown: status.phase is missing";
    assert_eq!(alone[0].results[0].message, message);
}

#[test]
fn times_are_of_what_is_to_be_reported_only() {
    let of = |count: usize| {
        let layers = ["node-os", "cloud-network"];
        let gaps = layers[..count].iter().map(|name| gap(name, GapReason::LayerUnowned)).collect();
        reports_of(&[Stored::new("web", evaluation(gaps))])
    };
    let mut own = known(&written(of(2), &PublishedReports::default(), 100).0, "1");
    let ids: Vec<u64> = of(2)[0].results.iter().map(|result| result.ids[0]).collect();
    assert!(own.remove("responsibility-operator"));
    own.keep_times_of(&of(1));
    let mut times: Vec<Option<i64>> = ids.iter().map(|id| own.since(*id)).collect();
    times.sort();
    assert_eq!(times, [None, Some(100)], "one is mended");
}

#[rstest]
#[case::one("responsibility-operator", true)]
#[case::of_the_platform("responsibility-operator-platform", true)]
#[case::half("responsibility-operator-0", true)]
#[case::half_of_a_half("responsibility-operator-0110", true)]
#[case::too_deep("responsibility-operator-01101", false)]
#[case::another("responsibility-operator-2", false)]
#[case::longer("responsibility-operators", false)]
#[case::nothing_behind("responsibility-operator-", false)]
#[case::without_dash("responsibility-operator01", false)]
#[case::of_others("kyverno-0", false)]
fn own_names_are_known(#[case] name: &str, #[case] expected: bool) {
    assert_eq!(is_report_name(name), expected);
}

#[test]
fn a_round_is_bounded_however_many_reports_somebody_makes() {
    let mut many = PublishedReports::default();
    for number in 0..1000 {
        many.insert(format!("mine-{number}"), PublishedReport::default());
    }
    assert_eq!(report_writes(vec![], &many, 1).len(), ROUND);
}

#[test]
fn a_namespace_of_which_nobody_speaks_is_no_clean_one() {
    assert_eq!(reports_of(&[]), []);
    let [report] = &build(&ReportableNamespace { is_unassigned: true, ..reported(&[]) })[..] else {
        panic!("one Report")
    };
    assert_eq!((report.summary.warn, report.results[0].rule.as_str()), (1, "NamespaceUnassigned"));
}

#[test]
fn a_report_has_an_owner_where_it_is_one_and_can_be_a_label() {
    let found = evaluation(vec![gap("node-os", GapReason::LayerUnowned)]);
    let owner = |owners: &[Option<&str>]| {
        let stored = |(index, owner): (usize, Option<&str>)| Stored {
            owner: owner.map(str::to_owned),
            ..Stored::new(&index.to_string(), found.clone())
        };
        let stored: Vec<Stored> = owners.iter().copied().enumerate().map(stored).collect();
        label(&reports_of(&stored)[0], OWNER).map(str::to_owned)
    };
    assert_eq!(owner(&[Some("a"), Some("a")]).as_deref(), Some("a"));
    assert_eq!(owner(&[Some("a"), Some("b")]), None);
    assert_eq!(owner(&[Some("a"), None]), None);
    assert_eq!(owner(&[Some("The team of Ann")]), None);
}

#[test]
fn what_has_generated_names_is_the_same_whichever_object_is_the_last() {
    let found = evaluation(vec![gap("node-os", GapReason::LayerUnowned)]);
    let run = |name: &str, uid: &str| {
        let stored = Stored::new(name, found.clone());
        let identity = ObjectIdentity { uid: uid.into(), ..stored.identity };
        reports_of(&[Stored { identity, ..stored }])
    };
    assert_eq!(run("etl-*", "1"), run("etl-*", "2"));
    assert_ne!(
        id(&run("etl", "1")[0].results[0]),
        id(&run("etl", "2")[0].results[0]),
        "another object, another result"
    );
}

#[test]
fn nothing_is_written_that_is_there_and_a_result_keeps_its_time() {
    let both = vec![gap("node-os", GapReason::LayerUnowned), gap("cloud-network", GapReason::LayerUnowned)];
    let one = || reports_of(&[Stored::new("web", evaluation(both[..1].to_vec()))]);
    let (first, log) = written(one(), &PublishedReports::default(), 100);
    assert_eq!(log, ["apply responsibility-operator"]);
    let there = known(&first, "7");
    assert_eq!(written(one(), &there, 200).1, [""; 0], "the time alone is no change");
    let (second, log) = written(reports_of(&[Stored::new("web", evaluation(both.clone()))]), &there, 200);
    assert_eq!(log, ["apply responsibility-operator"]);
    let times = |report: &Report| -> BTreeMap<String, i64> {
        report.results.iter().map(|result| (result.policy.clone(), result.timestamp.unwrap().seconds)).collect()
    };
    let expected = BTreeMap::from([("node-os".to_owned(), 100), ("cloud-network".to_owned(), 200)]);
    assert_eq!(times(&second[0]), expected);
    let mut doubted = known(&second, "9");
    doubted
        .insert("responsibility-operator".to_owned(), PublishedReport { digest: None, ..PublishedReport::default() });
    assert_eq!(written(one(), &doubted, 300).1, ["apply responsibility-operator"]);
    let mut relabelled = known(&first, "9");
    let of_nobody =
        PublishedReport { labels: BTreeMap::new(), ..relabelled.get("responsibility-operator").unwrap().clone() };
    relabelled.insert("responsibility-operator".to_owned(), of_nobody);
    assert_eq!(written(one(), &relabelled, 300).1, ["apply responsibility-operator"]);
    assert_eq!(written(vec![], &there, 300).1, ["delete responsibility-operator at 7"]);
}

/// `count` workloads, each with a gap in every layer.
fn crowd(count: usize) -> Vec<Stored> {
    let layers = Matrix::built_in().layers();
    let gaps = layers.map(|(id, _)| DutyState::new(id, Duty::Customer, State::Gap(GapReason::LayerUnowned), None));
    let found = evaluation(gaps.collect());
    (0..count).map(|number| Stored::new(&format!("app-{number}"), found.clone())).collect()
}

#[test]
fn the_largest_namespace_has_a_bounded_set_that_says_what_it_leaves_out() {
    let reports = reports_of(&crowd(5_000));
    assert_eq!(reports.len(), 1 << MAX_SPLITS);
    let mut counted = 0;
    for report in &reports {
        assert_eq!(report.results.len(), RESULTS);
        assert!(serde_json::to_vec(report).unwrap().len() < SIZE_LIMIT);
        let (last, others) = report.results.split_last().unwrap();
        assert_eq!(
            (last.rule.as_str(), last.severity, last.result),
            ("ResultsLeftOut", Severity::Info, ResultStatus::Warn)
        );
        assert!(others.iter().all(|result| result.severity == Severity::High), "the most severe are reported");
        counted += others.len() + last.properties["leftOut"].parse::<usize>().unwrap();
    }
    assert_eq!(counted, 5_000 * 22);
}

#[test]
fn halves_go_together_again_only_where_that_leaves_room() {
    let gaps = |count| {
        let found = evaluation(vec![gap("node-os", GapReason::LayerUnowned)]);
        (0..count).map(|number| Stored::new(&format!("app-{number}"), found.clone())).collect::<Vec<_>>()
    };
    let names = |count: usize, known: &PublishedReports| -> Vec<String> {
        reports_beside(&reported(&gaps(count)), known).iter().map(|report| report.name().to_owned()).collect()
    };
    let (one, halves) = (["responsibility-operator"], ["responsibility-operator-0", "responsibility-operator-1"]);
    assert_eq!(names(RESULTS, &PublishedReports::default()), one);
    assert_eq!(names(RESULTS + 1, &known(&reports_of(&gaps(RESULTS)), "1")), halves);
    let split = known(&reports_of(&gaps(RESULTS + 1)), "1");
    assert_eq!(names(RESULTS, &split), halves);
    assert_eq!(names(REJOIN + 1, &split), halves);
    assert_eq!(names(REJOIN, &split), one);
}

fn crowds() -> impl Strategy<Value = (Vec<Stored>, usize)> {
    let layers: Vec<LayerId> = Matrix::built_in().layers().map(|(id, _)| id).collect();
    let gaps = prop::sample::subsequence(layers, 1..=22);
    let gap = |layer| DutyState::new(layer, Duty::Customer, State::Gap(GapReason::LayerUnowned), None);
    let found = gaps.prop_map(move |layers| evaluation(layers.into_iter().map(gap).collect()));
    let workloads = prop::collection::btree_map(0_u16..2000, found, 1..100);
    let stored = |(number, found): (u16, Arc<Evaluation>)| Stored::new(&format!("app-{number}"), found);
    let stored = workloads.prop_map(move |all| all.into_iter().map(stored).collect::<Vec<_>>());
    stored.prop_flat_map(|stored| {
        let count = stored.len();
        (Just(stored), 0..count)
    })
}

proptest! {
    // Each case builds thousands of results several times.
    #![proptest_config(ProptestConfig { cases: 24, ..tried() })]

    /// For any number of workloads: Reports are bounded, contain each result once, and do not depend on the order of the
    /// workloads. A change of one workload changes only its Report and the halves of that.
    #[test]
    fn reports_are_bounded_and_a_change_of_one_workload_stays_in_its_report((stored, index) in crowds()) {
        let reports = reports_of(&stored);
        prop_assert!(reports.len() <= 1 << MAX_SPLITS);
        prop_assert!(reports.iter().all(|report| (1..=RESULTS).contains(&report.results.len())));
        let ids: Vec<&str> = reports.iter().flat_map(|report| report.results.iter().map(id)).collect();
        prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        let backwards: Vec<Stored> = stored.iter().rev().cloned().collect();
        prop_assert_eq!(&reports_of(&backwards), &reports);
        let there = known(&reports, "1");
        prop_assert_eq!(&reports_beside(&reported(&stored), &there), &reports);
        prop_assert_eq!(report_writes(reports.clone(), &there, 1), vec![]);

        let mut others = stored.clone();
        others.remove(index);
        let fewer = reports_beside(&reported(&others), &there);
        let then = known(&fewer, "1");
        prop_assert_eq!(&reports_beside(&reported(&others), &then), &fewer);
        let (_, removed) = written(fewer, &there, 1);
        let (_, added) = written(reports_beside(&reported(&stored), &then), &then, 1);
        for log in [removed, added] {
            let name = |line: &String| line.split(' ').nth(1).unwrap().to_owned();
            let touched: BTreeSet<String> = log.iter().map(name).collect();
            // All changed Reports are on one path of halves.
            let shortest = touched.iter().min_by_key(|name| name.len()).unwrap();
            prop_assert!(touched.iter().all(|name| name.starts_with(shortest.as_str())), "{:?}", touched);
            prop_assert!(touched.len() <= 2 + usize::try_from(MAX_SPLITS).unwrap(), "{:?}", touched);
        }
    }
}
