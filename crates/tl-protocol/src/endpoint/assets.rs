//! `/assets`: media files on the platform, their user metadata, and the resources created from
//! them. Chunked uploads are in `uploads.rs`.

use std::sync::Arc;

use tl_model::{
    Asset, AssetId, AssetMethod, AssetReference, AssetTranscription, AssetType, Entity,
    MetadataPatch, Page, TranscriptionUnit, UserMetadata,
};
use url::Url;

use super::{
    Codec, Media, Outgoing, PageRequest, Received, Rejection, endpoint, json::without_nulls,
    resource,
};
use crate::{
    Error, Transport,
    client::CallOutput,
    flow::{WaitPolicy, Waited},
    form::Form,
};

/// The longest file name, in characters (API description of February 2026).
pub(super) const FILENAME_MAX_CHARS: usize = 255;

resource! {
    /// Operations on assets.
    Assets, assets
}

impl<T: Transport, X: From<Error> + Send + 'static> Assets<'_, T, X> {
    /// Waits until an asset is ready to be indexed.
    ///
    /// # Errors
    /// See [`Client::wait`](crate::Client::wait).
    pub fn wait(
        self,
        asset_id: impl Into<AssetId>,
        policy: WaitPolicy,
    ) -> CallOutput<T, Waited<Asset>, X> {
        self.0.wait(GetAsset::new(asset_id), policy)
    }
}

endpoint! {
    /// Creates an asset from a file or a public URL. The response comes before the platform has
    /// checked the file: wait until the asset is `ready`.
    ///
    /// If the response is lost, the result is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    CreateAsset custom FORM {
        /// The file, at most 200 MB for video and audio, or its URL, at most 4 GB (API description
        /// of February 2026).
        media: Media,
        /// The file name of the asset, 1 to 255 characters. The platform's default is the name of
        /// the file or the URL.
        filename: Option<String>,
        /// Whether the platform makes an HLS stream of the asset. The default is yes in newer
        /// documents, no in older ones.
        enable_hls: Option<bool>,
        /// Whether the platform makes a thumbnail of the asset. The default is also unclear.
        enable_thumbnail: Option<bool>,
        /// The caller's own data about the asset.
        user_metadata: Option<UserMetadata>,
    }
    name: "assets.create";
    does: "create an asset";
    POST "/assets" => CREATED Asset;
    repeat: IfNotProcessed;
    client: Assets::create;
}

impl CreateAsset {
    /// The request to create an asset from `media` with the platform's defaults.
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

    /// The upload method: `direct` or `url`.
    #[must_use]
    pub fn method(&self) -> AssetMethod {
        match &self.media {
            Media::File(_) => AssetMethod::Direct,
            Media::Url(_) => AssetMethod::Url,
        }
    }

    /// The file name of the asset: the one given, or that of the media.
    #[must_use]
    pub fn effective_filename(&self) -> Option<&str> {
        self.filename.as_deref().or_else(|| self.media.filename())
    }
}

impl Codec for CreateAsset {
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
        // `method` decides which of the two is used; the other one is ignored.
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
        let user_metadata = params.optional::<MetadataPatch>("user_metadata")?;
        let asset = Self {
            media,
            filename,
            enable_hls: params.optional("enable_hls")?,
            enable_thumbnail: params.optional("enable_thumbnail")?,
            // The platform omits a key whose value is `null`.
            user_metadata: user_metadata.as_ref().map(without_nulls),
        };
        params.finish()?;
        Ok(asset)
    }
}

/// Rejects a file name whose length the platform does not accept.
pub(super) fn check_filename(filename: &str) -> Result<(), Rejection> {
    match filename.chars().count() {
        1..=FILENAME_MAX_CHARS => Ok(()),
        length => Err(Rejection::invalid(
            "filename",
            format!("{length} characters: 1 to {FILENAME_MAX_CHARS} are allowed"),
        )),
    }
}

endpoint! {
    /// Lists the assets of the account, newest first.
    ListAssets: PartialEq, Eq, Default {
        query {
            /// The page to return.
            page: PageRequest,
            /// Return only these assets.
            asset_ids: Vec<AssetId>,
            /// Return only assets of one of these types.
            asset_types: Vec<AssetType>,
            /// Return only assets whose file name contains this text, ignoring case.
            filename: Option<String>,
        }
    }
    name: "assets.list";
    does: "list assets";
    GET "/assets" => OK Page<Asset>;
    repeat: Freely;
    client: Assets::list;
    paged: Asset;
}

