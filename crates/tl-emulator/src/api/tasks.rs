//! `/tasks`: create tasks from a file or a URL, list and delete them, and report their status.

use http::StatusCode;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use tl_model::{CreatedTask, ErrorCode, Page, Task, TaskStatus};
use tl_protocol::{
    Endpoint,
    endpoint::{
        CreateTask, DeleteTask, FieldValue, GetTask, ListTasks, Media, Received, ReceivedBody,
    },
};
use url::Url;

use crate::platform::{
    Effect, Fetched, Measured, MediaKey, Platform, Refusal, Settings, Upload, api_timestamp,
    faults::TaskFault,
    handle::{Call, Handle, handle},
    ids,
    lifecycle::{Timeline, after},
    limits,
    listing::{self, SortKey},
    media, quirks,
    records::{TaskRecord, VideoRecord},
    renditions, videos,
};

impl Handle for CreateTask {
    fn handle(self, call: Call<'_>) -> Result<Self::Response, Refusal> {
        create(
            call.platform,
            call.now,
            call.received,
            self,
            call.uploads,
            call.effects,
        )
    }

    fn check(received: &Received) -> Result<(), Refusal> {
        reject_file_path(received)
    }

    fn status(settings: &Settings) -> StatusCode {
        settings.created_status()
    }
}
handle!(ListTasks, |call, request| list(
    call.platform,
    call.now,
    &request
));
handle!(GetTask, |call, request| retrieve(
    call.platform,
    call.now,
    call.host,
    &request
));
handle!(DeleteTask, |call, request| delete(
    call.platform,
    call.now,
    &request
));

/// The form field that carries the file.
const FILE_FIELD: &str = "video_file";

pub(crate) fn create(
    platform: &mut Platform,
    now: Timestamp,
    received: &Received,
    create: CreateTask,
    uploads: Vec<Upload>,
    effects: &mut Vec<Effect>,
) -> Result<<CreateTask as Endpoint>::Response, Refusal> {
    let index_id = create.index_id.as_str().to_owned();
    ids::check("index_id", &index_id)?;
    let index = platform
        .state
        .indexes
        .get(&index_id)
        .ok_or_else(|| Refusal::not_exist("indexes", &index_id))?;
    let metadata = videos::initial_metadata(
        create.user_metadata.unwrap_or_default(),
        &platform.settings.quirks,
    )?;
    let source = match create.media {
        Media::Url(url) => Source::Url(check_url(url)?),
        Media::File(_) => {
            let target = media::target(index);
            let upload = single_file(received, uploads)?;
            let validated = media::validate(
                &upload.probe,
                upload.bytes,
                &target,
                &platform.settings.rules,
            );
            let fails_later = platform.settings.quirks.get(&quirks::FILE_JUDGMENT) == "fail";
            match validated {
                Ok(measured) => {
                    let seconds = measured.duration.unwrap_or(0.0);
                    limits::count_video(platform, now, &index_id, seconds)?;
                    Source::File(Box::new(upload), measured)
                }
                // If the probe could not run, that is an internal error and not a failed task.
                Err(refusal) if fails_later && refusal.status.is_client_error() => {
                    let reason = format!("{}: {}", refusal.code, refusal.message);
                    platform.next_fault =
                        Some(TaskFault::FailIn(TaskStatus::Validating, Some(reason)));
                    Source::File(Box::new(upload), Measured::default())
                }
                Err(refusal) => return Err(refusal),
            }
        }
    };
    let id = platform.next_id(now);
    let video_id = match platform.settings.quirks.get(&quirks::VIDEO_ID) {
        "same" => id.clone(),
        _ => platform.next_id(now),
    };
    let (filename, timeline) = match &source {
        Source::Url(url) => (
            filename_of(url),
            Timeline::starting_in(TaskStatus::Uploading, now),
        ),
        Source::File(upload, _)
            if platform.settings.quirks.get(&quirks::FIRST_STATUS) == "uploading" =>
        {
            (
                upload.filename.clone(),
                Timeline::starting_in(TaskStatus::Uploading, now),
            )
        }
        Source::File(upload, _) => (
            upload.filename.clone(),
            Timeline::starting_in(TaskStatus::Validating, now),
        ),
    };
    let task = TaskRecord {
        id: id.clone(),
        number: platform.ids.counter,
        index_id,
        video_id: video_id.clone(),
        created_at: now,
        timeline,
        filename,
        measured: None,
        enable_video_stream: create.enable_video_stream.unwrap_or(true),
        user_metadata: metadata,
        error_reason: None,
        fault: platform.next_fault.take(),
        fetching: match &source {
            Source::Url(url) => Some(url.to_string()),
            Source::File(..) => None,
        },
        is_announced: false,
        asset_id: None,
    };
    platform.state.tasks.insert(id.clone(), task);
    match source {
        Source::Url(url) => effects.push(Effect::Fetch {
            task: id.clone(),
            url,
            max_bytes: platform.max_file(),
        }),
        Source::File(upload, measured) => {
            // The observed first status lasts as long as the documented one would.
            let start = match platform.settings.quirks.get(&quirks::FIRST_STATUS) {
                "uploading" => after(now, platform.settings.schedule.validating),
                _ => now,
            };
            schedule_indexing(
                platform,
                now,
                start,
                &id,
                measured,
                Some(upload.key),
                effects,
            );
        }
    }
    let mut created = CreatedTask::new(id);
    created.video_id = Some(video_id.into());
    Ok(created)
}

