//! Assets: media files that the platform holds, and what hangs on them (`/assets`).
//!
//! What was measured of the file lives in `technical_metadata.rs`, the upload in chunks in `multipart_upload.rs`, the asset
//! within an index in `indexed_asset.rs`.

use serde_json::Value;

use crate::{
    AssetId, EntityId, IndexId, IndexedAssetId, TechnicalMetadata, Timestamp, TranscriptionSegment,
    UserMetadata,
};

open_enum! {
    /// How an asset came to the platform.
    pub enum AssetMethod {
        /// As a file in the request.
        Direct = "direct",
        /// From a public URL that the platform fetched.
        Url = "url",
        /// In chunks, through an upload session.
        Multipart = "multipart",
        /// Through a connection to a data provider.
        Connector = "connector",
    }
}

open_enum! {
    /// How far an asset is.
    ///
    /// Every asset begins as `processing` since July 2026; before that, small files were `ready` at once.
    pub enum AssetStatus {
        /// The file is being checked and prepared.
        Processing = "processing",
        /// The asset can be indexed.
        Ready = "ready",
        /// Given up; [`Asset::failure_reason`] may say why.
        Failed = "failed",
    }
}

impl AssetStatus {
    /// Whether the asset will not change any more: `ready` or `failed`. An unknown word is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

open_enum! {
    /// The kind of file that an asset is, as the list of assets filters by it.
    pub enum AssetType {
        /// An image.
        Image = "image",
        /// A video.
        Video = "video",
        /// Sound without pictures.
        Audio = "audio",
        /// A document. Newer than the API description of July 2026.
        Document = "document",
    }
}

open_enum! {
    /// How far a derivative of an asset is: its stream or its thumbnail.
    ///
    /// The `hls` of tasks, videos and indexed assets has other words: see [`HlsStatus`](crate::HlsStatus).
    pub enum MediaStatus {
        /// Not begun.
        Pending = "pending",
        /// Being made.
        Processing = "processing",
        /// Made: its URL is there.
        Ready = "ready",
        /// Given up.
        Error = "error",
    }
}

object! {
    /// An asset, as created, listed or retrieved. Only a retrieved one has the members from `hls` on.
    pub struct Asset {
        required {
            /// Identifies the asset.
            id: AssetId = "_id",
        }
        /// How it came to the platform.
        lenient method: Option<AssetMethod>,
        /// How far it is.
        optional status: Option<AssetStatus>,
        /// The name of the file.
        lenient filename: Option<String>,
        /// The media type of the file (`video/mp4`).
        lenient file_type: Option<String>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// What the user said about it. Absent where nothing was said.
        lenient user_metadata: Option<UserMetadata>,
        /// Where it came from. Only for an import through a connector.
        lenient source: Option<AssetSource>,
        /// The stream of the asset, where one was asked for.
        lenient hls: Option<AssetHls>,
        /// The thumbnail of the asset, where one was asked for.
        lenient thumbnail: Option<AssetThumbnail>,
        /// What the platform measured of the file. Absent while `processing`, and it may be partial.
        lenient technical_metadata: Option<TechnicalMetadata>,
        /// Size of the file, in bytes. Final when `ready`.
        whole size: Option<u64>,
        /// Length of a video or of sound, in seconds. Final when `ready`.
        number duration: Option<f64>,
        /// Why the asset failed. Only when `failed`.
        lenient error: Option<AssetError>,
    }
}

impl Asset {
    /// Why the asset failed, where the platform says so. The text is for people: it may change at any time.
    pub fn failure_reason(&self) -> Option<&str> {
        match &self.error {
            Some(error) => error.message.as_deref(),
            None => self.extra.get("error").and_then(Value::as_str),
        }
    }
}

object! {
    /// Why the platform gave up an asset or its transcription.
    pub struct AssetError {
        /// The reason, for people: the text is not part of the contract.
        lenient message: Option<String>,
    }
}

object! {
    /// The stream of an asset.
    pub struct AssetHls {
        /// The playlist (`.m3u8`). Only when `ready`.
        lenient manifest_url: Option<String>,
        /// How far it is.
        lenient status: Option<MediaStatus>,
    }
}

object! {
    /// The thumbnail of an asset.
    pub struct AssetThumbnail {
        /// The image that stands for the asset. Only when `ready`.
        lenient representative_url: Option<String>,
        /// How far it is.
        lenient status: Option<MediaStatus>,
    }
}

open_enum! {
    /// What kind of source an asset came from.
    pub enum AssetSourceType {
        /// A connection to a data provider.
        Connector = "connector",
    }
}

open_enum! {
    /// A data provider that the platform connects to.
    pub enum AssetSourceProvider {
        /// Google Drive.
        GoogleDrive = "google_drive",
    }
}

object! {
    /// Where an imported asset came from.
    pub struct AssetSource {
        /// What kind of source it is; it decides what `details` holds.
        lenient source_type: Option<AssetSourceType> = "type",
        /// The origin of the file.
        lenient details: Option<AssetSourceDetails>,
    }
}

object! {
    /// The origin of an imported file.
    pub struct AssetSourceDetails {
        /// The data provider.
        lenient provider: Option<AssetSourceProvider>,
        /// The identifier of the file at the provider.
        lenient source_id: Option<String>,
        /// The name of the file at the provider when it was imported.
        lenient original_filename: Option<String>,
        /// A link to the file at the provider.
        lenient source_link: Option<String>,
    }
}

object! {
    /// An indexed asset that was made of an asset, and so keeps it from being deleted.
    pub struct AssetReference {
        required {
            /// Identifies the indexed asset.
            id: IndexedAssetId = "_id",
        }
        /// The index that it is in. Strict, because a client asks here whether an asset is indexed already.
        optional index: Option<AssetReferenceIndex>,
    }
}

object! {
    /// The index of an [`AssetReference`].
    pub struct AssetReferenceIndex {
        required {
            /// Identifies the index.
            id: IndexId = "_id",
        }
        /// The name of the index.
        lenient name: Option<String>,
    }
}

open_enum! {
    /// How far an entity is.
    pub enum EntityStatus {
        /// Not ready for searches.
        Processing = "processing",
        /// Ready for searches.
        Ready = "ready",
    }
}

object! {
    /// A person or thing to search for, which an asset is a picture of. Its collection stays in `extra`.
    pub struct Entity {
        required {
            /// Identifies the entity.
            id: EntityId = "_id",
        }
        /// Its name.
        lenient name: Option<String>,
        /// What it is.
        lenient description: Option<String>,
        /// The user's own data about it: any JSON object.
        lenient metadata: Option<Value>,
        /// The assets that show it.
        lenient asset_ids: Option<Vec<AssetId>>,
        /// How far it is.
        optional status: Option<EntityStatus>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it last changed.
        lenient updated_at: Option<Timestamp>,
    }
}

open_enum! {
    /// How a transcription is divided.
    pub enum TranscriptionUnit {
        /// By word: the platform's default.
        Words = "words",
        /// By sentence, as the speech recognition hears it.
        Sentences = "sentences",
        /// By speaker turn.
        Utterances = "utterances",
    }
}

open_enum! {
    /// How far the transcription of an asset is.
    pub enum TranscriptionStatus {
        /// Not begun.
        Pending = "pending",
        /// Being made.
        Processing = "processing",
        /// Made.
        Ready = "ready",
        /// Given up; `error` says why.
        Failed = "failed",
    }
}

impl TranscriptionStatus {
    /// Whether the transcription will not change any more: `ready` or `failed`. An unknown word is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

object! {
    /// The words spoken in an asset. A division is there only when `ready`, asked for, and supported: read what came
    /// rather than what was asked for.
    pub struct AssetTranscription {
        /// How far it is.
        optional status: Option<TranscriptionStatus>,
        /// One item for each word.
        optional words: Option<Vec<TranscriptionSegment>>,
        /// One item for each sentence.
        optional sentences: Option<Vec<TranscriptionSegment>>,
        /// One item for each speaker turn.
        optional utterances: Option<Vec<Utterance>>,
        /// Why it failed. Only when `failed`.
        lenient error: Option<AssetError>,
    }
}

object! {
    /// What one speaker said without a break.
    pub struct Utterance {
        /// Start of the turn, in seconds.
        number start: Option<f64>,
        /// End of the turn, in seconds.
        number end: Option<f64>,
        /// The words.
        lenient value: Option<String>,
        /// Who spoke, where the platform can tell.
        lenient speaker: Option<String>,
    }
}