endpoint! {
    /// Retrieves an asset: its status and, when it is ready, its properties.
    GetAsset: PartialEq, Eq {
        path {
            /// The asset.
            asset_id: AssetId,
        }
    }
    name: "assets.retrieve";
    does: "retrieve the asset";
    GET "/assets/{asset_id}" => OK Asset;
    repeat: Freely;
    client: Assets::get;
}

endpoint! {
    /// Deletes an asset. The platform refuses (409) while indexed assets created from it exist,
    /// unless `force` is set.
    DeleteAsset: PartialEq, Eq {
        path {
            /// The asset.
            asset_id: AssetId,
        }
        query {
            /// Whether to delete it even if indexed assets were created from it. The platform's
            /// default is no.
            force: Option<bool>,
        }
    }
    name: "assets.delete";
    does: "delete the asset";
    DELETE "/assets/{asset_id}" => NO_CONTENT;
    repeat: Freely;
    client: Assets::delete;
    gone: ();
}

endpoint! {
    /// Changes the user metadata of an asset: given keys are set, `null` deletes a key, other keys
    /// stay. The platform ignores an empty string.
    // A merge is idempotent.
    UpdateAssetMetadata: PartialEq {
        path {
            /// The asset.
            asset_id: AssetId,
        }
        json {
            /// The changes.
            user_metadata: MetadataPatch,
        }
    }
    name: "assets.update_user_metadata";
    does: "update the metadata of the asset";
    PATCH "/assets/{asset_id}/user-metadata" => NO_CONTENT;
    repeat: Freely;
    client: Assets::update_metadata;
}

endpoint! {
    /// Replaces the whole user metadata of an asset: absent keys are removed, an empty object
    /// removes all.
    ReplaceAssetMetadata: PartialEq {
        path {
            /// The asset.
            asset_id: AssetId,
        }
        json {
            /// The new metadata.
            user_metadata: UserMetadata,
        }
    }
    name: "assets.replace_user_metadata";
    does: "replace the metadata of the asset";
    PUT "/assets/{asset_id}/user-metadata" => NO_CONTENT;
    repeat: Freely;
    client: Assets::replace_metadata;
}

endpoint! {
    /// Clears the user metadata of an asset.
    ClearAssetMetadata: PartialEq, Eq {
        path {
            /// The asset.
            asset_id: AssetId,
        }
    }
    name: "assets.delete_user_metadata";
    does: "clear the metadata of the asset";
    DELETE "/assets/{asset_id}/user-metadata" => NO_CONTENT;
    repeat: Freely;
    client: Assets::clear_metadata;
}

endpoint! {
    /// Lists the indexed assets created from an asset. While any exist, the asset cannot be
    /// deleted.
    ListAssetIndexedAssets: PartialEq, Eq {
        path {
            /// The asset.
            asset_id: AssetId,
        }
        query {
            /// The page to return.
            page: PageRequest,
        }
    }
    name: "indexes.indexed_assets.list_by_asset";
    does: "list the indexed assets of the asset";
    GET "/assets/{asset_id}/indexed-assets" => OK Page<AssetReference>;
    repeat: Freely;
    client: Assets::list_indexed_assets;
    paged: AssetReference;
}

endpoint! {
    /// Lists the entities that an asset shows.
    ListAssetEntities: PartialEq, Eq {
        path {
            /// The asset.
            asset_id: AssetId,
        }
        query {
            /// The page to return.
            page: PageRequest,
        }
    }
    name: "entity_collections.entities.list_by_asset";
    does: "list the entities of the asset";
    GET "/assets/{asset_id}/entities" => OK Page<Entity>;
    repeat: Freely;
    client: Assets::list_entities;
    paged: Entity;
}

endpoint! {
    /// Retrieves the transcription of an asset, possibly incomplete. 404 if the asset has no
    /// transcription.
    GetAssetTranscription: PartialEq, Eq {
        path {
            /// The asset.
            asset_id: AssetId,
        }
        query {
            /// The units to split it into. The platform's default is words; an unsupported unit is
            /// omitted.
            include: Vec<TranscriptionUnit>,
        }
    }
    name: "assets.retrieve_transcription";
    does: "retrieve the transcription of the asset";
    GET "/assets/{asset_id}/transcription" => OK AssetTranscription;
    repeat: Freely;
    client: Assets::transcription;
}
