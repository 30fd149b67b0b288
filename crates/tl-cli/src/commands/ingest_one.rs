//! `tl ingest-one`: one video for an engine that calls it: JSON in, one line of JSON out.
//!
//! It is idempotent: called again for the same video, it continues or returns the result. With a
//! ledger, it reads the state there. Without one, it looks the video up on the platform by its
//! idempotency key.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tl_bulk::Again;
use tl_bulk::event::ItemFailure;
use tl_bulk::source::Entry;
use tl_ledger::Ledger;

use crate::args::index_ref::IndexRef;
use crate::args::run::{Prepared, RunArgs};
use crate::args::wait::WaitArgs;
use crate::bulk::report::Reporter;
use crate::bulk::run::{Input, exit_of, run};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime::{self, interrupt};

/// A larger input is no description of one video.
const MAX_INPUT: u64 = 1 << 20;

/// How often a temporary error is repeated before the engine is asked to.
const MAX_CLAIMS: u64 = 4;

/// Ingest one video: JSON in, one line of JSON out.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Input: a file, a URL, or `-` for a JSON object on standard input:
  {\"uri\": \"clips/a.mp4\", \"index\": \"films\", \"title\": \"A\", \"metadata\": {\"camera\": \"left\"},
   \"idempotency_key\": \"job-17\"}
Only `uri` is required. Options of the command line are the defaults.

Exit codes for the caller: 0 ready; 2, 3, 4 and 7 do not retry; 5, 6, 8, 130 and 143 retry later,
the same call continues.")]
pub(crate) struct IngestOne {
    /// File, URL, or `-` for a JSON object on standard input
    #[arg(value_name = "URI|-", default_value = "-")]
    input: String,
    /// Add the video to this index
    #[arg(long, value_name = "ID|NAME")]
    index: Option<IndexRef>,
    /// Identify the video, without a ledger [default: its content and index]
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Return as soon as the platform has accepted the video
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    wait_args: WaitArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// The description of a video.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    uri: String,
    index: Option<String>,
    title: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
    idempotency_key: Option<String>,
}

impl IngestOne {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let result = self.ingest(context);
        if let Err(failure) = &result {
            // The line is the result, whatever the output format is.
            print(
                context,
                &json!({
                    "input": self.input,
                    "ok": false,
                    "exit_code": failure.exit().code(),
                    "error": failure.to_json(),
                }),
            );
            context.output.failure_text(failure);
            return Ok(failure.exit());
        }
        result
    }

    fn ingest(&self, context: &Context) -> Result<Exit, Failure> {
        let job = self.job()?;
        let index = match job.index.as_deref().map(IndexRef::from) {
            Some(index) => index,
            None => self.index.clone().ok_or_else(|| {
                Failure::usage("the video has no index")
                    .hint("pass --index, or the member `index` of the JSON object")
            })?,
        };
        let mut prepared = self.run.prepare(context, 1, false)?;
        prepared.wait(!self.no_wait, &self.wait_args);
        let address = self.run.ledger.is_set().then(|| self.run.ledger.address());
        let address = address.transpose()?;
        let ledger = match &address {
            Some(address) => Some(address.open_when_up(&context.output)?),
            None => None,
        };
        if let Some(address) = &address {
            prepared.keep_probes_in(address);
        }
        let Prepared {
            client,
            mut settings,
            ..
        } = prepared;
        settings.again = Again::default().failed();
        settings.max_claims = MAX_CLAIMS;
        settings.report_unfinished = true;
        // Without a ledger, it lives as long as this process.
        let temporary = tempfile::tempdir().map_err(|error| {
            Failure::new(
                Exit::Temporary,
                "system",
                "failed to create a temporary directory",
            )
            .with_source(&error)
        })?;
        let ledger = if let Some(ledger) = ledger {
            ledger
        } else {
            let key = job
                .idempotency_key
                .clone()
                .or_else(|| self.idempotency_key.clone());
            settings.idempotency_key = Some(key.unwrap_or_default());
            Ledger::open(temporary.path().join("ledger.sqlite3"))?
        };
        let entry = entry(&job);
        let lines = Arc::new(Mutex::new(None));
        let reporter = Reporter::collecting(&context.output, Arc::clone(&lines));
        let outputs = self.run.outputs.open(&context.output)?;
        runtime::block_on(async {
            let stop = interrupt::stop_on_signal().await;
            settings.index = Some(index.get(&client).await?);
            let input = Input::Entries(Box::new(std::iter::once(Ok(entry))));
            let summary = run(&client, ledger, settings, input, &reporter, &outputs, &stop).await?;
            outputs.finish()?;
            let line = lines.lock().unwrap_or_else(PoisonError::into_inner).take();
            let exit = exit_of(summary.ending).unwrap_or_else(|| reporter.exit());
            let mut line = line.unwrap_or_else(|| {
                let failure = ItemFailure::new("not_finished", "the video is not finished");
                json!({"input": job.uri, "ok": false, "error": failure})
            });
            line["exit_code"] = exit.code().into();
            print(context, &line);
            Ok(exit)
        })
    }

    fn job(&self) -> Result<Job, Failure> {
        if self.input != "-" {
            return Ok(Job {
                uri: self.input.clone(),
                ..Job::default()
            });
        }
        let mut text = String::new();
        let read = std::io::stdin().take(MAX_INPUT).read_to_string(&mut text);
        let wrong = |error: &(dyn std::error::Error + 'static)| {
            Failure::usage("the input is not a JSON object of one video")
                .with_source(error)
                .hint("pass {\"uri\": \"FILE|URL\"}; `tl help ingest-one` shows all members")
        };
        read.map_err(|error| wrong(&error))?;
        serde_json::from_str(&text).map_err(|error| wrong(&error))
    }
}

fn entry(job: &Job) -> Entry {
    let is_link = ["http://", "https://"]
        .iter()
        .any(|scheme| job.uri.starts_with(scheme));
    let path = job.uri.strip_prefix("file://").unwrap_or(&job.uri);
    let entry = match is_link {
        true => Entry::url(job.uri.clone()),
        false => Entry::file(PathBuf::from(path)),
    };
    let entry = entry.with_metadata(job.metadata.clone());
    match &job.title {
        Some(title) => entry.with_title(title.clone()),
        None => entry,
    }
}

/// Prints the result.
fn print(context: &Context, line: &Value) {
    context.output.text(&line.to_string());
}
