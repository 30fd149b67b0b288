//! `tl upload FILE`: uploads videos as assets, one after the other.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use serde_json::json;
use tl_client::{Client, Ingested, Stage, UploadedAsset};
use tl_model::UserMetadata;
use tl_protocol::flow::WaitPolicy;

use crate::args::cache::CacheArgs;
use crate::args::metadata::MetadataArgs;
use crate::args::rules::RulesArgs;
use crate::args::upload::UploadArgs;
use crate::args::wait::WaitArgs;
use crate::batch::input;
use crate::batch::item::{ItemState, ItemTracker};
use crate::batch::outcome;
use crate::batch::repeated::{RepeatedFailures, not_tried};
use crate::batch::summary::{RESUME, interrupted_item, summary};
use crate::batch::wait_hint::{self};
use crate::bulk::assets::KnownAssets;
use crate::check::local_check::LocalCheck;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;
use crate::text::path_name::path_name;
use crate::text::units;
use crate::text::units::format_bytes;
use crate::ui::escape::plain_line;
use crate::ui::output::Output;
use crate::ui::progress::Progress;
use crate::ui::style::GOOD;

/// Arguments of an upload.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Video, audio, image or document files, or https URLs
    #[arg(required = true, value_name = "FILE|URL")]
    inputs: Vec<OsString>,
    /// Wait until the assets are ready
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    upload: UploadArgs,
    #[command(flatten)]
    wait_args: WaitArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    cache: CacheArgs,
    /// Skip the local check
    #[arg(long, conflicts_with_all = ["engines", "options", "rules"], help_heading = "Local check")]
    no_check: bool,
}

/// State shared by all inputs of a run.
struct Run {
    output: Arc<Output>,
    client: Client,
    upload: UploadArgs,
    metadata: Option<UserMetadata>,
    wait: Option<WaitPolicy>,
    /// `None` if the check is skipped.
    check: Option<Arc<LocalCheck>>,
    progress: Arc<Progress>,
    /// Failures that several inputs have in common are printed once.
    shared: RepeatedFailures,
}

impl Files {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.wait_args.require_wait(self.wait)?;
        let progress = Progress::new(&context.output, self.inputs.len());
        let mut client = context
            .connection
            .client_with_url_policy(self.upload.supplied_urls(), progress.observer())?;
        let check = (!self.no_check)
            .then(|| self.rules.local_check(&self.cache, &context.output))
            .transpose()?;
        if let Some(check) = &check {
            client = client.with_checker(check.checker().clone());
        }
        let run = Run {
            output: Arc::clone(&context.output),
            client,
            upload: self.upload,
            metadata: self.metadata.read()?,
            wait: self.wait.then(|| self.wait_args.policy()),
            check: check.map(Arc::new),
            progress: Arc::clone(&progress),
            shared: RepeatedFailures::default(),
        };
        let items: Vec<(String, ItemTracker)> = self
            .inputs
            .iter()
            .map(|input| (path_name(Path::new(input)), ItemTracker::new()))
            .collect();
        let exits = Mutex::new(Vec::new());
        let done = || exits.lock().unwrap_or_else(PoisonError::into_inner);
        let all = async {
            let known = run.upload.known_assets(context).await;
            for (input, (name, tracker)) in self.inputs.iter().zip(&items) {
                let stop = done().iter().copied().find(|exit: &Exit| exit.stops_run());
                let exit = match stop {
                    Some(exit) => run.failed(name, &not_tried(exit), None, None),
                    None => run.one(input, name, tracker, known.as_ref()).await,
                };
                done().push(exit);
            }
            Ok(())
        };
        let result = runtime::run(all, || Failure::interrupted("interrupted"));
        progress.finish();
        run.shared.finish(&run.output);
        let exits = done().clone();
        match result {
            Err(failure) if failure.exit().is_signal() => {
                run.interrupted(&items, exits.len());
                return Ok(failure.exit());
            }
            result => result?,
        }
        Ok(Exit::of_items(&exits))
    }
}

impl Run {
    /// Uploads one input, reports the result, and returns its exit code. Other commands find its
    /// asset in the ledger.
    async fn one(
        &self,
        input: &OsString,
        name: &str,
        tracker: &ItemTracker,
        known: Option<&KnownAssets>,
    ) -> Exit {
        let file = match known {
            Some(known) => known.look(input.as_ref()).await,
            None => None,
        };
        match self.send(input, name, tracker).await {
            Ok(uploaded) => {
                if let (Some(known), Some(file)) = (known, file) {
                    known.record(file, &uploaded.asset_id).await;
                }
                self.uploaded(name, &uploaded);
                Exit::Ok
            }
            Err(UploadError::Input(failure)) => self.failed(name, &failure, None, None),
            Err(UploadError::Client(error)) => {
                let reached = error.reached().cloned();
                let stage = error.stage();
                let failure = self.with_next(outcome::refused(name, error), reached.as_ref());
                self.failed(name, &failure, reached.as_ref(), stage)
            }
        }
    }

