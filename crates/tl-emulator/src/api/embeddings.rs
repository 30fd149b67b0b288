//! `/embed-v2`: deterministic embeddings. See [`meaning`](crate::core::meaning) for what they hold.

use http::StatusCode;
use serde_json::{Value, json};
use tl_model::{
    AssetType, CreatedEmbeddingTask, EmbeddingMedia, EmbeddingResult, EmbeddingRow,
    EmbeddingSource, EmbeddingTask, EmbeddingTaskStatus, Embeddings, IndexedEmbedding,
    NewEmbedding, Page, VideoEmbedding,
};
use tl_protocol::{
    embed::EmbedRules,
    endpoint::{CreateEmbedding, CreateEmbeddingTask, GetEmbeddingTask, ListEmbeddingTasks, Sort},
};

use super::{
    annotations,
    handle::handle,
    listing::{self, SortKey},
};
use crate::core::{
    Env, Refusal, State,
    answers::AnswerSource,
    ids,
    lifecycle::after,
    limits,
    meaning::{Annotations, Part, Vector, describe, fixed, parts},
    records::{EmbeddingTaskRecord, VideoRecord},
    time::api_timestamp,
};

handle!(CreateEmbedding, |state, env, request| {
    limits::count_embedding(state, env, request.embedding.input_type.as_str())?;
    EmbedRules::check(&request.embedding, false)?;
    create(state, env, &request.embedding)
});
handle!(CreateEmbeddingTask, |state, env, request| {
    limits::count_embedding(state, env, request.embedding.input_type.as_str())?;
    create_task(state, env, &request.embedding)
});
handle!(ListEmbeddingTasks, |state, env, request| list(
    state, env, &request
));
handle!(GetEmbeddingTask, |state, env, request| {
    retrieve(state, env, request.embedding_task_id.as_str())
});

/// The dimension if none was requested.
pub(super) const DIMENSION: usize = 512;
/// The length of a segment in seconds if none was requested.
const SEGMENT: f64 = 6.0;
/// How long the results of a task are kept, in seconds (seven days).
pub(super) const KEPT: i64 = 7 * 24 * 3600;
/// The longest media that is embedded at once, in seconds.
const MAX_AT_ONCE: f64 = 600.0;

fn create(
    state: &State,
    env: &mut Env<'_>,
    new: &NewEmbedding,
) -> Result<EmbeddingResult, Refusal> {
    let dimension = new
        .embedding_dimension
        .map_or(DIMENSION, |dimension| dimension as usize);
    let media = [("video", &new.video), ("audio", &new.audio)];
    for (name, media) in media {
        let Some(media) = media else { continue };
        let file = File::of(state, env, name, &media.media_source)?;
        if file.duration > MAX_AT_ONCE {
            let detail = format!(
                "the media has {:.1} s, at most {MAX_AT_ONCE} s are embedded at once",
                file.duration
            );
            return Err(Refusal::invalid(name, &detail));
        }
        env.answer = Some(file.answer_source());
        return media_result(name, media, &file, dimension);
    }
    env.answer = Some(AnswerSource::Generated);
    let vector = match (&new.text, new.image.as_ref().or(new.text_image.as_ref())) {
        (Some(text), _) => Vector::of_text(&text.input_text),
        (None, Some(image)) => {
            let mut vector = image_vector(state, env, &image.media_source)?;
            if let Some(text) = &image.input_text {
                vector.add_unit(&Vector::of_text(text));
            }
            vector
        }
        (None, None) => multi_vector(state, env, new.multi_input.as_ref())?,
    };
    let mut data = Embeddings::new();
    push(&mut data, EmbeddingRow::default(), &vector, dimension)?;
    let mut result = EmbeddingResult::new(data);
    // Documented: a text has no metadata.
    if new.text.is_none() {
        result.metadata = Some(json!({ "input_type": new.input_type }));
    }
    Ok(result)
}

pub(super) fn push(
    data: &mut Embeddings,
    row: EmbeddingRow,
    vector: &Vector,
    dimension: usize,
) -> Result<(), Refusal> {
    data.push(row, &vector.unit(dimension))
        .map_err(|error| Refusal::internal(&error.to_string()))
}

