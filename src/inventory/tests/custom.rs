//! Signals of the configuration, and what they may find.

use std::sync::LazyLock;

use serde_json::json;

use super::generate::{Dice, NAMESPACES};
use crate::model::{Requirement, Selector};
use crate::signals::{About, CustomSignal, FactKind, Facts, Finding, Reference, Settings, Subject};

/// Read once: their expressions are parsed.
static SIGNALS: LazyLock<Settings> = LazyLock::new(signals);

/// Two signals that look at one kind, and one that looks at a kind of the cluster.
pub(super) fn settings() -> Settings {
    SIGNALS.clone()
}

fn signals() -> Settings {
    let signal = |name: &str, kind: &str, scope: &str| -> CustomSignal {
        let written = json!({
            "name": name, "group": "example.com", "version": "v1", "kind": kind, "plural": format!("{kind}s").to_lowercase(),
            "scope": scope, "layer": "backup-recovery", "duty": "Customer", "expression": "true",
            "seenAt": "object.at", "maxAgeDays": 3,
        });
        serde_json::from_value(written).unwrap()
    };
    let all = [
        signal("plan", "Plan", "Namespaced"),
        signal("plan-of-old", "Plan", "Namespaced"),
        signal("site", "Site", "Cluster"),
    ];
    Settings::default().with_custom(&all).unwrap()
}

/// Every kind that is read for signals only where these signals are looked at.
pub(super) fn fact_kinds() -> Vec<FactKind> {
    FactKind::BUILT_IN.into_iter().chain(SIGNALS.custom().map(|objects| objects.fact_kind())).collect()
}

/// What they may find in an object.
pub(super) fn findings(dice: &mut Dice) -> Facts {
    let finding = |dice: &mut Dice, signal| Finding {
        signal,
        about: about(dice),
        outcome: match dice.roll(3) {
            0 => Err("it is odd".into()),
            truth => Ok(truth == 1),
        },
        day: dice.some(2, super::generate::some_day),
    };
    let (one, other) = (finding(dice, 0), dice.some(2, |dice| finding(dice, 1)));
    Facts::Custom([one].into_iter().chain(other).collect())
}

fn about(dice: &mut Dice) -> About {
    match dice.roll(4) {
        0 => About::All,
        1 => {
            let value = dice.pick(&["a", "b"]).to_owned();
            About::Pods(Selector::new(vec![Requirement::In("app".to_owned(), vec![value])]))
        }
        _ => {
            let kind = dice.pick(&["Deployment", "ReplicaSet"]).into();
            let subject = Subject { kind, name: format!("w{}", dice.roll(3)).into() };
            let namespace = dice.pick(&[NAMESPACES[0], NAMESPACES[1]]).into();
            About::Workloads([Reference { namespace, subject }].into())
        }
    }
}
