//! `/embed`: the first version of embeddings. The platform calls it deprecated; `/embed-v2`
//! replaces it.

use std::sync::Arc;

use tl_model::{
    CreatedEmbeddingTask, EmbeddingTaskId, EmbeddingTaskStatus, LegacyEmbedding,
    LegacyEmbeddingTask, ModelName, Page, Timestamp,
};
use url::Url;

use super::{
    Codec, Files, MAX_EMBEDDINGS, Media, Outgoing, PageRequest, Params, Received, Rejection,
    embed::progress, endpoint, resource,
};
use crate::{
    Error, Resource, Transport,
    client::CallOutput,
    flow::{Progress, WaitPolicy, Waited, Watched},
    form::Form,
};

resource! {
    /// Operations of the first version of embeddings. **Deprecated by the platform**: use
    /// [`Client::embed`](crate::Client::embed).
    LegacyEmbed, legacy_embed
}

impl<T: Transport, X: From<Error> + Send + 'static> LegacyEmbed<'_, T, X> {
    /// Waits until the task is ready. **Deprecated by the platform.**
    ///
    /// # Errors
    /// See [`Client::wait`](crate::Client::wait).
    pub fn wait(
        self,
        task_id: impl Into<EmbeddingTaskId>,
        policy: WaitPolicy,
    ) -> CallOutput<T, Waited<LegacyEmbeddingTask>, X> {
        self.0
            .wait(GetLegacyEmbeddingTaskStatus::new(task_id), policy)
    }
}

impl Watched for GetLegacyEmbeddingTaskStatus {
    const WAITING: &'static str = "wait until the embeddings are ready";

    fn status(task: &LegacyEmbeddingTask) -> String {
        let status = task.status.as_ref();
        status.map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(task: &LegacyEmbeddingTask) -> Progress {
        // The API has no member for the reason.
        progress(task.status.as_ref(), None)
    }

    fn resource(&self) -> Resource {
        self.legacy_task_id.clone().into()
    }
}

endpoint! {
    /// Embeds a text, an image, audio, or several of them. **Deprecated by the platform**: use
    /// [`CreateEmbedding`](super::CreateEmbedding).
    ///
    /// An input can fail although the request succeeds: see
    /// [`error_message`](tl_model::LegacyEmbeddingResult::error_message).
    CreateLegacyEmbedding custom FORM {
        /// The model.
        model_name: ModelName,
        /// A text.
        text: Option<String>,
        /// An image.
        image: Option<Media>,
        /// Audio.
        audio: Option<Media>,
        /// Where the audio starts, in seconds. The platform's default is 0.
        audio_start_offset_sec: Option<f64>,
    }
    name: "embed.create";
    does: "create embeddings with the first version";
    POST "/embed" => OK LegacyEmbedding;
    // Reading changes nothing, but a second answer is charged again.
    repeat: IfNotProcessed;
    client: LegacyEmbed::create;
    with { const IS_SLOW: bool = true; }
}

impl CreateLegacyEmbedding {
    /// The request without an input; set at least one.
    #[must_use]
    pub fn new(model_name: impl Into<ModelName>) -> Self {
        Self {
            model_name: model_name.into(),
            text: None,
            image: None,
            audio: None,
            audio_start_offset_sec: None,
        }
    }
}

impl Codec for CreateLegacyEmbedding {
    fn encode(&self) -> Outgoing {
        let form = Form::new()
            .text("model_name", self.model_name.as_str())
            .text_if("text", self.text.as_ref());
        let form = with_media(form, "image", self.image.as_ref());
        let form = with_media(form, "audio", self.audio.as_ref())
            .text_if("audio_start_offset_sec", self.audio_start_offset_sec);
        let has_input = self.text.is_some() || self.image.is_some() || self.audio.is_some();
        let checked = has_input
            .then_some(())
            .ok_or_else(|| Rejection::missing("text"));
        let request = Outgoing::new().form(form).checked(checked);
        request.checked(check_offset(
            "audio_start_offset_sec",
            self.audio_start_offset_sec,
        ))
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let (mut params, files) = request.form()?;
        let known = ["image_file", "audio_file"];
        check_files(&files, &known)?;
        let embedding = Self {
            model_name: params.required("model_name")?,
            text: params.text("text")?.map(str::to_owned),
            image: media(&mut params, &files, "image")?,
            audio: media(&mut params, &files, "audio")?,
            audio_start_offset_sec: params.number("audio_start_offset_sec")?,
        };
        params.finish()?;
        check_offset("audio_start_offset_sec", embedding.audio_start_offset_sec)?;
        if embedding.text.is_none() && embedding.image.is_none() && embedding.audio.is_none() {
            return Err(Rejection::missing("text"));
        }
        Ok(embedding)
    }
}

endpoint! {
    /// Creates a task that embeds a video of up to 2 GB. **Deprecated by the platform**: use
    /// [`CreateEmbeddingTask`](super::CreateEmbeddingTask).
    CreateLegacyEmbeddingTask custom FORM {
        /// The model.
        model_name: ModelName,
        /// The video.
        video: Media,
        /// Where to start, in seconds. The platform requires both offsets or none.
        video_start_offset_sec: Option<f64>,
        /// Where to end, in seconds.
        video_end_offset_sec: Option<f64>,
        /// The length of a clip in seconds, 2 to 10. The platform's default is 6.
        video_clip_length: Option<f64>,
        /// `clip`, or `clip` and `video`. The platform's default is `clip`.
        video_embedding_scope: Vec<String>,
    }
    name: "embed.tasks.create";
    does: "create an embedding task with the first version";
    POST "/embed/tasks" => OK CreatedEmbeddingTask;
    repeat: IfNotProcessed;
    client: LegacyEmbed::create_task;
}

impl CreateLegacyEmbeddingTask {
    /// The request with the platform's defaults.
    #[must_use]
    pub fn new(model_name: impl Into<ModelName>, video: Media) -> Self {
        Self {
            model_name: model_name.into(),
            video,
            video_start_offset_sec: None,
            video_end_offset_sec: None,
            video_clip_length: None,
            video_embedding_scope: Vec::new(),
        }
    }

