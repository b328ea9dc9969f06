//! Operator in the test process, with a clock that the test moves.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use responsibility_operator::controller::{self, Clock, Ended, Options, STATUS_WRITES_PER_SECOND};
use responsibility_operator::inventory::{EXCLUDED_BY_DEFAULT, InventoryOptions};
use responsibility_operator::model::EvaluationSettings;
use responsibility_operator::telemetry::telemetry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::Cluster;

impl Cluster {
    /// Runs the operator in the test process, with the permissions of `deploy/operator.yaml` and a movable clock.
    pub async fn operator_with_clock(&self, clock: &Arc<TestClock>, settings: EvaluationSettings) -> OperatorTask {
        self.operator_with_options("responsibility-operator", options(clock, settings)).await
    }

    /// Runs it as another ServiceAccount in the namespace of the operator, with these options.
    pub async fn operator_with_options(&self, account: &str, options: Options) -> OperatorTask {
        let stop = CancellationToken::new();
        let client = self.client_of(account).await;
        let task = tokio::spawn(controller::run(client.into(), options, telemetry().0, None, stop.clone()));
        OperatorTask { stop, task }
    }

    /// Returns a client with the permissions of a ServiceAccount in the namespace of the operator.
    pub async fn client_of(&self, account: &str) -> Client {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig_of(account)).unwrap();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }
}

/// Returns the options of an operator in the test process.
pub fn options(clock: &Arc<TestClock>, settings: EvaluationSettings) -> Options {
    Options {
        scope: InventoryOptions {
            settings,
            excluded: EXCLUDED_BY_DEFAULT.split(',').collect(),
            ..InventoryOptions::default()
        },
        extraction: Arc::default(),
        configured: vec![],
        namespaces: None,
        instance: "test".to_owned(),
        clock: clock.clone(),
        owners_in_metrics: false,
        status_writes_per_second: STATUS_WRITES_PER_SECOND,
        reports: false,
    }
}

/// Clock that a test sets.
#[derive(Debug)]
pub struct TestClock(Mutex<Timestamp>);

impl TestClock {
    /// Creates a clock at noon of a day.
    pub fn at_noon(day: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(noon(day))))
    }

    pub fn move_to_noon(&self, day: &str) {
        *self.0.lock().unwrap() = noon(day);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn noon(day: &str) -> Timestamp {
    format!("{day}T12:00:00Z").parse().unwrap()
}

/// Operator in the test process. Dropping it stops the operator.
pub struct OperatorTask {
    stop: CancellationToken,
    task: JoinHandle<Result<(), Ended>>,
}

impl OperatorTask {
    /// Stops the operator and waits for its end.
    pub async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap().unwrap();
    }
}

impl Drop for OperatorTask {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
