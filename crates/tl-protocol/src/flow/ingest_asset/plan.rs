//! The input of an asset ingestion. The flow is in `ingest_asset.rs`.

use std::sync::Arc;

use tl_model::{AssetId, IndexId, IndexedAssetId, UserMetadata};

use crate::{
    Source,
    endpoint::CreateAsset,
    flow::{
        Reconcile, WaitPolicy,
        upload::{Begin, IngestRecord, Intent, UploadJournal, UploadSettings},
    },
    with_fields::with_fields,
};

/// How the media is uploaded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AssetUpload {
    /// In one request, or from a URL that the platform fetches.
    Whole(CreateAsset),
    /// In chunks.
    Chunks {
        /// The file.
        source: Arc<dyn Source>,
        /// A new session or one of an earlier process.
        begin: Box<Begin>,
        /// The upload settings.
        settings: UploadSettings,
    },
    /// In one request that an earlier process was about to send. The flow first looks up whether
    /// the asset exists.
    InDoubt {
        /// The request.
        create: CreateAsset,
        /// The record of that process. Without a marker, an asset with the same name and size is
        /// reused only if nothing was created from it yet, because that would have been recorded
        /// earlier.
        intent: Intent,
    },
    /// The asset exists already.
    Existing(AssetId),
    /// An earlier process has uploaded it.
    Resumed {
        /// The asset of the earlier process.
        asset_id: AssetId,
        /// The indexed asset of the earlier process in the index of the plan. If it no longer
        /// exists, the asset is indexed again.
        indexed_asset_id: Option<IndexedAssetId>,
        /// Whether the earlier process was about to index the asset, and it is unknown whether that
        /// request arrived.
        is_indexing: bool,
        /// The upload to use if the asset no longer exists on the platform. The restart is
        /// reported.
        fallback: Box<AssetUpload>,
    },
}

impl IngestRecord {
    /// Resumes the upload from this record; `fresh` is the same upload from its first byte.
    ///
    /// With `is_compared`, the file may have changed, but the recorded chunks match the current
    /// file. With `match_by_name`, an asset that matches a request without a marker by name and
    /// size is reused.
    #[must_use]
    pub fn resume(self, fresh: AssetUpload, is_compared: bool, match_by_name: bool) -> AssetUpload {
        match (self.asset_id, self.upload, self.creating, fresh) {
            (Some(asset_id), _, _, fresh) => AssetUpload::Resumed {
                asset_id,
                indexed_asset_id: self.indexed_asset_id,
                is_indexing: self.is_indexing,
                fallback: Box::new(fresh),
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
                if match_by_name || intent.mark.is_some() =>
            {
                AssetUpload::InDoubt { create, intent }
            }
            (None, _, _, fresh) => fresh,
        }
    }
}

/// The plan of an ingestion.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AssetPlan {
    /// How the media is uploaded.
    pub upload: AssetUpload,
    /// The index to add the asset to. `None` creates an asset only.
    pub index_id: Option<IndexId>,
    /// Whether the platform keeps the video for streaming. The platform's default for indexed
    /// assets is no.
    pub enable_video_stream: Option<bool>,
    /// User metadata of the indexed asset.
    pub user_metadata: Option<UserMetadata>,
    /// How to wait at the end for the indexed asset or, without an index, for the asset. `None`
    /// returns after the last request. An asset to be indexed is always waited for, because it must
    /// be ready.
    pub wait: Option<WaitPolicy>,
    /// What to do if a response is lost (see [`Create::new`](crate::flow::Create::new)).
    pub reconcile: Reconcile,
    /// Records the progress for a later process.
    pub journal: UploadJournal,
}

with_fields!(AssetPlan {
    with_index(index_id: Option<IndexId>);
    with_video_stream(enable_video_stream: Option<bool>);
    with_metadata(user_metadata: Option<UserMetadata>);
    with_wait(wait: Option<WaitPolicy>);
    with_reconcile(reconcile: Reconcile);
    with_journal(journal: UploadJournal);
});

impl AssetPlan {
    /// A plan that uploads an asset and waits until it is ready, without an index and without a
    /// journal.
    #[must_use]
    pub fn new(upload: AssetUpload) -> Self {
        Self {
            upload,
            index_id: None,
            enable_video_stream: None,
            user_metadata: None,
            wait: Some(WaitPolicy::default()),
            reconcile: Reconcile::default(),
            journal: UploadJournal::none(),
        }
    }
}
