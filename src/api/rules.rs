//! The CEL rules of the schemas. The message of each rule says what to write instead.
//!
//! The schema bounds every list and string that a rule iterates over. The API server estimates the cost of a rule from these
//! bounds, and rejects the CRD if the cost is too high. A valid object of maximal size must also stay below the run-time
//! limit, which the estimate does not ensure. A test creates such an object of each kind on a real API server.

use serde_json::{Value, json};

use crate::matrix::{Duty, Matrix, ServiceModel};

/// A lower-case name with the characters of a DNS label.
const NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A label key: an optional DNS prefix and a name of at most 63 characters.
const LABEL_KEY: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/// A label value of at most 63 characters. It can be empty.
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";
/// An https URL without user information and markup, or a mailto URL.
const LINK: &str = "^(https://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?([/?#][-A-Za-z0-9._~:/?#@!$&()*+,;=%]*)?|mailto:[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+)$";
const EMAIL: &str = "^[A-Za-z0-9._%+-]+@[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$";

fn rule(rule: impl Into<String>, message: impl Into<String>) -> Value {
    json!({ "rule": rule.into(), "message": message.into() })
}

fn rule_with_expression(rule: impl Into<String>, expression: impl Into<String>, message: &str) -> Value {
    json!({ "rule": rule.into(), "messageExpression": expression.into(), "message": message })
}

fn matches(pattern: &str) -> String {
    format!("self.matches('{pattern}')")
}

fn layer_names() -> impl Iterator<Item = &'static str> {
    Matrix::built_in().layers().map(|(_, layer)| layer.name.as_str())
}

/// Accepts the names of built-in layers, and qualified names.
pub(super) fn layer_name() -> Value {
    let names: Vec<_> = layer_names().collect();
    let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    json!([rule_with_expression(
        // The pattern of the field checks the syntax of a qualified name. A regular expression here, evaluated for each item
        // of each list, would exceed the cost limit of the schema.
        format!("self in [{}] || self.contains('/')", quoted.join(",")),
        format!("'unknown layer \"' + self + '\"; write one of: {}'", names.join(", ")),
        &format!("unknown layer; write one of: {}", names.join(", ")),
    )])
}

pub(super) fn party_name() -> Value {
    json!([rule(
        matches(NAME),
        "a party's name is lower-case letters, digits and '-', and begins and ends with a letter or digit, such as shop-team"
    )])
}

pub(super) fn service_model() -> Value {
    let names = ServiceModel::ALL.map(ServiceModel::name);
    let quoted = names.map(|name| format!("'{name}'")).join(",");
    let list = names.join(", ");
    json!([rule_with_expression(
        format!("self in [{quoted}] || {}", matches("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")),
        format!("'unknown service model \"' + self + '\"; write one of: {list}'"),
        &format!("write one of: {list}"),
    )])
}

/// Rejects names that differ from a built-in service model only in case. Readers would confuse them, and an object name is
/// always in lower case.
pub(super) fn service_model_name() -> kube::core::Rule {
    let names = ServiceModel::ALL.map(ServiceModel::name);
    let quoted = names.map(|name| format!("'{}'", name.to_lowercase())).join(",");
    kube::core::Rule::new(format!("!(self.metadata.name in [{quoted}])")).message(
        "this is the name of a built-in service model in lower case; choose another name, such as example-saas",
    )
}

pub(super) fn date() -> Value {
    json!([rule_with_expression(
        "!format.date().validate(self).hasValue()",
        "'\"' + self + '\" is not a date; write year, month and day such as 2026-11-30'",
        "write a date as year, month and day such as 2026-11-30",
    )])
}

pub(super) fn link() -> Value {
    json!([rule(
        matches(LINK),
        "write a plain https:// or mailto: address, without a user name, spaces, quotes or angle brackets"
    )])
}

pub(super) fn email() -> Value {
    json!([rule(matches(EMAIL), "write a mail address such as shop@example.com")])
}

pub(super) fn contact() -> Value {
    json!([rule(
        "has(self.email) || has(self.url) || has(self.escalation)",
        "the contact is empty; write email, url or escalation"
    )])
}

pub(super) fn evidence() -> Value {
    json!([rule(
        "has(self.periodEnd) != has(self.validUntil)",
        "write either periodEnd (of an audit period) or validUntil (of a certificate)"
    )])
}

pub(super) fn duty_entry() -> Value {
    json!([rule(
        "has(self.provider) || has(self.customer)",
        "the entry names no party; write provider: PARTY, customer: PARTY, or both"
    )])
}

