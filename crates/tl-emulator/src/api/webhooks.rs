//! Webhooks: registrations, and the events of ended tasks. The server signs and sends the events.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{
    IndexTaskData, SystemMetadata, TaskStatus, WebhookData, WebhookEvent, WebhookEventType,
    WebhookModel,
};
use tl_protocol::Now;
use url::Url;

use crate::platform::{Effect, Platform, quirks, records::TaskRecord, to_timestamp};

/// A registered URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WebhookRecord {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) secret: String,
}

impl Platform {
    /// Registers a URL for task events and returns the identifier of the registration.
    ///
    /// The platform offers this in its dashboard only; there is no endpoint for it.
    pub fn register_webhook(&mut self, now: Now, url: &Url, secret: &str) -> String {
        let id = self.next_id(to_timestamp(now));
        let webhook = WebhookRecord {
            id: id.clone(),
            url: url.to_string(),
            secret: secret.to_owned(),
        };
        self.state.webhooks.insert(id.clone(), webhook);
        id
    }

    /// Looks up a registration by URL and secret.
    #[must_use]
    pub fn find_webhook(&self, url: &Url, secret: &str) -> Option<&str> {
        let mut webhooks = self.state.webhooks.values();
        let found =
            webhooks.find(|webhook| webhook.url == url.as_str() && webhook.secret == secret)?;
        Some(&found.id)
    }

    /// Removes a registration. Returns `false` if it does not exist.
    pub fn remove_webhook(&mut self, id: &str) -> bool {
        self.state.webhooks.remove(id).is_some()
    }

    /// All registrations: identifier and URL.
    pub fn webhooks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.state
            .webhooks
            .values()
            .map(|webhook| (webhook.id.as_str(), webhook.url.as_str()))
    }

    /// Returns the webhook events of the tasks that have ended by `now`.
    pub fn tick(&mut self, now: Now) -> Vec<Effect> {
        let now = to_timestamp(now);
        let mut effects = Vec::new();
        while let Some((at, id)) = self.pending_ends.first().cloned() {
            if at > now {
                break;
            }
            self.pending_ends.pop_first();
            let Some(task) = self.state.tasks.get_mut(&id) else {
                continue;
            };
            task.is_announced = true;
            let task = task.clone();
            if task.asset_id.is_some() && self.settings.quirks.get(&quirks::INDEXED_EVENTS) == "no"
            {
                continue;
            }
            self.announce(&task, at, &mut effects);
        }
        effects
    }

    fn announce(&mut self, task: &TaskRecord, at: Timestamp, effects: &mut Vec<Effect>) {
        let status = &task.timeline.at(at).status;
        let kind = match status {
            TaskStatus::Ready => WebhookEventType::IndexTaskReady,
            TaskStatus::Failed => WebhookEventType::IndexTaskFailed,
            _ => return,
        };
        let webhooks: Vec<_> = self.state.webhooks.values().cloned().collect();
        for webhook in webhooks {
            let Ok(url) = Url::parse(&webhook.url) else {
                continue;
            };
            let id = format!("whe_{}", self.next_id(at));
            let mut data = IndexTaskData::new(task.id.as_str());
            data.status = Some(status.clone());
            let mut metadata = SystemMetadata::default();
            metadata.duration = task.measured.and_then(|measured| measured.duration);
            data.metadata = Some(metadata);
            data.tags = Some(Vec::new());
            data.models = self.state.indexes.get(&task.index_id).map(|index| {
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
            effects.push(Effect::Deliver {
                event: id,
                event_type: kind.clone(),
                url,
                secret: webhook.secret,
                body: Bytes::from(body),
            });
        }
    }
}
