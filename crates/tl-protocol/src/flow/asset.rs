//! Polling of assets and indexed assets, and their lookup after a lost response.

use std::time::SystemTime;

use tl_model::{
    Asset, AssetStatus, AssetTranscription, CreatedIndexedAsset, IndexedAsset, IndexedAssetStatus,
    Timestamp, TranscriptionStatus, UserMetadata,
};

use crate::{
    Resource,
    endpoint::{
        CreateAsset, CreateIndexedAsset, GetAsset, GetAssetTranscription, GetIndexedAsset,
        ListAssets, ListIndexedAssets,
    },
    flow::{
        Progress, Reconciled, Watched,
        reconcile::{is_recent, newest, newest_first, same_name, same_size},
    },
};

impl Watched for GetAsset {
    const WAITING: &'static str = "wait until the asset is ready";

    fn resource(&self) -> Resource {
        self.asset_id.clone().into()
    }

    fn status(asset: &Asset) -> String {
        asset
            .status
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(asset: &Asset) -> Progress {
        match asset.status {
            Some(AssetStatus::Ready) => Progress::Ready,
            Some(AssetStatus::Failed) => {
                Progress::Failed(asset.failure_reason().map(str::to_owned))
            }
            _ => Progress::Working,
        }
    }
}

impl Watched for GetAssetTranscription {
    const WAITING: &'static str = "wait until the transcription is ready";

    fn resource(&self) -> Resource {
        self.asset_id.clone().into()
    }

    fn status(transcription: &AssetTranscription) -> String {
        transcription
            .status
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(transcription: &AssetTranscription) -> Progress {
        match transcription.status {
            Some(TranscriptionStatus::Ready) => Progress::Ready,
            Some(TranscriptionStatus::Failed) => {
                let error = transcription.error.as_ref();
                Progress::Failed(error.and_then(|error| error.message.clone()))
            }
            _ => Progress::Working,
        }
    }
}

impl Watched for GetIndexedAsset {
    const WAITING: &'static str = "wait until the asset is indexed";

    fn resource(&self) -> Resource {
        self.indexed_asset_id.clone().into()
    }

    fn status(indexed: &IndexedAsset) -> String {
        indexed
            .status
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(indexed: &IndexedAsset) -> Progress {
        match indexed.status {
            Some(IndexedAssetStatus::Ready) => Progress::Ready,
            // The API has no member for the reason.
            Some(IndexedAssetStatus::Failed) => Progress::Failed(None),
            _ => Progress::Working,
        }
    }
}

impl Reconciled for CreateAsset {
    type List = ListAssets;

    /// The list cannot be filtered by time: it is sorted newest first, and filtered by name.
    fn list_request(&self, _since: Option<Timestamp>) -> ListAssets {
        let filename = self.effective_filename().map(str::to_owned);
        ListAssets {
            page: newest(),
            filename,
            ..ListAssets::default()
        }
    }

    fn may_match(&self, asset: &Asset, since: Option<SystemTime>) -> bool {
        let method = asset
            .method
            .as_ref()
            .is_none_or(|method| *method == self.method());
        // Until the asset is ready, the size may be incomplete.
        let final_size = asset
            .size
            .filter(|_| asset.status == Some(AssetStatus::Ready));
        method
            && is_recent(asset.created_at.as_ref(), since)
            && same_name(asset.filename.as_deref(), self.effective_filename())
            && same_size(final_size, &self.media)
    }

    fn is_recent(asset: &Asset, since: Option<SystemTime>) -> bool {
        is_recent(asset.created_at.as_ref(), since)
    }

    fn set_marker(&mut self, key: &str, value: &str) -> bool {
        let metadata = self.user_metadata.get_or_insert_default();
        let free = metadata.get(key).is_none();
        if free {
            metadata.insert(key, value);
        }
        free
    }

    fn user_metadata(asset: &Asset) -> Option<&UserMetadata> {
        asset.user_metadata.as_ref()
    }

    fn item_resource(asset: &Asset) -> Resource {
        asset.id.clone().into()
    }

    fn response_from(asset: Asset) -> Asset {
        asset
    }

    fn resource(asset: &Asset) -> Resource {
        asset.id.clone().into()
    }
}

impl Reconciled for CreateIndexedAsset {
    type List = ListIndexedAssets;

    const DOUBTS_503: bool = true;

    fn list_request(&self, since: Option<Timestamp>) -> ListIndexedAssets {
        let mut list = ListIndexedAssets::new(self.index_id.clone());
        list.page = newest();
        list.sort = newest_first();
        list.created_at = since;
        list
    }

    fn may_match(&self, indexed: &IndexedAsset, since: Option<SystemTime>) -> bool {
        indexed.asset_id.as_ref() == Some(&self.indexed_asset.asset_id)
            && is_recent(indexed.created_at.as_ref(), since)
    }

    fn is_recent(indexed: &IndexedAsset, since: Option<SystemTime>) -> bool {
        is_recent(indexed.created_at.as_ref(), since)
    }

    fn item_resource(indexed: &IndexedAsset) -> Resource {
        indexed.id.clone().into()
    }

    fn response_from(indexed: IndexedAsset) -> CreatedIndexedAsset {
        let mut created = CreatedIndexedAsset::new(indexed.id);
        created.asset_id = indexed.asset_id;
        created
    }

    fn resource(created: &CreatedIndexedAsset) -> Resource {
        created.id.clone().into()
    }
}

#[cfg(test)]
mod tests;
