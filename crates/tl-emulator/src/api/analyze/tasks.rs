//! `/analyze/tasks`: analyses in the background, by the clock.

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tl_model::{
    AnalyzeError, AnalyzeMode, AnalyzeNotice, AnalyzeRequest, AnalyzeResult, AnalyzeSourceType,
    AnalyzeStatus, AnalyzeTask, AnalyzeTaskData, AnalyzeTaskParams, AnalyzeTaskVideo, AnalyzeVideo,
    AnalyzeVideoMetadata, AnalyzeVideoSource, CreatedAnalyzeTask, MaxTokens, Page, WebhookData,
    WebhookEvent, WebhookEventType,
};
use tl_protocol::{
    endpoint::{
        CancelAnalyzeTask, CreateAnalyzeTask, DeleteAnalyzeTask, GetAnalyzeTask, ListAnalyzeTasks,
        Sort,
    },
    pegasus::{self, Usage},
};
use url::Url;

use super::{
    Subject, answer, charged_seconds, check_windows, finish_reason, refuse, source_of, subjects,
    usage,
};
use crate::{
    api::{
        handle::handle,
        listing::{self, SortKey},
    },
    core::{
        Env, Refusal, State,
        answers::AnswerSource,
        effect::Effect,
        faults::TaskFault,
        ids,
        lifecycle::after,
        limits,
        records::{AnalyzeTaskRecord, TaskAnswer, TaskFailure},
        time::api_timestamp,
    },
};

handle!(CreateAnalyzeTask, |state, env, request| {
    let request = request.request;
    pegasus::check(&request, Usage::Task).map_err(|fault| refuse(&fault))?;
    // Only 400 is documented.
    let subjects = subjects(state, env, &request, StatusCode::BAD_REQUEST)?;
    check_windows(&request, &subjects, Usage::Task)?;
    limits::count_analysis(state, env, charged_seconds(&request, &subjects))?;
    let task = create(state, env, &request, &subjects, None)?;
    created(state, env, &task)
});
handle!(ListAnalyzeTasks, |state, env, request| list(
    state, env, &request
));
handle!(GetAnalyzeTask, |state, env, request| {
    let task = find(state, request.task_id.as_str())?;
    env.answer = match (&task.answer, task.status(env.now)) {
        (Ok(answer), AnalyzeStatus::Ready) => source_of(answer),
        _ => None,
    };
    Ok(view(task, env, true))
});
handle!(DeleteAnalyzeTask, |state, env, request| {
    let id = request.task_id.as_str();
    if find(state, id)?.status(env.now) == AnalyzeStatus::Processing {
        return Err(conflict(
            "task_processing",
            "A task that is processed cannot be deleted.",
        ));
    }
    state.analyze_tasks.remove(id);
    Ok(())
});
handle!(CancelAnalyzeTask, |state, env, request| {
    let id = request.task_id.as_str();
    let task = find(state, id)?;
    if task.batch_id.is_some() {
        return Err(conflict(
            "task_in_batch",
            "A task of a batch is canceled with its batch.",
        ));
    }
    match task.status(env.now) {
        AnalyzeStatus::Ready | AnalyzeStatus::Failed => {
            return Err(conflict(
                "task_ended",
                "A task that has ended cannot be canceled.",
            ));
        }
        AnalyzeStatus::Canceled => {}
        _ => cancel(state, env, id, "user_canceled"),
    }
    created(state, env, id)
});

/// The status is documented, the code is not.
pub(super) fn conflict(code: &str, message: &str) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, code, message)
}

