//! Namespaces: their labels, which the selectors of cluster assignments match.

use k8s_openapi::api::core::v1 as core;
use serde::de::IgnoredAny;

use super::{Extract, Extraction, Slim};
use crate::facts::{Delta, ListedKind, NamespaceFacts};

/// A namespace, reduced to its metadata.
pub type Namespace = Slim<core::Namespace, IgnoredAny>;

impl Extract for Namespace {
    const KIND: ListedKind = ListedKind::Namespaces;

    fn delta(&self, _: &Extraction) -> Delta {
        let uid = kube::Resource::meta(self).uid.as_deref().unwrap_or_default().into();
        Delta::Namespace(self.name(), Some(NamespaceFacts { labels: self.labels(), uid }))
    }
}
