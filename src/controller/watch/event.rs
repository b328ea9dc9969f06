//! Events of the watches: the one input of the engine.

use super::watched_kind::{Problem, WatchedKind};
use crate::controller::observed::{ObservedAssignment, ObservedServiceModel};
use crate::facts::{Delta, Listed, ObjectName, PublishedReport};

/// One event of a watch or of discovery.
#[derive(Debug)]
pub(in crate::controller) enum WatchEvent {
    /// A fact changed.
    Change(Delta),
    /// An assignment was created or changed.
    Assignment(Box<ObservedAssignment>),
    /// A ServiceModel was created or changed.
    ServiceModel(Box<ObservedServiceModel>),
    /// A Report of the operator was created or changed.
    OwnReport(ObjectName, Box<PublishedReport>),
    /// A kind was listed completely and is watched.
    Synced(WatchedKind),
    /// A kind cannot be read.
    Unreadable(WatchedKind, Problem),
    /// The API server no longer serves an optional kind: its objects no longer count.
    Removed(WatchedKind),
    /// True if the API server serves a policy API other than NetworkPolicy.
    OtherPolicyApis(bool),
}

impl WatchEvent {
    /// Adds the name of the event's object to the list that is being read.
    pub(super) fn record_in(&self, listed: &mut Listed) {
        match self {
            Self::Change(delta) => listed.insert(delta),
            Self::Assignment(observed) => listed.insert_assignment(&observed.id),
            Self::ServiceModel(observed) => drop(listed.names.insert(ObjectName::cluster(&observed.name))),
            Self::OwnReport(name, _) => drop(listed.names.insert(name.clone())),
            Self::Synced(_) | Self::Unreadable(..) | Self::Removed(_) | Self::OtherPolicyApis(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::facts::ListedKind;

    #[test]
    fn an_object_that_does_not_parse_is_listed_all_the_same() {
        let mut listed = Listed::empty(ListedKind::Assignments, None);
        let assignment =
            json!({ "metadata": { "name": "shop", "namespace": "shop" }, "spec": { "parties": "everybody" } });
        let observed = ObservedAssignment::namespaced(&serde_json::from_value(assignment).unwrap());
        assert!(observed.spec.is_err());
        WatchEvent::Assignment(Box::new(observed)).record_in(&mut listed);
        let model = json!({ "metadata": { "name": "ours" }, "spec": { "extends": "NoModel" } });
        let observed = ObservedServiceModel::new(&serde_json::from_value(model).unwrap());
        assert!(observed.spec.is_err());
        WatchEvent::ServiceModel(Box::new(observed)).record_in(&mut listed);
        assert_eq!(listed.names.len(), 2);
    }
}
