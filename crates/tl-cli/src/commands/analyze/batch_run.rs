//! `tl analyze --batch`: analyses of many assets, in batches that the platform accepts.
//!
//! The ids of the batches are in a file beside the results. Another run with the same manifest and
//! settings continues there and creates no batch twice. If a run ended while a batch was created,
//! the next one looks the batch up by the ids of its items.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tl_client::Client;
use tl_client::analysis::batch::{BatchRun, BatchState, Row};
use tl_model::{AnalyzeBatchId, AnalyzeBatchResult, AnalyzeRequest};
use tl_protocol::ErrorKind;
use tl_protocol::endpoint::{
    CreateAnalyzeBatch, GetAnalyzeBatch, GetAnalyzeBatchResults, ListAnalyzeBatches,
};
use tl_protocol::flow::Watched as _;
use tl_protocol::pegasus::MAX_ACTIVE_BATCHES;

use super::Question;
use super::cost::Cost;
use super::video::Video;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;
use crate::ui::output::Output;

/// A line of the manifest.
#[derive(Debug, serde::Deserialize)]
struct Line {
    asset: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
}

pub(super) fn run(
    context: &Context,
    manifest: &Path,
    out: &Path,
    request: &AnalyzeRequest,
    command: &Question,
) -> Result<Exit, Failure> {
    let rows = read(manifest)?;
    let run = BatchRun::new(request, rows).map_err(|fault| {
        Failure::new(
            Exit::RefusedLocally,
            "refused_locally",
            format!("the batch is not allowed: {fault}"),
        )
        .hint("correct the manifest or the option; nothing was sent")
    })?;
    let output = Arc::clone(&context.output);
    let (items, batches) = (run.rows().len(), run.batches());
    if command.dry_run {
        output.json(&json!({"dry_run": true, "items": items, "batches": batches}));
        output.line(&format!(
            "would analyze {} in {}",
            pluralize(items, "asset", "assets"),
            pluralize(batches, "batch", "batches")
        ));
        output.line("nothing was sent");
        return Ok(Exit::Ok);
    }
    let mut work = Work {
        state: load(out, &run)?,
        file: state_file(out),
        run,
        output: Arc::clone(&output),
        interval: command.wait.policy().first_interval,
        deadline: Instant::now() + command.wait.policy().deadline,
    };
    let results = context.call(async |client| {
        if let Some(budget) = command.budget {
            let mut seconds = 0.0;
            for row in work.run.rows() {
                let video = Video::Asset(row.asset.clone());
                let duration = video.asset_duration(client).await?;
                let Some(cost) = Cost::of(request, duration).seconds() else {
                    return Err(Failure::new(
                        Exit::RefusedLocally,
                        "over_budget",
                        format!("the duration of asset {} is not known", row.asset),
                    ));
                };
                seconds += cost;
            }
            let all = Cost {
                window: Some(seconds),
                definitions: 1,
            };
            all.check(Some(budget))?;
        }
        work.finish(client).await
    })?;
    let failed = write(out, &work.run, &results)?;
    output.json(&json!({"items": items, "failed": failed, "out": out.display().to_string()}));
    output.line(&format!(
        "{} of {} are in {}",
        items - failed,
        pluralize(items, "answer", "answers"),
        out.display()
    ));
    // The results are complete: the ids are not needed any more.
    _ = std::fs::remove_file(&work.file);
    Ok(if failed == 0 {
        Exit::Ok
    } else {
        Exit::SomeFailed
    })
}

