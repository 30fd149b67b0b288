//! How a finding can be made to go away: the `ffmpeg` call for one file. Running it is the command's work.

mod argv;
mod plan;
mod tracks;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::formats::printable;

pub use tracks::{Tracks, picture_encoder};

pub(crate) use argv::{fits_mp4, transcode};
pub(crate) use plan::{for_all, for_rule, keep_readable_part};

/// A change to the file that removes a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fix {
    /// What is done.
    pub kind: FixKind,
    /// What is done, as a clause.
    pub summary: String,
    /// The whole argument list, program first; [`Fix::INPUT`] and [`Fix::OUTPUT`] stand for the two files.
    pub argv: Vec<String>,
    /// Whether the kept pictures and sound come out unchanged, from the first to the last.
    pub lossless: bool,
    /// What the copy lacks, as clauses: tracks that are left out, and the end if it is cut off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
    /// The copy ends here, in seconds, though the source goes on. `None` if nothing is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_at_seconds: Option<f64>,
    /// Estimated size of the result in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_bytes: Option<u64>,
    /// Estimated time to run on one core of 2020, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_seconds: Option<f64>,
}

/// Choices for [`fix_all_with`](crate::fix_all_with).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct FixOptions {
    /// Convert high dynamic range to standard range in 8 bits. Otherwise re-encoded pictures keep their range and 10 bits.
    pub tone_map: bool,
    /// How long the longest sound lasts, in seconds, if it was measured. Otherwise the headers are believed.
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

/// What a fix does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FixKind {
    /// Copies the streams into a new container.
    Remux,
    /// Scales the picture.
    Scale,
    /// Adds bars to change the aspect ratio.
    Pad,
    /// Cuts the end off.
    Trim,
    /// Repeats the last frame, or the whole, until it is long enough.
    Extend,
    /// Adds a silent audio track.
    AddSilence,
    /// Encodes again at a lower bit rate to fit a size.
    Shrink,
    /// Encodes again into a container and codecs that are read everywhere.
    Transcode,
}

impl Fix {
    /// Stands for the file to be fixed in [`Fix::argv`].
    pub const INPUT: &'static str = "{input}";
    /// Stands for the file to be written in [`Fix::argv`].
    pub const OUTPUT: &'static str = "{output}";

    /// The argument list with both file names put in.
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

    /// What is done to `file`, and the command as a shell takes it; the result would lie beside it, as `NAME.fixed.mp4`. What
    /// is behind an address has to be downloaded first: `FILE` stands for it.
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

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A name that `ffmpeg` cannot take for an option or an address.
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
