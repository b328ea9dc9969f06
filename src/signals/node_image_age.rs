//! Checks that the images of nodes still get patches.

use jiff::civil::Date;

use super::signal::{NodeInput, Reading, Reads, Signal, SignalFunction, Threshold};
use crate::model::days_before;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "node-image-age",
    layer: Some("node-os"),
    attribution: Attribution::Operator,
    reach: Reach::Duty,
    reads: &[Reads::Nodes],
    rule: "The image of a node, by the label kubernetes.azure.com/node-image-version, is not older than the threshold. Nodes of other \
           providers do not show the date of their image.",
    source: "https://learn.microsoft.com/azure/aks/support-policies: node images older than 90 days are not supported, and the \
             customer rolls its node pools",
    threshold: Some(Threshold { default: 90, least: 1, most: 730, unit: "days" }),
    passed: "its nodes run a recent image",
    failed: "a node runs an image that no longer gets patches",
    unseen: "its nodes do not show the date of their image",
    remedy: "upgrade the node image",
    evaluate: SignalFunction::Node(evaluate),
};

const LABEL: &str = "kubernetes.azure.com/node-image-version";

fn evaluate(input: &NodeInput<'_>, days: u32) -> Reading {
    let Some(version) = input.facts.labels.get(LABEL) else { return Reading::UNSEEN };
    match date_of(version) {
        None => Reading::unseen("the version of a node image contains no date"),
        Some(day) if day < days_before(input.today, days) => {
            Reading::failed(format!("a node runs an image from {day}, older than {days} days"))
        }
        Some(_) => Reading::passed_if(true),
    }
}

/// Returns the date in a version such as `AKSUbuntu-2204gen2containerd-202509.23.0`.
fn date_of(version: &str) -> Option<Date> {
    let (_, last) = version.rsplit_once('-')?;
    let mut parts = last.split('.');
    let (month, day) = (parts.next()?, parts.next()?);
    let (year, month) = (month.len() == 6).then(|| month.split_at_checked(4)).flatten()?;
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("AKSUbuntu-2204gen2containerd-202509.23.0", Some(date(2025, 9, 23)))]
    #[case("AKSAzureLinux-V3gen2-202611.02.1", Some(date(2026, 11, 2)))]
    #[case::windows("AKSWindows-2022-containerd-20348.4171.250910", None)]
    #[case::no_such_month("AKSUbuntu-2204-202513.01.0", None)]
    #[case("2025", None)]
    #[case("", None)]
    fn the_day_of_an_image_is_read_where_its_version_tells_one(#[case] version: &str, #[case] expected: Option<Date>) {
        assert_eq!(date_of(version), expected);
    }
}
