//! Encoding of the metrics for a scrape.

use std::collections::BTreeMap;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::metric::{
    ASSIGNMENTS, BUILD_INFO, DUTIES, FULFILMENT, GAPS, INVENTORY_COMPLETE, INVENTORY_OBJECTS, LEADER, Labels, Metric,
    Metrics, OWNER_GAPS, QUEUE_OLDEST, QUEUE_RUNNING, QUEUE_WAITING, SIGNALS, UNASSIGNED_NAMESPACES, UNFULFILLED,
    WATCH_SYNCED, labels,
};
use super::snapshot::Snapshot;
use crate::printable::make_lines_printable;

/// Maximum number of series of a metric whose labels contain names of users' objects.
const MAX_SERIES: usize = 1000;

/// Encodes the counters and the snapshot in the text format of OpenMetrics.
pub(super) fn text(metrics: &Metrics, snapshot: &Snapshot) -> String {
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    gauges(&mut registry, snapshot);
    let mut text = String::new();
    let written = encode_registry(&mut text, &registry).and_then(|()| encode_eof(&mut text));
    written.expect("writing to a string does not fail");
    make_lines_printable(&mut text);
    text
}

fn gauges(registry: &mut Registry, snapshot: &Snapshot) {
    let Snapshot { stats, matrix, .. } = snapshot;
    gauge(registry, &BUILD_INFO, [([env!("CARGO_PKG_VERSION")], 1)]);
    gauge(registry, &LEADER, [([], usize::from(snapshot.leads))]);
    gauge(registry, &INVENTORY_COMPLETE, [([], usize::from(snapshot.complete))]);
    gauge(registry, &QUEUE_WAITING, [([], snapshot.waiting)]);
    gauge(registry, &QUEUE_RUNNING, [([], snapshot.running)]);
    let oldest = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
    oldest.set(snapshot.oldest.as_secs_f64());
    registry.register(QUEUE_OLDEST.name, QUEUE_OLDEST.help, oldest);
    gauge(registry, &WATCH_SYNCED, snapshot.synced.iter().map(|(name, synced)| ([&**name], usize::from(*synced))));
    let objects = [
        ("workloads", stats.workloads),
        ("workloads_left_out", stats.excluded),
        ("workloads_unselected", stats.unselected),
        ("namespaces", stats.namespaces),
        ("nodes", stats.nodes),
        ("assignments", snapshot.assignments),
    ];
    gauge(registry, &INVENTORY_OBJECTS, objects.map(|(kind, count)| ([kind], count)));
    let duties = stats.duties.iter();
    let duties =
        duties.map(|((layer, duty, state), count)| ([&*matrix.layer(*layer).name, duty.name(), *state], *count));
    gauge(registry, &DUTIES, duties);
    let gaps = stats.gaps.iter().map(|(namespace, count)| ([namespace.to_string()], *count)).collect();
    gauge(
        registry,
        &GAPS,
        limit_series(gaps).iter().map(|(names, count)| (names.each_ref().map(String::as_str), *count)),
    );
    let fulfilment = stats.fulfilment.iter();
    let fulfilment =
        fulfilment.map(|((layer, duty, word), count)| ([&*matrix.layer(*layer).name, duty.name(), *word], *count));
    gauge(registry, &FULFILMENT, fulfilment);
    let failing = stats.unfulfilled.iter().map(|(namespace, count)| ([namespace.to_string()], *count)).collect();
    let failing = limit_series(failing);
    gauge(registry, &UNFULFILLED, failing.iter().map(|(names, count)| (names.each_ref().map(String::as_str), *count)));
    let results = stats.signals.iter();
    let results = results.map(|((signal, word), count)| ([&*snapshot.catalogue.get(*signal).signal, *word], *count));
    gauge(registry, &SIGNALS, results);
    gauge(registry, &UNASSIGNED_NAMESPACES, [([], stats.unassigned_namespaces)]);
    let assignments = snapshot.conditions.iter();
    gauge(
        registry,
        &ASSIGNMENTS,
        assignments.map(|((kind, condition, status), count)| ([*kind, &**condition, &**status], *count)),
    );
    if let Some(owners) = &snapshot.owners {
        let owners =
            owners.iter().map(|((namespace, owner), count)| ([namespace.clone(), owner.clone()], *count)).collect();
        gauge(
            registry,
            &OWNER_GAPS,
            limit_series(owners).iter().map(|(names, count)| (names.each_ref().map(String::as_str), *count)),
        );
    }
}

