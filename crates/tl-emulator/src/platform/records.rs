//! What the platform remembers: one record for each index, task and video. How they change lives with their families.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::{Addon, IndexModel, SystemMetadata, UserMetadata};

use super::{
    Change, MediaKey,
    assets::AssetRecord,
    faults::Fate,
    lifecycle::Course,
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
    /// The last change that is not the arrival of a video, which is read off the videos.
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
    pub(super) course: Course,
    pub(super) filename: String,
    /// Known once the video was looked at.
    pub(super) measured: Option<Measured>,
    pub(super) enable_video_stream: bool,
    /// What the video will say; kept here while the video is fetched.
    pub(super) user_metadata: UserMetadata,
    pub(super) error_reason: Option<String>,
    /// What a fault has in store for it.
    pub(super) fate: Option<Fate>,
    /// Where its video is, while it is being fetched.
    pub(super) fetching: Option<String>,
    /// Whether its end has been told to those who wanted to hear of it.
    pub(super) is_announced: bool,
    /// The asset that it indexes: it is then an indexed asset, and no task of `/tasks`.
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
    /// The video is there from this moment on, and not before.
    pub(super) indexed_at: Timestamp,
    /// When its metadata was last changed.
    pub(super) updated_at: Option<Timestamp>,
    pub(super) filename: String,
    pub(super) measured: Measured,
    pub(super) user_metadata: UserMetadata,
    /// The stored file, where it was kept.
    pub(super) media: Option<MediaKey>,
}

/// What was measured of a video.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Length, in seconds.
    pub duration: Option<f64>,
    /// Frames per second.
    pub fps: Option<f64>,
    /// Stored width, in pixels.
    pub width: Option<u32>,
    /// Stored height, in pixels.
    pub height: Option<u32>,
    /// Size of the file, in bytes.
    pub size: u64,
}

impl Measured {
    /// The four members that a task carries.
    pub(super) fn of_task(&self, filename: &str) -> SystemMetadata {
        let mut metadata = SystemMetadata::default();
        metadata.filename = Some(filename.to_owned());
        metadata.duration = self.duration;
        metadata.width = self.width;
        metadata.height = self.height;
        metadata
    }

    /// The six members that a video carries.
    pub(super) fn of_video(&self, filename: &str) -> SystemMetadata {
        let mut metadata = self.of_task(filename);
        metadata.fps = self.fps;
        #[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
        let size = self.size as f64;
        metadata.size = Some(size);
        metadata
    }
}

macro_rules! state {
    ($($table:ident: $record:ty,)+) => {
        /// Everything that requests have made.
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

            /// The changes are written down.
            pub(super) fn commit(&mut self) {
                $(self.$table.commit();)+
            }

            /// Undoes the changes since the last commit.
            pub(super) fn roll_back(&mut self) {
                $(self.$table.roll_back();)+
            }

            /// Takes up one record of a store.
            pub(super) fn restore(&mut self, table: &str, key: String, value: &str) -> Result<(), serde_json::Error> {
                match table {
                    $(stringify!($table) => self.$table.restore(key, value),)+
                    other => Err(serde::de::Error::custom(format!("there is no table `{other}`"))),
                }
            }

            pub(super) fn export(&self, tables: &mut serde_json::Map<String, serde_json::Value>) {
                $(tables.insert(stringify!($table).to_owned(), self.$table.export());)+
            }

            /// Takes the place of `before`: a store must hear of every record of both.
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
    /// The videos of an index that are there at `now`.
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