/// Creates a task whose course and answer are known at once.
pub(super) fn create(
    state: &mut State,
    env: &mut Env<'_>,
    request: &AnalyzeRequest,
    subjects: &[Subject],
    batch_id: Option<&str>,
) -> Result<String, Refusal> {
    let operation = match batch_id {
        Some(_) => "analyze_async.batches.create",
        None => "analyze_async.tasks.create",
    };
    let mut answer = too_long(subjects, batch_id).map_or_else(
        || {
            let answer = answer::answer(env, operation, request, subjects)?;
            Ok::<_, Refusal>(task_answer(answer, request))
        },
        |failure| Ok(Err(failure)),
    )?;
    let schedule = &env.settings.schedule;
    let pending_at = after(env.now, schedule.validating);
    let processing_at = after(pending_at, schedule.pending.saturating_add(schedule.queued));
    let seconds: f64 = subjects.iter().map(|subject| subject.duration).sum();
    let by_length = std::time::Duration::try_from_secs_f64(
        schedule.indexing_per_second.as_secs_f64() * seconds.max(0.0),
    );
    let work = schedule
        .indexing
        .saturating_add(by_length.unwrap_or_default());
    let mut ends_at = after(processing_at, work);
    match env.task_fault.take() {
        None => {}
        // The course of an analysis has other statuses than that of indexing: any means the same.
        Some(TaskFault::StuckIn(_)) => ends_at = Timestamp::MAX,
        Some(TaskFault::FailIn(_, reason)) => {
            let message = reason.unwrap_or_else(|| "failed on purpose".to_owned());
            answer = Err(TaskFailure {
                code: None,
                message,
            });
        }
    }
    let id = env.next_id(state);
    let measured = subjects.first().filter(|subject| subject.is_measured);
    let record = AnalyzeTaskRecord {
        id: id.clone(),
        number: state.last_number(),
        custom_id: request.custom_id.clone(),
        batch_id: batch_id.map(str::to_owned),
        request: serde_json::to_string(request).unwrap_or_default(),
        created_at: env.now,
        pending_at,
        processing_at,
        ends_at,
        canceled: None,
        answer,
        duration: measured.map(|subject| subject.duration),
    };
    state.analyze_tasks.insert(id.clone(), record);
    if ends_at < Timestamp::MAX {
        state.pending_ends.insert((ends_at, id.clone()));
    }
    Ok(id)
}

/// Documented for items of batches: a video of more than two hours fails alone.
fn too_long(subjects: &[Subject], batch_id: Option<&str>) -> Option<TaskFailure> {
    batch_id?;
    let longest = pegasus::MAX_TASK_WINDOW;
    let is_longer = |subject: &Subject| subject.is_measured && subject.duration > longest;
    subjects.iter().any(is_longer).then(|| TaskFailure {
        code: Some("video_duration_too_long".to_owned()),
        message: format!("The video is longer than {longest} s."),
    })
}

/// Segments that exceed a numeric limit fail the task; without a limit they are a partial result.
fn task_answer(answer: TaskAnswer, request: &AnalyzeRequest) -> Result<TaskAnswer, TaskFailure> {
    let is_limited = !matches!(request.max_tokens, Some(MaxTokens::Unlimited));
    match answer.is_truncated && request.is_segmentation() && is_limited {
        true => Err(TaskFailure {
            code: None,
            message: "The segments exceed max_tokens.".to_owned(),
        }),
        false => Ok(answer),
    }
}

/// Cancels a task that has not ended.
pub(super) fn cancel(state: &mut State, env: &Env<'_>, id: &str, code: &str) {
    if let Some(task) = state.analyze_tasks.get_mut(id) {
        task.canceled = Some((env.now, code.to_owned()));
        let planned = (task.ends_at, id.to_owned());
        state.pending_ends.remove(&planned);
        state.pending_ends.insert((env.now, id.to_owned()));
    }
}

pub(super) fn find<'s>(state: &'s State, id: &str) -> Result<&'s AnalyzeTaskRecord, Refusal> {
    ids::check("task_id", id)?;
    let task = state.analyze_tasks.get(id);
    task.ok_or_else(|| Refusal::not_exist("analyze_tasks", id))
}

fn created(state: &State, env: &Env<'_>, id: &str) -> Result<CreatedAnalyzeTask, Refusal> {
    let mut created = CreatedAnalyzeTask::new(id);
    created.status = Some(find(state, id)?.status(env.now));
    Ok(created)
}

