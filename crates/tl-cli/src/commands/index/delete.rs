//! `tl index delete`.

use clap::Args;
use tl_client::Client;
use tl_model::Index;

use crate::args::ids;
use crate::args::index_ref::IndexRef;
use crate::batch::deletion::{Deletion, not_deleted};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;
use crate::ui::escape::plain_line;

/// `tl index delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Index ids or names; `-` reads them from standard input, one per line
    #[arg(value_name = "INDEX", required = true)]
    indexes: Vec<String>,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let words = ids::read(&self.indexes)?;
        let confirm = &self.confirm;
        let resolve = |word: &str| IndexRef::from(word);
        let deletion = |ids: Vec<String>| Deletion {
            nouns: ("index", "indexes"),
            suffix: " with all videos".to_owned(),
            ids,
        };
        let delete = async |client: &Client, word: &str| {
            let id = resolve(word).resolve(client).await?;
            Ok(client.indexes().delete(id).await?)
        };
        let [only] = &words[..] else {
            return deletion(words).run(context, confirm, &delete);
        };
        let what = format!("index {only} with all its videos");
        if !confirm.needs_prompt(&what)? {
            return deletion(words).run(context, confirm, &delete);
        }
        // Show what would be deleted in the prompt.
        let index = context.call(async |client| resolve(only).get(client).await)?;
        let what = format!(
            "index {} ({}) with its {}",
            index.id,
            plain_line(index.index_name.as_deref().unwrap_or("without a name")),
            videos(&index)
        );
        if !Confirm::ask(&what) {
            return Ok(not_deleted(context, &what));
        }
        deletion(vec![index.id.to_string()]).run(context, &Confirm { yes: true }, &delete)
    }
}

/// Formats the number of videos in an index.
fn videos(index: &Index) -> String {
    let number = index.video_count.unwrap_or_default().to_string();
    let noun = if number == "1" { "video" } else { "videos" };
    format!("{number} {noun}")
}
