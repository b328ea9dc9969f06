//! Reports about workloads: of scanners (Trivy) and of policy engines (OpenReports and its predecessor).

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, ObjectMeta};
use serde::Deserialize;

use super::meta::{object_name, or_default, resource};
use super::{Extract, Extraction};
use crate::facts::published_report::{DIGEST, MANAGED_BY, SOURCE, is_report_name, report_labels};
use crate::facts::{
    Delta, FactKind, Facts, KindAndName, ListedKind, ObjectName, PublishedReport, ReportFacts, ResultCounts,
};

/// The fields that the operator manages in its Reports, as JSON pointers into managed fields. If another client changes
/// a field, the operator does not manage it any more. `results` is atomic, the counts are separate fields.
const OWN_FIELDS: [&str; 7] = [
    "/f:source",
    "/f:results",
    "/f:summary/f:pass",
    "/f:summary/f:fail",
    "/f:summary/f:warn",
    "/f:summary/f:error",
    "/f:summary/f:skip",
];

/// A report of the kind that the marker `K` names, reduced to the fields that the operator reads. Lists of vulnerabilities and checks are skipped.
///
/// Fields as documented: <https://aquasecurity.github.io/trivy-operator/latest/docs/crds/vulnerability-report/>,
/// <https://github.com/openreports/reports-api/blob/main/docs/api-docs.md>.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "")]
pub struct ObservedReport<K> {
    /// The complete metadata: managed fields show if another client has changed a Report of the operator.
    #[serde(default)]
    metadata: ObjectMeta,
    /// The result of a scanner.
    #[serde(default, rename = "report")]
    scan: Option<Scan>,
    /// The object of results that name no object.
    #[serde(default)]
    scope: Option<Reference>,
    /// The results of a policy engine.
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<Entry>,
    #[serde(skip)]
    kind: PhantomData<fn() -> K>,
}

resource!(ObservedReport<K>, K);

/// The marker of a kind of reports of other writers.
pub trait ReportKind {
    /// The kind.
    const REPORT: FactKind;
}

macro_rules! reports {
    ($($marker:ident $report:ident $kind:ident,)*) => {
        $(
            #[doc = concat!("The marker of [`", stringify!($report), "`].")]
            #[derive(Clone, Debug)]
            pub enum $marker {}

            impl ReportKind for $marker {
                const REPORT: FactKind = FactKind::$kind;
            }

            #[doc = concat!("A report of the kind [`FactKind::", stringify!($kind), "`].")]
            pub type $report = ObservedReport<$marker>;
        )*
    };
}

reports! {
    Vulnerability VulnerabilityReport VulnerabilityReports,
    ConfigAudit ConfigAuditReport ConfigAuditReports,
    Policy PolicyReport PolicyReports,
}

