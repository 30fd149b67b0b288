//! `tl asset delete`.

use clap::Args;
use tl_protocol::endpoint::DeleteAsset;

use crate::args::ids;
use crate::batch::deletion::Deletion;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;

/// `tl asset delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Asset ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "ASSET", required = true)]
    ids: Vec<String>,
    /// Also delete assets that have been indexed
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let deletion = Deletion {
            nouns: ("asset", "assets"),
            suffix: String::new(),
            ids: ids::read(&self.ids)?,
        };
        deletion.run(context, &self.confirm, &async |client, id| {
            let deleted = client
                .assets()
                .delete(DeleteAsset::new(id).force(self.force.then_some(true)))
                .await;
            deleted.map_err(|error| {
                let is_in_use = error.status() == Some(409);
                let failure = Failure::from(error);
                if is_in_use && !self.force {
                    return failure.hint(format!(
                        "run `tl asset delete {id} --force` to delete it anyway"
                    ));
                }
                failure
            })
        })
    }
}
