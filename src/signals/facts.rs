//! Objects that are read for signals only, as far as they count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::custom::Finding;
use crate::model::{Selector, VolumeClaim, WorkloadFacts, WorkloadKey};

/// The kinds of objects that are read for signals only.
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
    /// A kind of the configuration.
    Custom(CustomKind),
}

/// The number of a kind that signals of the configuration look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomKind {
    number: u16,
    of_cluster: bool,
}

impl CustomKind {
    /// The kind at this position among those of the configuration, which are some dozens at most.
    pub(super) fn new(position: usize, of_cluster: bool) -> Self {
        Self { number: u16::try_from(position).unwrap_or(u16::MAX), of_cluster }
    }
}

impl FactKind {
    /// All that the operator knows by itself.
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

    /// The API group, empty for the core group, and the plural, as permissions name them. None of a kind of the configuration,
    /// which says that itself.
    #[must_use]
    pub const fn group_and_plural(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Budgets => ("policy", "poddisruptionbudgets"),
            Self::Claims => ("", "persistentvolumeclaims"),
            Self::StorageClasses => ("storage.k8s.io", "storageclasses"),
            Self::Roles => ("rbac.authorization.k8s.io", "roles"),
            Self::RoleBindings => ("rbac.authorization.k8s.io", "rolebindings"),
            Self::ClusterRoles => ("rbac.authorization.k8s.io", "clusterroles"),
            Self::ClusterRoleBindings => ("rbac.authorization.k8s.io", "clusterrolebindings"),
            Self::VulnerabilityReports => ("aquasecurity.github.io", "vulnerabilityreports"),
            Self::ConfigAuditReports => ("aquasecurity.github.io", "configauditreports"),
            Self::Reports => crate::openreports::GROUP_AND_PLURAL,
            Self::PolicyReports => ("wgpolicyk8s.io", "policyreports"),
            Self::Certificates => ("cert-manager.io", "certificates"),
            Self::Backups => ("velero.io", "backups"),
            Self::Snapshots => ("snapshot.storage.k8s.io", "volumesnapshots"),
            Self::Custom(_) => return None,
        })
    }

    /// Whether it lies in no namespace.
    #[must_use]
    pub const fn is_of_cluster(self) -> bool {
        match self {
            Self::StorageClasses | Self::ClusterRoles | Self::ClusterRoleBindings => true,
            Self::Custom(kind) => kind.of_cluster,
            _ => false,
        }
    }

    /// Whether nothing can be told of it without what lies in no namespace.
    #[must_use]
    pub const fn needs_cluster(self) -> bool {
        matches!(self, Self::Claims | Self::Roles | Self::RoleBindings) || self.is_of_cluster()
    }

    /// Whether its objects may have hundreds of kilobytes: they list what was found, one by one.
    #[must_use]
    pub const fn is_large(self) -> bool {
        matches!(self, Self::VulnerabilityReports | Self::ConfigAuditReports | Self::Reports | Self::PolicyReports)
    }

    /// Whether its objects speak of other namespaces than the one that they lie in.
    #[must_use]
    pub const fn is_far(self) -> bool {
        matches!(self, Self::Backups)
    }
}

/// What counts of an object that is read for signals only.
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
    /// What signals of the configuration found.
    Custom(Vec<Finding>),
}

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The kind of the object.
    pub kind: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl Subject {
    /// A workload itself.
    #[must_use]
    pub fn of(workload: &WorkloadKey) -> Self {
        Self { kind: workload.kind.name().into(), name: workload.name.clone() }
    }

    /// Whether it is a workload itself, or one of the objects that this is made of at the moment.
    #[must_use]
    pub fn is_of(&self, workload: &WorkloadKey, children: &[Self]) -> bool {
        children.contains(self) || (*self.kind == *workload.kind.name() && self.name == workload.name)
    }
}

/// What a report says of its subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Failures that weigh.
    pub failed: u32,
    /// What could not be found out.
    pub errors: u32,
    /// What was found to be well.
    pub passed: u32,
}

impl Outcome {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            failed: self.failed.saturating_add(other.failed),
            errors: self.errors.saturating_add(other.errors),
            passed: self.passed.saturating_add(other.passed),
        }
    }
}

/// What counts of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportFacts {
    /// What it says of each subject.
    pub about: BTreeMap<Subject, Outcome>,
    /// The day on which it was found, in UTC.
    pub day: Option<Date>,
    /// The container that it is about, of scanners that write a report for each.
    pub container: Option<Arc<str>>,
}

/// What counts of a Certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The name of the Secret that it fills.
    pub secret: Arc<str>,
    /// Whether it is ready; none where nobody has said so yet.
    pub ready: Option<bool>,
    /// The day on which it ends, in UTC.
    pub until: Option<Date>,
    /// The day on which it is to be renewed, in UTC.
    pub renewal: Option<Date>,
}

