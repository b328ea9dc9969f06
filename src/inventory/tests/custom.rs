//! Custom signals, and their results.

use std::sync::LazyLock;

use serde_json::json;

use super::build::{child, inventory_under, itself, key, namespaced, showing, written};
use super::generate::{Dice, NAMESPACES, TODAY, days_from_today};
use super::shown::evaluations;
use crate::facts::{
    Availability, ChildFacts, CustomFinding, CustomTarget, Delta, FactKind, Facts, KindAndName, ObjectName,
    Requirement, Selector, WorkloadReference,
};
use crate::inventory::Inventory;
use crate::matrix::{LayerTriggers, ServiceModel};
use crate::model::SignalVerdict;
use crate::signals::{CustomSignal, SignalSettings};

/// Parsed once.
static SIGNALS: LazyLock<SignalSettings> = LazyLock::new(signals);

/// Returns two signals for one kind, and one for a cluster-scoped kind.
pub(super) fn settings() -> SignalSettings {
    SIGNALS.clone()
}

fn signals() -> SignalSettings {
    let signal = |name: &str, kind: &str, scope: &str| -> CustomSignal {
        let written = json!({
            "name": name, "group": "example.com", "version": "v1", "kind": kind, "plural": format!("{kind}s").to_lowercase(),
            "scope": scope, "layer": "backup-recovery", "duty": "Customer",
            "rules": [{"path": "at", "newerThan": "3d"}],
        });
        serde_json::from_value(written).unwrap()
    };
    let all = [
        signal("plan", "Plan", "Namespaced"),
        signal("plan-of-old", "Plan", "Namespaced"),
        signal("site", "Site", "Cluster"),
    ];
    SignalSettings::default().with_custom(&all).unwrap()
}

/// Returns every kind that only signals read, including the kinds of these signals.
pub(super) fn fact_kinds() -> Vec<FactKind> {
    FactKind::BUILT_IN.into_iter().chain(SIGNALS.custom().map(|objects| objects.fact_kind())).collect()
}

/// Generates the results of these signals for an object.
pub(super) fn findings(dice: &mut Dice) -> Facts {
    let finding = |dice: &mut Dice, signal| CustomFinding {
        signal,
        about: about(dice),
        outcome: match dice.roll(3) {
            0 => Err("it is odd".into()),
            truth => Ok(truth == 1),
        },
        until: dice.some(2, super::generate::some_day),
    };
    let (one, other) = (finding(dice, 0), dice.some(2, |dice| finding(dice, 1)));
    Facts::Custom([one].into_iter().chain(other).collect())
}

fn about(dice: &mut Dice) -> CustomTarget {
    match dice.roll(4) {
        0 => CustomTarget::All,
        1 => {
            let value = dice.pick(&["a", "b"]).to_owned();
            CustomTarget::Pods(Selector::new(vec![Requirement::In("app".to_owned(), vec![value])]))
        }
        _ => {
            let kind = dice.pick(&["Deployment", "ReplicaSet"]).into();
            let object = KindAndName { kind, name: format!("w{}", dice.roll(3)).into() };
            let namespace = dice.pick(&[NAMESPACES[0], NAMESPACES[1]]).into();
            CustomTarget::Workloads([WorkloadReference { namespace, object }].into())
        }
    }
}

/// Returns an index with a Deployment that uses storage, and with a cluster-scoped object about `about` that passes
/// until the end of today.
fn with_site(about: CustomTarget) -> Inventory {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(itself(key("Deployment", "shop", "web"), showing("web", &[LayerTriggers::STORAGE])));
    inventory.apply(written(&namespaced("shop", "team"), json!({})));
    let site =
        *fact_kinds().iter().find(|kind| matches!(kind, FactKind::Custom(_)) && kind.is_cluster_scoped()).unwrap();
    inventory.apply(Delta::Availability(site, None, Availability::Read));
    let found = CustomFinding { signal: 0, about, outcome: Ok(true), until: Some(TODAY) };
    inventory.apply(Delta::Facts(site, ObjectName::cluster("all"), Some(Facts::Custom(vec![found]))));
    inventory
}

/// Returns the verdict of the signal `site` for the Deployment.
fn verdict(inventory: &Inventory) -> SignalVerdict {
    let site = inventory.catalogue().find("site").unwrap();
    let found = evaluations(inventory).remove(&key("Deployment", "shop", "web")).unwrap();
    found.results.iter().find(|result| result.signal == site).unwrap().verdict
}

#[test]
fn the_result_of_an_object_of_the_cluster_becomes_stale_by_the_day() {
    let mut inventory = with_site(CustomTarget::All);
    assert_eq!(verdict(&inventory), SignalVerdict::Passed);
    inventory.apply(Delta::Day(days_from_today(1)));
    assert_eq!(verdict(&inventory), SignalVerdict::Stale);
}

#[test]
fn an_object_of_the_cluster_may_be_about_what_a_workload_controls() {
    let object = KindAndName { kind: "ReplicaSet".into(), name: "web-1".into() };
    let mut inventory =
        with_site(CustomTarget::Workloads([WorkloadReference { namespace: "shop".into(), object }].into()));
    assert_eq!(verdict(&inventory), SignalVerdict::Unseen);
    let owner = key("Deployment", "shop", "web");
    inventory.apply(child(&key("ReplicaSet", "shop", "web-1"), &owner, "u", Some(ChildFacts::default())));
    assert_eq!(verdict(&inventory), SignalVerdict::Passed);
    inventory.apply(child(&key("ReplicaSet", "shop", "web-1"), &owner, "u", None));
    assert_eq!(verdict(&inventory), SignalVerdict::Unseen);
}