/// Rejects an empty list, and two parties for the same duty of a layer. There is one rule per layer and duty: a single rule
/// over all pairs of entries exceeds the run-time limit of the API server on a valid object of maximal size.
pub(super) fn duties() -> Value {
    let not_empty =
        rule("size(self) > 0", "name at least one duty, such as {layers: [application-code], customer: shop-team}");
    let duties = layer_names().flat_map(|layer| Duty::ALL.map(|duty| (layer, duty.word())));
    let one_party = duties.map(|(layer, duty)| {
        rule(
            format!(
                "self.all(d, !has(d.{duty}) || !('{layer}' in d.layers) || \
                     self.all(e, !has(e.{duty}) || e.{duty} == d.{duty} || !('{layer}' in e.layers)))"
            ),
            format!("the {duty} duty of {layer} is given to two parties; keep one"),
        )
    });
    std::iter::once(not_empty).chain(one_party).collect()
}

pub(super) fn at_least_one_layer() -> Value {
    json!([rule("size(self) > 0", "name at least one layer, such as application-code")])
}

pub(super) fn label_key() -> Value {
    json!([rule(matches(LABEL_KEY), LABEL_KEY_MESSAGE)])
}

const LABEL_KEY_MESSAGE: &str = "not a label key; write name or prefix/name, such as app.kubernetes.io/part-of";
const LABEL_VALUE_MESSAGE: &str = "not a label value; write at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";

pub(super) fn label_values() -> Value {
    json!([rule(format!("self.all(v, v.matches('{LABEL_VALUE}'))"), LABEL_VALUE_MESSAGE)])
}

pub(super) fn match_labels() -> Value {
    json!([
        rule(format!("self.all(k, size(k) <= 317 && k.matches('{LABEL_KEY}'))"), LABEL_KEY_MESSAGE),
        rule(format!("self.all(k, self[k].matches('{LABEL_VALUE}'))"), LABEL_VALUE_MESSAGE),
    ])
}

pub(super) fn selector_requirement() -> Value {
    json!([rule(
        "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
        "In and NotIn need values; Exists and DoesNotExist take none"
    )])
}

/// A hidden character as in `printable`, in the syntax of RE2, except a line feed at the end: a block in YAML ends with one.
const HIDDEN: &str = r"[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\p{Cf}\\p{Zl}\\p{Zp}]|\\n[\\s\\S]";

/// Accepts a text in one line.
pub(super) fn text() -> Value {
    json!([rule(
        format!("!self.matches('{HIDDEN}')"),
        "the text has a line feed, a control character or an invisible character; write it in one line"
    )])
}

/// Accepts a text in one line that is not blank.
pub(super) fn not_blank() -> Value {
    let Value::Array(mut rules) = text() else { return Value::Null };
    rules.insert(0, rule("self.matches('\\\\S')", "write a text, not blanks only"));
    rules.into()
}

/// Rejects an empty cluster assignment, which would select every namespace without an effect.
pub(super) fn cluster_spec() -> Value {
    json!([rule(
        "has(self.duties) || has(self.parties) || has(self.serviceModel) || has(self.declares) || has(self.exceptions)",
        "the assignment is empty; write duties, parties or serviceModel"
    )])
}

/// Requires duties, and rejects `accepts`. A cluster assignment can contain parties or a service model without duties.
pub(super) fn namespaced_spec() -> Value {
    json!([
        rule(
            "has(self.duties)",
            "name at least one duty, such as duties: [{layers: [application-code], customer: shop-team}]"
        ),
        rule(
            "!has(self.parties) || self.parties.all(p, !has(p.accepts))",
            "accepts is for the parties of a ClusterResponsibilityAssignment; leave it out"
        ),
    ])
}

/// Accepts built-in layers only, and rejects a provider-only cell of a retained layer.
pub(super) fn cell() -> Value {
    let retained: Vec<String> = Matrix::built_in()
        .layers()
        .filter(|(_, layer)| layer.retained)
        .map(|(_, layer)| format!("'{}'", layer.name))
        .collect();
    json!([
        rule("!self.layer.contains('/')", "cells are for built-in layers; define a layer of your own under layers"),
        rule(
            format!("self.owes != 'Provider' || !(self.layer in [{}])", retained.join(",")),
            "this layer is retained: the customer stays accountable for it; write owes: Customer or owes: Shared"
        ),
    ])
}

pub(super) fn layer_definition() -> Value {
    json!([
        rule(
            "self.name.contains('/')",
            "a layer of your own has a qualified name such as example.com/ai-models; built-in layers go under cells"
        ),
        rule(
            "self.owes != 'Shared' || has(self.halves)",
            "a shared layer needs halves: {provider: ..., customer: ...}, which say what each side does"
        ),
    ])
}
