//! Which request is which operation: the table of endpoints, by the types that the client encodes them with.

use std::fmt;

use http::Method;
use tl_protocol::{
    Endpoint,
    endpoint::{
        ClearAssetMetadata, CreateAsset, CreateIndex, CreateIndexedAsset, CreateTask, CreateUpload,
        DeleteAsset, DeleteIndex, DeleteIndexedAsset, DeleteTask, DeleteVideo, GetAsset,
        GetAssetTranscription, GetIndex, GetIndexedAsset, GetTask, GetUpload, GetVideo,
        ListAssetEntities, ListAssetIndexedAssets, ListAssets, ListIndexedAssets, ListIndexes,
        ListTasks, ListUploads, ListVideos, RenameIndex, ReplaceAssetMetadata, ReportChunks,
        RequestUploadUrls, UpdateAssetMetadata, UpdateIndexedAsset, UpdateVideoMetadata,
        match_path,
    },
};

use super::{Quirks, Refusal, quirks};

/// An operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// `POST /tasks`
    TasksCreate,
    /// `GET /tasks`
    TasksList,
    /// `GET /tasks/{task_id}`
    TasksRetrieve,
    /// `DELETE /tasks/{task_id}`
    TasksDelete,
    /// `POST /indexes`
    IndexesCreate,
    /// `GET /indexes`
    IndexesList,
    /// `GET /indexes/{index_id}`
    IndexesRetrieve,
    /// `PUT /indexes/{index_id}`
    IndexesUpdate,
    /// `DELETE /indexes/{index_id}`
    IndexesDelete,
    /// `GET /indexes/{index_id}/videos`
    VideosList,
    /// `GET /indexes/{index_id}/videos/{video_id}`
    VideosRetrieve,
    /// `PATCH /indexes/{index_id}/videos/{video_id}`
    VideosUpdate,
    /// `DELETE /indexes/{index_id}/videos/{video_id}`
    VideosDelete,
    /// `POST /assets`
    AssetsCreate,
    /// `GET /assets`
    AssetsList,
    /// `POST /assets/multipart-uploads`
    UploadsCreate,
    /// `GET /assets/multipart-uploads`
    UploadsList,
    /// `GET /assets/multipart-uploads/{upload_id}`
    UploadsRetrieve,
    /// `POST /assets/multipart-uploads/{upload_id}`
    UploadsReport,
    /// `POST /assets/multipart-uploads/{upload_id}/presigned-urls`
    UploadsUrls,
    /// `GET /assets/{asset_id}`
    AssetsRetrieve,
    /// `DELETE /assets/{asset_id}`
    AssetsDelete,
    /// `PATCH /assets/{asset_id}/user-metadata`
    AssetMetadataUpdate,
    /// `PUT /assets/{asset_id}/user-metadata`
    AssetMetadataReplace,
    /// `DELETE /assets/{asset_id}/user-metadata`
    AssetMetadataClear,
    /// `GET /assets/{asset_id}/indexed-assets`
    AssetIndexedAssets,
    /// `GET /assets/{asset_id}/entities`
    AssetEntities,
    /// `GET /assets/{asset_id}/transcription`
    AssetTranscription,
    /// `POST /indexes/{index_id}/indexed-assets`
    IndexedAssetsCreate,
    /// `GET /indexes/{index_id}/indexed-assets`
    IndexedAssetsList,
    /// `GET /indexes/{index_id}/indexed-assets/{indexed_asset_id}`
    IndexedAssetsRetrieve,
    /// `PATCH /indexes/{index_id}/indexed-assets/{indexed_asset_id}`
    IndexedAssetsUpdate,
    /// `DELETE /indexes/{index_id}/indexed-assets/{indexed_asset_id}`
    IndexedAssetsDelete,
    /// `PUT` of a chunk to a presigned URL: no operation of the API, but faults can happen to it, too.
    StoragePut,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 34] = [
        Self::TasksCreate,
        Self::TasksList,
        Self::TasksRetrieve,
        Self::TasksDelete,
        Self::IndexesCreate,
        Self::IndexesList,
        Self::IndexesRetrieve,
        Self::IndexesUpdate,
        Self::IndexesDelete,
        Self::VideosList,
        Self::VideosRetrieve,
        Self::VideosUpdate,
        Self::VideosDelete,
        Self::AssetsCreate,
        Self::AssetsList,
        Self::UploadsCreate,
        Self::UploadsList,
        Self::UploadsRetrieve,
        Self::UploadsReport,
        Self::UploadsUrls,
        Self::AssetsRetrieve,
        Self::AssetsDelete,
        Self::AssetMetadataUpdate,
        Self::AssetMetadataReplace,
        Self::AssetMetadataClear,
        Self::AssetIndexedAssets,
        Self::AssetEntities,
        Self::AssetTranscription,
        Self::IndexedAssetsCreate,
        Self::IndexedAssetsList,
        Self::IndexedAssetsRetrieve,
        Self::IndexedAssetsUpdate,
        Self::IndexedAssetsDelete,
        Self::StoragePut,
    ];

    /// The name in the journal and in fault plans, as the platform's own clients call it: `tasks.create`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TasksCreate => "tasks.create",
            Self::TasksList => "tasks.list",
            Self::TasksRetrieve => "tasks.retrieve",
            Self::TasksDelete => "tasks.delete",
            Self::IndexesCreate => "indexes.create",
            Self::IndexesList => "indexes.list",
            Self::IndexesRetrieve => "indexes.retrieve",
            Self::IndexesUpdate => "indexes.update",
            Self::IndexesDelete => "indexes.delete",
            Self::VideosList => "indexes.videos.list",
            Self::VideosRetrieve => "indexes.videos.retrieve",
            Self::VideosUpdate => "indexes.videos.update",
            Self::VideosDelete => "indexes.videos.delete",
            Self::AssetsCreate => "assets.create",
            Self::AssetsList => "assets.list",
            Self::UploadsCreate => "multipart_upload.create",
            Self::UploadsList => "multipart_upload.list_incomplete_uploads",
            Self::UploadsRetrieve => "multipart_upload.get_status",
            Self::UploadsReport => "multipart_upload.report_chunk_batch",
            Self::UploadsUrls => "multipart_upload.get_additional_presigned_urls",
            Self::AssetsRetrieve => "assets.retrieve",
            Self::AssetsDelete => "assets.delete",
            Self::AssetMetadataUpdate => "assets.update_user_metadata",
            Self::AssetMetadataReplace => "assets.replace_user_metadata",
            Self::AssetMetadataClear => "assets.delete_user_metadata",
            Self::AssetIndexedAssets => "indexes.indexed_assets.list_by_asset",
            Self::AssetEntities => "entity_collections.entities.list_by_asset",
            Self::AssetTranscription => "assets.retrieve_transcription",
            Self::IndexedAssetsCreate => "indexes.indexed_assets.create",
            Self::IndexedAssetsList => "indexes.indexed_assets.list",
            Self::IndexedAssetsRetrieve => "indexes.indexed_assets.retrieve",
            Self::IndexedAssetsUpdate => "indexes.indexed_assets.update",
            Self::IndexedAssetsDelete => "indexes.indexed_assets.delete",
            Self::StoragePut => "storage.put",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a route takes as a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RouteBody {
    None,
    Json,
    Form,
}

