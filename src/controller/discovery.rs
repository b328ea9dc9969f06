//! Which optional APIs the API server serves, and what follows for the watches.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::Client;
use kube::core::{ApiResource, GroupVersionKind};

use super::answer::{Refusal, answer};
use super::input::SourceRole;
use super::watch::root_cause;
use crate::extract::ConfiguredKind;
use crate::extract::kinds::{KindSpec, POLICY_APIS, optional};
use crate::facts::{FactKind, KubernetesVersion, ListedKind};
use crate::signals::{CustomObjects, CustomSignal, KindScope};

/// How long the API server may take for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// How many questions are asked at the same time.
const PARALLEL: usize = 4;

/// A kind that is watched where it is served.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// One that the operator knows.
    BuiltIn(&'static KindSpec),
    /// One of workloads, of which it was told.
    Configured(ConfiguredKind),
    /// One that signals of the configuration look at.
    Custom(Arc<CustomObjects>),
}

impl Wanted {
    /// All of them, where these kinds are read for signals only, and signals of the configuration look at these.
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

    pub(super) fn role(&self) -> SourceRole {
        match self {
            Self::BuiltIn(KindSpec { listed: ListedKind::Facts(kind), .. }) => SourceRole::OptionalSignals(*kind),
            Self::Custom(objects) => SourceRole::OptionalSignals(objects.fact_kind()),
            Self::BuiltIn(_) => SourceRole::Optional,
            Self::Configured(_) => SourceRole::Configured,
        }
    }

    /// What a list of the kind holds.
    pub(super) fn listed(&self) -> ListedKind {
        match self {
            Self::BuiltIn(optional) => optional.listed.clone(),
            Self::Configured(configured) => ListedKind::Workloads(configured.workload_kind()),
            Self::Custom(objects) => ListedKind::Facts(objects.fact_kind()),
        }
    }

    /// The resource to watch in a version.
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

    /// The version that is asked for first, as group and version.
    pub(super) fn preferred(&self) -> (String, String) {
        let version = match self {
            Self::BuiltIn(optional) => optional.versions.first().copied().unwrap_or_default(),
            Self::Configured(configured) => &configured.version,
            Self::Custom(objects) => &objects.of.version,
        };
        (self.group().to_owned(), version.to_owned())
    }

    /// The version to read of those that can be had: the first that is preferred, else the first. An expression, which may be
    /// true in another version for no good reason, is tried in its own only.
    fn best(&self, versions: &[&str]) -> Option<String> {
        let is_served = |version: &&str| versions.contains(version);
        let any = || versions.first().copied();
        let best = match self {
            Self::BuiltIn(optional) => optional.versions.iter().copied().find(is_served).or_else(any),
            Self::Configured(configured) => Some(&*configured.version).filter(is_served).or_else(any),
            Self::Custom(objects) => Some(&*objects.of.version).filter(is_served),
        };
        best.map(str::to_owned)
    }

    fn fit(&self, resource: &Resource) -> Fit {
        let (of_plural, of_kind) = (resource.plural == self.plural(), resource.kind == self.kind());
        match (of_plural && of_kind && resource.namespaced == self.is_namespaced(), of_plural || of_kind) {
            (true, _) => Fit::Right,
            (false, true) => Fit::Wrong,
            (false, false) => Fit::Other,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.plural(), self.group())
    }
}

/// Whether a resource is the one that is wanted.
enum Fit {
    Right,
    /// It has the name or the kind of it and is not it.
    Wrong,
    Other,
}

/// What is known of a wanted kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is not served: there is nothing to read.
    #[default]
    Absent,
    /// It is served in this version.
    Served(String),
    /// Something is served that is not what the configuration file says: nothing can be read.
    Misfit,
}

