//! Numbers of layers and of service models, and sets of them.
//!
//! Each evaluation compares and joins sets. So a set is one 64-bit integer, without an allocation.

use bitflags::bitflags;

/// The maximum number of layers, and of service models, in a matrix, including the built-in ones.
pub(super) const CAPACITY: usize = 64;

/// Defines a number below [`CAPACITY`] and a set of such numbers.
macro_rules! id_and_set {
    ($(#[$id_doc:meta])* $id:ident, $(#[$set_doc:meta])* $set:ident) => {
        $(#[$id_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $id(u8);

        impl $id {
            /// Returns the number of a position, which is below 64.
            #[must_use]
            pub const fn new(position: u8) -> Self {
                Self(position)
            }

            /// Returns the position.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        bitflags! {
            $(#[$set_doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $set: u64 {
                const _ = !0;
            }
        }

        impl $set {
            /// Returns the set with one element.
            #[must_use]
            pub const fn of(id: $id) -> Self {
                Self::from_bits_retain(1 << id.0)
            }

            /// Returns true if the element is in the set.
            #[must_use]
            pub const fn has(self, id: $id) -> bool {
                self.contains(Self::of(id))
            }

            /// Returns the number of elements.
            #[must_use]
            pub const fn len(&self) -> usize {
                self.bits().count_ones() as usize
            }

            /// Returns the elements in ascending order.
            pub fn ids(self) -> impl Iterator<Item = $id> {
                (0..64).map($id).filter(move |id| self.has(*id))
            }
        }

        impl FromIterator<$id> for $set {
            fn from_iter<I: IntoIterator<Item = $id>>(ids: I) -> Self {
                ids.into_iter().map(Self::of).collect()
            }
        }
    };
}

id_and_set! {
    /// The number of a layer: its position in the matrix.
    LayerId,
    /// A set of layers.
    LayerSet
}

id_and_set! {
    /// The number of a service model: the built-in ones in the order of the matrix, then those of the cluster by name.
    ModelId,
    /// A set of service models. A workload with several service models owes the duties of all of them.
    ModelSet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_lists_it_in_matrix_order() {
        let set: LayerSet = [7, 0, 63].into_iter().map(LayerId::new).collect();
        assert_eq!(set.ids().map(LayerId::index).collect::<Vec<_>>(), [0, 7, 63]);
        assert_eq!(set.len(), 3);
        assert!(!set.has(LayerId::new(1)));
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
