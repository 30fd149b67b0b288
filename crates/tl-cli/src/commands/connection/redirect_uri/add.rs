//! `tl connection redirect-uri add`.

use clap::Args;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// `tl connection redirect-uri add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// URI with https, a public host and no wildcard
    #[arg(value_name = "URI")]
    uri: String,
}

impl Add {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let uri = self.uri.as_str();
        // Documented; whether the host is public is for the platform to decide.
        if !uri.starts_with("https://") || uri.contains('*') {
            return Err(Failure::usage(format!(
                "`{uri}` is not a redirect URI: it must use https and have no wildcard"
            ))
            .hint("pass an https URI of a public host"));
        }
        let added = context.call(async |client| Ok(client.redirect_uris().create(uri).await?))?;
        context.output.json(&added);
        context.output.line(&if context.output.is_quiet() {
            added.id.to_string()
        } else {
            format!("registered redirect URI {} ({})", added.id, plain_line(uri))
        });
        Ok(Exit::Ok)
    }
}
