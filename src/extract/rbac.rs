//! Roles with far-reaching rights, and the ServiceAccounts that are bound to them. Secrets are never read.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1 as rbac;
use kube::Resource;
use serde::Deserialize;

use super::meta::Bare;
use super::{Extract, Extraction};
use crate::facts::{BindingFacts, Delta, FactKind, Facts, ListedKind, RoleFacts};

/// One rule of a role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rule {
    verbs: Vec<String>,
    api_groups: Option<Vec<String>>,
    resources: Option<Vec<String>>,
    resource_names: Option<Vec<String>>,
}

impl Rule {
    fn allows(&self, verbs: &[&str]) -> bool {
        self.verbs.iter().any(|verb| verb == "*" || verbs.contains(&verb.as_str()))
    }

    fn applies_to(&self, group: &str, resources: &[&str]) -> bool {
        let of_group = self.api_groups.iter().flatten().any(|of| of == "*" || of == group);
        of_group && self.resources.iter().flatten().any(|of| of == "*" || resources.contains(&of.as_str()))
    }

    /// Returns true if it applies to all objects, not only to some names.
    fn applies_to_all(&self) -> bool {
        self.resource_names.as_ref().is_none_or(Vec::is_empty)
    }

    fn facts(&self) -> RoleFacts {
        let everything = |list: Option<&[String]>| list.unwrap_or_default().iter().any(|word| word == "*");
        let rights = ["roles", "clusterroles", "rolebindings", "clusterrolebindings"];
        RoleFacts {
            everything: everything(Some(&self.verbs))
                && everything(self.resources.as_deref())
                && everything(self.api_groups.as_deref()),
            escalates: self.applies_to_all()
                && (self.applies_to("rbac.authorization.k8s.io", &rights) && self.allows(&["escalate", "bind"])
                    || self.applies_to("", &["users", "groups", "serviceaccounts"]) && self.allows(&["impersonate"])),
            reads_secrets: self.applies_to_all()
                && self.applies_to("", &["secrets"])
                && self.allows(&["get", "list", "watch"]),
        }
    }
}

/// Returns the far-reaching rights of the rules; `None` if there are none.
fn role_facts(rules: Option<&[Rule]>) -> Option<Facts> {
    let all = rules.unwrap_or_default().iter().map(Rule::facts).fold(RoleFacts::default(), |all, one| RoleFacts {
        everything: all.everything || one.everything,
        escalates: all.escalates || one.escalates,
        reads_secrets: all.reads_secrets || one.reads_secrets,
    });
    (all != RoleFacts::default()).then_some(Facts::Role(all))
}

/// A subject of a binding.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct BindingSubject {
    kind: String,
    name: String,
    namespace: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RoleRef {
    kind: String,
    name: String,
}

/// The group of all ServiceAccounts. With a colon and a namespace it is the group of the ServiceAccounts of that
/// namespace.
const ACCOUNTS: &str = "system:serviceaccounts";
/// The prefix of the user name of a ServiceAccount.
const ACCOUNT: &str = "system:serviceaccount:";
/// The group of all authenticated users, including ServiceAccounts.
const AUTHENTICATED: &str = "system:authenticated";

/// Extracts the facts of a binding; `None` if it binds no ServiceAccount.
fn binding_facts(role: &RoleRef, subjects: Option<&[BindingSubject]>, namespace: Option<&str>) -> Option<Facts> {
    let mut facts = BindingFacts {
        of_cluster_role: role.kind == "ClusterRole",
        role: role.name.as_str().into(),
        ..BindingFacts::default()
    };
    for BindingSubject { kind, name, namespace: of } in subjects.unwrap_or_default() {
        match kind.as_str() {
            "ServiceAccount" => {
                let of = of.as_deref().or(namespace).unwrap_or_default();
                facts.accounts.insert((of.into(), name.as_str().into()));
            }
            // A ServiceAccount by its user name.
            "User" => {
                let account = name.strip_prefix(ACCOUNT).and_then(|account| account.split_once(':'));
                facts.accounts.extend(account.map(|(of, name)| (of.into(), name.into())));
            }
            "Group" if name == ACCOUNTS || name == AUTHENTICATED => facts.all = true,
            "Group" => {
                let of = name.strip_prefix(ACCOUNTS).and_then(|rest| rest.strip_prefix(':'));
                facts.namespaces.extend(of.map(Into::into));
            }
            _ => {}
        }
    }
    let binds = facts.all || facts.accounts != BTreeSet::new() || facts.namespaces != BTreeSet::new();
    binds.then_some(Facts::Binding(facts))
}

/// The decoded part of a Role or ClusterRole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RoleBody {
    rules: Option<Vec<Rule>>,
}

/// The decoded part of a RoleBinding or ClusterRoleBinding.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BindingBody {
    role_ref: RoleRef,
    subjects: Option<Vec<BindingSubject>>,
}

