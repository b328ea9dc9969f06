//! Optional resources: kinds that are watched only while the API server serves them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use kube::core::{ApiResource, GroupVersionKind};

use super::decode::Decoder;
use super::discovery::{ServedApis, ServedResource};
use super::factory::{Task, WatchFactory};
use super::kinds::{KindSpec, optional};
use super::watched_kind::{KindRole, WatchedKind, resource_name};
use crate::extract::ConfiguredKind;
use crate::facts::{FactKind, ListedKind};
use crate::signals::{CustomObjects, CustomSignal, KindScope};

/// A kind that is watched while it is served.
#[derive(Clone, Debug)]
pub(super) enum OptionalResource {
    /// A kind of the built-in table.
    BuiltIn(&'static KindSpec),
    /// A workload kind of the configuration file.
    Configured(ConfiguredKind),
    /// A kind that custom signals of the configuration file read.
    Custom(Arc<CustomObjects>),
}

impl OptionalResource {
    /// Returns every optional resource, where signals read these built-in and custom kinds.
    pub(super) fn all<'a>(
        configured: &[ConfiguredKind],
        of_signals: &BTreeSet<FactKind>,
        custom: impl Iterator<Item = &'a Arc<CustomObjects>>,
    ) -> Vec<Self> {
        let configured = configured.iter().cloned().map(Self::Configured);
        let of_signals = optional().filter(|spec| spec.fact_kind().is_some_and(|kind| of_signals.contains(&kind)));
        let of_evaluation = optional().filter(|spec| spec.fact_kind().is_none());
        let custom = custom.cloned().map(Self::Custom);
        of_evaluation.map(Self::BuiltIn).chain(configured).chain(of_signals.map(Self::BuiltIn)).chain(custom).collect()
    }

    pub(super) fn group(&self) -> &str {
        match self {
            Self::BuiltIn(optional) => optional.group,
            Self::Configured(configured) => &configured.group,
            Self::Custom(objects) => &objects.of.group,
        }
    }

    pub(super) fn plural(&self) -> &str {
        match self {
            Self::BuiltIn(optional) => optional.plural,
            Self::Configured(configured) => &configured.plural,
            Self::Custom(objects) => &objects.of.plural,
        }
    }

    fn kind(&self) -> &str {
        match self {
            Self::BuiltIn(optional) => optional.kind,
            Self::Configured(configured) => &configured.kind,
            Self::Custom(objects) => &objects.of.kind,
        }
    }

    fn is_namespaced(&self) -> bool {
        !matches!(self, Self::Custom(objects) if objects.of.scope == KindScope::Cluster)
    }

    pub(super) fn role(&self) -> KindRole {
        match self {
            Self::BuiltIn(spec) => spec.role(),
            Self::Custom(objects) => KindRole::OptionalSignals(objects.fact_kind()),
            Self::Configured(_) => KindRole::Configured,
        }
    }

    /// Returns its watched kinds: one for each scope.
    pub(super) fn kinds(&self, scopes: &[Option<Arc<str>>]) -> Vec<WatchedKind> {
        let kind = |scope: &_| WatchedKind::new(self.group(), self.plural(), self.role(), Option::clone(scope));
        scopes.iter().map(kind).collect()
    }

    /// Returns its watches in a version: one for each scope.
    pub(super) fn watches(&self, factory: &WatchFactory, version: &str) -> Vec<Task> {
        let resource = self.resource(version);
        let watch = |kind: WatchedKind| match self {
            Self::BuiltIn(spec) => spec.watch(factory, version, kind),
            Self::Configured(configured) => {
                let configured = ConfiguredKind { version: version.to_owned(), ..configured.clone() };
                factory.task(&resource, Decoder::configured_workloads(configured, &factory.extraction), kind)
            }
            Self::Custom(objects) => factory.task(&resource, Decoder::custom_facts(objects), kind),
        };
        self.kinds(&factory.scopes).into_iter().map(watch).collect()
    }

