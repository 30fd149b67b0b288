//! `/assets`: media files that the platform holds. Their user metadata is in `asset_metadata.rs`, the upload in chunks in
//! `multipart_uploads.rs`.

use std::sync::Arc;

use http::{Method, StatusCode};
use tl_model::{
    Asset, AssetId, AssetMethod, AssetReference, AssetTranscription, AssetType, Entity, Page,
    TranscriptionUnit, UserMetadata,
};
use url::Url;

use super::{
    Endpoint, Media, Outgoing, PageRequest, Received, Rejection, asset_metadata::metadata_in,
    by_id, empty_response, json_response, paged,
};
use crate::{Repeat, form::Form};

/// The longest file name, in characters (API description of February 2026).
pub(super) const FILENAME_MAX_CHARS: usize = 255;

/// Creates an asset of a file or of a public URL. The answer comes before the platform has looked at the file: wait until the
/// asset is `ready`.
#[derive(Debug, Clone)]
pub struct CreateAsset {
    /// The file, at most 200 MB for video and sound, or its URL, at most 4 GB (API description of February 2026).
    pub media: Media,
    /// The name that the asset gets, 1 to 255 characters. The platform's default is that of the file or the URL.
    pub filename: Option<String>,
    /// Whether the platform makes a stream of the asset. The platform's default is yes in newer documents, no in older ones.
    pub enable_hls: Option<bool>,
    /// Whether the platform makes a thumbnail of the asset. The default is as uncertain.
    pub enable_thumbnail: Option<bool>,
    /// The caller's own data about the asset.
    pub user_metadata: Option<UserMetadata>,
}

impl CreateAsset {
    /// The asset that is made of `media`.
    #[must_use]
    pub fn new(media: Media) -> Self {
        Self {
            media,
            filename: None,
            enable_hls: None,
            enable_thumbnail: None,
            user_metadata: None,
        }
    }

    /// How the media goes to the platform: `direct` or `url`.
    #[must_use]
    pub fn method(&self) -> AssetMethod {
        match &self.media {
            Media::File(_) => AssetMethod::Direct,
            Media::Url(_) => AssetMethod::Url,
        }
    }

    /// The name by which the platform will know the asset: the one given, or that of the media.
    #[must_use]
    pub fn effective_filename(&self) -> Option<&str> {
        self.filename.as_deref().or_else(|| self.media.filename())
    }
}

impl Endpoint for CreateAsset {
    type Response = Asset;

    const OPERATION: &'static str = "create an asset";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/assets";
    const REPEAT: Repeat = Repeat::IfNotProcessed;
    const SUCCESS: StatusCode = StatusCode::CREATED;

    fn encode(&self) -> Outgoing {
        let mut form = Form::new().text("method", self.method().as_str());
        form = match &self.media {
            Media::File(source) => form.file("file", Arc::clone(source)),
            Media::Url(url) => form.text("url", url.as_str()),
        };
        form = form
            .text_if("filename", self.filename.as_ref())
            .text_if("enable_hls", self.enable_hls)
            .text_if("enable_thumbnail", self.enable_thumbnail)
            .text_if("user_metadata", self.user_metadata.as_ref());
        Outgoing::new().form(form)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let (mut params, files) = request.form()?;
        let method = params.required::<AssetMethod>("method")?;
        let url = params.optional::<Url>("url")?;
        if params.text("file")?.is_some() {
            return Err(Rejection::invalid(
                "file",
                "a file part is expected, not a text",
            ));
        }
        if let Some((name, _)) = files.iter().find(|(name, _)| *name != "file") {
            return Err(Rejection::unknown(name));
        }
        if files.len() > 1 {
            return Err(Rejection::invalid("file", "it was given more than once"));
        }
        // The method decides which of the two counts; the other one is not looked at.
        let media = match (&method, files.first(), url) {
            (AssetMethod::Direct, Some((_, source)), _) => Media::File(Arc::clone(source)),
            (AssetMethod::Direct, None, _) => return Err(Rejection::missing("file")),
            (AssetMethod::Url, _, Some(url)) => Media::Url(url),
            (AssetMethod::Url, _, None) => return Err(Rejection::missing("url")),
            (other, ..) => {
                let seen: String = other.as_str().chars().take(60).collect();
                return Err(Rejection::invalid(
                    "method",
                    format!("`{seen}`: `direct` or `url` is expected"),
                ));
            }
        };
        let filename = params.text("filename")?.map(str::to_owned);
        if let Some(filename) = &filename {
            check_filename(filename)?;
        }
        let asset = Self {
            media,
            filename,
            enable_hls: params.optional("enable_hls")?,
            enable_thumbnail: params.optional("enable_thumbnail")?,
            user_metadata: metadata_in(&mut params)?,
        };
        params.finish()?;
        Ok(asset)
    }

    json_response!();
}

/// Refuses a file name of a length that the platform refuses.
pub(super) fn check_filename(filename: &str) -> Result<(), Rejection> {
    match filename.chars().count() {
        1..=FILENAME_MAX_CHARS => Ok(()),
        length => Err(Rejection::invalid(
            "filename",
            format!("{length} characters: 1 to {FILENAME_MAX_CHARS} are allowed"),
        )),
    }
}

