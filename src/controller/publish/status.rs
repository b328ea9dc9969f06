//! Writes of statuses: first the Events, then the status, which commits them.

use std::time::Duration;

use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::core::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::events::EventSink;
use super::outcome::{Failure, WriteOutcome};
use super::plan::Plan;
use crate::api::{
    AssignmentStatus, ClusterResponsibilityAssignment, ResponsibilityAssignment, ServiceModel, ServiceModelStatus,
};
use crate::controller::api_call::{CallError, ErrorClass, call};
use crate::controller::election::Leadership;
use crate::controller::observed::ObservedServiceModel;
use crate::controller::options::MANAGER;
use crate::facts::AssignmentId;

/// Time limit of a status write.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Outcome of writing a status.
pub(in crate::controller) type StatusOutcome = WriteOutcome<WrittenStatus>;

/// A status that was written, and the version of the object after that.
#[derive(Debug)]
pub(in crate::controller) struct WrittenStatus {
    pub(in crate::controller) resource_version: String,
    pub(in crate::controller) status: OwnStatus,
}

/// Status of one of the operator's kinds.
#[derive(Debug)]
pub(in crate::controller) enum OwnStatus {
    Assignment(Box<AssignmentStatus>),
    ServiceModel(Box<ServiceModelStatus>),
}

/// Emits the Events of a plan, then writes its status. After a crash in between, the next leader emits the same Events under
/// the same names, which the API server refuses as existing.
pub(in crate::controller) async fn execute(
    plan: Plan,
    client: Client,
    events: EventSink,
    leadership: Leadership,
) -> StatusOutcome {
    if !leadership.is_held() {
        return WriteOutcome::NotLeading;
    }
    events.emit_all(&plan.transition, &plan.notes, plan.now).await;
    let Some(status) = plan.status else { return WriteOutcome::Unchanged };
    if !leadership.is_held() {
        return WriteOutcome::NotLeading;
    }
    let written = write_assignment(client, &plan.transition.id, &plan.resource_version, &status).await;
    outcome(written, OwnStatus::Assignment(Box::new(status)))
}

/// Writes the status of a ServiceModel.
pub(in crate::controller) async fn write_service_model(
    client: Client,
    observed: ObservedServiceModel,
    status: ServiceModelStatus,
    leadership: Leadership,
) -> StatusOutcome {
    if !leadership.is_held() {
        return WriteOutcome::NotLeading;
    }
    let api = Api::<PartialObjectMeta<ServiceModel>>::all(client);
    let name = ObjectName { namespace: None, name: &observed.name };
    let written = call(TIMEOUT, apply(&api, name, &observed.resource_version, &status)).await;
    outcome(written, OwnStatus::ServiceModel(Box::new(status)))
}

async fn write_assignment(
    client: Client,
    id: &AssignmentId,
    resource_version: &str,
    status: &AssignmentStatus,
) -> Result<String, CallError> {
    let name = ObjectName { namespace: id.namespace.as_deref(), name: &id.name };
    if let Some(namespace) = &id.namespace {
        let api = Api::<PartialObjectMeta<ResponsibilityAssignment>>::namespaced(client, namespace);
        call(TIMEOUT, apply(&api, name, resource_version, status)).await
    } else {
        let api = Api::<PartialObjectMeta<ClusterResponsibilityAssignment>>::all(client);
        call(TIMEOUT, apply(&api, name, resource_version, status)).await
    }
}

fn outcome(written: Result<String, CallError>, status: OwnStatus) -> StatusOutcome {
    match written {
        Ok(resource_version) => WriteOutcome::Written(WrittenStatus { resource_version, status }),
        Err(error) => match error.class() {
            ErrorClass::Conflict => WriteOutcome::Conflict,
            ErrorClass::NotFound => WriteOutcome::Gone,
            _ => WriteOutcome::Failed(Failure::new(error.to_string())),
        },
    }
}

struct ObjectName<'a> {
    namespace: Option<&'a str>,
    name: &'a str,
}

/// Writes a status by server-side apply. The resource version makes the API server refuse the write if the object has changed;
/// without it, even another object of the same name would get the status.
async fn apply<K>(
    api: &Api<PartialObjectMeta<K>>,
    object: ObjectName<'_>,
    resource_version: &str,
    status: &impl Serialize,
) -> kube::Result<String>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": object.name, "namespace": object.namespace, "resourceVersion": resource_version },
        "status": status,
    });
    let written = api.patch_status(object.name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(body)).await?;
    Ok(written.metadata.resource_version.unwrap_or_default())
}
