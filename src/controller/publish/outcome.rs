//! Outcome of a write.

/// Outcome of writing one status, or the Reports of one namespace.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::controller) enum WriteOutcome<T> {
    /// The write succeeded.
    Written(T),
    /// There was nothing to write.
    Unchanged,
    /// The object has another version than the watch.
    Conflict,
    /// The API server has no such object, or its namespace is being deleted.
    Gone,
    /// The API is no longer served, or not yet by the API server that responded.
    NotServed,
    /// This replica stopped leading before the write.
    NotLeading,
    /// The write failed and is retried.
    Failed(Failure),
}

/// Reason of a failed write.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::controller) struct Failure {
    /// Part that failures of other objects have in common, for logging it once; `None` if there is none.
    pub(super) class: Option<String>,
    /// Message with the reason.
    pub(in crate::controller) error: String,
}

impl<T> WriteOutcome<T> {
    /// Returns the label value in metrics.
    pub(in crate::controller) const fn name(&self) -> &'static str {
        match self {
            Self::Written(_) => "written",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::NotServed => "not_served",
            Self::NotLeading => "not_leading",
            Self::Failed(_) => "failed",
        }
    }
}

impl Failure {
    pub(in crate::controller) fn new(error: String) -> Self {
        Self { class: Some(error.clone()), error }
    }
}
