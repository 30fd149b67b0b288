//! Webhooks: registrations, and the events of ended tasks. The server signs and sends the events.

use bytes::Bytes;
use jiff::Timestamp;
use tl_model::{
    IndexTaskData, SystemMetadata, TaskStatus, WebhookData, WebhookEvent, WebhookEventType,
    WebhookModel,
};
use url::Url;

use super::analyze;
use crate::core::{
    Env, State,
    effect::Effect,
    quirks,
    records::{TaskRecord, WebhookRecord},
};

/// Registers a URL for task events and returns the identifier of the registration.
pub(crate) fn register(state: &mut State, env: &Env<'_>, url: &Url, secret: &str) -> String {
    let id = env.next_id(state);
    let webhook = WebhookRecord {
        id: id.clone(),
        url: url.to_string(),
        secret: secret.to_owned(),
    };
    state.webhooks.insert(id.clone(), webhook);
    id
}

/// Queues the events of the tasks that have ended by now.
pub(crate) fn announce_ends(state: &mut State, env: &mut Env<'_>) {
    while let Some((at, id)) = state.pending_ends.first().cloned() {
        if at > env.now {
            break;
        }
        state.pending_ends.pop_first();
        let Some(task) = state.tasks.get_mut(&id) else {
            analyze::tasks::announce(state, env, &id, at);
            continue;
        };
        task.is_announced = true;
        let task = task.clone();
        if task.asset_id.is_some() && env.quirk(&quirks::INDEXED_EVENTS) == "no" {
            continue;
        }
        announce(state, env, &task, at);
    }
}

/// Queues the event of a task that ended at `at` for every registered URL.
fn announce(state: &mut State, env: &mut Env<'_>, task: &TaskRecord, at: Timestamp) {
    let status = &task.timeline.at(at).status;
    let kind = match status {
        TaskStatus::Ready => WebhookEventType::IndexTaskReady,
        TaskStatus::Failed => WebhookEventType::IndexTaskFailed,
        _ => return,
    };
    let webhooks: Vec<_> = state.webhooks.values().cloned().collect();
    for webhook in webhooks {
        let Ok(url) = Url::parse(&webhook.url) else {
            continue;
        };
        let id = format!("whe_{}", env.next_id_at(state, at));
        let mut data = IndexTaskData::new(task.id.as_str());
        data.status = Some(status.clone());
        let mut metadata = SystemMetadata::default();
        metadata.duration = task.measured.and_then(|measured| measured.duration);
        data.metadata = Some(metadata);
        data.tags = Some(Vec::new());
        data.models = state.indexes.get(&task.index_id).map(|index| {
            let models = index.models.iter().map(|model| {
                let mut model_info = WebhookModel::default();
                model_info.name = model.name();
                model_info.options = Some(model.options());
                model_info
            });
            models.collect()
        });
        let mut event = WebhookEvent::new(id.as_str(), kind.as_str());
        // Documented with an offset, unlike all other dates.
        event.created_at = Some(tl_model::Timestamp::new(
            format!("{at:.3}").replace('Z', "+00:00"),
        ));
        event.data = Some(WebhookData::Index(data));
        let Ok(body) = serde_json::to_vec(&event) else {
            continue;
        };
        env.effects.push(Effect::Deliver {
            event: id,
            event_type: kind.clone(),
            url,
            secret: webhook.secret,
            body: Bytes::from(body),
        });
    }
}
