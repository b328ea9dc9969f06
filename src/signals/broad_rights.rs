//! Whether the ServiceAccount of a workload may do more than any workload should.

use std::sync::Arc;

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::{BindingFacts, FactKind, Facts, RoleFacts};
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "broad-rights",
    layer: Some("access-control"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[
        Reads::Facts(FactKind::Roles),
        Reads::Facts(FactKind::RoleBindings),
        Reads::Facts(FactKind::ClusterRoles),
        Reads::Facts(FactKind::ClusterRoleBindings),
    ],
    rule: "No role that its ServiceAccount has in the cluster or in its own namespace allows everything on everything, lets it give rights to itself (escalate, bind, \
           impersonate), or lets it read the Secrets of all namespaces.",
    source: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
    threshold: None,
    passed: "its ServiceAccount has no far-reaching rights in the cluster and its namespace",
    failed: "its ServiceAccount has far-reaching rights",
    unseen: "RBAC is not looked at",
    remedy: "bind a role of what it needs",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, _: u32) -> Reading {
    for kind in [FactKind::Roles, FactKind::RoleBindings, FactKind::ClusterRoles, FactKind::ClusterRoleBindings] {
        if let Err(seen) = view.read(kind) {
            return seen;
        }
    }
    let everywhere = bindings(view, true).filter_map(|binding| too_far(view, binding, true));
    let here = bindings(view, false).filter_map(|binding| too_far(view, binding, false));
    everywhere.chain(here).next().unwrap_or_else(|| Reading::passed_if(true))
}

/// The bindings of its ServiceAccounts, those of the cluster or those of its namespace.
fn bindings<'a>(view: &'a WorkloadInput<'_>, of_cluster: bool) -> impl Iterator<Item = &'a BindingFacts> {
    let (signal_index, kind) = if of_cluster {
        (view.cluster, FactKind::ClusterRoleBindings)
    } else {
        (view.namespace, FactKind::RoleBindings)
    };
    let of_service_accounts = |binding: &&BindingFacts| {
        view.facts.iter().any(|facts| binding.binds(&view.key.namespace, &facts.service_account))
    };
    let bindings = signal_index.of(kind).filter_map(|(_, facts)| match facts {
        Facts::Binding(binding) => Some(binding),
        _ => None,
    });
    bindings.filter(of_service_accounts)
}

/// What is too much in the role of a binding, if anything is.
fn too_far(view: &WorkloadInput<'_>, binding: &BindingFacts, of_cluster: bool) -> Option<Reading> {
    let (role, kind) = if binding.of_cluster_role {
        (view.cluster.get(FactKind::ClusterRoles, &binding.role), "ClusterRole")
    } else {
        (view.namespace.get(FactKind::Roles, &binding.role), "Role")
    };
    let Some(Facts::Role(RoleFacts { everything, escalates, reads_secrets })) = role else { return None };
    let what = match (*everything, *escalates, *reads_secrets && of_cluster) {
        (true, _, _) if of_cluster => "do everything in the cluster",
        (true, _, _) => "do everything in its namespace",
        (_, true, _) => "give rights to itself",
        (_, _, true) => "read the Secrets of all namespaces",
        _ => return None,
    };
    let detail: Arc<str> = format!("its ServiceAccount may {what} ({kind} {})", binding.role).into();
    Some(Reading::failed(detail))
}
