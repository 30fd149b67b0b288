//! `/tasks`: upload and index a video in one operation. The platform calls this path legacy; it still works.

use std::sync::Arc;

use http::{Method, StatusCode};
use tl_model::{CreatedTask, IndexId, Page, Task, TaskId, TaskStatus, Timestamp, UserMetadata};
use url::Url;

use super::{
    Endpoint, NumberFilter, Outgoing, PageRequest, Received, Rejection, Sort, by_id, json_response,
    paged,
};
use crate::{Repeat, Source, form::Form};

/// Where the video is.
#[derive(Debug, Clone)]
pub enum Media {
    /// Its bytes, at most 2 GB on this path (API reference, "Create a video indexing task").
    File(Arc<dyn Source>),
    /// A direct link to the raw file, which the platform fetches itself; pages of hosting sites do not work.
    Url(Url),
}

impl Media {
    /// The name by which the platform will know it, where no other is given: that of the file, or the last part of the URL's
    /// path.
    #[must_use]
    pub fn filename(&self) -> Option<&str> {
        match self {
            Self::File(source) => Some(source.name()),
            Self::Url(url) => url
                .path_segments()?
                .next_back()
                .filter(|name| !name.is_empty()),
        }
    }
}

/// Creates a task: the platform takes the video in and indexes it.
#[derive(Debug, Clone)]
pub struct CreateTask {
    /// The index that the video goes into.
    pub index_id: IndexId,
    /// The video.
    pub media: Media,
    /// Whether the platform keeps the video for streaming. The platform's default is yes.
    pub enable_video_stream: Option<bool>,
    /// The caller's own data about the video.
    pub user_metadata: Option<UserMetadata>,
}

impl CreateTask {
    /// The task that brings `media` into the index.
    #[must_use]
    pub fn new(index_id: IndexId, media: Media) -> Self {
        Self {
            index_id,
            media,
            enable_video_stream: None,
            user_metadata: None,
        }
    }
}

impl Endpoint for CreateTask {
    type Response = CreatedTask;

    const OPERATION: &'static str = "create a task";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/tasks";
    const REPEAT: Repeat = Repeat::IfNotProcessed;
    // Documents say 200; a live answer of 2026-07-20 was 201, which is newer.
    const SUCCESS: StatusCode = StatusCode::CREATED;

    fn encode(&self) -> Outgoing {
        let mut form = Form::new()
            .text("index_id", self.index_id.as_str())
            .text_if("enable_video_stream", self.enable_video_stream)
            .text_if("user_metadata", self.user_metadata.as_ref());
        form = match &self.media {
            Media::File(source) => form.file("video_file", Arc::clone(source)),
            Media::Url(url) => form.text("video_url", url.as_str()),
        };
        Outgoing::new().form(form)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let (mut params, files) = request.form()?;
        let index_id = params.required::<IndexId>("index_id")?;
        let url = params.optional::<Url>("video_url")?;
        if params.text("video_file")?.is_some() {
            return Err(Rejection::invalid(
                "video_file",
                "a file part is expected, not a text",
            ));
        }
        if let Some((name, _)) = files.iter().find(|(name, _)| *name != "video_file") {
            return Err(Rejection::unknown(name));
        }
        // Where both are sent, the URL wins (2022 reference; the sibling endpoint says the same today).
        let media = match (url, files.first()) {
            (Some(url), _) => Media::Url(url),
            (None, Some((_, source))) => Media::File(Arc::clone(source)),
            (None, None) => return Err(Rejection::missing("video_file")),
        };
        let task = Self {
            index_id,
            media,
            enable_video_stream: params.optional("enable_video_stream")?,
            user_metadata: params.optional("user_metadata")?,
        };
        params.finish()?;
        Ok(task)
    }

    json_response!();
}

/// Lists tasks, the newest first unless `sort` says otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListTasks {
    /// Which page.
    pub page: PageRequest,
    /// In which order.
    pub sort: Sort,
    /// Only tasks of this index.
    pub index_id: Option<IndexId>,
    /// Only tasks in one of these statuses.
    pub status: Vec<TaskStatus>,
    /// Only tasks whose video has this file name.
    pub filename: Option<String>,
    /// Only tasks whose video has this duration, in seconds.
    pub duration: NumberFilter,
    /// Only tasks whose video has this width, in pixels.
    pub width: NumberFilter,
    /// Only tasks whose video has this height, in pixels.
    pub height: NumberFilter,
    /// Only tasks created then or later.
    pub created_at: Option<Timestamp>,
    /// Only tasks updated then or later.
    pub updated_at: Option<Timestamp>,
}

impl Endpoint for ListTasks {
    type Response = Page<Task>;

    const OPERATION: &'static str = "list tasks";
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/tasks";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode(&self) -> Outgoing {
        let mut request = self.sort.encode(self.page.encode(Outgoing::new()));
        request = request.query_if("index_id", self.index_id.as_ref());
        for status in &self.status {
            request = request.query("status", status);
        }
        request = request.query_if("filename", self.filename.as_ref());
        request = self.duration.encode("duration", request);
        request = self.width.encode("width", request);
        request = self.height.encode("height", request);
        request
            .query_if("created_at", self.created_at.as_ref())
            .query_if("updated_at", self.updated_at.as_ref())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut params = request.query();
        let list = Self {
            page: PageRequest::decode(&mut params)?,
            sort: Sort::decode(&mut params)?,
            index_id: params.optional("index_id")?,
            status: params
                .list("status")
                .into_iter()
                .map(TaskStatus::from)
                .collect(),
            filename: params.optional("filename")?,
            duration: NumberFilter::decode("duration", &mut params)?,
            width: NumberFilter::decode("width", &mut params)?,
            height: NumberFilter::decode("height", &mut params)?,
            created_at: params.word("created_at")?,
            updated_at: params.word("updated_at")?,
        };
        params.finish()?;
        Ok(list)
    }

    json_response!();
}

paged!(ListTasks, Task);

by_id! {
    /// Retrieves a task: its status and, when it is ready, its video.
    GetTask {
        /// The task.
        task_id: TaskId,
    }
    retrieves Task, "retrieve the task", "/tasks/{task_id}"
}

by_id! {
    /// Deletes a task that is `ready` or `failed`; where it is ready, its video must be deleted first.
    DeleteTask {
        /// The task.
        task_id: TaskId,
    }
    deletes, "delete the task", "/tasks/{task_id}"
}
