//! `tl embed resume`.

use clap::Args;
use tl_model::EmbeddingTaskId;

use super::model::ModelArgs;
use super::save::SaveArgs;
use crate::args::wait::WaitArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl embed resume`.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// Task id
    #[arg(value_name = "TASK")]
    task: EmbeddingTaskId,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    save: SaveArgs,
    #[command(flatten)]
    wait: WaitArgs,
}

impl Resume {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.save.check()?;
        let policy = self.wait.policy();
        let result = context.call(async |client| {
            let call = client.embed(self.model.model());
            Ok(call.resume(self.task.clone(), policy).await?)
        })?;
        self.save.write(&context.output, &result.data)?;
        Ok(Exit::Ok)
    }
}