fn gauge<'a, const N: usize>(
    registry: &mut Registry,
    metric: &Metric,
    series: impl IntoIterator<Item = ([&'a str; N], usize)>,
) {
    let family = Family::<Labels, Gauge>::default();
    for (values, count) in series {
        family.get_or_create(&labels(metric, values)).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register(metric.name, metric.help, family);
}

/// Keeps the series with the largest values and sums up the rest in one series with empty labels.
fn limit_series<const N: usize>(mut series: Vec<([String; N], usize)>) -> BTreeMap<[String; N], usize> {
    if series.len() > MAX_SERIES {
        series.sort_by(|(one, of_one), (other, of_other)| of_other.cmp(of_one).then_with(|| one.cmp(other)));
        let rest = series.split_off(MAX_SERIES - 1);
        series.push(([const { String::new() }; N], rest.iter().map(|(_, count)| count).sum()));
    }
    series.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::metric::ALL;
    use super::*;
    use crate::facts::NodeFacts;
    use crate::inventory::Stats;
    use crate::matrix::{Duty, Matrix, ServiceModel};
    use crate::signals::{ActiveSignals, NodeInput};

    fn snapshot() -> Snapshot {
        let matrix = Arc::new(Matrix::built_in().clone());
        let node_os = matrix.find("node-os").unwrap();
        let catalogue = ActiveSignals::default().catalogue().as_ref().clone();
        let observed = ActiveSignals::default().evaluate_node(
            &NodeInput { today: jiff::civil::date(2026, 11, 27), facts: &NodeFacts::default(), server: None },
            Some(ServiceModel::Caas),
        );
        let signal = observed[0].signal;
        assert_eq!(&*catalogue.get(signal).signal, "kubelet-skew");
        Snapshot {
            leads: true,
            complete: true,
            waiting: 3,
            running: 2,
            oldest: Duration::from_millis(1500),
            synced: BTreeMap::from([("pods".into(), true), ("nodes".into(), false)]),
            matrix,
            catalogue: Arc::new(catalogue),
            stats: Stats {
                workloads: 12,
                duties: BTreeMap::from([((node_os, Duty::Customer, "Unowned"), 7)]),
                gaps: BTreeMap::from([("shop".into(), 7)]),
                fulfilment: BTreeMap::from([((node_os, Duty::Customer, "Unfulfilled"), 5)]),
                unfulfilled: BTreeMap::from([("shop".into(), 5)]),
                signals: BTreeMap::from([((signal, "Failed"), 5)]),
                ..Stats::default()
            },
            assignments: 1,
            conditions: BTreeMap::from([(("ResponsibilityAssignment", "Covered".into(), "False".into()), 1)]),
            owners: Some(BTreeMap::from([(("shop".into(), "shop-team".into()), 7)])),
        }
    }

    fn counted() -> Metrics {
        let metrics = Metrics::default();
        metrics.count_reconcile("ServiceModel", "written");
        metrics.observe_duration("ServiceModel", Duration::from_millis(30));
        metrics.count_events("GapsFound", "dropped", 5);
        metrics.watch("pods").relists.inc();
        metrics
    }

    #[test]
    fn everything_is_told_under_the_names_and_labels_that_are_documented() {
        let text = text(&counted(), &snapshot());
        for line in [
            "responsibility_leader 1",
            "responsibility_queue_oldest_seconds 1.5",
            "responsibility_watch_synced{resource=\"nodes\"} 0",
            "responsibility_watch_relists_total{resource=\"pods\"} 1",
            "responsibility_duties{layer=\"node-os\",duty=\"Customer\",state=\"Unowned\"} 7",
            "responsibility_gaps{namespace=\"shop\"} 7",
            "responsibility_fulfilment{layer=\"node-os\",duty=\"Customer\",fulfilment=\"Unfulfilled\"} 5",
            "responsibility_unfulfilled{namespace=\"shop\"} 5",
            "responsibility_signal_results{signal=\"kubelet-skew\",result=\"Failed\"} 5",
            "responsibility_assignments{kind=\"ResponsibilityAssignment\",condition=\"Covered\",status=\"False\"} 1",
            "responsibility_owner_gaps{namespace=\"shop\",owner=\"shop-team\"} 7",
            "responsibility_events_total{reason=\"GapsFound\",result=\"dropped\"} 5",
            "responsibility_reconcile_duration_seconds_count{kind=\"ServiceModel\"} 1",
        ] {
            assert!(text.lines().any(|series| series == line), "{line} is not in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        let served: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let documented: Vec<String> =
            ALL.iter().map(|metric| format!("{} {}", metric.name, metric.kind.name())).collect();
        assert_eq!(served, documented.iter().map(String::as_str).collect());
    }

    #[test]
    fn owners_are_told_only_where_that_is_wanted() {
        let text = text(&counted(), &Snapshot { owners: None, ..snapshot() });
        assert!(!text.contains("owner"), "{text}");
    }

    #[test]
    fn ten_thousand_namespaces_are_a_thousand_series_and_no_gap_is_lost() {
        let series = |count: usize| (0..count).map(|number| ([format!("ns-{number:05}")], number)).collect::<Vec<_>>();
        assert_eq!(limit_series(series(MAX_SERIES)).len(), MAX_SERIES);
        let bounded = limit_series(series(10_000));
        assert_eq!(bounded.len(), MAX_SERIES);
        assert_eq!(bounded.values().sum::<usize>(), (0..10_000).sum::<usize>());
        assert!(bounded.contains_key(&["ns-09999".to_owned()]) && !bounded.contains_key(&["ns-00000".to_owned()]));
    }
}
