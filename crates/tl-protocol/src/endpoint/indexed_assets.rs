//! `/indexes/{index_id}/indexed-assets`: assets within an index. The older view of the same things is in `videos.rs`.

use http::{Method, StatusCode};
use tl_model::{
    AssetId, CreatedIndexedAsset, IndexId, IndexedAsset, IndexedAssetId, IndexedAssetStatus,
    IndexedAssetUpdate, MetadataPatch, NewIndexedAsset, Page, Timestamp, UserMetadata,
};

use super::{
    Endpoint, NumberFilter, Outgoing, PageRequest, Received, Rejection, Sort,
    asset_metadata::{metadata_of, required_patch},
    assets::words,
    by_id, empty_response, json_response,
    members::{flag, text},
    paged,
};
use crate::Repeat;

/// Indexes an asset that is `ready`. The answer comes when the indexing has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIndexedAsset {
    /// The index.
    pub index_id: IndexId,
    /// Which asset, and how.
    pub indexed_asset: NewIndexedAsset,
}

impl CreateIndexedAsset {
    /// Brings the asset into the index.
    #[must_use]
    pub fn new(index_id: IndexId, asset_id: AssetId) -> Self {
        Self {
            index_id,
            indexed_asset: NewIndexedAsset::new(asset_id),
        }
    }
}

impl Endpoint for CreateIndexedAsset {
    type Response = CreatedIndexedAsset;

    const OPERATION: &'static str = "index the asset";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/indexes/{index_id}/indexed-assets";
    const REPEAT: Repeat = Repeat::IfNotProcessed;
    const SUCCESS: StatusCode = StatusCode::ACCEPTED;

    fn encode(&self) -> Outgoing {
        Outgoing::new()
            .param(&self.index_id)
            .json(&self.indexed_asset)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let object = request.json_with(&["asset_id", "enable_video_stream", "user_metadata"])?;
        let mut indexed_asset = NewIndexedAsset::new(text(object, "asset_id")?);
        indexed_asset.enable_video_stream = flag(object, "enable_video_stream")?;
        indexed_asset.user_metadata = metadata_of(object)?;
        Ok(Self {
            index_id: request.param(0).into(),
            indexed_asset,
        })
    }

    json_response!();
}

/// Lists the indexed assets of an index, the newest first unless `sort` says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct ListIndexedAssets {
    /// The index.
    pub index_id: IndexId,
    /// Which page.
    pub page: PageRequest,
    /// In which order.
    pub sort: Sort,
    /// Only those in one of these statuses.
    pub status: Vec<IndexedAssetStatus>,
    /// Only those with this file name.
    pub filename: Option<String>,
    /// Only those of this duration, in seconds.
    pub duration: NumberFilter,
    /// Only those of this frame rate, in frames per second.
    pub fps: NumberFilter,
    /// Only those of this width, in pixels.
    pub width: NumberFilter,
    /// Only those of this height, in pixels.
    pub height: NumberFilter,
    /// Only those of this size, in bytes.
    pub size: NumberFilter,
    /// Only those created then or later.
    pub created_at: Option<Timestamp>,
    /// Only those updated then or later.
    pub updated_at: Option<Timestamp>,
    /// Only those whose user metadata has these values. Sent as `user_metadata[key]=value`.
    pub user_metadata: Vec<(String, String)>,
}

impl ListIndexedAssets {
    /// All indexed assets of the index.
    #[must_use]
    pub fn new(index_id: IndexId) -> Self {
        Self {
            index_id,
            page: PageRequest::default(),
            sort: Sort::default(),
            status: Vec::new(),
            filename: None,
            duration: NumberFilter::default(),
            fps: NumberFilter::default(),
            width: NumberFilter::default(),
            height: NumberFilter::default(),
            size: NumberFilter::default(),
            created_at: None,
            updated_at: None,
            user_metadata: Vec::new(),
        }
    }
}

impl Endpoint for ListIndexedAssets {
    type Response = Page<IndexedAsset>;

    const OPERATION: &'static str = "list the indexed assets";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/indexes/{index_id}/indexed-assets";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        let mut request = self
            .sort
            .encode(self.page.encode(Outgoing::new().param(&self.index_id)));
        for status in &self.status {
            request = request.query("status", status);
        }
        request = request.query_if("filename", self.filename.as_ref());
        for (name, filter) in [
            ("duration", &self.duration),
            ("fps", &self.fps),
            ("width", &self.width),
            ("height", &self.height),
            ("size", &self.size),
        ] {
            request = as_range(filter).encode(name, request);
        }
        request = request
            .query_if("created_at", self.created_at.as_ref())
            .query_if("updated_at", self.updated_at.as_ref());
        for (key, value) in &self.user_metadata {
            request = request.query(format!("user_metadata[{key}]"), value);
        }
        request
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let list = Self {
            index_id: request.param(0).into(),
            page: PageRequest::decode(&mut params)?,
            sort: Sort::decode(&mut params)?,
            status: words(params.list("status")),
            filename: params.optional("filename")?,
            duration: NumberFilter::decode("duration", &mut params)?,
            fps: NumberFilter::decode("fps", &mut params)?,
            width: NumberFilter::decode("width", &mut params)?,
            height: NumberFilter::decode("height", &mut params)?,
            size: NumberFilter::decode("size", &mut params)?,
            created_at: params.word("created_at")?,
            updated_at: params.word("updated_at")?,
            user_metadata: Vec::new(),
        };
        Ok(Self {
            user_metadata: metadata_filters(params.rest())?,
            ..list
        })
    }

    json_response!();
}

