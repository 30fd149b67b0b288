//! `tl connection list`.

use clap::Args;
use tl_model::Connection;
use tl_protocol::endpoint::ListConnections;

use crate::args::pages::PartArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl connection list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    part: PartArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListConnections::default().page(self.part.page());
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "connections",
            ["CONNECTION", "STATUS", "PROVIDER", "CONNECTED", "CUSTOM ID"],
            |connection: &Connection| {
                [
                    connection.id.to_string(),
                    cell(connection.status.as_ref()),
                    cell(connection.provider.as_ref()),
                    cell(connection.connected_at.as_ref()),
                    cell(connection.custom_id.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