enum Source {
    Url(Url),
    File(Box<Upload>, Measured),
}

/// Schedules the statuses of a task and creates its video, which becomes visible when it is
/// indexed.
pub(crate) fn schedule_indexing(
    platform: &mut Platform,
    now: Timestamp,
    start: Timestamp,
    id: &str,
    measured: Measured,
    key: Option<MediaKey>,
    effects: &mut Vec<Effect>,
) {
    let seconds = measured.duration.unwrap_or(0.0);
    let mut schedule = platform.settings.schedule;
    let is_asset = |task: &TaskRecord| task.asset_id.is_some();
    if platform.state.tasks.get(id).is_some_and(is_asset)
        && platform.settings.quirks.get(&quirks::INDEXED_VALIDATING) == "no"
    {
        schedule.validating = std::time::Duration::ZERO;
    }
    let mut timeline = schedule.timeline(start, seconds);
    if let Some(start) = timeline.indexing_start() {
        timeline.delay_indexing_until(limits::indexing_start(platform, start, id));
    }
    let Some(task) = platform.state.tasks.get_mut(id) else {
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
        platform.pending_ends.insert((end.at, id.to_owned()));
    }
    let Some(end) = end.filter(|end| end.status == TaskStatus::Ready) else {
        return;
    };
    let media = key.filter(|_| task.enable_video_stream);
    effects.extend(media.clone().map(Effect::Keep));
    let video = VideoRecord {
        id: task.video_id.clone(),
        number: task.number,
        index_id: task.index_id.clone(),
        task_id: task.id.clone(),
        created_at: task.created_at,
        indexed_at: end.at.max(now),
        updated_at: None,
        filename: task.filename.clone(),
        measured,
        user_metadata: task.user_metadata.clone(),
        media,
    };
    let (video_id, source) = (video.id.clone(), video.media.clone());
    platform.state.videos.insert(video_id.clone(), video);
    if let Some(source) = source {
        renditions::start(platform, now, &video_id, source, (true, true), effects);
    }
}

/// Handles the result of fetching the video of a task.
pub(crate) fn fetched(
    platform: &mut Platform,
    now: Timestamp,
    id: &str,
    outcome: Result<Fetched, String>,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    // The task may have been deleted with its index while the video was being fetched.
    let Some(task) = platform.state.tasks.get(id) else {
        return effects;
    };
    if task.fault == Some(TaskFault::StuckIn(TaskStatus::Uploading)) {
        return effects;
    }
    let index_id = task.index_id.clone();
    match outcome.and_then(|fetched| validate_fetched(platform, now, &index_id, fetched)) {
        Ok((fetched, measured)) => {
            if let Some(task) = platform.state.tasks.get_mut(id) {
                task.filename = fetched.filename;
            }
            schedule_indexing(
                platform,
                now,
                now,
                id,
                measured,
                Some(fetched.key),
                &mut effects,
            );
        }
        Err(reason) => {
            if let Some(task) = platform.state.tasks.get_mut(id) {
                task.timeline.fail(now);
                task.fetching = None;
                task.error_reason = Some(reason);
                platform.pending_ends.insert((now, id.to_owned()));
            }
        }
    }
    effects
}

