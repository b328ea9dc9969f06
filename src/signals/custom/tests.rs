use jiff::civil::date;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::*;
use crate::facts::{Availability, CustomFinding, CustomTarget, KindAndName, WorkloadFacts, WorkloadKey, WorkloadKind};
use crate::model::{Attribution, SignalVerdict};
use crate::signals::testing::{TODAY, WorkloadFixture};
use crate::signals::{BadCustomSignal, SignalSettings};

/// Returns a signal about BackupPlans with these rules.
fn signal(rules: Json) -> CustomSignal {
    CustomSignal {
        name: "backup-plan".to_owned(),
        group: "backup.example.com".to_owned(),
        version: "v1".to_owned(),
        kind: "BackupPlan".to_owned(),
        plural: "backupplans".to_owned(),
        scope: KindScope::Namespaced,
        selector: None,
        layer: "backup-recovery".to_owned(),
        duty: Attribution::Customer,
        shows: Reach::Part,
        rules: serde_json::from_value(rules).unwrap(),
        references: None,
        pod_selector: None,
        failed: None,
        remedy: None,
    }
}

/// Returns a signal that every object meets.
fn met() -> CustomSignal {
    signal(json!([{"path": "metadata", "exists": true}]))
}

fn about_targets(signal: CustomSignal) -> CustomSignal {
    CustomSignal { references: Some("spec.targets".to_owned()), ..signal }
}

/// Evaluates one signal for an object of the namespace `shop`.
fn found(signal: &CustomSignal, object: &Json) -> CustomFinding {
    let [kind] = &*CustomObjects::of(std::slice::from_ref(signal)).unwrap() else { panic!("there is one kind") };
    let Some(Facts::Custom(mut found)) = kind.facts("shop", &Labels::default(), &object.to_string()) else {
        panic!("no signal selects it")
    };
    found.remove(0)
}

/// Evaluates one rule.
fn outcome(path: &str, operator: &str, value: Json, object: &Json) -> Result<bool, String> {
    let rule: Json = [("path".to_owned(), path.into()), (operator.to_owned(), value)].into_iter().collect();
    found(&signal(vec![rule].into()), object).outcome.map_err(|why| why.to_string())
}

fn plan() -> Json {
    json!({
        "metadata": {
            "name": "nightly", "labels": {"tier": "gold"}, "annotations": {"example.com/owner": "shop", "note": null},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d5d", "uid": "1"}],
        },
        "spec": {
            "schedule": "0 3 * * *", "keep": 7, "share": 0.5, "offset": -1, "encrypted": true, "empty": [],
            "targets": [{"kind": "Deployment", "name": "web"}],
        },
        "status": {
            "phase": "Ready", "last": "2026-11-25T03:00:00Z",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Stored", "status": "True", "since": "2026-11-20T03:00:00+02:00"}],
        },
    })
}

