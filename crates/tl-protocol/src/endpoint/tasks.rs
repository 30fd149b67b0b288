//! `/tasks`: upload and index a video in one operation. The platform calls this path legacy; it
//! still works.

use std::sync::Arc;

use tl_model::{CreatedTask, IndexId, Page, Task, TaskId, TaskStatus, Timestamp, UserMetadata};
use url::Url;

use super::{
    Codec, Media, NumberFilter, Outgoing, PageRequest, Received, Rejection, Sort, endpoint,
    resource,
};
use crate::{
    Error, Transport,
    client::CallOutput,
    flow::{WaitPolicy, Waited},
    form::Form,
};

resource! {
    /// Operations on indexing tasks.
    Tasks, tasks
}

impl<T: Transport, X: From<Error> + Send + 'static> Tasks<'_, T, X> {
    /// Waits until the task's video is indexed.
    ///
    /// # Errors
    /// See [`Client::wait`](crate::Client::wait).
    pub fn wait(
        self,
        task_id: impl Into<TaskId>,
        policy: WaitPolicy,
    ) -> CallOutput<T, Waited<Task>, X> {
        self.0.wait(GetTask::new(task_id), policy)
    }
}

endpoint! {
    /// Creates a task: the platform stores the video and indexes it.
    ///
    /// If the response is lost, the result is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown);
    /// [`Client::ingest_task`](crate::Client::ingest_task) looks the task up instead.
    CreateTask custom FORM {
        /// The index that the video is added to.
        index_id: IndexId,
        /// The video.
        media: Media,
        /// Whether the platform keeps the video for streaming. The platform's default is yes.
        enable_video_stream: Option<bool>,
        /// The caller's own data about the video.
        user_metadata: Option<UserMetadata>,
    }
    name: "tasks.create";
    does: "create a task";
    // Documents say 200; a live response of 2026-07-20 was 201, which is newer.
    POST "/tasks" => CREATED CreatedTask;
    repeat: IfNotProcessed;
    client: Tasks::create;
}

impl CreateTask {
    /// The request to index `media` with the platform's defaults.
    #[must_use]
    pub fn new(index_id: impl Into<IndexId>, media: Media) -> Self {
        Self {
            index_id: index_id.into(),
            media,
            enable_video_stream: None,
            user_metadata: None,
        }
    }
}

impl Codec for CreateTask {
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
        // If both are sent, the URL wins (2022 reference; the sibling endpoint says the same
        // today).
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
}

endpoint! {
    /// Lists tasks, newest first unless `sort` says otherwise.
    ListTasks: PartialEq, Default {
        query {
            /// The page to return.
            page: PageRequest,
            /// The order.
            sort: Sort,
            /// Return only tasks of this index.
            index_id: Option<IndexId>,
            /// Return only tasks in one of these statuses.
            status: Vec<TaskStatus>,
            /// Return only tasks whose video has this file name.
            filename: Option<String>,
            /// Return only tasks whose video has this duration, in seconds.
            duration: NumberFilter,
            /// Return only tasks whose video has this width, in pixels.
            width: NumberFilter,
            /// Return only tasks whose video has this height, in pixels.
            height: NumberFilter,
            /// Return only tasks created at this time or later.
            created_at: Option<Timestamp>,
            /// Return only tasks updated at this time or later.
            updated_at: Option<Timestamp>,
        }
    }
    name: "tasks.list";
    does: "list tasks";
    GET "/tasks" => OK Page<Task>;
    repeat: Freely;
    client: Tasks::list;
    paged: Task;
}

endpoint! {
    /// Retrieves a task: its status and, when it is ready, its video.
    GetTask: PartialEq, Eq {
        path {
            /// The task.
            task_id: TaskId,
        }
    }
    name: "tasks.retrieve";
    does: "retrieve the task";
    GET "/tasks/{task_id}" => OK Task;
    repeat: Freely;
    client: Tasks::get;
}

endpoint! {
    /// Deletes a task that is `ready` or `failed`. If it is ready, its video must be deleted first.
    DeleteTask: PartialEq, Eq {
        path {
            /// The task.
            task_id: TaskId,
        }
    }
    name: "tasks.delete";
    does: "delete the task";
    DELETE "/tasks/{task_id}" => NO_CONTENT;
    repeat: Freely;
    client: Tasks::delete;
    gone: ();
}
