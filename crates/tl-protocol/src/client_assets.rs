//! The methods of [`Client`] for the modern upload path: assets, uploads in chunks, indexed assets. One request each; the whole
//! chains are flows.

use tl_model::{
    Asset, AssetId, AssetReference, AssetTranscription, ChunkReceipt, ChunkReport,
    CreatedIndexedAsset, Entity, IncompleteUpload, IndexId, IndexedAsset, IndexedAssetId,
    MetadataPatch, NewIndexedAsset, NewUpload, Page, TranscriptionUnit, UploadId, UploadSession,
    UploadState, UploadUrls, UserMetadata,
};

use crate::{
    Client, Transport,
    client::Answer,
    endpoint::{
        ClearAssetMetadata, CreateAsset, CreateIndexedAsset, CreateUpload, DeleteAsset,
        DeleteIndexedAsset, GetAsset, GetAssetTranscription, GetIndexedAsset, GetUpload,
        ListAssetEntities, ListAssetIndexedAssets, ListAssets, ListIndexedAssets, ListUploads,
        PageRequest, ReplaceAssetMetadata, ReportChunks, RequestUploadUrls, UpdateAssetMetadata,
        UpdateIndexedAsset,
    },
    flow::{WaitPolicy, Waited},
};

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

    /// Waits until an asset is ready to be indexed.
    ///
    /// # Errors
    /// As [`wait`](Client::wait).
    pub fn wait_for_asset(
        &self,
        asset_id: AssetId,
        policy: WaitPolicy,
    ) -> Answer<'_, T, Waited<Asset>> {
        self.wait(GetAsset { asset_id }, policy)
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

    /// Waits until an asset is indexed.
    ///
    /// # Errors
    /// As [`wait`](Client::wait).
    pub fn wait_for_indexed_asset(
        &self,
        index_id: IndexId,
        indexed_asset_id: IndexedAssetId,
        policy: WaitPolicy,
    ) -> Answer<'_, T, Waited<IndexedAsset>> {
        self.wait(GetIndexedAsset::new(index_id, indexed_asset_id), policy)
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

#[cfg(test)]
mod tests {
    use std::{
        sync::Mutex,
        time::{Duration, SystemTime},
    };

    use bytes::Bytes;

    use super::*;
    use crate::{ClientSettings, ErrorKind, Flow, Now, Step, endpoint::Media};

    /// Takes down what is asked for, and knows of nothing.
    #[derive(Debug, Default)]
    struct NothingThere(Mutex<Vec<String>>);

    impl Transport for NothingThere {
        type Output<'a, R: Send + 'a> = R;
        type Stream<'a, F: tl_http::Feed + 'a> = ();

        fn stream<'a, F: tl_http::Feed + 'a>(&'a self, _: F) {
            panic!("no answer is streamed here");
        }

        fn run<'a, F: Flow + 'a>(&'a self, mut flow: F) -> F::Output {
            let now = Now::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
            loop {
                match flow.step(now) {
                    Step::Done(output) => return output,
                    Step::Wait { .. } => panic!("nothing is under way, and a 404 is final"),
                    Step::Start(token, exchange) => {
                        let uri = exchange.http.uri();
                        let path = uri.path_and_query().unwrap().as_str();
                        let line = format!("{} {path}", exchange.http.method());
                        self.0.lock().unwrap().push(line);
                        let answer = http::Response::builder()
                            .status(404)
                            .body(Bytes::from_static(b"{}"));
                        flow.on_outcome(now, token, Ok(answer.unwrap()));
                    }
                }
            }
        }
    }

    #[test]
    fn each_method_sends_its_own_request() {
        let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
        let client = Client::new(NothingThere::default(), ClientSettings::new(base, 1));
        let url = Media::Url("https://example.com/a.mp4".parse().unwrap());
        let (asset, index, indexed) = (
            || AssetId::from("a"),
            || IndexId::from("i"),
            || IndexedAssetId::from("x"),
        );
        let upload = || UploadId::from("u");
        let page = PageRequest {
            page: Some(2),
            page_limit: None,
        };
        fn kind<R>(answer: Result<R, crate::Error>) -> ErrorKind {
            match answer {
                Ok(_) => panic!("nothing is there"),
                Err(error) => error.kind(),
            }
        }
        let kinds = [
            kind(client.create_asset(CreateAsset::new(url))),
            kind(client.list_assets(ListAssets::default())),
            kind(client.get_asset(asset())),
            kind(client.delete_asset(asset(), false)),
            kind(client.delete_asset(asset(), true)),
            kind(client.update_asset_metadata(asset(), MetadataPatch::new())),
            kind(client.replace_asset_metadata(asset(), UserMetadata::new())),
            kind(client.clear_asset_metadata(asset())),
            kind(client.list_asset_indexed_assets(asset(), page)),
            kind(client.list_asset_entities(asset(), page)),
            kind(client.get_asset_transcription(asset(), [TranscriptionUnit::Sentences])),
            kind(client.create_upload(NewUpload::new("a.mp4", "video", 5_u64))),
            kind(client.list_uploads(ListUploads::default())),
            kind(client.get_upload(upload(), page)),
            kind(client.report_chunks(upload(), ChunkReport::new([]))),
            kind(client.request_upload_urls(upload(), 1, 10)),
            kind(client.create_indexed_asset(index(), NewIndexedAsset::new("a"))),
            kind(client.list_indexed_assets(ListIndexedAssets::new(index()))),
            kind(client.get_indexed_asset(index(), indexed())),
            kind(client.update_indexed_asset(index(), indexed(), MetadataPatch::new())),
            kind(client.delete_indexed_asset(index(), indexed())),
        ];
        assert!(
            kinds.iter().all(|kind| *kind == ErrorKind::NotFound),
            "{kinds:?}"
        );
        let lines = client.transport().0.lock().unwrap().join("\n");
        insta::assert_snapshot!(lines);
    }
}
