//! `tl video`: the videos of an index.

use clap::{Args, Subcommand};
use serde_json::json;
use tl_model::{IndexId, IndexedAsset, MetadataPatch, Timestamp, Video, VideoId};
use tl_protocol::endpoint::{GetIndexedAsset, ListVideos, NumberFilter};

use crate::args::Context;
use crate::confirm::Confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listing::{self, PageArgs, cell, seconds};
use crate::metadata::{self, MetadataArgs};
use crate::report::size;
use crate::waiting::{self, Awaited, WaitArgs};
use crate::{numbers, table};

/// The videos of an index.
#[derive(Debug, Subcommand)]
pub(crate) enum VideoVerb {
    /// List the videos of an index
    List(Box<VideoList>),
    /// Show one video
    Get(Which),
    /// Wait until an asset is indexed as a video
    Wait {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Change what is said about a video
    Update(Update),
    /// Delete a video from its index
    Delete {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        confirm: Confirm,
    },
}

/// One video.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Its id
    #[arg(value_name = "VIDEO")]
    id: VideoId,
    /// The index that it is in
    #[arg(long, value_name = "ID")]
    index: IndexId,
}

/// The changes.
#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    metadata: MetadataArgs,
    /// A key to delete. May be repeated
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
}

/// Which videos.
#[derive(Debug, Args)]
pub(crate) struct VideoList {
    /// The index
    #[arg(long, value_name = "ID")]
    index: IndexId,
    /// Only videos with this file name
    #[arg(long, value_name = "NAME")]
    filename: Option<String>,
    /// Only videos of this duration in seconds: a number, or a range such as 10..60
    #[arg(long, value_name = "RANGE", value_parser = numbers::parse, allow_hyphen_values = true)]
    duration: Option<NumberFilter>,
    /// Only videos of this frame rate: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = numbers::parse, allow_hyphen_values = true)]
    fps: Option<NumberFilter>,
    /// Only videos of this width in pixels: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = numbers::parse, allow_hyphen_values = true)]
    width: Option<NumberFilter>,
    /// Only videos of this height in pixels: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = numbers::parse, allow_hyphen_values = true)]
    height: Option<NumberFilter>,
    /// Only videos of this size in bytes: a number or a range
    #[arg(long, value_name = "RANGE", value_parser = numbers::parse, allow_hyphen_values = true)]
    size: Option<NumberFilter>,
    /// Only videos whose metadata has this value; KEY:=JSON for a number or a boolean. May be repeated
    #[arg(long = "metadata", short = 'm', value_name = "KEY=VALUE")]
    metadata: Vec<String>,
    /// Only videos created then or later
    #[arg(long, value_name = "TIME", value_parser = listing::time)]
    created_after: Option<Timestamp>,
    /// Only videos that changed then or later
    #[arg(long, value_name = "TIME", value_parser = listing::time)]
    updated_after: Option<Timestamp>,
    #[command(flatten)]
    page: PageArgs,
}

impl VideoVerb {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.run(context),
            Self::Get(which) => get(context, which),
            Self::Wait { which, wait } => awaited(which).wait(context, &wait),
            Self::Update(update) => update.run(context),
            Self::Delete { which, confirm } => delete(context, which, &confirm),
        }
    }
}

impl VideoList {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let user_metadata = self
            .metadata
            .iter()
            .map(|pair| {
                let (key, value) = metadata::pair_of(pair)?;
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                Ok((key.to_owned(), text))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let list = ListVideos {
            page: self.page.page(),
            sort: self.page.sort(),
            filename: self.filename,
            duration: self.duration.unwrap_or_default(),
            fps: self.fps.unwrap_or_default(),
            width: self.width.unwrap_or_default(),
            height: self.height.unwrap_or_default(),
            size: self.size.unwrap_or_default(),
            created_at: self.created_after,
            updated_at: self.updated_after,
            user_metadata,
            ..ListVideos::new(self.index)
        };
        let listed = context.call(async |client| self.page.fetch(client, list).await)?;
        listed.show(
            &context.output,
            "videos",
            ["VIDEO", "DURATION", "FRAME", "CREATED", "FILE"],
            |video: &Video| {
                let system = video.system_metadata();
                [
                    video.id.to_string(),
                    seconds(system.and_then(|system| system.duration)),
                    frame(video).unwrap_or_default(),
                    cell(video.created_at.as_ref()),
                    system
                        .and_then(|system| system.filename.clone())
                        .unwrap_or_default(),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}

fn frame(video: &Video) -> Option<String> {
    let system = video.system_metadata()?;
    Some(format!("{}x{}", system.width?, system.height?))
}

fn get(context: &Context, which: Which) -> Result<Exit, Failure> {
    let video = context.call(async |client| Ok(client.get_video(which.index, which.id).await?))?;
    context.output.json(&video);
    let system = video.system_metadata();
    context.output.line(&table::pairs(&[
        ("video", Some(video.id.to_string())),
        ("file", system.and_then(|system| system.filename.clone())),
        (
            "duration",
            system
                .and_then(|system| system.duration)
                .map(|value| seconds(Some(value))),
        ),
        ("frame", frame(&video)),
        (
            "size",
            system
                .and_then(|system| system.size)
                .map(|bytes| size(bytes as u64)),
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

/// The indexing of an asset: the platform gives the video the id of the indexed asset.
fn awaited(which: Which) -> Awaited<GetIndexedAsset> {
    let Which { id, index } = which;
    Awaited {
        noun: "video",
        command: waiting::video_command(&id, &index),
        endpoint: GetIndexedAsset::new(index, id.as_str().into()),
        quiet: |indexed| indexed.id.to_string(),
        details,
    }
}

/// What is known of a video as soon as it is indexed.
fn details(indexed: &IndexedAsset) -> String {
    let system = indexed.system_metadata.as_ref();
    let told = |time: Option<&Timestamp>| time.map(ToString::to_string);
    table::pairs(&[
        ("video", Some(indexed.id.to_string())),
        ("status", indexed.status.as_ref().map(ToString::to_string)),
        ("asset", indexed.asset_id.as_ref().map(ToString::to_string)),
        ("file", system.and_then(|system| system.filename.clone())),
        (
            "duration",
            system
                .and_then(|system| system.duration)
                .map(|value| seconds(Some(value))),
        ),
        ("created", told(indexed.created_at.as_ref())),
        ("indexed", told(indexed.indexed_at.as_ref())),
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
                    Failure::usage(format!("the key `{key}` is both set and unset"))
                        .next("say one of the two"),
                );
            }
            patch.delete(key);
        }
        if patch.is_empty() {
            return Err(Failure::usage("nothing to change")
                .next("give --metadata KEY=VALUE, --metadata-json OBJECT or --unset KEY"));
        }
        let Which { id, index } = self.which;
        context.call(async |client| {
            Ok(client
                .update_video_metadata(index, id.clone(), patch)
                .await?)
        })?;
        done(context, "updated", &id);
        Ok(Exit::Ok)
    }
}

fn delete(context: &Context, which: Which, confirm: &Confirm) -> Result<Exit, Failure> {
    let what = format!("video {} of index {}", which.id, which.index);
    if confirm.must_ask(&what)? {
        Confirm::ask(&what)?;
    }
    context.call(async |client| Ok(client.delete_video(which.index, which.id.clone()).await?))?;
    done(context, "deleted", &which.id);
    Ok(Exit::Ok)
}

fn done(context: &Context, what: &str, id: &VideoId) {
    context.output.json(&json!({ what: id }));
    context.output.line(&if context.output.is_quiet() {
        id.to_string()
    } else {
        format!("{what} video {id}")
    });
}
