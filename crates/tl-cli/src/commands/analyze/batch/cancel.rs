//! `tl analyze batch cancel`.

use clap::Args;

use super::super::cancellation::cancel_all;
use crate::args::ids;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl analyze batch cancel`.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Batch ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "BATCH", required = true)]
    ids: Vec<String>,
}

impl Cancel {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ids = ids::read(&self.ids)?;
        cancel_all(context, "batch", &ids, &async |client, id| {
            let canceled = client.analyze_batches().cancel(id).await?;
            let status = canceled.status.as_ref().map(ToString::to_string);
            Ok((canceled, status))
        })
    }
}
