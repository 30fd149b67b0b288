//! `tl embed video` and `tl embed audio`.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tl_client::Client;
use tl_model::{AnalyzeVideo, EmbeddingResult, EmbeddingSource};
use tl_protocol::embed::{EmbedRequest, EmbedRules};

use super::cost;
use super::model::{ModelArgs, build, refused};
use super::save::SaveArgs;
use crate::args::cache::CacheArgs;
use crate::args::rules::RulesArgs;
use crate::args::upload::UploadArgs;
use crate::args::wait::WaitArgs;
use crate::commands::analyze::video::Video as Input;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;
use crate::text::units;
use crate::ui::escape::plain;
use crate::ui::output::Output;
use crate::ui::progress::Progress;

/// `tl embed video`.
#[derive(Debug, Args)]
#[command(after_help = "\
A file is checked and uploaded as an asset first. The embeddings are made by a task, which the \
platform keeps for seven days; `tl embed resume` saves them if the command ends early.")]
pub(crate) struct Video {
    /// A video file, an https URL or an asset id
    #[arg(value_name = "FILE|URL|ASSET")]
    video: OsString,
    /// Cut at changes of the scene into segments of at least this many seconds: 2 to 5 [default: 4]
    #[arg(long, value_name = "SECONDS", conflicts_with = "segment")]
    dynamic: Option<u32>,
    #[command(flatten)]
    media: MediaArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

/// `tl embed audio`.
#[derive(Debug, Args)]
#[command(after_help = "\
A file is uploaded as an asset first. The embeddings are made by a task, which the platform keeps for \
seven days; `tl embed resume` saves them if the command ends early.")]
pub(crate) struct Audio {
    /// An audio or video file, an https URL or an asset id
    #[arg(value_name = "FILE|URL|ASSET")]
    audio: OsString,
    #[command(flatten)]
    media: MediaArgs,
}

/// What audio and videos have in common.
#[derive(Debug, Args)]
struct MediaArgs {
    /// Cut into segments of this many seconds: 2 to 10 [default: 6]
    #[arg(long, value_name = "SECONDS")]
    segment: Option<u32>,
    /// Embed only this: visual, audio, transcription. Repeatable [default: all]
    #[arg(long, value_name = "OPTION", value_delimiter = ',')]
    on: Vec<String>,
    /// Embed segments (clip), all of it (asset). Repeatable [default: both]
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<String>,
    /// Join what --on names to one vector per segment
    #[arg(long)]
    fused: bool,
    /// Start at this second
    #[arg(long, value_name = "SECONDS")]
    start: Option<f64>,
    /// End at this second
    #[arg(long, value_name = "SECONDS")]
    end: Option<f64>,
    /// Embed in one request instead of a task; up to 10 minutes
    #[arg(long)]
    at_once: bool,
    /// Refuse to embed more media than this, e.g. 30m
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    budget: Option<Duration>,
    /// Show what would be embedded, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    save: SaveArgs,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    upload: UploadArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Video,
    Audio,
}

impl Video {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let local = Arc::new(self.rules.local_check(&self.cache, &context.output)?);
        let checker = local.checker().clone();
        self.media.check(Kind::Video, self.dynamic)?;
        let output = &context.output;
        let input = runtime::run(
            Input::read(&self.video, Some(&local), &self.media.upload, output),
            runtime::interrupted,
        )?;
        let client = |client: Client| client.with_checker(checker);
        self.media
            .run(context, Kind::Video, self.dynamic, input, client)
    }
}

impl Audio {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.media.check(Kind::Audio, None)?;
        let output = &context.output;
        // The local check has rules for videos only.
        let input = runtime::run(
            Input::read(&self.audio, None, &self.media.upload, output),
            runtime::interrupted,
        )?;
        let client = |client: Client| client;
        self.media.run(context, Kind::Audio, None, input, client)
    }
}

impl MediaArgs {
    fn request(&self, kind: Kind, dynamic: Option<u32>, source: EmbeddingSource) -> EmbedRequest {
        let mut request = self.model.request().window(self.start, self.end);
        request = match kind {
            Kind::Video => request.video(source),
            Kind::Audio => request.audio(source),
        };
        if let Some(seconds) = self.segment {
            request = request.fixed(seconds);
        }
        if let Some(seconds) = dynamic {
            request = request.dynamic(seconds);
        }
        request = request.options(&self.on).scopes(&self.scope);
        match self.fused {
            true => request.fused(),
            false => request,
        }
    }