impl Standing {
    /// The standing of a wanted kind after a look at what is served.
    ///
    /// What cannot be told stays as it is. Where nothing is known yet it counts as served, so that it is no reason to call
    /// anything covered: the watch finds out.
    pub(super) fn next(&self, wanted: &Wanted, found: &Found) -> Self {
        let (mut serving, mut unsure, mut misfit) = (Vec::new(), Vec::new(), false);
        for version in found.groups.get(wanted.group()).into_iter().flatten() {
            let Some(resources) = &version.resources else {
                unsure.push(&*version.name);
                continue;
            };
            for resource in resources {
                match wanted.fit(resource) {
                    Fit::Right => serving.push(&*version.name),
                    Fit::Wrong => misfit = true,
                    Fit::Other => {}
                }
            }
        }
        match self {
            Self::Misfit if misfit && serving.is_empty() => Self::Misfit,
            Self::Served(version) if serving.iter().chain(&unsure).any(|other| other == version) => self.clone(),
            Self::Served(_) if serving.is_empty() && !unsure.is_empty() => self.clone(),
            _ => match wanted.best(&serving).or_else(|| wanted.best(&unsure)) {
                Some(version) => Self::Served(version),
                None if misfit || !serving.is_empty() => Self::Misfit,
                None => Self::Absent,
            },
        }
    }
}

/// What is served of the groups that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    groups: BTreeMap<String, Vec<Version>>,
    /// The version of the API server, none where it did not tell.
    pub(super) server: Option<KubernetesVersion>,
}

/// A version of a group, in the order of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    name: String,
    /// None when the API server cannot tell at the moment.
    resources: Option<Vec<Resource>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Resource {
    plural: String,
    kind: String,
    namespaced: bool,
}

impl Found {
    /// Whether another policy API than NetworkPolicy is served. Where the API server cannot tell it is as it was before,
    /// and served where nothing is known yet.
    pub(super) fn has_other_policy_apis(&self, before: Option<bool>) -> bool {
        let mut apis = POLICY_APIS.iter();
        let versions = |group: &str| self.groups.get(group).into_iter().flatten();
        let is_served = apis.clone().any(|(group, plural)| {
            let resources = versions(group).flat_map(|version| version.resources.iter().flatten());
            resources.into_iter().any(|resource| resource.plural == *plural)
        });
        let is_unsure = apis.any(|(group, _)| versions(group).any(|version| version.resources.is_none()));
        is_served || is_unsure && before.unwrap_or(true)
    }

    /// The versions of groups of which the API server cannot tell what they hold.
    pub(super) fn unavailable(&self) -> BTreeSet<String> {
        let of_group = |(group, versions): (&String, &Vec<Version>)| -> Vec<String> {
            let unavailable = versions.iter().filter(|version| version.resources.is_none());
            unavailable.map(|version| format!("{group}/{}", version.name)).collect()
        };
        self.groups.iter().flat_map(of_group).collect()
    }
}

/// What to ask the API server.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The groups that matter.
    groups: BTreeSet<String>,
    /// The versions of groups of which the answer has to be certain.
    certain: BTreeSet<(String, String)>,
}

impl Question {
    pub(super) fn new<'a>(
        wanted: impl Iterator<Item = &'a Wanted>,
        certain: impl Iterator<Item = (String, String)>,
    ) -> Self {
        let policies = POLICY_APIS.iter().map(|(group, _)| *group);
        Self {
            groups: wanted.map(Wanted::group).chain(policies).map(str::to_owned).collect(),
            certain: certain.collect(),
        }
    }
}

