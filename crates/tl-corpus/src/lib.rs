//! A corpus of small media files for tests, defined as arguments of the `ffmpeg` program.
//!
//! It defines what a file *is*, not what a prober should report. Existing files are not created
//! again, and several processes may request the same file at the same time.
//!
//! | Module | Content |
//! |---|---|
//! | `recipes` | files created by `ffmpeg` |
//! | `demo` | the clips of the demo |
//! | `derived` | files derived from other files of the corpus |
//! | [`fault`] | faulty files with changed bytes |
//! | [`movie`] | MP4 files built from boxes, and decompression bombs |
//! | `make` | creates one file, atomically and once |

mod demo;
mod derived;
pub mod fault;
mod make;
pub mod movie;
mod recipes;

use std::fmt;
use std::path::{Path, PathBuf};

pub use demo::demo_clips;
pub use make::{Failure, bytes, clip};
pub use movie::bombs;

/// What an entry of the corpus tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A container and a codec, with or without audio.
    Format,
    /// A frame size, aspect ratio, scan type or bit depth.
    Size,
    /// A duration or a frame rate.
    Duration,
    /// The arrangement of the streams in the file.
    Structure,
    /// Audio without video.
    SoundOnly,
    /// Truncated, or with false headers.
    Damaged,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "containers and codecs",
            Self::Size => "frame sizes and shapes",
            Self::Duration => "durations and frame rates",
            Self::Structure => "structures",
            Self::SoundOnly => "sound only",
            Self::Damaged => "truncated or with wrong headers",
        })
    }
}

/// Changes the bytes of a file; `None` if they are not as the entry expects.
type Change = fn(Vec<u8>) -> Option<Vec<u8>>;

/// One file and how to create it.
#[derive(Debug)]
pub struct Entry {
    /// File name. Names in the corpus start with `c-`.
    pub name: String,
    /// What it tests.
    pub kind: Kind,
    recipe: Recipe,
}

#[derive(Debug)]
enum Recipe {
    /// One `ffmpeg` call.
    Ffmpeg(String),
    /// One `ffmpeg` call with another entry as input: the arguments before and after it.
    Cut(String, &'static str, &'static str),
    /// Changed bytes of another entry.
    Derived(String, Change),
    /// Concatenated entries.
    Joined(Vec<String>),
}

impl Entry {
    /// Whether it is derived from other entries.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        !matches!(self.recipe, Recipe::Ffmpeg(_))
    }

    /// The names of the entries that it is made from.
    fn sources(&self) -> Vec<&str> {
        match &self.recipe {
            Recipe::Ffmpeg(_) => Vec::new(),
            Recipe::Cut(from, ..) | Recipe::Derived(from, _) => vec![from],
            Recipe::Joined(parts) => parts.iter().map(String::as_str).collect(),
        }
    }

    /// The file in `folder`; it and its sources are created if they do not exist.
    ///
    /// # Errors
    /// `ffmpeg` is missing or fails, or the directory is not writable.
    pub fn path_in(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let path = folder.join(&self.name);
        if path.exists() {
            return Ok(path);
        }
        let sources = self.sources();
        if !sources.is_empty() {
            for source in entries()
                .iter()
                .filter(|e| sources.contains(&e.name.as_str()))
            {
                source.path_in(folder)?;
            }
        }
        match &self.recipe {
            Recipe::Ffmpeg(arguments) => clip(folder, &self.name, arguments),
            Recipe::Cut(from, before, after) => {
                let arguments = format!("{before} -i {from} {after}");
                clip(folder, &self.name, &arguments)
            }
            Recipe::Derived(from, change) => {
                let changed = change(make::read(folder, from)?);
                let changed = changed.ok_or_else(|| {
                    Failure::new(format!(
                        "{from} does not hold what {} changes in it",
                        self.name
                    ))
                })?;
                bytes(folder, &self.name, &changed)
            }
            Recipe::Joined(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(make::read(folder, part)?);
                }
                bytes(folder, &self.name, &all)
            }
        }
    }
}

/// Every entry; derived ones come after their sources.
#[must_use]
pub fn entries() -> Vec<Entry> {
    let mut all = Vec::new();
    recipes::add_to(&mut all);
    derived::add_to(&mut all);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_unique_and_follow_their_sources() {
        let all = entries();
        assert!(all.len() >= 140, "{} files", all.len());
        let mut seen: Vec<&str> = Vec::new();
        for entry in &all {
            assert!(!seen.contains(&entry.name.as_str()), "{}", entry.name);
            for source in entry.sources() {
                assert!(seen.contains(&source), "{source} for {}", entry.name);
            }
            seen.push(&entry.name);
        }
    }
}
