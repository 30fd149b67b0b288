//! The records of the state: one type per kind of record, and the tables that hold them. The code
//! that changes a record is in the module of its endpoints.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{Addon, IndexModel, SystemMetadata, UserMetadata};

use crate::platform::{
    Change, MediaKey,
    assets::AssetRecord,
    faults::TaskFault,
    lifecycle::Timeline,
    limits::Meter,
    renditions::RenditionRecord,
    table::Table,
    uploads::{ChunkRecord, UploadRecord},
    webhooks::WebhookRecord,
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IndexRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) models: Vec<IndexModel>,
    pub(crate) addons: Vec<Addon>,
    pub(crate) created_at: Timestamp,
    /// The last change, except for new videos: their times are taken from the videos.
    pub(crate) updated_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) index_id: String,
    pub(crate) video_id: String,
    pub(crate) created_at: Timestamp,
    #[serde(rename = "course")]
    pub(crate) timeline: Timeline,
    pub(crate) filename: String,
    /// Known once the video was probed.
    pub(crate) measured: Option<Measured>,
    pub(crate) enable_video_stream: bool,
    /// The metadata of the future video, kept here while its file is fetched.
    pub(crate) user_metadata: UserMetadata,
    pub(crate) error_reason: Option<String>,
    /// The fault to apply to this task.
    #[serde(rename = "fate")]
    pub(crate) fault: Option<TaskFault>,
    /// The source URL while the video is being fetched.
    pub(crate) fetching: Option<String>,
    /// Whether the end of the task was announced to webhooks.
    pub(crate) is_announced: bool,
    /// The asset that the task indexes. The task is then an indexed asset and not listed by
    /// `/tasks`.
    #[serde(default)]
    pub(crate) asset_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VideoRecord {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) index_id: String,
    pub(crate) task_id: String,
    pub(crate) created_at: Timestamp,
    /// The video is visible from this time on.
    pub(crate) indexed_at: Timestamp,
    /// When the metadata was last changed.
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) filename: String,
    pub(crate) measured: Measured,
    pub(crate) user_metadata: UserMetadata,
    /// The stored file, if it was kept.
    pub(crate) media: Option<MediaKey>,
}

/// The measured properties of a video.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Duration, in seconds.
    pub duration: Option<f64>,
    /// Frames per second.
    pub fps: Option<f64>,
    /// Stored width, in pixels.
    pub width: Option<u32>,
    /// Stored height, in pixels.
    pub height: Option<u32>,
    /// File size, in bytes.
    pub size: u64,
}

impl Measured {
    /// The four fields of a task.
    pub(crate) fn task_metadata(&self, filename: &str) -> SystemMetadata {
        let mut metadata = SystemMetadata::default();
        metadata.filename = Some(filename.to_owned());
        metadata.duration = self.duration;
        metadata.width = self.width;
        metadata.height = self.height;
        metadata
    }

    /// The six fields of a video.
    pub(crate) fn video_metadata(&self, filename: &str) -> SystemMetadata {
        let mut metadata = self.task_metadata(filename);
        metadata.fps = self.fps;
        #[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
        let size = self.size as f64;
        metadata.size = Some(size);
        metadata
    }
}

macro_rules! state {
    ($($table:ident: $record:ty,)+) => {
        /// The state created by requests: all tables.
        #[derive(Debug)]
        pub(crate) struct State {
            $(pub(crate) $table: Table<$record>,)+
        }

        impl Default for State {
            fn default() -> Self {
                Self { $($table: Table::new(stringify!($table)),)+ }
            }
        }

        impl State {
            /// The records that were written or removed since the last commit.
            pub(crate) fn changes(&self) -> Vec<Change> {
                let mut changes = Vec::new();
                $(self.$table.changes(&mut changes);)+
                changes
            }

            /// Marks the changes as stored.
            pub(crate) fn commit(&mut self) {
                $(self.$table.commit();)+
            }

            /// Reverts the changes since the last commit.
            pub(crate) fn roll_back(&mut self) {
                $(self.$table.roll_back();)+
            }

            /// Inserts a record from a store.
            pub(crate) fn restore(&mut self, table: &str, key: String, value: &str) -> Result<(), serde_json::Error> {
                match table {
                    $(stringify!($table) => self.$table.restore(key, value),)+
                    other => Err(serde::de::Error::custom(format!("there is no table `{other}`"))),
                }
            }

            pub(crate) fn export(&self, tables: &mut serde_json::Map<String, serde_json::Value>) {
                $(tables.insert(stringify!($table).to_owned(), self.$table.export());)+
            }

            /// Replaces `before`: all records of both count as changed, for the store.
            pub(crate) fn replace(&mut self, before: &Self) {
                $(self.$table.replace(&before.$table);)+
            }
        }
    };
}

state! {
    indexes: IndexRecord,
    tasks: TaskRecord,
    videos: VideoRecord,
    meters: Meter,
    webhooks: WebhookRecord,
    counters: u64,
    assets: AssetRecord,
    uploads: UploadRecord,
    chunks: ChunkRecord,
    renditions: RenditionRecord,
}

impl State {
    /// The videos of an index that are visible at `now`.
    pub(crate) fn videos_of<'a>(
        &'a self,
        index_id: &'a str,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a VideoRecord> {
        self.videos
            .values()
            .filter(move |video| video.index_id == index_id && video.indexed_at <= now)
    }
}