fn read(manifest: &Path) -> Result<Vec<Row>, Failure> {
    let invalid = |error: &dyn std::error::Error| {
        Failure::usage(format!("invalid manifest `{}`", manifest.display()))
            .with_source(&error.to_string().as_str().into_error())
            .hint("pass a CSV file with the columns `asset`, and optionally `id` and `prompt`")
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(manifest)
        .map_err(|error| invalid(&error))?;
    let mut rows = Vec::new();
    for line in reader.deserialize() {
        let Line { asset, id, prompt } = line.map_err(|error| invalid(&error))?;
        let mut row = Row::new(asset.as_str());
        row.id = id.filter(|id| !id.is_empty());
        row.prompt = prompt.filter(|prompt| !prompt.is_empty());
        rows.push(row);
    }
    Ok(rows)
}

/// A text as an error.
trait IntoError {
    fn into_error(self) -> std::io::Error;
}

impl IntoError for &str {
    fn into_error(self) -> std::io::Error {
        std::io::Error::other(self.to_owned())
    }
}

fn state_file(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".batches.json");
    out.with_file_name(name)
}

/// Reads the state of an earlier run.
fn load(out: &Path, run: &BatchRun) -> Result<BatchState, Failure> {
    let file = state_file(out);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(run.start()),
        Err(error) => {
            return Err(
                Failure::usage(format!("failed to read `{}`", file.display())).with_source(&error),
            );
        }
    };
    let state: Option<BatchState> = serde_json::from_str(&text).ok();
    state.filter(|state| run.is_own(state)).ok_or_else(|| {
        Failure::usage(format!(
            "`{}` belongs to another manifest or other settings",
            file.display()
        ))
        .hint("pass another --out, or delete the file; its batches keep running")
    })
}

/// Whether a batch was created.
enum Created {
    Yes,
    /// Other batches have to end first.
    TooManyActive,
    TooManyRequests,
}

struct Work {
    run: BatchRun,
    state: BatchState,
    file: PathBuf,
    output: Arc<Output>,
    interval: Duration,
    deadline: Instant,
}

impl Work {
    /// Creates the batches that do not exist yet, waits for all of them, and collects the results by
    /// the ids of the items.
    async fn finish(
        &mut self,
        client: &Client,
    ) -> Result<BTreeMap<String, AnalyzeBatchResult>, Failure> {
        let mut results = BTreeMap::new();
        let mut is_told = false;
        self.look_up(client).await?;
        loop {
            let active: Vec<AnalyzeBatchId> = self.state.active().cloned().collect();
            for id in &active {
                let batch = client.call(GetAnalyzeBatch::new(id.clone())).await?;
                if !matches!(
                    GetAnalyzeBatch::progress(&batch),
                    tl_protocol::flow::Progress::Working
                ) {
                    let ended = batch
                        .status
                        .map_or_else(String::new, |status| status.to_string());
                    self.output.note(&format!("batch {id} is {ended}"));
                    self.state.end(id);
                    self.save()?;
                }
            }
            while self.state.active().count() < MAX_ACTIVE_BATCHES
                && let Some(number) = self.state.next()
            {
                let why = match self.create(client, number).await? {
                    Created::Yes => {
                        is_told = false;
                        continue;
                    }
                    Created::TooManyActive => format!(
                        "the account has {MAX_ACTIVE_BATCHES} active batches already: the next one is created when one ends"
                    ),
                    Created::TooManyRequests => {
                        "the platform limits the requests: the next batch is created later"
                            .to_owned()
                    }
                };
                if !std::mem::replace(&mut is_told, true) {
                    self.output.note(&why);
                }
                break;
            }
            if self.state.is_done() {
                break;
            }
            if Instant::now() + self.interval > self.deadline {
                return Err(Failure::new(
                    Exit::DeadlinePassed,
                    "deadline_passed",
                    "the batches have not ended in time",
                )
                .hint("run the same command again to continue; nothing is analyzed twice"));
            }
            tokio::time::sleep(self.interval).await;
            self.interval = (self.interval * 3 / 2).min(Duration::from_secs(30));
        }
        for id in self.state.all() {
            let mut stream = client.stream(&GetAnalyzeBatchResults::new(id.clone()));
            while let Some(result) = stream.next().await {
                let result = result?;
                if let Some(item) = result.custom_id.clone() {
                    results.insert(item, result);
                }
            }
        }
        Ok(results)
    }

