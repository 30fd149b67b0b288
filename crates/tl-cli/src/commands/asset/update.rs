//! `tl asset update`.

use clap::Args;
use serde_json::json;
use tl_model::AssetId;

use crate::args::metadata::MetadataArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// `tl asset update`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --replace and --clear, the given keys are set and all others stay.")]
pub(crate) struct Update {
    /// Asset id
    #[arg(value_name = "ASSET")]
    id: AssetId,
    #[command(flatten)]
    metadata: MetadataArgs,
    /// Delete this key. Repeatable
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// Delete all keys that are not given
    #[arg(long, conflicts_with = "unset")]
    replace: bool,
    /// Delete all metadata
    #[arg(long, conflicts_with_all = ["unset", "replace", "metadata", "metadata_json"])]
    clear: bool,
}

impl Update {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let nothing = || {
            Failure::usage("nothing to change")
                .hint("pass --metadata KEY=VALUE, --metadata-json OBJECT, --unset KEY or --clear")
        };
        let id = self.id.clone();
        if self.clear {
            context.call(async |client| Ok(client.assets().clear_metadata(id).await?))?;
        } else if self.replace {
            let metadata = self.metadata.read()?.ok_or_else(nothing)?;
            context
                .call(async |client| Ok(client.assets().replace_metadata(id, metadata).await?))?;
        } else {
            let patch = self.metadata.patch(self.unset)?;
            if patch.is_empty() {
                return Err(nothing());
            }
            context.call(async |client| Ok(client.assets().update_metadata(id, patch).await?))?;
        }
        context.output.json(&json!({ "updated": self.id }));
        context.output.line(&if context.output.is_quiet() {
            self.id.to_string()
        } else {
            format!("updated asset {}", self.id)
        });
        Ok(Exit::Ok)
    }
}
