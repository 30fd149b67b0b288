//! The records of the state: one type per kind of record, and the tables that hold them. The code
//! that changes a record is in the module of its endpoints.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{Addon, IndexModel, SystemMetadata, UserMetadata};

use super::{
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
pub(super) struct IndexRecord {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) models: Vec<IndexModel>,
    pub(super) addons: Vec<Addon>,
    pub(super) created_at: Timestamp,
    /// The last change, except for new videos: their times are taken from the videos.
    pub(super) updated_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TaskRecord {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) index_id: String,
    pub(super) video_id: String,
    pub(super) created_at: Timestamp,
    #[serde(rename = "course")]
    pub(super) timeline: Timeline,
    pub(super) filename: String,
    /// Known once the video was probed.
    pub(super) measured: Option<Measured>,
    pub(super) enable_video_stream: bool,
    /// The metadata of the future video, kept here while its file is fetched.
    pub(super) user_metadata: UserMetadata,
    pub(super) error_reason: Option<String>,
    /// The fault to apply to this task.
    #[serde(rename = "fate")]
    pub(super) fault: Option<TaskFault>,
    /// The source URL while the video is being fetched.
    pub(super) fetching: Option<String>,
    /// Whether the end of the task was announced to webhooks.
    pub(super) is_announced: bool,
    /// The asset that the task indexes. The task is then an indexed asset and not listed by
    /// `/tasks`.
    #[serde(default)]
    pub(super) asset_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct VideoRecord {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) index_id: String,
    pub(super) task_id: String,
    pub(super) created_at: Timestamp,
    /// The video is visible from this time on.
    pub(super) indexed_at: Timestamp,
    /// When the metadata was last changed.
    pub(super) updated_at: Option<Timestamp>,
    pub(super) filename: String,
    pub(super) measured: Measured,
    pub(super) user_metadata: UserMetadata,
    /// The stored file, if it was kept.
    pub(super) media: Option<MediaKey>,
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
    pub(super) fn task_metadata(&self, filename: &str) -> SystemMetadata {
        let mut metadata = SystemMetadata::default();
        metadata.filename = Some(filename.to_owned());
        metadata.duration = self.duration;
        metadata.width = self.width;
        metadata.height = self.height;
        metadata
    }

    /// The six fields of a video.
    pub(super) fn video_metadata(&self, filename: &str) -> SystemMetadata {
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
        pub(super) struct State {
            $(pub(super) $table: Table<$record>,)+
        }

        impl Default for State {
            fn default() -> Self {
                Self { $($table: Table::new(stringify!($table)),)+ }
            }
        }

        impl State {
            /// The records that were written or removed since the last commit.
            pub(super) fn changes(&self) -> Vec<Change> {
                let mut changes = Vec::new();
                $(self.$table.changes(&mut changes);)+
                changes
            }

            /// Marks the changes as stored.
            pub(super) fn commit(&mut self) {
                $(self.$table.commit();)+
            }

            /// Reverts the changes since the last commit.
            pub(super) fn roll_back(&mut self) {
                $(self.$table.roll_back();)+
            }

            /// Inserts a record from a store.
            pub(super) fn restore(&mut self, table: &str, key: String, value: &str) -> Result<(), serde_json::Error> {
                match table {
                    $(stringify!($table) => self.$table.restore(key, value),)+
                    other => Err(serde::de::Error::custom(format!("there is no table `{other}`"))),
                }
            }

            pub(super) fn export(&self, tables: &mut serde_json::Map<String, serde_json::Value>) {
                $(tables.insert(stringify!($table).to_owned(), self.$table.export());)+
            }

            /// Replaces `before`: all records of both count as changed, for the store.
            pub(super) fn replace(&mut self, before: &Self) {
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
    pub(super) fn videos_of<'a>(
        &'a self,
        index_id: &'a str,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a VideoRecord> {
        self.videos
            .values()
            .filter(move |video| video.index_id == index_id && video.indexed_at <= now)
    }
}
