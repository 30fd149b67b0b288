//! Results of a bulk ingestion: one line per item, and one summary.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tl_bulk::event::{Event, ItemFailure};
use tl_bulk::{Budget, Ending, ItemResult, Record, RunSummary, error_kind};
use tl_client::Stage;
use tl_ledger::{Item, ItemId, State};

use crate::batch::item::ItemState;
use crate::batch::outcome::{details, merge};
use crate::batch::repeated::{RepeatedFailures, not_tried};
use crate::batch::summary::{Unfinished, interrupted_item};
use crate::batch::wait_hint;
use crate::bulk::run::exit_of;
use crate::check::local_check::LocalCheck;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::{self, pluralize};
use crate::ui::escape::plain_line;
use crate::ui::output::Output;
use crate::ui::style::GOOD;

/// Exit codes that are kept; more items are counted as failed or not.
const MAX_EXITS: usize = 2;

/// The members of the JSON of a result.
pub(crate) const FIELDS: [&str; 24] = [
    "input",
    "ok",
    "exit_code",
    "index_id",
    "stage",
    "status",
    "skipped",
    "duplicate",
    "report",
    "error",
    "route",
    "because",
    "upload_id",
    "asset_id",
    "indexed_asset_id",
    "task_id",
    "video_id",
    "asset",
    "indexed_asset",
    "task",
    "chunks",
    "history",
    "seconds",
    "reconciled",
];

/// Prints the results of a run.
pub(crate) struct Reporter {
    output: Arc<Output>,
    /// Failures that several items have in common are printed once.
    shared: RepeatedFailures,
    exits: Mutex<Exits>,
    /// The local check, for the findings of a file that an earlier run has refused.
    check: Option<Arc<LocalCheck>>,
    /// What a signal has interrupted.
    unfinished: Mutex<Unfinished>,
    /// Names of the items that are sent, for their transfers in the log.
    names: Mutex<HashMap<ItemId, String>>,
    /// The members of each JSON result; all of them if it is empty.
    fields: Vec<&'static str>,
    /// Takes the JSON of the last result, which is not printed then.
    collected: Option<Arc<Mutex<Option<Value>>>>,
}

#[derive(Debug, Default)]
struct Exits {
    first: Vec<Exit>,
    has_failed: bool,
}

impl Reporter {
    /// Prints results, with these members if they are JSON. `check` finds out again why a file was
    /// refused before.
    pub(crate) fn new(
        output: &Arc<Output>,
        check: Option<Arc<LocalCheck>>,
        fields: Vec<&'static str>,
    ) -> Arc<Self> {
        Arc::new(Self::with(output, check, fields, None))
    }

    fn with(
        output: &Arc<Output>,
        check: Option<Arc<LocalCheck>>,
        fields: Vec<&'static str>,
        collected: Option<Arc<Mutex<Option<Value>>>>,
    ) -> Self {
        Self {
            output: Arc::clone(output),
            shared: RepeatedFailures::default(),
            exits: Mutex::default(),
            check,
            unfinished: Mutex::default(),
            names: Mutex::default(),
            fields,
            collected,
        }
    }

    /// Collects the result of the only item instead of printing it.
    pub(crate) fn collecting(output: &Arc<Output>, into: Arc<Mutex<Option<Value>>>) -> Arc<Self> {
        Arc::new(Self::with(output, None, Vec::new(), Some(into)))
    }

    fn json(&self, line: Value) {
        match &self.collected {
            Some(into) => *into.lock().unwrap_or_else(PoisonError::into_inner) = Some(line),
            None if self.fields.is_empty() => self.output.json(&line),
            None => {
                let member = |name: &&str| ((*name).to_owned(), line[*name].clone());
                let line: serde_json::Map<String, Value> = self.fields.iter().map(member).collect();
                self.output.json(&Value::Object(line));
            }
        }
    }

