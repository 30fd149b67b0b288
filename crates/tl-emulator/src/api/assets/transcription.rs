//! The transcription of an asset: what its sidecar says is spoken. Nothing is recognized: without a
//! transcript there is no transcription.

use tl_model::{
    AssetError, AssetStatus, AssetTranscription, TranscriptionSegment, TranscriptionStatus,
    TranscriptionUnit, Utterance,
};
use tl_protocol::endpoint::GetAssetTranscription;

use crate::{
    api::{handle::handle, listing},
    core::{Env, Refusal, State, answers},
};

handle!(GetAssetTranscription, |state, env, request| transcription(
    state, env, &request
));

/// 404, the documented status of an asset without a transcription, if nothing is known about its
/// speech.
fn transcription(
    state: &State,
    env: &Env<'_>,
    get: &GetAssetTranscription,
) -> Result<AssetTranscription, Refusal> {
    let asset = state.asset(get.asset_id.as_str())?;
    let units = units(get)?;
    let sidecar = env.settings.answers.sidecar(answers::MediaRef {
        filename: &asset.filename,
        content: state.content_of(asset.media.as_ref()),
        duration: 0.0,
    });
    let spoken = sidecar
        .map(|sidecar| sidecar.transcript.as_slice())
        .filter(|spoken| !spoken.is_empty())
        .ok_or_else(Refusal::not_found)?;
    let mut answer = AssetTranscription::default();
    match asset.status(env.now) {
        AssetStatus::Ready => {}
        AssetStatus::Failed => {
            let mut error = AssetError::default();
            error.message = Some("the asset could not be processed".to_owned());
            answer.status = Some(TranscriptionStatus::Failed);
            answer.error = Some(error);
            return Ok(answer);
        }
        _ => {
            answer.status = Some(TranscriptionStatus::Processing);
            return Ok(answer);
        }
    }
    answer.status = Some(TranscriptionStatus::Ready);
    for unit in units {
        match unit {
            TranscriptionUnit::Words => {
                answer.words = Some(spoken.iter().flat_map(words).collect());
            }
            TranscriptionUnit::Sentences => {
                let whole = |line: &answers::Utterance| segment(line.start, line.end, &line.text);
                answer.sentences = Some(spoken.iter().map(whole).collect());
            }
            _ => answer.utterances = Some(turns(spoken)),
        }
    }
    Ok(answer)
}

/// The requested units. Both list forms are documented here: repeated parameters and comma-separated
/// values.
fn units(get: &GetAssetTranscription) -> Result<Vec<TranscriptionUnit>, Refusal> {
    let units = get.include.iter().flat_map(|unit| unit.as_str().split(','));
    let units: Vec<_> = units.map(TranscriptionUnit::from).collect();
    match units.iter().find(|unit| !unit.is_known()) {
        Some(unknown) => {
            let allowed = "words, sentences, utterances";
            Err(listing::not_one_of("include", unknown.as_str(), allowed))
        }
        None if units.is_empty() => Ok(vec![TranscriptionUnit::Words]),
        None => Ok(units),
    }
}

fn segment(start: f64, end: f64, text: &str) -> TranscriptionSegment {
    let mut segment = TranscriptionSegment::default();
    (segment.start, segment.end) = (Some(start), Some(end));
    segment.value = Some(text.to_owned());
    segment
}

/// The words of a line, whose times are in proportion to their length.
fn words(line: &answers::Utterance) -> Vec<TranscriptionSegment> {
    let words: Vec<&str> = line.text.split_whitespace().collect();
    let length = |word: &str| word.chars().count() as f64;
    let all: f64 = words.iter().map(|word| length(word)).sum();
    let at = |done: f64| {
        let exact = line.start + (line.end - line.start) * done / all;
        (exact * 1000.0).round() / 1000.0
    };
    let mut done = 0.0;
    let timed = words.iter().map(|word| {
        let start = at(done);
        done += length(word);
        segment(start, at(done), word)
    });
    timed.collect()
}

/// Lines of the same speaker without another one in between are one turn.
fn turns(spoken: &[answers::Utterance]) -> Vec<Utterance> {
    let mut turns: Vec<Utterance> = Vec::new();
    for line in spoken {
        if let Some(last) = turns.last_mut()
            && last.speaker.is_some()
            && last.speaker == line.speaker
        {
            last.end = Some(line.end);
            if let Some(text) = &mut last.value {
                text.push(' ');
                text.push_str(&line.text);
            }
            continue;
        }
        let mut turn = Utterance::default();
        (turn.start, turn.end) = (Some(line.start), Some(line.end));
        turn.value = Some(line.text.clone());
        turn.speaker.clone_from(&line.speaker);
        turns.push(turn);
    }
    turns
}