#[rstest]
#[case::text("status.phase", "equals", json!("Ready"), true)]
#[case::other_text("status.phase", "equals", json!("ready"), false)]
#[case::boolean("spec.encrypted", "equals", json!(true), true)]
#[case::other_boolean("spec.encrypted", "equals", json!(false), false)]
#[case::number("spec.keep", "equals", json!(7), true)]
#[case::number_written_otherwise("spec.keep", "equals", json!(7.0), true)]
#[case::negative_number("spec.offset", "equals", json!(-1), true)]
#[case::fraction("spec.share", "equals", json!(0.5), true)]
#[case::other_number("spec.keep", "equals", json!(8), false)]
#[case::one_of_several("spec.keep", "in", json!([1, 7]), true)]
#[case::none_of_several("status.phase", "in", json!(["Done", "Skipped"]), false)]
#[case::several_types("status.phase", "in", json!([1, true, "Ready"]), true)]
#[case::several_types_and_other_text("status.phase", "in", json!([1, true, "Done"]), false)]
#[case::exists("status.phase", "exists", json!(true), true)]
#[case::exists_although_it_must_not("status.phase", "exists", json!(false), false)]
#[case::an_empty_list_exists("spec.empty", "exists", json!(true), true)]
#[case::does_not_exist("status.error", "exists", json!(false), true)]
#[case::does_not_exist_although_it_must("status.error", "exists", json!(true), false)]
#[case::null_does_not_exist("metadata.annotations.note", "exists", json!(false), true)]
#[case::nothing_below_a_missing_field_exists("status.error.code", "exists", json!(false), true)]
#[case::condition("status.conditions[type=Ready].status", "equals", json!("True"), true)]
#[case::failed_condition("status.conditions[type=Ready].status", "equals", json!("False"), false)]
#[case::a_condition_exists("status.conditions[type=Stored]", "exists", json!(true), true)]
#[case::no_condition_exists("status.conditions[type=Degraded]", "exists", json!(false), true)]
#[case::a_condition_must_exist("status.conditions[type=Degraded]", "exists", json!(true), false)]
#[case::every_element("status.conditions[*].status", "equals", json!("True"), true)]
#[case::not_every_element("status.conditions[*].type", "equals", json!("Ready"), false)]
#[case::every_element_is_one_of_several("status.conditions[*].type", "in", json!(["Ready", "Stored"]), true)]
#[case::not_every_element_has_it("status.conditions[*].since", "exists", json!(true), false)]
#[case::no_element_may_have_it("status.conditions[*].since", "exists", json!(false), false)]
#[case::no_element_exists("spec.empty[*]", "exists", json!(false), true)]
#[case::some_element_must_exist("spec.empty[*]", "exists", json!(true), false)]
#[case::label("metadata.labels.tier", "equals", json!("gold"), true)]
#[case::key_in_brackets("metadata.labels[\"tier\"]", "equals", json!("gold"), true)]
#[case::key_with_dots("metadata.annotations[\"example.com/owner\"]", "equals", json!("shop"), true)]
#[case::kind_where_lists_omit_it("kind", "equals", json!("BackupPlan"), true)]
#[case::version_where_lists_omit_it("apiVersion", "equals", json!("backup.example.com/v1"), true)]
fn a_rule_is_met_or_not(#[case] path: &str, #[case] operator: &str, #[case] value: Json, #[case] expected: bool) {
    assert_eq!(outcome(path, operator, value, &plan()), Ok(expected));
}

#[rstest]
#[case::missing_field("status.error", "equals", json!(""), "status.error is missing")]
#[case::missing_field_in_between("status.error.code", "in", json!([0]), "status.error.code is missing")]
#[case::null("metadata.annotations.note", "equals", json!(""), "metadata.annotations.note is missing")]
#[case::field_of_text("status.phase.since", "equals", json!(""), "status.phase.since needs an object, but there is text")]
#[case::field_of_text_must_not_exist("status.phase.since", "exists", json!(false), "status.phase.since needs an object, but there is text")]
#[case::field_of_text_must_exist("status.phase.since", "exists", json!(true), "status.phase.since needs an object, but there is text")]
#[case::field_of_a_list("spec.targets.name", "equals", json!("web"), "spec.targets.name needs an object, but there is a list")]
#[case::elements_of_an_object("metadata.labels[*]", "equals", json!("gold"), "metadata.labels[*] needs a list, but there is an object")]
#[case::number_as_text("spec.keep", "equals", json!("7"), "spec.keep needs text, but there is a number")]
#[case::text_as_boolean("status.conditions[type=Ready].status", "equals", json!(true), "status.conditions[type=Ready].status needs a boolean, but there is text")]
#[case::boolean_as_text("spec.encrypted", "in", json!(["yes", "true"]), "spec.encrypted needs text, but there is a boolean")]
#[case::list("spec.targets", "equals", json!("web"), "spec.targets needs text, but there is a list")]
#[case::no_element("spec.empty[*].name", "equals", json!("web"), "spec.empty[*].name leads to no list element")]
#[case::no_such_condition("status.conditions[type=Degraded].status", "equals", json!("False"), "status.conditions[type=Degraded].status leads to no list element")]
#[case::one_element_without_it("status.conditions[*].since", "in", json!(["2026-11-20T03:00:00+02:00"]), "status.conditions[*].since is missing")]
#[case::selected_by_a_number("spec.targets[kind=Deployment].name[a=b]", "exists", json!(true), "spec.targets[kind=Deployment].name[a=b] needs a list, but there is text")]
#[case::no_time("status.phase", "newerThan", json!("1d"), "status.phase is not a time such as 2026-11-29T06:00:00Z")]
#[case::number_as_time("spec.keep", "newerThan", json!("1d"), "spec.keep is not a time such as 2026-11-29T06:00:00Z")]
#[case::no_element_with_a_time("spec.empty[*].at", "newerThan", json!("1d"), "spec.empty[*].at leads to no list element")]
#[case::one_element_without_a_time("status.conditions[*].since", "newerThan", json!("30d"), "status.conditions[*].since is missing")]
fn what_cannot_be_compared_is_neither_a_pass_nor_a_failure(
    #[case] path: &str,
    #[case] operator: &str,
    #[case] value: Json,
    #[case] expected: &str,
) {
    assert_eq!(outcome(path, operator, value, &plan()), Err(expected.to_owned()));
}

