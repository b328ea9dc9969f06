//! Versions of Kubernetes, as far as rules about their support go.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Deserialize;

/// A minor version of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion {
    /// The major version.
    pub major: u32,
    /// The minor version.
    pub minor: u32,
    /// Whether it is the build of a provider, which supports it until a day of its own.
    pub of_provider: bool,
}

impl KubernetesVersion {
    /// The one in a text such as `v1.37.1-eks-3abbec1`.
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

/// Until when versions are supported by the community. Providers may support theirs for longer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Support {
    /// When that was looked up.
    as_of: Date,
    /// The last day by minor version.
    until: BTreeMap<String, Date>,
}

static SUPPORT: LazyLock<Support> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("support.yaml"))
        .expect("the table of supported versions is part of the binary and parsed by the tests")
});

/// The last day on which a version is supported; none for one that the table does not know.
#[must_use]
pub fn supported_until(version: KubernetesVersion) -> Option<Date> {
    SUPPORT.until.get(&version.to_string()).copied()
}

/// When the table of supported versions was looked up.
#[must_use]
pub fn support_as_of() -> Date {
    SUPPORT.as_of
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
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

    #[test]
    fn each_version_is_supported_longer_than_the_one_before() {
        let dates: Vec<Date> = (32..)
            .map_while(|minor| supported_until(KubernetesVersion { major: 1, minor, of_provider: false }))
            .collect();
        assert!(dates.len() >= 5 && dates.is_sorted(), "{dates:?}");
        assert!(*dates.last().unwrap() > support_as_of());
        assert_eq!(dates[2], date(2026, 10, 27));
        assert_eq!(supported_until(KubernetesVersion { major: 1, minor: 99, of_provider: false }), None);
    }
}
