//! Embeddings (`/embed-v2`): requests, results and tasks.

use serde_json::Value;

use crate::{AssetId, EmbeddingTaskId, Embeddings, ModelName, Timestamp};

open_enum! {
    /// What is embedded.
    pub enum EmbeddingInputType {
        /// A text.
        Text = "text",
        /// An image.
        Image = "image",
        /// A text and an image as one.
        TextImage = "text_image",
        /// Audio.
        Audio = "audio",
        /// A video.
        Video = "video",
        /// A document. In tasks only, with Marengo 3.5.
        Document = "document",
        /// A text and several media as one.
        MultiInput = "multi_input",
    }
}

open_enum! {
    /// The status of an embedding task.
    pub enum EmbeddingTaskStatus {
        /// Not final.
        Processing = "processing",
        /// The embeddings can be retrieved, for seven days.
        Ready = "ready",
        /// There are no embeddings.
        Failed = "failed",
    }
}

object! {
    /// Where media comes from: exactly one of the members.
    pub struct EmbeddingSource {
        /// A public URL of the raw file.
        optional url: Option<String>,
        /// An asset that is ready.
        optional asset_id: Option<AssetId>,
        /// The file in Base64, 36 MB at most.
        optional base64_string: Option<String>,
    }
}

impl EmbeddingSource {
    /// An asset.
    pub fn asset(id: impl Into<AssetId>) -> Self {
        let asset_id = Some(id.into());
        Self {
            asset_id,
            ..Self::default()
        }
    }

    /// A URL.
    pub fn url(url: impl Into<String>) -> Self {
        let url = Some(url.into());
        Self {
            url,
            ..Self::default()
        }
    }

    /// Whether exactly one member is set.
    pub fn is_valid(&self) -> bool {
        let set = [
            self.url.is_some(),
            self.asset_id.is_some(),
            self.base64_string.is_some(),
        ];
        set.iter().filter(|is_set| **is_set).count() == 1
    }
}

object! {
    /// A text to embed.
    pub struct EmbeddingText {
        required {
            /// The text, 500 tokens at most with Marengo 3.0.
            input_text: String,
        }
    }
}

object! {
    /// An image to embed, alone or with a text.
    pub struct EmbeddingImage {
        required {
            /// The image.
            media_source: EmbeddingSource,
        }
        /// The text, for `text_image`.
        optional input_text: Option<String>,
    }
}

object! {
    /// Audio or a video to embed.
    pub struct EmbeddingMedia {
        required {
            /// The media.
            media_source: EmbeddingSource,
        }
        /// Start, in seconds. The platform's default is 0.
        number start_sec: Option<f64>,
        /// End, in seconds. The platform's default is the end of the media.
        number end_sec: Option<f64>,
        /// How the media is cut: see [`EmbeddingMedia::fixed`] and [`EmbeddingMedia::dynamic`].
        optional segmentation: Option<Value>,
        /// What embeddings are made from: `visual`, `audio`, `transcription`.
        list embedding_option: Vec<String>,
        /// What embeddings cover: `clip`, `asset`.
        list embedding_scope: Vec<String>,
        /// `separate_embedding`, `fused_embedding`.
        list embedding_type: Vec<String>,
    }
}

impl EmbeddingMedia {
    /// Cuts into segments of this many seconds: 2 to 10, default 6.
    #[must_use]
    pub fn fixed(mut self, seconds: u32) -> Self {
        self.segmentation =
            Some(serde_json::json!({ "strategy": "fixed", "fixed": { "duration_sec": seconds } }));
        self
    }

    /// Cuts at changes of the scene, into segments of at least this many seconds: 2 to 5, default 4.
    /// Videos only.
    #[must_use]
    pub fn dynamic(mut self, min_seconds: u32) -> Self {
        self.segmentation = Some(serde_json::json!({
            "strategy": "dynamic", "dynamic": { "min_duration_sec": min_seconds },
        }));
        self
    }
}

object! {
    /// The request body of an embedding, or of a task. `input_type` names the member that is set.
    pub struct NewEmbedding {
        required {
            /// What is embedded.
            input_type: EmbeddingInputType,
            /// The model.
            model_name: ModelName,
        }
        /// Numbers per embedding: 128, 256 or 512. Marengo 3.5 only.
        whole embedding_dimension: Option<u32>,
        /// Whether a text that is too long is cut instead of refused. Marengo 3.5 only.
        optional auto_truncate: Option<bool>,
        /// Whether each number has an uncertainty. Marengo 3.5 only.
        optional embedding_uncertainty: Option<bool>,
        /// A text.
        optional text: Option<EmbeddingText>,
        /// An image.
        optional image: Option<EmbeddingImage>,
        /// A text and an image.
        optional text_image: Option<EmbeddingImage>,
        /// Audio.
        optional audio: Option<EmbeddingMedia>,
        /// A video.
        optional video: Option<EmbeddingMedia>,
        /// A document.
        optional document: Option<Value>,
        /// A text with several media.
        optional multi_input: Option<Value>,
    }
}

impl NewEmbedding {
    /// A text.
    pub fn of_text(model: impl Into<ModelName>, text: impl Into<String>) -> Self {
        let mut new = Self::new(EmbeddingInputType::Text, model);
        new.text = Some(EmbeddingText::new(text));
        new
    }

    /// An image.
    pub fn of_image(model: impl Into<ModelName>, source: EmbeddingSource) -> Self {
        let mut new = Self::new(EmbeddingInputType::Image, model);
        new.image = Some(EmbeddingImage::new(source));
        new
    }

    /// A video.
    pub fn of_video(model: impl Into<ModelName>, media: EmbeddingMedia) -> Self {
        let mut new = Self::new(EmbeddingInputType::Video, model);
        new.video = Some(media);
        new
    }

    /// Audio.
    pub fn of_audio(model: impl Into<ModelName>, media: EmbeddingMedia) -> Self {
        let mut new = Self::new(EmbeddingInputType::Audio, model);
        new.audio = Some(media);
        new
    }
}

object! {
    /// The result of an embedding.
    pub struct EmbeddingResult {
        required {
            /// The embeddings, in no particular order.
            data: Embeddings,
        }
        /// What was embedded.
        lenient metadata: Option<Value>,
        /// The tokens that were used. Marengo 3.5 only.
        lenient usage: Option<Value>,
    }
}

object! {
    /// An embedding task that was created.
    pub struct CreatedEmbeddingTask {
        required {
            /// Identifies the task.
            id: EmbeddingTaskId = "_id",
        }
        /// The status.
        optional status: Option<EmbeddingTaskStatus>,
    }
}

object! {
    /// An embedding task: its status and, when it is ready, its embeddings.
    pub struct EmbeddingTask {
        required {
            /// Identifies the task.
            id: EmbeddingTaskId = "_id",
        }
        /// The status.
        optional status: Option<EmbeddingTaskStatus>,
        /// The model.
        optional model_name: Option<ModelName>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it last changed.
        lenient updated_at: Option<Timestamp>,
        /// The embeddings of a task that is ready. Not in lists.
        optional data: Option<Embeddings>,
        /// What was embedded.
        lenient metadata: Option<Value>,
        /// Why the task failed.
        lenient error: Option<EmbeddingTaskError>,
    }
}

object! {
    /// Why an embedding task failed.
    pub struct EmbeddingTaskError {
        /// A text for humans; do not parse it.
        lenient message: Option<String>,
    }
}
