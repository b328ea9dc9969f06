//! `responsibility-operator explain`: prints all duties of one workload.

use std::borrow::Cow;
use std::io::Write;

use anyhow::{Context, bail};
use clap::Args;
use comfy_table::{ContentArrangement, Table};

use super::connection;
use super::run::RunArgs;
use crate::controller::{Explanation, explain};
use crate::facts::{WorkloadKey, WorkloadKind};
use crate::printable::printable;

/// Workload to explain, and the options of the controller.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Workload as KIND/NAME, such as Deployment/web; KIND.GROUP/NAME for a kind that is not built in
    #[arg(value_name = "WORKLOAD", value_parser = workload)]
    workload: (WorkloadKind, String),

    /// Namespace of the workload
    #[arg(short, long, default_value = "default")]
    namespace: String,

    #[command(flatten)]
    run: RunArgs,
}

/// Parses a workload of the command line. Built-in kinds can be written in every form that kubectl accepts.
fn workload(text: &str) -> Result<(WorkloadKind, String), String> {
    let invalid = || format!("{text:?} is not a valid workload; write KIND/NAME, such as Deployment/web");
    let (kind, name) =
        text.split_once('/').filter(|(kind, name)| !kind.is_empty() && !name.is_empty()).ok_or_else(invalid)?;
    let lower = kind.to_ascii_lowercase();
    let matches = |built_in: &WorkloadKind| {
        let name = built_in.name().to_ascii_lowercase();
        lower == name
            || lower.strip_suffix('s') == Some(&name)
            || lower.split_once('.') == Some((&*name, built_in.group()))
    };
    let built_in = WorkloadKind::BUILT_IN.into_iter().find(matches);
    let kind = match (built_in, kind.split_once('.')) {
        (Some(kind), _) => kind,
        (None, Some((kind, group))) => WorkloadKind::of(group, kind),
        (None, None) => {
            let built_in = WorkloadKind::BUILT_IN.map(|kind| kind.name().to_owned()).join(", ");
            return Err(format!(
                "{text:?} is not a valid workload: {kind} is not one of the built-in kinds {built_in}; write KIND/NAME with one \
                 of these, such as Deployment/web, or KIND.GROUP/NAME, such as Rollout.argoproj.io/web"
            ));
        }
    };
    Ok((kind, name.to_owned()))
}

impl ExplainArgs {
    /// Reads the cluster and prints the duties of the workload.
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
        runtime.block_on(self.explain())
    }

    async fn explain(self) -> anyhow::Result<()> {
        let Self { workload: (kind, name), namespace, run } = self;
        run.start_logging_warnings()?;
        let options = run.options()?;
        if options.namespaces.as_ref().is_some_and(|watched| !watched.contains(&namespace)) {
            bail!("--namespaces does not contain the namespace {namespace}; add it there");
        }
        let clients = connection::clients(connection::find().await?)?;
        let key = WorkloadKey { namespace: namespace.as_str().into(), kind, name: name.into() };
        let explanation = explain(clients, options, &key).await?;
        std::io::stdout().lock().write_all(text(&key, &explanation).as_bytes())?;
        Ok(())
    }
}

/// Formats an explanation for the terminal.
fn text(key: &WorkloadKey, explanation: &Explanation) -> String {
    let Explanation { models, assignments, duties, statements, missing } = explanation;
    let or_none = |all: Vec<String>| if all.is_empty() { "not known".to_owned() } else { all.join(", ") };
    let mut lines = vec![
        format!("Workload:       {key}"),
        format!("Namespace:      {}", key.namespace),
        format!("Service model:  {}", or_none(models.clone())),
        format!(
            "Assignments:    {}",
            or_none(assignments.iter().map(|id| format!("{} {}", id.kind(), id.name)).collect())
        ),
    ];
    lines.extend(statements.iter().map(|sentence| format!("Not verified:   {sentence}")));
    lines.extend(missing.iter().map(|sentence| format!("Not read:       {sentence}")));
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["LAYER", "DUTY", "PARTY", "OWNED", "FULFILLED", "WHY"]);
    for duty in duties {
        let [layer, party, why] = [&duty.layer, &duty.party, &duty.why].map(|text| printable(text));
        table.add_row([&layer, duty.duty.name(), &party, duty.owned, duty.fulfilled.name(), &why]);
    }
    let table: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    let lines: Vec<Cow<'_, str>> = lines.iter().map(|line| printable(line)).collect();
    format!("{}\n\n{}\n", lines.join("\n"), table.join("\n"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::Fulfilment;
    use crate::facts::AssignmentId;
    use crate::matrix::Duty;
    use crate::model::ExplainedDuty;

    #[rstest]
    #[case("Deployment/web", "Deployment/web")]
    #[case("deployments/web", "Deployment/web")]
    #[case("deployment.apps/web", "Deployment/web")]
    #[case("Rollout.argoproj.io/web", "Rollout.argoproj.io/web")]
    fn workloads_are_named_as_kubectl_names_them(#[case] text: &str, #[case] expected: &str) {
        let (kind, name) = workload(text).unwrap();
        assert_eq!(format!("{kind}/{name}"), expected);
    }

    #[rstest]
    #[case("web")]
    #[case("/web")]
    #[case("Deployment/")]
    #[case("Website/web")]
    #[case("Website/")]
    fn what_is_no_workload_is_refused_with_what_to_write(#[case] text: &str) {
        let refusal = workload(text).unwrap_err();
        assert!(refusal.contains(text) && refusal.contains("write KIND/NAME"), "{refusal}");
    }

    #[test]
    fn a_kind_that_is_not_built_in_is_refused_without_its_group() {
        let refusal = workload("Website/web").unwrap_err();
        for words in ["Website is not one of the built-in kinds CronJob, DaemonSet", "or KIND.GROUP/NAME"] {
            assert!(refusal.contains(words), "{refusal}");
        }
    }

    #[test]
    fn a_workload_is_printed_as_a_table_without_what_a_terminal_would_obey() {
        let key = WorkloadKey { namespace: "shop".into(), kind: WorkloadKind::Deployment, name: "web".into() };
        let duty = ExplainedDuty {
            layer: "node-os".to_owned(),
            duty: Duty::Provider,
            party: "aws\u{1b}[31m".to_owned(),
            owned: "Owned",
            fulfilled: Fulfilment::Unfulfilled,
            why: "a node is old (node-age)".to_owned(),
        };
        let explanation = Explanation {
            models: vec!["ManagedNodes".to_owned()],
            assignments: vec![AssignmentId { namespace: None, name: "platform".into() }],
            duties: vec![duty],
            statements: vec![
                "ResponsibilityAssignment team: exception for node-os: approved, stated by \"the CISO\"".to_owned(),
            ],
            missing: vec![],
        };
        let text = text(&key, &explanation);
        assert!(text.starts_with("Workload:       Deployment/web\n"), "{text}");
        assert!(text.contains("Assignments:    ClusterResponsibilityAssignment platform\n"), "{text}");
        assert!(
            text.contains(
                "\nNot verified:   ResponsibilityAssignment team: exception for node-os: approved, stated by"
            ),
            "{text}"
        );
        let row = text.lines().last().unwrap();
        let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(
            cells,
            ["node-os", "Provider", "aws\u{fffd}[31m", "Owned", "Unfulfilled", "a node is old (node-age)"]
        );
    }
}
