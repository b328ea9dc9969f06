//! Objects that the schemas accept, and those that they reject with which message.

use serde_json::{Value, json};

use crate::support::*;

fn team() -> Value {
    json!([{ "name": "team", "role": "Customer" }])
}

fn duties() -> Value {
    json!([held_by("team", &["application-code"])])
}

/// Returns a valid spec with some fields replaced.
fn spec(changes: Value) -> Value {
    let mut spec = json!({ "parties": team(), "duties": duties() });
    for (field, value) in changes.as_object().unwrap() {
        spec[field] = value.clone();
    }
    spec
}

fn party(changes: Value) -> Value {
    let mut party = team()[0].clone();
    for (field, value) in changes.as_object().unwrap() {
        party[field] = value.clone();
    }
    spec(json!({ "parties": [party] }))
}

fn exception(field: &str, value: Value) -> Value {
    let mut exception =
        json!({ "layer": "backup-recovery", "reason": "a cache", "approvedBy": "cto", "until": "2027-06-30" });
    if value.is_null() {
        exception.as_object_mut().unwrap().remove(field);
    } else {
        exception[field] = value;
    }
    spec(json!({ "exceptions": [exception] }))
}

fn duty(changes: Value) -> Value {
    let mut duty = duties()[0].clone();
    for (field, value) in changes.as_object().unwrap() {
        duty[field] = value.clone();
    }
    spec(json!({ "duties": [duty] }))
}

