//! `tl analyze task get`.

use clap::Args;
use tl_model::AnalyzeTaskId;

use super::view::details;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl analyze task get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Task id
    #[arg(value_name = "TASK")]
    id: AnalyzeTaskId,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let task = context.call(async |client| Ok(client.analyze_tasks().get(self.id).await?))?;
        context.output.json(&task);
        context.output.line(&details(&task));
        let answer = task.result.as_ref().and_then(|result| result.data.as_ref());
        if let Some(answer) = answer.filter(|_| !context.output.is_json()) {
            context.output.text(&format!("\n{answer}"));
        }
        Ok(Exit::Ok)
    }
}
