//! Discovery: asks the API server which of the relevant APIs it serves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::Client;

use super::kinds::POLICY_APIS;
use crate::controller::api_call::{CallError, ErrorClass, call};
use crate::facts::KubernetesVersion;

/// Time limit of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Number of requests in parallel.
const PARALLEL: usize = 4;

/// Relevant API groups as the API server serves them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct ServedApis {
    groups: BTreeMap<String, Vec<ServedVersion>>,
    /// Version of the API server, `None` without a response.
    pub(super) server: Option<KubernetesVersion>,
}

/// Version of an API group, in the order of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServedVersion {
    pub(super) name: String,
    /// `None` while the API server cannot list them, as for an aggregated API without a backend.
    pub(super) resources: Option<Vec<ServedResource>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServedResource {
    pub(super) plural: String,
    pub(super) kind: String,
    pub(super) namespaced: bool,
}

impl ServedApis {
    /// Returns the served versions of a group.
    pub(super) fn versions(&self, group: &str) -> impl Iterator<Item = &ServedVersion> {
        self.groups.get(group).into_iter().flatten()
    }

    /// Returns true if a policy API other than NetworkPolicy is served.
    ///
    /// Without a response the answer stays as it was `before`; true if there was none.
    pub(super) fn has_other_policy_apis(&self, before: Option<bool>) -> bool {
        let mut apis = POLICY_APIS.iter();
        let is_served = apis.clone().any(|(group, plural)| {
            let mut resources = self.versions(group).flat_map(|version| version.resources.iter().flatten());
            resources.any(|resource| resource.plural == *plural)
        });
        let is_unsure = apis.any(|(group, _)| self.versions(group).any(|version| version.resources.is_none()));
        is_served || is_unsure && before.unwrap_or(true)
    }

    /// Returns the group versions whose resources the API server cannot list.
    pub(super) fn unavailable(&self) -> BTreeSet<String> {
        let of_group = |(group, versions): (&String, &Vec<ServedVersion>)| -> Vec<String> {
            let unavailable = versions.iter().filter(|version| version.resources.is_none());
            unavailable.map(|version| format!("{group}/{}", version.name)).collect()
        };
        self.groups.iter().flat_map(of_group).collect()
    }
}

/// Parameters of a discovery.
#[derive(Clone, Debug)]
pub(super) struct DiscoveryRequest {
    /// Relevant groups.
    groups: BTreeSet<String>,
    /// Group versions that are requested even if the API server's list of groups lacks them.
    certain: BTreeSet<(String, String)>,
}

impl DiscoveryRequest {
    pub(super) fn new<'a>(
        groups: impl Iterator<Item = &'a str>,
        certain: impl Iterator<Item = (String, String)>,
    ) -> Self {
        let policies = POLICY_APIS.iter().map(|(group, _)| *group);
        Self { groups: groups.chain(policies).map(str::to_owned).collect(), certain: certain.collect() }
    }
}

/// Asks the API server which relevant APIs it serves.
///
/// The list of groups can be incomplete while the API server starts. So the `certain` group versions are requested in any
/// case: only a response of 404 means that one is not served.
///
/// # Errors
///
/// Returns a message if the list of groups cannot be read. A group version whose resources cannot be listed is not an error.
pub(super) async fn discover(client: &Client, request: &DiscoveryRequest) -> Result<ServedApis, String> {
    let DiscoveryRequest { groups, certain } = request;
    let listed = call(TIMEOUT, client.list_api_groups()).await.map_err(|error| explain(&error))?.groups;
    let relevant = listed.iter().filter(|group| groups.contains(&group.name));
    let mut versions: Vec<(String, String)> = relevant
        .flat_map(|group| group.versions.iter().map(|version| (group.name.clone(), version.version.clone())))
        .collect();
    let unlisted: Vec<_> = certain.iter().filter(|version| !versions.contains(version)).cloned().collect();
    versions.extend(unlisted);
    let responses = stream::iter(versions).map(async |(group, name)| {
        let resources = match call(TIMEOUT, client.list_api_group_resources(&format!("{group}/{name}"))).await {
            Ok(list) => Some(resources(list)),
            Err(error) if error.class() == ErrorClass::NotFound => Some(Vec::new()),
            Err(_) => None,
        };
        (group, ServedVersion { name, resources })
    });
    let mut responses = std::pin::pin!(responses.buffered(PARALLEL));
    // The right to list groups includes the right to read the version. After a failure the version stays as it was.
    let server = call(TIMEOUT, client.apiserver_version()).await.ok();
    let server = server.and_then(|info| KubernetesVersion::parse(&info.git_version));
    let mut apis = ServedApis { server, ..ServedApis::default() };
    while let Some((group, version)) = responses.next().await {
        apis.groups.entry(group).or_default().push(version);
    }
    Ok(apis)
}

