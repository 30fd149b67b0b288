//! `tl import list`.

use clap::Args;
use tl_model::{ConnectionId, Import};
use tl_protocol::endpoint::ListImports;

use crate::args::pages::PartArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl import list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Connection id
    #[arg(value_name = "CONNECTION")]
    connection: ConnectionId,
    #[command(flatten)]
    part: PartArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListImports::new(self.connection).page(self.part.page());
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "imports",
            ["IMPORT", "FILES", "CREATED"],
            |import: &Import| {
                [
                    import.id.to_string(),
                    cell(import.item_count.as_ref()),
                    cell(import.created_at.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
