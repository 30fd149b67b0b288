//! `tl store collection items`, `add` and `remove`.

use clap::Args;
use serde_json::json;
use tl_model::{StoreItem, StoreItemId};
use tl_protocol::endpoint::ListCollectionItems;

use crate::args::pages::PartArgs;
use crate::args::{ids, named};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;
use crate::ui::table::cell;

/// Maximum number of items per request (API description of July 2026).
const MAX_ITEMS: usize = 500;

/// `tl store collection items`.
#[derive(Debug, Args)]
pub(crate) struct Items {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Collection id or name
    #[arg(value_name = "COLLECTION")]
    collection: String,
    #[command(flatten)]
    part: PartArgs,
}

impl Items {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let listed = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            let id = named::item_collection(client, &store, &self.collection).await?;
            let list = ListCollectionItems::new(store, id).page(self.part.page());
            self.part.fetch(client, list).await
        })?;
        listed.show(
            &context.output,
            "items",
            ["ITEM", "STATUS", "TYPE", "ASSET"],
            |item: &StoreItem| {
                [
                    item.id.to_string(),
                    cell(item.status.as_ref()),
                    cell(item.asset_type.as_ref()),
                    cell(item.asset_id.as_ref()),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}

/// A collection and items.
#[derive(Debug, Args)]
struct Members {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Collection id or name
    #[arg(value_name = "COLLECTION")]
    collection: String,
    /// Item ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "ITEM", required = true)]
    items: Vec<String>,
}

/// `tl store collection add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    members: Members,
}

/// `tl store collection remove`.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    members: Members,
}

impl Add {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.members.change(context, true)
    }
}

impl Remove {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.members.change(context, false)
    }
}

impl Members {
    /// Adds or removes the items, in as few requests as possible.
    fn change(self, context: &Context, add: bool) -> Result<Exit, Failure> {
        let items = ids::read(&self.items)?;
        let id = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            let id = named::item_collection(client, &store, &self.collection).await?;
            for part in items.chunks(MAX_ITEMS) {
                let part: Vec<StoreItemId> = part.iter().map(|id| id.as_str().into()).collect();
                let (store, of) = (store.clone(), client.item_collections());
                if add {
                    of.add_items(store, id.clone(), part).await?;
                } else {
                    of.remove_items(store, id.clone(), part).await?;
                }
            }
            Ok(id)
        })?;
        let (key, words) = if add {
            ("added", "added to")
        } else {
            ("removed", "removed from")
        };
        context
            .output
            .json(&json!({ key: items, "collection": id }));
        context.output.line(&if context.output.is_quiet() {
            id.to_string()
        } else {
            let items = pluralize(items.len(), "item", "items");
            format!("{items} {words} item collection {id}")
        });
        Ok(Exit::Ok)
    }
}
