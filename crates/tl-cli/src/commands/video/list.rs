//! `tl video list`: the videos in an index, including those that are not ready or failed.
//!
//! The platform has two lists: `/videos` contains ready videos, `/indexed-assets` every status (API
//! reference, "List indexed assets" and "List videos"). Both are read with the same filters and
//! joined by id. With `--page`, only a page of the indexed assets is read.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use tl_client::Client;
use tl_model::{IndexId, IndexedAsset, IndexedAssetStatus, SystemMetadata, Timestamp, Video};
use tl_protocol::endpoint::{
    ListIndexedAssets, ListVideos, MetadataFilter, NumberFilter, TopLevelFilter,
};

use crate::args::index_ref::IndexRef;
use crate::args::pages::PageArgs;
use crate::args::{metadata, number_filter, time};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_seconds;
use crate::ui::listing::Listing;
use crate::ui::table::cell;

/// `tl video list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Index to list
    #[arg(long, value_name = "ID|NAME")]
    index: IndexRef,
    /// Filter by status, e.g. ready or failed. Repeatable
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
    /// Filter by metadata, or KEY:=JSON for other types. Repeatable
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

/// A video from one or both lists.
#[derive(Debug, Default)]
struct Row {
    video: Option<Video>,
    indexed: Option<IndexedAsset>,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        for status in self.status.iter().filter(|status| !status.is_known()) {
            let known: Vec<&str> = IndexedAssetStatus::KNOWN
                .iter()
                .map(IndexedAssetStatus::as_str)
                .collect();
            context.output.note(&format!(
                "unknown status `{status}` (known: {}); sending it unchanged",
                known.join(", ")
            ));
        }
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
        let listed = context.call(async |client| {
            let index = self.index.resolve(client).await?;
            self.fetch(client, index, user_metadata).await
        })?;
        listed.show(
            &context.output,
            "videos",
            [
                "VIDEO",
                "STATUS",
                "DURATION",
                "RESOLUTION",
                "CREATED",
                "FILE",
            ],
            Row::cells,
        );
        Ok(Exit::Ok)
    }

    async fn fetch(
        &self,
        client: &Client,
        index: IndexId,
        user_metadata: Vec<(String, String)>,
    ) -> Result<Listing<Row>, Failure> {
        let indexed = ListIndexedAssets::new(index.clone())
            .page(self.page.page())
            .sort(self.page.sort())
            .status(self.status.clone())
            .filename(self.filename.clone())
            .duration(self.duration.unwrap_or_default())
            .fps(self.fps.unwrap_or_default())
            .width(self.width.unwrap_or_default())
            .height(self.height.unwrap_or_default())
            .size(self.size.unwrap_or_default())
            .created_at(self.created_after.clone())
            .updated_at(self.updated_after.clone())
            .user_metadata(MetadataFilter(user_metadata.clone()));
        let videos = ListVideos::new(index)
            .page(self.page.page())
            .sort(self.page.sort())
            .filename(self.filename.clone())
            .duration(self.duration.unwrap_or_default())
            .fps(self.fps.unwrap_or_default())
            .width(self.width.unwrap_or_default())
            .height(self.height.unwrap_or_default())
            .size(self.size.unwrap_or_default())
            .created_at(self.created_after.clone())
            .updated_at(self.updated_after.clone())
            .user_metadata(TopLevelFilter(user_metadata));
        let indexed = self.page.fetch(client, indexed).await?;
        // Pages of the two lists would not contain the same videos.
        let is_ready_wanted =
            self.status.is_empty() || self.status.contains(&IndexedAssetStatus::Ready);
        let videos = if is_ready_wanted && !self.page.is_one_page() {
            self.page.fetch(client, videos).await?
        } else {
            Listing {
                items: Vec::new(),
                total: None,
                more: false,
            }
        };
        Ok(self.join(indexed, videos))
    }

    /// Merges both lists in the requested order.
    fn join(&self, indexed: Listing<IndexedAsset>, videos: Listing<Video>) -> Listing<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut places = BTreeMap::new();
        for indexed in indexed.items {
            places.insert(indexed.id.to_string(), rows.len());
            rows.push(Row {
                indexed: Some(indexed),
                video: None,
            });
        }
        for video in videos.items {
            match places.get(video.id.as_str()) {
                Some(place) => rows[*place].video = Some(video),
                None => rows.push(Row {
                    indexed: None,
                    video: Some(video),
                }),
            }
        }
        let (by, newest_first) = self.page.order();
        let key = |row: &Row| {
            let time = if by == "updated_at" {
                row.updated()
            } else {
                row.created()
            };
            time.and_then(Timestamp::instant)
        };
        // The sort is stable: items with equal times keep the order of the platform.
        rows.sort_by(|a, b| {
            let order = key(a).cmp(&key(b));
            if newest_first { order.reverse() } else { order }
        });
        let limit = self.page.limit().unwrap_or(usize::MAX);
        let more = indexed.more || videos.more || rows.len() > limit;
        rows.truncate(limit);
        Listing {
            total: indexed.total.max(videos.total),
            more,
            items: rows,
        }
    }
}

impl Row {
    fn id(&self) -> String {
        let indexed = self.indexed.as_ref().map(|indexed| indexed.id.to_string());
        indexed
            .or_else(|| self.video.as_ref().map(|video| video.id.to_string()))
            .unwrap_or_default()
    }

    fn status(&self) -> String {
        match &self.indexed {
            Some(indexed) => cell(indexed.status.as_ref()),
            // The list of videos contains only ready ones.
            None => IndexedAssetStatus::Ready.to_string(),
        }
    }

    fn system(&self) -> Option<&SystemMetadata> {
        let indexed = self.indexed.as_ref();
        self.video
            .as_ref()
            .and_then(Video::system_metadata)
            .or_else(|| indexed.and_then(|indexed| indexed.system_metadata.as_ref()))
    }

    fn created(&self) -> Option<&Timestamp> {
        let video = self
            .video
            .as_ref()
            .and_then(|video| video.created_at.as_ref());
        video.or_else(|| self.indexed.as_ref()?.created_at.as_ref())
    }

    fn updated(&self) -> Option<&Timestamp> {
        let video = self
            .video
            .as_ref()
            .and_then(|video| video.updated_at.as_ref());
        video.or_else(|| self.indexed.as_ref()?.updated_at.as_ref())
    }

    fn cells(&self) -> [String; 6] {
        let system = self.system();
        let frame = system.and_then(|system| Some(format!("{}x{}", system.width?, system.height?)));
        [
            self.id(),
            self.status(),
            format_seconds(system.and_then(|system| system.duration)),
            frame.unwrap_or_default(),
            cell(self.created()),
            system
                .and_then(|system| system.filename.clone())
                .unwrap_or_default(),
        ]
    }
}

/// All members of the video, plus those of the indexed asset that the video lacks: `status`,
/// `asset_id`.
impl Serialize for Row {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let object = |value: Result<Value, serde_json::Error>| match value {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Ok(serde_json::Map::new()),
            Err(error) => Err(S::Error::custom(error)),
        };
        let mut merged = match &self.indexed {
            Some(indexed) => object(serde_json::to_value(indexed))?,
            None => serde_json::Map::from_iter([("status".to_owned(), self.status().into())]),
        };
        if let Some(video) = &self.video {
            let members = object(serde_json::to_value(video))?;
            merged.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
        }
        merged.serialize(serializer)
    }
}