#[test]
fn a_list_element_is_selected_by_text_only() {
    let object =
        json!({"metadata": {}, "ports": [{"name": 80, "open": false}, {"open": true}, {"name": "web", "open": true}]});
    let open = |object: &Json| outcome("ports[name=web].open", "equals", json!(true), object);
    assert_eq!(open(&object), Err("ports[name=web].open needs text, but there is a number".to_owned()));
    let object = json!({"metadata": {}, "ports": [{"open": true}, {"name": "web", "open": true}, {"name": "admin", "open": false}]});
    assert_eq!(open(&object), Ok(true));
    let object = json!({"metadata": {}, "ports": ["web", {"name": "web", "open": true}]});
    assert_eq!(open(&object), Err("ports[name=web].open needs an object, but there is text".to_owned()));
}

#[test]
fn a_long_reason_is_cut() {
    let path = format!("spec.{}", "a".repeat(400));
    let why = outcome(&path, "equals", json!(1), &plan()).unwrap_err();
    assert!(why.len() <= 200 && why.ends_with("..."), "{why}");
}

#[test]
fn one_failure_decides_and_otherwise_what_is_unknown() {
    let (passes, fails, unknown) = (
        json!({"path": "status.phase", "equals": "Ready"}),
        json!({"path": "spec.keep", "equals": 8}),
        json!({"path": "status.error", "equals": ""}),
    );
    let old = json!({"path": "status.last", "newerThan": "1d"});
    let outcome = |rules: Json| found(&signal(rules), &plan()).outcome;
    assert_eq!(outcome(json!([passes, passes])), Ok(true));
    assert_eq!(outcome(json!([passes, old])), Ok(true));
    assert_eq!(outcome(json!([unknown, passes, fails])), Ok(false));
    assert_eq!(outcome(json!([fails, unknown])), Ok(false));
    assert_eq!(outcome(json!([passes, unknown, old])), Err("status.error is missing".into()));
    // The same applies to the elements of a list.
    let states = |states: Json| outcome_of_elements(&json!({"metadata": {}, "states": states}));
    assert_eq!(states(json!(["ok", 1, "bad"])), Ok(false));
    assert_eq!(states(json!(["ok", 1])), Err("states[*] needs text, but there is a number".to_owned()));
    assert_eq!(states(json!(["ok", "ok"])), Ok(true));
}

fn outcome_of_elements(object: &Json) -> Result<bool, String> {
    outcome("states[*]", "equals", json!("ok"), object)
}

