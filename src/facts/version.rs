//! Versions of Kubernetes.

use std::fmt;

/// A minor version of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion {
    /// The major version.
    pub major: u32,
    /// The minor version.
    pub minor: u32,
    /// True for the build of a provider, which has its own end of support.
    pub of_provider: bool,
}

impl KubernetesVersion {
    /// Parses a text such as `v1.37.1-eks-3abbec1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix('v').unwrap_or(text).split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?;
        // Some providers write `1.37+`.
        let digits = minor.find(|c: char| !c.is_ascii_digit()).map_or(minor, |end| &minor[..end]);
        // OpenShift writes `v1.35.2+11af38d`.
        let is_commit = |build: &str| build.len() == 7 && build.bytes().all(|byte| byte.is_ascii_hexdigit());
        let of_provider = ["-eks-", "-gke."].iter().any(|mark| text.contains(mark))
            || text.split_once('+').is_some_and(|(_, build)| is_commit(build));
        Some(Self { major, minor: digits.parse().ok()?, of_provider })
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("v1.37.1-eks-3abbec1", Some((1, 37)))]
    #[case("1.36+", Some((1, 36)))]
    #[case("v1.36.2-gke.1000", Some((1, 36)))]
    #[case("v1.35", Some((1, 35)))]
    #[case("v1.35.2+11af38d", Some((1, 35)))]
    #[case("v1.35.2+k3s1", Some((1, 35)))]
    #[case("v2.0.0", Some((2, 0)))]
    #[case("", None)]
    #[case("v1", None)]
    #[case("v1.x.0", None)]
    fn the_minor_version_is_read(#[case] text: &str, #[case] expected: Option<(u32, u32)>) {
        let found = KubernetesVersion::parse(text).map(|version| (version.major, version.minor));
        assert_eq!(found, expected);
        let of_provider = KubernetesVersion::parse(text).is_some_and(|version| version.of_provider);
        assert_eq!(of_provider, text.contains("-eks-") || text.contains("-gke.") || text.ends_with("+11af38d"));
    }
}
