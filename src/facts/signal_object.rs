//! Facts of the objects that only signals read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::custom::CustomFinding;
use super::labels::Selector;
use super::storage::{BackupFacts, SnapshotFacts, StorageClassFacts};
use super::workload::{KindAndName, VolumeClaim, WorkloadFacts, WorkloadKey};

/// The kinds of objects that only signals read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    /// `policy/v1` PodDisruptionBudgets.
    Budgets,
    /// `v1` PersistentVolumeClaims.
    Claims,
    /// `storage.k8s.io/v1` StorageClasses.
    StorageClasses,
    /// `rbac.authorization.k8s.io/v1` Roles.
    Roles,
    /// `rbac.authorization.k8s.io/v1` RoleBindings.
    RoleBindings,
    /// `rbac.authorization.k8s.io/v1` ClusterRoles.
    ClusterRoles,
    /// `rbac.authorization.k8s.io/v1` ClusterRoleBindings.
    ClusterRoleBindings,
    /// `aquasecurity.github.io` VulnerabilityReports.
    VulnerabilityReports,
    /// `aquasecurity.github.io` ConfigAuditReports.
    ConfigAuditReports,
    /// `openreports.io` Reports.
    Reports,
    /// `wgpolicyk8s.io` PolicyReports.
    PolicyReports,
    /// `cert-manager.io` Certificates.
    Certificates,
    /// `velero.io` Backups.
    Backups,
    /// `snapshot.storage.k8s.io` VolumeSnapshots.
    Snapshots,
    /// A kind of the configuration file.
    Custom(CustomKind),
}

/// The number of a kind that custom signals read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomKind {
    number: u16,
    of_cluster: bool,
}

impl CustomKind {
    /// Returns the kind at a position in the configuration file, which names some dozens at most.
    #[must_use]
    pub fn new(position: usize, of_cluster: bool) -> Self {
        Self { number: u16::try_from(position).unwrap_or(u16::MAX), of_cluster }
    }
}

impl FactKind {
    /// All kinds but those of the configuration file.
    pub const BUILT_IN: [Self; 14] = [
        Self::Budgets,
        Self::Claims,
        Self::StorageClasses,
        Self::Roles,
        Self::RoleBindings,
        Self::ClusterRoles,
        Self::ClusterRoleBindings,
        Self::VulnerabilityReports,
        Self::ConfigAuditReports,
        Self::Reports,
        Self::PolicyReports,
        Self::Certificates,
        Self::Backups,
        Self::Snapshots,
    ];

    /// Returns true for a cluster-scoped kind.
    #[must_use]
    pub const fn is_cluster_scoped(self) -> bool {
        match self {
            Self::StorageClasses | Self::ClusterRoles | Self::ClusterRoleBindings => true,
            Self::Custom(kind) => kind.of_cluster,
            _ => false,
        }
    }

    /// Returns true if its objects are about other namespaces than their own.
    #[must_use]
    pub const fn is_cross_namespace(self) -> bool {
        matches!(self, Self::Backups)
    }
}

/// The availability of a kind of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// The API server does not serve the kind, or no signal reads it.
    #[default]
    Absent,
    /// The kind is served, and the operator cannot read it.
    Unreadable,
    /// The kind was read completely and is watched.
    Read,
}

/// Facts of an object that only signals read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Of a PodDisruptionBudget.
    Budget(BudgetFacts),
    /// Of a PersistentVolumeClaim: its storage class, if it has one.
    Claim(Option<Arc<str>>),
    /// Of a StorageClass.
    StorageClass(StorageClassFacts),
    /// Of a Role or ClusterRole.
    Role(RoleFacts),
    /// Of a RoleBinding or ClusterRoleBinding.
    Binding(BindingFacts),
    /// Of a report about workloads.
    Report(ReportFacts),
    /// Of a Certificate.
    Certificate(CertificateFacts),
    /// Of a Backup.
    Backup(BackupFacts),
    /// Of a VolumeSnapshot.
    Snapshot(SnapshotFacts),
    /// The results of custom signals.
    Custom(Vec<CustomFinding>),
}

