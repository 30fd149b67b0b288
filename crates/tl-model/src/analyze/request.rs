//! The request bodies of analyses.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::{AnalyzeVideo, JsonSchema};
use crate::AssetId;

open_enum! {
    /// A Pegasus model.
    pub enum AnalyzeModel {
        /// Retired on 2026-08-18.
        Pegasus1_2 = "pegasus1.2",
        /// Segmentation, clipping, reference images.
        Pegasus1_5 = "pegasus1.5",
        /// Also images instead of a video, and an unlimited number of tokens.
        Pegasus1_6 = "pegasus1.6",
    }
}

open_enum! {
    /// What an analysis produces.
    pub enum AnalyzeMode {
        /// Text or JSON, from a prompt. The default.
        General = "general",
        /// Segments with metadata, from segment definitions.
        TimeBasedMetadata = "time_based_metadata",
    }
}

open_enum! {
    /// The format of an answer.
    pub enum ResponseFormatType {
        /// JSON that conforms to a schema.
        JsonSchema = "json_schema",
        /// Segments by definition.
        SegmentDefinitions = "segment_definitions",
    }
}

open_enum! {
    /// The format of times in an answer.
    pub enum TimeFormat {
        /// A number of seconds.
        Seconds = "seconds",
        /// Rounded to seconds.
        Clock = "hh:mm:ss",
        /// With milliseconds.
        ClockMillis = "hh:mm:ss.fff",
    }
}

open_enum! {
    /// The type of a field of a segment definition.
    pub enum SegmentFieldType {
        /// A text.
        String = "string",
        /// `true` or `false`.
        Boolean = "boolean",
        /// A number.
        Number = "number",
        /// A whole number.
        Integer = "integer",
        /// A list of single values.
        Array = "array",
        /// A time in the video.
        Timestamp = "timestamp",
        /// A list of events with their own times.
        TimeArray = "time_array",
    }
}

/// The maximum length of an answer, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaxTokens {
    /// This many tokens.
    Limit(u64),
    /// `unlimited`: segmentation with Pegasus 1.6.
    Unlimited,
}

impl From<u64> for MaxTokens {
    fn from(limit: u64) -> Self {
        Self::Limit(limit)
    }
}

impl Serialize for MaxTokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Limit(limit) => serializer.serialize_u64(*limit),
            Self::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

impl<'de> Deserialize<'de> for MaxTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match (value.as_u64(), value.as_f64(), value.as_str()) {
            (Some(limit), ..) => Ok(Self::Limit(limit)),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, and the cast saturates"
            )]
            (None, Some(limit), _) if limit >= 0.0 && limit.fract() == 0.0 => {
                Ok(Self::Limit(limit as u64))
            }
            (.., Some("unlimited")) => Ok(Self::Unlimited),
            _ => Err(de::Error::custom(
                "a whole number or `unlimited` is expected",
            )),
        }
    }
}

object! {
    /// The request body of an analysis: of a response, or of a task.
    pub struct AnalyzeRequest {
        /// The model. The default of the platform depends on its version.
        optional model_name: Option<AnalyzeModel>,
        /// The video. Excludes `image`.
        optional video: Option<AnalyzeVideo>,
        /// 1 to 20 images instead of a video (Pegasus 1.6).
        list image: Vec<AnalyzeImage>,
        /// The instructions. Excludes `prompt_v2`.
        optional prompt: Option<String>,
        /// The instructions with reference images (Pegasus 1.5 and later).
        optional prompt_v2: Option<StructuredPrompt>,
        /// The randomness from 0 to 1. Default 0.2.
        number temperature: Option<f64>,
        /// The format of the answer. Default text.
        optional response_format: Option<ResponseFormat>,
        /// The maximum length of the answer.
        optional max_tokens: Option<MaxTokens>,
        /// The start of the analyzed window, in seconds.
        number start_time: Option<f64>,
        /// The end of the analyzed window, in seconds.
        number end_time: Option<f64>,
        /// Tasks only: your identifier, 1 to 64 of `A-Z a-z 0-9 _ -`. Not unique.
        optional custom_id: Option<String>,
        /// Tasks only: what the analysis produces.
        optional analysis_mode: Option<AnalyzeMode>,
        /// Tasks only: the shortest segment, in seconds.
        number min_segment_duration: Option<f64>,
        /// Tasks only: the longest segment, in seconds.
        number max_segment_duration: Option<f64>,
    }
}

