//! `tl ingest`: videos into an index. Several inputs are independent: each has its own result, and one that fails does not
//! end the run. Uploads go one after another (`--jobs`), while the waits for what is uploaded go on side by side.

mod telling;

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use tl_client::{Client, Ingested, Input};
use tl_model::{IndexId, Task, TaskId, UserMetadata};
use tl_protocol::flow::{WaitPolicy, Waited};
use tl_validate::Route;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use self::telling::{no_input, not_tried, notable, refused};
use crate::args::Context;
use crate::checking::{Checking, RulesArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::metadata::MetadataArgs;
use crate::output::Output;
use crate::progress::Progress;
use crate::runtime;
use crate::verb::task::{WaitArgs, of_wait};

/// Check videos, upload them, and bring them into an index.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Video files, or direct https links to raw video files, which the platform fetches itself
    #[arg(required = true, value_name = "FILE|URL")]
    inputs: Vec<OsString>,
    /// The index that the videos go into
    #[arg(long, value_name = "ID")]
    index: IndexId,
    /// Wait until the videos are indexed, not only until the platform has them
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Return as soon as the platform has the videos; this is the default
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
    /// How many videos are checked and uploaded at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Do not let the platform keep the videos for streaming
    #[arg(long)]
    no_video_stream: bool,
    #[command(flatten)]
    waiting: WaitArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    rules: RulesArgs,
    /// Send files without looking at them: the platform may refuse what was uploaded in vain
    #[arg(long, conflicts_with_all = ["engines", "options", "rules"], help_heading = "Local check")]
    no_check: bool,
}

/// How far an input is, for the case that it is cut off there.
#[derive(Debug, Clone)]
enum Stage {
    NotBegun,
    Checking,
    Sending,
    Waiting(TaskId),
    Done(Exit),
}

/// What all inputs of a run share.
struct Run {
    output: Arc<Output>,
    client: Client,
    checking: Option<Checking>,
    index: IndexId,
    metadata: Option<UserMetadata>,
    video_stream: Option<bool>,
    wait: Option<WaitPolicy>,
    progress: Arc<Progress>,
    /// Whoever checks and uploads holds one of these.
    lanes: Arc<Semaphore>,
    /// Set when the index was seen: a wrong id is found before the first byte is sent.
    index_seen: OnceCell<()>,
    stages: Mutex<Vec<(String, Stage)>>,
    /// Why the inputs that have not begun are not tried.
    stop: Mutex<Option<Exit>>,
}

/// A video that the platform has.
struct Taken {
    ingested: Ingested,
    waited: Option<Waited<Task>>,
}

/// An input that failed, and the task that may be there in spite of it.
struct Failed {
    failure: Failure,
    task: Option<TaskId>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            task: None,
        }
    }
}

impl Ingest {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        if !self.wait && (self.waiting.deadline.is_some() || self.waiting.interval.is_some()) {
            return Err(Failure::usage(
                "--deadline and --interval say how to wait, and nothing is waited for",
            )
            .next("add --wait, or leave them out"));
        }
        let metadata = self.metadata.read()?;
        let progress = Progress::new(&context.output, self.inputs.len());
        let mut client = context.connection.client(progress.observer())?;
        let checking = (!self.no_check)
            .then(|| self.rules.checking())
            .transpose()?;
        if let Some(checking) = &checking {
            client = client.with_checker(checking.checker());
        }
        let names = self
            .inputs
            .iter()
            .map(|input| input.to_string_lossy().into_owned());
        let run = Arc::new(Run {
            output: Arc::clone(&context.output),
            client,
            checking,
            index: self.index,
            metadata,
            video_stream: self.no_video_stream.then_some(false),
            wait: self.wait.then(|| self.waiting.policy()),
            progress,
            lanes: Arc::new(Semaphore::new(self.jobs.into())),
            index_seen: OnceCell::new(),
            stages: Mutex::new(names.map(|name| (name, Stage::NotBegun)).collect()),
            stop: Mutex::default(),
        });
        let all = Run::all(&run, self.inputs);
        let interrupted = || Failure::new(Exit::Interrupted, "interrupted", "interrupted");
        let result = runtime::run(all, interrupted);
        run.progress.finish();
        match result {
            Err(failure) if failure.exit() == Exit::Interrupted => {
                run.interrupted();
                return Ok(Exit::Interrupted);
            }
            result => result?,
        }
        Ok(run.exit())
    }
}

impl Run {
    async fn all(run: &Arc<Self>, inputs: Vec<OsString>) -> Result<(), Failure> {
        let mut under_way = JoinSet::new();
        for (at, input) in inputs.into_iter().enumerate() {
            // Taken here and not in the task, so that the inputs have their turns in the order in which they were given.
            // The semaphore is never closed; without it, the inputs would only go side by side.
            let mut lane = Arc::clone(&run.lanes).acquire_owned().await.ok();
            let run = Arc::clone(run);
            under_way.spawn(async move {
                let result = run.one(at, &input, &mut lane).await;
                run.conclude(at, &result);
                drop(lane);
            });
        }
        while let Some(ended) = under_way.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        Ok(())
    }

