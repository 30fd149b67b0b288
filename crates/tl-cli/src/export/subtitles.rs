//! Subtitles: SubRip and WebVTT (W3C).

use std::fmt::Write as _;

use super::{Clip, clock, one_line};

/// SubRip has no place for a speaker: the name precedes the text.
pub(super) fn srt(clips: &[&Clip]) -> String {
    let mut text = String::new();
    for (number, clip) in (1..).zip(clips) {
        let speaker = clip.speaker.as_deref().map(one_line);
        let speaker = speaker.map_or_else(String::new, |speaker| format!("{speaker}: "));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{number}\n{} --> {}\n{speaker}{}\n",
            clock(clip.start, ','),
            clock(clip.end, ','),
            one_line(&clip.text)
        );
    }
    text
}

pub(super) fn vtt(clips: &[&Clip]) -> String {
    let mut text = "WEBVTT\n\n".to_owned();
    for clip in clips {
        let voice = clip.speaker.as_deref().map(escaped);
        let voice = voice.map_or_else(String::new, |voice| format!("<v {voice}>"));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} --> {}\n{voice}{}\n",
            clock(clip.start, '.'),
            clock(clip.end, '.'),
            escaped(&clip.text)
        );
    }
    text
}

/// A text of a cue: `-->` and tags would be read as such.
fn escaped(text: &str) -> String {
    one_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