    fn exits(&self) -> MutexGuard<'_, Exits> {
        self.exits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, exit: Exit) {
        let mut exits = self.exits();
        exits.has_failed |= exit != Exit::Ok;
        if exits.first.len() < MAX_EXITS {
            exits.first.push(exit);
        }
    }

    /// The exit code by the results of the items.
    pub(crate) fn exit(&self) -> Exit {
        let exits = self.exits();
        match exits.first[..] {
            [only] => only,
            _ if exits.has_failed => Exit::SomeFailed,
            _ => Exit::Ok,
        }
    }

    /// Takes an event of the run.
    pub(crate) fn event(&self, record: &Record) {
        match &record.event {
            Event::ItemUnreadable { name, error } => {
                let failure = failure_of(name, error, None);
                self.count(failure.exit());
                let line = json!({
                    "input": name,
                    "ok": false,
                    "exit_code": failure.exit().code(),
                    "index_id": null,
                    "stage": null,
                    "error": failure.to_json(),
                });
                let nothing = details(&tl_client::Ingested::default());
                self.json(merge(line, nothing));
                self.shared.report(&self.output, &failure);
            }
            Event::ItemStalled(item) => {
                let name = plain_line(&item.name);
                let text = format!("{name} takes much longer than other videos");
                self.output.note(&text);
            }
            Event::IndexFull { index_id } => {
                let index = plain_line(index_id);
                let text = format!("index {index} is full: none of its videos is sent");
                self.output.note(&text);
            }
            Event::Limit { dimension, until } => {
                let until = until.map_or_else(String::new, |until| {
                    format!(" until {}", until.strftime("%Y-%m-%d %H:%M UTC"))
                });
                let limit = dimension.label();
                let text = format!("the limit of {limit} is reached: waiting{until}");
                self.output.note(&text);
            }
            Event::ItemHeld { item, reason, .. } if reason == "retry" => {
                self.output
                    .detail(&format!("{}: is tried again later", plain_line(&item.name)));
            }
            Event::ItemUploading(item) => {
                let name = plain_line(&item.name);
                self.output.detail(&format!("{name}: uploading"));
                if self.output.is_verbose() {
                    self.names().insert(item.item, name);
                }
            }
            Event::Transfer { item, sent, total } if sent == total => {
                if let Some(name) = self.names().remove(item) {
                    let (done, all) = (units::format_bytes(*sent), units::format_bytes(*total));
                    self.output
                        .detail(&format!("{name}: sent {done} of {all} (100 %)"));
                }
            }
            Event::ItemProcessing(item) => {
                let text = format!(
                    "{}: created asset {}",
                    plain_line(&item.name),
                    plain_line(item.asset_id.as_deref().unwrap_or_default())
                );
                self.output.detail(&text);
            }
            Event::ItemReady(item) => {
                self.output
                    .detail(&format!("{}: ready", plain_line(&item.name)));
            }
            Event::ItemIndexing(item) => {
                self.output
                    .detail(&format!("{}: indexing", plain_line(&item.name)));
            }
            _ => {}
        }
    }

    /// Takes the result of an item.
    pub(crate) fn item(&self, result: &ItemResult) {
        let name = &result.item.name;
        let index = Some(&result.item.index_id).filter(|id| !id.is_empty());
        if let Some(ending) = result.unfinished {
            return self.unfinished(name, index, result, ending);
        }
        match &result.error {
            Some(error) => {
                let report = result
                    .report
                    .clone()
                    .or_else(|| self.refused_before(result));
                let report = report.or_else(|| {
                    let report = result.ingested.report.clone()?;
                    (!report.findings.is_empty()).then_some(report)
                });
                let failure = failure_of(name, error, report);
                self.count(failure.exit());
                let line = json!({
                    "input": name,
                    "ok": false,
                    "exit_code": failure.exit().code(),
                    "index_id": index,
                    "stage": stage(result),
                    "skipped": result.skipped.map(State::name),
                    "error": failure.to_json(),
                });
                self.json(merge(line, row_details(result)));
                self.shared.report(&self.output, &failure);
            }
            None => {
                self.count(Exit::Ok);
                self.succeeded(name, index, result);
            }
        }
    }

    /// The findings of a file that an earlier run has refused, if the rules still refuse it.
    fn refused_before(&self, result: &ItemResult) -> Option<tl_validate::Report> {
        let check = self.check.as_ref()?;
        let path = Path::new(&result.item.name);
        (result.skipped == Some(State::Refused) && path.is_file())
            .then(|| check.check_video(path).checked.report)
            .filter(tl_validate::Report::is_refused)
    }

    /// An item that the run has not ended.
    fn unfinished(&self, name: &str, index: Option<&String>, result: &ItemResult, ending: Ending) {
        let Some(exit) = exit_of(ending) else {
            // A budget: what is left was not meant to be sent.
            return;
        };
        let failure = match ending {
            Ending::Stopped => {
                let state = state_of(&result.item);
                let failure = interrupted_item(name, &state, true).0;
                let mut unfinished = self.interrupted();
                unfinished.add(name, state);
                failure
            }
            Ending::IndexFull => Failure::new(
                exit,
                "index_full",
                match index {
                    Some(index) => format!(
                        "`{}` was not sent: index {} is full",
                        plain_line(name),
                        plain_line(index)
                    ),
                    None => format!("`{}` was not sent: the index is full", plain_line(name)),
                },
            )
            .with_file(name)
            .hint("delete videos, or use another index; the run continues where it ended"),
            _ => not_tried(exit),
        };
        self.count(exit);
        let line = json!({
            "input": name,
            "ok": false,
            "exit_code": failure.exit().code(),
            "index_id": index,
            "stage": stage(result),
            "error": failure.to_json(),
        });
        self.json(merge(line, row_details(result)));
        if ending != Ending::Stopped {
            self.shared.report(&self.output, &failure);
        }
    }

    fn interrupted(&self) -> MutexGuard<'_, Unfinished> {
        let unfinished = self.unfinished.lock();
        unfinished.unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> MutexGuard<'_, HashMap<ItemId, String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn succeeded(&self, name: &str, index: Option<&String>, result: &ItemResult) {
        let is_ready = result.is_ready;
        let head = json!({
            "input": name,
            "ok": true,
            "exit_code": 0,
            "index_id": index,
            "status": is_ready.then_some("ready"),
            "skipped": result.skipped.map(State::name),
            "duplicate": result.is_duplicate,
            "report": result.ingested.report,
        });
        self.json(merge(head, row_details(result)));
        if self.collected.is_some() {
            return;
        }
        let id = |id: &Option<String>| plain_line(id.as_deref().unwrap_or_default());
        let (video, asset) = (id(&result.item.video_id), id(&result.item.asset_id));
        let made = if index.is_some() { &video } else { &asset };
        if self.output.is_quiet() {
            self.output.line(made);
            return;
        }
        let shown = plain_line(name);
        let time = |stage| units::format_duration(result.ingested.time(stage).unwrap_or_default());
        let uploaded = match result.ingested.time(Stage::Upload) {
            Some(time) => format!("uploaded in {}", units::format_duration(time)),
            None => "uploaded before".to_owned(),
        };
        let was = match result.skipped {
            Some(State::Done) => "was done before",
            _ => "was sent before",
        };
        let text = if result.is_duplicate {
            format!("same      {shown}  has the bytes of another file; not sent")
        } else if result.skipped.is_some() {
            format!("skipped   {shown}  {was}: {made} (--force sends it again)")
        } else if is_ready {
            let stage = if index.is_some() {
                Stage::Indexing
            } else {
                Stage::Processing
            };
            format!(
                "{GOOD}ready{GOOD:#}    {shown}  video {video}  asset {asset}  ({uploaded}, ready after {})",
                time(stage)
            )
        } else {
            format!("{GOOD}created{GOOD:#}  {shown}  video {video}  asset {asset}  ({uploaded})")
        };
        self.output.line(&text);
        if result.ingested.reconciled {
            let text = format!("a response was lost; its request had created asset {asset}");
            self.output.note(&text);
        }
        if let (false, None, false, Some(index)) =
            (is_ready, result.skipped, result.is_duplicate, index)
        {
            let command = wait_hint::video_command(&video.as_str().into(), &index.as_str().into());
            self.output.note(&format!(
                "next: run `{command}` to wait until it is indexed"
            ));
        }
    }

    /// Prints the summary of a run.
    pub(crate) fn finish(&self, summary: &RunSummary) {
        self.shared.finish(&self.output);
        let totals = &summary.totals;
        let total = totals.items + totals.unreadable;
        let inputs = usize::try_from(total).unwrap_or(usize::MAX);
        let interrupted = self.interrupted().failure(inputs);
        if let Some(failure) = &interrupted {
            self.output.failure_text(failure);
        }
        // One input has one result, which says everything.
        if total > 1 || (summary.ending != Ending::Complete && self.exits().first.is_empty()) {
            self.output.note(&sentence(summary));
        }
    }
}

