//! `tl video`: the videos in an index.

mod list;

use clap::{Args, Subcommand};
use serde_json::json;
use tl_client::Client;
use tl_model::{
    IndexId, IndexedAsset, IndexedAssetStatus, MetadataPatch, Timestamp, Video, VideoId,
};
use tl_protocol::endpoint::{
    GetIndexedAsset, GetVideo, ListIndexedAssets, NumberFilter, PageRequest,
};

use crate::args::ids;
use crate::args::index_ref::IndexRef;
use crate::args::metadata::MetadataArgs;
use crate::args::number_filter;
use crate::args::pages::PageArgs;
use crate::args::time;
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

/// `tl video` and its subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum VideoCommand {
    /// List the videos in an index, newest first
    List(Box<VideoList>),
    /// Show one video
    Get(VideoArgs),
    /// Wait until videos are indexed
    Wait(Wait),
    /// Update the user metadata of a video
    Update(Update),
    /// Delete videos from their index
    Delete {
        #[command(flatten)]
        args: VideosArgs,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// A video id and its index.
#[derive(Debug, Args)]
pub(crate) struct VideoArgs {
    /// Video id
    #[arg(value_name = "VIDEO")]
    id: VideoId,
    /// Index that contains the video
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
}

/// Video ids and their index.
#[derive(Debug, Args)]
pub(crate) struct VideosArgs {
    /// Video ids; `-` reads ids from standard input, one per line
    #[arg(value_name = "VIDEO", required = true)]
    ids: Vec<String>,
    /// Index that contains the videos
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
}

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

/// `tl video update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    args: VideoArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    /// Delete this key. Repeatable
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
}

/// `tl video list`.
#[derive(Debug, Args)]
pub(crate) struct VideoList {
    /// Index to list
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
    /// Filter by status: validating, pending, queued, indexing, ready or failed. Repeatable
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<IndexedAssetStatus>,
    /// Filter by file name
    #[arg(long, value_name = "NAME")]
    filename: Option<String>,
    /// Filter by duration in seconds: a number or a range, e.g. 10..60
    #[arg(long, value_name = "RANGE", value_parser = number_filter::parse, allow_hyphen_values = true)]
    duration: Option<NumberFilter>,
    /// Filter by frame rate: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = number_filter::parse, allow_hyphen_values = true)]
    fps: Option<NumberFilter>,
    /// Filter by width in pixels: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = number_filter::parse, allow_hyphen_values = true)]
    width: Option<NumberFilter>,
    /// Filter by height in pixels: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = number_filter::parse, allow_hyphen_values = true)]
    height: Option<NumberFilter>,
    /// Filter by size in bytes: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = number_filter::parse, allow_hyphen_values = true)]
    size: Option<NumberFilter>,
    /// Filter by metadata; use KEY:=JSON for a number or a boolean. Repeatable
    #[arg(long = "metadata", short = 'm', value_name = "KEY=VALUE")]
    metadata: Vec<String>,
    /// Filter by creation time: this time or later
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    created_after: Option<Timestamp>,
    /// Filter by update time: this time or later
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    updated_after: Option<Timestamp>,
    #[command(flatten)]
    page: PageArgs,
}

impl VideoCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.run(context),
            Self::Get(args) => get(context, args),
            Self::Wait(wait) => wait.run(context),
            Self::Update(update) => update.run(context),
            Self::Delete { args, confirm } => args.delete(context, &confirm),
        }
    }
}

fn frame(video: &Video) -> Option<String> {
    let system = video.system_metadata()?;
    Some(format!("{}x{}", system.width?, system.height?))
}

fn get(context: &Context, args: VideoArgs) -> Result<Exit, Failure> {
    let video = context.call(async |client| {
        let index = args.index.resolve(client).await?;
        Ok(client.videos().get(GetVideo::new(index, args.id)).await?)
    })?;
    context.output.json(&video);
    let system = video.system_metadata();
    context.output.line(&table::pairs(&[
        ("video", Some(video.id.to_string())),
        ("file", system.and_then(|system| system.filename.clone())),
        (
            "duration",
            system
                .and_then(|system| system.duration)
                .map(|value| format_seconds(Some(value))),
        ),
        ("resolution", frame(&video)),
        (
            "size",
            system
                .and_then(|system| system.size)
                .map(|bytes| format_bytes(bytes as u64)),
        ),
        (
            "metadata",
            video.user_metadata.as_ref().map(ToString::to_string),
        ),
        (
            "created",
            video.created_at.as_ref().map(ToString::to_string),
        ),
        (
            "indexed",
            video.indexed_at.as_ref().map(ToString::to_string),
        ),
        (
            "updated",
            video.updated_at.as_ref().map(ToString::to_string),
        ),
        (
            "stream",
            video.hls.as_ref().and_then(|hls| hls.video_url.clone()),
        ),
    ]));
    Ok(Exit::Ok)
}

impl Wait {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
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

impl VideosArgs {
    fn delete(self, context: &Context, confirm: &Confirm) -> Result<Exit, Failure> {
        let ids = ids::read(&self.ids)?;
        let index = context.call(async |client| self.index.resolve(client).await)?;
        let deletion = Deletion {
            nouns: ("video", "videos"),
            suffix: format!(" of index {index}"),
            ids,
        };
        deletion.run(context, confirm, &async |client, id| {
            Ok(client.videos().delete(index.clone(), id).await?)
        })
    }
}

/// Returns the videos in the index whose indexing has not ended.
async fn unfinished(client: &Client, index: &IndexId) -> Result<Vec<String>, Failure> {
    let mut pages = client.pages(ListIndexedAssets {
        page: PageRequest {
            page: Some(1),
            page_limit: Some(50),
        },
        status: IndexedAssetStatus::KNOWN
            .iter()
            .filter(|status| !status.is_terminal())
            .cloned()
            .collect(),
        ..ListIndexedAssets::new(index.clone())
    });
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

impl Update {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut patch = self
            .metadata
            .read()?
            .map(MetadataPatch::from)
            .unwrap_or_default();
        for key in self.unset {
            if patch.iter().any(|(set, _)| *set == key) {
                return Err(
                    Failure::usage(format!("metadata key `{key}` is both set and unset"))
                        .hint("omit one of the two"),
                );
            }
            patch.delete(key);
        }
        if patch.is_empty() {
            return Err(Failure::usage("nothing to change")
                .hint("pass --metadata KEY=VALUE, --metadata-json OBJECT or --unset KEY"));
        }
        let VideoArgs { id, index } = self.args;
        context.call(async |client| {
            let index = index.resolve(client).await?;
            Ok(client
                .videos()
                .update_metadata(index, id.clone(), patch)
                .await?)
        })?;
        done(context, "updated", &id);
        Ok(Exit::Ok)
    }
}

fn done(context: &Context, what: &str, id: &VideoId) {
    context.output.json(&json!({ what: id }));
    context.output.line(&if context.output.is_quiet() {
        id.to_string()
    } else {
        format!("{what} video {id}")
    });
}
