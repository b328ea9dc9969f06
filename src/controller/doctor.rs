//! Diagnosis: checks with the operator's own rights that everything the controller needs exists.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};
use kube::{Client, Resource};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::api_call::{ErrorClass, call};
use super::election::{LEASE, LeaseName};
use super::options::Options;
use super::watch::{INSTALL_CRDS, WatchSet, WatchedKind};
use crate::api::{GROUP, ServiceModel, crds};
use crate::facts::published_report::GROUP_AND_PLURAL;
use crate::telemetry::metric::Metrics;

/// Number of requests in parallel.
const PARALLEL: usize = 8;
/// Time limit of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit of waiting for a renewal of the Lease. Replicas that have just started read everything first.
const LEADER_TIMEOUT: Duration = Duration::from_secs(LEASE.as_secs() * 3);
/// Interval of reading the Lease.
const POLL: Duration = Duration::from_millis(500);

/// Result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// True if the check passed.
    pub passed: bool,
    /// Subject of the check; with the remedy if it failed.
    pub text: String,
}

/// A right to write.
#[derive(Debug)]
struct Write {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: Option<&'static str>,
    namespaced: bool,
}

/// Writes of the controller, except those of the Lease.
const WRITES: [Write; 4] = [
    Write::status("responsibilityassignments", true),
    Write::status("clusterresponsibilityassignments", false),
    Write::status("servicemodels", false),
    Write { verb: "create", group: "events.k8s.io", resource: "events", subresource: None, namespaced: true },
];

/// Further writes with `--reports`. Server-side apply of an object that does not exist needs `create` too.
const REPORT_WRITES: [Write; 3] = [Write::report("create"), Write::report("patch"), Write::report("delete")];

impl Write {
    const fn report(verb: &'static str) -> Self {
        let (group, resource) = GROUP_AND_PLURAL;
        Self { verb, group, resource, subresource: None, namespaced: true }
    }

    const fn status(resource: &'static str, namespaced: bool) -> Self {
        Self { verb: "patch", group: GROUP, resource, subresource: Some("status"), namespaced }
    }
}

/// A permission that the controller needs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Need {
    verb: &'static str,
    group: String,
    resource: String,
    subresource: Option<&'static str>,
    namespace: Option<String>,
    name: Option<String>,
}

/// Checks everything that the controller needs with these options, and passes each result to `report`. Set `reviews` if the
/// server authorizes readers of metrics.
pub async fn diagnose(
    client: Client,
    options: &Options,
    lease: Option<&LeaseName>,
    reviews: bool,
    mut report: impl FnMut(Diagnosis),
) {
    definitions(&client).await.into_iter().for_each(&mut report);
    // The watches do not start: they only name the kinds.
    let watches = WatchSet::new(client.clone().into(), options, mpsc::channel(1).0, Metrics::default(), Duration::ZERO);
    let apis = match watches.discover_once().await {
        Ok(apis) => apis,
        Err(error) => {
            let text = format!("cannot find out which APIs are served: {error}; the other checks are skipped");
            return report(Diagnosis { passed: false, text });
        }
    };
    let coverage = watches.coverage(&apis, options);
    if options.reports {
        report(reports(coverage.kinds()));
    }
    let needs = needs(coverage.kinds(), options.namespaces.as_deref(), options.reports, lease, reviews);
    let asked = stream::iter(needs).map(|need| ask(&client, need)).buffered(PARALLEL);
    let mut asked = pin!(asked);
    while let Some(diagnosis) = asked.next().await {
        report(diagnosis);
    }
    if let Some(lease) = lease {
        report(leader(&client, lease).await);
    }
}

/// Checks that the operator's own kinds are served.
async fn definitions(client: &Client) -> Vec<Diagnosis> {
    let version = ServiceModel::api_version(&());
    let served = call(TIMEOUT, client.list_api_group_resources(&version)).await;
    let check = |plural: String| match &served {
        Ok(list) if list.resources.iter().any(|resource| resource.name == plural) => {
            Diagnosis { passed: true, text: format!("{plural} are served") }
        }
        Err(error) if error.class() != ErrorClass::NotFound => {
            Diagnosis { passed: false, text: format!("cannot find out whether {plural} are served: {error}") }
        }
        _ => Diagnosis { passed: false, text: format!("{plural} are not served; {INSTALL_CRDS}") },
    };
    crds().map(|crd| check(crd.spec.names.plural)).into()
}

/// Checks that the API of Reports is served.
fn reports<'a>(mut watched: impl Iterator<Item = &'a WatchedKind>) -> Diagnosis {
    let (group, plural) = GROUP_AND_PLURAL;
    let passed = watched.any(|kind| kind.group_and_plural() == (group, plural));
    let text = if passed {
        format!("{plural}.{group} are served")
    } else {
        format!("{plural}.{group} are not served, and --reports needs them; install OpenReports, or remove --reports")
    };
    Diagnosis { passed, text }
}