/// How a Backup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupPhase {
    /// All of it is there.
    Completed,
    /// Not all of it is.
    Failed,
}

/// What counts of a Backup that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFacts {
    /// The namespaces that it holds; all where there is none, or an asterisk.
    pub included: BTreeSet<Arc<str>>,
    /// The namespaces that it does not hold.
    pub excluded: BTreeSet<Arc<str>>,
    /// How it ended.
    pub phase: BackupPhase,
    /// Whether it tells that data of volumes is in it.
    pub has_volumes: bool,
    /// When it ended.
    pub at: Timestamp,
}

impl BackupFacts {
    /// The day on which it ended, in UTC.
    pub(super) fn day(&self) -> Date {
        crate::model::day(self.at)
    }

    /// Whether it holds a namespace for certain: patterns of names are not tried.
    #[must_use]
    pub fn holds(&self, namespace: &str) -> bool {
        let is_included = self.included.is_empty() || self.included.contains("*") || self.included.contains(namespace);
        let may_be = |name: &Arc<str>| **name == *namespace || name.contains(['*', '?', '[', '{']);
        is_included && !self.excluded.iter().any(may_be)
    }
}

/// What counts of a VolumeSnapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFacts {
    /// The claim that it is of.
    pub claim: Arc<str>,
    /// Whether it can be used.
    pub ready: bool,
    /// The day on which it was asked for, in UTC.
    pub day: Date,
}

/// What counts of a PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetFacts {
    /// The pods that it selects, all of its namespace when there is none.
    pub pods: Option<Selector>,
    /// Whether it never lets a pod be evicted, by what it says.
    pub blocks: bool,
}

/// What counts of a StorageClass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageClassFacts {
    /// What makes its volumes, such as `ebs.csi.aws.com`.
    pub provisioner: Arc<str>,
    /// What it says of encryption: `parameters.encrypted`.
    pub encrypted: Option<bool>,
    /// Whether it is the one for claims that name none.
    pub is_default: bool,
}

/// How far the rules of a Role or ClusterRole go. Those that do not go far do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleFacts {
    /// Everything may be done with everything.
    pub everything: bool,
    /// Rights may be given to oneself: escalate, bind, impersonate.
    pub escalates: bool,
    /// Secrets may be read.
    pub reads_secrets: bool,
}

/// What counts of a RoleBinding or ClusterRoleBinding: those of ServiceAccounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingFacts {
    /// The ServiceAccounts, by namespace and name.
    pub accounts: BTreeSet<(Arc<str>, Arc<str>)>,
    /// The namespaces of which all ServiceAccounts are meant.
    pub namespaces: BTreeSet<Arc<str>>,
    /// Whether all ServiceAccounts of the cluster are meant.
    pub all: bool,
    /// Whether the role is a ClusterRole.
    pub of_cluster_role: bool,
    /// The name of the role.
    pub role: Arc<str>,
}

impl BindingFacts {
    /// Whether a ServiceAccount is bound.
    pub(super) fn binds(&self, namespace: &Arc<str>, account: &Arc<str>) -> bool {
        self.all
            || self.namespaces.contains(namespace)
            || !self.accounts.is_empty() && self.accounts.contains(&(namespace.clone(), account.clone()))
    }
}

impl Facts {
    /// Whether what signals see of a workload can depend on the object of this name. `children` are the objects that it is made
    /// of at the moment.
    #[must_use]
    pub fn touches(&self, name: &str, workload: &WorkloadKey, facts: &WorkloadFacts, children: &[Subject]) -> bool {
        match self {
            Self::Budget(budget) => budget.pods.as_ref().is_none_or(|pods| pods.matches(&facts.pods.template)),
            Self::Claim(_) => {
                facts.claims.iter().any(|claim| matches!(claim, VolumeClaim::Named(claimed) if **claimed == *name))
            }
            Self::StorageClass(_) => !facts.claims.is_empty(),
            // Which bindings or Ingresses refer to them is not kept: roles that go far and certificates seldom change.
            Self::Role(_) | Self::Certificate(_) => true,
            Self::Binding(binding) => binding.binds(&workload.namespace, &facts.service_account),
            Self::Report(report) => report.about.keys().any(|subject| subject.is_of(workload, children)),
            Self::Backup(backup) => backup.holds(&workload.namespace),
            Self::Snapshot(snapshot) => facts
                .claims
                .iter()
                .any(|claim| matches!(claim, VolumeClaim::Named(claimed) if *claimed == snapshot.claim)),
            Self::Custom(found) => found.iter().any(|finding| finding.about.concerns(workload, facts, children)),
        }
    }
}

/// The day so many days before another.
pub(super) fn days_before(day: Date, days: u32) -> Date {
    day.checked_sub(jiff::Span::new().days(i64::from(days))).unwrap_or(Date::MIN)
}
