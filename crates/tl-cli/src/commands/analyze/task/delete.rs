//! `tl analyze task delete`.

use clap::Args;

use crate::args::ids;
use crate::batch::deletion::Deletion;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::confirm::Confirm;

/// `tl analyze task delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Task ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "TASK", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    confirm: Confirm,
}

impl Delete {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let deletion = Deletion {
            nouns: ("analysis task", "analysis tasks"),
            suffix: String::new(),
            ids: ids::read(&self.ids)?,
        };
        deletion.run(context, &self.confirm, &async |client, id| {
            let deleted = client.analyze_tasks().delete(id).await;
            deleted.map_err(|error| {
                let is_active = error.status() == Some(409);
                let failure = Failure::from(error);
                match is_active {
                    true => failure.hint(format!(
                        "wait until it ends, or cancel it: tl analyze task cancel {id}"
                    )),
                    false => failure,
                }
            })
        })
    }
}