/// Lists the assets of the account, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListAssets {
    /// Which page.
    pub page: PageRequest,
    /// Only these assets.
    pub asset_ids: Vec<AssetId>,
    /// Only assets of one of these types.
    pub asset_types: Vec<AssetType>,
    /// Only assets whose file name contains this text, in upper or lower case.
    pub filename: Option<String>,
}

impl Endpoint for ListAssets {
    type Response = Page<Asset>;

    const OPERATION: &'static str = "list assets";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/assets";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        let mut request = self.page.encode(Outgoing::new());
        for asset_id in &self.asset_ids {
            request = request.query("asset_ids", asset_id);
        }
        for asset_type in &self.asset_types {
            request = request.query("asset_types", asset_type);
        }
        request.query_if("filename", self.filename.as_ref())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let list = Self {
            page: PageRequest::decode(&mut params)?,
            asset_ids: words(params.list("asset_ids")),
            asset_types: words(params.list("asset_types")),
            filename: params.optional("filename")?,
        };
        params.finish()?;
        Ok(list)
    }

    json_response!();
}

/// The values of a list, as ids or as words of an open set.
pub(super) fn words<'a, T: From<&'a str>>(values: Vec<&'a str>) -> Vec<T> {
    values.into_iter().map(T::from).collect()
}

paged!(ListAssets, Asset);

by_id! {
    /// Retrieves an asset: its status and, when it is ready, what was measured of it.
    GetAsset {
        /// The asset.
        asset_id: AssetId,
    }
    retrieves Asset, "retrieve the asset", "/assets/{asset_id}"
}

/// Deletes an asset. The platform refuses (409) while an indexed asset was made of it, unless `force` is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteAsset {
    /// The asset.
    pub asset_id: AssetId,
    /// Whether it is deleted even where indexed assets were made of it. The platform's default is no.
    pub force: Option<bool>,
}

impl DeleteAsset {
    /// The asset, where nothing depends on it.
    #[must_use]
    pub fn new(asset_id: AssetId) -> Self {
        Self {
            asset_id,
            force: None,
        }
    }
}

impl Endpoint for DeleteAsset {
    type Response = ();

    const OPERATION: &'static str = "delete the asset";
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/assets/{asset_id}";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::NO_CONTENT;

    fn encode(&self) -> Outgoing {
        Outgoing::new()
            .param(&self.asset_id)
            .query_if("force", self.force.as_ref())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let delete = Self {
            asset_id: request.param(0).into(),
            force: params.optional("force")?,
        };
        params.finish()?;
        Ok(delete)
    }

    empty_response!();

    fn when_gone() -> Option<()> {
        Some(())
    }
}

/// Lists the indexed assets that were made of an asset: those that keep it from being deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAssetIndexedAssets {
    /// The asset.
    pub asset_id: AssetId,
    /// Which page.
    pub page: PageRequest,
}

impl Endpoint for ListAssetIndexedAssets {
    type Response = Page<AssetReference>;

    const OPERATION: &'static str = "list the indexed assets of the asset";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/assets/{asset_id}/indexed-assets";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        self.page.encode(Outgoing::new().param(&self.asset_id))
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let list = Self {
            asset_id: request.param(0).into(),
            page: PageRequest::decode(&mut params)?,
        };
        params.finish()?;
        Ok(list)
    }

    json_response!();
}

paged!(ListAssetIndexedAssets, AssetReference);

/// Lists the entities that an asset is a picture of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAssetEntities {
    /// The asset.
    pub asset_id: AssetId,
    /// Which page.
    pub page: PageRequest,
}

impl Endpoint for ListAssetEntities {
    type Response = Page<Entity>;

    const OPERATION: &'static str = "list the entities of the asset";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/assets/{asset_id}/entities";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        self.page.encode(Outgoing::new().param(&self.asset_id))
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let list = Self {
            asset_id: request.param(0).into(),
            page: PageRequest::decode(&mut params)?,
        };
        params.finish()?;
        Ok(list)
    }

    json_response!();
}

paged!(ListAssetEntities, Entity);

/// Retrieves what is spoken in an asset, as far as it has been transcribed. 404 where the asset has no transcription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetAssetTranscription {
    /// The asset.
    pub asset_id: AssetId,
    /// How it is divided. The platform's default is by word; a division that is not supported does not come.
    pub include: Vec<TranscriptionUnit>,
}

impl GetAssetTranscription {
    /// The transcription by word.
    #[must_use]
    pub fn new(asset_id: AssetId) -> Self {
        Self {
            asset_id,
            include: Vec::new(),
        }
    }
}

impl Endpoint for GetAssetTranscription {
    type Response = AssetTranscription;

    const OPERATION: &'static str = "retrieve the transcription of the asset";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/assets/{asset_id}/transcription";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        let mut request = Outgoing::new().param(&self.asset_id);
        for unit in &self.include {
            request = request.query("include", unit);
        }
        request
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let get = Self {
            asset_id: request.param(0).into(),
            include: words(params.list("include")),
        };
        params.finish()?;
        Ok(get)
    }

    json_response!();
}
