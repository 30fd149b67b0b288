//! `/embed`: the first version of embeddings, with the same vectors as `/embed-v2`.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use tl_model::{
    CreatedEmbeddingTask, EmbeddingRow, EmbeddingSource, EmbeddingTaskStatus, Embeddings,
    LegacyEmbedding, LegacyEmbeddingResult, LegacyEmbeddingTask, ModelName, Page, VideoEmbedding,
};
use tl_protocol::{
    embed::EmbedRules,
    endpoint::{
        CreateLegacyEmbedding, CreateLegacyEmbeddingTask, GetLegacyEmbeddingTask,
        GetLegacyEmbeddingTaskStatus, ListLegacyEmbeddingTasks, Media, Sort,
    },
};
use tl_validate::{Route, Target};

use super::{
    annotations,
    embeddings::{self, DIMENSION, KEPT, push, row, vector},
    families,
    handle::{Handle, Incoming, handle},
    listing::{self, SortKey},
    request::{BodyRule, Upload},
};
use crate::{
    core::{
        Env, Refusal, State,
        answers::AnswerSource,
        ids,
        lifecycle::after,
        meaning::{Vector, describe, fixed},
        records::LegacyEmbeddingTaskRecord,
        settings::Settings,
        time::api_timestamp,
    },
    media::validation,
};

impl Handle for CreateLegacyEmbedding {
    fn handle(
        self,
        state: &mut State,
        env: &mut Env<'_>,
        incoming: Incoming<'_>,
    ) -> Result<Self::Response, Refusal> {
        create(state, env, &self, &incoming.uploads)
    }

    fn body(settings: &Settings) -> BodyRule {
        BodyRule::Form {
            max_file: validation::max_task_file(&settings.rules),
            takes_static: true,
            url: "image_url",
        }
    }
}
impl Handle for CreateLegacyEmbeddingTask {
    fn handle(
        self,
        state: &mut State,
        env: &mut Env<'_>,
        incoming: Incoming<'_>,
    ) -> Result<Self::Response, Refusal> {
        create_task(state, env, &self, &incoming.uploads)
    }
}
handle!(ListLegacyEmbeddingTasks, |state, env, request| list(
    state, env, &request
));
handle!(GetLegacyEmbeddingTask, |state, env, request| {
    families::check_embedding_options(&request.embedding_option)?;
    let task = find(state, env, request.legacy_task_id.as_str())?;
    retrieve(env, task, &request.embedding_option)
});
handle!(GetLegacyEmbeddingTaskStatus, |state, env, request| {
    let task = find(state, env, request.legacy_task_id.as_str())?;
    let mut shown = view(task, env);
    (shown.created_at, shown.updated_at) = (None, None);
    Ok(shown)
});

/// The length of a clip in seconds if none was requested.
const CLIP: f64 = 6.0;
/// A last clip that is shorter is left out, in seconds (documented).
const SHORTEST: f64 = 2.0;
/// The longest audio that is embedded at once, in seconds.
const MAX_AT_ONCE: f64 = 600.0;

fn check_model(model: &ModelName) -> Result<(), Refusal> {
    match *model == ModelName::Marengo3_0 && EmbedRules::of(model).is_some() {
        true => Ok(()),
        false => Err(listing::not_one_of(
            "model_name",
            model.as_str(),
            ModelName::Marengo3_0.as_str(),
        )),
    }
}

fn create(
    state: &State,
    env: &mut Env<'_>,
    new: &CreateLegacyEmbedding,
    uploads: &[Upload],
) -> Result<LegacyEmbedding, Refusal> {
    check_model(&new.model_name)?;
    env.answer = Some(AnswerSource::Generated);
    let mut result = LegacyEmbedding::default();
    result.model_name = Some(new.model_name.clone());
    if let Some(text) = &new.text {
        if text.trim().is_empty() {
            return Err(Refusal::invalid("text", "the text is empty"));
        }
        result.text_embedding = Some(single(&Vector::of_text(text))?);
    }
    let file = |field: &str| uploads.iter().find(|upload| upload.field == field);
    if let Some(image) = &new.image {
        let image = match (image, file("image_file")) {
            (Media::Url(url), _) => {
                let source = EmbeddingSource::url(url.as_str());
                let mut image = single(&embeddings::image_vector(state, env, &source)?)?;
                image.metadata = Some(json!({ "input_url": url.as_str() }));
                image
            }
            (Media::File(_), Some(upload)) => of_image(upload)?,
            (Media::File(_), None) => return Err(Refusal::missing("image_file")),
        };
        result.image_embedding = Some(image);
    }
    if let Some(given) = &new.audio {
        let start = new.audio_start_offset_sec.unwrap_or(0.0);
        result.audio_embedding = Some(match (given, file("audio_file")) {
            // One input can fail although the request succeeds.
            (Media::Url(_), _) => failed("the emulator embeds audio of files: send an audio_file"),
            (Media::File(_), Some(upload)) => of_audio(env, upload, start)?,
            (Media::File(_), None) => return Err(Refusal::missing("audio_file")),
        });
    }
    Ok(result)
}

