//! Publishing: Events, statuses and Reports out.

mod debounce;
mod event_rate;
mod events;
mod outcome;
mod plan;
mod queue;
mod reports;
mod status;
mod workload_events;

pub(super) use debounce::Debounce;
pub(super) use event_rate::EventRate;
pub(super) use events::{EventDraft, EventSink};
pub(super) use outcome::WriteOutcome;
pub(super) use plan::{PlanInput, Uncommitted, plan, plan_service_model};
pub(super) use queue::{Priority, Queue};
pub(super) use reports::{KIND as REPORT_KIND, Reports, Round, write as write_reports};
pub(super) use status::{OwnStatus, StatusOutcome, WrittenStatus, execute, write_service_model};
pub(super) use workload_events::{Due, WorkloadEvents, is_young, namespace_note, workload_note};
