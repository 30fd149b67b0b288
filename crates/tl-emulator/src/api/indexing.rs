//! The indexing of a task or an indexed asset: its statuses, and the video that it ends with.

use jiff::Timestamp;
use tl_model::TaskStatus;

use crate::{
    core::{
        Env, State,
        effect::Effect,
        faults::TaskFault,
        limits, quirks,
        records::{Measured, MediaKey, TaskRecord, VideoRecord},
    },
    media::renditions,
};

/// Schedules the statuses of a task and creates its video, which becomes visible when it is
/// indexed. `file` is the received file with its SHA-256; without it, that of the asset is indexed.
pub(crate) fn schedule(
    state: &mut State,
    env: &mut Env<'_>,
    start: Timestamp,
    id: &str,
    measured: Measured,
    file: Option<(MediaKey, Option<String>)>,
) {
    let seconds = measured.duration.unwrap_or(0.0);
    let mut schedule = env.settings.schedule;
    let is_asset = |task: &TaskRecord| task.asset_id.is_some();
    if state.tasks.get(id).is_some_and(is_asset) && env.quirk(&quirks::INDEXED_VALIDATING) == "no" {
        schedule.validating = std::time::Duration::ZERO;
    }
    let mut timeline = schedule.timeline(start, seconds);
    if let Some(start) = timeline.indexing_start() {
        timeline.delay_indexing_until(limits::indexing_start(state, env, start, id));
    }
    let (key, content) = match file {
        Some((key, content)) => (Some(key), content),
        None => (None, content_of_asset(state, id)),
    };
    let Some(task) = state.tasks.get_mut(id) else {
        return;
    };
    task.fetching = None;
    task.measured = Some(measured);
    match task.fault.take() {
        None => {}
        Some(TaskFault::StuckIn(status)) => timeline.stay_in(&status),
        Some(TaskFault::FailIn(status, reason)) => {
            timeline.fail_in(&status);
            task.error_reason =
                Some(reason.unwrap_or_else(|| format!("failed in {status} on purpose")));
        }
    }
    let end = timeline.end().cloned();
    task.timeline.continue_with(timeline);
    if let Some(end) = &end {
        state.pending_ends.insert((end.at, id.to_owned()));
    }
    let Some(end) = end.filter(|end| end.status == TaskStatus::Ready) else {
        return;
    };
    let media = key.filter(|_| task.enable_video_stream);
    env.effects.extend(media.clone().map(Effect::Keep));
    let video = VideoRecord {
        id: task.video_id.clone(),
        number: task.number,
        index_id: task.index_id.clone(),
        task_id: task.id.clone(),
        created_at: task.created_at,
        indexed_at: end.at.max(env.now),
        updated_at: None,
        filename: task.filename.clone(),
        measured,
        user_metadata: task.user_metadata.clone(),
        media,
        content,
    };
    let (video_id, source) = (video.id.clone(), video.media.clone());
    state.videos.insert(video_id.clone(), video);
    if let Some(source) = source {
        renditions::start(state, env, &video_id, source, (true, true));
    }
}

/// The SHA-256 of the asset that a task indexes.
fn content_of_asset(state: &State, task: &str) -> Option<String> {
    let asset = state.tasks.get(task)?.asset_id.as_ref()?;
    let media = state.assets.get(asset)?.media.as_ref();
    state.content_of(media).map(str::to_owned)
}
