//! `tl index list`.

use clap::Args;
use tl_model::{Index, ModelFamily, Timestamp};
use tl_protocol::endpoint::ListIndexes;

use super::view::{length, models};
use crate::args::pages::PageArgs;
use crate::args::time;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl index list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Filter by name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Filter by model options, e.g. visual,audio
    #[arg(long, value_name = "OPTIONS")]
    model_options: Option<String>,
    /// Filter by model family
    #[arg(long, value_name = "FAMILY", value_parser = ["marengo", "pegasus"])]
    model_family: Option<String>,
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
        let list = ListIndexes::default()
            .page(self.page.page())
            .sort(self.page.sort())
            .index_name(self.name)
            .model_options(self.model_options)
            .model_family(self.model_family.as_deref().map(ModelFamily::from))
            .created_at(self.created_after)
            .updated_at(self.updated_after);
        let listed = context.call(async |client| self.page.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "indexes",
            ["INDEX", "VIDEOS", "DURATION", "MODELS", "CREATED", "NAME"],
            |index: &Index| {
                [
                    index.id.to_string(),
                    cell(index.video_count.as_ref()),
                    length(index).unwrap_or_default(),
                    models(index),
                    cell(index.created_at.as_ref()),
                    cell(index.index_name.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