/// Returns every permission that is necessary to watch these kinds and to write.
fn needs<'a>(
    watched: impl Iterator<Item = &'a WatchedKind>,
    namespaces: Option<&[String]>,
    reports: bool,
    lease: Option<&LeaseName>,
    reviews: bool,
) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut add = |verb, (group, resource): (&str, &str), subresource, namespace: Option<&str>, name: Option<&str>| {
        needs.push(Need {
            verb,
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource,
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
        });
    };
    for kind in watched {
        for verb in ["list", "watch"] {
            add(verb, kind.group_and_plural(), None, kind.namespace(), None);
        }
    }
    for write in WRITES.iter().chain(REPORT_WRITES.iter().filter(|_| reports)) {
        let of_kind = (write.group, write.resource);
        match namespaces {
            Some(namespaces) if write.namespaced => {
                for namespace in namespaces {
                    add(write.verb, of_kind, write.subresource, Some(namespace), None);
                }
            }
            Some(_) => {}
            None => add(write.verb, of_kind, write.subresource, None, None),
        }
    }
    if reviews {
        add("create", ("authentication.k8s.io", "tokenreviews"), None, None, None);
        add("create", ("authorization.k8s.io", "subjectaccessreviews"), None, None, None);
    }
    if let Some(LeaseName { namespace, name }) = lease {
        let leases = ("coordination.k8s.io", "leases");
        for verb in ["get", "update"] {
            add(verb, leases, None, Some(namespace), Some(name));
        }
        add("create", leases, None, Some(namespace), None);
    }
    needs
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        let rest = [
            (".", Some(&*self.group).filter(|group| !group.is_empty())),
            ("/", self.subresource),
            (" ", self.name.as_deref()),
            (" in namespace ", self.namespace.as_deref()),
        ];
        rest.into_iter().try_for_each(|(before, word)| word.map_or(Ok(()), |word| write!(f, "{before}{word}")))
    }
}

async fn ask(client: &Client, need: Need) -> Diagnosis {
    let text = need.to_string();
    let attributes = ResourceAttributes {
        verb: Some(need.verb.to_owned()),
        group: Some(need.group),
        resource: Some(need.resource),
        subresource: need.subresource.map(str::to_owned),
        namespace: need.namespace,
        name: need.name,
        ..ResourceAttributes::default()
    };
    let spec =
        SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let api = Api::all(client.clone());
    let parameters = PostParams::default();
    match call(TIMEOUT, api.create(&parameters, &review)).await {
        Ok(review) if review.status.as_ref().is_some_and(|status| status.allowed) => {
            Diagnosis { passed: true, text: format!("may {text}") }
        }
        Ok(_) => Diagnosis { passed: false, text: format!("may not {text}; grant that to its ServiceAccount") },
        Err(error) => Diagnosis { passed: false, text: format!("cannot find out whether it may {text}: {error}") },
    }
}

/// Checks that a replica renews the Lease. Compares two reads, because clocks can differ.
async fn leader(client: &Client, lease: &LeaseName) -> Diagnosis {
    let leases: Api<Lease> = Api::namespaced(client.clone(), &lease.namespace);
    let begun = Instant::now();
    let mut first = None;
    let mut last = "no replica holds it".to_owned();
    while begun.elapsed() < LEADER_TIMEOUT {
        match call(TIMEOUT, leases.get(&lease.name)).await {
            Ok(found) => {
                let spec = found.spec.unwrap_or_default();
                let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
                if let Some(holder) = holder {
                    let seen = (holder.clone(), spec.renew_time);
                    if first.as_ref().is_some_and(|first: &(String, _)| first.0 == seen.0 && *first != seen) {
                        return Diagnosis {
                            passed: true,
                            text: format!("{holder} leads: it renews the Lease {lease}"),
                        };
                    }
                    if first.as_ref().is_none_or(|first| first.0 != seen.0) {
                        first = Some(seen);
                    }
                    last = format!("{holder} holds it and does not renew it");
                }
            }
            // Waiting does not help.
            Err(error) if error.class() == ErrorClass::Forbidden => {
                return Diagnosis { passed: false, text: format!("cannot find out which replica leads: {error}") };
            }
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(POLL).await;
    }
    Diagnosis {
        passed: false,
        text: format!("no replica leads by the Lease {lease}: {last}; see the logs of the replicas"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::watch::KindRole;
    use super::*;

    fn texts(namespaces: Option<&[String]>, reports: bool, lease: Option<&LeaseName>) -> Vec<String> {
        let namespace = namespaces.map(|namespaces| namespaces[0].as_str().into());
        let kind = WatchedKind::new("apps", "deployments", KindRole::Essential, namespace);
        needs([kind].iter(), namespaces, reports, lease, lease.is_some()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_watched_is_listed_and_watched_and_what_is_written_is_patched_or_created() {
        let lease = LeaseName { namespace: "system".into(), name: "operator".into() };
        assert_eq!(
            texts(None, false, Some(&lease)),
            [
                "list deployments.apps",
                "watch deployments.apps",
                "patch responsibilityassignments.sharedresponsibility.dev/status",
                "patch clusterresponsibilityassignments.sharedresponsibility.dev/status",
                "patch servicemodels.sharedresponsibility.dev/status",
                "create events.events.k8s.io",
                "create tokenreviews.authentication.k8s.io",
                "create subjectaccessreviews.authorization.k8s.io",
                "get leases.coordination.k8s.io operator in namespace system",
                "update leases.coordination.k8s.io operator in namespace system",
                "create leases.coordination.k8s.io in namespace system",
            ]
        );
    }

    #[test]
    fn where_some_namespaces_are_looked_at_rights_in_them_are_enough() {
        assert_eq!(
            texts(Some(&["shop".to_owned()]), true, None),
            [
                "list deployments.apps in namespace shop",
                "watch deployments.apps in namespace shop",
                "patch responsibilityassignments.sharedresponsibility.dev/status in namespace shop",
                "create events.events.k8s.io in namespace shop",
                "create reports.openreports.io in namespace shop",
                "patch reports.openreports.io in namespace shop",
                "delete reports.openreports.io in namespace shop",
            ]
        );
    }
}
