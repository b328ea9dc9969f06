//! Tests of DaemonSets that need access to their node.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::facts::{HostAccess, set_of};

fn extraction() -> Extraction {
    Extraction { agents: ["shop-agent".to_owned()].into(), ..Extraction::default() }
}

fn named(sample: &Sample, name: &str, app: Option<&str>) -> Value {
    let mut object = sample.object();
    object["metadata"]["name"] = json!(name);
    if let Some(app) = app {
        object["metadata"]["labels"] = json!({ "app.kubernetes.io/name": app });
    }
    sample.template_of(&mut object)["spec"]["hostPID"] = json!(true);
    object
}

fn host(sample: &Sample, object: Value, extraction: &Extraction) -> HostAccess {
    workload((sample.read)(object, extraction).delta).1.unwrap().facts.host
}

#[rstest]
#[case::by_name("node-exporter", None, true)]
#[case::by_label("monitoring-agents", Some("node-exporter"), true)]
#[case::by_name_with_another_label("cilium", Some("network"), true)]
#[case::configured_by_name("shop-agent", None, true)]
#[case::configured_by_label("agents", Some("shop-agent"), true)]
#[case::another("web", Some("web"), false)]
#[case::without_label("web", None, false)]
#[case::with_a_prefix("my-node-exporter", Some("node-exporter-2"), false)]
#[case::without_a_name("web", Some(""), false)]
fn a_daemon_set_is_a_known_agent(#[case] name: &str, #[case] app: Option<&str>, #[case] known: bool) {
    let sample = sample(&WorkloadKind::DaemonSet);
    let found = host(&sample, named(&sample, name, app), &extraction());
    let expected = HostAccess::HOST_PID | set_of([(HostAccess::KNOWN_AGENT, known)]);
    assert_eq!(found, expected);
}

#[test]
fn an_agent_is_known_only_where_it_is_configured() {
    let sample = sample(&WorkloadKind::DaemonSet);
    let found = host(&sample, named(&sample, "shop-agent", Some("shop-agent")), &Extraction::default());
    assert!(!found.contains(HostAccess::KNOWN_AGENT));
}

#[test]
fn no_other_kind_is_a_known_agent() {
    for sample in samples().into_iter().filter(|sample| sample.kind != WorkloadKind::DaemonSet) {
        let found = host(&sample, named(&sample, "node-exporter", Some("node-exporter")), &Extraction::default());
        assert_eq!(found, HostAccess::HOST_PID, "{:?}", sample.kind);
    }
}