/// The number of results of a report by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResultCounts {
    /// Failures of at least high severity, or without a severity.
    pub failed: u32,
    /// Checks that ended with an error.
    pub errors: u32,
    /// Checks that passed.
    pub passed: u32,
}

impl ResultCounts {
    /// Returns the sum of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            failed: self.failed.saturating_add(other.failed),
            errors: self.errors.saturating_add(other.errors),
            passed: self.passed.saturating_add(other.passed),
        }
    }
}

/// Facts of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportFacts {
    /// The counts for each object that the report is about.
    pub about: BTreeMap<KindAndName, ResultCounts>,
    /// The day of the results, in UTC.
    pub day: Option<Date>,
    /// The container that the report is about, for scanners that write one report for each container.
    pub container: Option<Arc<str>>,
}

/// Facts of a Certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The name of the Secret that it is stored in.
    pub secret: Arc<str>,
    /// The condition `Ready`, if there is one.
    pub ready: Option<bool>,
    /// The day on which it expires, in UTC.
    pub until: Option<Date>,
    /// The day of its planned renewal, in UTC.
    pub renewal: Option<Date>,
}

/// Facts of a PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetFacts {
    /// The selector of the pods; without one it selects all pods of its namespace.
    pub pods: Option<Selector>,
    /// True if its spec never allows a pod to be evicted.
    pub blocks: bool,
}

/// The far-reaching rights that a Role or ClusterRole gives. A role without any is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleFacts {
    /// All verbs on all resources.
    pub everything: bool,
    /// The verbs `escalate`, `bind` or `impersonate`, which allow to gain further rights.
    pub escalates: bool,
    /// Reading Secrets.
    pub reads_secrets: bool,
}

/// Facts of a RoleBinding or ClusterRoleBinding of ServiceAccounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingFacts {
    /// The ServiceAccounts, by namespace and name.
    pub accounts: BTreeSet<(Arc<str>, Arc<str>)>,
    /// The namespaces whose ServiceAccounts are all bound.
    pub namespaces: BTreeSet<Arc<str>>,
    /// True if all ServiceAccounts of the cluster are bound.
    pub all: bool,
    /// True if the role is a ClusterRole.
    pub of_cluster_role: bool,
    /// The name of the role.
    pub role: Arc<str>,
}

impl BindingFacts {
    /// Returns true if it binds a ServiceAccount.
    #[must_use]
    pub fn binds(&self, namespace: &Arc<str>, account: &Arc<str>) -> bool {
        self.all
            || self.namespaces.contains(namespace)
            || !self.accounts.is_empty() && self.accounts.contains(&(namespace.clone(), account.clone()))
    }
}

impl Facts {
    /// Returns true if a signal of a workload can depend on the object, which has this name. `children` are the current
    /// objects of the workload.
    #[must_use]
    pub fn affects(&self, name: &str, workload: &WorkloadKey, facts: &WorkloadFacts, children: &[KindAndName]) -> bool {
        let claims = |name: &str| {
            facts.claims.iter().any(|claim| matches!(claim, VolumeClaim::Named(claimed) if **claimed == *name))
        };
        match self {
            Self::Budget(budget) => budget.pods.as_ref().is_none_or(|pods| pods.matches(&facts.pods.template)),
            Self::Claim(_) => claims(name),
            Self::StorageClass(_) => !facts.claims.is_empty(),
            // The bindings and Ingresses that refer to them are not indexed: such roles and certificates seldom change.
            Self::Role(_) | Self::Certificate(_) => true,
            Self::Binding(binding) => binding.binds(&workload.namespace, &facts.service_account),
            Self::Report(report) => report.about.keys().any(|object| object.is_of(workload, children)),
            Self::Backup(backup) => backup.contains_namespace(&workload.namespace),
            Self::Snapshot(snapshot) => claims(&snapshot.claim),
            Self::Custom(findings) => findings.iter().any(|finding| finding.about.contains(workload, facts, children)),
        }
    }

    /// Returns true if the result of a signal can depend on the day.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        match self {
            Self::Report(_) | Self::Certificate(_) | Self::Backup(_) | Self::Snapshot(_) => true,
            Self::Custom(findings) => findings.iter().any(|finding| finding.until.is_some()),
            _ => false,
        }
    }
}