    /// Returns the kind of objects in a list of this resource.
    pub(super) fn listed(&self) -> ListedKind {
        match self {
            Self::BuiltIn(optional) => optional.listed.clone(),
            Self::Configured(configured) => ListedKind::Workloads(configured.workload_kind()),
            Self::Custom(objects) => ListedKind::Facts(objects.fact_kind()),
        }
    }

    /// Returns the resource to watch in a version.
    pub(super) fn resource(&self, version: &str) -> ApiResource {
        match self {
            Self::BuiltIn(optional) => optional.resource(version),
            Self::Configured(configured) => {
                ConfiguredKind { version: version.to_owned(), ..configured.clone() }.resource()
            }
            Self::Custom(objects) => {
                let CustomSignal { group, kind, plural, .. } = &objects.of;
                ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
            }
        }
    }

    /// Returns group and version of the preferred version.
    pub(super) fn preferred(&self) -> (String, String) {
        let version = match self {
            Self::BuiltIn(optional) => optional.preferred_version(),
            Self::Configured(configured) => &configured.version,
            Self::Custom(objects) => &objects.of.version,
        };
        (self.group().to_owned(), version.to_owned())
    }

    /// Returns the version to read out of those that are served: the first preferred one, otherwise the first served one.
    ///
    /// A custom signal is read in its own version only: its rules can hold by accident in another version.
    fn best_version(&self, served: &[&str]) -> Option<String> {
        let is_served = |version: &&str| served.contains(version);
        let any = || served.first().copied();
        let best = match self {
            Self::BuiltIn(optional) => optional.versions.iter().copied().find(is_served).or_else(any),
            Self::Configured(configured) => Some(&*configured.version).filter(is_served).or_else(any),
            Self::Custom(objects) => Some(&*objects.of.version).filter(is_served),
        };
        best.map(str::to_owned)
    }

    fn compare(&self, served: &ServedResource) -> Match {
        let (same_plural, same_kind) = (served.plural == self.plural(), served.kind == self.kind());
        match (same_plural && same_kind && served.namespaced == self.is_namespaced(), same_plural || same_kind) {
            (true, _) => Match::Exact,
            (false, true) => Match::Mismatch,
            (false, false) => Match::Unrelated,
        }
    }
}

impl fmt::Display for OptionalResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&resource_name(self.group(), self.plural()))
    }
}

/// Result of comparing an optional resource with a served one.
enum Match {
    Exact,
    /// Plural or kind are the same, and something else differs.
    Mismatch,
    Unrelated,
}

/// Presence of an optional resource on the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    /// Not served: there is nothing to read.
    #[default]
    Absent,
    /// Served in this version.
    Served(String),
    /// A resource is served that differs from the configuration file: nothing can be read.
    Mismatch,
}

