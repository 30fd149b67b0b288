//! `/embed-v2`: embeddings of texts, images, audio and video, at once or by tasks.

use serde_json::{Map, Value};
use tl_model::{
    CreatedEmbeddingTask, EmbeddingResult, EmbeddingTask, EmbeddingTaskId, EmbeddingTaskStatus,
    NewEmbedding, Page, Timestamp,
};

use super::{
    MAX_EMBEDDINGS, PageRequest, Rejection, endpoint,
    json::{JsonBody, from_object, text},
    resource,
};
use crate::{
    Error, Resource, Transport,
    client::CallOutput,
    flow::{Progress, WaitPolicy, Waited, Watched},
};

/// How far a task is.
pub(super) fn progress(status: Option<&EmbeddingTaskStatus>, reason: Option<String>) -> Progress {
    match status {
        Some(EmbeddingTaskStatus::Ready) => Progress::Ready,
        Some(EmbeddingTaskStatus::Failed) => Progress::Failed(reason),
        _ => Progress::Working,
    }
}

impl Watched for GetEmbeddingTask {
    const WAITING: &'static str = "wait until the embeddings are ready";

    fn status(task: &EmbeddingTask) -> String {
        let status = task.status.as_ref();
        status.map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(task: &EmbeddingTask) -> Progress {
        let error = task.error.as_ref();
        let reason = error.and_then(|error| error.message.clone());
        progress(task.status.as_ref(), reason)
    }

    fn resource(&self) -> Resource {
        self.embedding_task_id.clone().into()
    }
}

impl<T: Transport, X: From<Error> + Send + 'static> Embed<'_, T, X> {
    /// Waits until the task is ready. Its embeddings are in the result. Another process than the one
    /// that created the task can wait for it.
    ///
    /// # Errors
    /// See [`Client::wait`](crate::Client::wait).
    pub fn wait(
        self,
        task_id: impl Into<EmbeddingTaskId>,
        policy: WaitPolicy,
    ) -> CallOutput<T, Waited<EmbeddingTask>, X> {
        self.0.wait(GetEmbeddingTask::new(task_id), policy)
    }
}

resource! {
    /// Operations on embeddings. [`Client::embed`](crate::Client::embed) has a builder.
    Embed, embeddings
}

/// The members of a request, and those of a task too.
const MEMBERS: &[&str] = &[
    "input_type",
    "model_name",
    "embedding_dimension",
    "auto_truncate",
    "embedding_uncertainty",
    "text",
    "image",
    "text_image",
    "audio",
    "video",
    "document",
    "multi_input",
];

impl JsonBody for NewEmbedding {
    const MEMBERS: &'static [&'static str] = MEMBERS;

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        text(object, "input_type")?;
        text(object, "model_name")?;
        from_object(object)
    }
}

endpoint! {
    /// Embeds a text, an image, or up to 10 minutes of audio or video.
    ///
    /// A video is embedded before the response starts, so that it may take minutes.
    CreateEmbedding: PartialEq {
        body {
            /// What is embedded, and how.
            embedding: NewEmbedding
        }
    }
    name: "embed.v_2.create";
    does: "create embeddings";
    POST "/embed-v2" => OK EmbeddingResult;
    // Reading changes nothing, but a second answer is charged again.
    repeat: IfNotProcessed;
    client: Embed::create;
    with { const IS_SLOW: bool = true; const MAX_RESPONSE: u64 = MAX_EMBEDDINGS; }
}

endpoint! {
    /// Creates a task that embeds audio or video of up to 4 hours.
    CreateEmbeddingTask: PartialEq {
        body {
            /// What is embedded, and how.
            embedding: NewEmbedding
        }
    }
    name: "embed.v_2.tasks.create";
    does: "create an embedding task";
    POST "/embed-v2/tasks" => ACCEPTED CreatedEmbeddingTask;
    repeat: IfNotProcessed;
    client: Embed::create_task;
}

endpoint! {
    /// Lists embedding tasks, newest first. They have no embeddings.
    ListEmbeddingTasks: PartialEq, Eq, Default {
        query {
            /// The page to return.
            page: PageRequest,
            /// Return only tasks created at this time or later.
            started_at: Option<Timestamp>,
            /// Return only tasks created at this time or earlier.
            ended_at: Option<Timestamp>,
            /// Return only tasks in this status.
            status: Option<EmbeddingTaskStatus>,
        }
    }
    name: "embed.v_2.tasks.list";
    does: "list embedding tasks";
    GET "/embed-v2/tasks" => OK Page<EmbeddingTask>;
    repeat: Freely;
    client: Embed::list_tasks;
    paged: EmbeddingTask;
}

endpoint! {
    /// Retrieves an embedding task: its status and, when it is ready, its embeddings. The platform
    /// keeps them for seven days.
    GetEmbeddingTask: PartialEq, Eq {
        path {
            /// The task.
            embedding_task_id: EmbeddingTaskId,
        }
    }
    name: "embed.v_2.tasks.retrieve";
    does: "retrieve the embedding task";
    GET "/embed-v2/tasks/{embedding_task_id}" => OK EmbeddingTask;
    repeat: Freely;
    client: Embed::get_task;
    with { const MAX_RESPONSE: u64 = MAX_EMBEDDINGS; }
}
