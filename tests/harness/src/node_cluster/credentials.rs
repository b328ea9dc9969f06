//! Tokens, kubeconfigs and certificates of the components. Kubernetes itself defines the rights of these users.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::NODE;
use crate::components;

/// The clients of the API server: kubeconfig, user and groups.
const USERS: [(&str, &str, &str); 4] = [
    ("kubeconfig", "admin", "system:masters"),
    ("kube-controller-manager.kubeconfig", "system:kube-controller-manager", ""),
    ("kube-scheduler.kubeconfig", "system:kube-scheduler", ""),
    ("kube-proxy.kubeconfig", "system:kube-proxy", ""),
];

/// Returns the path of the CA certificate of the cluster.
pub(super) fn authority(folder: &Path) -> PathBuf {
    folder.join("authority.crt")
}

/// Writes the token file and a kubeconfig for each user.
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

/// Writes the certificates of the CA and the API server, and the client certificate of the API server for the kubelet.
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