#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) operation: Operation,
    pub(super) body: RouteBody,
}

const fn route<E: Endpoint>(operation: Operation, body: RouteBody) -> Route {
    Route {
        method: E::METHOD,
        path: E::PATH,
        operation,
        body,
    }
}

static ROUTES: [Route; 33] = [
    route::<CreateTask>(Operation::TasksCreate, RouteBody::Form),
    route::<ListTasks>(Operation::TasksList, RouteBody::None),
    route::<GetTask>(Operation::TasksRetrieve, RouteBody::None),
    route::<DeleteTask>(Operation::TasksDelete, RouteBody::None),
    route::<CreateIndex>(Operation::IndexesCreate, RouteBody::Json),
    route::<ListIndexes>(Operation::IndexesList, RouteBody::None),
    route::<GetIndex>(Operation::IndexesRetrieve, RouteBody::None),
    route::<RenameIndex>(Operation::IndexesUpdate, RouteBody::Json),
    route::<DeleteIndex>(Operation::IndexesDelete, RouteBody::None),
    route::<ListVideos>(Operation::VideosList, RouteBody::None),
    route::<GetVideo>(Operation::VideosRetrieve, RouteBody::None),
    route::<UpdateVideoMetadata>(Operation::VideosUpdate, RouteBody::Json),
    route::<DeleteVideo>(Operation::VideosDelete, RouteBody::None),
    route::<CreateAsset>(Operation::AssetsCreate, RouteBody::Form),
    route::<ListAssets>(Operation::AssetsList, RouteBody::None),
    route::<CreateUpload>(Operation::UploadsCreate, RouteBody::Json),
    route::<ListUploads>(Operation::UploadsList, RouteBody::None),
    route::<GetUpload>(Operation::UploadsRetrieve, RouteBody::None),
    route::<ReportChunks>(Operation::UploadsReport, RouteBody::Json),
    route::<RequestUploadUrls>(Operation::UploadsUrls, RouteBody::Json),
    route::<GetAsset>(Operation::AssetsRetrieve, RouteBody::None),
    route::<DeleteAsset>(Operation::AssetsDelete, RouteBody::None),
    route::<UpdateAssetMetadata>(Operation::AssetMetadataUpdate, RouteBody::Json),
    route::<ReplaceAssetMetadata>(Operation::AssetMetadataReplace, RouteBody::Json),
    route::<ClearAssetMetadata>(Operation::AssetMetadataClear, RouteBody::None),
    route::<ListAssetIndexedAssets>(Operation::AssetIndexedAssets, RouteBody::None),
    route::<ListAssetEntities>(Operation::AssetEntities, RouteBody::None),
    route::<GetAssetTranscription>(Operation::AssetTranscription, RouteBody::None),
    route::<CreateIndexedAsset>(Operation::IndexedAssetsCreate, RouteBody::Json),
    route::<ListIndexedAssets>(Operation::IndexedAssetsList, RouteBody::None),
    route::<GetIndexedAsset>(Operation::IndexedAssetsRetrieve, RouteBody::None),
    route::<UpdateIndexedAsset>(Operation::IndexedAssetsUpdate, RouteBody::Json),
    route::<DeleteIndexedAsset>(Operation::IndexedAssetsDelete, RouteBody::None),
];

