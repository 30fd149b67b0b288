//! Search (`/search`): the options of a query, its filter, and pages of results.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use crate::{IndexId, Timestamp, UserMetadata, VideoId, number::Number};

open_enum! {
    /// What a query is compared with.
    pub enum SearchOption {
        /// Visual content.
        Visual = "visual",
        /// Sounds without speech.
        Audio = "audio",
        /// Spoken words.
        Transcription = "transcription",
    }
}

open_enum! {
    /// How a text query is compared with spoken words.
    pub enum TranscriptionOption {
        /// By equal words.
        Lexical = "lexical",
        /// By meaning.
        Semantic = "semantic",
    }
}

open_enum! {
    /// How several search options are combined.
    pub enum SearchOperator {
        /// A segment matches at least one option. The platform's default.
        Or = "or",
        /// A segment matches every option.
        And = "and",
    }
}

open_enum! {
    /// What the results of a search are.
    pub enum GroupBy {
        /// Clips, the best first. The platform's default.
        Clip = "clip",
        /// Videos with their matching clips.
        Video = "video",
    }
}

/// A filter of a search: conditions on videos, all of which must hold. The platform has no `or` and
/// no negation.
///
/// The fields `id` (the video), `duration` (seconds), `width` and `height` (pixels), `size` (bytes)
/// and `filename` exist for every video. Any other field is a key of the user metadata.
///
/// ```
/// use tl_model::SearchFilter;
///
/// let filter = SearchFilter::new().eq("sport", "soccer").at_least("duration", 600.0);
/// assert_eq!(filter, r#"{"sport": "soccer", "duration": {"gte": 600}}"#.parse().unwrap());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SearchFilter(Map<String, Value>);

impl SearchFilter {
    /// A filter without conditions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The field has this value: a text, a number or a boolean.
    #[must_use]
    pub fn eq(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(field.into(), value.into());
        self
    }

    /// The video is one of these.
    #[must_use]
    pub fn any_of(mut self, videos: impl IntoIterator<Item = impl Into<VideoId>>) -> Self {
        let ids = videos.into_iter().map(|id| String::from(id.into()));
        self.0.insert("id".to_owned(), ids.collect());
        self
    }

    /// The field is a number of at least `bound`. Combined with an [`at_most`](Self::at_most) of the
    /// same field, it is a range.
    #[must_use]
    pub fn at_least(self, field: impl Into<String>, bound: f64) -> Self {
        self.bound(field.into(), "gte", bound)
    }

    /// The field is a number of at most `bound`.
    #[must_use]
    pub fn at_most(self, field: impl Into<String>, bound: f64) -> Self {
        self.bound(field.into(), "lte", bound)
    }

    fn bound(mut self, field: String, operator: &str, bound: f64) -> Self {
        let bound = serde_json::to_value(Number(bound)).unwrap_or(Value::Null);
        match self.0.get_mut(&field) {
            Some(Value::Object(range)) => {
                range.insert(operator.to_owned(), bound);
            }
            _ => {
                let range = Map::from_iter([(operator.to_owned(), bound)]);
                self.0.insert(field, range.into());
            }
        }
        self
    }

    /// Whether there is no condition.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The conditions by field, as they are sent.
    pub fn conditions(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl From<Map<String, Value>> for SearchFilter {
    fn from(conditions: Map<String, Value>) -> Self {
        Self(conditions)
    }
}

/// The JSON that is sent.
impl fmt::Display for SearchFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string(&self.0).map_err(|_| fmt::Error)?;
        f.pad(&json)
    }
}

/// Parses a JSON object.
impl FromStr for SearchFilter {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

object! {
    /// A part of a video that matches a query.
    pub struct SearchHit {
        required {
            /// The video.
            video_id: VideoId,
        }
        /// Start of the part, in seconds.
        number start: Option<f64>,
        /// End of the part, in seconds.
        number end: Option<f64>,
        /// The position in the results, from 1, the best match.
        whole rank: Option<u64>,
        /// Relevance. Not returned by Marengo 3.0, which has `rank` instead.
        number score: Option<f64>,
        /// Relevance as a word. Not returned by Marengo 3.0.
        lenient confidence: Option<String>,
        /// A picture of the part, if the index makes thumbnails. The URL expires after one hour.
        lenient thumbnail_url: Option<String>,
        /// The words spoken in the part.
        lenient transcription: Option<String>,
        /// The user metadata of the video, if requested.
        lenient user_metadata: Option<UserMetadata>,
    }
}

object! {
    /// A video with its parts that match a query, if the results are grouped by video.
    pub struct SearchVideo {
        required {
            /// The video.
            id: VideoId,
            /// The matching parts.
            clips: Vec<SearchHit>,
        }
    }
}

/// One result: a part of a video, or a video with its parts if the results are grouped.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SearchItem {
    /// A part of a video.
    Hit(SearchHit),
    /// A video with its parts.
    Video(SearchVideo),
}

impl SearchItem {
    /// The part of a video, or `None` if the item is a group.
    pub fn into_hit(self) -> Option<SearchHit> {
        match self {
            Self::Hit(hit) => Some(hit),
            Self::Video(_) => None,
        }
    }

    /// The video with its parts, or `None` if the results are not grouped.
    pub fn into_video(self) -> Option<SearchVideo> {
        match self {
            Self::Video(video) => Some(video),
            Self::Hit(_) => None,
        }
    }
}

impl Serialize for SearchItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Hit(hit) => hit.serialize(serializer),
            Self::Video(video) => video.serialize(serializer),
        }
    }
}

/// An item with `clips` is a group.
impl<'de> Deserialize<'de> for SearchItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::<String, Value>::deserialize(deserializer)?;
        let is_group = members.contains_key("clips");
        let members = Value::Object(members);
        match is_group {
            true => SearchVideo::deserialize(members).map(Self::Video),
            false => SearchHit::deserialize(members).map(Self::Hit),
        }
        .map_err(de::Error::custom)
    }
}

object! {
    /// The videos that were searched.
    pub struct SearchPool {
        /// The index.
        optional index_id: Option<IndexId>,
        /// Number of videos.
        whole total_count: Option<u64>,
        /// Duration of all videos, in seconds.
        number total_duration: Option<f64>,
    }
}

object! {
    /// The position of a page of results. The pages are a chain: each has the token of the next.
    pub struct SearchPageInfo {
        /// Maximum number of items per page.
        whole limit_per_page: Option<u64>,
        /// Number of results. The API description contradicts itself on whether clips or videos are
        /// counted.
        whole total_results: Option<u64>,
        /// Number of matching clips, if the results are grouped.
        whole total_inner_matches: Option<u64>,
        /// When the tokens of this page expire: about 15 minutes after the search.
        lenient page_expires_at: Option<Timestamp>,
        /// The token of the next page; `None` on the last one.
        optional next_page_token: Option<String>,
        /// The token of the previous page. Not on the first page.
        optional prev_page_token: Option<String>,
    }
}

object! {
    /// One page of search results.
    pub struct SearchPage {
        /// The videos that were searched.
        lenient_default search_pool: SearchPool,
        /// The results, at most `page_limit` of them.
        present_list data: Vec<SearchItem>,
        /// The position of the page.
        defaulted page_info: SearchPageInfo,
    }
}