fn explain(error: &CallError) -> String {
    if error.class() == ErrorClass::Forbidden {
        "the operator may not read it; bind the ClusterRole system:discovery to its ServiceAccount".to_owned()
    } else {
        error.to_string()
    }
}

fn resources(list: APIResourceList) -> Vec<ServedResource> {
    // Subresources such as httproutes/status have the kind of their parent.
    let whole = list.resources.into_iter().filter(|resource| !resource.name.contains('/'));
    whole
        .map(|resource| ServedResource { plural: resource.name, kind: resource.kind, namespaced: resource.namespaced })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::optional::OptionalResource;
    use super::*;

    pub(in super::super) const GATEWAY: &str = "gateway.networking.k8s.io";

    pub(in super::super) const ROUTES: Option<&[(&str, &str)]> =
        Some(&[("gateways", "Gateway"), ("httproutes", "HTTPRoute")]);

    /// A version of a group with kinds by plural; `None` is one whose resources the API server cannot list.
    pub(in super::super) fn version(name: &str, resources: Option<&[(&str, &str)]>) -> ServedVersion {
        let resource = |&(plural, kind): &(&str, &str)| ServedResource {
            plural: plural.to_owned(),
            kind: kind.to_owned(),
            namespaced: true,
        };
        ServedVersion { name: name.to_owned(), resources: resources.map(|all| all.iter().map(resource).collect()) }
    }

    pub(in super::super) fn apis(group: &str, versions: Vec<ServedVersion>) -> ServedApis {
        // The API server lists no group without a version.
        let groups = if versions.is_empty() { BTreeMap::new() } else { BTreeMap::from([(group.to_owned(), versions)]) };
        ServedApis { groups, server: None }
    }

    #[test]
    fn other_policy_apis_are_there_when_served_and_where_nobody_could_tell_yet() {
        let serving =
            |before, resources| apis("cilium.io", vec![version("v2", resources)]).has_other_policy_apis(before);
        assert!(serving(Some(false), Some(&[("ciliumnetworkpolicies", "CiliumNetworkPolicy")])));
        assert!(!serving(Some(true), Some(&[("ciliumnodes", "CiliumNode")])));
        assert!(serving(None, None) && serving(Some(true), None));
        assert!(!serving(Some(false), None), "a failure changes nothing");
        assert!(!ServedApis::default().has_other_policy_apis(Some(true)));
    }

    #[test]
    fn what_the_api_server_cannot_tell_is_named() {
        let found = apis(GATEWAY, vec![version("v1", None), version("v1beta1", ROUTES)]);
        assert_eq!(found.unavailable(), BTreeSet::from(["gateway.networking.k8s.io/v1".to_owned()]));
    }

    #[test]
    fn only_groups_that_matter_are_asked_for_and_subresources_do_not_count() {
        let optional = OptionalResource::all(&[], &BTreeSet::new(), std::iter::empty());
        let DiscoveryRequest { groups, .. } =
            DiscoveryRequest::new(optional.iter().map(OptionalResource::group), std::iter::empty());
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
