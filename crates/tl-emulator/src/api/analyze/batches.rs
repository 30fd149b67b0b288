//! `/analyze/batches`: many analyses in one request.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tl_model::{
    AnalyzeBatch, AnalyzeBatchItemStatus, AnalyzeBatchResult, AnalyzeBatchStatus, AnalyzeNotice,
    AnalyzeRequest, CreatedAnalyzeBatch, CreatedAnalyzeBatchItem, ErrorCode, NewAnalyzeBatch, Page,
};
use tl_protocol::{
    endpoint::{
        CancelAnalyzeBatch, CreateAnalyzeBatch, DeleteAnalyzeBatch, GetAnalyzeBatch,
        GetAnalyzeBatchResults, ListAnalyzeBatches, Sort, Streamed,
    },
    framing::Framing,
    pegasus,
};

use super::{refuse, subjects, tasks};
use crate::{
    api::{
        handle::handle,
        listing::{self, SortKey},
    },
    core::{
        Env, Refusal, State, ids,
        records::{AnalyzeBatchRecord, AnalyzeTaskRecord},
        refusal::ErrorForm,
        stream::EventStream,
        time::api_timestamp,
    },
};

/// How long a batch may take, in seconds. Its items that have not ended by then are canceled.
const LIFETIME: i64 = 24 * 3600;

handle!(CreateAnalyzeBatch, |state, env, request| create(
    state,
    env,
    &request.batch
));
handle!(ListAnalyzeBatches, |state, env, request| list(
    state, env, &request
));
handle!(GetAnalyzeBatch, |state, env, request| {
    let batch = find(state, request.batch_id.as_str())?;
    Ok(view(state, batch, env.now))
});
handle!(DeleteAnalyzeBatch, |state, env, request| {
    let id = request.batch_id.as_str();
    let batch = find(state, id)?;
    if !status(state, batch, env.now).is_terminal() {
        return Err(tasks::conflict(
            "batch_not_terminal",
            "A batch that is active cannot be deleted.",
        ));
    }
    for task in batch.tasks.clone() {
        state.analyze_tasks.remove(&task);
    }
    state.analyze_batches.remove(id);
    Ok(())
});
handle!(CancelAnalyzeBatch, |state, env, request| cancel(
    state,
    env,
    request.batch_id.as_str()
));
handle!(GetAnalyzeBatchResults, |state, env, request| {
    let batch = find(state, request.batch_id.as_str())?;
    let records = batch
        .tasks
        .iter()
        .filter_map(|id| state.analyze_tasks.get(id));
    env.answer = tasks::least_source(records.clone());
    let deadline = expires_at(batch);
    let results: Vec<_> = records
        .map(|task| result(task, env.now, deadline))
        .collect();
    let events: Result<Vec<_>, _> = results
        .iter()
        .map(GetAnalyzeBatchResults::encode_event)
        .collect();
    let internal = |error: serde_json::Error| Refusal::internal(&error.to_string());
    env.stream(EventStream {
        framing: Framing::Lines,
        content_type: "application/jsonl",
        events: events.map_err(internal)?,
        failure: "{\"error\":{\"message\":\"An error occurred on purpose.\"}}".into(),
    });
    Ok(results)
});

fn create(
    state: &mut State,
    env: &mut Env<'_>,
    batch: &NewAnalyzeBatch,
) -> Result<CreatedAnalyzeBatch, Refusal> {
    pegasus::check_batch(batch).map_err(|fault| refuse(&fault))?;
    let active = state.analyze_batches.values();
    let active = active.filter(|batch| !status(state, batch, env.now).is_terminal());
    if active.count() >= pegasus::MAX_ACTIVE_BATCHES {
        // The status is documented, the code is not. There is no time to wait for.
        let mut refusal = Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::TooManyRequests,
            format!(
                "{} batches are active already.",
                pegasus::MAX_ACTIVE_BATCHES
            ),
        );
        // Documented for batches.
        refusal.form = ErrorForm::Nested;
        return Err(refusal);
    }
    let mut items = Vec::new();
    let mut seconds = 0.0;
    for item in &batch.requests {
        let request = request_of(batch, item);
        let subjects =
            subjects(state, env, &request, StatusCode::NOT_FOUND).map_err(|mut refusal| {
                // Documented: an asset that is not ready is a conflict.
                if refusal.status == StatusCode::BAD_REQUEST {
                    refusal.status = StatusCode::CONFLICT;
                }
                refusal
            })?;
        seconds += subjects.iter().map(|subject| subject.duration).sum::<f64>();
        items.push((request, subjects));
    }
    if seconds > pegasus::MAX_BATCH_SECONDS {
        return Err(Refusal::invalid(
            "requests",
            "the videos are longer than 2,000 hours",
        ));
    }
    let id = env.next_id(state);
    let number = state.last_number();
    let mut created = CreatedAnalyzeBatch::new(id.as_str());
    let mut task_ids = Vec::new();
    for (request, subjects) in &items {
        let task = tasks::create(state, env, request, subjects, Some(&id))?;
        let mut item = CreatedAnalyzeBatchItem::new(task.as_str());
        item.custom_id.clone_from(&request.custom_id);
        if item.custom_id.is_none() {
            item.extra.insert("custom_id".to_owned(), Value::Null);
        }
        created.items.push(item);
        task_ids.push(task);
    }
    let record = AnalyzeBatchRecord {
        id: id.clone(),
        number,
        model: batch.model_name.to_string(),
        mode: batch.analysis_mode.clone(),
        created_at: env.now,
        canceled_at: None,
        tasks: task_ids,
    };
    created.total_items = Some(record.tasks.len() as u64);
    created.created_at = Some(api_timestamp(env.now));
    created.expires_at = Some(api_timestamp(expires_at(&record)));
    created.status = Some(status(state, &record, env.now));
    state.analyze_batches.insert(id, record);
    Ok(created)
}

