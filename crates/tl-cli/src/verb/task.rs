//! `tl task`: the tasks that index videos.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use tl_model::{IndexId, Task, TaskId, TaskStatus, Timestamp};
use tl_protocol::endpoint::{ListTasks, NumberFilter};
use tl_protocol::flow::WaitPolicy;

use crate::args::Context;
use crate::confirm::Confirm;
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::listing::{self, PageArgs, cell, seconds};
use crate::output::GOOD;
use crate::progress::Progress;
use crate::{numbers, runtime, span, table};

/// The tasks that index videos.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskVerb {
    /// List tasks, the newest first
    List(Box<TaskList>),
    /// Show one task
    Get {
        /// Its id
        #[arg(value_name = "TASK")]
        id: TaskId,
    },
    /// Wait until a task is ready
    Wait {
        /// Its id
        #[arg(value_name = "TASK")]
        id: TaskId,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Delete a task that is ready or failed; of a ready one, delete the video first
    Delete {
        /// Its id
        #[arg(value_name = "TASK")]
        id: TaskId,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// How to wait.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct WaitArgs {
    /// When to stop waiting, such as 20m; the platform goes on [default: 3h]
    #[arg(long, value_name = "DURATION", value_parser = span::parse)]
    pub(crate) deadline: Option<Duration>,
    /// The time between the first two looks; it grows while nothing changes [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = span::parse)]
    pub(crate) interval: Option<Duration>,
}

impl WaitArgs {
    pub(crate) fn policy(&self) -> WaitPolicy {
        let mut policy = WaitPolicy::default();
        if let Some(deadline) = self.deadline {
            policy.deadline = deadline;
        }
        if let Some(interval) = self.interval {
            policy.first_interval = interval;
            policy.longest_interval = policy.longest_interval.max(interval);
        }
        policy
    }
}

/// Which tasks.
#[derive(Debug, Args)]
pub(crate) struct TaskList {
    /// Only tasks of this index
    #[arg(long, value_name = "ID")]
    index: Option<IndexId>,
    /// Only tasks in this status: uploading, validating, pending, queued, indexing, ready or failed. May be repeated
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<TaskStatus>,
    /// Only tasks for files of this name
    #[arg(long, value_name = "NAME")]
    filename: Option<String>,
    /// Only videos of this duration in seconds: a number, or a range such as 10..60
    #[arg(long, value_name = "RANGE", value_parser = numbers::parse, allow_hyphen_values = true)]
    duration: Option<NumberFilter>,
    /// Only videos of this width in pixels: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = numbers::parse, allow_hyphen_values = true)]
    width: Option<NumberFilter>,
    /// Only videos of this height in pixels: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = numbers::parse, allow_hyphen_values = true)]
    height: Option<NumberFilter>,
    /// Only tasks created then or later
    #[arg(long, value_name = "TIME", value_parser = listing::time)]
    created_after: Option<Timestamp>,
    /// Only tasks that changed then or later
    #[arg(long, value_name = "TIME", value_parser = listing::time)]
    updated_after: Option<Timestamp>,
    #[command(flatten)]
    page: PageArgs,
}

impl TaskVerb {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.run(context),
            Self::Get { id } => get(context, id),
            Self::Wait { id, wait } => wait_for(context, &id, &wait),
            Self::Delete { id, confirm } => delete(context, &id, &confirm),
        }
    }
}

