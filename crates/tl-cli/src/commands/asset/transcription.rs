//! `tl asset transcription`.

use clap::{Args, ValueEnum};
use serde_json::json;
use tl_client::Client;
use tl_model::{AssetId, AssetTranscription, TranscriptionStatus, TranscriptionUnit};
use tl_protocol::ErrorKind;
use tl_protocol::endpoint::GetAssetTranscription;

use crate::args::wait::WaitArgs;
use crate::context::Context;
use crate::export::{self, Clip, ExportFormat};
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// `tl asset transcription`.
#[derive(Debug, Args)]
#[command(after_help = "\
The text is split by speaker turns if the platform has them, else by sentences, else by words.")]
pub(crate) struct Transcription {
    /// Asset id
    #[arg(value_name = "ASSET")]
    id: AssetId,
    /// Split the text by these units
    #[arg(long, value_name = "UNIT", value_enum)]
    by: Option<Unit>,
    /// Set the output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// Wait until the transcription is ready
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    wait_args: WaitArgs,
}

/// The units of a transcription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unit {
    /// One entry per speaker turn
    Utterances,
    /// One entry per sentence
    Sentences,
    /// One entry per word
    Words,
}

/// An output format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text, one unit per line
    #[default]
    Text,
    /// JSON Lines with start, end, text and speaker
    Jsonl,
    /// Subtitles (SubRip)
    Srt,
    /// Subtitles (WebVTT)
    Vtt,
    /// Start times and text
    Timestamps,
}

impl Unit {
    fn of_api(self) -> TranscriptionUnit {
        match self {
            Self::Utterances => TranscriptionUnit::Utterances,
            Self::Sentences => TranscriptionUnit::Sentences,
            Self::Words => TranscriptionUnit::Words,
        }
    }
}

impl Transcription {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.wait_args.require_wait(self.wait)?;
        let transcription = context.call(async |client| self.fetch(client).await)?;
        context.output.json(&transcription);
        if context.output.is_json() {
            return Ok(Exit::Ok);
        }
        let clips = self.clips(&transcription)?;
        if clips.is_empty() {
            context.output.note("nothing is spoken");
        }
        context.output.text(&self.render(&clips));
        Ok(Exit::Ok)
    }

    async fn fetch(&self, client: &Client) -> Result<AssetTranscription, Failure> {
        let all = [Unit::Utterances, Unit::Sentences, Unit::Words];
        let units = self.by.map_or(all.to_vec(), |unit| vec![unit]);
        let units: Vec<_> = units.into_iter().map(Unit::of_api).collect();
        let get = GetAssetTranscription::new(self.id.clone()).include(units);
        let answer = if self.wait {
            let waited = client.wait(get, self.wait_args.policy()).await;
            waited.map(|waited| waited.value)
        } else {
            client.call(get).await
        };
        let transcription = answer.map_err(|error| {
            let is_missing = error.kind() == ErrorKind::NotFound;
            let failure = Failure::from(error);
            match is_missing {
                true => failure.hint("only video and audio with speech have a transcription"),
                false => failure,
            }
        })?;
        let id = &self.id;
        match &transcription.status {
            Some(TranscriptionStatus::Ready) => Ok(transcription),
            Some(TranscriptionStatus::Failed) => {
                let error = transcription.error.and_then(|error| error.message);
                let reason = error.unwrap_or_else(|| "without a reason".to_owned());
                Err(Failure::new(
                    Exit::Refused,
                    "processing_failed",
                    format!("the transcription of asset {id} failed: {reason}"),
                )
                .hint("check the audio of the file, and upload it again"))
            }
            status => {
                let status = status
                    .as_ref()
                    .map_or("unknown", TranscriptionStatus::as_str);
                Err(Failure::new(
                    Exit::Temporary,
                    "not_ready",
                    format!("the transcription of asset {id} is not ready: its status is {status}"),
                )
                .hint("pass --wait"))
            }
        }
    }

    /// The units of the transcription: the requested ones, or the largest that there are.
    fn clips(&self, transcription: &AssetTranscription) -> Result<Vec<Clip>, Failure> {
        let clip = |start: Option<f64>, end: Option<f64>, text: &Option<String>| Clip {
            start: start.unwrap_or(0.0),
            end: end.or(start).unwrap_or(0.0),
            text: text.clone().unwrap_or_default(),
            ..Clip::default()
        };
        if let Some(turns) = &transcription.utterances {
            let turn = |turn: &tl_model::Utterance| Clip {
                speaker: turn.speaker.clone(),
                ..clip(turn.start, turn.end, &turn.value)
            };
            return Ok(turns.iter().map(turn).collect());
        }
        let parts = transcription.sentences.as_ref();
        let parts = parts.or(transcription.words.as_ref()).ok_or_else(|| {
            Failure::new(
                Exit::Refused,
                "unsupported_unit",
                format!(
                    "the transcription of asset {} is not available in these units",
                    self.id
                ),
            )
            .hint("omit --by, or pass another unit")
        })?;
        let parts = parts.iter();
        Ok(parts
            .map(|part| clip(part.start, part.end, &part.value))
            .collect())
    }

    fn render(&self, clips: &[Clip]) -> String {
        let format = match self.format {
            Format::Srt => ExportFormat::Srt,
            Format::Vtt => ExportFormat::Vtt,
            Format::Timestamps => ExportFormat::Timestamps,
            Format::Text => {
                let line = |clip: &Clip| match &clip.speaker {
                    Some(speaker) => plain_line(&format!("{speaker}: {}", clip.text)),
                    None => plain_line(&clip.text),
                };
                return clips.iter().map(line).collect::<Vec<_>>().join("\n");
            }
            Format::Jsonl => {
                let line = |clip: &Clip| {
                    let (start, end, text) = (clip.start, clip.end, &clip.text);
                    json!({"start": start, "end": end, "text": text, "speaker": clip.speaker})
                        .to_string()
                };
                return clips.iter().map(line).collect::<Vec<_>>().join("\n");
            }
        };
        export::render(format, "transcription", clips)
    }
}