fn validate_fetched(
    platform: &mut Platform,
    now: Timestamp,
    index_id: &str,
    fetched: Fetched,
) -> Result<(Fetched, Measured), String> {
    let index = platform
        .state
        .indexes
        .get(index_id)
        .ok_or("its index is gone")?;
    let target = media::target(index);
    media::validate(
        &fetched.probe,
        fetched.bytes,
        &target,
        &platform.settings.rules,
    )
    .and_then(|measured| {
        let seconds = measured.duration.unwrap_or(0.0);
        limits::count_video(platform, now, index_id, seconds)?;
        Ok(measured)
    })
    .map(|measured| (fetched, measured))
    .map_err(|refusal| format!("{}: {}", refusal.code, refusal.message))
}

/// The single file of the form.
fn single_file(received: &Received, uploads: Vec<Upload>) -> Result<Upload, Refusal> {
    let mut files = uploads
        .into_iter()
        .filter(|upload| upload.field == FILE_FIELD);
    let file = files.next().ok_or_else(|| Refusal::missing(FILE_FIELD))?;
    if files.next().is_some() || !texts(received, FILE_FIELD).is_empty() {
        return Err(Refusal::invalid(FILE_FIELD, "it was given more than once"));
    }
    Ok(file)
}

/// Refuses a file path sent as text instead of the file, as observed on the platform.
pub(crate) fn reject_file_path(received: &Received) -> Result<(), Refusal> {
    if texts(received, FILE_FIELD).is_empty() {
        return Ok(());
    }
    Err(Refusal::bad(
        ErrorCode::VideoFileBroken,
        "The platform could not read the video file: video_file is a text. Send the bytes of the file, not its path.",
    ))
}

fn texts<'a>(received: &'a Received, name: &str) -> Vec<&'a str> {
    let ReceivedBody::Form(fields) = &received.body else {
        return Vec::new();
    };
    let named = fields.iter().filter(|field| field.name == name);
    named
        .filter_map(|field| match &field.value {
            FieldValue::Text(text) => Some(text.as_str()),
            FieldValue::File(_) => None,
        })
        .collect()
}

fn check_url(url: Url) -> Result<Url, Refusal> {
    if matches!(url.scheme(), "http" | "https") && url.host().is_some() {
        return Ok(url);
    }
    Err(Refusal::invalid(
        "video_url",
        &format!("the scheme `{}` is not one of http, https", url.scheme()),
    ))
}

/// The last segment of the URL path, which the platform uses as the file name.
pub(crate) fn filename_of(url: &Url) -> String {
    let last = url
        .path_segments()
        .and_then(Iterator::last)
        .unwrap_or_default();
    match last {
        "" => url.host_str().unwrap_or("video").to_owned(),
        last => percent_decode_str(last).decode_utf8_lossy().into_owned(),
    }
}

pub(crate) fn list(
    platform: &Platform,
    now: Timestamp,
    list: &ListTasks,
) -> Result<Page<Task>, Refusal> {
    if let Some(index_id) = &list.index_id {
        ids::check("index_id", index_id.as_str())?;
    }
    check_numbers(list)?;
    if let Some(unknown) = list.status.iter().find(|status| !status.is_known()) {
        let allowed = "ready, uploading, validating, pending, queued, indexing, failed";
        return Err(listing::not_one_of("status", unknown.as_str(), allowed));
    }
    let created = listing::date_filter("created_at", list.created_at.as_ref())?;
    let updated = listing::date_filter("updated_at", list.updated_at.as_ref())?;
    let quirks = &platform.settings.quirks;
    let number = |filter: &tl_protocol::endpoint::NumberFilter, value: Option<f64>| {
        filter.is_open() || value.is_some_and(|value| filter.accepts(value))
    };
    let items = platform.state.tasks.values().filter_map(|task| {
        let change = task.timeline.at(now);
        let measured = task.measured.unwrap_or_default();
        let passes = task.asset_id.is_none()
            && list
                .index_id
                .as_ref()
                .is_none_or(|id| id.as_str() == task.index_id)
            && (list.status.is_empty() || list.status.contains(&change.status))
            && listing::filename_passes(list.filename.as_deref(), &task.filename, quirks)
            && number(&list.duration, measured.duration)
            && number(&list.width, measured.width.map(f64::from))
            && number(&list.height, measured.height.map(f64::from))
            && created.is_none_or(|from| task.created_at >= from)
            && updated.is_none_or(|from| change.at >= from);
        let sort_key = SortKey {
            created: task.created_at,
            updated: change.at,
            number: task.number,
        };
        passes.then_some((sort_key, task))
    });
    listing::page(items.collect(), &list.sort, list.page, quirks, |task| {
        view(task, now)
    })
}

