//! `/indexes/{index_id}/videos`: the videos of an index.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tl_model::{IndexId, MetadataPatch, Page, Timestamp, Video, VideoId};

use super::{
    Endpoint, NumberFilter, Outgoing, PageRequest, Received, Rejection, Sort, by_id,
    empty_response, json_response, paged,
};
use crate::Repeat;

/// Lists the videos of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct ListVideos {
    /// The index.
    pub index_id: IndexId,
    /// Which page.
    pub page: PageRequest,
    /// In which order.
    pub sort: Sort,
    /// Only videos with this file name.
    pub filename: Option<String>,
    /// Only videos of this duration, in seconds.
    pub duration: NumberFilter,
    /// Only videos of this frame rate, in frames per second.
    pub fps: NumberFilter,
    /// Only videos of this width, in pixels.
    pub width: NumberFilter,
    /// Only videos of this height, in pixels.
    pub height: NumberFilter,
    /// Only videos of this size, in bytes.
    pub size: NumberFilter,
    /// Only videos created then or later.
    pub created_at: Option<Timestamp>,
    /// Only videos updated then or later.
    pub updated_at: Option<Timestamp>,
    /// Only videos whose user metadata has these values. Sent at the top level of the query, as the platform's own
    /// clients do, so a key must not be the name of another filter.
    pub user_metadata: Vec<(String, String)>,
}

impl ListVideos {
    /// All videos of the index.
    #[must_use]
    pub fn new(index_id: IndexId) -> Self {
        Self {
            index_id,
            page: PageRequest::default(),
            sort: Sort::default(),
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

impl Endpoint for ListVideos {
    type Response = Page<Video>;

    const OPERATION: &'static str = "list the videos";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/indexes/{index_id}/videos";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        let mut request = self
            .sort
            .encode(self.page.encode(Outgoing::new().param(&self.index_id)));
        request = request.query_if("filename", self.filename.as_ref());
        for (name, filter) in [
            ("duration", &self.duration),
            ("fps", &self.fps),
            ("width", &self.width),
            ("height", &self.height),
            ("size", &self.size),
        ] {
            request = filter.encode(name, request);
        }
        request = request
            .query_if("created_at", self.created_at.as_ref())
            .query_if("updated_at", self.updated_at.as_ref());
        for (key, value) in &self.user_metadata {
            request = request.query(key.as_str(), value);
        }
        request
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let list = Self {
            index_id: request.param(0).into(),
            page: PageRequest::decode(&mut params)?,
            sort: Sort::decode(&mut params)?,
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
        let user_metadata = params
            .rest()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Ok(Self {
            user_metadata,
            ..list
        })
    }

    json_response!();
}

paged!(ListVideos, Video);

/// Retrieves a video of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetVideo {
    /// The index.
    pub index_id: IndexId,
    /// The video.
    pub video_id: VideoId,
    /// Which embeddings come along: `visual`, `audio`, `transcription`.
    pub embedding_option: Vec<String>,
    /// Whether the transcription comes along.
    pub transcription: Option<bool>,
}

impl GetVideo {
    /// The video, without embeddings and transcription.
    #[must_use]
    pub fn new(index_id: IndexId, video_id: VideoId) -> Self {
        Self {
            index_id,
            video_id,
            embedding_option: Vec::new(),
            transcription: None,
        }
    }
}

impl Endpoint for GetVideo {
    type Response = Video;

    const OPERATION: &'static str = "retrieve the video";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/indexes/{index_id}/videos/{video_id}";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        let mut request = Outgoing::new().param(&self.index_id).param(&self.video_id);
        for option in &self.embedding_option {
            request = request.query("embedding_option", option);
        }
        request.query_if("transcription", self.transcription.as_ref())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let get = Self {
            index_id: request.param(0).into(),
            video_id: request.param(1).into(),
            embedding_option: params
                .list("embedding_option")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            transcription: params.optional("transcription")?,
        };
        params.finish()?;
        Ok(get)
    }

    json_response!();
}

/// Changes the user metadata of a video: given keys are set, `null` deletes a key, the others stay.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateVideoMetadata {
    /// The index.
    pub index_id: IndexId,
    /// The video.
    pub video_id: VideoId,
    /// The changes.
    pub user_metadata: MetadataPatch,
}

impl Endpoint for UpdateVideoMetadata {
    type Response = ();

    const OPERATION: &'static str = "update the metadata of the video";
    // A merge: once or twice is the same.
    const METHOD: Method = Method::PATCH;
    const PATH: &'static str = "/indexes/{index_id}/videos/{video_id}";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::NO_CONTENT;

    fn encode(&self) -> Outgoing {
        let body = json!({ "user_metadata": self.user_metadata });
        Outgoing::new()
            .param(&self.index_id)
            .param(&self.video_id)
            .json(&body)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let object = request.json_with(&["user_metadata"])?;
        let patch: &Value = object
            .get("user_metadata")
            .ok_or_else(|| Rejection::missing("user_metadata"))?;
        let user_metadata = serde_json::from_value(patch.clone())
            .map_err(|error| Rejection::invalid("user_metadata", error.to_string()))?;
        Ok(Self {
            index_id: request.param(0).into(),
            video_id: request.param(1).into(),
            user_metadata,
        })
    }

    empty_response!();
}

by_id! {
    /// Deletes a video from its index.
    DeleteVideo {
        /// The index.
        index_id: IndexId,
        /// The video.
        video_id: VideoId,
    }
    deletes, "delete the video", "/indexes/{index_id}/videos/{video_id}"
}