    async fn send(
        &self,
        input: &OsString,
        name: &str,
        tracker: &ItemTracker,
    ) -> Result<UploadedAsset, UploadError> {
        let (check, route) = (self.check.as_ref(), self.upload.send.route);
        tracker.set(ItemState::Checking);
        let input = input::prepare_asset(name, input, check, route, &self.output)
            .await
            .map_err(UploadError::Input)?;
        let (listener, tracker) = (self.progress.listener(name), tracker.clone());
        let call = self.client.upload(input).observe(move |event| {
            listener(event);
            tracker.observe(event);
        });
        let mut call = self.upload.of_upload(call);
        call = match &self.wait {
            Some(policy) => call.wait(policy.clone()),
            None => call.without_waiting(),
        };
        if let Some(metadata) = &self.metadata {
            call = call.metadata(metadata.clone());
        }
        if self.check.is_none() {
            call = call.skip_check();
        }
        call.run().await.map_err(UploadError::Client)
    }

    /// Adds the resume hint if the upload can be resumed.
    fn with_next(&self, failure: Failure, reached: Option<&Ingested>) -> Failure {
        let is_there =
            |reached: &Ingested| reached.upload_id.is_some() || reached.asset_id.is_some();
        if failure.exit().is_retryable()
            && self.upload.keeps_checkpoint()
            && reached.is_some_and(is_there)
        {
            return failure.hint(RESUME);
        }
        failure
    }

    fn uploaded(&self, name: &str, uploaded: &UploadedAsset) {
        let video = &uploaded.details;
        let head = json!({
            "input": name,
            "ok": true,
            "exit_code": 0,
            "status": video.status(),
            "report": video.report,
        });
        self.output
            .json(&outcome::merge(head, outcome::details(video)));
        let id = plain_line(uploaded.asset_id.as_str());
        if self.output.is_quiet() {
            return self.output.line(&id);
        }
        let chunks = video.upload.as_ref().map_or_else(String::new, |upload| {
            let all = units::pluralize(upload.chunks as usize, "chunk", "chunks");
            let resumed = match upload.resumed {
                0 => String::new(),
                resumed => format!(", {resumed} resumed"),
            };
            format!(", {} in {all}{resumed}", format_bytes(upload.bytes))
        });
        let word = if self.wait.is_some() {
            "ready"
        } else {
            "created"
        };
        self.output.line(&format!(
            "{GOOD}{word}{GOOD:#}  {}  asset {id}  (uploaded in {}{chunks})",
            plain_line(name),
            units::format_duration(video.time(Stage::Upload).unwrap_or_default())
        ));
        if self.wait.is_none() {
            self.output.note(&format!(
                "next: run `{}` to wait until it is ready for indexing",
                wait_hint::asset_command(&uploaded.asset_id)
            ));
        }
    }

    /// Reports every unfinished input after a signal: all but the first `done`.
    fn interrupted(&self, items: &[(String, ItemTracker)], done: usize) {
        let kept = self.upload.keeps_checkpoint();
        let unfinished: Vec<_> = items
            .iter()
            .skip(done)
            .map(|(name, tracker)| (name.as_str(), tracker.state()))
            .collect();
        for (name, state) in &unfinished {
            let (failure, reached) = interrupted_item(name, state, kept);
            self.failed_json(name, &failure, Some(&reached), None);
            if unfinished.len() == 1 {
                self.output.failure_text(&failure);
            }
        }
        if unfinished.len() > 1 {
            self.output
                .failure_text(&summary(&unfinished, items.len(), kept));
        }
    }

    fn failed(
        &self,
        name: &str,
        failure: &Failure,
        reached: Option<&Ingested>,
        stage: Option<Stage>,
    ) -> Exit {
        self.failed_json(name, failure, reached, stage);
        self.shared.report(&self.output, failure);
        failure.exit()
    }

    fn failed_json(
        &self,
        name: &str,
        failure: &Failure,
        reached: Option<&Ingested>,
        stage: Option<Stage>,
    ) {
        let head = json!({
            "input": name,
            "ok": false,
            "exit_code": failure.exit().code(),
            "stage": stage.map(Stage::as_str),
            "error": failure.to_json(),
        });
        let reached = outcome::details(reached.unwrap_or(&Ingested::default()));
        self.output.json(&outcome::merge(head, reached));
    }
}

/// Why an input was not uploaded.
enum UploadError {
    Input(Failure),
    Client(tl_client::Error),
}
