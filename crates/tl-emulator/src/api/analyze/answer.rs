//! The answer to one request: a fixture, a value of the requested schema, or an echo.

use serde_json::Value;
use tl_model::{AnalyzeRequest, MaxTokens};
use tl_protocol::pegasus;

use super::{Subject, segments, window};
use crate::core::{
    Env, Refusal,
    answers::{self, AnswerSource, Generator, MediaRef, Template},
    records::TaskAnswer,
};

/// Documented, and not part of the contract.
const TRUNCATED: &str = "output truncated: the generation reached the configured max_tokens. The partial output is returned; raise max_tokens (up to 98304) if you need a longer response.";

/// Answers a request of `operation`.
pub(super) fn answer(
    env: &Env<'_>,
    operation: &str,
    request: &AnalyzeRequest,
    subjects: &[Subject],
) -> Result<TaskAnswer, Refusal> {
    let mut json = serde_json::to_value(request).unwrap_or_default();
    if request.prompt_v2.is_some() {
        // Fixtures match the text of either kind of prompt.
        json["prompt"] = prompt(request).into();
    }
    let media: Vec<MediaRef<'_>> = subjects.iter().map(Subject::media).collect();
    let first = media.first().copied().unwrap_or_default();
    let sidecar = env.settings.answers.sidecar(first);
    let contents: Vec<_> = subjects
        .iter()
        .map(|s| s.content.as_deref().unwrap_or(&s.filename))
        .collect();
    let identity = format!("{json} {contents:?}");
    let seed = answers::hash(identity.as_bytes()) ^ env.settings.seed;
    let prompt = prompt(request);
    let schema = request.response_format.as_ref();
    let schema = schema
        .and_then(|format| format.json_schema.as_ref())
        .map(|schema| schema.to_value());
    let is_segmentation = request.is_segmentation();
    let supplied = env.settings.answers.fixture(operation, &json, &media);
    let (text, source) = match (supplied, schema) {
        (Some(Value::String(text)), _) => {
            let template = Template {
                prompt,
                media: first,
                sidecar,
            };
            (template.fill(text), AnswerSource::Fixture)
        }
        (Some(value), _) => (value.to_string(), AnswerSource::Fixture),
        (None, _) if is_segmentation => {
            segments::answer(request, sidecar, window(request, subjects), seed)?
        }
        (None, Some(schema)) => {
            let spoken = sidecar.map(|sidecar| sidecar.transcript.as_slice());
            let texts = spoken
                .unwrap_or_default()
                .iter()
                .map(|line| line.text.clone());
            let texts: Vec<String> = texts.collect();
            let window = window(request, subjects);
            let generated = Generator::new(&schema, seed, window, &texts).generate();
            let generated = generated
                .map_err(|reason| Refusal::invalid("response_format.json_schema", &reason))?;
            (generated.to_string(), AnswerSource::Generated)
        }
        (None, None) => (answers::echo(prompt, &media), AnswerSource::Echo),
    };
    let generation_id = Generator::new(&Value::Null, seed, (0.0, 0.0), &[]).uuid();
    let limit = limit(request);
    let is_truncated = limit.is_some_and(|limit| answers::tokens(&text) > limit);
    let data = match limit {
        // Segments are never cut: see the task.
        Some(limit) if !is_segmentation => answers::truncate(&text, limit).to_owned(),
        _ => text,
    };
    Ok(TaskAnswer {
        generation_id,
        output_tokens: answers::tokens(&data),
        input_tokens: answers::tokens(prompt),
        is_truncated,
        notice: is_truncated.then(|| TRUNCATED.to_owned()),
        source: source.as_str().to_owned(),
        data,
    })
}

fn prompt(request: &AnalyzeRequest) -> &str {
    let structured = request.prompt_v2.as_ref();
    let structured = structured.map(|prompt| prompt.input_text.as_str());
    request.prompt.as_deref().or(structured).unwrap_or_default()
}

/// The maximum number of tokens of the answer; `None` if it is unlimited.
fn limit(request: &AnalyzeRequest) -> Option<u64> {
    let bounds = request.model_name.as_ref().and_then(pegasus::bounds);
    let tokens = bounds.map(|bounds| match request.is_segmentation() {
        true => bounds.segment_tokens.unwrap_or(bounds.tokens),
        false => bounds.tokens,
    });
    match request.max_tokens {
        Some(MaxTokens::Limit(limit)) => Some(limit),
        Some(_) => None,
        None => Some(tokens.map_or(4096, |tokens| tokens.default)),
    }
}
