//! `tl import wait`.

use clap::Args;
use serde_json::json;
use tl_model::{ConnectionId, ImportId};

use super::outcome;
use crate::args::wait::WaitArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl import wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Connection id
    #[arg(value_name = "CONNECTION")]
    connection: ConnectionId,
    /// Import ids
    #[arg(value_name = "IMPORT", required = true)]
    ids: Vec<ImportId>,
    #[command(flatten)]
    wait: WaitArgs,
}

impl Wait {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let policy = self.wait.policy();
        let files = context.call(async |client| {
            let mut all = Vec::new();
            for id in &self.ids {
                let (import, files) = outcome::wait(client, &self.connection, id, &policy).await?;
                context
                    .output
                    .json(&json!({"_id": import.id, "items": files}));
                all.extend(files);
            }
            Ok(all)
        })?;
        Ok(outcome::report(context, &files))
    }
}
