//! `tl upload abandon`: deletes local checkpoints.

use clap::Args;
use serde_json::json;
use tl_client::checkpoint::{Checkpoint, CheckpointInfo};

use super::time::format_time;
use crate::args::upload::CheckpointArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// `tl upload abandon`.
#[derive(Debug, Args)]
pub(crate) struct Abandon {
    /// Checkpoint or session ids from `tl upload list`
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<String>,
    /// Delete all local checkpoints that are not in use
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    folder: CheckpointArgs,
}

impl Abandon {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let checkpoints = self.folder.open()?;
        let ids = if self.all {
            let list = checkpoints.list()?;
            let idle = list.into_iter().filter(|kept| !kept.in_use);
            idle.map(|kept| kept.id).collect()
        } else {
            self.ids
        };
        let mut exits = Vec::new();
        for id in &ids {
            match checkpoints.abandon(id) {
                Ok(kept) => {
                    abandoned(context, &kept);
                    exits.push(Exit::Ok);
                }
                Err(error) => {
                    let failure =
                        Failure::from(error).hint("`tl upload list` shows the local checkpoints");
                    if let [_] = &ids[..] {
                        return Err(failure);
                    }
                    context.output.failure(&failure);
                    exits.push(failure.exit());
                }
            }
        }
        if ids.is_empty() {
            context.output.note("no local checkpoints");
        }
        Ok(Exit::of_items(&exits))
    }
}

fn abandoned(context: &Context, kept: &Checkpoint) {
    let upload = kept.upload.as_ref().ok();
    let session = upload.and_then(|upload| upload.upload_id.as_ref());
    context.output.json(&json!({
        "abandoned": kept.id,
        "upload_id": session,
        "asset_id": upload.and_then(|upload| upload.asset_id.as_ref()),
        "source": upload.map(|upload| &upload.source),
        "expires_at": upload.and_then(|upload| upload.expires).and_then(format_time),
    }));
    if context.output.is_quiet() {
        return context.output.line(&kept.id);
    }
    let Some(upload) = upload else {
        return context.output.line(&format!(
            "checkpoint {} was unusable; it was renamed and kept in its directory",
            kept.id
        ));
    };
    context.output.line(&format!(
        "abandoned the upload of {}",
        plain_line(&upload.source.to_string_lossy())
    ));
    context.output.note(&remaining_at_platform(upload));
}

/// What remains at the platform.
fn remaining_at_platform(upload: &CheckpointInfo) -> String {
    match (
        &upload.asset_id,
        &upload.upload_id,
        upload.expires.and_then(format_time),
    ) {
        (Some(asset), _, _) => format!(
            "asset {asset} remains on the platform; run `tl asset delete {asset}` to delete it"
        ),
        (None, Some(session), Some(at)) => {
            format!("the platform closes session {session} automatically at {at}")
        }
        // A request was about to be sent and its outcome is unknown.
        _ => "the platform may have created an asset; check with `tl asset list`".to_owned(),
    }
}
