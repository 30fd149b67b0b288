//! Ingestion of several inputs as tasks. They are independent: each has its own result, and a failure does
//! not end the run. `--jobs` limits checks and uploads; waits run concurrently.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tl_client::{Client, Ingested};
use tl_model::{IndexId, UserMetadata};
use tl_protocol::flow::WaitPolicy;
use tl_validate::Route;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::report::{Failed, Reporter};
use crate::args::index_ref::IndexRef;
use crate::batch::input;
use crate::batch::item::{ItemState, ItemTracker};
use crate::batch::repeated::not_tried;
use crate::check::local_check::LocalCheck;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;
use crate::text::path_name::path_name;
use crate::ui::output::Output;
use crate::ui::progress::Progress;

/// Settings of all inputs.
pub(super) struct Settings {
    pub(super) output: Arc<Output>,
    pub(super) client: Client,
    /// `None` if the check is skipped.
    pub(super) check: Option<Arc<LocalCheck>>,
    pub(super) index: IndexRef,
    pub(super) metadata: Option<UserMetadata>,
    pub(super) video_stream: bool,
    pub(super) wait: Option<WaitPolicy>,
    pub(super) progress: Arc<Progress>,
    pub(super) reporter: Reporter,
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
    settings: Settings,
    /// Held during check and upload.
    workers: Arc<Semaphore>,
    /// Set when the index was seen: a wrong id or name is found before the first byte is sent.
    index_seen: OnceCell<IndexId>,
    items: Mutex<Vec<Item>>,
    /// Why the remaining inputs are not tried.
    stop: Mutex<Option<Exit>>,
}

/// Permit of an input, released as soon as it only waits.
type Permit = Arc<Mutex<Option<OwnedSemaphorePermit>>>;

/// Ingests all inputs, at most `jobs` at a time, and returns the exit code of the run.
pub(super) fn execute(
    settings: Settings,
    inputs: Vec<OsString>,
    jobs: u8,
) -> Result<Exit, Failure> {
    let items = inputs.iter().map(|input| Item {
        name: path_name(Path::new(input)),
        tracker: ItemTracker::new(),
        exit: None,
    });
    let run = Arc::new(Run {
        workers: Arc::new(Semaphore::new(jobs.into())),
        index_seen: OnceCell::new(),
        items: Mutex::new(items.collect()),
        stop: Mutex::default(),
        settings,
    });
    let all = Run::all(&run, inputs);
    let result = runtime::run(all, || Failure::interrupted("interrupted"));
    run.settings.progress.finish();
    run.settings.reporter.finish();
    match result {
        Err(failure) if failure.exit().is_signal() => {
            run.interrupted();
            return Ok(failure.exit());
        }
        result => result?,
    }
    Ok(run.exit())
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
    async fn one(&self, at: usize, input: &OsString, permit: &Permit) -> Result<Ingested, Failed> {
        if let Some(exit) = *self.stop() {
            return Err(not_tried(exit).into());
        }
        let settings = &self.settings;
        let tracker = self.items()[at].tracker.clone();
        tracker.set(ItemState::Checking);
        let name = path_name(Path::new(input));
        let check = settings.check.as_ref();
        let input =
            input::prepare(&name, input, check, Some(Route::Tasks), &settings.output).await?;
        let index = self.check_index().await?;
        let (listener, permit) = (settings.progress.listener(&name), Arc::clone(permit));
        let listen = move |event: &tl_client::Event| {
            listener(event);
            if tracker.observe(event) {
                release(&permit);
            }
        };
        let call = settings
            .client
            .ingest(input)
            .into_index(index)
            // The platform's default depends on the route.
            .enable_video_stream(settings.video_stream)
            .observe(listen)
            .route(Route::Tasks);
        let mut call = match &settings.wait {
            Some(policy) => call.wait(policy.clone()),
            None => call.without_waiting(),
        };
        if let Some(metadata) = &settings.metadata {
            call = call.metadata(metadata.clone());
        }
        if settings.check.is_none() {
            call = call.skip_check();
        }
        call.run()
            .await
            .map_err(|error| settings.reporter.failed_with(&name, error))
    }

    /// Looks up the index once. If it does not exist, nothing is sent.
    async fn check_index(&self) -> Result<IndexId, Failure> {
        let look = || async {
            match self.settings.index.get(&self.settings.client).await {
                Ok(index) => {
                    self.settings.reporter.set_index(index.id.clone());
                    Ok(index.id)
                }
                Err(failure) => {
                    *self.stop() = Some(failure.exit());
                    Err(failure)
                }
            }
        };
        self.index_seen.get_or_try_init(look).await.cloned()
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
                self.settings.reporter.succeeded(&name, ingested);
                Exit::Ok
            }
            Err(failed) => {
                self.settings.reporter.failed(&name, failed);
                failed.failure.exit()
            }
        };
        if exit.stops_run() {
            self.stop().get_or_insert(exit);
        }
        self.items()[at].exit = Some(exit);
    }

    /// Reports every unfinished input after a signal.
    fn interrupted(&self) {
        let items = self.items().clone();
        let unfinished: Vec<_> = items
            .iter()
            .filter(|item| item.exit.is_none())
            .map(|item| (item.name.as_str(), item.tracker.state()))
            .collect();
        self.settings.reporter.interrupted(&unfinished, items.len());
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

fn release(permit: &Permit) {
    permit.lock().unwrap_or_else(PoisonError::into_inner).take();
}