/// A Role, reduced to the fields that the operator reads.
pub type Role = Bare<rbac::Role, RoleBody>;
/// A ClusterRole, reduced to the fields that the operator reads.
pub type ClusterRole = Bare<rbac::ClusterRole, RoleBody>;
/// A RoleBinding, reduced to the fields that the operator reads.
pub type RoleBinding = Bare<rbac::RoleBinding, BindingBody>;
/// A ClusterRoleBinding, reduced to the fields that the operator reads.
pub type ClusterRoleBinding = Bare<rbac::ClusterRoleBinding, BindingBody>;

macro_rules! extract {
    ($kind:ty, $of:expr, $facts:expr) => {
        impl Extract for $kind {
            const KIND: ListedKind = ListedKind::Facts($of);

            fn delta(&self, _: &Extraction) -> Delta {
                let facts: fn(&Self) -> Option<Facts> = $facts;
                Delta::Facts($of, self.object_name(), facts(self))
            }
        }
    };
}

extract!(Role, FactKind::Roles, |role| role_facts(role.body.rules.as_deref()));
extract!(ClusterRole, FactKind::ClusterRoles, |role| role_facts(role.body.rules.as_deref()));
extract!(RoleBinding, FactKind::RoleBindings, |binding| {
    let BindingBody { role_ref, subjects } = &binding.body;
    binding_facts(role_ref, subjects.as_deref(), binding.meta().namespace.as_deref())
});
extract!(ClusterRoleBinding, FactKind::ClusterRoleBindings, |binding| {
    let BindingBody { role_ref, subjects } = &binding.body;
    binding_facts(role_ref, subjects.as_deref(), None)
});

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn role(rules: &Value) -> Option<RoleFacts> {
        let role: ClusterRole = serde_json::from_value(json!({ "metadata": { "name": "r" }, "rules": rules })).unwrap();
        match role.delta(&Extraction::default()) {
            Delta::Facts(FactKind::ClusterRoles, _, facts) => facts.map(|facts| match facts {
                Facts::Role(role) => role,
                other => panic!("{other:?}"),
            }),
            other => panic!("{other:?}"),
        }
    }

    const NOTHING: RoleFacts = RoleFacts { everything: false, escalates: false, reads_secrets: false };

    #[rstest]
    #[case::cluster_admin(json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]), Some(RoleFacts { everything: true, escalates: true, reads_secrets: true }))]
    #[case::gives_rights(json!([{ "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["escalate"] }]), Some(RoleFacts { escalates: true, ..NOTHING }))]
    #[case::gives_one_right(json!([{ "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["view"], "verbs": ["bind"] }]), None)]
    #[case::takes_identities(json!([{ "apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"] }]), Some(RoleFacts { escalates: true, ..NOTHING }))]
    #[case::reads_secrets(json!([{ "apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["list"] }]), Some(RoleFacts { reads_secrets: true, ..NOTHING }))]
    #[case::reads_one_secret(json!([{ "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["tls"], "verbs": ["get"] }]), None)]
    #[case::writes_secrets(json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["create"] }]), None)]
    #[case::everything_of_one_group(json!([{ "apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"] }]), None)]
    #[case::reads_pods(json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"] }]), None)]
    #[case::no_rules(json!(null), None)]
    #[case::urls(json!([{ "nonResourceURLs": ["/metrics"], "verbs": ["get"] }]), None)]
    fn only_roles_that_go_far_count(#[case] rules: Value, #[case] expected: Option<RoleFacts>) {
        assert_eq!(role(&rules), expected);
    }

    fn binding(subjects: &Value) -> Option<BindingFacts> {
        let object = json!({
            "metadata": { "name": "b", "namespace": "shop" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit" },
            "subjects": subjects,
        });
        let binding: RoleBinding = serde_json::from_value(object).unwrap();
        match binding.delta(&Extraction::default()) {
            Delta::Facts(FactKind::RoleBindings, _, facts) => facts.map(|facts| match facts {
                Facts::Binding(binding) => binding,
                other => panic!("{other:?}"),
            }),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn service_accounts_count_by_name_and_by_their_groups() {
        let found = binding(&json!([
            { "kind": "ServiceAccount", "name": "web", "namespace": "shop" },
            { "kind": "ServiceAccount", "name": "own" },
            { "kind": "Group", "name": "system:serviceaccounts:pay" },
            { "kind": "User", "name": "adam" },
            { "kind": "User", "name": "system:serviceaccount:bank:teller" },
        ]))
        .unwrap();
        assert!(found.of_cluster_role && &*found.role == "edit" && !found.all);
        assert_eq!(found.accounts.len(), 3);
        assert!(found.accounts.contains(&("bank".into(), "teller".into())));
        assert_eq!(found.namespaces.iter().map(|name| &**name).collect::<Vec<_>>(), ["pay"]);
        assert!(binding(&json!([{ "kind": "Group", "name": "system:authenticated" }])).unwrap().all);
    }

    #[test]
    fn a_binding_of_people_alone_does_not_count() {
        let people = json!([{ "kind": "User", "name": "adam" }, { "kind": "Group", "name": "sre" }]);
        assert_eq!(binding(&people), None);
        assert_eq!(binding(&json!(null)), None);
    }
}