fn list(
    state: &State,
    env: &Env<'_>,
    request: &ListAnalyzeTasks,
) -> Result<Page<AnalyzeTask>, Refusal> {
    if let Some(status) = request.status.as_ref().filter(|status| !status.is_known()) {
        let allowed = AnalyzeStatus::KNOWN.iter().map(AnalyzeStatus::as_str);
        let allowed = allowed.collect::<Vec<_>>().join(", ");
        return Err(listing::not_one_of("status", status.as_str(), &allowed));
    }
    if let Some(mode) = request
        .analysis_mode
        .as_ref()
        .filter(|mode| !mode.is_known())
    {
        let allowed = "general, time_based_metadata";
        return Err(listing::not_one_of("analysis_mode", mode.as_str(), allowed));
    }
    if let Some(id) = &request.asset_id {
        ids::check("asset_id", id.as_str())?;
    }
    if let Some(id) = &request.video_id {
        ids::check("video_id", id.as_str())?;
    }
    let passes = |task: &&AnalyzeTaskRecord| {
        let asked = request_of(task);
        let status = request.status.as_ref();
        let mode = asked.analysis_mode.clone().unwrap_or(AnalyzeMode::General);
        let is_asset = |id| matches!(&asked.video, Some(AnalyzeVideo::Asset(asset)) if asset == id);
        let is_url = |url| matches!(&asked.video, Some(AnalyzeVideo::Url(own)) if own == url);
        status.is_none_or(|status| *status == task.status(env.now))
            && request
                .analysis_mode
                .as_ref()
                .is_none_or(|wanted| *wanted == mode)
            && request.asset_id.as_ref().is_none_or(is_asset)
            && request.video_url.as_ref().is_none_or(is_url)
            && request.video_id.is_none()
    };
    let tasks = state.analyze_tasks.values().filter(passes);
    let items = tasks.map(|task| {
        let key = SortKey {
            created: task.created_at,
            updated: task.created_at,
            number: task.number,
        };
        (key, task)
    });
    let (sort, quirks) = (Sort::default(), &env.settings.quirks);
    listing::page(items.collect(), &sort, request.page, quirks, |task| {
        view(task, env, false)
    })
}

fn request_of(task: &AnalyzeTaskRecord) -> AnalyzeRequest {
    serde_json::from_str(&task.request).unwrap_or_default()
}

/// A task as the API shows it. Lists shorten prompts and response formats.
fn view(task: &AnalyzeTaskRecord, env: &Env<'_>, is_whole: bool) -> AnalyzeTask {
    let request = request_of(task);
    let status = task.status(env.now);
    let mut view = AnalyzeTask::new(task.id.as_str());
    match &task.custom_id {
        Some(id) => view.custom_id = Some(id.clone()),
        // Documented: the member is always present.
        None => _ = view.extra.insert("custom_id".to_owned(), Value::Null),
    }
    view.batch_id = task.batch_id.as_deref().map(Into::into);
    view.video_source = request
        .video
        .as_ref()
        .map(|video| video_source(video, task.duration));
    view.request_params = Some(params(&request, is_whole));
    view.created_at = Some(api_timestamp(task.created_at));
    match (&status, &task.answer) {
        (AnalyzeStatus::Ready, Ok(answer)) => {
            view.completed_at = Some(api_timestamp(task.ends_at));
            view.result = Some(result(answer));
            view.error = notice(None, answer.notice.as_deref());
        }
        (AnalyzeStatus::Failed, Err(failure)) => {
            view.completed_at = Some(api_timestamp(task.ends_at));
            view.error = notice(failure.code.as_deref(), Some(&failure.message));
        }
        (AnalyzeStatus::Canceled, _) => {
            let code = task.canceled.as_ref().map(|(_, code)| code.as_str());
            view.error = notice(code, Some("The task was canceled."));
        }
        _ => {}
    }
    view.status = Some(status);
    view
}

fn notice(code: Option<&str>, message: Option<&str>) -> Option<AnalyzeNotice> {
    let mut notice = AnalyzeNotice::default();
    notice.message = Some(message?.to_owned());
    notice.code = code.map(str::to_owned);
    Some(notice)
}

/// The answer of a task.
pub(super) fn result(answer: &TaskAnswer) -> AnalyzeResult {
    let mut result = AnalyzeResult::default();
    result.generation_id = Some(answer.generation_id.clone());
    result.data = Some(answer.data.clone());
    result.finish_reason = Some(finish_reason(answer));
    result.usage = Some(usage(answer));
    result
}

