//! Digest of the duties of an assignment, which an acknowledgement refers to.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::{compiled, compiled_for_cluster};

/// A party, two duties and all other fields.
fn spec() -> Value {
    json!({
        "selector": { "matchLabels": { "app": "web" } },
        "serviceModel": "CaaS",
        "declares": ["client-devices"],
        "accountable": "ciso",
        "parties": [{ "name": "msp", "role": "ThirdParty" }],
        "duties": [
            { "layers": ["node-os", "control-plane"], "provider": "aws", "customer": "msp" },
            {
                "layers": ["application-code"], "customer": "msp", "accountable": "cto",
                "agreement": { "uri": "https://contracts.example.com/42" },
            },
        ],
    })
}

fn digest(spec: Value) -> String {
    compiled(spec).digest.to_string()
}

fn changed(pointer: &str, to: Value) -> Value {
    let mut spec = spec();
    *spec.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")) = to;
    spec
}

#[test]
fn a_digest_is_a_sha_256_that_does_not_change_from_version_to_version() {
    assert_eq!(digest(json!({})).len(), 64);
    assert!(digest(json!({})).bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(digest(spec()), digest(spec()));
}

#[rstest]
#[case::a_layer("/duties/0/layers/0", json!("cloud-network"))]
#[case::one_layer_less("/duties/0/layers", json!(["node-os"]))]
#[case::who_provides("/duties/0/provider", json!("gcp"))]
#[case::who_does_it("/duties/0/customer", json!("team"))]
#[case::who_answers("/duties/1/accountable", json!("ciso"))]
#[case::who_answers_for_all("/accountable", json!("cto"))]
#[case::the_agreement("/duties/1/agreement/uri", json!("https://contracts.example.com/43"))]
#[case::no_agreement("/duties/1/agreement", json!(null))]
#[case::one_duty_less("/duties", json!([]))]
#[case::the_workloads("/selector/matchLabels/app", json!("db"))]
#[case::all_workloads("/selector", json!(null))]
#[case::declared_layers("/declares", json!([]))]
#[case::the_service_model("/serviceModel", json!("SaaS"))]
fn the_digest_changes_with_what_is_given(#[case] pointer: &str, #[case] to: Value) {
    assert_ne!(digest(changed(pointer, to)), digest(spec()));
}

#[test]
fn the_digest_of_a_cluster_assignment_changes_with_its_namespaces() {
    let of = |namespaces: Value| {
        let mut spec = spec();
        spec["namespaceSelector"] = namespaces;
        compiled_for_cluster(spec).digest
    };
    let prod = || json!({ "matchLabels": { "tier": "prod" } });
    assert_eq!(of(prod()), of(prod()));
    assert_ne!(of(prod()), of(json!(null)));
}

/// Dates, contacts and other fields that do not give duties.
#[rstest]
#[case::a_contact("/parties/0", json!({ "name": "msp", "role": "ThirdParty", "contact": { "email": "a@example.com" } }))]
#[case::an_acknowledgement("/parties/0", json!({
    "name": "msp", "role": "ThirdParty", "acknowledgement": { "by": "lead", "at": "2026-11-01" },
}))]
#[case::evidence("/parties/0", json!({
    "name": "msp", "role": "ThirdParty", "evidence": [{ "type": "SOC2TypeII", "validUntil": "2027-11-01" }],
}))]
#[case::another_party("/parties", json!([]))]
#[case::the_end_of_an_agreement("/duties/1/agreement", json!({
    "uri": "https://contracts.example.com/42", "validUntil": "2027-11-01",
}))]
fn the_digest_stays_with(#[case] pointer: &str, #[case] to: Value) {
    assert_eq!(digest(changed(pointer, to)), digest(spec()));
}

#[test]
fn the_digest_stays_with_reviews_and_exceptions() {
    let mut with = spec();
    with["review"] = json!({ "lastAt": "2026-11-01" });
    with["exceptions"] =
        json!([{ "layer": "backup-recovery", "reason": "a cache", "approvedBy": "cto", "until": "2027-01-01" }]);
    assert_eq!(digest(with), digest(spec()));
}

