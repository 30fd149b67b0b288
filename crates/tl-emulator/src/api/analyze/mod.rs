//! `/analyze`: answers without a model. See [`crate::core::answers`] for where they come from.
//!
//! A video that is given as an asset must be ready, and its duration bounds the window. One that is
//! given by URL or in Base64 is not fetched: its duration is taken from its sidecar, or assumed.

mod answer;
mod batches;
mod segments;
pub(crate) mod tasks;

use bytes::Bytes;
use http::StatusCode;
use tl_model::{
    Analysis, AnalyzeEvent, AnalyzeEventMetadata, AnalyzeEventType, AnalyzeNotice, AnalyzeRequest,
    AnalyzeVideo, AssetStatus, ErrorCode, FinishReason, TokenUsage,
};
use tl_protocol::{
    endpoint::{Analyze, StreamAnalysis, Streamed},
    framing::Framing,
    pegasus::{self, Usage},
    rng::Rng,
};

use super::handle::handle;
use crate::core::{
    Env, Refusal, State,
    answers::{self, AnswerSource, MediaRef},
    limits,
    records::TaskAnswer,
    stream::EventStream,
};

handle!(Analyze, |state, env, request| analyze(state, env, &request));

/// Seconds of a video whose duration is not known.
const ASSUMED_DURATION: f64 = 60.0;

/// A video or an image of a request.
#[derive(Debug, Clone)]
struct Subject {
    filename: String,
    content: Option<String>,
    duration: f64,
    /// Whether the duration was measured.
    is_measured: bool,
}

impl Subject {
    fn media(&self) -> MediaRef<'_> {
        MediaRef {
            filename: &self.filename,
            content: self.content.as_deref(),
            duration: self.duration,
        }
    }
}

fn analyze(state: &mut State, env: &mut Env<'_>, request: &Analyze) -> Result<Analysis, Refusal> {
    let analysis = &request.request;
    pegasus::check(analysis, Usage::Response).map_err(|fault| refuse(&fault))?;
    let subjects = subjects(state, env, analysis, StatusCode::NOT_FOUND)?;
    check_windows(analysis, &subjects, Usage::Response)?;
    limits::count_analysis(state, env, charged_seconds(analysis, &subjects))?;
    let answer = answer::answer(env, "analyze", analysis, &subjects)?;
    env.answer = source_of(&answer);
    if request.stream {
        let events = events(&answer)?;
        env.stream(events);
    }
    let mut analysis = Analysis::default();
    analysis.id = Some(answer.generation_id.clone());
    analysis.data = Some(answer.data.clone());
    analysis.finish_reason = Some(finish_reason(&answer));
    analysis.usage = Some(usage(&answer));
    analysis.error = notice(&answer);
    Ok(analysis)
}

/// The refusal of a request that breaks a bound of its model.
fn refuse(fault: &pegasus::RequestFault) -> Refusal {
    let mut refusal = Refusal::invalid(&fault.path, &fault.reason);
    // Documented for keywords of schemas.
    if fault.path.starts_with("response_format.json_schema")
        && fault.reason.starts_with("not supported")
    {
        refusal.status = StatusCode::UNPROCESSABLE_ENTITY;
    }
    refusal
}

/// The media of a request. `unknown` is the status for an unknown asset.
fn subjects(
    state: &State,
    env: &Env<'_>,
    request: &AnalyzeRequest,
    unknown: StatusCode,
) -> Result<Vec<Subject>, Refusal> {
    let mut subjects = Vec::new();
    match &request.video {
        Some(AnalyzeVideo::Asset(id)) => {
            subjects.push(asset(state, env, "video.asset_id", id.as_str(), unknown)?);
        }
        Some(AnalyzeVideo::Url(url)) => subjects.push(remote(env, url)),
        Some(_) => subjects.push(remote(env, "base64")),
        None => {}
    }
    for image in &request.image {
        let name = image.url.as_deref().unwrap_or(&image.name);
        subjects.push(match &image.asset_id {
            Some(id) => asset(state, env, "image.asset_id", id.as_str(), unknown)?,
            None => remote(env, name),
        });
    }
    Ok(subjects)
}

fn asset(
    state: &State,
    env: &Env<'_>,
    parameter: &str,
    id: &str,
    unknown: StatusCode,
) -> Result<Subject, Refusal> {
    let Some(asset) = state.assets.get(id) else {
        let mut refusal = match unknown {
            StatusCode::NOT_FOUND => Refusal::not_exist("assets", id),
            _ => Refusal::invalid(parameter, &format!("the asset {id} does not exist")),
        };
        refusal.status = unknown;
        return Err(refusal);
    };
    let status = asset.status(env.now);
    if status != AssetStatus::Ready {
        let detail = format!("the asset {id} is {status}, only a ready one can be analyzed");
        return Err(Refusal::invalid(parameter, &detail));
    }
    let duration = asset
        .facts(env.now)
        .and_then(|facts| facts.duration_seconds);
    Ok(Subject {
        filename: asset.filename.clone(),
        content: state.content_of(asset.media.as_ref()).map(str::to_owned),
        duration: duration.unwrap_or(0.0),
        is_measured: duration.is_some(),
    })
}

