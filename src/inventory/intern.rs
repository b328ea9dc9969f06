//! Equal values kept once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// A set of shared values. Values that nobody else holds any more are dropped when the set has doubled.
#[derive(Debug)]
pub(super) struct Interner<T: ?Sized> {
    known: HashSet<Arc<T>>,
    sweep_at: usize,
}

/// Below this many values a sweep is not worth its time.
const SWEEP_FLOOR: usize = 1024;

impl<T: ?Sized + Eq + Hash> Default for Interner<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), sweep_at: SWEEP_FLOOR }
    }
}

impl<T: ?Sized + Eq + Hash> Interner<T> {
    /// Replaces a value by the one that is kept.
    pub(super) fn share(&mut self, value: &mut Arc<T>) {
        if let Some(known) = self.known.get(value) {
            value.clone_from(known);
            return;
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.sweep_at = SWEEP_FLOOR.max(self.known.len() * 2);
        }
        self.known.insert(value.clone());
    }
}

impl<T: Eq + Hash> Interner<T> {
    /// The one that is kept of all values equal to this one.
    pub(super) fn intern(&mut self, value: T) -> Arc<T> {
        let mut shared = Arc::new(value);
        self.share(&mut shared);
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_kept_once_and_unused_ones_are_dropped() {
        let mut interner = Interner::default();
        let kept = interner.intern(0);
        assert!(Arc::ptr_eq(&kept, &interner.intern(0)));
        for value in 1..10_000 {
            interner.intern(value);
        }
        assert!(interner.known.len() <= SWEEP_FLOOR + 1, "{}", interner.known.len());
        assert!(Arc::ptr_eq(&kept, &interner.intern(0)));
    }
}
