//! Sets of layers as one machine word: they are compared and joined for every evaluation.

/// The number of a layer: its position in the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerId(u8);

impl LayerId {
    /// The layer at a position of the matrix; positions are below 64.
    #[must_use]
    pub const fn new(position: u8) -> Self {
        Self(position)
    }

    /// The position in the matrix.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of layers, iterated in matrix order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerSet(u64);

impl LayerSet {
    /// No layer.
    pub const EMPTY: Self = Self(0);

    /// Whether the layer is in the set.
    #[must_use]
    pub const fn contains(self, layer: LayerId) -> bool {
        self.0 & 1 << layer.0 != 0
    }

    /// The layers of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The layers of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The layers of this set that are not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether no layer is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many layers are in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Adds a layer.
    pub const fn insert(&mut self, layer: LayerId) {
        self.0 |= 1 << layer.0;
    }

    /// The layers in matrix order.
    pub fn iter(self) -> impl Iterator<Item = LayerId> {
        (0..64).map(LayerId).filter(move |layer| self.contains(*layer))
    }
}

impl FromIterator<LayerId> for LayerSet {
    fn from_iter<I: IntoIterator<Item = LayerId>>(layers: I) -> Self {
        let mut set = Self::EMPTY;
        layers.into_iter().for_each(|layer| set.insert(layer));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_lists_it_in_matrix_order() {
        let set: LayerSet = [7, 0, 63].into_iter().map(LayerId::new).collect();
        assert_eq!(set.iter().map(LayerId::index).collect::<Vec<_>>(), [0, 7, 63]);
        assert_eq!(set.len(), 3);
        assert!(!set.contains(LayerId::new(1)));
    }

    #[test]
    fn union_intersection_and_difference_are_those_of_sets() {
        let a: LayerSet = [1, 2].into_iter().map(LayerId::new).collect();
        let b: LayerSet = [2, 3].into_iter().map(LayerId::new).collect();
        assert_eq!(a.union(b), [1, 2, 3].into_iter().map(LayerId::new).collect());
        assert_eq!(a.intersection(b), [2].into_iter().map(LayerId::new).collect());
        assert_eq!(a.difference(b), [1].into_iter().map(LayerId::new).collect());
        assert!(a.difference(a).is_empty());
    }
}
