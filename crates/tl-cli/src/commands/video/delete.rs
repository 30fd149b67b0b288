//! `tl video delete`.

use clap::Args;

use crate::args::ids;
use crate::args::index_ref::IndexRef;
use crate::batch::deletion::Deletion;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;

/// `tl video delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Video ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "VIDEO", required = true)]
    ids: Vec<String>,
    /// Index that contains the videos
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ids = ids::read(&self.ids)?;
        let index = context.call(async |client| self.index.resolve(client).await)?;
        let deletion = Deletion {
            nouns: ("video", "videos"),
            suffix: format!(" of index {index}"),
            ids,
        };
        deletion.run(context, &self.confirm, &async |client, id| {
            Ok(client.videos().delete(index.clone(), id).await?)
        })
    }
}
