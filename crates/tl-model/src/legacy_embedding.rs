//! Embeddings of the first version of the API (`/embed`), whose form indexed videos share. The
//! platform calls `/embed` deprecated; [`NewEmbedding`](crate::NewEmbedding) replaces it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{EmbeddingTaskId, EmbeddingTaskStatus, Embeddings, ModelName, Timestamp};

/// Rows in the form of the first version: the numbers are in `float`, the times in
/// `start_offset_sec` and `end_offset_sec`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmbeddingSegments(pub Embeddings);

impl From<Embeddings> for EmbeddingSegments {
    fn from(embeddings: Embeddings) -> Self {
        Self(embeddings)
    }
}

impl<'de> Deserialize<'de> for EmbeddingSegments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Embeddings::deserialize_as("float", deserializer).map(Self)
    }
}

impl Serialize for EmbeddingSegments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_segments(serializer)
    }
}

object! {
    /// The embeddings of one input.
    pub struct LegacyEmbeddingResult {
        /// The rows.
        optional segments: Option<EmbeddingSegments>,
        /// Why there are none. The request succeeds although one of its inputs failed.
        lenient error_message: Option<String>,
        /// What was embedded.
        lenient metadata: Option<Value>,
    }
}

object! {
    /// The result of `POST /embed`: one member per input. Deprecated by the platform.
    pub struct LegacyEmbedding {
        /// The model.
        optional model_name: Option<ModelName>,
        /// Of the text.
        optional text_embedding: Option<LegacyEmbeddingResult>,
        /// Of the image.
        optional image_embedding: Option<LegacyEmbeddingResult>,
        /// Of the audio, cut into segments.
        optional audio_embedding: Option<LegacyEmbeddingResult>,
    }
}

object! {
    /// The embeddings of a video, in segments.
    pub struct VideoEmbedding {
        /// The video and how it was cut.
        lenient metadata: Option<Value>,
        /// The rows. Not in lists, and not before the task is ready.
        optional segments: Option<EmbeddingSegments>,
    }
}

object! {
    /// A task of the first version: its status and, when it is ready, its embeddings. Deprecated by
    /// the platform.
    pub struct LegacyEmbeddingTask {
        required {
            /// Identifies the task.
            id: EmbeddingTaskId = "_id",
        }
        /// The model.
        optional model_name: Option<ModelName>,
        /// The status.
        optional status: Option<EmbeddingTaskStatus>,
        /// When it was created.
        lenient created_at: Option<Timestamp>,
        /// When it last changed.
        lenient updated_at: Option<Timestamp>,
        /// Of a video.
        optional video_embedding: Option<VideoEmbedding>,
        /// Of audio. In lists, which have tasks of both versions.
        optional audio_embedding: Option<VideoEmbedding>,
    }
}

object! {
    /// The embeddings of a video of an index.
    pub struct IndexedEmbedding {
        /// The model.
        optional model_name: Option<ModelName>,
        /// The rows.
        optional video_embedding: Option<VideoEmbedding>,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_of_the_first_version_round_trip() {
        let result = json!({
            "model_name": "marengo3.0",
            "text_embedding": { "segments": [{ "float": [0.5, 1] }] },
            "image_embedding": { "error_message": "no image" },
            "audio_embedding": {
                "segments": [{ "float": [0.5, 0.25], "start_offset_sec": 0, "end_offset_sec": 6 }],
                "metadata": { "input_filename": "a.mp3" },
            },
        });
        let read: LegacyEmbedding = serde_json::from_value(result.clone()).unwrap();
        let audio = read.audio_embedding.as_ref().unwrap().segments.as_ref();
        assert_eq!(audio.unwrap().0.rows()[0].end, Some(6.0));
        let failed = read.image_embedding.as_ref().unwrap();
        assert_eq!(failed.error_message.as_deref(), Some("no image"));
        assert_eq!(serde_json::to_value(&read).unwrap(), result);

        let task = json!({
            "_id": "6298d673f1090f1100476d4c", "status": "ready", "model_name": "marengo3.0",
            "video_embedding": {
                "metadata": { "video_clip_length": 6, "video_embedding_scope": ["clip"], "duration": 7.5 },
                "segments": [{
                    "float": [0.5], "start_offset_sec": 0, "end_offset_sec": 6,
                    "embedding_option": "visual", "embedding_scope": "clip", "new": 1,
                }],
            },
        });
        let read: LegacyEmbeddingTask = serde_json::from_value(task.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), task);
        let segments = read.video_embedding.unwrap().segments.unwrap();
        assert_eq!(segments.0.rows()[0].option.as_deref(), Some("visual"));
    }
}