/// The route of a request below the version, with its path parameters.
pub(super) fn find(
    method: &Method,
    path: &str,
    quirks: &Quirks,
) -> Result<(&'static Route, Vec<String>), Refusal> {
    let path = match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    };
    let mut allowed = Vec::new();
    let matching = ROUTES
        .iter()
        .filter_map(|route| Some((route, match_path(route.path, path)?)));
    let matching: Vec<_> = matching.collect();
    // `multipart-uploads` is no identifier of an asset: of two paths the one with fewer parameters is meant.
    let fewest = matching.iter().map(|(_, params)| params.len()).min();
    for (route, params) in matching {
        if Some(params.len()) == fewest {
            let is_older = *method == Method::PUT
                && route.operation == Operation::VideosUpdate
                && quirks.get(&quirks::VIDEO_PUT) == "accept";
            if route.method == *method || is_older {
                return Ok((route, params));
            }
            allowed.push(route.method.as_str());
        }
    }
    if allowed.is_empty() || quirks.get(&quirks::WRONG_METHOD) == "404" {
        return Err(Refusal::no_such_route(path));
    }
    Err(Refusal::method_not_allowed(&allowed.join(", ")))
}

/// The version that a path names: `v1.2` of `/v1.2/tasks`.
pub(super) fn version_of(path: &str) -> Option<&str> {
    let first = path.strip_prefix('/')?.split('/').next()?;
    let digits = first.strip_prefix('v')?;
    let is_version = !digits.is_empty()
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_version && first != "v1.3").then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_one_route_and_the_name_of_its_own() {
        for operation in Operation::ALL
            .into_iter()
            .filter(|operation| *operation != Operation::StoragePut)
        {
            let count = ROUTES
                .iter()
                .filter(|route| route.operation == operation)
                .count();
            assert_eq!(count, 1, "{operation}");
            let same = Operation::ALL
                .iter()
                .filter(|other| other.as_str() == operation.as_str());
            assert_eq!(same.count(), 1, "{operation}");
        }
    }
}
