//! Who may do what in the cluster: the users of its components, each with the rights that Kubernetes gives it.

use std::fs;
use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};

use super::NODE;
use crate::components;

/// The components that talk to the API server: the name of the kubeconfig, the user and its groups.
const USERS: [(&str, &str, &str); 4] = [
    ("kubeconfig", "admin", "system:masters"),
    ("kube-controller-manager.kubeconfig", "system:kube-controller-manager", ""),
    ("kube-scheduler.kubeconfig", "system:kube-scheduler", ""),
    ("kube-proxy.kubeconfig", "system:kube-proxy", ""),
];

/// Writes the tokens and the kubeconfigs that hold them.
pub(super) fn write_users(folder: &Path, server: &str) -> Result<()> {
    let kubelet = format!("system:node:{NODE}");
    let users = USERS.into_iter().chain([("kubelet.kubeconfig", kubelet.as_str(), "system:nodes")]);
    let mut tokens = String::new();
    for (kubeconfig, user, groups) in users {
        let token = format!("token-of-{kubeconfig}");
        tokens += &format!("{token},{user},{user},{groups}\n");
        components::write_kubeconfig(folder, kubeconfig, server, &token)?;
    }
    components::write_files(folder, &tokens)
}

/// Writes the certificate by which the API server shows kubelet who it is, and that of the authority which kubelet trusts.
pub(super) fn write_kubelet_client(folder: &Path) -> Result<()> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("kubelet-clients.crt"), authority.self_signed(&authority_key)?.pem())?;

    let key = KeyPair::generate()?;
    let mut client = CertificateParams::default();
    client.distinguished_name = DistinguishedName::new();
    client.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    client.distinguished_name.push(DnType::OrganizationName, "system:masters");
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let issuer = Issuer::new(authority, authority_key);
    fs::write(folder.join("kubelet-client.crt"), client.signed_by(&key, &issuer)?.pem())?;
    fs::write(folder.join("kubelet-client.key"), key.serialize_pem())?;
    Ok(())
}