/// Media that is not stored here.
fn remote(env: &Env<'_>, url: &str) -> Subject {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let filename = path.rsplit('/').next().unwrap_or_default().to_owned();
    let media = MediaRef {
        filename: &filename,
        ..MediaRef::default()
    };
    let sidecar = env.settings.answers.sidecar(media);
    let ends = sidecar.map(|sidecar| {
        let scenes = sidecar.segments.iter().map(|scene| scene.end);
        let spoken = sidecar.transcript.iter().map(|line| line.end);
        scenes.chain(spoken).fold(0.0, f64::max)
    });
    Subject {
        duration: ends.filter(|end| *end > 0.0).unwrap_or(ASSUMED_DURATION),
        filename,
        content: None,
        is_measured: false,
    }
}

fn check_windows(
    request: &AnalyzeRequest,
    subjects: &[Subject],
    usage: Usage,
) -> Result<(), Refusal> {
    let is_video = request.video.is_some();
    for subject in subjects
        .iter()
        .filter(|subject| is_video && subject.is_measured)
    {
        pegasus::check_window(request, subject.duration, usage).map_err(|fault| refuse(&fault))?;
    }
    Ok(())
}

/// The analyzed window, in seconds.
fn window(request: &AnalyzeRequest, subjects: &[Subject]) -> (f64, f64) {
    let duration = subjects.first().map_or(0.0, |subject| subject.duration);
    let start = request.start_time.unwrap_or(0.0);
    (start, request.end_time.unwrap_or(duration).max(start))
}

/// The seconds that count against the limits: a segmentation analyzes its window once for each
/// definition. Images have no duration.
fn charged_seconds(request: &AnalyzeRequest, subjects: &[Subject]) -> f64 {
    if request.video.is_none() {
        return 0.0;
    }
    let (start, end) = window(request, subjects);
    let format = request.response_format.as_ref();
    let definitions = format.map_or(0, |format| format.segment_definitions.len());
    #[expect(clippy::cast_precision_loss, reason = "at most 20")]
    let times = definitions.max(1) as f64;
    (end - start) * times
}

fn source_of(answer: &TaskAnswer) -> Option<AnswerSource> {
    let sources = [
        AnswerSource::Fixture,
        AnswerSource::Generated,
        AnswerSource::Echo,
    ];
    sources
        .into_iter()
        .find(|source| source.as_str() == answer.source)
}

fn finish_reason(answer: &TaskAnswer) -> FinishReason {
    match answer.is_truncated {
        true => FinishReason::Length,
        false => FinishReason::Stop,
    }
}

fn usage(answer: &TaskAnswer) -> TokenUsage {
    let mut usage = TokenUsage::default();
    usage.output_tokens = Some(answer.output_tokens);
    usage.input_tokens = Some(answer.input_tokens);
    usage
}

fn notice(answer: &TaskAnswer) -> Option<AnalyzeNotice> {
    let message = answer.notice.clone()?;
    let mut notice = AnalyzeNotice::default();
    notice.message = Some(message);
    Some(notice)
}

/// The answer as events: 1 to 8 words in each, by its own hash.
fn events(answer: &TaskAnswer) -> Result<EventStream, Refusal> {
    let mut metadata = AnalyzeEventMetadata::default();
    metadata.generation_id = Some(answer.generation_id.clone());
    let of = |kind| {
        let mut event = AnalyzeEvent::default();
        event.event_type = Some(kind);
        event
    };
    let mut start = of(AnalyzeEventType::StreamStart);
    start.metadata = Some(metadata.clone());
    let mut events = vec![start];
    let mut rng = Rng::new(answers::hash(answer.data.as_bytes()));
    let mut rest = answer.data.as_str();
    while !rest.is_empty() {
        let words = 1 + rng.bits() % 8;
        let spaces = rest.char_indices().filter(|(_, c)| *c == ' ');
        let end = spaces
            .map(|(at, _)| at + 1)
            .nth(usize::try_from(words - 1).unwrap_or(0));
        let (text, tail) = rest.split_at(end.unwrap_or(rest.len()));
        let mut event = of(AnalyzeEventType::TextGeneration);
        event.text = Some(text.to_owned());
        events.push(event);
        rest = tail;
    }
    let mut end = of(AnalyzeEventType::StreamEnd);
    end.finish_reason = Some(finish_reason(answer));
    metadata.usage = Some(usage(answer));
    end.metadata = Some(metadata);
    end.error = notice(answer);
    events.push(end);
    let encoded: Result<Vec<Bytes>, _> = events.iter().map(StreamAnalysis::encode_event).collect();
    let mut failure = of(AnalyzeEventType::Error);
    let mut reason = AnalyzeNotice::default();
    reason.code = Some(ErrorCode::GenericError.to_string());
    reason.message = Some("An error occurred on purpose.".to_owned());
    failure.error = Some(reason);
    let internal = |error: serde_json::Error| Refusal::internal(&error.to_string());
    Ok(EventStream {
        framing: Framing::Lines,
        content_type: "application/x-ndjson",
        events: encoded.map_err(internal)?,
        failure: StreamAnalysis::encode_event(&failure).map_err(internal)?,
    })
}
