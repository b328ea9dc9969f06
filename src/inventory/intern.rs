//! Shares equal values in memory.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// A set of shared values. When the set has doubled, it drops the values that nothing else refers to.
#[derive(Debug)]
pub(super) struct Interner<T: ?Sized> {
    values: HashSet<Arc<T>>,
    sweep_at: usize,
}

/// The number of values below which the set is not swept.
const SWEEP_FLOOR: usize = 1024;

impl<T: ?Sized + Eq + Hash> Default for Interner<T> {
    fn default() -> Self {
        Self { values: HashSet::new(), sweep_at: SWEEP_FLOOR }
    }
}

impl<T: ?Sized + Eq + Hash> Interner<T> {
    /// Replaces a value by the equal value of the set; adds it if there is none.
    pub(super) fn share(&mut self, value: &mut Arc<T>) {
        if let Some(shared) = self.values.get(value) {
            value.clone_from(shared);
            return;
        }
        if self.values.len() >= self.sweep_at {
            self.values.retain(|value| Arc::strong_count(value) > 1);
            self.sweep_at = SWEEP_FLOOR.max(self.values.len() * 2);
        }
        self.values.insert(value.clone());
    }
}

impl<T: Eq + Hash> Interner<T> {
    /// Returns the shared value that is equal to this one.
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
        assert!(interner.values.len() <= SWEEP_FLOOR + 1, "{}", interner.values.len());
        assert!(Arc::ptr_eq(&kept, &interner.intern(0)));
    }
}
