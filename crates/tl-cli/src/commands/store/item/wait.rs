//! `tl store item wait`.

use clap::Args;
use tl_protocol::endpoint::GetStoreItem;

use crate::args::wait::WaitArgs;
use crate::args::{ids, named};
use crate::batch::wait::{WaitTarget, wait_for_all};
use crate::commands::store::view;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl store item wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Item ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "ITEM", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    wait: WaitArgs,
}

impl Wait {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ids = ids::read(&self.ids)?;
        let store = context.call(async |client| named::store(client, &self.store).await)?;
        let all: Vec<_> = ids
            .into_iter()
            .map(|id| WaitTarget {
                noun: "item",
                command: format!("tl store item wait {store} {id}"),
                endpoint: GetStoreItem::new(store.clone(), id),
                quiet: |item| item.id.to_string(),
                details: view::item,
            })
            .collect();
        wait_for_all(&all, context, &self.wait.policy())
    }
}
