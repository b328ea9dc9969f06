//! Checks that the ServiceAccount of a workload has no excessive rights.

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
    rule: "No role that is bound to its ServiceAccount, in the cluster or in its own namespace, allows all verbs on all resources, \
           allows it to grant rights to itself (escalate, bind, impersonate), or allows it to read the Secrets of all namespaces.",
    source: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
    threshold: None,
    passed: "its ServiceAccount has no excessive rights in the cluster or its namespace",
    failed: "its ServiceAccount has excessive rights",
    unseen: "RBAC objects are not read",
    remedy: "bind a role with only the rights that it needs",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    for kind in [FactKind::Roles, FactKind::RoleBindings, FactKind::ClusterRoles, FactKind::ClusterRoleBindings] {
        if let Err(reading) = input.read(kind) {
            return reading;
        }
    }
    let in_cluster = bindings(input, true).filter_map(|binding| excessive(input, binding, true));
    let in_namespace = bindings(input, false).filter_map(|binding| excessive(input, binding, false));
    in_cluster.chain(in_namespace).next().unwrap_or_else(|| Reading::passed_if(true))
}

/// Returns the bindings of its ServiceAccounts: the ClusterRoleBindings, or the RoleBindings of its namespace.
fn bindings<'a>(input: &'a WorkloadInput<'_>, of_cluster: bool) -> impl Iterator<Item = &'a BindingFacts> {
    let (signal_index, kind) = if of_cluster {
        (input.cluster, FactKind::ClusterRoleBindings)
    } else {
        (input.namespace, FactKind::RoleBindings)
    };
    let of_service_accounts = |binding: &&BindingFacts| {
        input.facts.iter().any(|facts| binding.binds(&input.key.namespace, &facts.service_account))
    };
    let bindings = signal_index.of(kind).filter_map(|(_, facts)| match facts {
        Facts::Binding(binding) => Some(binding),
        _ => None,
    });
    bindings.filter(of_service_accounts)
}

/// Returns the failure if the role of a binding gives excessive rights.
fn excessive(input: &WorkloadInput<'_>, binding: &BindingFacts, of_cluster: bool) -> Option<Reading> {
    let (role, kind) = if binding.of_cluster_role {
        (input.cluster.get(FactKind::ClusterRoles, &binding.role), "ClusterRole")
    } else {
        (input.namespace.get(FactKind::Roles, &binding.role), "Role")
    };
    let Some(Facts::Role(RoleFacts { everything, escalates, reads_secrets })) = role else { return None };
    let rights = match (*everything, *escalates, *reads_secrets && of_cluster) {
        (true, _, _) if of_cluster => "do everything in the cluster",
        (true, _, _) => "do everything in its namespace",
        (_, true, _) => "grant rights to itself",
        (_, _, true) => "read the Secrets of all namespaces",
        _ => return None,
    };
    let detail: Arc<str> = format!("its ServiceAccount may {rights} ({kind} {})", binding.role).into();
    Some(Reading::failed(detail))
}