/// The request that an item stands for.
fn request_of(batch: &NewAnalyzeBatch, item: &tl_model::AnalyzeBatchItem) -> AnalyzeRequest {
    let mut request = pegasus::request_of_item(item, batch.defaults.as_ref());
    request.model_name = Some(batch.model_name.clone());
    request.analysis_mode = Some(batch.analysis_mode.clone());
    request
}

fn find<'s>(state: &'s State, id: &str) -> Result<&'s AnalyzeBatchRecord, Refusal> {
    ids::check("batch_id", id)?;
    let batch = state.analyze_batches.get(id);
    batch.ok_or_else(|| Refusal::not_exist("analyze_batches", id))
}

fn expires_at(batch: &AnalyzeBatchRecord) -> Timestamp {
    batch
        .created_at
        .checked_add(SignedDuration::from_secs(LIFETIME))
        .unwrap_or(Timestamp::MAX)
}

/// The status of an item: one that has not ended when the batch expires is canceled.
fn item_status(
    task: &AnalyzeTaskRecord,
    now: Timestamp,
    deadline: Timestamp,
) -> AnalyzeBatchItemStatus {
    let at_deadline = task.item_status(now.min(deadline));
    match now >= deadline && !at_deadline.is_terminal() {
        true => AnalyzeBatchItemStatus::Canceled,
        false => at_deadline,
    }
}

fn status(state: &State, batch: &AnalyzeBatchRecord, now: Timestamp) -> AnalyzeBatchStatus {
    let deadline = expires_at(batch);
    let records = || {
        batch
            .tasks
            .iter()
            .filter_map(|id| state.analyze_tasks.get(id))
    };
    let has_ended = |at| records().all(|task| task.item_status(at).is_terminal());
    let is_canceled = batch.canceled_at.is_some_and(|at| at <= now);
    if is_canceled {
        return match has_ended(now) {
            true => AnalyzeBatchStatus::Canceled,
            false => AnalyzeBatchStatus::Canceling,
        };
    }
    if has_ended(now.min(deadline)) {
        AnalyzeBatchStatus::Completed
    } else if now >= deadline {
        AnalyzeBatchStatus::Expired
    } else if records().all(|task| task.item_status(now) == AnalyzeBatchItemStatus::Queued) {
        AnalyzeBatchStatus::Pending
    } else {
        AnalyzeBatchStatus::Processing
    }
}

fn cancel(state: &mut State, env: &Env<'_>, id: &str) -> Result<AnalyzeBatch, Refusal> {
    let batch = find(state, id)?;
    match status(state, batch, env.now) {
        AnalyzeBatchStatus::Completed => {
            return Err(tasks::conflict(
                "batch_completed",
                "The batch is completed.",
            ));
        }
        AnalyzeBatchStatus::Expired => {
            return Err(tasks::conflict("batch_expired", "The batch has expired."));
        }
        AnalyzeBatchStatus::Canceled => {
            return Err(tasks::conflict("batch_canceled", "The batch is canceled."));
        }
        _ => {}
    }
    // Items that are processed end.
    let waiting = |id: &&String| {
        let task = state.analyze_tasks.get(id);
        task.is_some_and(|task| task.item_status(env.now) == AnalyzeBatchItemStatus::Queued)
    };
    let waiting: Vec<String> = batch.tasks.iter().filter(waiting).cloned().collect();
    for task in waiting {
        tasks::cancel(state, env, &task, "batch_canceled");
    }
    if let Some(batch) = state.analyze_batches.get_mut(id) {
        batch.canceled_at.get_or_insert(env.now);
    }
    let batch = find(state, id)?;
    Ok(view(state, batch, env.now))
}

