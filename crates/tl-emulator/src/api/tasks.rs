//! `/tasks`: create tasks from a file or a URL, list and delete them, and report their status.

use http::StatusCode;
use jiff::Timestamp;
use tl_model::{CreatedTask, ErrorCode, Page, Task, TaskStatus};
use tl_protocol::{
    Endpoint,
    endpoint::{
        CreateTask, DeleteTask, FieldValue, GetTask, ListTasks, Media, Received, ReceivedBody,
    },
};
use url::Url;

use super::{
    handle::{Handle, Incoming, handle},
    indexing,
    listing::{self, SortKey},
    metadata,
    request::Upload,
    source,
};
use crate::{
    core::{
        Env, Refusal, State,
        effect::{Effect, Fetched},
        faults::TaskFault,
        ids,
        lifecycle::{Timeline, after},
        limits, quirks,
        records::{Measured, TaskRecord},
        settings::Settings,
        time::api_timestamp,
    },
    media::{renditions, validation},
};

impl Handle for CreateTask {
    fn handle(
        self,
        state: &mut State,
        env: &mut Env<'_>,
        incoming: Incoming<'_>,
    ) -> Result<Self::Response, Refusal> {
        create(state, env, self, incoming)
    }

    fn check(received: &Received) -> Result<(), Refusal> {
        reject_file_path(received)
    }

    fn status(settings: &Settings) -> StatusCode {
        settings.created_status()
    }
}
handle!(ListTasks, |state, env, request| list(state, env, &request));
handle!(GetTask, |state, env, request| retrieve(
    state, env, &request
));
handle!(DeleteTask, |state, env, request| delete(
    state, env, &request
));

/// The form field that carries the file.
const FILE_FIELD: &str = "video_file";

