//! Facts that a pod template shows about the security of its pods.

use bitflags::bitflags;

bitflags! {
    /// The access of a pod to its node.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct HostAccess: u8 {
        /// A container is privileged.
        const PRIVILEGED = 1;
        /// The pod sees the processes of the node (`hostPID`).
        const HOST_PID = 1 << 1;
        /// The pod shares the inter-process communication of the node (`hostIPC`).
        const HOST_IPC = 1 << 2;
        /// The pod shares the network of the node (`hostNetwork`).
        const HOST_NETWORK = 1 << 3;
        /// A container listens on a port of the node (`hostPort`).
        const HOST_PORT = 1 << 4;
        /// A container has the capability `SYS_ADMIN`.
        const SYS_ADMIN = 1 << 5;
        /// The pod mounts a directory of the node that it can write to.
        const WRITABLE_HOST_PATH = 1 << 6;
        /// The workload is a DaemonSet that is listed as an agent that needs such access.
        const KNOWN_AGENT = 1 << 7;
    }
}

bitflags! {
    /// The security settings that a pod template does not have.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Shortcomings: u16 {
        /// An image is named by a tag, which can point to another image later.
        const UNPINNED_IMAGE = 1;
        /// An image is from a registry that is not in the list of allowed registries.
        const FOREIGN_REGISTRY = 1 << 1;
        /// A container has no requests for memory or CPU.
        const NO_REQUESTS = 1 << 2;
        /// A container has no memory limit.
        const NO_MEMORY_LIMIT = 1 << 3;
        /// A container can run as root.
        const MAY_RUN_AS_ROOT = 1 << 4;
        /// A container can gain more privileges than its parent process.
        const MAY_ESCALATE = 1 << 5;
        /// A container keeps the default capabilities.
        const KEEPS_CAPABILITIES = 1 << 6;
        /// A container has no seccomp profile.
        const NO_SECCOMP_PROFILE = 1 << 7;
        /// The pod mounts a directory of the node, writable or not.
        const MOUNTS_HOST = 1 << 8;
    }
}

/// Returns the set of the flags whose condition is true.
#[must_use]
pub fn set_of<F: FromIterator<F>, const N: usize>(flags: [(F, bool); N]) -> F {
    flags.into_iter().filter_map(|(flag, condition)| condition.then_some(flag)).collect()
}