fn list(
    state: &State,
    env: &Env<'_>,
    request: &ListAnalyzeBatches,
) -> Result<Page<AnalyzeBatch>, Refusal> {
    if let Some(other) = request.status.iter().find(|status| !status.is_known()) {
        let allowed = AnalyzeBatchStatus::KNOWN
            .iter()
            .map(AnalyzeBatchStatus::as_str);
        let allowed = allowed.collect::<Vec<_>>().join(", ");
        return Err(listing::not_one_of("status", other.as_str(), &allowed));
    }
    if let Some(other) = request.analysis_mode.iter().find(|mode| !mode.is_known()) {
        let allowed = "general, time_based_metadata";
        return Err(listing::not_one_of(
            "analysis_mode",
            other.as_str(),
            allowed,
        ));
    }
    let passes = |batch: &&AnalyzeBatchRecord| {
        let own = status(state, batch, env.now);
        (request.status.is_empty() || request.status.contains(&own))
            && (request.analysis_mode.is_empty() || request.analysis_mode.contains(&batch.mode))
    };
    let batches = state.analyze_batches.values().filter(passes);
    let items = batches.map(|batch| {
        let key = SortKey {
            created: batch.created_at,
            updated: batch.created_at,
            number: batch.number,
        };
        (key, batch)
    });
    let (sort, quirks) = (Sort::default(), &env.settings.quirks);
    listing::page(items.collect(), &sort, request.page, quirks, |batch| {
        view(state, batch, env.now)
    })
}

fn view(state: &State, batch: &AnalyzeBatchRecord, now: Timestamp) -> AnalyzeBatch {
    let deadline = expires_at(batch);
    let records = || {
        batch
            .tasks
            .iter()
            .filter_map(|id| state.analyze_tasks.get(id))
    };
    let count = |wanted: AnalyzeBatchItemStatus| {
        let items = records().filter(|task| item_status(task, now, deadline) == wanted);
        Some(items.count() as u64)
    };
    let status = status(state, batch, now);
    let mut view = AnalyzeBatch::new(batch.id.as_str());
    view.analysis_mode = Some(batch.mode.clone());
    view.model_name = Some(batch.model.as_str().into());
    view.total_items = Some(batch.tasks.len() as u64);
    view.created_at = Some(api_timestamp(batch.created_at));
    view.expires_at = Some(api_timestamp(deadline));
    match status {
        AnalyzeBatchStatus::Completed => {
            let last = records().map(|task| task.ends_at).max();
            view.completed_at = Some(api_timestamp(last.unwrap_or(batch.created_at)));
        }
        AnalyzeBatchStatus::Canceled => view.canceled_at = batch.canceled_at.map(api_timestamp),
        AnalyzeBatchStatus::Expired => view.expired_at = Some(api_timestamp(deadline)),
        _ => {}
    }
    view.queued_items = count(AnalyzeBatchItemStatus::Queued);
    view.processing_items = count(AnalyzeBatchItemStatus::Processing);
    view.ready_items = count(AnalyzeBatchItemStatus::Ready);
    view.failed_items = count(AnalyzeBatchItemStatus::Failed);
    view.canceled_items = count(AnalyzeBatchItemStatus::Canceled);
    view.status = Some(status);
    view
}

fn result(task: &AnalyzeTaskRecord, now: Timestamp, deadline: Timestamp) -> AnalyzeBatchResult {
    let status = item_status(task, now, deadline);
    let mut result = AnalyzeBatchResult::new(task.id.as_str());
    match &task.custom_id {
        Some(id) => result.custom_id = Some(id.clone()),
        None => _ = result.extra.insert("custom_id".to_owned(), Value::Null),
    }
    match (&status, &task.answer) {
        (AnalyzeBatchItemStatus::Ready, Ok(answer)) => result.data = Some(tasks::result(answer)),
        (AnalyzeBatchItemStatus::Failed, Err(failure)) => {
            let mut error = AnalyzeNotice::default();
            error.code.clone_from(&failure.code);
            error.message = Some(failure.message.clone());
            result.error = Some(error);
        }
        _ => {}
    }
    result.status = Some(status);
    result
}