fn video_source(video: &AnalyzeVideo, duration: Option<f64>) -> AnalyzeTaskVideo {
    let mut source = AnalyzeTaskVideo::default();
    source.kind = Some(video.kind().to_owned());
    match video {
        AnalyzeVideo::Asset(id) => source.asset_id = Some(id.clone()),
        AnalyzeVideo::Url(url) => source.url = Some(url.clone()),
        _ => {}
    }
    source.system_metadata = duration.map(|seconds| {
        let mut metadata = AnalyzeVideoMetadata::default();
        metadata.duration = Some(seconds);
        metadata
    });
    source
}

fn params(request: &AnalyzeRequest, is_whole: bool) -> AnalyzeTaskParams {
    let mut params = AnalyzeTaskParams::default();
    params.analysis_mode = request.analysis_mode.clone();
    params.prompt = request.prompt.as_ref().map(|prompt| match is_whole {
        true => prompt.clone(),
        false => prompt.chars().take(30).collect(),
    });
    params.response_format = request.response_format.as_ref().map(|format| {
        let mut format = format.clone();
        if !is_whole {
            format.json_schema = None;
            format.segment_definitions.truncate(1);
        }
        serde_json::to_value(format).unwrap_or_default()
    });
    params.temperature = request.temperature;
    params.max_tokens = request.max_tokens.map(|tokens| json!(tokens));
    (params.start_time, params.end_time) = (request.start_time, request.end_time);
    params.min_segment_duration = request.min_segment_duration;
    params.max_segment_duration = request.max_segment_duration;
    params
}

/// Queues the event of a task that has ended for every registered URL. Tasks of batches have none
/// (Python client 1.3.6).
pub(crate) fn announce(state: &mut State, env: &mut Env<'_>, id: &str, at: Timestamp) {
    let Some(task) = state
        .analyze_tasks
        .get(id)
        .filter(|task| task.batch_id.is_none())
    else {
        return;
    };
    let task = task.clone();
    let status = task.status(env.now);
    let kind = match status {
        AnalyzeStatus::Ready => WebhookEventType::AnalyzeTaskReady,
        AnalyzeStatus::Failed => WebhookEventType::AnalyzeTaskFailed,
        AnalyzeStatus::Canceled => WebhookEventType::AnalyzeTaskCanceled,
        _ => return,
    };
    let webhooks: Vec<_> = state.webhooks.values().cloned().collect();
    for webhook in webhooks {
        let Ok(url) = Url::parse(&webhook.url) else {
            continue;
        };
        let event_id = format!("whe_{}", env.next_id_at(state, at));
        let mut data = AnalyzeTaskData::new(task.id.as_str());
        match &task.custom_id {
            Some(id) => data.custom_id = Some(id.clone()),
            None => _ = data.extra.insert("custom_id".to_owned(), Value::Null),
        }
        data.status = Some(status.clone());
        data.created_at = Some(api_timestamp(task.created_at));
        data.video_source = request_of(&task).video.map(|video| {
            let mut source = AnalyzeVideoSource::default();
            source.source_type = Some(AnalyzeSourceType::from(video.kind()));
            match video {
                AnalyzeVideo::Asset(id) => source.asset_id = Some(id),
                AnalyzeVideo::Url(url) => source.url = Some(url),
                _ => {}
            }
            source
        });
        data.error = match &task.answer {
            Err(failure) if status == AnalyzeStatus::Failed => {
                let mut error = AnalyzeError::default();
                error.message = Some(failure.message.clone());
                Some(error)
            }
            _ => None,
        };
        let mut event = WebhookEvent::new(event_id.as_str(), kind.as_str());
        event.created_at = Some(tl_model::Timestamp::new(
            format!("{at:.3}").replace('Z', "+00:00"),
        ));
        event.data = Some(WebhookData::Analyze(data));
        let Ok(body) = serde_json::to_vec(&event) else {
            continue;
        };
        env.effects.push(Effect::Deliver {
            event: event_id,
            event_type: kind.clone(),
            url,
            secret: webhook.secret,
            body: Bytes::from(body),
        });
    }
}

/// The source of the answers of several tasks: the least specific one.
pub(super) fn least_source<'t>(
    tasks: impl Iterator<Item = &'t AnalyzeTaskRecord>,
) -> Option<AnswerSource> {
    let sources = tasks.filter_map(|task| source_of(task.answer.as_ref().ok()?));
    sources.max_by_key(|source| *source as u8)
}
