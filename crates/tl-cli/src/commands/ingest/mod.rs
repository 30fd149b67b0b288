//! `tl ingest`: checks, uploads and indexes videos. Inputs are independent: each has its own
//! result, and a failure does not end the run. `--jobs` limits the uploads; waits run concurrently.

pub(super) mod result;

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use tl_client::{Client, Ingested, Input, RouteChoice};
use tl_model::{IndexId, UserMetadata};
use tl_protocol::flow::WaitPolicy;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use self::result::{invalid_input, refused_by};
use crate::args::index_ref::IndexRef;
use crate::args::metadata::MetadataArgs;
use crate::args::rules::{RulesArgs, UploadChecker};
use crate::args::upload::UploadArgs;
use crate::args::wait::WaitArgs;
use crate::batch::item::{ItemState, ItemTracker};
use crate::batch::repeated::{RepeatedFailures, not_tried};
use crate::check::remote;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;
use crate::text::path_name::path_name;
use crate::ui::output::Output;
use crate::ui::progress::Progress;

/// Check, upload and index videos.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Video files, or direct https URLs that the platform downloads itself
    #[arg(required = true, value_name = "FILE|URL")]
    inputs: Vec<OsString>,
    /// Add the videos to this index
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
    /// Wait until the videos are indexed
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Return as soon as the platform has accepted the videos (default)
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
    /// Check and upload this many videos in parallel
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Do not make the videos available for streaming
    #[arg(long)]
    no_video_stream: bool,
    #[command(flatten)]
    upload: UploadArgs,
    #[command(flatten)]
    wait_args: WaitArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    rules: RulesArgs,
    /// Skip the local check
    #[arg(long, conflicts_with_all = ["engines", "options", "rules"], help_heading = "Local check")]
    no_check: bool,
}

/// State of an input.
#[derive(Debug, Clone)]
struct Item {
    name: String,
    tracker: ItemTracker,
    exit: Option<Exit>,
}

/// State shared by all inputs of a run.
struct Run {
    output: Arc<Output>,
    client: Client,
    checker: Option<UploadChecker>,
    upload: UploadArgs,
    index: IndexRef,
    metadata: Option<UserMetadata>,
    video_stream: bool,
    wait: Option<WaitPolicy>,
    progress: Arc<Progress>,
    /// Held during check and upload.
    workers: Arc<Semaphore>,
    /// Set when the index was seen: a wrong id or name is found before the first byte is sent.
    index_seen: OnceCell<IndexId>,
    /// Failures that several inputs have in common are printed once.
    shared: RepeatedFailures,
    items: Mutex<Vec<Item>>,
    /// Why the remaining inputs are not tried.
    stop: Mutex<Option<Exit>>,
}

/// Permit of an input, released as soon as it only waits.
type Permit = Arc<Mutex<Option<OwnedSemaphorePermit>>>;

/// A failed input, and what exists of it at the platform.
struct Failed {
    failure: Failure,
    reached: Option<Ingested>,
    stage: Option<&'static str>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            reached: None,
            stage: None,
        }
    }
}

impl Ingest {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        if !self.wait && (self.wait_args.deadline.is_some() || self.wait_args.interval.is_some()) {
            return Err(Failure::usage("--deadline and --interval require --wait")
                .hint("pass --wait, or omit them"));
        }
        let metadata = self.metadata.read()?;
        let progress = Progress::new(&context.output, self.inputs.len());
        let mut client = context
            .connection
            .client_with_url_policy(self.upload.supplied_urls(), progress.observer())?;
        let checker = (!self.no_check)
            .then(|| self.rules.upload_checker())
            .transpose()?;
        if let Some(checker) = &checker {
            client = client.with_checker(checker.inner());
        }
        let names = self.inputs.iter().map(|input| path_name(Path::new(input)));
        let run = Arc::new(Run {
            output: Arc::clone(&context.output),
            client,
            checker,
            index: self.index,
            metadata,
            upload: self.upload,
            video_stream: !self.no_video_stream,
            wait: self.wait.then(|| self.wait_args.policy()),
            progress,
            workers: Arc::new(Semaphore::new(self.jobs.into())),
            index_seen: OnceCell::new(),
            shared: RepeatedFailures::default(),
            items: Mutex::new(
                names
                    .map(|name| Item {
                        name,
                        tracker: ItemTracker::new(),
                        exit: None,
                    })
                    .collect(),
            ),
            stop: Mutex::default(),
        });
        let all = Run::all(&run, self.inputs);
        let result = runtime::run(all, || Failure::interrupted("interrupted"));
        run.progress.finish();
        run.shared.finish(&run.output);
        match result {
            Err(failure) if failure.exit().is_signal() => {
                run.interrupted();
                return Ok(failure.exit());
            }
            result => result?,
        }
        Ok(run.exit())
    }
}