/// The filter without `name=value`, which newer documents of this list no longer have: "for exact match, set both to the same
/// value". What passes stays the same.
fn as_range(filter: &NumberFilter) -> NumberFilter {
    match filter.eq {
        None => *filter,
        Some(eq) => NumberFilter {
            eq: None,
            gte: Some(filter.gte.map_or(eq, |low| low.max(eq))),
            lte: Some(filter.lte.map_or(eq, |high| high.min(eq))),
        },
    }
}

/// The filters by user metadata, in all three forms that documents and clients have: `user_metadata[key]=value`,
/// `user_metadata={"key":"value"}`, and `key=value` for a key that is no other parameter.
fn metadata_filters(rest: Vec<(&str, &str)>) -> Result<Vec<(String, String)>, Rejection> {
    let mut filters = Vec::new();
    for (name, value) in rest {
        if name == "user_metadata" {
            let object: UserMetadata =
                value.parse().map_err(|error: tl_model::MetadataError| {
                    Rejection::invalid(name, error.to_string())
                })?;
            filters.extend(
                object
                    .iter()
                    .map(|(key, value)| (key.clone(), value.to_string())),
            );
            continue;
        }
        let key = name
            .strip_prefix("user_metadata[")
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(name);
        if key.is_empty() {
            return Err(Rejection::invalid(
                "user_metadata",
                "a filter without a key: write user_metadata[key]=value",
            ));
        }
        filters.push((key.to_owned(), value.to_owned()));
    }
    Ok(filters)
}

paged!(ListIndexedAssets, IndexedAsset);

/// Retrieves an indexed asset: its status and, when it is ready, what was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetIndexedAsset {
    /// The index.
    pub index_id: IndexId,
    /// The indexed asset.
    pub indexed_asset_id: IndexedAssetId,
    /// Which embeddings come along: `visual`, `audio`, `transcription`.
    pub embedding_option: Vec<String>,
    /// Whether the transcription comes along.
    pub transcription: Option<bool>,
}

impl GetIndexedAsset {
    /// The indexed asset, without embeddings and transcription.
    #[must_use]
    pub fn new(index_id: IndexId, indexed_asset_id: IndexedAssetId) -> Self {
        Self {
            index_id,
            indexed_asset_id,
            embedding_option: Vec::new(),
            transcription: None,
        }
    }
}

impl Endpoint for GetIndexedAsset {
    type Response = IndexedAsset;

    const OPERATION: &'static str = "retrieve the indexed asset";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/indexes/{index_id}/indexed-assets/{indexed_asset_id}";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        let mut request = Outgoing::new()
            .param(&self.index_id)
            .param(&self.indexed_asset_id);
        for option in &self.embedding_option {
            request = request.query("embedding_option", option);
        }
        request.query_if("transcription", self.transcription.as_ref())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let get = Self {
            index_id: request.param(0).into(),
            indexed_asset_id: request.param(1).into(),
            embedding_option: words(params.list("embedding_option")),
            transcription: params.optional("transcription")?,
        };
        params.finish()?;
        Ok(get)
    }

    json_response!();
}

/// Changes the user metadata of an indexed asset: given keys are set, `null` deletes a key, the others stay.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateIndexedAsset {
    /// The index.
    pub index_id: IndexId,
    /// The indexed asset.
    pub indexed_asset_id: IndexedAssetId,
    /// The changes.
    pub user_metadata: MetadataPatch,
}

impl Endpoint for UpdateIndexedAsset {
    type Response = ();

    const OPERATION: &'static str = "update the metadata of the indexed asset";
    // A merge: once or twice is the same.
    const METHOD: Method = Method::PATCH;
    const PATH: &'static str = "/indexes/{index_id}/indexed-assets/{indexed_asset_id}";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::NO_CONTENT;

    fn encode(&self) -> Outgoing {
        Outgoing::new()
            .param(&self.index_id)
            .param(&self.indexed_asset_id)
            .json(&IndexedAssetUpdate::new(self.user_metadata.clone()))
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        Ok(Self {
            index_id: request.param(0).into(),
            indexed_asset_id: request.param(1).into(),
            user_metadata: required_patch(request.json_with(&["user_metadata"])?)?,
        })
    }

    empty_response!();
}

by_id! {
    /// Deletes an indexed asset from its index; the asset stays.
    DeleteIndexedAsset {
        /// The index.
        index_id: IndexId,
        /// The indexed asset.
        indexed_asset_id: IndexedAssetId,
    }
    deletes, "delete the indexed asset", "/indexes/{index_id}/indexed-assets/{indexed_asset_id}"
}