#[rstest]
#[case::a_path_from_the_root(json!({"path": ".status.phase", "equals": 1}), "path: the path cannot be read at \".status.phase\"; write it like spec.encrypted, metadata.labels[\"example.com/tier\"], ")]
#[case::no_path(json!({"path": "", "equals": 1}), "path: the path cannot be read at \"\"")]
#[case::two_dots(json!({"path": "status..phase", "equals": 1}), "path: the path cannot be read at \"..phase\"")]
#[case::a_dot_at_the_end(json!({"path": "status.", "equals": 1}), "path: the path cannot be read at \".\"")]
#[case::spaces(json!({"path": "status.phase == 'Ready'", "exists": true}), "path: the path cannot be read at \" == 'Ready'\"")]
#[case::elements_first(json!({"path": "[*].phase", "exists": true}), "path: the path cannot be read at \"[*].phase\"")]
#[case::position(json!({"path": "spec.disks[0].size", "exists": true}), "path: the path cannot be read at \"[0].size\"")]
#[case::open_bracket(json!({"path": "spec.disks[*", "exists": true}), "path: the path cannot be read at \"[*\"")]
#[case::open_quote(json!({"path": "metadata.labels[\"a.b]", "exists": true}), "path: the path cannot be read at \"[\\\"a.b]\"")]
#[case::empty_key(json!({"path": "metadata.labels[\"\"]", "exists": true}), "path: the path cannot be read at \"[\\\"\\\"]\"")]
#[case::key_behind_a_dot(json!({"path": "metadata.labels.[\"a\"]", "exists": true}), "path: the path cannot be read at \".[\\\"a\\\"]\"")]
#[case::empty_value(json!({"path": "status.conditions[type=]", "exists": true}), "path: the path cannot be read at \"[type=]\"")]
#[case::quoted_value(json!({"path": "status.conditions[type=\"Ready\"]", "exists": true}), "path: the path cannot be read at \"[type=")]
#[case::filter_of_another_language(json!({"path": "status.conditions[?(@.type==\"Ready\")]", "exists": true}), "path: the path cannot be read at \"[?(@")]
#[case::name_behind_brackets(json!({"path": "spec.disks[*]size", "exists": true}), "path: the path cannot be read at \"size\"")]
#[case::long_path(json!({"path": "a".repeat(513), "exists": true}), "path: the path has more than 512 bytes; write a shorter one")]
#[case::no_operator(json!({"path": "a"}), "it has 0 operators; write exactly one of equals, in, exists, newerThan")]
#[case::null(json!({"path": "a", "equals": null}), "it has 0 operators; write exactly one")]
#[case::two_operators(json!({"path": "a", "equals": 1, "exists": true}), "it has 2 operators; write exactly one")]
#[case::list(json!({"path": "a", "equals": ["b"]}), "equals: a list cannot be compared; write text, a number or a boolean, such as Ready, 3 or true")]
#[case::object(json!({"path": "a", "equals": {"b": 1}}), "equals: an object cannot be compared; write")]
#[case::object_among_values(json!({"path": "a", "in": [1, {"b": 1}]}), "in: an object cannot be compared; write")]
#[case::null_among_values(json!({"path": "a", "in": [null]}), "in: null cannot be compared; write")]
#[case::no_values(json!({"path": "a", "in": []}), "in: it has 0 values; write 1 to 64")]
#[case::many_values(json!({"path": "a", "in": vec![1; 65]}), "in: it has 65 values; write 1 to 64")]
#[case::age_without_unit(json!({"path": "a", "newerThan": "30"}), "newerThan: \"30\" is not a whole number of days from 1 to 3650; write days or hours, such as 30d or 720h")]
#[case::part_of_a_day(json!({"path": "a", "newerThan": "36h"}), "newerThan: \"36h\" is not a whole")]
#[case::no_age(json!({"path": "a", "newerThan": "0d"}), "newerThan: \"0d\" is not a whole")]
#[case::great_age(json!({"path": "a", "newerThan": "3651d"}), "newerThan: \"3651d\" is not a whole")]
#[case::negative_age(json!({"path": "a", "newerThan": "-1d"}), "newerThan: \"-1d\" is not a whole")]
#[case::sign(json!({"path": "a", "newerThan": "+1d"}), "newerThan: \"+1d\" is not a whole")]
#[case::no_number(json!({"path": "a", "newerThan": "d"}), "newerThan: \"d\" is not a whole")]
#[case::empty_age(json!({"path": "a", "newerThan": ""}), "newerThan: \"\" is not a whole")]
#[case::other_unit(json!({"path": "a", "newerThan": "1é"}), "newerThan: \"1é\" is not a whole")]
#[case::beyond_all_numbers(json!({"path": "a", "newerThan": "99999999999d"}), "newerThan: \"99999999999d\" is not a whole")]
fn a_rule_that_cannot_be_used_is_refused_with_what_to_write(#[case] rule: Json, #[case] expected: &str) {
    let rules = json!([{"path": "spec", "exists": true}, rule]);
    let (index, why) = CustomObjects::of(&[signal(rules)]).unwrap_err();
    assert_eq!(index, 0);
    assert!(why.to_string().starts_with(&format!("rules[1]: {expected}")), "{why}");
}

#[rstest]
#[case::operator(json!({"path": "a", "matches": "^b"}), "unknown field `matches`, expected one of `path`, `equals`, `in`, `exists`, `newerThan`")]
#[case::no_path(json!({"equals": 1}), "missing field `path`")]
#[case::truth(json!({"path": "a", "exists": "yes"}), "expected a boolean")]
fn a_rule_has_known_fields_only(#[case] rule: Json, #[case] expected: &str) {
    let why = serde_json::from_value::<WrittenRule>(rule).unwrap_err().to_string();
    assert!(why.contains(expected), "{why}");
}