impl Presence {
    /// Returns the presence after a discovery.
    ///
    /// A resource in a group version without a response keeps its presence. If it was absent until now it counts as served, so
    /// that nothing is called covered by mistake: the watch finds out.
    pub(super) fn next(&self, optional: &OptionalResource, apis: &ServedApis) -> Self {
        let (mut serving, mut unsure, mut mismatch) = (Vec::new(), Vec::new(), false);
        for version in apis.versions(optional.group()) {
            let Some(resources) = &version.resources else {
                unsure.push(&*version.name);
                continue;
            };
            for resource in resources {
                match optional.compare(resource) {
                    Match::Exact => serving.push(&*version.name),
                    Match::Mismatch => mismatch = true,
                    Match::Unrelated => {}
                }
            }
        }
        match self {
            Self::Mismatch if mismatch && serving.is_empty() => Self::Mismatch,
            Self::Served(version) if serving.iter().chain(&unsure).any(|other| other == version) => self.clone(),
            Self::Served(_) if serving.is_empty() && !unsure.is_empty() => self.clone(),
            _ => match optional.best_version(&serving).or_else(|| optional.best_version(&unsure)) {
                Some(version) => Self::Served(version),
                None if mismatch || !serving.is_empty() => Self::Mismatch,
                None => Self::Absent,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::discovery::ServedVersion;
    use super::super::discovery::tests::{GATEWAY, ROUTES, apis, version};
    use super::*;

    const OTHERS: Option<&[(&str, &str)]> = Some(&[("gateways", "Gateway")]);

    fn http_routes() -> OptionalResource {
        let mut kinds = OptionalResource::all(&[], &BTreeSet::new(), std::iter::empty()).into_iter();
        kinds.find(|optional| optional.plural() == "httproutes").unwrap()
    }

    fn served(version: &str) -> Presence {
        Presence::Served(version.to_owned())
    }

    #[rstest]
    #[case::appears(Presence::Absent, vec![version("v1", ROUTES)], served("v1"))]
    #[case::stays_away(Presence::Absent, vec![version("v1", OTHERS)], Presence::Absent)]
    #[case::stays(served("v1"), vec![version("v1", ROUTES)], served("v1"))]
    #[case::goes(served("v1"), vec![version("v1", OTHERS)], Presence::Absent)]
    #[case::goes_with_its_group(served("v1"), vec![], Presence::Absent)]
    #[case::the_preferred_version(Presence::Absent, vec![version("v1beta1", ROUTES), version("v1", ROUTES)], served("v1"))]
    #[case::a_version_to_come(Presence::Absent, vec![version("v3", OTHERS), version("v2", ROUTES)], served("v2"))]
    #[case::is_read_on_in_its_version(served("v1beta1"), vec![version("v1", ROUTES), version("v1beta1", ROUTES)], served("v1beta1"))]
    #[case::its_version_ends(served("v1beta1"), vec![version("v1", ROUTES)], served("v1"))]
    #[case::cannot_be_told_any_more(served("v1"), vec![version("v1", None)], served("v1"))]
    #[case::cannot_be_told_in_another_version(served("v1"), vec![version("v1", OTHERS), version("v1beta1", None)], served("v1"))]
    #[case::cannot_be_told_yet(Presence::Absent, vec![version("v1alpha2", None), version("v1", None)], served("v1"))]
    #[case::is_found_beside_what_cannot_be_told(Presence::Absent, vec![version("v1", None), version("v1beta1", ROUTES)], served("v1beta1"))]
    fn a_kind_is_watched_from_when_it_is_served_until_it_is_known_to_be_served_no_more(
        #[case] before: Presence,
        #[case] versions: Vec<ServedVersion>,
        #[case] expected: Presence,
    ) {
        assert_eq!(before.next(&http_routes(), &apis(GATEWAY, versions)), expected);
    }

    #[rstest]
    #[case::as_written(("rollouts", "Rollout"), true, served("v1"))]
    #[case::another_plural(("rolloutes", "Rollout"), true, Presence::Mismatch)]
    #[case::another_kind(("rollouts", "RollOut"), true, Presence::Mismatch)]
    #[case::not_in_namespaces(("rollouts", "Rollout"), false, Presence::Mismatch)]
    #[case::not_there(("workflows", "Workflow"), true, Presence::Absent)]
    fn a_configured_kind_that_is_served_otherwise_is_told_from_one_that_is_not(
        #[case] resource: (&str, &str),
        #[case] namespaced: bool,
        #[case] expected: Presence,
    ) {
        let text = |text: &str| text.to_owned();
        let rollouts = ConfiguredKind {
            group: text("argoproj.io"),
            version: text("v1alpha1"),
            kind: text("Rollout"),
            plural: text("rollouts"),
            template: "spec.template".parse().unwrap(),
        };
        let mut version = version("v1", Some(&[resource]));
        version.resources.iter_mut().flatten().for_each(|resource| resource.namespaced = namespaced);
        let resources = OptionalResource::all(&[rollouts], &BTreeSet::new(), std::iter::empty());
        let mut configured = resources.iter().filter(|resource| matches!(resource, OptionalResource::Configured(_)));
        let optional = configured.next().unwrap();
        let presence = Presence::Absent.next(optional, &apis("argoproj.io", vec![version]));
        assert_eq!(presence, expected);
        assert_eq!(optional.resource("v1").api_version, "argoproj.io/v1");
    }
}
