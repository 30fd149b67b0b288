//! `tl index get`.

use clap::Args;

use super::view::{length, models};
use crate::args::index_ref::IndexRef;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// `tl index get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Index id or name
    #[arg(value_name = "INDEX")]
    index: IndexRef,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let index = context.call(async |client| self.index.get(client).await)?;
        context.output.json(&index);
        context.output.line(&table::pairs(&[
            ("index", Some(index.id.to_string())),
            ("name", index.index_name.clone()),
            ("models", Some(models(&index))),
            ("videos", index.video_count.map(|count| count.to_string())),
            ("duration", length(&index)),
            (
                "created",
                index.created_at.as_ref().map(ToString::to_string),
            ),
            (
                "updated",
                index.updated_at.as_ref().map(ToString::to_string),
            ),
            (
                "expires",
                index.expires_at.as_ref().map(ToString::to_string),
            ),
        ]));
        Ok(Exit::Ok)
    }
}
