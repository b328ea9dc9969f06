//! PodDisruptionBudgets: the selected pods, and budgets that never allow an eviction.

use k8s_openapi::api::policy::v1 as policy;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

use super::network_policy::PodSelector;
use super::{Extract, Extraction, Slim};
use crate::facts::{BudgetFacts, Delta, FactKind, Facts, ListedKind};

/// A PodDisruptionBudget, reduced to the fields that the operator reads.
pub type PodDisruptionBudget = Slim<policy::PodDisruptionBudget, Spec, Status>;

/// The decoded part of the spec of a PodDisruptionBudget.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    selector: Option<PodSelector>,
    min_available: Option<IntOrString>,
    max_unavailable: Option<IntOrString>,
}

/// The decoded part of the status of a PodDisruptionBudget.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    expected_pods: i32,
}

impl Spec {
    /// Returns true if it never allows a pod to be evicted, however many are healthy. The currently allowed disruptions
    /// are not used: they change with each rollout.
    fn blocks(&self, expected_pods: i32) -> bool {
        let requires_all = match &self.min_available {
            Some(IntOrString::Int(least)) => expected_pods > 0 && *least >= expected_pods,
            Some(IntOrString::String(share)) => share == "100%" || requires_all_pods(share, expected_pods),
            None => false,
        };
        let allows_none = match &self.max_unavailable {
            Some(IntOrString::Int(most)) => *most == 0,
            Some(IntOrString::String(share)) => share == "0%",
            None => false,
        };
        requires_all || allows_none
    }
}

/// Returns true if a share, such as `67%`, of the expected pods is all of them. The share is rounded up.
fn requires_all_pods(share: &str, expected_pods: i32) -> bool {
    let percent = share.strip_suffix('%').and_then(|percent| percent.parse::<u32>().ok());
    let expected = u64::try_from(expected_pods).unwrap_or_default();
    percent.is_some_and(|percent| expected > 0 && (u64::from(percent) * expected).div_ceil(100) >= expected)
}

impl Extract for PodDisruptionBudget {
    const KIND: ListedKind = ListedKind::Facts(FactKind::Budgets);

    fn delta(&self, _: &Extraction) -> Delta {
        // In policy/v1 an empty selector selects all pods of the namespace, and a missing selector selects no pod.
        let facts = self.spec.selector.as_ref().map(|selector| {
            Facts::Budget(BudgetFacts { pods: selector.read(), blocks: self.spec.blocks(self.status.expected_pods) })
        });
        Delta::Facts(FactKind::Budgets, self.object_name(), facts)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn facts(spec: &Value, expected_pods: i32) -> Option<BudgetFacts> {
        let object = json!({
            "metadata": { "name": "web", "namespace": "shop" },
            "spec": spec,
            "status": { "expectedPods": expected_pods },
        });
        let budget: PodDisruptionBudget = serde_json::from_value(object).unwrap();
        match budget.delta(&Extraction::default()) {
            Delta::Facts(FactKind::Budgets, _, facts) => facts.map(|facts| match facts {
                Facts::Budget(budget) => budget,
                other => panic!("{other:?}"),
            }),
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case::one_may_go(json!({ "maxUnavailable": 1 }), false)]
    #[case::none_may_go(json!({ "maxUnavailable": 0 }), true)]
    #[case::no_share_may_go(json!({ "maxUnavailable": "0%" }), true)]
    #[case::a_share_may_go(json!({ "maxUnavailable": "25%" }), false)]
    #[case::all_but_one_stay(json!({ "minAvailable": 2 }), false)]
    #[case::all_stay(json!({ "minAvailable": 3 }), true)]
    #[case::the_whole_share_stays(json!({ "minAvailable": "100%" }), true)]
    #[case::a_share_that_is_rounded_up_to_all(json!({ "minAvailable": "67%" }), true)]
    #[case::a_share_that_leaves_one(json!({ "minAvailable": "66%" }), false)]
    #[case::nothing_is_said(json!({}), false)]
    fn a_budget_blocks_when_it_never_lets_one_of_three_pods_go(#[case] mut spec: Value, #[case] expected: bool) {
        spec["selector"] = json!({ "matchLabels": { "app": "web" } });
        assert_eq!(facts(&spec, 3).unwrap().blocks, expected, "{spec}");
    }

    #[test]
    fn an_empty_selector_selects_all_pods_and_none_selects_none() {
        assert_eq!(facts(&json!({ "selector": {} }), 1).unwrap().pods, None);
        assert_eq!(facts(&json!({ "maxUnavailable": 1 }), 1), None);
    }

    #[test]
    fn a_budget_for_pods_that_are_not_there_yet_blocks_nothing() {
        assert!(!facts(&json!({ "selector": {}, "minAvailable": 1 }), 0).unwrap().blocks);
    }
}
