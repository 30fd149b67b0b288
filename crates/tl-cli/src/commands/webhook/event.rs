//! The text of a webhook event.

use tl_client::model::{WebhookData, WebhookEvent};

/// Formats an event as one line: its time, its type, the task and its status.
pub(super) fn line(event: &WebhookEvent) -> String {
    let (task, status) = match &event.data {
        Some(WebhookData::Index(task)) => (
            Some(task.id.to_string()),
            task.status.as_ref().map(ToString::to_string),
        ),
        Some(WebhookData::Analyze(task)) => (
            Some(task.id.to_string()),
            task.status.as_ref().map(ToString::to_string),
        ),
        _ => (None, None),
    };
    let created = event.created_at.as_ref().map(ToString::to_string);
    let words = [
        created,
        Some(event.event_type.to_string()),
        task,
        status,
        Some(event.id.to_string()),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join("  ")
}
