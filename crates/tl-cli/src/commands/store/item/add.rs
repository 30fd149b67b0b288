//! `tl store item add`.

use clap::Args;
use serde_json::json;
use tl_model::NewStoreItem;

use crate::args::metadata::MetadataArgs;
use crate::args::{ids, named};
use crate::batch::repeated::{RepeatedFailures, not_tried};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl store item add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Video and image assets; `-` reads ids from standard input, one per line
    #[arg(value_name = "ASSET", required = true)]
    assets: Vec<String>,
    #[command(flatten)]
    metadata: MetadataArgs,
}

impl Add {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let assets = ids::read(&self.assets)?;
        let metadata = self.metadata.read()?;
        let output = &context.output;
        let exits = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            let shared = RepeatedFailures::default();
            let mut exits: Vec<Exit> = Vec::new();
            for asset in &assets {
                let mut item = NewStoreItem::new(asset.as_str());
                item.metadata.clone_from(&metadata);
                let stop = exits.iter().copied().find(|exit| exit.stops_run());
                let result = match stop {
                    Some(exit) => Err(not_tried(exit)),
                    None => {
                        let created = client.store_items().create(store.clone(), item).await;
                        created.map_err(Failure::from)
                    }
                };
                exits.push(match result {
                    Ok(created) => {
                        output.json(&created);
                        output.line(&if output.is_quiet() {
                            created.id.to_string()
                        } else {
                            format!("added asset {asset} as item {}", created.id)
                        });
                        Exit::Ok
                    }
                    Err(failure) if assets.len() == 1 => return Err(failure),
                    Err(failure) => {
                        let message = format!("asset {asset}: {}", failure.message());
                        let failure = failure.with_message(message);
                        output.json(&json!({"id": asset, "error": failure.to_json()}));
                        shared.report(output, &failure);
                        failure.exit()
                    }
                });
            }
            shared.finish(output);
            Ok(exits)
        })?;
        Ok(Exit::of_items(&exits))
    }
}
