//! The results of uploads and ingestions, complete or partial.

use std::{fmt, time::Duration};

use tl_model::{Asset, AssetId, CreatedTask, IndexedAsset, IndexedAssetId, Task, UploadId};

/// A status observed while waiting, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusSeen {
    /// The status as received.
    pub status: String,
    /// Time since the start of the wait.
    pub after: Duration,
}

impl StatusSeen {
    /// A status that was observed `after` the start of a wait.
    pub fn new(status: impl Into<String>, after: Duration) -> Self {
        Self {
            status: status.into(),
            after,
        }
    }
}

/// A stage of an ingestion. Exhaustive, because a client maps each stage to its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The file is being uploaded.
    Uploading,
    /// The platform is processing the asset.
    Processing,
    /// The asset is being indexed.
    Indexing,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uploading => "upload",
            Self::Processing => "processing",
            Self::Indexing => "indexing",
        })
    }
}

/// A completed upload in chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// The session.
    pub upload_id: UploadId,
    /// The asset that the platform creates from the file; wait for it.
    pub asset_id: AssetId,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Number of chunks of the file.
    pub chunks: u32,
    /// Number of chunks that an earlier process had sent.
    pub resumed: u32,
    /// Number of times a chunk was sent, retries included.
    pub attempts: u32,
    /// The time that this process took.
    pub took: Duration,
}

/// The result of an ingestion with assets, possibly incomplete.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct IngestedAsset {
    /// The asset.
    pub asset_id: Option<AssetId>,
    /// The asset as last seen.
    pub asset: Option<Asset>,
    /// The result of a chunked upload, if there was one.
    pub upload: Option<Uploaded>,
    /// The indexed asset; also the id of the video.
    pub indexed_asset_id: Option<IndexedAssetId>,
    /// The indexed asset when it was ready.
    pub indexed_asset: Option<IndexedAsset>,
    /// The observed statuses with their stage, oldest first.
    pub history: Vec<(Stage, StatusSeen)>,
    /// The duration of each finished stage.
    pub times: Vec<(Stage, Duration)>,
    /// Whether a response was lost and the resource was found by a lookup.
    pub reconciled: bool,
}

/// The result of an ingestion with `/tasks`, possibly incomplete.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IngestedTask {
    /// The created task.
    pub created: CreatedTask,
    /// The task when it was ready; `None` without waiting.
    pub task: Option<Task>,
    /// The observed statuses, oldest first.
    pub history: Vec<StatusSeen>,
    /// Duration of the upload, lookups after a lost response included.
    pub upload: Duration,
    /// Duration of the wait.
    pub indexing: Duration,
    /// Whether the response to the create request was lost and the task was found by a lookup.
    pub reconciled: bool,
}

/// The partial result of an ingestion that failed. Keep the ids.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reached {
    /// With `/tasks`, the task was created.
    Task(Box<IngestedTask>),
    /// With assets, this was done; possibly nothing.
    Asset(Box<IngestedAsset>),
}

/// The resources that exist, each preceded by a semicolon.
impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(ingested) => write!(f, "; task {}", ingested.created.id),
            Self::Asset(ingested) => {
                if let Some(id) = &ingested.asset_id {
                    write!(f, "; asset {id}")?;
                }
                match &ingested.indexed_asset_id {
                    Some(id) => write!(f, "; indexed asset {id}"),
                    None => Ok(()),
                }
            }
        }
    }
}