fn single(vector: &Vector) -> Result<LegacyEmbeddingResult, Refusal> {
    let mut data = Embeddings::new();
    push(&mut data, EmbeddingRow::default(), vector, DIMENSION)?;
    let mut result = LegacyEmbeddingResult::default();
    result.segments = Some(data.into());
    Ok(result)
}

fn failed(reason: &str) -> LegacyEmbeddingResult {
    let mut result = LegacyEmbeddingResult::default();
    result.error_message = Some(reason.to_owned());
    result
}

/// The words of the name and the content.
fn of_image(upload: &Upload) -> Result<LegacyEmbeddingResult, Refusal> {
    match &upload.static_file {
        Some(Ok(file)) if file.kind().starts_with("image/") => {}
        Some(Err(reason)) => return Ok(failed(reason)),
        _ => return Ok(failed("the file is not an image (allowed: JPEG, PNG)")),
    }
    let name = upload.filename.rsplit_once('.');
    let name = name.map_or(upload.filename.as_str(), |(name, _)| name);
    let content = format!("{} {}", upload.filename, upload.bytes);
    let vector = Vector::of_text(&name.replace(['_', '-'], " ")).with_content(&content);
    let mut result = single(&vector)?;
    result.metadata = Some(json!({ "input_filename": upload.filename }));
    Ok(result)
}

/// One embedding per clip, of sounds and speech together.
fn of_audio(
    env: &mut Env<'_>,
    upload: &Upload,
    start: f64,
) -> Result<LegacyEmbeddingResult, Refusal> {
    let duration = match &upload.probe {
        Ok(facts) => facts.duration_seconds().unwrap_or(0.0),
        Err(error) if error.kind().is_about_the_file() => {
            return Ok(failed("the file is not audio"));
        }
        Err(error) => {
            let reason = format!(
                "the received audio could not be looked at ({})",
                error.kind()
            );
            return Err(Refusal::internal(&reason));
        }
    };
    if start >= duration {
        let detail = format!("the audio ends at {duration:.1} s");
        return Err(Refusal::invalid("audio_start_offset_sec", &detail));
    }
    if duration - start > MAX_AT_ONCE {
        let detail = format!("the audio has {duration:.1} s, at most {MAX_AT_ONCE} s are embedded");
        return Err(Refusal::invalid("audio_file", &detail));
    }
    let content = upload.content.as_deref();
    let known = annotations::of_content(env, &upload.filename, content, duration);
    if known.has_sidecar {
        env.answer = Some(AnswerSource::Fixture);
    }
    let mut ranges = Vec::new();
    fixed(start, duration, CLIP, &mut ranges);
    let mut data = Embeddings::new();
    for part in describe(&known, &ranges) {
        let mut sum = Vector::default();
        for option in ["audio", "transcription"] {
            if let Some(vector) = vector(&part, option) {
                sum.add_unit(&vector);
            }
        }
        let mut row = EmbeddingRow::default();
        (row.start, row.end) = (Some(part.start), Some(part.end));
        push(&mut data, row, &sum, DIMENSION)?;
    }
    let mut result = LegacyEmbeddingResult::default();
    result.segments = Some(data.into());
    result.metadata = Some(json!({ "input_filename": upload.filename }));
    Ok(result)
}

fn create_task(
    state: &mut State,
    env: &mut Env<'_>,
    new: &CreateLegacyEmbeddingTask,
    uploads: &[Upload],
) -> Result<CreatedEmbeddingTask, Refusal> {
    check_model(&new.model_name)?;
    let upload = match (&new.video, uploads.first()) {
        (Media::Url(_), _) => {
            let detail = "the emulator embeds videos of files; send a `video_file`";
            return Err(Refusal::invalid("video_url", detail));
        }
        (Media::File(_), Some(upload)) => upload,
        (Media::File(_), None) => return Err(Refusal::missing("video_file")),
    };
    let target = Target::new(Route::Tasks).with_engine(new.model_name.as_str());
    let measured = validation::validate(&upload.probe, upload.bytes, &target, &env.settings.rules)?;
    let duration = measured.duration.unwrap_or(0.0);
    let start = new.video_start_offset_sec.unwrap_or(0.0);
    let end = new.video_end_offset_sec.unwrap_or(duration);
    if end > duration {
        let detail = format!("the video ends at {duration:.1} s");
        return Err(Refusal::invalid("video_end_offset_sec", &detail));
    }
    let id = env.next_id(state);
    let mut scopes = new.video_embedding_scope.clone();
    if scopes.is_empty() {
        scopes.push("clip".to_owned());
    }
    let record = LegacyEmbeddingTaskRecord {
        id: id.clone(),
        number: state.last_number(),
        created_at: env.now,
        ready_at: after(env.now, env.settings.schedule.validating),
        model: new.model_name.to_string(),
        filename: upload.filename.clone(),
        content: upload.content.clone(),
        duration,
        window: (start, end),
        clip_length: new.video_clip_length.unwrap_or(CLIP),
        scopes,
    };
    state.legacy_embedding_tasks.insert(id.clone(), record);
    Ok(CreatedEmbeddingTask::new(id))
}

