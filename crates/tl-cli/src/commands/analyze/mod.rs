//! `tl analyze`: asks about a video; extracts data and segments; runs and manages tasks and batches.

mod answer;
mod batch;
mod batch_run;
mod cancellation;
mod cost;
mod images;
mod run;
mod segments;
mod task;
pub(super) mod video;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use tl_model::{
    AnalyzeMode, AnalyzeModel, AnalyzeRequest, MaxTokens, ResponseFormat, SegmentDefinition,
};

use crate::args::cache::CacheArgs;
use crate::args::rules::RulesArgs;
use crate::args::upload::UploadArgs;
use crate::args::wait::WaitArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units;

/// `tl analyze`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
A file is checked and uploaded as an asset first. The answer is streamed to a terminal; to a pipe \
only a complete answer is written. What was received of an incomplete answer is saved to a file \
that the error names.

The manifest of a batch is a CSV file with the columns `asset` and optionally `id` and `prompt`.

Pass a file named `task` or `batch` by its path: tl analyze ./task"
)]
pub(crate) struct Analyze {
    #[command(subcommand)]
    command: Option<AnalyzeCommand>,
    #[command(flatten)]
    question: Question,
}

/// Subcommands of `tl analyze`.
#[derive(Debug, Subcommand)]
enum AnalyzeCommand {
    /// Manage analysis tasks
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Manage batches of analyses
    #[command(subcommand)]
    Batch(batch::BatchCommand),
}

/// Arguments of an analysis.
#[derive(Debug, Args)]
struct Question {
    /// A video file, an https URL or an asset id
    #[arg(value_name = "FILE|URL|ASSET", required_unless_present_any = ["batch", "continued", "images"])]
    video: Option<OsString>,
    /// The question or instructions
    #[arg(value_name = "PROMPT")]
    prompt: Option<String>,
    #[command(flatten)]
    options: AnswerOptions,
    #[command(flatten)]
    output: segments::SegmentOutput,
    /// Run as a task and wait for it; needed above one hour
    #[arg(long)]
    task: bool,
    /// Ask about this image, which prompts call <@NAME>, instead of a video. Repeatable
    #[arg(
        long = "image",
        value_name = "[NAME=]FILE|URL|ASSET",
        conflicts_with_all = ["batch", "continued", "segments", "start", "end", "budget"]
    )]
    images: Vec<String>,
    /// Continue with this task of an earlier run
    #[arg(long = "continue", value_name = "TASK", conflicts_with_all = ["video", "prompt", "batch", "task", "dry_run"])]
    continued: Option<String>,
    /// Analyze the assets of this CSV manifest in batches
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with = "task")]
    batch: Option<PathBuf>,
    /// Write the results of the batch to this JSONL file
    #[arg(long, value_name = "FILE", requires = "batch")]
    out: Option<PathBuf>,
    /// Refuse to analyze more video than this, e.g. 30m
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    budget: Option<Duration>,
    /// Show what would be analyzed, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the answer while it arrives, also to a pipe
    #[arg(long, conflicts_with_all = ["task", "batch"])]
    stream: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    upload: UploadArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

/// What the answer is like.
#[derive(Debug, Args)]
#[command(next_help_heading = "Answer")]
struct AnswerOptions {
    /// Answer with JSON that conforms to this schema
    #[arg(long, value_name = "FILE", conflicts_with = "segments")]
    schema: Option<PathBuf>,
    /// Extract segments by the definitions in this JSON file
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    segments: Option<PathBuf>,
    /// Use this model [default: pegasus1.5, or pegasus1.6 for images]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Start at this second of the video
    #[arg(long, value_name = "SECONDS")]
    start: Option<f64>,
    /// End at this second of the video
    #[arg(long, value_name = "SECONDS")]
    end: Option<f64>,
    /// Set the maximum length of the answer
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
    /// Set the randomness from 0 to 1 [default: 0.2]
    #[arg(long, value_name = "N")]
    temperature: Option<f64>,
}

impl Analyze {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.command {
            Some(AnalyzeCommand::Task(command)) => command.run(context),
            Some(AnalyzeCommand::Batch(command)) => command.run(context),
            None => self.question.run(context),
        }
    }
}

impl Question {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        if let Some(task) = &self.continued {
            return run::resume(context, task, &self.wait.policy(), &self.output);
        }
        if self.output.is_set() && self.options.segments.is_none() {
            return Err(
                Failure::usage("--format is for segments, and none are asked for")
                    .hint("pass --segments FILE, or --continue TASK of such a task"),
            );
        }
        // A batch and images have no video on the command line: the first argument is the prompt.
        let has_video = self.batch.is_none() && self.images.is_empty();
        if !self.images.is_empty() && self.prompt.is_some() {
            return Err(
                Failure::usage("a video and images cannot be analyzed together")
                    .hint("pass a video, or --image and a prompt"),
            );
        }
        let first = self.video.as_ref().filter(|_| !has_video);
        let prompt = first
            .and_then(|text| text.to_str())
            .or(self.prompt.as_deref());
        let mut request = self.options.request(prompt)?;
        if !self.images.is_empty() {
            if self.options.model.is_none() {
                request.model_name = Some(AnalyzeModel::Pegasus1_6);
            }
            return images::run(context, request, &self);
        }
        if let Some(manifest) = &self.batch {
            // clap requires it.
            let out = self.out.clone().unwrap_or_else(|| "results.jsonl".into());
            return batch_run::run(context, manifest, &out, &request, &self);
        }
        run::run(context, request, &self)
    }
}

impl AnswerOptions {
    /// The request without its video.
    fn request(&self, prompt: Option<&str>) -> Result<AnalyzeRequest, Failure> {
        let mut request = AnalyzeRequest::default();
        request.prompt = prompt.map(str::to_owned);
        let model = self.model.as_deref().map(Into::into);
        request.model_name = Some(model.unwrap_or(tl_protocol::pegasus::DEFAULT_MODEL));
        (request.start_time, request.end_time) = (self.start, self.end);
        request.max_tokens = self.max_tokens.map(MaxTokens::Limit);
        request.temperature = self.temperature;
        if let Some(path) = &self.schema {
            let schema: tl_model::JsonSchema = read_json(path, "schema")?;
            request.response_format = Some(ResponseFormat::schema(schema));
        }
        if let Some(path) = &self.segments {
            let definitions: Vec<SegmentDefinition> = read_json(path, "segment definitions")?;
            request.analysis_mode = Some(AnalyzeMode::TimeBasedMetadata);
            request.response_format = Some(ResponseFormat::segments(definitions));
        }
        Ok(request)
    }
}

/// Reads a JSON file.
fn read_json<T: FromJson>(path: &std::path::Path, what: &str) -> Result<T, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("failed to read the {what} `{}`", path.display()))
            .with_source(&error)
    })?;
    T::from_json(&text).map_err(|error| {
        Failure::usage(format!("invalid {what} `{}`", path.display()))
            .with_source(&error)
            .hint("pass a JSON file; `tl analyze --help` names the formats")
    })
}

/// A value that is read from JSON text. A schema keeps the order of its properties.
trait FromJson: Sized {
    fn from_json(text: &str) -> Result<Self, serde_json::Error>;
}

impl FromJson for tl_model::JsonSchema {
    fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        text.parse()
    }
}

/// One definition or a list of them.
impl FromJson for Vec<SegmentDefinition> {
    fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        if text.trim_start().starts_with('[') {
            return serde_json::from_str(text);
        }
        serde_json::from_str(text).map(|definition| vec![definition])
    }
}
