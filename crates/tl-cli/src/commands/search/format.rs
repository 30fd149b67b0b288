//! Output formats of results: tables, data, subtitles and cut lists.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::ranges::{Range, clock};
use super::source::Sources;
use crate::failure::Failure;
use crate::ui::table;

/// The frame rate of a cut list if none of the videos has one.
const DEFAULT_FPS: f64 = 25.0;

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
    match format {
        Format::Table => Ok(table(ranges)),
        Format::Json => json_text(&json!(ranges)),
        Format::Jsonl => {
            let lines = ranges.iter().map(|range| json_text(&json!(range)));
            Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
        Format::Csv => Ok(csv(ranges)),
        Format::Srt => srt(ranges),
        Format::Edl => Ok(edl(&located(ranges, sources)?)),
        Format::Otio => json_text(&otio(&located(ranges, sources)?)),
        Format::Ffconcat => Ok(ffconcat(&located(ranges, sources)?)),
    }
}

fn json_text(value: &Value) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| Failure::usage("failed to serialize the results").with_source(&error))
}

/// Ranges with the path of their file: the local one with `--source`, otherwise its name.
fn located(ranges: &[Range], sources: Option<&Sources>) -> Result<Vec<(Range, String)>, Failure> {
    let locate = |range: &Range| match sources {
        None => Ok((range.clone(), range.name().to_owned())),
        Some(sources) => {
            let (path, offset) = sources.locate(range)?;
            let mut range = range.clone();
            range.start += offset;
            range.end += offset;
            Ok((range, path.to_string_lossy().into_owned()))
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

fn srt(ranges: &[Range]) -> Result<String, Failure> {
    let first = ranges.first().map(|range| &range.video_id);
    if ranges.iter().any(|range| Some(&range.video_id) != first) {
        return Err(Failure::usage(
            "subtitles belong to one video, and the results are of several",
        )
        .hint("filter by one video with --where id=VIDEO, or choose another --format"));
    }
    let mut ranges: Vec<&Range> = ranges.iter().collect();
    ranges.sort_by(|one, two| one.start.total_cmp(&two.start));
    let mut text = String::new();
    for (number, range) in (1..).zip(ranges) {
        let words = range.transcription.clone();
        let words = words.unwrap_or_else(|| format!("#{} {}", range.rank, range.name()));
        // A blank line would end the subtitle.
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{number}\n{} --> {}\n{words}\n",
            clock(range.start, ','),
            clock(range.end, ',')
        );
    }
    Ok(text)
}

/// A time code without dropped frames.
fn time_code(frames: u64, fps: u64) -> String {
    let seconds = frames / fps;
    format!(
        "{:02}:{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        frames % fps
    )
}

/// The CMX 3600 format: events one after the other, with the source in a comment.
fn edl(ranges: &[(Range, String)]) -> String {
    let rate = ranges
        .iter()
        .find_map(|(range, _)| range.fps)
        .unwrap_or(DEFAULT_FPS);
    let fps = (rate.round() as u64).clamp(1, 99);
    let frame = |seconds: f64| (seconds * fps as f64).round() as u64;
    let mut text = "TITLE: SEARCH RESULTS\nFCM: NON-DROP FRAME\n".to_owned();
    let mut at = 0;
    for (number, (range, path)) in (1..).zip(ranges) {
        let (start, end) = (
            frame(range.start),
            frame(range.end).max(frame(range.start) + 1),
        );
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n{number:03}  AX       AA/V  C        {} {} {} {}\n* FROM CLIP NAME: {}",
            time_code(start, fps),
            time_code(end, fps),
            time_code(at, fps),
            time_code(at + end - start, fps),
            name.replace(['\r', '\n'], " ")
        );
        at += end - start;
    }
    text
}

/// A timeline of OpenTimelineIO with one video track.
fn otio(ranges: &[(Range, String)]) -> Value {
    let time = |seconds: f64, rate: f64| json!({ "OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": (seconds * rate).round() });
    let clip = |(range, path): &(Range, String)| {
        let rate = range.fps.unwrap_or(DEFAULT_FPS);
        json!({
            "OTIO_SCHEMA": "Clip.1",
            "name": format!("{} {}", range.rank, range.name()),
            "source_range": {
                "OTIO_SCHEMA": "TimeRange.1",
                "start_time": time(range.start, rate),
                "duration": time(range.end - range.start, rate),
            },
            "media_reference": {
                "OTIO_SCHEMA": "ExternalReference.1",
                "target_url": path,
            },
            "metadata": { "twelvelabs": { "video_id": range.video_id, "rank": range.rank } },
        })
    };
    json!({
        "OTIO_SCHEMA": "Timeline.1",
        "name": "search results",
        "tracks": {
            "OTIO_SCHEMA": "Stack.1",
            "children": [{
                "OTIO_SCHEMA": "Track.1",
                "name": "results",
                "kind": "Video",
                "children": ranges.iter().map(clip).collect::<Vec<_>>(),
            }],
        },
    })
}

/// A script of FFmpeg's concat demuxer.
fn ffconcat(ranges: &[(Range, String)]) -> String {
    let mut text = "ffconcat version 1.0\n".to_owned();
    for (range, path) in ranges {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "file '{}'\ninpoint {:.3}\noutpoint {:.3}",
            path.replace('\'', r"'\''"),
            range.start,
            range.end
        );
    }
    text
}

#[cfg(test)]
mod tests {
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