/// A Report of OpenReports. Some are the operator's own.
pub type Report = ObservedReport<()>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Scan {
    #[serde(deserialize_with = "or_default")]
    summary: Summary,
    update_timestamp: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Summary {
    critical_count: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Reference {
    kind: String,
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    result: String,
    severity: Option<String>,
    source: Option<String>,
    timestamp: Option<Time>,
    properties: Option<Properties>,
    #[serde(alias = "subjects")]
    resources: Option<Vec<Reference>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Time {
    seconds: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    #[serde(rename = "resultID")]
    result_id: Option<String>,
}

impl Entry {
    /// Returns true if the operator has written it.
    fn is_own(&self) -> bool {
        self.source.as_deref() == Some(SOURCE)
    }

    /// Returns its counts. Failures count if their severity is `high` or `critical`, or not set.
    fn counts(&self) -> ResultCounts {
        let is_severe = self.severity.as_deref().is_none_or(|severity| matches!(severity, "critical" | "high"));
        ResultCounts {
            failed: u32::from(self.result == "fail" && is_severe),
            errors: u32::from(self.result == "error"),
            passed: u32::from(self.result == "pass"),
        }
    }
}

impl Reference {
    fn object(&self) -> KindAndName {
        KindAndName { kind: self.kind.as_str().into(), name: self.name.as_str().into() }
    }
}

impl<K> ObservedReport<K> {
    /// Returns the object that a scan is about: the owner of the report, otherwise the object in its labels.
    fn scanned_object(&self) -> Option<KindAndName> {
        let owner = self.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
        let owner =
            owner.map(|owner| KindAndName { kind: owner.kind.as_str().into(), name: owner.name.as_str().into() });
        owner.or_else(|| Some(KindAndName { kind: self.label("resource.kind")?, name: self.label("resource.name")? }))
    }

    /// Returns the facts of a Report that the operator has written; `None` for another report. The times of its results
    /// are only included if its name is one that the operator uses.
    #[must_use]
    pub fn own(&self) -> Option<(ObjectName, PublishedReport)> {
        let labels = self.metadata.labels.as_ref()?;
        if labels.get(MANAGED_BY).map(String::as_str) != Some(SOURCE) {
            return None;
        }
        let time = |entry: &'_ Entry| Some((entry.properties.as_ref()?.result_id.clone()?, entry.timestamp?.seconds));
        let name = object_name(&self.metadata);
        let results = if is_report_name(&name.name) { &*self.results } else { &[] };
        let times: Vec<(String, i64)> = results.iter().filter_map(time).collect();
        let digest = self.metadata.annotations.as_ref().and_then(|all| all.get(DIGEST));
        let known = PublishedReport {
            resource_version: self.metadata.resource_version.clone().unwrap_or_default(),
            digest: digest.filter(|_| self.is_as_written()).cloned(),
            labels: report_labels(self.metadata.labels.as_ref()),
            since: PublishedReport::times(times.iter().map(|(id, seconds)| (id.as_str(), *seconds))),
        };
        Some((name, known))
    }

    /// Returns true if its content is unchanged since the operator applied it. Another client that changes a field
    /// becomes its manager.
    fn is_as_written(&self) -> bool {
        let is_own = |entry: &&ManagedFieldsEntry| {
            entry.manager.as_deref() == Some(SOURCE) && entry.operation.as_deref() == Some("Apply")
        };
        let Some(own) = self.metadata.managed_fields.iter().flatten().find(is_own) else { return false };
        let Some(FieldsV1(fields)) = &own.fields_v1 else { return false };
        OWN_FIELDS.iter().all(|field| fields.pointer(field).is_some())
    }

    /// Returns a label of the scanner.
    fn label(&self, name: &str) -> Option<Arc<str>> {
        let labels = self.metadata.labels.as_ref()?;
        Some(labels.get(&format!("trivy-operator.{name}"))?.as_str().into())
    }
}

impl<K> ObservedReport<K> {
    /// Extracts the facts; `None` for a report about no object.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        let mut about: BTreeMap<KindAndName, ResultCounts> = BTreeMap::new();
        let mut day: Option<Date> = None;
        if let (Some(scan), Some(object)) = (&self.scan, self.scanned_object()) {
            let failed = scan.summary.critical_count;
            about.insert(object, ResultCounts { failed, errors: 0, passed: u32::from(failed == 0) });
            day = scan.update_timestamp.map(crate::model::day);
        }
        // Results that the operator itself has written are not evidence.
        for entry in self.results.iter().filter(|entry| !entry.is_own()) {
            let named = entry.resources.iter().flatten().map(Reference::object);
            let scope = self.scope.iter().filter(|_| entry.resources.as_ref().is_none_or(Vec::is_empty));
            for object in named.chain(scope.map(Reference::object)) {
                let counts = about.entry(object).or_default();
                *counts = counts.and(entry.counts());
            }
        }
        let container = self.label("container.name").filter(|_| self.scan.is_some());
        (!about.is_empty()).then_some(Facts::Report(ReportFacts { about, day, container }))
    }
}

impl<K: ReportKind> Extract for ObservedReport<K> {
    const KIND: ListedKind = ListedKind::Facts(K::REPORT);

    fn delta(&self, _: &Extraction) -> Delta {
        Delta::Facts(K::REPORT, object_name(&self.metadata), self.facts())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::*;

    fn facts(object: Value) -> Option<ReportFacts> {
        let report: PolicyReport = serde_json::from_value(object).unwrap();
        report.facts().map(|facts| match facts {
            Facts::Report(report) => report,
            other => panic!("{other:?}"),
        })
    }

    fn subject(kind: &str, name: &str) -> KindAndName {
        KindAndName { kind: kind.into(), name: name.into() }
    }

    fn scan(metadata: &Value, critical: u32) -> Value {
        json!({
            "metadata": metadata,
            "report": {
                "summary": { "criticalCount": critical, "highCount": 3 },
                "updateTimestamp": "2026-11-20T10:00:00Z",
                "vulnerabilities": [{ "vulnerabilityID": "CVE-2026-1", "severity": "CRITICAL" }],
            },
        })
    }

    #[test]
    fn a_scan_is_about_what_owns_it_or_what_its_labels_say() {
        let labels = json!({ "trivy-operator.resource.kind": "StatefulSet", "trivy-operator.resource.name": "db" });
        let found = facts(scan(&json!({ "name": "r", "labels": labels }), 0)).unwrap();
        assert_eq!(found.about[&subject("StatefulSet", "db")], ResultCounts { failed: 0, errors: 0, passed: 1 });
        assert_eq!(found.day, Some(date(2026, 11, 20)));
        let owner = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d5d", "uid": "1", "controller": true }]);
        let found = facts(scan(&json!({ "name": "r", "labels": labels, "ownerReferences": owner }), 2)).unwrap();
        assert_eq!(found.about[&subject("ReplicaSet", "web-5d5d")].failed, 2);
        assert_eq!(facts(scan(&json!({ "name": "r" }), 2)), None, "about nothing that is known");
        let of_container = json!({
            "trivy-operator.resource.kind": "Pod", "trivy-operator.resource.name": "p", "trivy-operator.container.name": "c",
        });
        let found = facts(scan(&json!({ "name": "r", "labels": of_container }), 0)).unwrap();
        assert_eq!(found.container.as_deref(), Some("c"));
    }

    #[test]
    fn results_are_about_what_they_name_or_what_the_report_is_about() {
        let result = |result: &str, severity: Option<&str>, resources: Value| json!({ "policy": "p", "result": result, "severity": severity, "resources": resources });
        let web = json!([{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" }]);
        let found = facts(json!({
            "metadata": { "name": "r" },
            "scope": { "kind": "Deployment", "name": "api" },
            "results": [
                result("fail", Some("high"), web.clone()),
                result("fail", Some("medium"), web.clone()),
                result("skip", None, web.clone()),
                result("error", None, Value::Null),
                result("fail", None, json!([])),
                result("pass", Some("low"), json!([])),
            ],
        }))
        .unwrap();
        assert_eq!(found.about[&subject("Deployment", "web")], ResultCounts { failed: 1, errors: 0, passed: 0 });
        assert_eq!(found.about[&subject("Deployment", "api")], ResultCounts { failed: 1, errors: 1, passed: 1 });
        assert_eq!(found.day, None);
    }

    /// Returns an entry of managed fields, as the API server stores it.
    fn managed(manager: &str, fields: &Value) -> Value {
        json!({
            "manager": manager, "operation": "Apply", "apiVersion": "openreports.io/v1alpha1", "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        })
    }

    /// Returns all fields of a Report that the operator writes.
    fn all_fields() -> Value {
        let counts = json!({ "f:pass": {}, "f:fail": {}, "f:warn": {}, "f:error": {}, "f:skip": {} });
        json!({ "f:source": {}, "f:results": {}, "f:summary": counts, "f:metadata": { "f:labels": {} } })
    }

    #[test]
    fn the_digest_of_a_report_is_believed_where_all_of_it_is_the_operators() {
        let known = |name: &str, managed: Value| {
            let report: PolicyReport = serde_json::from_value(json!({
                "metadata": {
                    "name": name, "namespace": "shop", "managedFields": managed,
                    "labels": {
                        "app.kubernetes.io/managed-by": "responsibility-operator", "sharedresponsibility.dev/owner": "team",
                        "example.com/note": "of somebody",
                    },
                    "annotations": { "sharedresponsibility.dev/digest": "5f0c" },
                },
                "results": [{ "timestamp": { "seconds": 9, "nanos": 0 }, "properties": { "resultID": "ff" } }],
            }))
            .unwrap();
            report.own().unwrap().1
        };
        let own = "responsibility-operator-01";
        let whole = || {
            json!([managed("kubectl", &json!({ "f:metadata": {} })), managed("responsibility-operator", &all_fields())])
        };
        let found = known(own, whole());
        assert_eq!((found.digest.as_deref(), found.since.len()), (Some("5f0c"), 1));
        let labels: Vec<(&str, &str)> =
            found.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let expected =
            [("app.kubernetes.io/managed-by", "responsibility-operator"), ("sharedresponsibility.dev/owner", "team")];
        assert_eq!(labels, expected);
        for taken in OWN_FIELDS {
            let mut fields = all_fields();
            let (parent, name) = taken.rsplit_once('/').unwrap();
            fields.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
            let found = known(own, json!([managed("responsibility-operator", &fields)]));
            assert_eq!((found.digest, found.since.len()), (None, 1), "{taken} is somebody else's");
        }
        assert_eq!(known(own, json!(null)).digest, None);
        assert_eq!(known("responsibility-operator-2", whole()).since, [], "the operator calls none so");
    }

    #[test]
    fn an_own_report_is_known_as_such_and_is_no_evidence() {
        let own = |label: &str, source: &str| {
            json!({
                "metadata": {
                    "name": "responsibility-operator", "namespace": "shop", "resourceVersion": "7",
                    "labels": { "app.kubernetes.io/managed-by": label },
                    "annotations": { "sharedresponsibility.dev/digest": "5f0c" },
                    "managedFields": [managed("responsibility-operator", &all_fields())],
                },
                "results": [
                    {
                        "policy": "node-os", "result": "fail", "severity": "high", "source": source,
                        "resources": [{ "kind": "Deployment", "name": "web" }],
                        "timestamp": { "seconds": 9, "nanos": 0 },
                        "properties": { "resultID": "00000000000000ff", "layer": "node-os" },
                    },
                    { "policy": "other", "result": "warn", "source": source, "properties": { "resultID": "no number" } },
                ],
            })
        };
        let of_operator = own("responsibility-operator", "responsibility-operator");
        let report: PolicyReport = serde_json::from_value(of_operator.clone()).unwrap();
        let (name, known) = report.own().unwrap();
        assert_eq!((&*name.namespace, &*name.name), ("shop", "responsibility-operator"));
        let expected = PublishedReport {
            resource_version: "7".to_owned(),
            digest: Some("5f0c".to_owned()),
            labels: [("app.kubernetes.io/managed-by".to_owned(), "responsibility-operator".to_owned())].into(),
            since: vec![(255, 9)],
        };
        assert_eq!(known, expected);
        assert_eq!(facts(of_operator), None);
        // Without the label of the operator, its own results are still not evidence.
        let report: PolicyReport = serde_json::from_value(own("kyverno", "responsibility-operator")).unwrap();
        assert!(report.own().is_none() && report.facts().is_none());
        assert_eq!(facts(own("kyverno", "kyverno")).unwrap().about[&subject("Deployment", "web")].failed, 1);
    }

    #[test]
    fn a_report_without_results_says_nothing() {
        assert_eq!(facts(json!({ "metadata": { "name": "r" }, "results": null })), None);
    }
}