    /// Creates one batch. The intention is saved first.
    async fn create(&mut self, client: &Client, number: usize) -> Result<Created, Failure> {
        self.state.intend(number);
        self.save()?;
        let created = client
            .call(CreateAnalyzeBatch::new(self.run.batch(number)))
            .await;
        match created {
            Ok(created) => {
                self.output
                    .note(&format!("created batch {}", created.batch_id));
                self.state.created(number, created.batch_id);
                self.save()?;
                Ok(Created::Yes)
            }
            Err(error) => {
                // Otherwise the next run looks the batch up.
                if error.kind() != ErrorKind::OutcomeUnknown {
                    self.state.refused(number);
                    self.save()?;
                }
                let is_active = error.api().is_some_and(|error| error.limits_active());
                match error.kind() {
                    ErrorKind::RateLimited if is_active => Ok(Created::TooManyActive),
                    ErrorKind::RateLimited => Ok(Created::TooManyRequests),
                    _ => Err(error.into()),
                }
            }
        }
    }

    /// Finds the batch whose creation was under way when an earlier run ended.
    async fn look_up(&mut self, client: &Client) -> Result<(), Failure> {
        let Some(number) = self.state.in_doubt() else {
            return Ok(());
        };
        let wanted = self.run.item_id(self.run.first_row(number));
        let mut page = 1;
        loop {
            let mut list = ListAnalyzeBatches::default();
            list.page.page = Some(page);
            list.page.page_limit = Some(50);
            let listed = client.call(list).await?;
            let is_last = listed.data.len() < 50;
            for batch in listed.data {
                if batch.total_items != Some(self.run.batch(number).requests.len() as u64) {
                    continue;
                }
                let results = client
                    .call(GetAnalyzeBatchResults::new(batch.batch_id.clone()))
                    .await?;
                if results
                    .iter()
                    .any(|result| result.custom_id.as_deref() == Some(wanted.as_str()))
                {
                    self.output
                        .note(&format!("found batch {} of an earlier run", batch.batch_id));
                    self.state.created(number, batch.batch_id);
                    return self.save();
                }
            }
            if is_last {
                break;
            }
            page += 1;
        }
        self.state.refused(number);
        self.save()
    }

    /// Writes the state atomically.
    fn save(&self) -> Result<(), Failure> {
        let text = serde_json::to_string(&self.state).unwrap_or_default();
        write_atomically(&self.file, &text)
    }
}

fn write_atomically(path: &Path, text: &str) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        Failure::new(
            Exit::Usage,
            "output",
            format!("failed to write `{}`", path.display()),
        )
        .with_source(&error)
        .hint("pass --out in a directory that exists and can be written")
    })
}

/// Writes the results in the order of the manifest. Returns how many items have no answer.
fn write(
    out: &Path,
    run: &BatchRun,
    results: &BTreeMap<String, AnalyzeBatchResult>,
) -> Result<usize, Failure> {
    let mut text = String::new();
    let mut failed = 0;
    for (number, row) in run.rows().iter().enumerate() {
        let result = results.get(&run.item_id(number));
        let data = result.and_then(|result| result.data.as_ref());
        let is_whole =
            data.is_some_and(|data| data.finish_reason != Some(tl_model::FinishReason::Length));
        failed += usize::from(!is_whole);
        let line = json!({
            "id": row.id,
            "asset": row.asset,
            "task_id": result.map(|result| result.task_id.clone()),
            "status": result.and_then(|result| result.status.clone()),
            "data": data.and_then(|data| data.data.clone()),
            "finish_reason": data.and_then(|data| data.finish_reason.clone()),
            "usage": data.and_then(|data| data.usage.clone()),
            "error": result.and_then(|result| result.error.clone()),
        });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    write_atomically(out, &text)?;
    Ok(failed)
}