/// Defines a test: a spec, and the words that the error must contain.
fn refused() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let contact = |contact: Value| party(json!({ "contact": contact }));
    let selector = |selector: Value| spec(json!({ "selector": selector }));
    let expression = |expression: Value| selector(json!({ "matchExpressions": [expression] }));
    let two = |one: Value, other: Value| spec(json!({ "duties": [one, other] }));
    vec![
        ("no duties", json!({ "parties": team() }), vec!["spec", "name at least one duty"]),
        ("empty duties", spec(json!({ "duties": [] })), vec!["spec.duties", "name at least one duty"]),
        (
            "a duty of nobody",
            spec(json!({ "duties": [{ "layers": ["node-os"] }] })),
            vec!["spec.duties[0]", "provider: PARTY"],
        ),
        ("a duty of no layer", duty(json!({ "layers": [] })), vec!["spec.duties[0].layers", "name at least one layer"]),
        (
            "an unknown layer",
            duty(json!({ "layers": ["nodeos"] })),
            vec!["spec.duties[0].layers[0]", "unknown layer \"nodeos\"; write one of:", "node-os"],
        ),
        (
            "a declared unknown layer",
            spec(json!({ "declares": ["laptops"] })),
            vec!["spec.declares[0]", "client-devices"],
        ),
        (
            "a layer twice",
            duty(json!({ "layers": ["node-os", "node-os"] })),
            vec!["spec.duties[0].layers[1]", "Duplicate"],
        ),
        (
            "the same half for two parties",
            two(held_by("team", &["node-os", "control-plane"]), held_by("other", &["control-plane"])),
            vec!["spec.duties", "the customer duty of control-plane is given to two parties; keep one"],
        ),
        (
            "the same provider half for two parties",
            two(json!({ "layers": ["node-os"], "provider": "a" }), json!({ "layers": ["node-os"], "provider": "b" })),
            vec!["spec.duties", "the provider duty of node-os is given to two parties; keep one"],
        ),
        (
            "a party twice",
            spec(json!({ "parties": [team()[0], team()[0]] })),
            vec!["spec.parties[1]", "Duplicate", "team"],
        ),
        (
            "a party's name in capitals",
            party(json!({ "name": "Team" })),
            vec!["spec.parties[0].name", "such as shop-team"],
        ),
        ("an unknown role", party(json!({ "role": "Vendor" })), vec!["spec.parties[0].role", "\"ThirdParty\""]),
        (
            "accepts in a namespace",
            party(json!({ "accepts": ["node-os"] })),
            vec!["accepts is for the parties of a Cluster"],
        ),
        ("an empty contact", contact(json!({})), vec!["spec.parties[0].contact", "write email, url or escalation"]),
        (
            "a bad mail address",
            contact(json!({ "email": "at home" })),
            vec!["spec.parties[0].contact.email", "shop@example.com"],
        ),
        (
            "a plain http link",
            contact(json!({ "url": "http://a.example" })),
            vec!["contact.url", "https:// or mailto:"],
        ),
        (
            "user information in a link",
            contact(json!({ "url": "https://u:p@a.example" })),
            vec!["contact.url", "https://"],
        ),
        ("markup in a link", contact(json!({ "url": "https://a.example/<b>" })), vec!["contact.url", "angle brackets"]),
        ("a script link", contact(json!({ "url": "javascript:alert(1)" })), vec!["contact.url"]),
        (
            "an acknowledgement on no day",
            party(json!({ "acknowledgement": { "by": "A. Lead", "at": "2026-02-30" } })),
            vec!["acknowledgement.at", "\"2026-02-30\" is not a date", "such as 2026-11-30"],
        ),
        (
            "evidence without an end",
            party(json!({ "evidence": [{ "type": "SOC2TypeII" }] })),
            vec!["spec.parties[0].evidence[0]", "periodEnd", "validUntil"],
        ),
        (
            "a review next Monday",
            spec(json!({ "review": { "lastAt": "next Monday" } })),
            vec!["spec.review.lastAt", "is not a date"],
        ),
        (
            "a review every zero days",
            spec(json!({ "review": { "lastAt": "2026-11-01", "everyDays": 0 } })),
            vec!["spec.review.everyDays", "greater than or equal to 1"],
        ),
        ("an exception for no layer", exception("layer", Value::Null), vec!["spec.exceptions[0].layer", "Required"]),
        ("an exception for no reason", exception("reason", json!("")), vec!["spec.exceptions[0].reason"]),
        ("an exception that nobody approved", exception("approvedBy", Value::Null), vec!["approvedBy", "Required"]),
        ("an exception for ever", exception("until", Value::Null), vec!["spec.exceptions[0].until", "Required"]),
        (
            "an exception until the 31st of June",
            exception("until", json!("2027-06-31")),
            vec!["until", "is not a date"],
        ),
        (
            "an agreement without address",
            duty(json!({ "agreement": { "type": "Contract" } })),
            vec!["spec.duties[0].agreement.uri", "Required"],
        ),
        (
            "a bad label key",
            selector(json!({ "matchLabels": { "a b": "c" } })),
            vec!["spec.selector.matchLabels", "label key"],
        ),
        (
            "a bad label value",
            selector(json!({ "matchLabels": { "a": "b c" } })),
            vec!["spec.selector.matchLabels", "label value"],
        ),
        (
            "an unknown operator",
            expression(json!({ "key": "a", "operator": "Like", "values": ["b"] })),
            vec!["spec.selector.matchExpressions[0].operator", "\"NotIn\""],
        ),
        (
            "In without values",
            expression(json!({ "key": "a", "operator": "In" })),
            vec!["spec.selector.matchExpressions[0]", "In and NotIn need values"],
        ),
        (
            "Exists with values",
            expression(json!({ "key": "a", "operator": "Exists", "values": ["b"] })),
            vec!["spec.selector.matchExpressions[0]", "Exists and DoesNotExist take none"],
        ),
        (
            "too long an escalation",
            contact(json!({ "escalation": "x".repeat(257) })),
            vec!["contact.escalation", "may not be more than 256"],
        ),
        (
            "too many duties",
            spec(json!({ "duties": (0..65).map(|_| held_by("team", &["node-os"])).collect::<Vec<_>>() })),
            vec!["spec.duties", "must have at most 64 items"],
        ),
        (
            "a misspelt service model",
            spec(json!({ "serviceModel": "Kaas" })),
            vec!["spec.serviceModel", "unknown service model \"Kaas\"", "ManagedNodes"],
        ),
        (
            "a selector of a value that is missing",
            selector(json!({ "matchLabels": { "app": null } })),
            vec!["spec.selector.matchLabels", "at least 1"],
        ),
        ("an oddly spelt layer", duty(json!({ "layers": ["example.com/"] })), vec!["spec.duties[0].layers[0]"]),
        (
            "a label key with an empty part",
            selector(json!({ "matchLabels": { "a..b/c": "d" } })),
            vec!["spec.selector.matchLabels", "label key"],
        ),
        (
            "an exception for a reason that commands the terminal",
            exception("reason", json!("\u{1b}[2J a cache")),
            vec!["reason", "write it in one line"],
        ),
        (
            "an exception for a reason in two lines",
            exception("reason", json!("a cache\nWARN x")),
            vec!["reason", "write it in one line"],
        ),
        (
            "an approver whose name is written backwards",
            exception("approvedBy", json!("\u{202e}otc")),
            vec!["approvedBy", "write it in one line"],
        ),
        (
            "a contact with an invisible character",
            contact(json!({ "escalation": "#shop\u{200b}" })),
            vec!["escalation", "write it in one line"],
        ),
        ("an exception for blank reasons", exception("reason", json!(" ")), vec!["reason", "not blanks only"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_the_field_and_what_to_write() {
    let ns = shared().await.namespace("refused");
    // The object without the mistake is accepted, so no case is rejected for another reason.
    ns.apply(&[assignment("good", spec(json!({})))]);
    let mut wrong = Vec::new();
    for (case, spec, expected) in refused() {
        let mut object = assignment("bad", spec);
        object["metadata"]["namespace"] = ns.name.into();
        let answer = ns.cluster.refuse(&object);
        let missing: Vec<&str> = expected.into_iter().filter(|words| !answer.contains(words)).collect();
        if !missing.is_empty() {
            wrong.push(format!("{case}: {missing:?} is not in: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_cluster_assignment_is_refused() {
    let cluster = shared().await;
    let empty = json!({
        "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ClusterResponsibilityAssignment",
        "metadata": { "name": "empty" }, "spec": {},
    });
    let answer = cluster.refuse(&empty);
    assert!(answer.contains("spec") && answer.contains("write duties, parties or serviceModel"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_field_is_refused_by_kubectl() {
    let ns = shared().await.namespace("misspelt");
    let mut object = assignment("misspelt", spec(json!({ "partys": team() })));
    object["metadata"]["namespace"] = ns.name.into();
    let answer = ns.cluster.kubectl_with_input(&["apply", "-f", "-"], &[object]);
    let words = String::from_utf8(answer.stderr).unwrap();
    assert!(!answer.status.success() && words.contains("unknown field") && words.contains("partys"), "{words}");
}

/// Returns this number of distinct layers: the built-in ones and qualified ones.
fn layers(count: usize) -> Vec<String> {
    let own = (0..).map(|number| format!("layers.example/l{number:02}"));
    all_layers().into_iter().map(str::to_owned).chain(own).take(count).collect()
}

/// Returns a selector with the maximum length of every list.
fn maximal_selector() -> Value {
    let key = |number: usize| format!("{}.example/{number:063}", "a".repeat(63));
    let labels: serde_json::Map<String, Value> = (0..32).map(|number| (key(number), json!("v".repeat(63)))).collect();
    let values: Vec<String> = (0..32).map(|number| format!("{number:063}")).collect();
    let expressions: Vec<Value> =
        (0..16).map(|number| json!({ "key": key(number), "operator": "NotIn", "values": values })).collect();
    json!({ "matchLabels": labels, "matchExpressions": expressions })
}

/// Returns a spec with the maximum length of every list and string.
fn maximal_spec(accepts: bool) -> Value {
    let link = format!("https://example.com/{}", "a".repeat(490));
    let party = |number: usize| {
        let mut party = json!({
            "name": format!("{number:063}"),
            "role": "ThirdParty",
            "contact": { "email": format!("{}@example.com", "a".repeat(242)), "url": link, "escalation": "e".repeat(256) },
            "acknowledgement": { "by": "b".repeat(254), "at": "2026-11-01", "digest": "d".repeat(64) },
            "evidence": (0..16).map(|_| json!({
                "type": "t".repeat(63), "validUntil": "2027-11-01", "layers": layers(32),
                "reviewedBy": "r".repeat(254), "reviewedAt": "2026-11-01",
            })).collect::<Vec<_>>(),
        });
        if accepts {
            party["accepts"] = json!(layers(32));
        }
        party
    };
    let holder = format!("{:063}", 0);
    let duty = json!({
        "layers": layers(32), "provider": holder, "customer": holder, "accountable": holder,
        "agreement": { "uri": link, "type": "t".repeat(63), "validUntil": "2027-11-01", "layers": layers(32) },
    });
    let exceptions: Vec<Value> = layers(64)
        .into_iter()
        .map(|layer| json!({ "layer": layer, "reason": "r".repeat(512), "approvedBy": "a".repeat(254), "until": "2027-06-30" }))
        .collect();
    json!({
        "selector": maximal_selector(),
        "serviceModel": "m".repeat(253),
        "declares": layers(32),
        "accountable": holder,
        "parties": (0..32).map(party).collect::<Vec<_>>(),
        "duties": vec![duty; 64],
        "exceptions": exceptions,
        "review": { "lastAt": "2026-11-01", "everyDays": 1826, "graceDays": 365 },
    })
}

/// The CEL rules must run on the largest valid object. The cost estimate of the API server does not guarantee that.
#[tokio::test(flavor = "multi_thread")]
async fn a_maximal_object_of_each_kind_is_accepted_and_evaluated() {
    let ns = shared().await.namespace("maximal");
    let mut namespaced = assignment("maximal", maximal_spec(false));
    namespaced["metadata"]["namespace"] = ns.name.into();
    let mut cluster = cluster_assignment("maximal", ns.name, maximal_spec(true));
    cluster["spec"]["namespaceSelector"] = maximal_selector();
    for object in [&namespaced, &cluster] {
        // Create, not apply: the annotation with the last applied object has a smaller limit than the object.
        let created = ns.cluster.kubectl_with_input(&["create", "-f", "-"], std::slice::from_ref(object));
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    }
    let status = ns.status("maximal", |status| !status.conditions.is_empty()).await;
    assert_eq!(condition(&status, "Accepted"), "False ServiceModelNotFound");
    assert_eq!(condition(&status, "Covered"), "Unknown ServiceModelNotFound");
    ns.cluster.cluster_status("maximal", |status| !status.conditions.is_empty()).await;
    ns.cluster.kubectl(&["delete", "crassign", "maximal"]);
}

#[test]
fn the_definitions_under_crds_are_those_of_the_types() {
    let printed =
        std::process::Command::new(env!("CARGO_BIN_EXE_responsibility-operator")).arg("crds").output().unwrap();
    assert!(printed.status.success());
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/crds/crds.yaml")).unwrap();
    assert!(
        String::from_utf8(printed.stdout).unwrap() == kept,
        "crds/crds.yaml is not what the types say; run: make generate"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn meaningless_input_is_accepted_and_becomes_a_finding_in_plain_words() {
    let alone = shared().await.namespace("meaningless-party");
    alone.apply(&[
        deployment("web", &json!({})),
        assignment(
            "typo",
            json!({ "parties": team(), "duties": [held_by("taem", &["application-code"]), held_by("team", &["access-control"])] }),
        ),
    ]);
    let ns = shared().await.namespace("meaningless");
    ns.apply(&[
        deployment("web", &json!({})),
        assignment("model", spec(json!({ "serviceModel": "kaas", "selector": { "matchLabels": { "app": "web" } } }))),
        assignment("own-layer", spec(json!({ "declares": ["example.com/ai-models"] }))),
        assignment("nothing", spec(json!({ "selector": { "matchLabels": { "app": "wbe" } } }))),
    ]);
    let typo = alone.status("typo", |status| !layers_with(status, "UnknownParty").is_empty()).await;
    let row = typo.unowned_layers.iter().find(|row| row.layer == "application-code").unwrap();
    assert!(
        row.message.starts_with("\"taem\" is not declared. Add it to spec.parties, or correct the name."),
        "{}",
        row.message
    );
    assert_eq!(condition(&typo, "Covered"), "False GapsFound");

    let model = ns.status("model", |status| !status.conditions.is_empty()).await;
    assert_eq!(condition(&model, "Accepted"), "False ServiceModelNotFound");
    let accepted = model.conditions.iter().find(|condition| condition.type_ == "Accepted").unwrap();
    assert!(accepted.message.contains("\"kaas\"") && accepted.message.contains("CaaS"), "{}", accepted.message);

    let own_layer = ns.status("own-layer", |status| !status.conditions.is_empty()).await;
    assert_eq!(condition(&own_layer, "Accepted"), "True LayersIgnored");
    let nothing = ns.status("nothing", |status| !status.conditions.is_empty()).await;
    assert_eq!(condition(&nothing, "Covered"), "Unknown MatchesNothing");
}
