//! What a pod template leaves undone of its own security.

/// Something that a pod template leaves undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcoming {
    /// An image is named by a tag, which may mean another image tomorrow.
    UnpinnedImage,
    /// An image comes from a registry that is not among the allowed ones.
    ForeignRegistry,
    /// A container says not how much memory or processor time it needs.
    NoRequests,
    /// A container may take all the memory of its node.
    NoMemoryLimit,
    /// A container may run as root.
    MayRunAsRoot,
    /// A container may gain more privileges than it began with.
    MayEscalate,
    /// A container keeps capabilities that are given by default.
    KeepsCapabilities,
    /// A container runs without a seccomp profile.
    NoSeccompProfile,
    /// A folder of the host is mounted, whether it can be written or not.
    MountsHost,
}

/// A set of [`Shortcoming`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shortcomings(u16);

impl Shortcomings {
    /// The set with `shortcoming` added when `condition` holds.
    #[must_use]
    pub const fn with_if(self, shortcoming: Shortcoming, condition: bool) -> Self {
        if condition { Self(self.0 | 1 << shortcoming as u8) } else { self }
    }

    /// Whether `shortcoming` is in the set.
    #[must_use]
    pub const fn contains(self, shortcoming: Shortcoming) -> bool {
        self.0 & 1 << shortcoming as u8 != 0
    }

    /// The shortcomings of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