#[test]
fn the_number_of_rules_is_bounded() {
    let rules = |count: usize| signal(json!(vec![json!({"path": "a", "exists": true}); count]));
    let refused = |count| CustomObjects::of(&[rules(count)]).unwrap_err().1.to_string();
    assert!(CustomObjects::of(&[rules(1)]).is_ok() && CustomObjects::of(&[rules(16)]).is_ok());
    assert!(refused(0).starts_with("rules: there are 0; write 1 to 16"));
    assert!(refused(17).starts_with("rules: there are 17; write 1 to 16"));
}

#[rstest]
#[case::fields(&format!("spec{}", ".a".repeat(254)), &format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100)))]
#[case::lists(&format!("spec{}", "[*]".repeat(169)), &format!("{}1{}", "[".repeat(100), "]".repeat(100)))]
#[case::selections(&format!("spec{}", "[a=b]".repeat(101)), &format!("{}1{}", "[".repeat(100), "]".repeat(100)))]
fn a_path_as_long_as_may_be_is_followed(#[case] path: &str, #[case] spec: &str) {
    let signal = signal(json!([{"path": path, "equals": 1}]));
    let kinds = CustomObjects::of(&[signal]).unwrap();
    let object = format!("{{\"metadata\": {{}}, \"spec\": {spec}}}");
    let Some(Facts::Custom(found)) = kinds[0].facts("shop", &Labels::default(), &object) else { panic!("{path}") };
    let why = found[0].outcome.as_ref().unwrap_err();
    assert!(why.starts_with("spec"), "{why}");
}

/// Returns an object with a list of `elements`, each with a name of `bytes` and two tags.
fn long(elements: usize, bytes: usize) -> Json {
    json!({"metadata": {}, "spec": {"items": vec![json!({"name": "x".repeat(bytes), "tags": ["a", "b"]}); elements]}})
}

#[rstest]
#[case::every_element("spec.items[*].name", 1000, 100, Ok(true))]
#[case::selected_elements("spec.items[name=x].name", 5000, 1, Ok(true))]
#[case::a_list_in_a_list("spec.items[*].tags[*]", 5000, 20, Ok(true))]
#[case::the_same_selected_again(&format!("spec.items{}", "[*].tags".repeat(60)), 5000, 1, Err("visit more than 100000 values"))]
#[case::a_large_object("spec.items", 3000, 100, Err("more than 256 KiB"))]
fn what_may_take_long_is_not_tried(
    #[case] path: &str,
    #[case] elements: usize,
    #[case] bytes: usize,
    #[case] expected: Result<bool, &str>,
) {
    let result = outcome(path, "exists", json!(true), &long(elements, bytes));
    match expected {
        Ok(_) => assert_eq!(result, Ok(true)),
        Err(words) => assert!(result.as_ref().is_err_and(|why| why.contains(words)), "{result:?}"),
    }
}

fn deployment(name: &str) -> WorkloadAndFacts {
    let key = WorkloadKey { namespace: "shop".into(), kind: WorkloadKind::Deployment, name: name.into() };
    let mut facts = WorkloadFacts::default();
    facts.pods.template = [("app", name)].into_iter().collect();
    (key, facts)
}

type WorkloadAndFacts = (WorkloadKey, WorkloadFacts);

fn concerns(about: &CustomTarget, (key, facts): &WorkloadAndFacts) -> bool {
    about.contains(key, facts, &[KindAndName { kind: "ReplicaSet".into(), name: format!("{}-5d5d", key.name).into() }])
}

