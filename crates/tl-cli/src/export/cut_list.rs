//! Cut lists: CMX 3600, OpenTimelineIO, and FFmpeg's list of parts.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Clip;

/// The frame rate of a cut list if none of the videos has one.
const DEFAULT_FPS: f64 = 25.0;

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
pub(super) fn edl(title: &str, clips: &[&Clip]) -> String {
    let rate = clips.iter().find_map(|clip| clip.fps);
    let fps = (rate.unwrap_or(DEFAULT_FPS).round() as u64).clamp(1, 99);
    let frame = |seconds: f64| (seconds * fps as f64).round() as u64;
    let title = super::one_line(title).to_uppercase();
    let mut text = format!("TITLE: {title}\nFCM: NON-DROP FRAME\n");
    let mut at = 0;
    for (number, clip) in (1..).zip(clips) {
        let start = frame(clip.start);
        let end = frame(clip.end).max(start + 1);
        let name = clip.path.rsplit(['/', '\\']).next().unwrap_or(&clip.path);
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

/// A timeline of OpenTimelineIO with one video track, on one line.
pub(super) fn otio(title: &str, clips: &[&Clip]) -> String {
    let time = |seconds: f64, rate: f64| json!({ "OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": (seconds * rate).round() });
    let clip = |clip: &&Clip| {
        let rate = clip.fps.unwrap_or(DEFAULT_FPS);
        json!({
            "OTIO_SCHEMA": "Clip.1",
            "name": clip.name,
            "source_range": {
                "OTIO_SCHEMA": "TimeRange.1",
                "start_time": time(clip.start, rate),
                "duration": time(clip.end - clip.start, rate),
            },
            "media_reference": {
                "OTIO_SCHEMA": "ExternalReference.1",
                "target_url": clip.path,
            },
            "metadata": { "twelvelabs": clip.metadata },
        })
    };
    let timeline: Value = json!({
        "OTIO_SCHEMA": "Timeline.1",
        "name": title,
        "tracks": {
            "OTIO_SCHEMA": "Stack.1",
            "children": [{
                "OTIO_SCHEMA": "Track.1",
                "name": "results",
                "kind": "Video",
                "children": clips.iter().map(clip).collect::<Vec<_>>(),
            }],
        },
    });
    format!("{timeline}\n")
}

/// A script of FFmpeg's concat demuxer.
pub(super) fn ffconcat(clips: &[&Clip]) -> String {
    let mut text = "ffconcat version 1.0\n".to_owned();
    for clip in clips {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "file '{}'\ninpoint {:.3}\noutpoint {:.3}",
            clip.path.replace('\'', r"'\''"),
            clip.start,
            clip.end
        );
    }
    text
}
