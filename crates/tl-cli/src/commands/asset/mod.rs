//! `tl asset`: assets.

use clap::{Args, Subcommand};
use tl_model::{Asset, AssetId, AssetType};
use tl_protocol::endpoint::{DeleteAsset, GetAsset, ListAssets};

use crate::args::ids;
use crate::args::pages::PartArgs;
use crate::args::wait::WaitArgs;
use crate::batch::deletion::Deletion;
use crate::batch::wait::{WaitTarget, wait_for_all};
use crate::batch::wait_hint::{self};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_bytes;
use crate::text::units::format_seconds;
use crate::ui::confirm::Confirm;
use crate::ui::table;
use crate::ui::table::cell;

/// `tl asset` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum AssetCommand {
    /// List assets, newest first
    List(AssetList),
    /// Show one asset
    Get {
        /// Asset id
        #[arg(value_name = "ASSET")]
        id: AssetId,
    },
    /// Wait until assets are ready for indexing
    Wait {
        /// Asset ids; `-` reads ids from standard input, one per line
        #[arg(value_name = "ASSET", required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Delete assets
    Delete {
        /// Asset ids; `-` reads ids from standard input, one per line
        #[arg(value_name = "ASSET", required = true)]
        ids: Vec<String>,
        /// Also delete assets that have been indexed
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// `tl asset list`.
#[derive(Debug, Args)]
pub(crate) struct AssetList {
    /// Filter by type: video, audio, image or document. Repeatable
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<AssetType>,
    /// Filter by a part of the file name, ignoring case
    #[arg(long, value_name = "TEXT")]
    filename: Option<String>,
    #[command(flatten)]
    part: PartArgs,
}

impl AssetCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.run(context),
            Self::Get { id } => get(context, id),
            Self::Wait { ids, wait } => {
                let ids = ids::read(&ids)?;
                let all: Vec<_> = ids.into_iter().map(|id| target(id.into())).collect();
                wait_for_all(&all, context, &wait.policy())
            }
            Self::Delete {
                ids,
                force,
                confirm,
            } => delete(context, ids::read(&ids)?, force, &confirm),
        }
    }
}

impl AssetList {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListAssets {
            page: self.part.page(),
            asset_ids: Vec::new(),
            asset_types: self.types,
            filename: self.filename,
        };
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "assets",
            ["ASSET", "STATUS", "SIZE", "DURATION", "CREATED", "FILE"],
            |asset: &Asset| {
                [
                    asset.id.to_string(),
                    cell(asset.status.as_ref()),
                    asset.size.map_or_else(String::new, format_bytes),
                    format_seconds(asset.duration),
                    cell(asset.created_at.as_ref()),
                    asset.filename.clone().unwrap_or_default(),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}

/// Formats an asset.
fn details(asset: &Asset) -> String {
    table::pairs(&[
        ("asset", Some(asset.id.to_string())),
        ("status", asset.status.as_ref().map(ToString::to_string)),
        ("reason", asset.failure_reason().map(str::to_owned)),
        ("method", asset.method.as_ref().map(ToString::to_string)),
        ("file", asset.filename.clone()),
        ("type", asset.file_type.clone()),
        ("size", asset.size.map(format_bytes)),
        (
            "duration",
            asset.duration.map(|value| format_seconds(Some(value))),
        ),
        (
            "created",
            asset.created_at.as_ref().map(ToString::to_string),
        ),
    ])
}

fn get(context: &Context, id: AssetId) -> Result<Exit, Failure> {
    let asset = context.call(async |client| Ok(client.assets().get(id).await?))?;
    context.output.json(&asset);
    context.output.line(&details(&asset));
    Ok(Exit::Ok)
}

fn target(asset_id: AssetId) -> WaitTarget<GetAsset> {
    WaitTarget {
        noun: "asset",
        command: wait_hint::asset_command(&asset_id),
        endpoint: GetAsset { asset_id },
        quiet: |asset| asset.id.to_string(),
        details,
    }
}

fn delete(
    context: &Context,
    ids: Vec<String>,
    force: bool,
    confirm: &Confirm,
) -> Result<Exit, Failure> {
    let deletion = Deletion {
        nouns: ("asset", "assets"),
        suffix: String::new(),
        ids,
    };
    deletion.run(context, confirm, &async |client, id| {
        let deleted = client
            .assets()
            .delete(DeleteAsset::new(id).force(force))
            .await;
        deleted.map_err(|error| {
            let is_in_use = error.status() == Some(409);
            let failure = Failure::from(error);
            if is_in_use && !force {
                return failure.hint(format!(
                    "run `tl asset delete {id} --force` to delete it anyway"
                ));
            }
            failure
        })
    })
}
