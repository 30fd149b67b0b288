//! `tl upload list`: local checkpoints and open upload sessions of the account.

use clap::Args;
use serde::Serialize;
use tl_client::checkpoint::Checkpoint;
use tl_model::IncompleteUpload;
use tl_protocol::endpoint::{ListUploads, PageRequest};

use super::time::format_time;
use crate::args::upload::CheckpointArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_bytes;
use crate::ui::table;

/// `tl upload list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// List only local checkpoints, without a request to the platform
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    folder: CheckpointArgs,
}

/// An interrupted upload: a checkpoint, a session, or both.
#[derive(Debug, Default, Serialize)]
struct Row {
    /// `resumable`, `in_use`, `uploaded`, `gone`, `unusable`, or `elsewhere`.
    state: &'static str,
    checkpoint: Option<String>,
    upload_id: Option<String>,
    asset_id: Option<String>,
    index_id: Option<String>,
    source: Option<String>,
    base_url: Option<String>,
    sent_bytes: Option<u64>,
    total_bytes: Option<u64>,
    sent_chunks: Option<u32>,
    total_chunks: Option<u32>,
    expires_at: Option<String>,
    /// Why the checkpoint is unusable.
    why: Option<String>,
}

impl Row {
    /// Row of a checkpoint; `open` contains the sessions of the account if they were requested.
    fn of_checkpoint(kept: &Checkpoint, open: Option<&[IncompleteUpload]>, base_url: &str) -> Self {
        let row = Self {
            checkpoint: Some(kept.id.clone()),
            ..Self::default()
        };
        let upload = match &kept.upload {
            Ok(upload) => upload,
            Err(why) => {
                return Self {
                    state: "unusable",
                    why: Some(why.clone()),
                    ..row
                };
            }
        };
        let is_open = |open: &[IncompleteUpload]| {
            open.iter()
                .any(|remote| Some(&remote.upload_id) == upload.upload_id.as_ref())
        };
        let state = match open {
            _ if kept.in_use => "in_use",
            _ if upload.asset_id.is_some() => "uploaded",
            // Sessions of other base URLs are not in the list.
            Some(open) if upload.base_url == base_url && !is_open(open) => "gone",
            _ => "resumable",
        };
        Self {
            state,
            upload_id: upload.upload_id.as_ref().map(ToString::to_string),
            asset_id: upload.asset_id.as_ref().map(ToString::to_string),
            index_id: upload.index_id.as_ref().map(ToString::to_string),
            source: Some(upload.source.to_string_lossy().into_owned()),
            base_url: Some(upload.base_url.clone()),
            sent_bytes: Some(upload.sent_bytes),
            total_bytes: Some(upload.total_bytes),
            sent_chunks: Some(upload.sent_chunks),
            total_chunks: Some(upload.total_chunks),
            expires_at: upload.expires.and_then(format_time),
            ..row
        }
    }

    /// Row of a session without a checkpoint.
    fn of_session(remote: &IncompleteUpload) -> Self {
        Self {
            state: "elsewhere",
            upload_id: Some(remote.upload_id.to_string()),
            total_bytes: remote.total_size,
            total_chunks: remote.total_chunks,
            expires_at: remote.expires_at.as_ref().map(ToString::to_string),
            ..Self::default()
        }
    }

    fn cells(&self) -> [String; 6] {
        let sent = match (self.sent_bytes, self.total_bytes) {
            (Some(sent), Some(total)) => {
                format!("{} of {}", format_bytes(sent), format_bytes(total))
            }
            (None, Some(total)) => format!("of {}", format_bytes(total)),
            _ => String::new(),
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let last = match &self.why {
            Some(why) => why.clone(),
            None => text(&self.source),
        };
        [
            text(&self.checkpoint),
            text(&self.upload_id),
            self.state.to_owned(),
            sent,
            text(&self.expires_at),
            last,
        ]
    }
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let kept = self.folder.open()?.list()?;
        let open = if self.local {
            None
        } else {
            let list = ListUploads::default()
                .page(PageRequest::default().with_page(1).with_page_limit(50));
            Some(context.call(async |client| {
                let mut pages = client.pages(list);
                let mut open = Vec::new();
                while let Some(page) = pages.next_page().await {
                    open.extend(page?.data);
                }
                Ok(open)
            })?)
        };
        let base_url = context.connection.address();
        let mut rows: Vec<Row> = kept
            .iter()
            .map(|kept| Row::of_checkpoint(kept, open.as_deref(), base_url))
            .collect();
        let ours = |remote: &&IncompleteUpload| {
            !kept.iter().any(|kept| {
                let session = kept
                    .upload
                    .as_ref()
                    .ok()
                    .and_then(|upload| upload.upload_id.as_ref());
                session == Some(&remote.upload_id)
            })
        };
        rows.extend(open.iter().flatten().filter(ours).map(Row::of_session));
        context.output.json(&rows);
        if rows.is_empty() {
            context.output.note("no interrupted uploads");
            return Ok(Exit::Ok);
        }
        let cells: Vec<[String; 6]> = rows.iter().map(Row::cells).collect();
        if context.output.is_quiet() {
            for row in &rows {
                let id = row.checkpoint.as_ref().or(row.upload_id.as_ref());
                context.output.line(id.map_or("", String::as_str));
            }
        } else {
            let headings = ["CHECKPOINT", "SESSION", "STATE", "SENT", "EXPIRES", "FILE"];
            context.output.line(&table::render(headings, &cells));
        }
        Ok(Exit::Ok)
    }
}
