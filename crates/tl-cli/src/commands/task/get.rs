//! `tl task get`.

use clap::Args;
use tl_model::TaskId;

use super::view::details;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl task get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Task id
    #[arg(value_name = "TASK")]
    id: TaskId,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let task = context.call(async |client| Ok(client.tasks().get(self.id).await?))?;
        context.output.json(&task);
        context.output.line(&details(&task));
        Ok(Exit::Ok)
    }
}