    /// The documented bounds (API description of 30 July 2026, POST /embed/tasks).
    fn check(&self) -> Result<(), Rejection> {
        let refuse = |name: &str, detail: &str| Err(Rejection::invalid(name, detail));
        let window = (self.video_start_offset_sec, self.video_end_offset_sec);
        let length = self.video_clip_length.unwrap_or(6.0);
        match window {
            (None, None) => {}
            (Some(start), Some(end)) => {
                check_offset("video_start_offset_sec", Some(start))?;
                if end - start < length {
                    let detail = "it must be at least the start and one clip length";
                    return refuse("video_end_offset_sec", detail);
                }
            }
            _ => return refuse("video_end_offset_sec", "both offsets or none are expected"),
        }
        if !(2.0..=10.0).contains(&length) {
            return refuse("video_clip_length", "a number from 2 to 10 is expected");
        }
        let scopes = &self.video_embedding_scope;
        if scopes
            .iter()
            .any(|scope| scope != "clip" && scope != "video")
        {
            return refuse(
                "video_embedding_scope",
                "one of `clip`, `video` is expected",
            );
        }
        if !scopes.is_empty() && !scopes.iter().any(|scope| scope == "clip") {
            return refuse("video_embedding_scope", "`video` needs `clip` as well");
        }
        Ok(())
    }
}

impl Codec for CreateLegacyEmbeddingTask {
    fn encode(&self) -> Outgoing {
        let form = Form::new().text("model_name", self.model_name.as_str());
        let mut form = with_media(form, "video", Some(&self.video))
            .text_if("video_start_offset_sec", self.video_start_offset_sec)
            .text_if("video_end_offset_sec", self.video_end_offset_sec)
            .text_if("video_clip_length", self.video_clip_length);
        for scope in &self.video_embedding_scope {
            form = form.text("video_embedding_scope", scope);
        }
        Outgoing::new().form(form).checked(self.check())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        let (mut params, files) = request.form()?;
        check_files(&files, &["video_file"])?;
        let model_name: ModelName = params.required("model_name")?;
        let video = media(&mut params, &files, "video")?;
        let mut task = Self::new(
            model_name,
            video.ok_or_else(|| Rejection::missing("video_file"))?,
        );
        task.video_start_offset_sec = params.number("video_start_offset_sec")?;
        task.video_end_offset_sec = params.number("video_end_offset_sec")?;
        task.video_clip_length = params.number("video_clip_length")?;
        task.video_embedding_scope = params.list("video_embedding_scope")?;
        params.finish()?;
        task.check()?;
        Ok(task)
    }
}

/// The parts of a form that carry media: `NAME_file` or `NAME_url`.
fn with_media(form: Form, name: &str, media: Option<&Media>) -> Form {
    match media {
        None => form,
        Some(Media::File(source)) => form.file(format!("{name}_file"), Arc::clone(source)),
        Some(Media::Url(url)) => form.text(format!("{name}_url"), url.as_str()),
    }
}

/// Reads media from a form. A URL takes precedence over a file, as documented.
fn media(params: &mut Params<'_>, files: &Files, name: &str) -> Result<Option<Media>, Rejection> {
    let file = format!("{name}_file");
    if params.text(&file)?.is_some() {
        return Err(Rejection::invalid(
            &file,
            "a file part is expected, not a text",
        ));
    }
    let url = params.optional::<Url>(&format!("{name}_url"))?;
    let uploaded = files.iter().find(|(other, _)| *other == file);
    Ok(match (url, uploaded) {
        (Some(url), _) => Some(Media::Url(url)),
        (None, Some((_, source))) => Some(Media::File(Arc::clone(source))),
        (None, None) => None,
    })
}

fn check_files(files: &Files, known: &[&str]) -> Result<(), Rejection> {
    match files.iter().find(|(name, _)| !known.contains(&&**name)) {
        Some((name, _)) => Err(Rejection::unknown(name)),
        None => Ok(()),
    }
}

fn check_offset(name: &str, offset: Option<f64>) -> Result<(), Rejection> {
    match offset.is_none_or(|seconds| seconds >= 0.0 && seconds.is_finite()) {
        true => Ok(()),
        false => Err(Rejection::invalid(name, "a number from 0 is expected")),
    }
}

endpoint! {
    /// Lists embedding tasks, newest first. They have no embeddings. **Deprecated by the
    /// platform.**
    ListLegacyEmbeddingTasks: PartialEq, Eq, Default {
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
    name: "embed.tasks.list";
    does: "list embedding tasks of the first version";
    GET "/embed/tasks" => OK Page<LegacyEmbeddingTask>;
    repeat: Freely;
    client: LegacyEmbed::list_tasks;
    paged: LegacyEmbeddingTask;
}

endpoint! {
    /// Retrieves the embeddings of a task that is ready. The platform keeps them for seven days.
    /// **Deprecated by the platform.**
    GetLegacyEmbeddingTask: PartialEq, Eq {
        path {
            /// The task.
            legacy_task_id: EmbeddingTaskId,
        }
        query {
            /// The embeddings to return: `visual`, `audio`, `transcription`. The platform's default
            /// is all of them.
            embedding_option: Vec<String>,
        }
    }
    name: "embed.tasks.retrieve";
    does: "retrieve the embedding task of the first version";
    GET "/embed/tasks/{legacy_task_id}" => OK LegacyEmbeddingTask;
    repeat: Freely;
    client: LegacyEmbed::get_task;
    with { const MAX_RESPONSE: u64 = MAX_EMBEDDINGS; }
}

endpoint! {
    /// Retrieves the status of a task, without embeddings. **Deprecated by the platform.**
    GetLegacyEmbeddingTaskStatus: PartialEq, Eq {
        path {
            /// The task.
            legacy_task_id: EmbeddingTaskId,
        }
    }
    name: "embed.tasks.status";
    does: "retrieve the status of the embedding task";
    GET "/embed/tasks/{legacy_task_id}/status" => OK LegacyEmbeddingTask;
    repeat: Freely;
    client: LegacyEmbed::get_task_status;
}
