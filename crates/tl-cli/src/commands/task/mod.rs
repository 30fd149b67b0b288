//! `tl task`: video indexing tasks.

use clap::{Args, Subcommand};
use tl_model::{Task, TaskId, TaskStatus, Timestamp};
use tl_protocol::endpoint::{GetTask, ListTasks, NumberFilter};

use crate::args::ids;
use crate::args::index_ref::IndexRef;
use crate::args::number_filter;
use crate::args::pages::PageArgs;
use crate::args::time;
use crate::args::wait::WaitArgs;
use crate::batch::deletion::Deletion;
use crate::batch::wait::{WaitTarget, wait_for_all};
use crate::batch::wait_hint::{self};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_seconds;
use crate::ui::confirm::Confirm;
use crate::ui::table;
use crate::ui::table::cell;

/// `tl task` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List tasks, newest first
    List(Box<TaskList>),
    /// Show one task
    Get {
        /// Task id
        #[arg(value_name = "TASK")]
        id: TaskId,
    },
    /// Wait until tasks are ready
    Wait {
        /// Task ids; `-` reads ids from standard input, one per line
        #[arg(value_name = "TASK", required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Delete tasks that are ready or failed; delete the video of a ready task first
    Delete {
        /// Task ids; `-` reads ids from standard input, one per line
        #[arg(value_name = "TASK", required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `tl task list`.
#[derive(Debug, Args)]
pub(crate) struct TaskList {
    /// Filter by index
    #[arg(long, value_name = "ID|NAME")]
    index: Option<IndexRef>,
    /// Filter by status: uploading, validating, pending, queued, indexing, ready or failed.
    /// Repeatable
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<TaskStatus>,
    /// Filter by file name
    #[arg(long, value_name = "NAME")]
    filename: Option<String>,
    /// Filter by duration in seconds: a number or a range, e.g. 10..60
    #[arg(long, value_name = "RANGE", value_parser = number_filter::parse, allow_hyphen_values = true)]
    duration: Option<NumberFilter>,
    /// Filter by width in pixels: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = number_filter::parse, allow_hyphen_values = true)]
    width: Option<NumberFilter>,
    /// Filter by height in pixels: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = number_filter::parse, allow_hyphen_values = true)]
    height: Option<NumberFilter>,
    /// Filter by creation time: this time or later
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    created_after: Option<Timestamp>,
    /// Filter by update time: this time or later
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    updated_after: Option<Timestamp>,
    #[command(flatten)]
    page: PageArgs,
}

impl TaskCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.run(context),
            Self::Get { id } => get(context, id),
            Self::Wait { ids, wait } => {
                let ids = ids::read(&ids)?;
                let all: Vec<_> = ids.into_iter().map(|id| target(id.into())).collect();
                wait_for_all(&all, context, &wait.policy())
            }
            Self::Delete { ids, confirm } => delete(context, ids::read(&ids)?, &confirm),
        }
    }
}

impl TaskList {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        for status in self.status.iter().filter(|status| !status.is_known()) {
            let known: Vec<&str> = TaskStatus::KNOWN.iter().map(TaskStatus::as_str).collect();
            context.output.note(&format!(
                "unknown status `{status}` (known: {}); sending it unchanged",
                known.join(", ")
            ));
        }
        let list = ListTasks {
            page: self.page.page(),
            sort: self.page.sort(),
            index_id: None,
            status: self.status,
            filename: self.filename,
            duration: self.duration.unwrap_or_default(),
            width: self.width.unwrap_or_default(),
            height: self.height.unwrap_or_default(),
            created_at: self.created_after,
            updated_at: self.updated_after,
        };
        let listed = context.call(async |client| {
            let index_id = match &self.index {
                Some(index) => Some(index.resolve(client).await?),
                None => None,
            };
            self.page
                .fetch(client, ListTasks { index_id, ..list })
                .await
        })?;
        listed.show(
            &context.output,
            "tasks",
            ["TASK", "STATUS", "DURATION", "CREATED", "FILE"],
            |task: &Task| {
                let system = task.system_metadata();
                [
                    task.id.to_string(),
                    cell(task.status.as_ref()),
                    format_seconds(system.and_then(|system| system.duration)),
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

/// Formats a task.
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
                .map(|value| format_seconds(Some(value))),
        ),
        ("resolution", frame),
        ("created", task.created_at.as_ref().map(ToString::to_string)),
        ("updated", task.updated_at.as_ref().map(ToString::to_string)),
        (
            "stream",
            task.hls.as_ref().and_then(|hls| hls.video_url.clone()),
        ),
    ])
}

fn get(context: &Context, id: TaskId) -> Result<Exit, Failure> {
    let task = context.call(async |client| Ok(client.tasks().get(id).await?))?;
    context.output.json(&task);
    context.output.line(&details(&task));
    Ok(Exit::Ok)
}

fn target(task_id: TaskId) -> WaitTarget<GetTask> {
    WaitTarget {
        noun: "task",
        command: wait_hint::task_command(&task_id),
        endpoint: GetTask { task_id },
        quiet: |task| cell(task.video_id.as_ref()),
        details,
    }
}

fn delete(context: &Context, ids: Vec<String>, confirm: &Confirm) -> Result<Exit, Failure> {
    let deletion = Deletion {
        nouns: ("task", "tasks"),
        suffix: String::new(),
        ids,
    };
    deletion.run(context, confirm, &async |client, id| {
        Ok(client.tasks().delete(id).await?)
    })
}