/// The summary in words.
fn sentence(summary: &RunSummary) -> String {
    let totals = &summary.totals;
    let mut parts = Vec::new();
    let mut part = |count: u64, what: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    part(totals.ready, "ready");
    part(totals.skipped, "done before or duplicate");
    part(totals.refused, "refused");
    part(totals.failed, "failed");
    part(totals.skipped_failed, "failed before (see --retry)");
    part(totals.unreadable, "not readable");
    part(totals.left(), "left");
    let count = usize::try_from(totals.items + totals.unreadable).unwrap_or(usize::MAX);
    let mut text = format!(
        "{}: {}",
        pluralize(count, "video", "videos"),
        if parts.is_empty() {
            "nothing to do".to_owned()
        } else {
            parts.join(", ")
        }
    );
    let elapsed = std::time::Duration::from_millis(totals.elapsed_ms);
    text.push_str(&format!(
        "; sent {} in {}",
        units::format_bytes(totals.sent_bytes),
        units::format_duration(elapsed)
    ));
    let why = match summary.ending {
        Ending::Complete => None,
        Ending::Stopped => Some("stopped by a signal"),
        Ending::Budget { budget } => Some(match budget {
            Budget::Items => "the budget of items is used up",
            Budget::Minutes => "the budget of minutes is used up",
            Budget::Bytes => "the budget of bytes is used up",
            _ => "the budget of time is used up",
        }),
        // The error says it.
        Ending::OverBudget { .. } => None,
        Ending::Limit { .. } => Some("a limit of the account is reached"),
        // Named below.
        Ending::IndexFull => None,
        Ending::KeyRefused => Some("the platform rejected the API key"),
        Ending::Errors => Some("too many videos failed"),
        Ending::DeadlinePassed => Some("the deadline has passed; the platform continues"),
        _ => Some("it ended early"),
    };
    match &summary.full_indexes[..] {
        [] => {}
        [one] => text.push_str(&format!("; index {} is full", plain_line(one))),
        full => text.push_str(&format!("; full: indexes {}", plain_line(&full.join(", ")))),
    }
    if let Some(why) = why {
        text.push_str(&format!("; {why}: run the command again to continue"));
    }
    text
}

