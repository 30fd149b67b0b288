//! `tl task wait`.

use clap::Args;
use tl_model::TaskId;
use tl_protocol::endpoint::GetTask;

use super::view::details;
use crate::args::ids;
use crate::args::wait::WaitArgs;
use crate::batch::wait::{WaitTarget, wait_for_all};
use crate::batch::wait_hint;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl task wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Task ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "TASK", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

impl Wait {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ids = ids::read(&self.ids)?;
        let all: Vec<_> = ids.into_iter().map(|id| target(id.into())).collect();
        wait_for_all(&all, context, &self.wait.policy())
    }
}

fn target(task_id: TaskId) -> WaitTarget<GetTask> {
    WaitTarget {
        noun: "task",
        command: wait_hint::task_command(&task_id),
        endpoint: GetTask::new(task_id),
        quiet: |task| cell(task.video_id.as_ref()),
        details,
    }
}
