//! What an ingestion by an asset is asked to do, and what it comes to. How it is done lives in the flow beside it.

use std::{fmt, sync::Arc, time::Duration};

use tl_model::{Asset, AssetId, IndexId, IndexedAsset, IndexedAssetId, UserMetadata};

use crate::{
    Error, Source,
    endpoint::CreateAsset,
    error::StatusSeen,
    flow::{
        Reconcile, WaitPolicy,
        upload::{Begin, IngestRecord, Intent, UploadJournal, UploadSettings, Uploaded},
    },
};

/// How the media reaches the platform.
#[derive(Debug, Clone)]
pub enum AssetUpload {
    /// In one request, or by a URL that the platform fetches.
    Whole(CreateAsset),
    /// In chunks.
    Chunks {
        /// The bytes.
        source: Arc<dyn Source>,
        /// A new session or that of an earlier process.
        begin: Box<Begin>,
        /// How chunks are sent.
        settings: UploadSettings,
    },
    /// In one request that an earlier process was about to send: the platform is asked first whether it has the asset.
    InDoubt {
        /// The request.
        create: CreateAsset,
        /// What that process wrote down. Without a mark, an asset of the same name and size is taken for its own only where
        /// nothing was made of it yet: it would have been written down before.
        intent: Intent,
    },
    /// It is there already.
    Existing(AssetId),
    /// An earlier process has brought it there.
    Resumed {
        /// The asset that it made.
        asset_id: AssetId,
        /// What it made of the asset in the index of the plan. Where that is gone, the asset is indexed again.
        indexed_asset_id: Option<IndexedAssetId>,
        /// Whether it was about to bring the asset into the index, and nobody knows whether that request arrived.
        is_indexing: bool,
        /// What to do where the platform does not know the asset any more; that is told.
        otherwise: Box<AssetUpload>,
    },
}

impl IngestRecord {
    /// The upload from where the record ends; `fresh` is the same upload from its first byte on.
    ///
    /// With `is_compared`, the file may have changed, and its chunks in the record were found to be those of the file as it
    /// is now. With `by_sight`, an asset that may be the one of a request without a mark is taken for it.
    #[must_use]
    pub fn resume(self, fresh: AssetUpload, is_compared: bool, by_sight: bool) -> AssetUpload {
        match (self.asset_id, self.upload, self.creating, fresh) {
            (Some(asset_id), _, _, fresh) => AssetUpload::Resumed {
                asset_id,
                indexed_asset_id: self.indexed_asset_id,
                is_indexing: self.is_indexing,
                otherwise: Box::new(fresh),
            },
            (
                None,
                Some(record),
                _,
                AssetUpload::Chunks {
                    source,
                    begin,
                    settings,
                },
            ) => {
                let create = match *begin {
                    Begin::New(create)
                    | Begin::Resume(_, create)
                    | Begin::ResumeCompared(_, create) => create,
                };
                let begin = if is_compared {
                    Begin::ResumeCompared(record, create)
                } else {
                    Begin::Resume(record, create)
                };
                AssetUpload::Chunks {
                    source,
                    begin: Box::new(begin),
                    settings,
                }
            }
            (None, None, Some(intent), AssetUpload::Whole(create))
                if by_sight || intent.mark.is_some() =>
            {
                AssetUpload::InDoubt { create, intent }
            }
            (None, _, _, fresh) => fresh,
        }
    }
}

/// What an ingestion is to do.
#[derive(Debug, Clone)]
pub struct AssetPlan {
    /// How the media gets there.
    pub upload: AssetUpload,
    /// The index that it goes into; without one, it stays an asset.
    pub index_id: Option<IndexId>,
    /// Whether the platform keeps the video for streaming. The platform's default is no on this path.
    pub enable_video_stream: Option<bool>,
    /// The caller's own data about the indexed asset.
    pub user_metadata: Option<UserMetadata>,
    /// How to wait at the end, for the index or, without one, for the asset. `None` returns as soon as the platform has
    /// taken the last step on; an asset that is to be indexed is always waited for, because it must be ready.
    pub wait: Option<WaitPolicy>,
    /// What is done where an answer is lost (see [`Create::new`](crate::flow::Create::new)).
    pub reconcile: Reconcile,
    /// What a later process must know.
    pub journal: UploadJournal,
}

/// A stage of an ingestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The bytes go to the platform.
    Uploading,
    /// The platform makes an asset of them.
    Processing,
    /// The asset goes into the index.
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

/// What an ingestion has come to so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IngestedAsset {
    /// The asset.
    pub asset_id: Option<AssetId>,
    /// The asset as it was seen last.
    pub asset: Option<Asset>,
    /// How the upload in chunks went, where there was one.
    pub upload: Option<Uploaded>,
    /// The asset in the index; also the id of the video.
    pub indexed_asset_id: Option<IndexedAssetId>,
    /// The indexed asset when it was ready.
    pub indexed_asset: Option<IndexedAsset>,
    /// The statuses that were seen, with their stage, oldest first.
    pub history: Vec<(Stage, StatusSeen)>,
    /// The time of each stage that was gone through.
    pub times: Vec<(Stage, Duration)>,
    /// Whether an answer was lost and what it had made was found by a look.
    pub reconciled: bool,
}

/// An ingestion that did not come to its end: where, why, and what there is all the same.
#[derive(Debug)]
pub struct IngestFailure {
    /// The stage.
    pub stage: Stage,
    /// What it had come to: its ids are worth keeping.
    pub so_far: Box<IngestedAsset>,
    /// Why.
    pub error: Error,
}

impl fmt::Display for IngestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.stage, self.error)?;
        if let Some(id) = &self.so_far.asset_id {
            write!(f, " (asset {id} exists)")?;
        }
        Ok(())
    }
}

impl std::error::Error for IngestFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}
