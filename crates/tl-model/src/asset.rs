//! Assets: media files stored on the platform, and the resources derived from them (`/assets`).
//!
//! Technical metadata of the file is in `technical_metadata.rs`, chunked uploads are in
//! `multipart_upload.rs`, and assets within an index are in `indexed_asset.rs`.

use serde_json::Value;

use crate::{
    AssetId, IndexId, IndexedAssetId, TechnicalMetadata, Timestamp, TranscriptionSegment,
    UserMetadata,
};

open_enum! {
    /// How an asset was added to the platform.
    pub enum AssetMethod {
        /// Uploaded in the request.
        Direct = "direct",
        /// Fetched by the platform from a public URL.
        Url = "url",
        /// Uploaded in chunks through an upload session.
        Multipart = "multipart",
        /// Imported through a connection to a data provider.
        Connector = "connector",
    }
}

open_enum! {
    /// Status of an asset.
    ///
    /// Every asset starts as `processing` since July 2026. Before that, small files were `ready` at
    /// once.
    pub enum AssetStatus {
        /// The platform is checking and preparing the file.
        Processing = "processing",
        /// The asset can be indexed.
        Ready = "ready",
        /// Processing failed; [`Asset::failure_reason`] may have the reason.
        Failed = "failed",
    }
}

impl AssetStatus {
    /// Whether the status is final: `ready` or `failed`. An unknown status is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

open_enum! {
    /// The type of an asset's file, as used to filter the list of assets.
    pub enum AssetType {
        /// An image.
        Image = "image",
        /// A video.
        Video = "video",
        /// Audio without video.
        Audio = "audio",
        /// A document. Newer than the API description of July 2026.
        Document = "document",
    }
}

open_enum! {
    /// Status of an HLS stream or a thumbnail of an asset.
    ///
    /// The `hls` of tasks, videos and indexed assets uses other values: see
    /// [`HlsStatus`](crate::HlsStatus).
    pub enum MediaStatus {
        /// Not started.
        Pending = "pending",
        /// In progress.
        Processing = "processing",
        /// Finished: its URL is available.
        Ready = "ready",
        /// Failed.
        Error = "error",
    }
}

object! {
    /// An asset, as created, listed or retrieved. The members from `hls` on are returned only when
    /// a single asset is retrieved.
    pub struct Asset {
        required {
            /// Identifies the asset.
            id: AssetId = "_id",
        }
        /// How the asset was added to the platform.
        lenient method: Option<AssetMethod>,
        /// Status of the asset.
        optional status: Option<AssetStatus>,
        /// The name of the file.
        lenient filename: Option<String>,
        /// The media type of the file (`video/mp4`).
        lenient file_type: Option<String>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// User metadata. Absent if none was set.
        lenient user_metadata: Option<UserMetadata>,
        /// The origin of the file. Only for an import through a connector.
        lenient source: Option<AssetSource>,
        /// The HLS stream of the asset, if one was requested.
        lenient hls: Option<AssetHls>,
        /// The thumbnail of the asset, if one was requested.
        lenient thumbnail: Option<AssetThumbnail>,
        /// Technical metadata of the file. Absent while `processing`, and may be partial.
        lenient technical_metadata: Option<TechnicalMetadata>,
        /// Size of the file, in bytes. Final when `ready`.
        whole size: Option<u64>,
        /// Duration of the video or audio, in seconds. Final when `ready`.
        number duration: Option<f64>,
        /// Why the asset failed. Only when `failed`.
        lenient error: Option<AssetError>,
    }
}

impl Asset {
    /// Why the asset failed, if the platform gives a reason. The text is for humans and may change
    /// at any time.
    pub fn failure_reason(&self) -> Option<&str> {
        match &self.error {
            Some(error) => error.message.as_deref(),
            None => self.extra.get("error").and_then(Value::as_str),
        }
    }
}

object! {
    /// Why an asset or its transcription failed.
    pub struct AssetError {
        /// The reason, for humans: the text is not part of the contract.
        lenient message: Option<String>,
    }
}

object! {
    /// The HLS stream of an asset.
    pub struct AssetHls {
        /// The playlist (`.m3u8`). Only when `ready`.
        lenient manifest_url: Option<String>,
        /// Status of the stream.
        lenient status: Option<MediaStatus>,
    }
}

object! {
    /// The thumbnail of an asset.
    pub struct AssetThumbnail {
        /// The representative image of the asset. Only when `ready`.
        lenient representative_url: Option<String>,
        /// Status of the thumbnail.
        lenient status: Option<MediaStatus>,
    }
}

open_enum! {
    /// The type of source that an asset was imported from.
    pub enum AssetSourceType {
        /// A connection to a data provider.
        Connector = "connector",
    }
}

open_enum! {
    /// A data provider that the platform can connect to.
    pub enum AssetSourceProvider {
        /// Google Drive.
        GoogleDrive = "google_drive",
    }
}

object! {
    /// The source of an imported asset.
    pub struct AssetSource {
        /// The type of the source; determines the members of `details`.
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
    /// An indexed asset created from an asset. While it exists, the asset cannot be deleted.
    pub struct AssetReference {
        required {
            /// Identifies the indexed asset.
            id: IndexedAssetId = "_id",
        }
        /// The index that it is in. Strict, because a client uses it to check whether an asset is
        /// already indexed.
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
    /// The unit that a transcription is split into.
    pub enum TranscriptionUnit {
        /// By word. The platform's default.
        Words = "words",
        /// By sentence, as detected by speech recognition.
        Sentences = "sentences",
        /// By speaker turn.
        Utterances = "utterances",
    }
}

open_enum! {
    /// Status of the transcription of an asset.
    pub enum TranscriptionStatus {
        /// Not started.
        Pending = "pending",
        /// In progress.
        Processing = "processing",
        /// Finished.
        Ready = "ready",
        /// Failed; `error` has the reason.
        Failed = "failed",
    }
}

impl TranscriptionStatus {
    /// Whether the status is final: `ready` or `failed`. An unknown status is not terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

object! {
    /// The transcription of an asset. A unit is present only if the transcription is `ready` and
    /// the unit was requested and is supported: check which members are set instead of assuming the
    /// requested ones.
    pub struct AssetTranscription {
        /// Status of the transcription.
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
    /// Uninterrupted speech of one speaker.
    pub struct Utterance {
        /// Start of the turn, in seconds.
        number start: Option<f64>,
        /// End of the turn, in seconds.
        number end: Option<f64>,
        /// The transcribed text.
        lenient value: Option<String>,
        /// The speaker, if identified.
        lenient speaker: Option<String>,
    }
}
