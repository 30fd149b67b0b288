//! Text form of a task.

use tl_model::Task;

use crate::text::units::format_seconds;
use crate::ui::table;

/// Formats a task.
pub(super) fn details(task: &Task) -> String {
    let system = task.system_metadata();
    let frame = system.and_then(|system| Some(format!("{}x{}", system.width?, system.height?)));
    table::pairs(&[
        ("task", Some(task.id.to_string())),
        ("status", task.status.as_ref().map(ToString::to_string)),
        (
            "reason",
            task.error_reason.as_ref().map(ToString::to_string),
        ),
        ("video", task.video_id.as_ref().map(ToString::to_string)),
        ("index", task.index_id.as_ref().map(ToString::to_string)),
        ("file", system.and_then(|system| system.filename.clone())),
        (
            "duration",
            system
                .and_then(|system| system.duration)
                .map(|value| format_seconds(Some(value))),
        ),
        ("resolution", frame),
        ("created", task.created_at.as_ref().map(ToString::to_string)),
        ("updated", task.updated_at.as_ref().map(ToString::to_string)),
        (
            "stream",
            task.hls.as_ref().and_then(|hls| hls.video_url.clone()),
        ),
    ])
}