#[test]
fn an_object_is_about_its_namespace_unless_it_names_workloads() {
    assert_eq!(found(&met(), &plan()).about, CustomTarget::All);
    let of = |targets: Json| found(&about_targets(met()), &json!({"metadata": {}, "spec": {"targets": targets}}));
    let one = of(json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"})).about;
    assert!(concerns(&one, &deployment("web")) && !concerns(&one, &deployment("api")));
    let several = of(json!([{"kind": "Deployment", "name": "api"}, {"kind": "ReplicaSet", "name": "web-5d5d"}])).about;
    assert!(concerns(&several, &deployment("web")) && concerns(&several, &deployment("api")));
    assert_eq!(of(json!([])).about, CustomTarget::Workloads(BTreeSet::new()));
    let elsewhere = of(json!([{"kind": "Deployment", "name": "web", "namespace": "bank"}])).about;
    assert_eq!(elsewhere, CustomTarget::Workloads(BTreeSet::new()), "an object must not affect another namespace");
    let odd = of(json!("web"));
    assert_eq!(odd.about, CustomTarget::All, "which workloads it is about is unknown");
    assert!(odd.outcome.unwrap_err().starts_with("references: spec.targets has something other than references"));
    assert!(of(json!([["Deployment", "web"]])).outcome.unwrap_err().contains("something other than references"));
    assert!(of(json!(null)).outcome.unwrap_err().starts_with("references: spec.targets is missing"));
    assert!(of(json!({"kind": "A", "name": "b".repeat(254)})).outcome.unwrap_err().contains("more than 253 bytes"));
    let owners = CustomSignal { references: Some("metadata.ownerReferences".to_owned()), ..met() };
    assert!(concerns(&found(&owners, &plan()).about, &deployment("web")));
    let each = CustomSignal { references: Some("spec.jobs[*].target".to_owned()), ..met() };
    let jobs =
        json!({"metadata": {}, "spec": {"jobs": [{"target": {"kind": "Deployment", "name": "api"}}, {"target": []}]}});
    let about = found(&each, &jobs).about;
    assert!(concerns(&about, &deployment("api")) && !concerns(&about, &deployment("web")));
    assert!(of(json!(vec![json!({"kind": "A", "name": "b"}); 257])).outcome.unwrap_err().contains("more than 256"));
}

#[test]
fn an_object_may_be_about_pods_by_their_labels() {
    let of = |selector: Json| {
        let pods = CustomSignal { pod_selector: Some("spec.selector".to_owned()), ..met() };
        found(&pods, &json!({"metadata": {}, "spec": {"selector": selector}}))
    };
    let web = of(json!({"matchLabels": {"app": "web"}})).about;
    assert!(concerns(&web, &deployment("web")) && !concerns(&web, &deployment("api")));
    let not_web = of(json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]})).about;
    assert!(!concerns(&not_web, &deployment("web")) && concerns(&not_web, &deployment("api")));
    assert_eq!(of(json!({})).about, CustomTarget::Pods(None));
    for odd in [json!(["app"]), json!([]), json!({"app": "web"}), json!({"matchLabel": {"app": "web"}}), json!(null)] {
        let found = of(odd.clone());
        assert!(found.outcome.unwrap_err().starts_with("podSelector: spec.selector "), "{odd}");
    }
    let several = CustomSignal { pod_selector: Some("spec.selectors[*]".to_owned()), ..met() };
    let object = json!({"metadata": {}, "spec": {"selectors": [{}, {"matchLabels": {"app": "web"}}]}});
    let why = found(&several, &object).outcome.unwrap_err();
    assert_eq!(&*why, "podSelector: spec.selectors[*] leads to 2 values instead of one");
}

#[test]
fn a_reference_in_an_object_of_the_cluster_needs_a_namespace() {
    let cluster = CustomSignal { scope: KindScope::Cluster, ..about_targets(met()) };
    let of = |targets: Json| {
        let kinds = CustomObjects::of(std::slice::from_ref(&cluster)).unwrap();
        let object = json!({"metadata": {}, "spec": {"targets": targets}});
        match kinds[0].facts("", &Labels::default(), &object.to_string()) {
            Some(Facts::Custom(mut found)) => found.remove(0),
            other => panic!("{other:?}"),
        }
    };
    let web = of(json!({"kind": "Deployment", "name": "web", "namespace": "shop"})).about;
    assert!(concerns(&web, &deployment("web")));
    let why = of(json!({"kind": "Deployment", "name": "web"})).outcome.unwrap_err();
    assert!(why.contains("needs a namespace"), "{why}");
}

#[test]
fn only_objects_with_the_labels_are_evaluated() {
    let selector = serde_json::from_value(json!({"matchLabels": {"tier": "gold"}})).unwrap();
    let kinds = CustomObjects::of(&[CustomSignal { selector: Some(selector), ..met() }]).unwrap();
    let with = |tier: &str| kinds[0].facts("shop", &[("tier", tier)].into_iter().collect(), &plan().to_string());
    assert!(with("gold").is_some());
    assert_eq!(with("silver"), None);
}

