//! Whether everything is there that the controller needs, seen with its own rights.

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

use super::election::{LEASE, LeaseName};
use super::sources::{INSTALL_DEFINITIONS, Source};
use super::watch::root_cause;
use super::watches::Watches;
use super::{Options, REPORT_WRITES, WRITES};
use crate::api::{ServiceModel, crds};
use crate::facts::published_report::GROUP_AND_PLURAL;
use crate::telemetry::metric::Metrics;

/// How many questions are asked at the same time.
const PARALLEL: usize = 8;
/// How long the API server may take for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait for a leader to renew the Lease: replicas that have just started have to read everything first.
const LEADER_LIMIT: Duration = Duration::from_secs(LEASE.as_secs() * 3);
/// How often to look at the Lease.
const POLL: Duration = Duration::from_millis(500);

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is as it has to be.
    pub is_well: bool,
    /// What was looked at; what to do when it is not well.
    pub text: String,
}

/// A permission.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Need {
    verb: &'static str,
    group: String,
    resource: String,
    subresource: Option<&'static str>,
    namespace: Option<String>,
    name: Option<String>,
}

/// Looks at everything that the controller needs with these options, and tells of it one by one. `reviews` says whether it
/// has to ask who reads its metrics.
pub async fn examine(
    client: Client,
    options: &Options,
    lease: Option<&LeaseName>,
    reviews: bool,
    mut tell: impl FnMut(Finding),
) {
    definitions(&client).await.into_iter().for_each(&mut tell);
    // Nothing is watched: it is only asked what would be.
    let watches = Watches::new(client.clone(), options, mpsc::channel(1).0, Metrics::default(), Duration::ZERO);
    let found = match watches.try_find().await {
        Ok(found) => found,
        Err(error) => {
            let text = format!("cannot find out which APIs are served: {error}; the rest is not looked at");
            return tell(Finding { is_well: false, text });
        }
    };
    let sources = watches.sources(&found);
    if options.reports {
        tell(reports(sources.all()));
    }
    let needs = needs(sources.all(), options.namespaces.as_deref(), options.reports, lease, reviews);
    let asked = stream::iter(needs).map(|need| ask(&client, need)).buffered(PARALLEL);
    let mut asked = pin!(asked);
    while let Some(finding) = asked.next().await {
        tell(finding);
    }
    if let Some(lease) = lease {
        tell(leader(&client, lease).await);
    }
}

/// Whether the kinds of the operator are served.
async fn definitions(client: &Client) -> Vec<Finding> {
    let version = ServiceModel::api_version(&());
    let served = tokio::time::timeout(ANSWER_LIMIT, client.list_api_group_resources(&version)).await;
    let finding = |plural: String| match &served {
        Err(_) => Finding { is_well: false, text: format!("cannot ask for {plural}: no answer") },
        Ok(Ok(list)) if list.resources.iter().any(|resource| resource.name == plural) => {
            Finding { is_well: true, text: format!("{plural} are served") }
        }
        Ok(Err(error)) if !matches!(error, kube::Error::Api(status) if status.code == 404) => {
            Finding { is_well: false, text: format!("cannot ask for {plural}: {}", root_cause(error)) }
        }
        _ => Finding { is_well: false, text: format!("{plural} are not served; {INSTALL_DEFINITIONS}") },
    };
    crds().map(|crd| finding(crd.spec.names.plural)).into()
}

/// Whether there is where to report.
fn reports<'a>(mut watched: impl Iterator<Item = &'a Source>) -> Finding {
    let (group, plural) = GROUP_AND_PLURAL;
    let is_well = watched.any(|source| source.group_and_plural() == (group, plural));
    let text = if is_well {
        format!("{plural}.{group} are served")
    } else {
        format!("{plural}.{group} are not served, in which --reports writes; install OpenReports, or leave that out")
    };
    Finding { is_well, text }
}

/// Every permission that is needed to watch these kinds and to write.
fn needs<'a>(
    watched: impl Iterator<Item = &'a Source>,
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
    for source in watched {
        for verb in ["list", "watch"] {
            add(verb, source.group_and_plural(), None, source.namespace(), None);
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

async fn ask(client: &Client, need: Need) -> Finding {
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
    match tokio::time::timeout(ANSWER_LIMIT, api.create(&parameters, &review)).await {
        Ok(Ok(answer)) if answer.status.as_ref().is_some_and(|status| status.allowed) => {
            Finding { is_well: true, text: format!("may {text}") }
        }
        Ok(Ok(_)) => Finding { is_well: false, text: format!("may not {text}; grant that to its ServiceAccount") },
        Ok(Err(error)) => {
            Finding { is_well: false, text: format!("cannot ask whether it may {text}: {}", root_cause(&error)) }
        }
        Err(_) => Finding { is_well: false, text: format!("cannot ask whether it may {text}: no answer") },
    }
}

/// Whether somebody renews the Lease, which is seen from its changing: clocks may differ.
async fn leader(client: &Client, lease: &LeaseName) -> Finding {
    let leases: Api<Lease> = Api::namespaced(client.clone(), &lease.namespace);
    let begun = Instant::now();
    let mut first = None;
    let mut last = "nobody holds it".to_owned();
    while begun.elapsed() < LEADER_LIMIT {
        match tokio::time::timeout(ANSWER_LIMIT, leases.get(&lease.name)).await {
            Ok(Ok(found)) => {
                let spec = found.spec.unwrap_or_default();
                let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
                if let Some(holder) = holder {
                    let seen = (holder.clone(), spec.renew_time);
                    if first.as_ref().is_some_and(|first: &(String, _)| first.0 == seen.0 && *first != seen) {
                        return Finding { is_well: true, text: format!("{holder} leads: it renews the Lease {lease}") };
                    }
                    if first.as_ref().is_none_or(|first| first.0 != seen.0) {
                        first = Some(seen);
                    }
                    last = format!("{holder} holds it and does not renew it");
                }
            }
            // It will not get better by waiting.
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                return Finding { is_well: false, text: format!("cannot see who leads: {}", status.message) };
            }
            Ok(Err(error)) => last = root_cause(&error),
            Err(_) => "the API server does not answer".clone_into(&mut last),
        }
        tokio::time::sleep(POLL).await;
    }
    Finding { is_well: false, text: format!("nobody leads by the Lease {lease}: {last}; see the logs of the replicas") }
}

#[cfg(test)]
mod tests {
    use super::super::sources::SourceRole;
    use super::*;

    fn texts(namespaces: Option<&[String]>, reports: bool, lease: Option<&LeaseName>) -> Vec<String> {
        let namespace = namespaces.map(|namespaces| namespaces[0].as_str().into());
        let source = Source::new("apps", "deployments", SourceRole::Essential, namespace);
        needs([source].iter(), namespaces, reports, lease, lease.is_some()).iter().map(ToString::to_string).collect()
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
