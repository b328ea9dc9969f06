//! How close a pod template comes to the host it runs on.

/// A way in which a pod reaches past its own boundary into the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAccess {
    /// A container is privileged.
    Privileged,
    /// The host's processes are visible (`hostPID`).
    HostPid,
    /// The host's inter-process communication is shared (`hostIPC`).
    HostIpc,
    /// The host's network is shared (`hostNetwork`).
    HostNetwork,
    /// A container listens on a port of the host (`hostPort`).
    HostPort,
    /// A container has the capability `SYS_ADMIN`.
    SysAdmin,
    /// A folder of the host is mounted and can be written.
    WritableHostPath,
    /// It is a DaemonSet that is known to need such access: an agent of the node.
    KnownAgent,
}

/// A set of [`HostAccess`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostAccesses(u8);

impl HostAccesses {
    /// The set with `access` added when `condition` holds.
    #[must_use]
    pub const fn with_if(self, access: HostAccess, condition: bool) -> Self {
        if condition { Self(self.0 | 1 << access as u8) } else { self }
    }

    /// Whether `access` is in the set.
    #[must_use]
    pub const fn contains(self, access: HostAccess) -> bool {
        self.0 & 1 << access as u8 != 0
    }

    /// Whether one of these is in the set.
    #[must_use]
    pub fn contains_any(self, accesses: &[HostAccess]) -> bool {
        accesses.iter().any(|access| self.contains(*access))
    }

    /// The accesses of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_however_often_and_the_union_holds_both() {
        let privileged = HostAccesses::default().with_if(HostAccess::Privileged, true);
        let twice = privileged.with_if(HostAccess::Privileged, true).with_if(HostAccess::HostPid, false);
        assert_eq!(twice, privileged);
        assert!(twice.contains(HostAccess::Privileged) && !twice.contains(HostAccess::HostPid));
        let both = privileged.union(HostAccesses::default().with_if(HostAccess::KnownAgent, true));
        assert!(
            both.contains_any(&[HostAccess::HostIpc, HostAccess::KnownAgent]) && both.contains(HostAccess::Privileged)
        );
        assert!(!both.contains_any(&[HostAccess::HostIpc, HostAccess::SysAdmin]));
    }
}