/// Asks the API server what it serves. Its list of groups may lack some while it starts, so the versions of which the answer
/// has to be certain are asked for whether they are on it or not: what is not served is answered with 404 only when that is
/// certain.
///
/// # Errors
///
/// When it does not tell which groups there are, in words. A group that is there and does not tell what it holds is none.
pub(super) async fn look(client: &Client, question: &Question) -> Result<Found, String> {
    let Question { groups, certain } = question;
    let listed = answer(ANSWER_LIMIT, client.list_api_groups()).await.map_err(explain)?.groups;
    let relevant = listed.iter().filter(|group| groups.contains(&group.name));
    let mut versions: Vec<(String, String)> = relevant
        .flat_map(|group| group.versions.iter().map(|version| (group.name.clone(), version.version.clone())))
        .collect();
    let unlisted: Vec<_> = certain.iter().filter(|version| !versions.contains(version)).cloned().collect();
    versions.extend(unlisted);
    let asked = stream::iter(versions).map(async |(group, name)| {
        let resources = match answer(ANSWER_LIMIT, client.list_api_group_resources(&format!("{group}/{name}"))).await {
            Ok(list) => Some(resources(list)),
            Err(Refusal::Error(kube::Error::Api(status))) if status.code == 404 => Some(Vec::new()),
            Err(_) => None,
        };
        (group, Version { name, resources })
    });
    let mut asked = std::pin::pin!(asked.buffered(PARALLEL));
    // Whoever may ask for groups may ask for the version; where that fails it stays as it was.
    let server = answer(ANSWER_LIMIT, client.apiserver_version()).await.ok();
    let server = server.and_then(|info| KubernetesVersion::parse(&info.git_version));
    let mut found = Found { server, ..Found::default() };
    while let Some((group, version)) = asked.next().await {
        found.groups.entry(group).or_default().push(version);
    }
    Ok(found)
}

fn explain(refusal: Refusal) -> String {
    match refusal {
        Refusal::Error(kube::Error::Api(status)) if status.code == 403 => {
            "the operator may not ask for it; bind the ClusterRole system:discovery to its ServiceAccount".to_owned()
        }
        Refusal::Error(error) => root_cause(&error),
        Refusal::Silence => format!("no answer within {} s", ANSWER_LIMIT.as_secs()),
    }
}