#[test]
fn signals_of_one_kind_share_its_watch_and_must_describe_it_alike() {
    let named = |name: &str| CustomSignal { name: name.to_owned(), ..met() };
    let other = CustomSignal { plural: "restores".to_owned(), kind: "Restore".to_owned(), ..named("c") };
    let kinds = CustomObjects::of(&[named("a"), other, named("b")]).unwrap();
    assert_eq!(
        kinds
            .iter()
            .map(|kind| kind.signals().map(|(_, signal)| signal.name.as_str()).collect::<Vec<_>>())
            .collect::<Vec<_>>(),
        [vec!["a", "b"], vec!["c"]]
    );
    let cluster = CustomSignal { scope: KindScope::Cluster, ..named("b") };
    let refused = CustomObjects::of(&[named("a"), cluster]).unwrap_err();
    assert_eq!(refused, (1, BadCustomSignal::OtherKind { name: "a".to_owned() }));
}

#[rstest]
#[case::built_in(CustomSignal { name: "node-age".to_owned(), ..met() }, "name: \"node-age\" is the name of another")]
#[case::targets(CustomSignal { pod_selector: Some("spec.a".to_owned()), ..about_targets(met()) }, "podSelector: references already says")]
#[case::references(CustomSignal { references: Some("spec.".to_owned()), ..met() }, "references: the path cannot be read at \".\"; write it like")]
#[case::pods(CustomSignal { pod_selector: Some("a".repeat(513)), ..met() }, "podSelector: the path has more than 512 bytes")]
fn fields_that_exclude_each_other_are_refused(#[case] signal: CustomSignal, #[case] expected: &str) {
    let (_, why) = SignalSettings::default().with_custom(&[signal]).unwrap_err();
    assert!(why.to_string().starts_with(expected), "{why}");
}

/// Evaluates the Deployment `web` with these BackupPlans in its namespace.
fn seen(signal: &CustomSignal, plans: &[(&str, Json)]) -> (SignalVerdict, String) {
    let settings = SignalSettings::default().with_custom(std::slice::from_ref(signal)).unwrap();
    let kind = settings.custom().next().unwrap();
    let mut fixture = WorkloadFixture::new().with(|fixture| {
        fixture.availabilities.put(kind.fact_kind(), None, Availability::Read);
    });
    for (name, plan) in plans {
        if let Some(facts) = kind.facts("shop", &Labels::default(), &plan.to_string()) {
            fixture = fixture.with_object(kind.fact_kind(), name, facts);
        }
    }
    fixture.configured_reading(&settings, &signal.name)
}

#[test]
fn every_object_about_a_workload_must_meet_the_rules() {
    let ready = about_targets(signal(json!([{"path": "phase", "equals": "Ready"}])));
    let plan = |target: &str, phase: &str| json!({"metadata": {}, "phase": phase, "spec": {"targets": {"kind": "Deployment", "name": target}}});
    let verdict = |plans: &[(&str, Json)]| seen(&ready, plans).0;
    assert_eq!(verdict(&[]), SignalVerdict::Unseen);
    assert_eq!(verdict(&[("a", plan("api", "Failed"))]), SignalVerdict::Unseen, "it is about another workload");
    assert_eq!(verdict(&[("a", plan("web", "Ready")), ("b", plan("api", "Failed"))]), SignalVerdict::Passed);
    let failed = seen(&ready, &[("a", plan("web", "Ready")), ("b", plan("web", "Failed"))]);
    assert_eq!(failed, (SignalVerdict::Failed, "BackupPlan b: a BackupPlan does not meet its rules".to_owned()));
    let broken = json!({"metadata": {}, "spec": {"targets": {"kind": "Deployment", "name": "web"}}});
    let unknown = seen(&ready, &[("a", plan("web", "Ready")), ("c", broken)]);
    assert_eq!(unknown, (SignalVerdict::Unreadable, "BackupPlan c cannot be evaluated: phase is missing".to_owned()));
}

#[test]
fn a_time_too_long_ago_is_stale() {
    let within = |phase: &str, age: &str| CustomSignal {
        failed: Some("the backup failed".to_owned()),
        ..signal(json!([{"path": "status.phase", "equals": phase}, {"path": "status.last", "newerThan": age}]))
    };
    assert_eq!(TODAY, date(2026, 11, 27), "two days after the time in the plan");
    assert_eq!(seen(&within("Ready", "2d"), &[("a", plan())]).0, SignalVerdict::Passed);
    assert_eq!(seen(&within("Ready", "48h"), &[("a", plan())]).0, SignalVerdict::Passed);
    assert_eq!(
        seen(&within("Ready", "1d"), &[("a", plan())]),
        (SignalVerdict::Stale, "BackupPlan a is too old: it was valid until 2026-11-26".to_owned())
    );
    let failed = seen(&within("Done", "2d"), &[("a", plan())]);
    assert_eq!(failed, (SignalVerdict::Failed, "BackupPlan a: the backup failed".to_owned()));
    let mut undated = plan();
    undated["status"]["last"] = "yesterday".into();
    let (verdict, why) = seen(&within("Ready", "2d"), &[("a", undated.clone())]);
    assert_eq!(verdict, SignalVerdict::Unreadable);
    assert!(why.contains("status.last is not a time such as"), "{why}");
    undated["status"]["phase"] = "Failed".into();
    assert_eq!(seen(&within("Ready", "2d"), &[("a", undated)]).0, SignalVerdict::Failed, "whenever that was");
}

