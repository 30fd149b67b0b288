//! `tl connection delete`.

use clap::Args;

use crate::args::ids;
use crate::batch::deletion::Deletion;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;

/// `tl connection delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Connection ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "CONNECTION", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let deletion = Deletion {
            nouns: ("connection", "connections"),
            suffix: String::new(),
            ids: ids::read(&self.ids)?,
        };
        deletion.run(context, &self.confirm, &async |client, id| {
            Ok(client.connections().delete(id).await?)
        })
    }
}