    /// Checks the request with any asset, before a file is uploaded.
    fn check(&self, kind: Kind, dynamic: Option<u32>) -> Result<(), Failure> {
        let any = EmbeddingSource::asset("0".repeat(24));
        build(&self.request(kind, dynamic, any), !self.at_once)?;
        self.save.check()
    }

    /// Checks the request against the duration of the media, if it is known. Without this, the
    /// platform refuses it after the upload.
    fn check_duration(
        &self,
        kind: Kind,
        dynamic: Option<u32>,
        duration: Option<f64>,
    ) -> Result<(), Failure> {
        let Some(seconds) = duration else {
            return Ok(());
        };
        let any = EmbeddingSource::asset("0".repeat(24));
        let new = build(&self.request(kind, dynamic, any), !self.at_once)?;
        EmbedRules::check_duration(&new, !self.at_once, seconds)
            .map_err(|rejection| refused(&rejection))
    }

    fn run(
        self,
        context: &Context,
        kind: Kind,
        dynamic: Option<u32>,
        input: Input,
        with_checker: impl FnOnce(Client) -> Client,
    ) -> Result<Exit, Failure> {
        let output = &context.output;
        self.check_duration(kind, dynamic, input.duration())?;
        if self.dry_run {
            let seconds = cost::window(self.start, self.end, input.duration());
            self.report(output, &input, seconds);
            cost::check(seconds, self.budget)?;
            return Ok(Exit::Ok);
        }
        let progress = Progress::new(output, 0);
        let client = context
            .connection
            .client_with_url_policy(self.upload.supplied_urls(), progress.observer())?;
        let client = with_checker(client);
        let work = async {
            if self.budget.is_some() {
                let duration = input.asset_duration(&client).await?;
                cost::check(cost::window(self.start, self.end, duration), self.budget)?;
                self.check_duration(kind, dynamic, duration)?;
            }
            let name = input.describe();
            let source = match input.upload(&client, &self.upload, context).await? {
                AnalyzeVideo::Asset(id) => EmbeddingSource::asset(id),
                AnalyzeVideo::Url(url) => EmbeddingSource::url(url),
                _ => return Err(Failure::usage("a file, a URL or an asset is needed")),
            };
            let request = self.request(kind, dynamic, source).named(name);
            self.embed(&client, request, output).await
        };
        let result = runtime::run(work, runtime::interrupted);
        progress.finish();
        self.save.write(output, &result?.data)?;
        Ok(Exit::Ok)
    }

    async fn embed(
        &self,
        client: &Client,
        request: EmbedRequest,
        output: &Output,
    ) -> Result<EmbeddingResult, Failure> {
        let model = request.model().clone();
        let call = client.embed(model.clone()).with_request(request);
        if self.at_once {
            return Ok(call.run().await?);
        }
        let created = call.clone().create_task().await.map_err(|error| {
            let is_in_doubt = error.kind() == tl_protocol::ErrorKind::OutcomeUnknown;
            let failure = Failure::from(error);
            match is_in_doubt {
                true => failure.hint("see whether `tl embed list` has a new task before you run the command again: a second task is charged again"),
                false => failure,
            }
        })?;
        let id = created.id;
        let again = format!(
            "tl embed resume {id} --model {model} {}",
            self.save.option()
        );
        output.note(&format!(
            "created task {id}; the platform keeps its embeddings for seven days: `{again}` saves them if this ends early"
        ));
        let waited = call.resume(id, self.wait.policy()).await;
        waited.map_err(|error| {
            let failure = Failure::from(error);
            match failure.exit().is_retryable() {
                true => failure.hint(format!("run `{again}` to continue")),
                false => failure,
            }
        })
    }

    fn report(&self, output: &Output, input: &Input, seconds: Option<f64>) {
        let how = if self.at_once {
            "in one request"
        } else {
            "by a task"
        };
        output.json(&json!({
            "dry_run": true,
            "input": input.describe(),
            "seconds": seconds,
            "charged_seconds": seconds,
            "task": !self.at_once,
        }));
        output.line(&format!(
            "would embed {} {how}: {}, charged by the minute",
            plain(&input.describe()),
            cost::describe(seconds)
        ));
        output.line("nothing was sent");
    }
}
