//! Each signal passes, fails and is unknown on a real API server: in the output of `explain`, and in the status of an
//! assignment.

mod nodes;
mod objects;
mod workloads;

use std::collections::BTreeSet;

use harness::Access;
use jiff::ToSpan;
use jiff::civil::Date;
use responsibility_operator::api::{AssignmentStatus, Fulfilment, UnfulfilledDuty};
use responsibility_operator::controller::{Explanation, Options, Unexplained, explain};
use responsibility_operator::facts::{WorkloadKey, WorkloadKind};
use responsibility_operator::matrix::{Duty, ServiceModel};
use responsibility_operator::model::EvaluationSettings;
use responsibility_operator::signals::SIGNALS;
use serde_json::{Value, json};

use crate::support::*;

/// ServiceAccount of the operator.
const OPERATOR: &str = "responsibility-operator";

/// Duty that a signal is about.
type Of = (&'static str, Duty);

/// Day of the clock of a test. Other dates are relative to it.
#[derive(Clone, Copy)]
struct Today(Date);

impl Today {
    /// Returns the day this number of days from now, so that a new object has this age.
    fn in_days(days: i32) -> Self {
        Self(in_days(days).parse().unwrap())
    }

    fn plus(self, days: i32) -> String {
        self.0.saturating_add(days.days()).to_string()
    }
}

/// Returns settings with the default service model CaaS.
fn settings() -> EvaluationSettings {
    EvaluationSettings { default_model: Some(ServiceModel::Caas), ..EvaluationSettings::default() }
}

/// Creates a ServiceAccount with the permissions of the operator, except those on these resources.
async fn account_without(cluster: &Cluster, name: &str, resources: &[&str]) {
    let role = cluster.kubectl(&["get", "clusterrole", "responsibility-operator", "-o", "json"]);
    let mut role: Value = serde_json::from_str(&role).unwrap();
    role["metadata"] = json!({ "name": name });
    for rule in role["rules"].as_array_mut().unwrap() {
        rule["resources"].as_array_mut().unwrap().retain(|resource| !resources.contains(&resource.as_str().unwrap()));
    }
    role["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"] != json!([]));
    cluster.apply(&[role]);
    let account = format!("{SYSTEM}:{name}");
    cluster.kubectl(&["create", "serviceaccount", name, "-n", SYSTEM]);
    let role = format!("--clusterrole={name}");
    cluster.kubectl(&["create", "clusterrolebinding", name, &role, "--serviceaccount", &account]);
    let user = format!("--as=system:serviceaccount:{account}");
    eventually("the API server knows the rights", async || {
        let mut kubectl = cluster.control_plane.kubectl();
        kubectl.args(["auth", "can-i", "list", "clusterroles", &user]).output().unwrap().status.success()
    })
    .await;
}

/// Explains a workload with the permissions of a ServiceAccount.
async fn explained(
    cluster: &Cluster,
    account: &str,
    options: Options,
    (namespace, kind, name): (&str, WorkloadKind, &str),
) -> Result<Explanation, Unexplained> {
    let key = WorkloadKey { namespace: namespace.into(), kind, name: name.into() };
    explain(cluster.client_of(account).await.into(), options, &key).await
}

/// Returns the fulfilment of a duty, and the results of its signals, each as `words (signal)`.
fn duty(explanation: &Explanation, (layer, duty): Of) -> (Fulfilment, Vec<&str>) {
    let found = explanation.duties.iter().find(|found| found.layer == layer && found.duty == duty);
    let found = found.unwrap_or_else(|| panic!("no {duty:?} duty of {layer}: {explanation:#?}"));
    (found.fulfilled, found.why.split("; ").collect())
}

/// Returns the fulfilment of a duty, if exactly one signal reports these words.
fn fulfilment_where(explanation: &Explanation, of: Of, signal: &str, words: &str) -> Fulfilment {
    let (fulfilment, said) = duty(explanation, of);
    let by_signal: Vec<&&str> = said.iter().filter(|said| said.ends_with(&format!(" ({signal})"))).collect();
    assert_eq!(by_signal, [&format!("{words} ({signal})")], "{of:?}: {said:?}");
    fulfilment
}

/// Returns the failure of a signal in a status.
fn failure<'a>(status: &'a AssignmentStatus, signal: &str) -> Option<&'a UnfulfilledDuty> {
    status.unfulfilled.iter().find(|row| row.signal == signal)
}

#[test]
fn no_signal_is_without_a_case_in_which_it_passes_one_in_which_it_fails_and_one_in_which_it_does_not_know() {
    let all: BTreeSet<&str> = SIGNALS.iter().map(|signal| signal.id).collect();
    let cases: Vec<&str> = workloads::signals().chain(nodes::signals()).collect();
    assert_eq!(cases.len(), all.len(), "each has its cases in one place: {cases:?}");
    assert_eq!(cases.into_iter().collect::<BTreeSet<_>>(), all);
}