impl TaskList {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        for status in self.status.iter().filter(|status| !status.is_known()) {
            let known: Vec<&str> = TaskStatus::KNOWN.iter().map(TaskStatus::as_str).collect();
            context.output.note(&format!(
                "`{status}` is no status that this version knows ({}); it is asked for as it is",
                known.join(", ")
            ));
        }
        let list = ListTasks {
            page: self.page.page(),
            sort: self.page.sort(),
            index_id: self.index,
            status: self.status,
            filename: self.filename,
            duration: self.duration.unwrap_or_default(),
            width: self.width.unwrap_or_default(),
            height: self.height.unwrap_or_default(),
            created_at: self.created_after,
            updated_at: self.updated_after,
        };
        let listed = context.call(async |client| self.page.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "tasks",
            ["TASK", "STATUS", "DURATION", "CREATED", "FILE"],
            |task: &Task| {
                let system = task.system_metadata();
                [
                    task.id.to_string(),
                    cell(task.status.as_ref()),
                    seconds(system.and_then(|system| system.duration)),
                    cell(task.created_at.as_ref()),
                    system
                        .and_then(|system| system.filename.clone())
                        .unwrap_or_default(),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}

/// One task, for people.
fn details(task: &Task) -> String {
    let system = task.system_metadata();
    let frame = system.and_then(|system| Some(format!("{}x{}", system.width?, system.height?)));
    table::pairs(&[
        ("task", Some(task.id.to_string())),
        ("status", task.status.as_ref().map(ToString::to_string)),
        (
            "reason",
            task.error_reason.as_ref().map(ToString::to_string),
        ),
        ("video", task.video_id.as_ref().map(ToString::to_string)),
        ("index", task.index_id.as_ref().map(ToString::to_string)),
        ("file", system.and_then(|system| system.filename.clone())),
        (
            "duration",
            system
                .and_then(|system| system.duration)
                .map(|value| seconds(Some(value))),
        ),
        ("frame", frame),
        ("created", task.created_at.as_ref().map(ToString::to_string)),
        ("updated", task.updated_at.as_ref().map(ToString::to_string)),
        (
            "stream",
            task.hls.as_ref().and_then(|hls| hls.video_url.clone()),
        ),
    ])
}

fn get(context: &Context, id: TaskId) -> Result<Exit, Failure> {
    let task = context.call(async |client| Ok(client.get_task(id).await?))?;
    context.output.json(&task);
    context.output.line(&details(&task));
    Ok(Exit::Ok)
}

fn wait_for(context: &Context, id: &TaskId, wait: &WaitArgs) -> Result<Exit, Failure> {
    let progress = Progress::new(&context.output, 1);
    let client = context.connection.client(progress.observer())?;
    let again = format!("`tl task wait {id}` waits again");
    let result = runtime::run(
        async {
            client
                .wait_for_task(id.clone(), wait.policy())
                .await
                .map_err(|error| of_wait(error.into(), id))
        },
        || {
            Failure::new(
                Exit::Interrupted,
                "interrupted",
                format!("interrupted; task {id} goes on at the platform"),
            )
            .next(again.clone())
        },
    );
    progress.finish();
    let waited = result?;
    context.output.json(&json!({
        "task": waited.value,
        "history": failure::history(&waited.history),
        "seconds": waited.took.as_secs_f64(),
    }));
    if context.output.is_quiet() {
        context.output.line(&cell(waited.value.video_id.as_ref()));
    } else {
        context.output.line(&format!(
            "{GOOD}ready{GOOD:#} after {}",
            span::show(waited.took)
        ));
        context.output.line(&details(&waited.value));
    }
    Ok(Exit::Ok)
}

/// The same failure with the command that waits for this very task, where waiting may help.
pub(crate) fn of_wait(failure: Failure, id: &TaskId) -> Failure {
    match failure.exit() {
        Exit::DeadlinePassed | Exit::Temporary | Exit::Limit => {
            failure.next(format!("`tl task wait {id}` waits again"))
        }
        _ => failure,
    }
}

fn delete(context: &Context, id: &TaskId, confirm: &Confirm) -> Result<Exit, Failure> {
    let what = format!("task {id}");
    if confirm.must_ask(&what)? {
        Confirm::ask(&what)?;
    }
    context.call(async |client| Ok(client.delete_task(id.clone()).await?))?;
    context.output.json(&json!({"deleted": id}));
    context.output.line(&if context.output.is_quiet() {
        id.to_string()
    } else {
        format!("deleted {what}")
    });
    Ok(Exit::Ok)
}
