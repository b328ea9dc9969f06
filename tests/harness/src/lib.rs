//! A real Kubernetes control plane on loopback for the tests and the demo.
//!
//! etcd, kube-apiserver, kube-controller-manager and kubectl are built once per version from pinned Go modules
//! (`tests/control-plane`) into the cache folder of the user, or downloaded there (see [`Assets`]). A control plane is
//! ready within seconds and uses free ports and its own folder. It ends when the process that started it ends, even if
//! that process is killed. This crate never reads `KUBECONFIG` or the current context.

mod access;
mod assets;
mod chart;
mod components;
mod control_plane;
mod definitions;
mod fault_proxy;
mod history;
mod node_cluster;
mod operator;
mod supervised;

pub use access::Access;
pub use assets::{Assets, Tool};
pub use chart::Chart;
pub use components::output;
pub use control_plane::ControlPlane;
pub use definitions::loose_definition;
pub use fault_proxy::{Call, Fault, FaultProxy, Target};
pub use node_cluster::{NodeCluster, POD_IMAGE, Sandbox, resident_memory, sandboxed};
pub use operator::Operator;
pub use supervised::Supervised;
