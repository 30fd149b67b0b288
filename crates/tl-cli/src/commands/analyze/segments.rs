//! Segments of an answer as subtitles, chapters or a cut list.

use clap::Args;
use serde_json::{Value, json};
use tl_client::Client;
use tl_client::analysis::{Answer, Segment};
use tl_model::AnalyzeTask;
use tl_protocol::ErrorKind;

use super::answer;
use crate::export::{self, Clip, ExportFormat};
use crate::failure::Failure;

/// How segments are written.
#[derive(Debug, Clone, Args)]
pub(super) struct SegmentOutput {
    /// Write segments as subtitles, chapters or a cut list
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with_all = ["batch", "stream"])]
    format: Option<ExportFormat>,
    /// Use this field of the segments as their title
    #[arg(long, value_name = "FIELD", requires = "format")]
    title: Option<String>,
}

/// The video of the segments, for cut lists.
#[derive(Debug, Clone, Default)]
pub(super) struct MediaSource {
    /// A file or a URL.
    pub(super) path: String,
    /// Frames per second.
    pub(super) fps: Option<f64>,
}

impl MediaSource {
    /// The video of a task: its URL, or the file name of its asset.
    pub(super) async fn of_task(client: &Client, task: &AnalyzeTask) -> Result<Self, Failure> {
        let source = task.video_source.clone().unwrap_or_default();
        let Some(id) = source.asset_id else {
            return Ok(Self {
                path: source.url.unwrap_or_default(),
                fps: None,
            });
        };
        match client.assets().get(id.clone()).await {
            Ok(asset) => Ok(Self {
                path: asset.filename.unwrap_or_else(|| id.to_string()),
                fps: asset.technical_metadata.and_then(|found| found.video_fps),
            }),
            // It may have been deleted since the analysis.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self {
                path: id.to_string(),
                fps: None,
            }),
            Err(error) => Err(error.into()),
        }
    }
}

impl SegmentOutput {
    pub(super) fn is_set(&self) -> bool {
        self.format.is_some()
    }

    /// The answer in the format. An answer without segments is an error with its text.
    pub(super) fn render(&self, answer: &Answer, source: &MediaSource) -> Result<String, Failure> {
        let Some(format) = self.format else {
            return Ok(answer.text().to_owned());
        };
        let segments = answer.segments().map_err(answer::failed)?;
        if let Some(field) = &self.title
            && !segments.is_empty()
            && !segments
                .iter()
                .any(|segment| segment.metadata.contains_key(field))
        {
            return Err(
                Failure::usage(format!("no segment has the field `{field}`"))
                    .hint("pass a field of the segment definitions to --title"),
            );
        }
        let clips: Vec<Clip> = segments
            .iter()
            .map(|segment| self.clip(segment, source))
            .collect();
        Ok(export::render(format, "segments", &clips))
    }

    fn clip(&self, segment: &Segment, source: &MediaSource) -> Clip {
        let text = match &self.title {
            Some(field) => segment.metadata.get(field).map(text).unwrap_or_default(),
            None => {
                let values: Vec<String> = segment.metadata.values().map(text).collect();
                match values.is_empty() {
                    true => String::new(),
                    false => format!("{}: {}", segment.definition, values.join(", ")),
                }
            }
        };
        let text = match text.trim() {
            "" => segment.definition.clone(),
            text => text.to_owned(),
        };
        Clip {
            start: segment.start,
            end: segment.end,
            name: text.clone(),
            text,
            speaker: None,
            path: source.path.clone(),
            fps: source.fps,
            metadata: json!({"definition": segment.definition, "metadata": segment.metadata}),
        }
    }
}

/// A value of a field for people.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}