/// The embeddings of a video of an index, if there is a request for some. They are those that a
/// search compares.
pub(crate) fn of_video(
    state: &State,
    env: &Env<'_>,
    video: &VideoRecord,
    options: &[String],
) -> Result<Option<IndexedEmbedding>, Refusal> {
    if options.is_empty() {
        return Ok(None);
    }
    let known = annotations::of_video(state, env, video);
    let duration = video.measured.duration.unwrap_or(0.0);
    let mut data = Embeddings::new();
    for part in parts(&known, duration) {
        for option in options {
            if let Some(vector) = vector(&part, option) {
                push(&mut data, row(&part, option, "clip"), &vector, DIMENSION)?;
            }
        }
    }
    let index = state.indexes.get(&video.index_id);
    let mut models = index.into_iter().flat_map(|index| &index.models);
    let model = models.find_map(|model| {
        let name = model.name()?;
        name.as_str().starts_with("marengo").then(|| name.clone())
    });
    let mut video = VideoEmbedding::default();
    video.segments = Some(data.into());
    let mut embedding = IndexedEmbedding::default();
    (embedding.model_name, embedding.video_embedding) = (model, Some(video));
    Ok(Some(embedding))
}

/// What an embedding of a part is about.
pub(super) fn row(part: &Part, option: &str, scope: &str) -> EmbeddingRow {
    let mut row = EmbeddingRow::default();
    row.option = Some(option.to_owned());
    row.scope = Some(scope.to_owned());
    (row.start, row.end) = (Some(part.start), Some(part.end));
    row
}

/// A media file with what is known about it.
struct File {
    filename: String,
    duration: f64,
    annotations: Annotations,
}

impl File {
    /// The asset of a source. The emulator reads audio and video from assets only.
    fn of(
        state: &State,
        env: &Env<'_>,
        name: &str,
        source: &EmbeddingSource,
    ) -> Result<Self, Refusal> {
        let parameter = format!("{name}.media_source");
        let Some(id) = &source.asset_id else {
            let detail = "the emulator embeds audio and video of assets; give an `asset_id`";
            return Err(Refusal::invalid(&parameter, detail));
        };
        ids::check(&parameter, id.as_str())?;
        // Only 400 is documented here.
        let asset = state.assets.get(id.as_str()).ok_or_else(|| {
            let mut refusal = Refusal::not_exist("assets", id.as_str());
            refusal.status = StatusCode::BAD_REQUEST;
            refusal
        })?;
        let Some(facts) = asset.facts(env.now) else {
            let detail = format!(
                "the asset {id} is {}, only a ready one can be used",
                asset.status(env.now)
            );
            return Err(Refusal::invalid(&parameter, &detail));
        };
        let wanted = if name == "audio" {
            AssetType::Audio
        } else {
            AssetType::Video
        };
        if asset.kind() != wanted && !(name == "audio" && asset.kind() == AssetType::Video) {
            return Err(Refusal::invalid(
                &parameter,
                &format!("the asset {id} is no {name}"),
            ));
        }
        let duration = facts.duration_seconds().unwrap_or(0.0);
        Ok(Self {
            filename: asset.filename.clone(),
            duration,
            annotations: annotations::of_file(
                state,
                env,
                &asset.filename,
                asset.media.as_ref(),
                duration,
            ),
        })
    }

    fn answer_source(&self) -> AnswerSource {
        match self.annotations.has_sidecar {
            true => AnswerSource::Fixture,
            false => AnswerSource::Generated,
        }
    }
}

/// The embeddings of audio or a video.
fn media_result(
    name: &str,
    media: &EmbeddingMedia,
    file: &File,
    dimension: usize,
) -> Result<EmbeddingResult, Refusal> {
    let start = media.start_sec.unwrap_or(0.0);
    let end = media.end_sec.unwrap_or(file.duration).min(file.duration);
    if start >= end {
        let detail = format!("the media ends at {:.1} s", file.duration);
        return Err(Refusal::invalid(&format!("{name}.start_sec"), &detail));
    }
    let all: &[&str] = if name == "video" {
        &["visual", "audio", "transcription"]
    } else {
        &["audio", "transcription"]
    };
    let given = |list: &[String], default: &[&str]| -> Vec<String> {
        match list {
            [] => default.iter().map(|word| (*word).to_owned()).collect(),
            list => list.to_vec(),
        }
    };
    let options = given(&media.embedding_option, all);
    let scopes = given(&media.embedding_scope, &["clip", "asset"]);
    let types = given(&media.embedding_type, &["separate_embedding"]);
    let mut ranges = Vec::new();
    fixed(start, end, segment_length(media), &mut ranges);
    let mut data = Embeddings::new();
    for scope in &scopes {
        let ranges = if scope == "clip" {
            ranges.clone()
        } else {
            vec![(start, end)]
        };
        for part in describe(&file.annotations, &ranges) {
            let vectors = options
                .iter()
                .filter_map(|option| Some((option.as_str(), vector(&part, option)?)));
            let vectors: Vec<_> = vectors.collect();
            let row = |option: &str| row(&part, option, scope);
            if types.iter().any(|kind| kind == "separate_embedding") {
                for (option, vector) in &vectors {
                    push(&mut data, row(option), vector, dimension)?;
                }
            }
            if types.iter().any(|kind| kind == "fused_embedding") {
                let mut fused = Vector::default();
                vectors
                    .iter()
                    .for_each(|(_, vector)| fused.add_unit(vector));
                push(&mut data, row("fused"), &fused, dimension)?;
            }
        }
    }
    let mut result = EmbeddingResult::new(data);
    result.metadata = Some(json!({
        "input_type": name, "input_filename": file.filename, "duration": file.duration,
        "embedding_options": options, "embedding_scopes": scopes,
    }));
    Ok(result)
}

