//! The methods of [`Client`] for the modern upload path: assets, uploads in chunks, indexed assets. One request each; the whole
//! chains are flows.

use tl_model::{
    Asset, AssetId, AssetReference, AssetTranscription, ChunkReceipt, ChunkReport,
    CreatedIndexedAsset, Entity, IncompleteUpload, IndexId, IndexedAsset, IndexedAssetId,
    MetadataPatch, NewIndexedAsset, NewUpload, Page, TranscriptionUnit, UploadId, UploadSession,
    UploadState, UploadUrls, UserMetadata,
};

use crate::{
    Client, Error, Transport,
    endpoint::{
        ClearAssetMetadata, CreateAsset, CreateIndexedAsset, CreateUpload, DeleteAsset,
        DeleteIndexedAsset, GetAsset, GetAssetTranscription, GetIndexedAsset, GetUpload,
        ListAssetEntities, ListAssetIndexedAssets, ListAssets, ListIndexedAssets, ListUploads,
        PageRequest, ReplaceAssetMetadata, ReportChunks, RequestUploadUrls, UpdateAssetMetadata,
        UpdateIndexedAsset,
    },
};

/// What a method of a client over `T` answers with: `Result<R, Error>`, or a future of it.
type Answer<'a, T, R> = <T as Transport>::Output<'a, Result<R, Error>>;

impl<T: Transport> Client<T> {
    /// Creates an asset of a file or of a public URL.
    ///
    /// # Errors
    /// As [`call`](Client::call); a lost answer is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    pub fn create_asset(&self, create: CreateAsset) -> Answer<'_, T, Asset> {
        self.call(create)
    }

    /// One page of assets.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn list_assets(&self, list: ListAssets) -> Answer<'_, T, Page<Asset>> {
        self.call(list)
    }

    /// An asset.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn get_asset(&self, asset_id: AssetId) -> Answer<'_, T, Asset> {
        self.call(GetAsset { asset_id })
    }

    /// Deletes an asset; with `force` even where indexed assets were made of it.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn delete_asset(&self, asset_id: AssetId, force: bool) -> Answer<'_, T, ()> {
        self.call(DeleteAsset {
            asset_id,
            force: force.then_some(true),
        })
    }

    /// Changes the user metadata of an asset.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn update_asset_metadata(
        &self,
        asset_id: AssetId,
        user_metadata: MetadataPatch,
    ) -> Answer<'_, T, ()> {
        self.call(UpdateAssetMetadata {
            asset_id,
            user_metadata,
        })
    }

    /// Replaces the whole user metadata of an asset.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn replace_asset_metadata(
        &self,
        asset_id: AssetId,
        user_metadata: UserMetadata,
    ) -> Answer<'_, T, ()> {
        self.call(ReplaceAssetMetadata {
            asset_id,
            user_metadata,
        })
    }

    /// Clears the user metadata of an asset.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn clear_asset_metadata(&self, asset_id: AssetId) -> Answer<'_, T, ()> {
        self.call(ClearAssetMetadata { asset_id })
    }

    /// One page of the indexed assets that were made of an asset.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn list_asset_indexed_assets(
        &self,
        asset_id: AssetId,
        page: PageRequest,
    ) -> Answer<'_, T, Page<AssetReference>> {
        self.call(ListAssetIndexedAssets { asset_id, page })
    }

    /// One page of the entities that an asset is a picture of.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn list_asset_entities(
        &self,
        asset_id: AssetId,
        page: PageRequest,
    ) -> Answer<'_, T, Page<Entity>> {
        self.call(ListAssetEntities { asset_id, page })
    }

    /// What is spoken in an asset, divided as `include` says; by word where it says nothing.
    ///
    /// # Errors
    /// As [`call`](Client::call); [`NotFound`](crate::ErrorKind::NotFound) also where the asset has no transcription.
    pub fn get_asset_transcription(
        &self,
        asset_id: AssetId,
        include: impl Into<Vec<TranscriptionUnit>>,
    ) -> Answer<'_, T, AssetTranscription> {
        self.call(GetAssetTranscription {
            asset_id,
            include: include.into(),
        })
    }

    /// Opens an upload session.
    ///
    /// # Errors
    /// As [`call`](Client::call); a lost answer is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    pub fn create_upload(&self, upload: NewUpload) -> Answer<'_, T, UploadSession> {
        self.call(CreateUpload { upload })
    }

    /// One page of the upload sessions that are not complete.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn list_uploads(&self, list: ListUploads) -> Answer<'_, T, Page<IncompleteUpload>> {
        self.call(list)
    }

    /// The state of an upload session with one page of its chunks.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn get_upload(&self, upload_id: UploadId, page: PageRequest) -> Answer<'_, T, UploadState> {
        self.call(GetUpload { upload_id, page })
    }

    /// Reports chunks that the storage has, 1 to 50.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn report_chunks(
        &self,
        upload_id: UploadId,
        report: ChunkReport,
    ) -> Answer<'_, T, ChunkReceipt> {
        self.call(ReportChunks { upload_id, report })
    }

    /// Presigned URLs for `count` chunks, 1 to 50, from number `start` on; the first chunk of a file is 1.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn request_upload_urls(
        &self,
        upload_id: UploadId,
        start: u32,
        count: u32,
    ) -> Answer<'_, T, UploadUrls> {
        self.call(RequestUploadUrls::new(upload_id, start, count))
    }

    /// Indexes an asset that is `ready`.
    ///
    /// # Errors
    /// As [`call`](Client::call); a lost answer is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    pub fn create_indexed_asset(
        &self,
        index_id: IndexId,
        indexed_asset: NewIndexedAsset,
    ) -> Answer<'_, T, CreatedIndexedAsset> {
        self.call(CreateIndexedAsset {
            index_id,
            indexed_asset,
        })
    }

    /// One page of the indexed assets of an index.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn list_indexed_assets(
        &self,
        list: ListIndexedAssets,
    ) -> Answer<'_, T, Page<IndexedAsset>> {
        self.call(list)
    }

    /// An indexed asset.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn get_indexed_asset(
        &self,
        index_id: IndexId,
        indexed_asset_id: IndexedAssetId,
    ) -> Answer<'_, T, IndexedAsset> {
        self.call(GetIndexedAsset::new(index_id, indexed_asset_id))
    }

    /// Changes the user metadata of an indexed asset.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn update_indexed_asset(
        &self,
        index_id: IndexId,
        indexed_asset_id: IndexedAssetId,
        user_metadata: MetadataPatch,
    ) -> Answer<'_, T, ()> {
        self.call(UpdateIndexedAsset {
            index_id,
            indexed_asset_id,
            user_metadata,
        })
    }

    /// Deletes an indexed asset from its index; the asset stays.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn delete_indexed_asset(
        &self,
        index_id: IndexId,
        indexed_asset_id: IndexedAssetId,
    ) -> Answer<'_, T, ()> {
        self.call(DeleteIndexedAsset {
            index_id,
            indexed_asset_id,
        })
    }
}