fn resources(list: APIResourceList) -> Vec<Resource> {
    // Subresources such as httproutes/status have the kind of what they are part of.
    let whole = list.resources.into_iter().filter(|resource| !resource.name.contains('/'));
    let slim =
        whole.map(|resource| Resource { plural: resource.name, kind: resource.kind, namespaced: resource.namespaced });
    slim.collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GATEWAY: &str = "gateway.networking.k8s.io";

    /// A version of a group with kinds by plural; None is one of which the API server cannot tell.
    fn version(name: &str, resources: Option<&[(&str, &str)]>) -> Version {
        let resource = |&(plural, kind): &(&str, &str)| Resource {
            plural: plural.to_owned(),
            kind: kind.to_owned(),
            namespaced: true,
        };
        Version { name: name.to_owned(), resources: resources.map(|all| all.iter().map(resource).collect()) }
    }

    fn found(group: &str, versions: Vec<Version>) -> Found {
        Found { groups: BTreeMap::from([(group.to_owned(), versions)]), server: None }
    }

    fn http_routes() -> Wanted {
        let mut kinds = Wanted::all(&[], &BTreeSet::new(), std::iter::empty()).into_iter();
        kinds.find(|wanted| wanted.plural() == "httproutes").unwrap()
    }

    fn served(version: &str) -> Standing {
        Standing::Served(version.to_owned())
    }

    const ROUTES: Option<&[(&str, &str)]> = Some(&[("gateways", "Gateway"), ("httproutes", "HTTPRoute")]);
    const OTHERS: Option<&[(&str, &str)]> = Some(&[("gateways", "Gateway")]);

    #[rstest]
    #[case::appears(Standing::Absent, vec![version("v1", ROUTES)], served("v1"))]
    #[case::stays_away(Standing::Absent, vec![version("v1", OTHERS)], Standing::Absent)]
    #[case::stays(served("v1"), vec![version("v1", ROUTES)], served("v1"))]
    #[case::goes(served("v1"), vec![version("v1", OTHERS)], Standing::Absent)]
    #[case::goes_with_its_group(served("v1"), vec![], Standing::Absent)]
    #[case::the_preferred_version(Standing::Absent, vec![version("v1beta1", ROUTES), version("v1", ROUTES)], served("v1"))]
    #[case::a_version_to_come(Standing::Absent, vec![version("v3", OTHERS), version("v2", ROUTES)], served("v2"))]
    #[case::is_read_on_in_its_version(served("v1beta1"), vec![version("v1", ROUTES), version("v1beta1", ROUTES)], served("v1beta1"))]
    #[case::its_version_ends(served("v1beta1"), vec![version("v1", ROUTES)], served("v1"))]
    #[case::cannot_be_told_any_more(served("v1"), vec![version("v1", None)], served("v1"))]
    #[case::cannot_be_told_in_another_version(served("v1"), vec![version("v1", OTHERS), version("v1beta1", None)], served("v1"))]
    #[case::cannot_be_told_yet(Standing::Absent, vec![version("v1alpha2", None), version("v1", None)], served("v1"))]
    #[case::is_found_beside_what_cannot_be_told(Standing::Absent, vec![version("v1", None), version("v1beta1", ROUTES)], served("v1beta1"))]
    fn a_kind_is_watched_from_when_it_is_served_until_it_is_known_to_be_served_no_more(
        #[case] before: Standing,
        #[case] versions: Vec<Version>,
        #[case] expected: Standing,
    ) {
        let mut found = found(GATEWAY, versions);
        found.groups.retain(|_, versions| !versions.is_empty());
        assert_eq!(before.next(&http_routes(), &found), expected);
    }

    #[rstest]
    #[case::as_written(("rollouts", "Rollout"), true, served("v1"))]
    #[case::another_plural(("rolloutes", "Rollout"), true, Standing::Misfit)]
    #[case::another_kind(("rollouts", "RollOut"), true, Standing::Misfit)]
    #[case::not_in_namespaces(("rollouts", "Rollout"), false, Standing::Misfit)]
    #[case::not_there(("workflows", "Workflow"), true, Standing::Absent)]
    fn a_configured_kind_that_is_served_otherwise_is_told_from_one_that_is_not(
        #[case] resource: (&str, &str),
        #[case] namespaced: bool,
        #[case] expected: Standing,
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
        let [wanted] = &Wanted::all(&[rollouts], &BTreeSet::new(), std::iter::empty())
            [optional().filter(|spec| spec.fact_kind().is_none()).count()..]
        else {
            panic!("one kind is configured")
        };
        let standing = Standing::Absent.next(wanted, &found("argoproj.io", vec![version]));
        assert_eq!(standing, expected);
        assert_eq!(wanted.resource("v1").api_version, "argoproj.io/v1");
    }

    #[test]
    fn other_policy_apis_are_there_when_served_and_where_nobody_could_tell_yet() {
        let serving =
            |before, resources| found("cilium.io", vec![version("v2", resources)]).has_other_policy_apis(before);
        assert!(serving(Some(false), Some(&[("ciliumnetworkpolicies", "CiliumNetworkPolicy")])));
        assert!(!serving(Some(true), Some(&[("ciliumnodes", "CiliumNode")])));
        assert!(serving(None, None) && serving(Some(true), None));
        assert!(!serving(Some(false), None), "a failure changes nothing");
        assert!(!Found::default().has_other_policy_apis(Some(true)));
    }

    #[test]
    fn what_the_api_server_cannot_tell_is_named() {
        let found = found(GATEWAY, vec![version("v1", None), version("v1beta1", ROUTES)]);
        assert_eq!(found.unavailable(), BTreeSet::from(["gateway.networking.k8s.io/v1".to_owned()]));
    }

    #[test]
    fn only_groups_that_matter_are_asked_for_and_subresources_do_not_count() {
        let Question { groups, .. } =
            Question::new(Wanted::all(&[], &BTreeSet::new(), std::iter::empty()).iter(), std::iter::empty());
        assert!(groups.contains(GATEWAY) && groups.contains("route.openshift.io") && groups.contains("cilium.io"));
        assert!(!groups.contains("apps"));
        let list = serde_json::json!({ "groupVersion": "x/v1", "resources": [
            { "name": "httproutes", "singularName": "", "namespaced": true, "kind": "HTTPRoute", "verbs": ["list"] },
            { "name": "httproutes/status", "singularName": "", "namespaced": true, "kind": "HTTPRoute", "verbs": ["get"] },
        ] });
        let slim = resources(serde_json::from_value(list).unwrap());
        assert_eq!(slim.iter().map(|resource| &*resource.plural).collect::<Vec<_>>(), ["httproutes"]);
    }
}
