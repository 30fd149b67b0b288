//! Fixes for findings: the `ffmpeg` call for one file. This module does not run it.

mod argv;
mod change;
mod plan;
mod tracks;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::printable;

pub use tracks::{Tracks, picture_encoder};

pub(crate) use argv::{fits_mp4, transcode};
pub(crate) use plan::{for_all, for_rule, keep_readable_part};

/// A change to the file that removes a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fix {
    /// The kind of change.
    pub kind: FixKind,
    /// The change in words, as a clause.
    pub summary: String,
    /// The complete argument list, program first. [`Fix::INPUT`] and [`Fix::OUTPUT`] are
    /// placeholders for the two files.
    pub argv: Vec<String>,
    /// Whether the kept video and audio are copied completely and without re-encoding.
    pub lossless: bool,
    /// What the output lacks, as clauses: omitted tracks, and the end if it is cut off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
    /// Where the output ends, in seconds, if the source is longer. `None` if nothing is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_at_seconds: Option<f64>,
    /// Estimated size of the output in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_bytes: Option<u64>,
    /// Estimated run time in seconds on one CPU core of 2020.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_seconds: Option<f64>,
}

/// Options of [`fix_all_with`](crate::fix_all_with).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct FixOptions {
    /// Convert high dynamic range to 8-bit standard range. Otherwise re-encoded video keeps its
    /// range and 10 bits.
    pub tone_map: bool,
    /// Measured duration of the longest audio track, in seconds. If it is `None`, the headers are
    /// used.
    pub sound_seconds: Option<f64>,
}

impl FixOptions {
    /// Sets [`FixOptions::sound_seconds`].
    #[must_use]
    pub fn with_sound_seconds(mut self, seconds: Option<f64>) -> Self {
        self.sound_seconds = seconds.filter(|seconds| seconds.is_finite());
        self
    }

    /// Sets [`FixOptions::tone_map`].
    #[must_use]
    pub fn with_tone_map(mut self, tone_map: bool) -> Self {
        self.tone_map = tone_map;
        self
    }
}

/// Kind of a [`Fix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FixKind {
    /// Copies the streams into a new container.
    Remux,
    /// Scales the video.
    Scale,
    /// Adds bars to change the aspect ratio.
    Pad,
    /// Cuts off the end.
    Trim,
    /// Repeats the last frame, or the whole file, until it is long enough.
    Extend,
    /// Adds a silent audio track.
    AddSilence,
    /// Re-encodes at a lower bit rate to fit a size limit.
    Shrink,
    /// Re-encodes to a widely supported container and codecs.
    Transcode,
}

impl Fix {
    /// Placeholder for the input file in [`Fix::argv`].
    pub const INPUT: &'static str = "{input}";
    /// Placeholder for the output file in [`Fix::argv`].
    pub const OUTPUT: &'static str = "{output}";

    /// The argument list with both file names filled in.
    pub fn command(&self, input: &str, output: &str) -> Vec<String> {
        self.argv
            .iter()
            .map(|arg| match arg.as_str() {
                Self::INPUT => as_file(input),
                Self::OUTPUT => as_file(output),
                other => other.to_owned(),
            })
            .collect()
    }

    /// A summary of the fix for `file` and its command in shell syntax. The output is written next
    /// to the file as `NAME.fixed.mp4`. A remote file has to be downloaded first: `FILE` is its
    /// placeholder.
    pub fn for_file(&self, file: &str) -> String {
        let file = if file.contains("://") { "FILE" } else { file };
        let (folder, name) = file
            .rsplit_once('/')
            .map_or(("", file), |(folder, name)| (&file[..=folder.len()], name));
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let stem = if stem.is_empty() { name } else { stem };
        let command = self.command(file, &format!("{folder}{stem}.fixed.mp4"));
        let words: Vec<String> = command.iter().map(|w| quoted(&printable(w))).collect();
        format!("{} ({}): {}", self.summary, self.loss(), words.join(" "))
    }

    fn loss(&self) -> &'static str {
        if self.lossless {
            "lossless"
        } else if self.cut_at_seconds.is_some() {
            "cuts off the end"
        } else {
            "re-encodes"
        }
    }
}

/// Quotes a word for the shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A name that `ffmpeg` cannot interpret as an option or a URL.
fn as_file(name: &str) -> String {
    if name.starts_with('-') || name.contains(':') {
        format!("file:{name}")
    } else {
        name.to_owned()
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}",
            self.summary,
            self.loss(),
            self.argv.join(" ")
        )
    }
}