#[rstest]
#[case::one(json!([{"path": "status.last", "newerThan": "7d"}]), Some(date(2026, 12, 2)))]
#[case::the_first_to_end(json!([{"path": "status.last", "newerThan": "7d"}, {"path": "times[*]", "newerThan": "10d"}]), Some(date(2026, 11, 29)))]
#[case::the_day_in_utc(json!([{"path": "times[*]", "newerThan": "24h"}]), Some(date(2026, 11, 20)))]
#[case::none(json!([{"path": "times[*]", "exists": true}]), None)]
fn the_oldest_time_counts(#[case] rules: Json, #[case] expected: Option<jiff::civil::Date>) {
    let mut plan = plan();
    plan["times"] = json!(["2026-11-20T03:00:00+02:00", "2026-11-20T01:00:00+02:00", "2026-11-26T00:00:00Z"]);
    assert_eq!(found(&signal(rules), &plan).until, expected);
}

#[test]
fn the_advice_names_the_rules_unless_the_configuration_has_one() {
    let rules = json!([
        {"path": "status.phase", "in": ["Ready", "Done"]}, {"path": "spec.keep", "equals": 7}, {"path": "spec.key", "exists": true},
        {"path": "status.error", "exists": false}, {"path": "status.last", "newerThan": "720h"},
    ]);
    let remedy = |signal: CustomSignal| {
        let settings = SignalSettings::default().with_custom(&[signal]).unwrap();
        let signals = crate::signals::ActiveSignals::new(&settings);
        let catalogue = signals.catalogue();
        catalogue.get(catalogue.find("backup-plan").unwrap()).remedy.to_string()
    };
    assert_eq!(
        remedy(signal(rules)),
        "correct it until status.phase is one of \"Ready\", \"Done\" and spec.keep equals 7 and spec.key exists and \
         status.error does not exist and status.last is at most 30 days old"
    );
    assert_eq!(remedy(CustomSignal { remedy: Some("run it again".to_owned()), ..met() }), "run it again");
    assert!(remedy(signal(json!([{"path": "a".repeat(500), "exists": true}]))).len() <= 256);
}

#[test]
fn an_object_that_cannot_be_decoded_is_unknown_and_about_its_namespace() {
    let deep = format!("{{\"metadata\": {{}}, \"spec\": {}{}}}", "[".repeat(200), "]".repeat(200));
    let large = json!({ "metadata": {}, "spec": "x".repeat(300_000) }).to_string();
    let kinds = CustomObjects::of(&[met()]).unwrap();
    for (object, words) in [(deep, "recursion limit"), (large, "more than 256 KiB")] {
        let Some(Facts::Custom(found)) = kinds[0].facts("shop", &Labels::default(), &object) else { panic!("{words}") };
        assert_eq!(found[0].about, CustomTarget::All);
        assert!(found[0].outcome.as_ref().unwrap_err().contains(words), "{found:?}");
    }
}

#[test]
fn all_rules_on_an_object_have_one_bound() {
    let named = |number: usize| CustomSignal {
        name: format!("signal-{number}"),
        ..signal(json!([{"path": "items[*]", "equals": 1}]))
    };
    let kinds = CustomObjects::of(&(0..4).map(named).collect::<Vec<_>>()).unwrap();
    let object = json!({"metadata": {}, "items": vec![1; 40_000]}).to_string();
    let Some(Facts::Custom(found)) = kinds[0].facts("shop", &Labels::default(), &object) else {
        panic!("no signal selects it")
    };
    let is_known: Vec<bool> = found.iter().map(|finding| finding.outcome.is_ok()).collect();
    assert_eq!(is_known, [true, true, false, false]);
}