/// The vector of a part for an option; none for the transcription of silence.
pub(super) fn vector(part: &Part, option: &str) -> Option<Vector> {
    let content = format!("{} {option}", part.content);
    match option {
        "visual" => Some(part.visual().with_content(&content)),
        "audio" => Some(part.audio().with_content(&content)),
        "transcription" => part.transcription(),
        // `visual-text` of older clients.
        _ => None,
    }
}

/// The length of fixed segments. Dynamic ones have their shortest length here: nothing looks for
/// changes of the scene.
fn segment_length(media: &EmbeddingMedia) -> f64 {
    let segmentation = media.segmentation.clone().unwrap_or_default();
    let segmentation = segmentation.get("temporal").unwrap_or(&segmentation);
    let given = [
        &segmentation["fixed"]["duration_sec"],
        &segmentation["dynamic"]["min_duration_sec"],
    ];
    let given = given.into_iter().find_map(Value::as_f64);
    given
        .filter(|seconds| (1.0..=60.0).contains(seconds))
        .unwrap_or(SEGMENT)
}

/// The vector of an image: the words of its name and its content.
pub(super) fn image_vector(
    state: &State,
    env: &Env<'_>,
    source: &EmbeddingSource,
) -> Result<Vector, Refusal> {
    if let Some(id) = &source.asset_id {
        ids::check("media_source", id.as_str())?;
        let asset = state.assets.get(id.as_str());
        let asset = asset.filter(|asset| asset.kind() == AssetType::Image);
        let asset = asset.ok_or_else(|| {
            Refusal::invalid(
                "media_source",
                &format!("there is no image with the asset id {id}"),
            )
        })?;
        let known = annotations::of_file(state, env, &asset.filename, asset.media.as_ref(), 0.0);
        return Ok(Vector::of_text(&known.title).with_content(&known.content));
    }
    let content = source
        .url
        .as_deref()
        .or(source.base64_string.as_deref())
        .unwrap_or_default();
    let name = source
        .url
        .as_deref()
        .and_then(|url| url.rsplit('/').next())
        .unwrap_or_default();
    let name = name.rsplit_once('.').map_or(name, |(name, _)| name);
    Ok(Vector::of_text(&name.replace(['_', '-'], " ")).with_content(content))
}

