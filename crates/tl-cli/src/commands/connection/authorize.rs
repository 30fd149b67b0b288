//! `tl connection authorize`.

use clap::Args;
use tl_model::{AssetSourceProvider, NewConnection};

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// `tl connection authorize`.
#[derive(Debug, Args)]
pub(crate) struct Authorize {
    /// URI to which the browser returns with connection_id or error
    #[arg(long, value_name = "URI")]
    redirect_uri: String,
    /// Label the connection; it need not be unique
    #[arg(long, value_name = "TEXT")]
    custom_id: Option<String>,
    /// Data provider
    #[arg(long, value_name = "NAME", default_value = "google_drive")]
    provider: AssetSourceProvider,
}

impl Authorize {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut connection = NewConnection::new(self.provider, self.redirect_uri);
        connection.custom_id = self.custom_id;
        let started =
            context.call(async |client| Ok(client.connections().authorize(connection).await?))?;
        context.output.json(&started);
        context.output.line(&plain_line(&started.authorize_url));
        context
            .output
            .note("open this address in a browser to grant access");
        Ok(Exit::Ok)
    }
}
