//! `tl analyze task cancel`.

use clap::Args;

use super::super::cancellation::cancel_all;
use crate::args::ids;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl analyze task cancel`.
#[derive(Debug, Args)]
#[command(after_help = "\
A task of a batch is canceled with its batch: tl analyze batch cancel BATCH")]
pub(crate) struct Cancel {
    /// Task ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "TASK", required = true)]
    ids: Vec<String>,
}

impl Cancel {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ids = ids::read(&self.ids)?;
        cancel_all(context, "task", &ids, &async |client, id| {
            let canceled = client.analyze_tasks().cancel(id).await?;
            let status = canceled.status.as_ref().map(ToString::to_string);
            Ok((canceled, status))
        })
    }
}
