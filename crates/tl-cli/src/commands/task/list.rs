//! `tl task list`.

use clap::Args;
use tl_model::{Task, TaskStatus, Timestamp};
use tl_protocol::endpoint::{ListTasks, NumberFilter};

use crate::args::index_ref::IndexRef;
use crate::args::pages::PageArgs;
use crate::args::{number_filter, time};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_seconds;
use crate::ui::table::cell;

/// `tl task list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Filter by index
    #[arg(long, value_name = "ID|NAME")]
    index: Option<IndexRef>,
    /// Filter by status, e.g. ready or failed. Repeatable
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

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        for status in self.status.iter().filter(|status| !status.is_known()) {
            let known: Vec<&str> = TaskStatus::KNOWN.iter().map(TaskStatus::as_str).collect();
            context.output.note(&format!(
                "unknown status `{status}` (known: {}); sending it unchanged",
                known.join(", ")
            ));
        }
        let list = ListTasks::default()
            .page(self.page.page())
            .sort(self.page.sort())
            .status(self.status)
            .filename(self.filename)
            .duration(self.duration.unwrap_or_default())
            .width(self.width.unwrap_or_default())
            .height(self.height.unwrap_or_default())
            .created_at(self.created_after)
            .updated_at(self.updated_after);
        let listed = context.call(async |client| {
            let index_id = match &self.index {
                Some(index) => Some(index.resolve(client).await?),
                None => None,
            };
            self.page.fetch(client, list.index_id(index_id)).await
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
