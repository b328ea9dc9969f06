//! Who may do what in the cluster: the users of its components, each with the rights that Kubernetes gives it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
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

/// The certificate of the authority that everybody in the cluster trusts.
pub(super) fn authority(folder: &Path) -> PathBuf {
    folder.join("authority.crt")
}

/// Writes the tokens and the kubeconfigs that hold them.
pub(super) fn write_users(folder: &Path, server: &str) -> Result<()> {
    let kubelet = format!("system:node:{NODE}");
    let users = USERS.into_iter().chain([("kubelet.kubeconfig", kubelet.as_str(), "system:nodes")]);
    let mut tokens = Vec::new();
    for (kubeconfig, user, groups) in users {
        let token = format!("token-of-{kubeconfig}");
        tokens.push(format!("{token},{user},{user},{groups}\n"));
        fs::write(folder.join(kubeconfig), components::kubeconfig(server, &authority(folder), &token))?;
    }
    components::write_files(folder, &tokens.concat(), components::AUDIT_ALL)
}

/// Writes the certificates of the authority, of the API server, and the one by which that shows kubelet who it is.
pub(super) fn write_certificates(folder: &Path, addresses: &[&str]) -> Result<()> {
    let key = KeyPair::generate()?;
    let mut own = CertificateParams::default();
    own.distinguished_name = name(&[(DnType::CommonName, "the authority of the cluster")]);
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    fs::write(authority(folder), own.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(own, key);
    let write = |file: &str, certificate: &CertificateParams| -> Result<()> {
        let key = KeyPair::generate()?;
        fs::write(folder.join(format!("{file}.crt")), certificate.signed_by(&key, &issuer)?.pem())?;
        fs::write(folder.join(format!("{file}.key")), key.serialize_pem())?;
        Ok(())
    };

    let names = addresses.iter().copied().chain(["kubernetes", "kubernetes.default", "kubernetes.default.svc"]);
    let mut server = CertificateParams::new(names.map(str::to_owned).collect::<Vec<_>>())?;
    server.distinguished_name = name(&[(DnType::CommonName, "kube-apiserver")]);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    write("apiserver", &server)?;

    let mut client = CertificateParams::default();
    client.distinguished_name =
        name(&[(DnType::OrganizationName, "system:masters"), (DnType::CommonName, "kube-apiserver")]);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    write("kubelet-client", &client)
}

fn name(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (part, value) in parts {
        name.push(part.clone(), *value);
    }
    name
}