    /// Brings one input to its end. The lane is free again when only waiting is left.
    async fn one(
        self: &Arc<Self>,
        at: usize,
        input: &OsString,
        lane: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Taken, Failed> {
        if let Some(exit) = *self.stop() {
            return Err(not_tried(exit).into());
        }
        self.stage(at, Stage::Checking);
        let name = input.to_string_lossy().into_owned();
        let input = match input.to_str() {
            Some(text) => Input::parse(text).map_err(|error| no_input(&name, error))?,
            None => Input::File(input.into()),
        };
        if let Input::File(path) = &input {
            self.check(path).await?;
        }
        self.see_index().await?;
        self.stage(at, Stage::Sending);
        let mut ingest = self
            .client
            .ingest(input)
            .into_index(self.index.clone())
            .observe(self.progress.listener(&name))
            .without_waiting();
        if let Some(metadata) = &self.metadata {
            ingest = ingest.metadata(metadata.clone());
        }
        if let Some(keep) = self.video_stream {
            ingest = ingest.enable_video_stream(keep);
        }
        if self.checking.is_none() {
            ingest = ingest.unchecked();
        }
        let ingested = ingest
            .run()
            .await
            .map_err(|error| refused(&name, error.into()))?;
        let Some(policy) = &self.wait else {
            return Ok(Taken {
                ingested,
                waited: None,
            });
        };
        let task = ingested.task.created.id.clone();
        self.progress.name(task.as_str(), &name);
        self.stage(at, Stage::Waiting(task.clone()));
        lane.take();
        match self
            .client
            .wait_for_task(task.clone(), policy.clone())
            .await
        {
            Ok(waited) => Ok(Taken {
                ingested,
                waited: Some(waited),
            }),
            Err(error) => Err(Failed {
                failure: refused(&name, of_wait(error.into(), &task))
                    .with_report(notable(ingested.report)),
                task: Some(task),
            }),
        }
    }

    /// Looks at the file before anything is asked of the platform; the client looks again at what it then sends.
    async fn check(self: &Arc<Self>, path: &Path) -> Result<(), Failure> {
        let Some(checking) = self.checking.clone() else {
            return Ok(());
        };
        let path = path.to_owned();
        let name = path.to_string_lossy().into_owned();
        // Reading a file blocks.
        let checked = tokio::task::spawn_blocking(move || checking.path(&path, Route::Tasks))
            .await
            .map_err(|error| {
                Failure::new(
                    Exit::Temporary,
                    "check_failed",
                    format!("the check of `{name}` was cut off"),
                )
                .because(&error)
            })??;
        if checked.report.is_refused() {
            let failure = Failure::new(Exit::RefusedLocally, "refused_locally", String::new());
            return Err(refused(&name, failure.with_report(Some(checked.report))));
        }
        Ok(())
    }

    /// Asks for the index once; if it is not there, no input is sent.
    async fn see_index(&self) -> Result<(), Failure> {
        let look = || async {
            match self.client.get_index(self.index.clone()).await {
                Ok(_) => Ok(()),
                Err(error) => {
                    let failure = Failure::from(error);
                    *self.stop() = Some(failure.exit());
                    Err(failure)
                }
            }
        };
        self.index_seen.get_or_try_init(look).await.copied()
    }

    fn stop(&self) -> MutexGuard<'_, Option<Exit>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stages(&self) -> MutexGuard<'_, Vec<(String, Stage)>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self, at: usize, stage: Stage) {
        self.stages()[at].1 = stage;
    }

    /// Tells how an input ended.
    fn conclude(&self, at: usize, result: &Result<Taken, Failed>) {
        let name = self.stages()[at].0.clone();
        let exit = match result {
            Ok(taken) => {
                self.taken(&name, taken);
                Exit::Ok
            }
            Err(failed) => {
                self.failed(&name, failed);
                failed.failure.exit()
            }
        };
        if exit.ends_the_run() {
            self.stop().get_or_insert(exit);
        }
        self.stage(at, Stage::Done(exit));
    }

    /// The code of the whole run.
    fn exit(&self) -> Exit {
        if let Some(exit) = *self.stop() {
            return exit;
        }
        let exits: Vec<Exit> = self
            .stages()
            .iter()
            .map(|(_, stage)| match stage {
                Stage::Done(exit) => *exit,
                // Every input was concluded, or the run has ended otherwise.
                _ => Exit::SomeFailed,
            })
            .collect();
        Exit::of_items(&exits)
    }
}