pub(crate) fn create(
    state: &mut State,
    env: &mut Env<'_>,
    create: CreateTask,
    incoming: Incoming<'_>,
) -> Result<<CreateTask as Endpoint>::Response, Refusal> {
    let index_id = create.index_id.as_str().to_owned();
    ids::check("index_id", &index_id)?;
    let index = state
        .indexes
        .get(&index_id)
        .ok_or_else(|| Refusal::not_exist("indexes", &index_id))?;
    let metadata = metadata::initial(
        create.user_metadata.unwrap_or_default(),
        &env.settings.quirks,
    )?;
    let source = match create.media {
        Media::Url(url) => Source::Url(source::check("video_url", url)?),
        Media::File(_) => {
            let target = validation::target(index);
            let upload = single_file(incoming.received, incoming.uploads)?;
            let validated =
                validation::validate(&upload.probe, upload.bytes, &target, &env.settings.rules);
            let fails_later = env.quirk(&quirks::FILE_JUDGMENT) == "fail";
            match validated {
                Ok(measured) => {
                    let seconds = measured.duration.unwrap_or(0.0);
                    limits::count_video(state, env, &index_id, seconds)?;
                    Source::File(Box::new(upload), measured)
                }
                // If the probe could not run, that is an internal error and not a failed task.
                Err(refusal) if fails_later && refusal.status.is_client_error() => {
                    let reason = format!("{}: {}", refusal.code, refusal.message);
                    env.task_fault = Some(TaskFault::FailIn(TaskStatus::Validating, Some(reason)));
                    Source::File(Box::new(upload), Measured::default())
                }
                Err(refusal) => return Err(refusal),
            }
        }
    };
    let id = env.next_id(state);
    let video_id = match env.quirk(&quirks::VIDEO_ID) {
        "same" => id.clone(),
        _ => env.next_id(state),
    };
    let (filename, timeline) = match &source {
        Source::Url(url) => (
            source::filename_of(url),
            Timeline::starting_in(TaskStatus::Uploading, env.now),
        ),
        Source::File(upload, _) if env.quirk(&quirks::FIRST_STATUS) == "uploading" => (
            upload.filename.clone(),
            Timeline::starting_in(TaskStatus::Uploading, env.now),
        ),
        Source::File(upload, _) => (
            upload.filename.clone(),
            Timeline::starting_in(TaskStatus::Validating, env.now),
        ),
    };
    let task = TaskRecord {
        id: id.clone(),
        number: state.last_number(),
        index_id,
        video_id: video_id.clone(),
        created_at: env.now,
        timeline,
        filename,
        measured: None,
        enable_video_stream: create.enable_video_stream.unwrap_or(true),
        user_metadata: metadata,
        error_reason: None,
        fault: env.task_fault.take(),
        fetching: match &source {
            Source::Url(url) => Some(url.to_string()),
            Source::File(..) => None,
        },
        is_announced: false,
        asset_id: None,
    };
    state.tasks.insert(id.clone(), task);
    match source {
        Source::Url(url) => env.effects.push(Effect::Fetch {
            task: id.clone(),
            url,
            max_bytes: validation::max_task_file(&env.settings.rules),
        }),
        Source::File(upload, measured) => {
            // The observed first status lasts as long as the documented one would.
            let start = match env.quirk(&quirks::FIRST_STATUS) {
                "uploading" => after(env.now, env.settings.schedule.validating),
                _ => env.now,
            };
            let file = (upload.key, upload.content);
            indexing::schedule(state, env, start, &id, measured, Some(file));
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

/// Handles the result of fetching the video of a task.
pub(crate) fn fetched(
    state: &mut State,
    env: &mut Env<'_>,
    id: &str,
    outcome: Result<Fetched, String>,
) {
    // The task may have been deleted with its index while the video was being fetched.
    let Some(task) = state.tasks.get(id) else {
        return;
    };
    if task.fault == Some(TaskFault::StuckIn(TaskStatus::Uploading)) {
        return;
    }
    let index_id = task.index_id.clone();
    match outcome.and_then(|fetched| validate_fetched(state, env, &index_id, fetched)) {
        Ok((fetched, measured)) => {
            if let Some(task) = state.tasks.get_mut(id) {
                task.filename = fetched.filename;
            }
            let file = (fetched.key, fetched.content);
            indexing::schedule(state, env, env.now, id, measured, Some(file));
        }
        Err(reason) => {
            if let Some(task) = state.tasks.get_mut(id) {
                task.timeline.fail(env.now);
                task.fetching = None;
                task.error_reason = Some(reason);
                state.pending_ends.insert((env.now, id.to_owned()));
            }
        }
    }
}

fn validate_fetched(
    state: &mut State,
    env: &Env<'_>,
    index_id: &str,
    fetched: Fetched,
) -> Result<(Fetched, Measured), String> {
    let index = state.indexes.get(index_id).ok_or("its index is gone")?;
    let target = validation::target(index);
    validation::validate(&fetched.probe, fetched.bytes, &target, &env.settings.rules)
        .and_then(|measured| {
            let seconds = measured.duration.unwrap_or(0.0);
            limits::count_video(state, env, index_id, seconds)?;
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

pub(crate) fn list(state: &State, env: &Env<'_>, list: &ListTasks) -> Result<Page<Task>, Refusal> {
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
    let quirks = &env.settings.quirks;
    let number = |filter: &tl_protocol::endpoint::NumberFilter, value: Option<f64>| {
        filter.is_open() || value.is_some_and(|value| filter.accepts(value))
    };
    let items = state.tasks.values().filter_map(|task| {
        let change = task.timeline.at(env.now);
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
        view(task, env.now)
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

pub(crate) fn retrieve(state: &State, env: &Env<'_>, get: &GetTask) -> Result<Task, Refusal> {
    let task = find(state, env, get.task_id.as_str())?;
    let mut view = view(task, env.now);
    view.hls = renditions::hls(state, env, &task.video_id);
    Ok(view)
}

pub(crate) fn delete(state: &mut State, env: &Env<'_>, delete: &DeleteTask) -> Result<(), Refusal> {
    let task = find(state, env, delete.task_id.as_str())?;
    let id = task.id.clone();
    match &task.timeline.at(env.now).status {
        TaskStatus::Failed => {}
        TaskStatus::Ready if state.videos.get(&task.video_id).is_none() => {}
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
    state.tasks.remove(&id);
    Ok(())
}

fn cannot_delete(why: &str) -> Refusal {
    Refusal::bad(
        ErrorCode::TaskCannotBeDeleted,
        format!("The video indexing task cannot be deleted. {why}"),
    )
}

fn find<'a>(state: &'a State, env: &Env<'_>, id: &str) -> Result<&'a TaskRecord, Refusal> {
    ids::check("task_id", id)?;
    let task = state.tasks.get(id);
    task.filter(|task| task.asset_id.is_none()).ok_or_else(|| {
        let mut refusal = Refusal::not_exist("tasks", id);
        if env.quirk(&quirks::UNKNOWN_TASK) == "not_found" {
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