impl AnalyzeRequest {
    /// Whether the request asks for segments.
    #[must_use]
    pub fn is_segmentation(&self) -> bool {
        self.analysis_mode == Some(AnalyzeMode::TimeBasedMetadata)
    }
}

object! {
    /// An image to analyze.
    pub struct AnalyzeImage {
        required {
            /// Its name in prompts, as `<@name>`: `A-Z a-z 0-9 _`.
            name: String,
        }
        /// A public HTTPS URL.
        optional url: Option<String>,
        /// An asset of the account.
        optional asset_id: Option<AssetId>,
        /// The file in Base64.
        optional base64_string: Option<String>,
    }
}

object! {
    /// Instructions that refer to images as `<@name>`.
    pub struct StructuredPrompt {
        required {
            /// The instructions.
            input_text: String,
        }
        /// At most 4 images.
        list media_sources: Vec<ReferenceImage>,
    }
}

object! {
    /// An image that a prompt or a segment definition refers to.
    pub struct ReferenceImage {
        required {
            /// Its name, as `<@name>`.
            name: String,
            /// Always `image`.
            media_type: String,
        }
        /// A public URL.
        optional url: Option<String>,
        /// An asset of the account.
        optional asset_id: Option<AssetId>,
        /// The file in Base64.
        optional base64_string: Option<String>,
    }
}

object! {
    /// The format of an answer.
    pub struct ResponseFormat {
        required {
            /// The kind of format.
            kind: ResponseFormatType = "type",
        }
        /// With `json_schema`: the schema.
        optional json_schema: Option<JsonSchema>,
        /// With `segment_definitions`: 1 to 20 definitions.
        list segment_definitions: Vec<SegmentDefinition>,
        /// With `segment_definitions`: the format of `start_time` and `end_time`. Default seconds.
        optional segment_time_format: Option<TimeFormat>,
    }
}

impl ResponseFormat {
    /// JSON that conforms to `schema`.
    #[must_use]
    pub fn schema(schema: impl Into<JsonSchema>) -> Self {
        let mut format = Self::new(ResponseFormatType::JsonSchema);
        format.json_schema = Some(schema.into());
        format
    }

    /// Segments by definition.
    #[must_use]
    pub fn segments(definitions: impl Into<Vec<SegmentDefinition>>) -> Self {
        let mut format = Self::new(ResponseFormatType::SegmentDefinitions);
        format.segment_definitions = definitions.into();
        format
    }
}

object! {
    /// A kind of segment to extract.
    pub struct SegmentDefinition {
        required {
            /// Its name: the key of its segments in the answer.
            id: String,
            /// What such a segment looks like.
            description: String,
        }
        /// The metadata of each segment.
        list fields: Vec<SegmentField>,
        /// At most 4 images that help to recognize the segments.
        list media_sources: Vec<ReferenceImage>,
        /// The parts of the video to look at. They do not overlap.
        list time_ranges: Vec<TimeRange>,
    }
}

object! {
    /// A field of the metadata of a segment.
    pub struct SegmentField {
        required {
            /// Its name: not `start_time`, `end_time` or `metadata`.
            name: String,
            /// Its type.
            kind: SegmentFieldType = "type",
            /// What it contains.
            description: String,
        }
        /// With `timestamp`: the format.
        optional format: Option<TimeFormat>,
        /// The allowed values, at most 100.
        list values: Vec<String> = "enum",
        /// With `array` and `time_array`: what the items are.
        optional items: Option<SegmentFieldItems>,
    }
}

object! {
    /// The items of a field.
    pub struct SegmentFieldItems {
        required {
            /// A single type, or `object` for a `time_array`.
            kind: String = "type",
        }
        /// With `object`: the fields of each event.
        list fields: Vec<SegmentField>,
    }
}

object! {
    /// A part of a video, in seconds.
    pub struct TimeRange {
        /// The start.
        number start_time: Option<f64>,
        /// The end.
        number end_time: Option<f64>,
    }
}

impl TimeRange {
    /// From `start` to `end`, in seconds.
    #[must_use]
    pub fn of(start: f64, end: f64) -> Self {
        Self {
            start_time: Some(start),
            end_time: Some(end),
            ..Self::default()
        }
    }
}
