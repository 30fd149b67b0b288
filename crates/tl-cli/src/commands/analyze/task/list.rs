//! `tl analyze task list`.

use clap::Args;
use tl_model::{AnalyzeMode, AnalyzeStatus, AnalyzeTask, AssetId};
use tl_protocol::endpoint::ListAnalyzeTasks;

use crate::args::pages::PartArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_seconds;
use crate::ui::table::cell;

use super::view;

/// `tl analyze task list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Filter by status, e.g. ready or failed
    #[arg(long, value_name = "STATUS")]
    status: Option<AnalyzeStatus>,
    /// Filter by the asset that is analyzed
    #[arg(long, value_name = "ASSET")]
    asset: Option<AssetId>,
    /// Filter by the URL that is analyzed
    #[arg(long, value_name = "URL", conflicts_with = "asset")]
    url: Option<String>,
    /// Filter by mode: general or time_based_metadata
    #[arg(long, value_name = "MODE")]
    mode: Option<AnalyzeMode>,
    #[command(flatten)]
    part: PartArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListAnalyzeTasks::default()
            .page(self.part.page())
            .status(self.status)
            .asset_id(self.asset)
            .video_url(self.url)
            .analysis_mode(self.mode);
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "analysis tasks",
            ["TASK", "STATUS", "DURATION", "CREATED", "VIDEO", "PROMPT"],
            |task: &AnalyzeTask| {
                let params = task.request_params.as_ref();
                [
                    task.task_id.to_string(),
                    cell(task.status.as_ref()),
                    format_seconds(view::duration(task)),
                    cell(task.created_at.as_ref()),
                    view::video(task).unwrap_or_default(),
                    cell(params.and_then(|params| params.prompt.as_ref())),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
