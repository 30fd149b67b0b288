//! Text form of an analysis task.

use tl_model::AnalyzeTask;

use crate::text::units::format_seconds;
use crate::ui::table;

/// The asset, URL or indexed video that is analyzed.
pub(super) fn video(task: &AnalyzeTask) -> Option<String> {
    let source = task.video_source.as_ref()?;
    let asset = source.asset_id.as_ref().map(ToString::to_string);
    let video = || source.video_id.as_ref().map(ToString::to_string);
    asset.or_else(|| source.url.clone()).or_else(video)
}

/// The duration of the video in seconds.
pub(super) fn duration(task: &AnalyzeTask) -> Option<f64> {
    let source = task.video_source.as_ref()?;
    source.system_metadata.as_ref()?.duration
}

/// Formats a task without its answer.
pub(super) fn details(task: &AnalyzeTask) -> String {
    let params = task.request_params.as_ref();
    let notice = task.error.as_ref();
    let window = params.and_then(|params| match (params.start_time, params.end_time) {
        (None, None) => None,
        (start, end) => {
            let end = end.map_or_else(|| "the end".to_owned(), |end| format!("{end} s"));
            Some(format!("{} s to {end}", start.unwrap_or(0.0)))
        }
    });
    let usage = task
        .result
        .as_ref()
        .and_then(|result| result.usage.as_ref());
    let tokens = usage.and_then(|usage| usage.output_tokens);
    table::pairs(&[
        ("task", Some(task.task_id.to_string())),
        ("custom id", task.custom_id.clone()),
        ("batch", task.batch_id.as_ref().map(ToString::to_string)),
        ("status", task.status.as_ref().map(ToString::to_string)),
        ("notice", notice.and_then(|notice| notice.message.clone())),
        ("video", video(task)),
        (
            "duration",
            duration(task).map(|seconds| format_seconds(Some(seconds))),
        ),
        ("window", window),
        (
            "mode",
            params.and_then(|params| params.analysis_mode.as_ref().map(ToString::to_string)),
        ),
        ("prompt", params.and_then(|params| params.prompt.clone())),
        ("created", task.created_at.as_ref().map(ToString::to_string)),
        (
            "completed",
            task.completed_at.as_ref().map(ToString::to_string),
        ),
        ("output tokens", tokens.map(|tokens| tokens.to_string())),
    ])
}