#[test]
fn the_order_of_the_values_of_a_selector_does_not_matter_and_its_values_do() {
    let of = |operator: &str, values: &[&str]| {
        let expression = json!({ "key": "tier", "operator": operator, "values": values });
        digest(json!({ "selector": { "matchExpressions": [expression] } }))
    };
    assert_eq!(of("In", &["a", "b"]), of("In", &["b", "a"]));
    assert_ne!(of("In", &["a", "b"]), of("In", &["a"]));
    assert_ne!(of("In", &["a"]), of("NotIn", &["a"]));
}

#[test]
fn how_duties_are_split_into_entries_does_not_matter() {
    let split = json!([
        { "layers": ["control-plane"], "customer": "msp" },
        { "layers": ["control-plane"], "provider": "aws" },
        { "layers": ["node-os"], "provider": "aws", "customer": "msp" },
        spec()["duties"][1].clone(),
        { "layers": ["node-os"], "provider": "aws" },
    ]);
    assert_eq!(digest(changed("/duties", split)), digest(spec()));
}

#[test]
fn an_accountable_party_counts_the_same_for_all_duties_or_for_each() {
    let mut each = spec();
    each["accountable"] = json!(null);
    each["duties"][0]["accountable"] = json!("ciso");
    assert_eq!(digest(each), digest(spec()));
}

proptest! {
    #![proptest_config(crate::model::testing::tried())]

    #[test]
    fn the_order_in_which_it_is_written_does_not_matter(
        duties in Just(vec![
            json!({ "layers": ["node-os"], "customer": "a" }),
            json!({ "layers": ["node-os"], "provider": "b" }),
            json!({ "layers": ["control-plane"], "customer": "c" }),
            json!({ "layers": ["cloud-network"], "customer": "a" }),
        ]).prop_shuffle(),
        layers in Just(vec!["access-control", "application-code", "data-protection"]).prop_shuffle(),
        declares in Just(vec!["client-devices", "external-services"]).prop_shuffle(),
    ) {
        let of = |duties: &[Value], layers: &[&str], declares: &[&str]| {
            let duties = [duties, &[json!({ "layers": layers, "customer": "d" })]].concat();
            digest(json!({ "duties": duties, "declares": declares }))
        };
        let sorted = {
            let mut sorted = duties.clone();
            sorted.sort_by_key(ToString::to_string);
            let (mut layers, mut declares) = (layers.clone(), declares.clone());
            layers.sort_unstable();
            declares.sort_unstable();
            of(&sorted, &layers, &declares)
        };
        prop_assert_eq!(of(&duties, &layers, &declares), sorted);
    }
}

/// Acknowledgements of a party, and if they refer to the current duties.
#[rstest]
#[case::nothing(json!(null), false)]
#[case::no_digest(json!({ "by": "A. Lead", "at": "2026-11-01" }), false)]
#[case::this_digest(json!({ "by": "A. Lead", "at": "2026-11-01", "digest": digest(spec()) }), true)]
#[case::tomorrow(json!({ "by": "A. Lead", "at": "2999-11-01", "digest": digest(spec()) }), false)]
#[case::another_digest(json!({ "by": "A. Lead", "at": "2026-11-01", "digest": digest(json!({})) }), false)]
fn a_party_acknowledged_the_duties_as_they_are(#[case] acknowledgement: Value, #[case] acknowledged: bool) {
    let current = digest(spec());
    let mut spec = spec();
    spec["parties"][0]["acknowledgement"] = acknowledgement;
    let assignment = compiled(spec);
    assert_eq!(assignment.parties["msp"].acknowledged, acknowledged);
    assert_eq!(*assignment.digest, current);
}

#[test]
fn a_party_can_be_reached_where_it_has_a_contact() {
    let reachable = |contact: Value| {
        let party = json!({ "name": "msp", "role": "ThirdParty", "contact": contact });
        compiled(json!({ "parties": [party] })).parties["msp"].reachable
    };
    assert!(reachable(json!({ "escalation": "#oncall" })));
    assert!(!reachable(json!(null)));
}