/// Task lists are filtered by exact numbers: no ranges, and integer pixels.
fn check_numbers(list: &ListTasks) -> Result<(), Refusal> {
    for (name, filter) in [
        ("duration", list.duration),
        ("width", list.width),
        ("height", list.height),
    ] {
        for (bound, given) in [("gte", filter.gte), ("lte", filter.lte)] {
            if given.is_some() {
                return Err(Refusal::unknown(&format!("{name}[{bound}]")));
            }
        }
        if name != "duration"
            && let Some(number) = filter.eq
            && (number.fract() != 0.0 || number < 0.0)
        {
            let detail = format!("`{number}` is not a whole number from 0 up");
            return Err(Refusal::invalid(name, &detail));
        }
    }
    Ok(())
}

pub(crate) fn retrieve(
    platform: &Platform,
    now: Timestamp,
    host: &str,
    get: &GetTask,
) -> Result<Task, Refusal> {
    let task = find(platform, get.task_id.as_str())?;
    let mut view = view(task, now);
    view.hls = renditions::hls(platform, &task.video_id, host);
    Ok(view)
}

pub(crate) fn delete(
    platform: &mut Platform,
    now: Timestamp,
    delete: &DeleteTask,
) -> Result<(), Refusal> {
    let task = find(platform, delete.task_id.as_str())?;
    let id = task.id.clone();
    match &task.timeline.at(now).status {
        TaskStatus::Failed => {}
        TaskStatus::Ready if platform.state.videos.get(&task.video_id).is_none() => {}
        TaskStatus::Ready => {
            return Err(cannot_delete(&format!(
                "Delete its video {} of the index {} first.",
                task.video_id, task.index_id
            )));
        }
        status => {
            return Err(cannot_delete(&format!(
                "Its status is {status}; only tasks that are ready or failed can be deleted."
            )));
        }
    }
    platform.state.tasks.remove(&id);
    Ok(())
}

fn cannot_delete(why: &str) -> Refusal {
    Refusal::bad(
        ErrorCode::TaskCannotBeDeleted,
        format!("The video indexing task cannot be deleted. {why}"),
    )
}

fn find<'a>(platform: &'a Platform, id: &str) -> Result<&'a TaskRecord, Refusal> {
    ids::check("task_id", id)?;
    let task = platform.state.tasks.get(id);
    task.filter(|task| task.asset_id.is_none()).ok_or_else(|| {
        let mut refusal = Refusal::not_exist("tasks", id);
        if platform.settings.quirks.get(&quirks::UNKNOWN_TASK) == "not_found" {
            refusal = Refusal::not_found();
        }
        debug_assert_eq!(refusal.status, StatusCode::NOT_FOUND);
        refusal
    })
}

fn view(task: &TaskRecord, now: Timestamp) -> Task {
    let change = task.timeline.at(now);
    let mut view = Task::new(task.id.as_str());
    view.video_id = Some(task.video_id.as_str().into());
    view.index_id = Some(task.index_id.as_str().into());
    view.created_at = Some(api_timestamp(task.created_at));
    view.updated_at = Some(api_timestamp(change.at));
    view.status = Some(change.status.clone());
    view.system_metadata = Some(task.measured.map_or_else(
        || {
            let mut metadata = tl_model::SystemMetadata::default();
            metadata.filename = Some(task.filename.clone());
            metadata
        },
        |measured| measured.task_metadata(&task.filename),
    ));
    if change.status == TaskStatus::Failed {
        view.error_reason.clone_from(&task.error_reason);
    }
    view
}
