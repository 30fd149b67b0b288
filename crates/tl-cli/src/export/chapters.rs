//! Chapters: FFmpeg's metadata file, and start times with titles.

use std::fmt::Write as _;

use super::{Clip, millis, one_line};

/// The metadata format of FFmpeg: `ffmpeg -i in.mp4 -i chapters.txt -map_metadata 1 -codec copy
/// out.mp4` writes the chapters into a file.
pub(super) fn ffmetadata(clips: &[&Clip]) -> String {
    let mut text = ";FFMETADATA1\n".to_owned();
    for clip in clips {
        let at = |seconds: f64| {
            let (seconds, millis) = millis(seconds);
            seconds * 1000 + millis
        };
        // A chapter without a duration is not valid.
        let (start, end) = (at(clip.start), at(clip.end).max(at(clip.start) + 1));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={}",
            escaped(&one_line(&clip.text))
        );
    }
    text
}

/// Characters with a meaning are preceded by a backslash.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if matches!(character, '=' | ';' | '#' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// One line per clip: `1:01:01 Title`.
pub(super) fn timestamps(clips: &[&Clip]) -> String {
    let mut text = String::new();
    for clip in clips {
        let (seconds, _) = millis(clip.start);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let time = match hours {
            0 => format!("{minutes}:{seconds:02}"),
            hours => format!("{hours}:{minutes:02}:{seconds:02}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{time} {}", one_line(&clip.text));
    }
    text
}
