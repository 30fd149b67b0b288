//! The corpus: small media files of every kind that matters, as recipes for the `ffmpeg` program.
//!
//! It states what a file *is*, and not what a prober should report. A file that exists is not made
//! again, and several processes may ask for the same file at once.
//!
//! | Module | Content |
//! |---|---|
//! | `recipes` | files that `ffmpeg` makes |
//! | `demo` | the clips of the demo |
//! | `derived` | files made from other files of the corpus |
//! | [`fault`] | faulty files made from whole ones, byte by byte |
//! | [`movie`] | MP4 files built from boxes, and decompression bombs |
//! | `make` | makes one file, atomically and once |

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

/// What a file is in the corpus for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A container with a codec, with sound or without.
    Format,
    /// A frame size, a shape, a scan type, a depth.
    Size,
    /// A duration or a frame rate.
    Duration,
    /// How the streams lie in the file.
    Structure,
    /// No picture.
    SoundOnly,
    /// Cut off, or with headers that lie.
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

/// Makes other bytes of a file's; `None` where they are not what the entry expects.
type Change = fn(Vec<u8>) -> Option<Vec<u8>>;

/// One file and how to make it.
#[derive(Debug)]
pub struct Entry {
    /// Its file name; those of the corpus begin with `c-`.
    pub name: String,
    /// What it is there for.
    pub kind: Kind,
    make: Make,
}

#[derive(Debug)]
enum Make {
    /// By one `ffmpeg` call.
    Ffmpeg(String),
    /// By one `ffmpeg` call from another entry: what stands before it and behind it.
    Cut(String, &'static str, &'static str),
    /// From the bytes of another entry.
    Derived(String, Change),
    /// By putting files one behind the other.
    Joined(Vec<String>),
}

impl Entry {
    /// Whether it is made from other entries.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        !matches!(self.make, Make::Ffmpeg(_))
    }

    /// The file below `folder`, made if it is not there yet. Those it is made from must be there: they come earlier in
    /// [`entries`].
    ///
    /// # Errors
    /// `ffmpeg` is missing or fails, or the folder cannot be written to.
    pub fn path_in(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let path = folder.join(&self.name);
        match &self.make {
            _ if path.exists() => Ok(path),
            Make::Ffmpeg(arguments) => clip(folder, &self.name, arguments),
            Make::Cut(from, before, behind) => {
                let arguments = format!("{before} -i {from} {behind}");
                clip(folder, &self.name, &arguments)
            }
            Make::Derived(from, change) => {
                let changed = change(make::read(folder, from)?);
                let changed = changed.ok_or_else(|| {
                    Failure::new(format!(
                        "{from} does not hold what {} changes in it",
                        self.name
                    ))
                })?;
                bytes(folder, &self.name, &changed)
            }
            Make::Joined(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(make::read(folder, part)?);
                }
                bytes(folder, &self.name, &all)
            }
        }
    }
}

/// Every entry, an entry always behind those it is made from.
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
    fn every_name_is_there_once_and_behind_what_it_is_made_from() {
        let all = entries();
        assert!(all.len() >= 140, "{} files", all.len());
        let mut seen: Vec<&str> = Vec::new();
        for entry in &all {
            assert!(!seen.contains(&entry.name.as_str()), "{}", entry.name);
            let parts = match &entry.make {
                Make::Ffmpeg(_) => Vec::new(),
                Make::Cut(from, ..) | Make::Derived(from, _) => vec![from],
                Make::Joined(parts) => parts.iter().collect(),
            };
            for part in parts {
                assert!(seen.contains(&part.as_str()), "{part} for {}", entry.name);
            }
            seen.push(&entry.name);
        }
    }
}
