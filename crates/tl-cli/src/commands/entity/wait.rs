//! `tl entity wait`.

use clap::Args;
use tl_protocol::endpoint::GetEntity;

use super::view::details;
use crate::args::ids;
use crate::args::named;
use crate::args::wait::WaitArgs;
use crate::batch::wait::{WaitTarget, wait_for_all};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl entity wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Entity ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "ENTITY", required = true)]
    ids: Vec<String>,
    /// Collection that contains the entities
    #[arg(long, short, value_name = "ID|NAME")]
    collection: String,
    #[command(flatten)]
    wait: WaitArgs,
}

impl Wait {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ids = ids::read(&self.ids)?;
        let collection = context
            .call(async |client| named::entity_collection(client, &self.collection).await)?;
        let all: Vec<_> = ids
            .into_iter()
            .map(|id| WaitTarget {
                noun: "entity",
                command: format!("tl entity wait {id} --collection {collection}"),
                endpoint: GetEntity::new(collection.clone(), id),
                quiet: |entity| entity.id.to_string(),
                details,
            })
            .collect();
        wait_for_all(&all, context, &self.wait.policy())
    }
}
