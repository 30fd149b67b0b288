//! `tl ingest`: videos into an index. Several inputs are independent: each has its own result, and one that fails does not
//! end the run. Uploads go one after another (`--jobs`), while the waits for what is uploaded go on side by side.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use serde_json::{Value, json};
use tl_client::{Client, Ingested, Input};
use tl_model::{IndexId, Task, TaskId, UserMetadata};
use tl_protocol::flow::{WaitPolicy, Waited};
use tl_validate::{Report, Route};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::args::Context;
use crate::checking::{Checking, RulesArgs};
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::metadata::MetadataArgs;
use crate::output::{GOOD, Output, plain_line};
use crate::progress::Progress;
use crate::verb::task::{WaitArgs, of_wait};
use crate::{runtime, span};

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
                run.tell_interrupted();
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
                self.tell_taken(&name, taken);
                Exit::Ok
            }
            Err(failed) => {
                self.tell_failed(&name, failed);
                failed.failure.exit()
            }
        };
        if exit.ends_the_run() {
            self.stop().get_or_insert(exit);
        }
        self.stage(at, Stage::Done(exit));
    }

    fn tell_taken(&self, name: &str, taken: &Taken) {
        let Taken { ingested, waited } = taken;
        let task = &ingested.task;
        let video = waited
            .as_ref()
            .and_then(|waited| waited.value.video_id.as_ref())
            .or(task.created.video_id.as_ref());
        self.output.json(&json!({
            "input": name,
            "ok": true,
            "exit_code": 0,
            "index_id": self.index,
            "task_id": task.created.id,
            "video_id": video,
            "status": waited.as_ref().and_then(|waited| waited.value.status.as_ref()),
            "task": waited.as_ref().map(|waited| &waited.value),
            "history": waited.as_ref().map_or_else(|| Value::Array(Vec::new()), |waited| failure::history(&waited.history)),
            "seconds": {
                "check": ingested.checking.as_secs_f64(),
                "upload": task.upload.as_secs_f64(),
                "indexing": waited.as_ref().map(|waited| waited.took.as_secs_f64()),
            },
            "reconciled": task.reconciled,
            "report": ingested.report,
        }));
        let id = task.created.id.as_str();
        let text = match (self.output.is_quiet(), waited) {
            (true, Some(_)) => video.map_or_else(String::new, ToString::to_string),
            (true, None) => id.to_owned(),
            (false, Some(waited)) => format!(
                "{GOOD}ready{GOOD:#}    {}  video {}  task {id}  (uploaded in {}, ready after {})",
                plain_line(name),
                video.map_or("unknown", |video| video.as_str()),
                span::show(task.upload),
                span::show(waited.took)
            ),
            (false, None) => format!(
                "{GOOD}created{GOOD:#}  {}  task {id}  (uploaded in {})",
                plain_line(name),
                span::show(task.upload)
            ),
        };
        self.output.line(&text);
        if task.reconciled {
            self.output.note(&format!(
                "the answer to the upload was lost; task {id} is what it had made"
            ));
        }
        if waited.is_none() {
            self.output.note(&format!(
                "next: `tl task wait {id}` waits until it is indexed"
            ));
        }
    }

    fn tell_failed(&self, name: &str, failed: &Failed) {
        self.output.json(&json!({
            "input": name,
            "ok": false,
            "exit_code": failed.failure.exit().code(),
            "index_id": self.index,
            "task_id": failed.task,
            "error": failed.failure.to_json(),
        }));
        self.output.failure_text(&failed.failure);
    }

    /// Tells, after Ctrl-C, what became of every input that was not done, and what goes on without us.
    fn tell_interrupted(&self) {
        let stages = self.stages().clone();
        for (name, stage) in &stages {
            let shown = plain_line(name);
            let (text, next, task) = match stage {
                Stage::Done(_) => continue,
                Stage::NotBegun | Stage::Checking => (
                    format!("interrupted: nothing of `{shown}` was sent"),
                    "run it again".to_owned(),
                    None,
                ),
                Stage::Sending => (
                    format!(
                        "interrupted while `{shown}` was being sent: the platform drops an upload that is not complete"
                    ),
                    format!(
                        "look whether it was complete before you send it again: tl task list --index {}",
                        self.index
                    ),
                    None,
                ),
                Stage::Waiting(task) => (
                    format!("interrupted: the platform has `{shown}` and goes on with task {task}"),
                    format!("`tl task wait {task}` waits for it"),
                    Some(task.clone()),
                ),
            };
            let failure = Failure::new(Exit::Interrupted, "interrupted", text).next(next);
            self.tell_failed(name, &Failed { failure, task });
        }
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

/// What was given is neither a path nor a link that the platform can follow.
fn no_input(name: &str, error: tl_client::Error) -> Failure {
    let failure = Failure::from(error);
    let message = format!("`{name}`: {}", failure.message());
    failure
        .saying(message)
        .next("give an https link to the raw file, or download it and give its path")
}

/// Names the file in what went wrong with it; the findings come from the report.
fn refused(name: &str, failure: Failure) -> Failure {
    match failure.exit() {
        Exit::RefusedLocally => failure
            .about(name)
            .saying(format!(
                "`{name}` was not sent: the platform would refuse it"
            ))
            .next(
                "correct the file; where the account has other limits, give them by --rules FILE",
            ),
        _ if failure.message().contains(name) => failure,
        _ => {
            let message = format!("`{name}`: {}", failure.message());
            failure.about(name).saying(message)
        }
    }
}

/// The report, where it says something.
fn notable(report: Option<Report>) -> Option<Report> {
    report.filter(|report| !report.findings.is_empty())
}

fn not_tried(exit: Exit) -> Failure {
    let because = match exit {
        Exit::KeyRefused => "the platform refused the key",
        Exit::Limit => "a limit of the account is used up",
        _ => "the index could not be looked at",
    };
    Failure::new(exit, "not_tried", format!("not tried: {because}"))
        .next("mend that, then send it again")
}