fn is_kept(created_at: Timestamp, env: &Env<'_>) -> bool {
    env.now.as_second() - created_at.as_second() < KEPT
}

/// Only 400 is documented here.
fn find<'a>(
    state: &'a State,
    env: &Env<'_>,
    id: &str,
) -> Result<&'a LegacyEmbeddingTaskRecord, Refusal> {
    ids::check("task_id", id)?;
    let task = state.legacy_embedding_tasks.get(id);
    let task = task.filter(|task| is_kept(task.created_at, env));
    task.ok_or_else(|| {
        let mut refusal = Refusal::not_exist("tasks", id);
        refusal.status = StatusCode::BAD_REQUEST;
        refusal
    })
}

fn list(
    state: &State,
    env: &Env<'_>,
    request: &ListLegacyEmbeddingTasks,
) -> Result<Page<LegacyEmbeddingTask>, Refusal> {
    let from = listing::date_filter("started_at", request.started_at.as_ref())?;
    let until = listing::date_filter("ended_at", request.ended_at.as_ref())?;
    let status = request.status.as_ref();
    if let Some(status) = status.filter(|status| !status.is_known()) {
        let allowed = "processing, ready, failed";
        return Err(listing::not_one_of("status", status.as_str(), allowed));
    }
    let tasks = state.legacy_embedding_tasks.values().filter(|task| {
        is_kept(task.created_at, env)
            && from.is_none_or(|from| task.created_at >= from)
            && until.is_none_or(|until| task.created_at <= until)
            && status.is_none_or(|status| *status == status_of(task, env))
    });
    let items = tasks.map(|task| {
        let key = SortKey {
            created: task.created_at,
            updated: task.ready_at,
            number: task.number,
        };
        (key, task)
    });
    let quirks = &env.settings.quirks;
    let sort = Sort::default();
    listing::page(items.collect(), &sort, request.page, quirks, |task| {
        view(task, env)
    })
}

fn status_of(task: &LegacyEmbeddingTaskRecord, env: &Env<'_>) -> EmbeddingTaskStatus {
    match task.ready_at <= env.now {
        true => EmbeddingTaskStatus::Ready,
        false => EmbeddingTaskStatus::Processing,
    }
}

/// A task without its embeddings.
fn view(task: &LegacyEmbeddingTaskRecord, env: &Env<'_>) -> LegacyEmbeddingTask {
    let mut view = LegacyEmbeddingTask::new(task.id.as_str());
    let status = status_of(task, env);
    view.updated_at = Some(api_timestamp(match status {
        EmbeddingTaskStatus::Ready => task.ready_at,
        _ => task.created_at,
    }));
    view.status = Some(status);
    view.created_at = Some(api_timestamp(task.created_at));
    view.model_name = Some(task.model.as_str().into());
    let mut video = VideoEmbedding::default();
    video.metadata = Some(json!({
        "input_filename": task.filename, "duration": task.duration,
        "video_clip_length": task.clip_length, "video_embedding_scope": task.scopes,
    }));
    view.video_embedding = Some(video);
    view
}

fn retrieve(
    env: &mut Env<'_>,
    task: &LegacyEmbeddingTaskRecord,
    options: &[String],
) -> Result<LegacyEmbeddingTask, Refusal> {
    let mut shown = view(task, env);
    if shown.status != Some(EmbeddingTaskStatus::Ready) {
        return Ok(shown);
    }
    let content = task.content.as_deref();
    let known = annotations::of_content(env, &task.filename, content, task.duration);
    env.answer = Some(match known.has_sidecar {
        true => AnswerSource::Fixture,
        false => AnswerSource::Generated,
    });
    let all = ["visual", "audio", "transcription"];
    let wanted = all
        .iter()
        .filter(|option| options.is_empty() || options.iter().any(|given| given == *option));
    let (start, end) = task.window;
    let mut clips = Vec::new();
    fixed(start, end, task.clip_length, &mut clips);
    clips.retain(|(from, to)| to - from >= SHORTEST);
    let mut data = Embeddings::new();
    for option in wanted {
        for scope in &task.scopes {
            let ranges = match scope.as_str() {
                "clip" => clips.clone(),
                _ => vec![(start, end)],
            };
            for part in describe(&known, &ranges) {
                if let Some(vector) = vector(&part, option) {
                    push(&mut data, row(&part, option, scope), &vector, DIMENSION)?;
                }
            }
        }
    }
    if let Some(video) = &mut shown.video_embedding {
        video.segments = Some(data.into());
    }
    Ok(shown)
}