/// The vector of a text with media: the sum of both.
fn multi_vector(state: &State, env: &Env<'_>, input: Option<&Value>) -> Result<Vector, Refusal> {
    let input = input.unwrap_or(&Value::Null);
    let mut vector = Vector::default();
    let text = input["input_text"].as_str().unwrap_or_default();
    vector.add_unit(&Vector::of_text(text));
    let sources = input["media_sources"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if text.is_empty() && sources.is_empty() {
        return Err(Refusal::missing("multi_input.input_text"));
    }
    for source in sources {
        let invalid = || {
            Refusal::invalid(
                "multi_input.media_sources",
                "each has one of `url`, `asset_id`, `base64_string`",
            )
        };
        let source: EmbeddingSource =
            serde_json::from_value(source.clone()).map_err(|_| invalid())?;
        if !source.is_valid() {
            return Err(invalid());
        }
        vector.add_unit(&image_vector(state, env, &source)?);
    }
    Ok(vector)
}

fn create_task(
    state: &mut State,
    env: &mut Env<'_>,
    new: &NewEmbedding,
) -> Result<CreatedEmbeddingTask, Refusal> {
    EmbedRules::check(new, true)?;
    for (name, media) in [("video", &new.video), ("audio", &new.audio)] {
        if let Some(media) = media {
            let file = File::of(state, env, name, &media.media_source)?;
            // Checks the window.
            media_result(name, media, &file, 1)?;
        }
    }
    let id = env.next_id(state);
    let record = EmbeddingTaskRecord {
        id: id.clone(),
        number: state.last_number(),
        created_at: env.now,
        ready_at: after(env.now, env.settings.schedule.validating),
        request: serde_json::to_value(new)
            .map_err(|error| Refusal::internal(&error.to_string()))?,
    };
    state.embedding_tasks.insert(id.clone(), record);
    let mut created = CreatedEmbeddingTask::new(id);
    created.status = Some(EmbeddingTaskStatus::Processing);
    Ok(created)
}

fn list(
    state: &State,
    env: &Env<'_>,
    request: &ListEmbeddingTasks,
) -> Result<Page<EmbeddingTask>, Refusal> {
    let from = listing::date_filter("started_at", request.started_at.as_ref())?;
    let until = listing::date_filter("ended_at", request.ended_at.as_ref())?;
    if let Some(status) = request.status.as_ref().filter(|status| !status.is_known()) {
        return Err(listing::not_one_of(
            "status",
            status.as_str(),
            "processing, ready, failed",
        ));
    }
    let tasks = state.embedding_tasks.values().filter(|task| {
        is_kept(task, env)
            && from.is_none_or(|from| task.created_at >= from)
            && until.is_none_or(|until| task.created_at <= until)
            && request
                .status
                .as_ref()
                .is_none_or(|status| *status == status_of(task, env))
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
    listing::page(
        items.collect(),
        &Sort::default(),
        request.page,
        quirks,
        |task| view(task, env),
    )
}

fn retrieve(state: &State, env: &mut Env<'_>, id: &str) -> Result<EmbeddingTask, Refusal> {
    ids::check("task_id", id)?;
    let task = state
        .embedding_tasks
        .get(id)
        .filter(|task| is_kept(task, env));
    let task = task.ok_or_else(Refusal::not_found)?;
    let mut shown = view(task, env);
    shown.model_name = None;
    if shown.status == Some(EmbeddingTaskStatus::Ready) {
        let new: NewEmbedding = serde_json::from_value(task.request.clone())
            .map_err(|error| Refusal::internal(&error.to_string()))?;
        let dimension = new
            .embedding_dimension
            .map_or(DIMENSION, |dimension| dimension as usize);
        let media = [("video", &new.video), ("audio", &new.audio)];
        let media = media
            .into_iter()
            .find_map(|(name, media)| Some((name, media.as_ref()?)));
        let result = match media {
            Some((name, media)) => {
                File::of(state, env, name, &media.media_source).and_then(|file| {
                    env.answer = Some(file.answer_source());
                    media_result(name, media, &file, dimension)
                })
            }
            None => create(state, env, &new),
        };
        match result {
            Ok(result) => (shown.data, shown.metadata) = (Some(result.data), result.metadata),
            // The asset was deleted in the meantime.
            Err(refusal) => {
                shown.status = Some(EmbeddingTaskStatus::Failed);
                let mut error = tl_model::EmbeddingTaskError::default();
                error.message = Some(refusal.message);
                shown.error = Some(error);
            }
        }
    }
    Ok(shown)
}

fn is_kept(task: &EmbeddingTaskRecord, env: &Env<'_>) -> bool {
    env.now.as_second() - task.created_at.as_second() < KEPT
}

fn status_of(task: &EmbeddingTaskRecord, env: &Env<'_>) -> EmbeddingTaskStatus {
    match task.ready_at <= env.now {
        true => EmbeddingTaskStatus::Ready,
        false => EmbeddingTaskStatus::Processing,
    }
}

fn view(task: &EmbeddingTaskRecord, env: &Env<'_>) -> EmbeddingTask {
    let mut view = EmbeddingTask::new(task.id.as_str());
    let status = status_of(task, env);
    view.updated_at = Some(api_timestamp(match status {
        EmbeddingTaskStatus::Ready => task.ready_at,
        _ => task.created_at,
    }));
    view.status = Some(status);
    view.created_at = Some(api_timestamp(task.created_at));
    view.model_name = task.request["model_name"].as_str().map(Into::into);
    view
}
