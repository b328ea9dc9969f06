//! Compares the rights of the operator with its requests in the audit log.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use harness::Access;
use serde_json::Value;

use crate::scenario::{RELEASE, SYSTEM, Scenario};

/// The optional APIs that the operator watches if they are served: group, version, kind, plural.
pub(crate) const OPTIONAL: [(&str, &str, &str, &str); 14] = [
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
    ("gateway.networking.k8s.io", "v1", "GRPCRoute", "grpcroutes"),
    ("gateway.networking.k8s.io", "v1alpha2", "TLSRoute", "tlsroutes"),
    ("gateway.networking.k8s.io", "v1alpha2", "TCPRoute", "tcproutes"),
    ("gateway.networking.k8s.io", "v1alpha2", "UDPRoute", "udproutes"),
    ("gateway.networking.k8s.io", "v1beta1", "ReferenceGrant", "referencegrants"),
    ("route.openshift.io", "v1", "Route", "routes"),
    ("aquasecurity.github.io", "v1alpha1", "VulnerabilityReport", "vulnerabilityreports"),
    ("aquasecurity.github.io", "v1alpha1", "ConfigAuditReport", "configauditreports"),
    ("openreports.io", "v1alpha1", "Report", "reports"),
    ("wgpolicyk8s.io", "v1alpha2", "PolicyReport", "policyreports"),
    ("cert-manager.io", "v1", "Certificate", "certificates"),
    ("velero.io", "v1", "Backup", "backups"),
    ("snapshot.storage.k8s.io", "v1", "VolumeSnapshot", "volumesnapshots"),
];

/// A right: a verb and a resource with its group and subresource.
type Right = (String, String);

pub(crate) fn compare(scenario: &mut Scenario) -> Result<()> {
    let account = format!("--as=system:serviceaccount:{SYSTEM}:{RELEASE}");
    let secrets = scenario.refused(&["auth", "can-i", "get", "secrets", "-A", &account])?;
    println!("$ kubectl auth can-i get secrets -A {account}\n{secrets}");
    ensure!(secrets.trim() == "no", "the operator may read Secrets");

    let granted = granted(scenario)?;
    let forbidden_verbs = ["*", "delete", "deletecollection", "escalate", "impersonate", "bind"];
    ensure!(
        granted.iter().all(|(verb, resource)| !forbidden_verbs.contains(&&**verb) && !resource.contains('*')),
        "{granted:?}"
    );
    let used = used(scenario)?;
    println!("{:50} VERBS GRANTED, ALL OF THEM USED", "RESOURCE");
    let resources: BTreeSet<&String> = granted.iter().chain(&used).map(|(_, resource)| resource).collect();
    for resource in resources {
        let of = |rights: &BTreeSet<Right>| -> Vec<String> {
            rights.iter().filter(|(_, other)| other == resource).map(|(verb, _)| verb.clone()).collect()
        };
        println!("{resource:50} {}", of(&granted).join(", "));
    }
    let unused: Vec<&Right> = granted.difference(&used).collect();
    ensure!(unused.is_empty(), "these rights are granted but not used: {unused:?}");
    let beyond: Vec<&Right> = used.difference(&granted).collect();
    ensure!(beyond.is_empty(), "these rights are used but not granted: {beyond:?}");
    println!("\nAll {} granted rights are used, and no others.", granted.len());
    Ok(())
}

/// Returns the rights that the roles of the ServiceAccount grant.
fn granted(scenario: &Scenario) -> Result<BTreeSet<Right>> {
    let lease_role = format!("{RELEASE}-lease");
    let roles = [scenario.get(&["clusterrole", RELEASE])?, scenario.get(&["role", &lease_role, "-n", SYSTEM])?];
    let mut granted = BTreeSet::new();
    for rule in roles.iter().flat_map(|role| role["rules"].as_array().into_iter().flatten()) {
        let words = |field: &str| -> Vec<String> {
            let words = rule[field].as_array().into_iter().flatten();
            words.filter_map(|word| Some(word.as_str()?.to_owned())).collect()
        };
        for group in words("apiGroups") {
            for resource in words("resources") {
                granted.extend(words("verbs").into_iter().map(|verb| (verb, qualified(&group, &resource))));
            }
        }
    }
    // No other role may be bound to the ServiceAccount.
    for kind in ["clusterrolebindings", "rolebindings"] {
        for binding in scenario.get(&[kind, "-A"])?["items"].as_array().into_iter().flatten() {
            let is_bound = binding["subjects"].as_array().into_iter().flatten().any(|subject| {
                subject["kind"] == "ServiceAccount" && subject["name"] == RELEASE && subject["namespace"] == SYSTEM
            });
            let role = binding["roleRef"]["name"].as_str().unwrap_or_default();
            ensure!(!is_bound || [RELEASE, &lease_role].contains(&role), "the operator also has the role {role}");
        }
    }
    Ok(granted)
}

/// Returns the rights that the operator has used, including refused requests. Ignores requests that every ServiceAccount may
/// send: API discovery and reviews of its own rights.
pub(crate) fn used(scenario: &Scenario) -> Result<BTreeSet<Right>> {
    let user = format!("system:serviceaccount:{SYSTEM}:{RELEASE}");
    let log = std::fs::read_to_string(scenario.cluster.audit_log())?;
    // The last line may be incomplete.
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = entries.filter(|entry| entry["user"]["username"] == user.as_str());
    let rights = own.filter_map(|entry| {
        let of = &entry["objectRef"];
        let text = |field: &str| of[field].as_str().unwrap_or_default();
        let resource = match text("subresource") {
            "" => text("resource").to_owned(),
            subresource => format!("{}/{subresource}", text("resource")),
        };
        (!resource.is_empty() && resource != "selfsubjectaccessreviews")
            .then(|| (entry["verb"].as_str().unwrap_or_default().to_owned(), qualified(text("apiGroup"), &resource)))
    });
    Ok(rights.collect())
}

fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}
