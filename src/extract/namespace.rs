//! Namespaces: their labels, which the selectors of cluster assignments match.

use std::collections::HashSet;

use k8s_openapi::api::core::v1 as core;
use serde::de::IgnoredAny;

use super::{Extract, Slim};
use crate::inventory::{Delta, Listed};

/// A namespace of which only the metadata counts.
pub type Namespace = Slim<core::Namespace, IgnoredAny>;

impl Extract for Namespace {
    fn delta(&self) -> Delta {
        Delta::Namespace(self.name(), Some(self.labels()))
    }

    fn deletion(&self) -> Delta {
        Delta::Namespace(self.name(), None)
    }

    fn empty_list() -> Listed {
        Listed::Namespaces(HashSet::new())
    }
}
