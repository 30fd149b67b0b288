//! `tl connection get`.

use clap::Args;
use tl_model::ConnectionId;

use super::view::details;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl connection get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Connection id
    #[arg(value_name = "CONNECTION")]
    id: ConnectionId,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection =
            context.call(async |client| Ok(client.connections().get(self.id).await?))?;
        context.output.json(&connection);
        context.output.line(&details(&connection));
        Ok(Exit::Ok)
    }
}
