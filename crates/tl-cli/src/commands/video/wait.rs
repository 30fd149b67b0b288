//! `tl video wait`.

use clap::Args;
use tl_client::Client;
use tl_model::{IndexId, IndexedAsset, IndexedAssetStatus, Timestamp, VideoId};
use tl_protocol::endpoint::{GetIndexedAsset, ListIndexedAssets, PageRequest};

use crate::args::ids;
use crate::args::index_ref::IndexRef;
use crate::args::wait::WaitArgs;
use crate::batch::wait::{WaitTarget, wait_for_all};
use crate::batch::wait_hint;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_seconds;
use crate::ui::table;

/// `tl video wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Video ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "VIDEO", required_unless_present = "all")]
    ids: Vec<String>,
    /// Index that contains the videos
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
    /// Wait for every video in the index that is neither ready nor failed
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

impl Wait {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ids = ids::read(&self.ids)?;
        let (index, ids) = context.call(async |client| {
            let index = self.index.resolve(client).await?;
            let ids = if self.all {
                unfinished(client, &index).await?
            } else {
                ids
            };
            Ok((index, ids))
        })?;
        if ids.is_empty() {
            context.output.note("no videos to wait for");
            return Ok(Exit::Ok);
        }
        let all: Vec<_> = ids
            .into_iter()
            .map(|id| target(&id.as_str().into(), &index))
            .collect();
        wait_for_all(&all, context, &self.wait.policy())
    }
}

/// Returns the videos in the index whose indexing has not ended.
async fn unfinished(client: &Client, index: &IndexId) -> Result<Vec<String>, Failure> {
    let mut pages = client.pages(
        ListIndexedAssets::new(index.clone())
            .page(PageRequest::default().with_page(1).with_page_limit(50))
            .status(
                IndexedAssetStatus::KNOWN
                    .iter()
                    .filter(|status| !status.is_terminal())
                    .cloned()
                    .collect::<Vec<_>>(),
            ),
    );
    let mut ids = Vec::new();
    while let Some(page) = pages.next_page().await {
        ids.extend(page?.data.into_iter().map(|indexed| indexed.id.to_string()));
    }
    Ok(ids)
}

/// Wait target of a video: the platform gives a video the id of its indexed asset.
fn target(id: &VideoId, index: &IndexId) -> WaitTarget<GetIndexedAsset> {
    WaitTarget {
        noun: "video",
        command: wait_hint::video_command(id, index),
        endpoint: GetIndexedAsset::new(index.clone(), id.as_str()),
        quiet: |indexed| indexed.id.to_string(),
        details,
    }
}

/// Formats an indexed video.
fn details(indexed: &IndexedAsset) -> String {
    let system = indexed.system_metadata.as_ref();
    let format = |time: Option<&Timestamp>| time.map(ToString::to_string);
    table::pairs(&[
        ("video", Some(indexed.id.to_string())),
        ("status", indexed.status.as_ref().map(ToString::to_string)),
        ("asset", indexed.asset_id.as_ref().map(ToString::to_string)),
        ("file", system.and_then(|system| system.filename.clone())),
        (
            "duration",
            system
                .and_then(|system| system.duration)
                .map(|value| format_seconds(Some(value))),
        ),
        ("created", format(indexed.created_at.as_ref())),
        ("indexed", format(indexed.indexed_at.as_ref())),
    ])
}
