//! Output formats of results: tables and data. Subtitles, chapters and cut lists are those of
//! `export`.

use serde_json::json;
use tl_model::VideoId;

use super::ranges::Range;
use super::source::Sources;
use crate::export::{self, Clip, ExportFormat, clock};
use crate::failure::Failure;
use crate::ui::table;

/// An output format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A table
    #[default]
    Table,
    /// A JSON array
    Json,
    /// JSON Lines
    Jsonl,
    /// Comma-separated values (RFC 4180)
    Csv,
    /// Subtitles of one video (SubRip)
    Srt,
    /// Subtitles of one video (WebVTT)
    Vtt,
    /// Chapters of one video for FFmpeg (FFMETADATA)
    Chapters,
    /// Start times and titles of one video
    Timestamps,
    /// A cut list (CMX 3600)
    Edl,
    /// A cut list (OpenTimelineIO)
    Otio,
    /// A list of parts for FFmpeg
    Ffconcat,
}

/// The results in a format.
pub(super) fn render(
    format: Format,
    ranges: &[Range],
    sources: Option<&Sources>,
) -> Result<String, Failure> {
    let format = match format {
        Format::Table => return Ok(table(ranges)),
        Format::Json => return json_text(ranges),
        Format::Jsonl => {
            let lines = ranges.iter().map(json_text);
            return Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n"));
        }
        Format::Csv => return Ok(csv(ranges)),
        Format::Srt => ExportFormat::Srt,
        Format::Vtt => ExportFormat::Vtt,
        Format::Chapters => ExportFormat::Chapters,
        Format::Timestamps => ExportFormat::Timestamps,
        Format::Edl => ExportFormat::Edl,
        Format::Otio => ExportFormat::Otio,
        Format::Ffconcat => ExportFormat::Ffconcat,
    };
    let clips = if format.is_of_one_video() {
        one_video(ranges.iter().map(|range| &range.video_id))?;
        let of = |range: &Range| clip(range, range.name().to_owned());
        ranges.iter().map(of).collect()
    } else {
        located(ranges, sources)?
    };
    Ok(export::render(format, "search results", &clips))
}

fn json_text(value: impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(&value)
        .map_err(|error| Failure::usage("failed to serialize the results").with_source(&error))
}

fn one_video<'r>(mut videos: impl Iterator<Item = &'r VideoId>) -> Result<(), Failure> {
    let first = videos.next();
    if videos.all(|video| Some(video) == first) {
        return Ok(());
    }
    Err(Failure::usage(
        "subtitles and chapters belong to one video, and the results are of several",
    )
    .hint("filter by one video with --where id=VIDEO, or choose another --format"))
}

/// A range of the file `path`.
fn clip(range: &Range, path: String) -> Clip {
    let words = range.transcription.clone();
    Clip {
        start: range.start,
        end: range.end,
        text: words.unwrap_or_else(|| format!("#{} {}", range.rank, range.name())),
        name: format!("{} {}", range.rank, range.name()),
        path,
        fps: range.fps,
        metadata: json!({ "video_id": range.video_id, "rank": range.rank }),
        ..Clip::default()
    }
}

/// Clips with the path of their file: the local one with `--source`, otherwise its name.
fn located(ranges: &[Range], sources: Option<&Sources>) -> Result<Vec<Clip>, Failure> {
    let locate = |range: &Range| match sources {
        None => Ok(clip(range, range.name().to_owned())),
        Some(sources) => {
            let (path, offset) = sources.locate(range)?;
            let mut clip = clip(range, path.to_string_lossy().into_owned());
            clip.start += offset;
            clip.end += offset;
            Ok(clip)
        }
    };
    ranges.iter().map(locate).collect()
}

fn table(ranges: &[Range]) -> String {
    let row = |range: &Range| {
        let text = range.transcription.as_deref().unwrap_or_default();
        let text: String = text.chars().take(60).collect();
        [
            range.rank.to_string(),
            clock(range.start, '.'),
            clock(range.end, '.'),
            range.video_id.to_string(),
            range.file.clone().unwrap_or_default(),
            text,
        ]
    };
    let rows: Vec<_> = ranges.iter().map(row).collect();
    table::render(["RANK", "START", "END", "VIDEO", "FILE", "SPEECH"], &rows)
}

fn csv(ranges: &[Range]) -> String {
    let mut text = "rank,video_id,file,start,end,transcription\r\n".to_owned();
    for range in ranges {
        let fields = [
            range.rank.to_string(),
            range.video_id.to_string(),
            range.file.clone().unwrap_or_default(),
            format!("{:.3}", range.start),
            format!("{:.3}", range.end),
            range.transcription.clone().unwrap_or_default(),
        ];
        let fields = fields.map(|field| match field.contains([',', '"', '\r', '\n']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field,
        });
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn ranges() -> Vec<Range> {
        let range = |rank, video: &str, start, end| Range {
            rank,
            video_id: video.into(),
            file: Some(format!("{video}, \"final\".mp4")),
            start,
            end,
            transcription: (rank == 1).then(|| "What a\n\ngoal".to_owned()),
            thumbnail_url: None,
            user_metadata: None,
            fps: Some(25.0),
        };
        vec![range(1, "a", 12.4, 16.4), range(2, "a", 3661.0, 3661.01)]
    }

    #[test]
    fn formats() {
        let mut text = String::new();
        for format in [
            Format::Csv,
            Format::Srt,
            Format::Edl,
            Format::Ffconcat,
            Format::Jsonl,
        ] {
            text.push_str(&format!(
                "== {format:?}\n{}",
                render(format, &ranges(), None).unwrap()
            ));
        }
        insta::assert_snapshot!(text.replace('\r', "<CR>"));
    }

    #[test]
    fn otio_has_frames_of_the_source() {
        let text = render(Format::Otio, &ranges(), None).unwrap();
        let timeline: Value = serde_json::from_str(&text).unwrap();
        let clip = &timeline["tracks"]["children"][0]["children"][0];
        assert_eq!(clip["source_range"]["start_time"]["value"], 310.0);
        assert_eq!(clip["source_range"]["duration"]["value"], 100.0);
    }

    #[test]
    fn subtitles_are_of_one_video() {
        let mut mixed = ranges();
        mixed[1].video_id = "b".into();
        let failure = render(Format::Srt, &mixed, None).unwrap_err();
        assert!(failure.message().contains("results are of several"));
    }
}