/// JSON members of an item, from what this run knows and from its row.
fn row_details(result: &ItemResult) -> Value {
    let mut value = details(&result.ingested);
    let item = &result.item;
    let rows = [
        ("upload_id", &item.upload_id),
        ("asset_id", &item.asset_id),
        ("indexed_asset_id", &item.indexed_id),
        ("video_id", &item.video_id),
        ("route", &item.route),
    ];
    for (name, row) in rows {
        if value[name].is_null()
            && let Some(row) = row
        {
            value[name] = json!(row);
        }
    }
    value
}

/// The state of an item that has not ended.
fn state_of(item: &Item) -> ItemState {
    let asset = item.asset_id.as_deref().map(Into::into);
    match (item.state, &item.upload_id) {
        (State::Found | State::Ready, _) => ItemState::NotStarted,
        (State::Sending, Some(session)) => ItemState::Uploading(Some(session.as_str().into())),
        (State::Sending, None) => ItemState::Sending,
        _ => ItemState::Processing(asset),
    }
}

/// The stage that failed.
fn stage(result: &ItemResult) -> Option<&'static str> {
    if result.item.indexed_id.is_some() {
        return Some(Stage::Indexing.as_str());
    }
    if result.item.asset_id.is_some() {
        return Some(Stage::Processing.as_str());
    }
    result
        .item
        .nonce
        .is_some()
        .then_some(Stage::Upload.as_str())
}

/// The failure of an item.
fn failure_of(name: &str, error: &ItemFailure, report: Option<tl_validate::Report>) -> Failure {
    let (exit, kind) = match (error_kind(&error.kind), error.kind.as_str()) {
        (Some((kind, word)), _) => (Exit::of_api(kind), word),
        (None, "share_page") => (Exit::RefusedLocally, "share_page"),
        (None, "url_expired") => (Exit::RefusedLocally, "url_expired"),
        (None, "limit") => (Exit::Limit, "limit"),
        (None, "metadata") => (Exit::Usage, "metadata"),
        (None, "manifest") => (Exit::Usage, "manifest"),
        (None, _) => (Exit::Usage, "usage"),
    };
    let shown = plain_line(name);
    let message = match kind {
        "refused_locally" => format!("`{shown}` was not sent: local check failed"),
        "share_page" | "url_expired" => error.text.clone(),
        _ if error.text.contains(&format!("`{name}`")) => error.text.clone(),
        _ => format!("`{shown}`: {}", error.text),
    };
    let failure = Failure::new(exit, kind, message)
        .with_file(name)
        .with_code(error.code.clone())
        .with_report(report);
    if let Some(hint) = &error.hint {
        return failure.hint(hint);
    }
    match exit {
        Exit::RefusedLocally if kind == "refused_locally" => failure
            .hint("correct the file; if the account has other limits, pass them with --rules FILE"),
        Exit::DeadlinePassed => failure.hint("run the command again to resume waiting"),
        _ if exit.is_retryable() => failure.hint("run the command again to resume"),
        Exit::Refused => {
            failure.hint("`tl ledger show` shows its requests; --retry failed tries it again")
        }
        _ => failure.hint("correct the input, then run the command again"),
    }
}