impl Run {
    async fn all(run: &Arc<Self>, inputs: Vec<OsString>) -> Result<(), Failure> {
        let mut in_flight = JoinSet::new();
        for (at, input) in inputs.into_iter().enumerate() {
            // Acquire the permit here and not in the task, so that inputs start in order. The
            // semaphore is never closed; if it were, the inputs would run without a limit.
            let permit = Arc::clone(&run.workers).acquire_owned().await.ok();
            let permit: Permit = Arc::new(Mutex::new(permit));
            let run = Arc::clone(run);
            in_flight.spawn(async move {
                let result = run.one(at, &input, &permit).await;
                run.finish_item(at, &result);
                release(&permit);
            });
        }
        while let Some(ended) = in_flight.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        Ok(())
    }

    /// Processes one input. Its permit is released when only waiting remains.
    async fn one(
        self: &Arc<Self>,
        at: usize,
        input: &OsString,
        permit: &Permit,
    ) -> Result<Ingested, Failed> {
        if let Some(exit) = *self.stop() {
            return Err(not_tried(exit).into());
        }
        let tracker = self.items()[at].tracker.clone();
        tracker.set(ItemState::Checking);
        let name = path_name(Path::new(input));
        let input = input_of(&name, input, self.checker.is_some(), &self.output)?;
        if let Input::File(path) = &input {
            self.check(path).await?;
        }
        let index = self.check_index().await?;
        let (listener, tracker, permit) = (
            self.progress.listener(&name),
            tracker.clone(),
            Arc::clone(permit),
        );
        let listen = move |event: &tl_client::Event| {
            listener(event);
            if tracker.observe(event) {
                release(&permit);
            }
        };
        let call = self
            .client
            .ingest(input)
            .into_index(index)
            // The platform's default depends on the route.
            .enable_video_stream(self.video_stream)
            .observe(listen);
        let mut call = self.upload.of_ingest(call);
        call = match &self.wait {
            Some(policy) => call.wait(policy.clone()),
            None => call.without_waiting(),
        };
        if let Some(metadata) = &self.metadata {
            call = call.metadata(metadata.clone());
        }
        if self.checker.is_none() {
            call = call.skip_check();
        }
        call.run()
            .await
            .map_err(|error| self.failed_with(&name, error))
    }

    /// Checks the file before any request. The client checks again what it sends.
    async fn check(self: &Arc<Self>, path: &Path) -> Result<(), Failure> {
        let Some(checker) = self.checker.clone() else {
            return Ok(());
        };
        let (path, asked) = (path.to_owned(), self.upload.route);
        let name = path_name(&path);
        // Reading a file blocks.
        let checked = tokio::task::spawn_blocking(move || {
            // The check reports a missing file.
            let size = path.metadata().map_or(0, |metadata| metadata.len());
            let route = asked.unwrap_or_else(|| RouteChoice::for_file(size, checker.pack()).route);
            checker.path(&path, route)
        })
        .await
        .map_err(|error| {
            Failure::new(
                Exit::Temporary,
                "check_failed",
                format!("the check of `{name}` was aborted"),
            )
            .with_source(&error)
        })??;
        if checked.report.is_refused() {
            return Err(refused_by(&name, checked.report));
        }
        Ok(())
    }

    /// Looks up the index once. If it does not exist, nothing is sent.
    async fn check_index(&self) -> Result<IndexId, Failure> {
        let look = || async {
            match self.index.get(&self.client).await {
                Ok(index) => Ok(index.id),
                Err(failure) => {
                    *self.stop() = Some(failure.exit());
                    Err(failure)
                }
            }
        };
        self.index_seen.get_or_try_init(look).await.cloned()
    }

    /// The id of the index, once it was looked up.
    fn index_id(&self) -> Option<&IndexId> {
        self.index_seen.get()
    }

    fn stop(&self) -> MutexGuard<'_, Option<Exit>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn items(&self) -> MutexGuard<'_, Vec<Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports the result of an input.
    fn finish_item(&self, at: usize, result: &Result<Ingested, Failed>) {
        let name = self.items()[at].name.clone();
        let exit = match result {
            Ok(ingested) => {
                self.succeeded(&name, ingested);
                Exit::Ok
            }
            Err(failed) => {
                self.failed(&name, failed);
                failed.failure.exit()
            }
        };
        if exit.stops_run() {
            self.stop().get_or_insert(exit);
        }
        self.items()[at].exit = Some(exit);
    }

    /// Exit code of the run.
    fn exit(&self) -> Exit {
        let exits: Vec<Exit> = self
            .items()
            .iter()
            // Every input has a result unless the run ended early.
            .map(|item| item.exit.unwrap_or(Exit::SomeFailed))
            .collect();
        Exit::of_items(&exits)
    }
}

/// Parses the input `name`. Unless the check is skipped, a URL that cannot lead to a file is
/// rejected, as in `tl validate`.
pub(crate) fn input_of(
    name: &str,
    input: &OsString,
    is_checked: bool,
    output: &Output,
) -> Result<Input, Failure> {
    let Some(text) = input.to_str() else {
        return Ok(Input::File(input.into()));
    };
    if is_checked && let Some(url) = remote::address(Path::new(text)) {
        for note in remote::precheck_url(&url, jiff::Timestamp::now())? {
            output.note(&note);
        }
    }
    Input::parse(text).map_err(|error| invalid_input(name, error))
}

fn release(permit: &Permit) {
    permit.lock().unwrap_or_else(PoisonError::into_inner).take();
}
