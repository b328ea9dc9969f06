//! The end of community support of Kubernetes versions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Deserialize;

use crate::facts::KubernetesVersion;

/// The table of community support. Providers can support their builds for longer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Support {
    /// The date of the table.
    as_of: Date,
    /// The last day of support by minor version.
    until: BTreeMap<String, Date>,
}

static SUPPORT: LazyLock<Support> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("support.yaml"))
        .expect("the table of supported versions is part of the binary and parsed by the tests")
});

/// Returns the last day of support of a version; none if the table does not contain it.
#[must_use]
pub fn supported_until(version: KubernetesVersion) -> Option<Date> {
    SUPPORT.until.get(&version.to_string()).copied()
}

/// Returns the date of the table of supported versions.
#[must_use]
pub fn support_as_of() -> Date {
    SUPPORT.as_of
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

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
