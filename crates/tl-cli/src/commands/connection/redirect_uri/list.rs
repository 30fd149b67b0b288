//! `tl connection redirect-uri list`.

use clap::Args;
use tl_model::RedirectUri;
use tl_protocol::endpoint::ListRedirectUris;

use crate::args::pages::PartArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table::cell;

/// `tl connection redirect-uri list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    part: PartArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListRedirectUris::default().page(self.part.page());
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "redirect URIs",
            ["ID", "CREATED", "URI"],
            |uri: &RedirectUri| {
                [
                    uri.id.to_string(),
                    cell(uri.created_at.as_ref()),
                    cell(uri.redirect_uri.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
