//! Writes `docs/reference/metrics.md`.

use responsibility_operator::telemetry::metric::{ALL, Metric};

use crate::markdown::{GENERATED, code, ended, table};

/// Returns the document: the series at `/metrics`, their labels and their meaning.
pub fn document() -> String {
    let mut out = format!("{GENERATED}# Metrics\n\n");
    out.push_str(
        "The operator serves these series at `/metrics` in the text format of OpenMetrics 1.0. \
         [Operations](../operations.md#metrics) describes how to scrape\nthem and how to alert on them.\n\n\
         - Labels contain fixed words and the names of kinds, layers and namespaces. They contain names of parties only with \
         `--metrics-owners`.\n\
         - Each replica serves its own series. All replicas show the same duties, gaps and assignments. Only the leader counts \
         statuses and Events.\n\n",
    );
    table(&mut out, &["series", "type", "labels", "meaning"], ALL.iter().map(row));
    ended(out)
}

fn row(metric: &Metric) -> Vec<String> {
    let series: Vec<String> = metric.series().iter().map(|name| code(name)).collect();
    let labels: Vec<String> = metric.labels.iter().map(|label| code(label)).collect();
    vec![series.join(", "), metric.kind.name().to_owned(), labels.join(", "), format!("{}.", metric.help)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_document_as_it_is_scraped() {
        let document = document();
        for line in [
            "| `responsibility_leader` | gauge |  | 1 if this replica",
            "| `responsibility_reconciles_total` | counter | `kind`, `result` |",
            "| `responsibility_reconcile_duration_seconds_bucket`, `responsibility_reconcile_duration_seconds_sum`, \
             `responsibility_reconcile_duration_seconds_count` | histogram | `kind` |",
        ] {
            assert!(document.contains(line), "{line} is not in:\n{document}");
        }
        let rows = document.lines().filter(|line| line.starts_with("| `")).collect::<Vec<_>>();
        assert_eq!(rows.len(), ALL.len());
        for row in rows {
            assert_eq!(row.matches(" | ").count(), 3, "a cell has a bar: {row}");
            assert!(row.split(" | ").last().is_some_and(|meaning| meaning.len() > 15), "no meaning: {row}");
        }
    }
}
