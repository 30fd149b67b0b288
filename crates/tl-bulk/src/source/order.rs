//! The order of a run. Sorting needs all entries in memory, as compact records.

use std::cmp::Reverse;
use std::fs;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use super::entry::{Entry, Location};
use super::error::{SourceError, SourceErrorKind, closest};

/// What entries are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderBy {
    /// Path or link, byte by byte.
    Name,
    /// Size of the file. Links are last.
    Size,
    /// Time of the last modification. Links are last.
    Modified,
    /// Duration of the video. Entries whose duration is unknown are last.
    Duration,
}

/// How entries are sorted: `size`, `duration`, `mtime` or `name`, with `,desc` for the reverse.
///
/// ```
/// use tl_bulk::source::{Order, OrderBy};
///
/// let order: Order = "size,desc".parse()?;
/// assert_eq!(order, Order::by(OrderBy::Size).descending());
/// # Ok::<(), tl_bulk::source::SourceError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    by: OrderBy,
    is_descending: bool,
}

/// The names of [`OrderBy`].
const NAMES: [(&str, OrderBy); 4] = [
    ("name", OrderBy::Name),
    ("size", OrderBy::Size),
    ("mtime", OrderBy::Modified),
    ("duration", OrderBy::Duration),
];

/// The most memory that sorting may take in bytes: about two million entries.
const MAX_MEMORY: usize = 512 << 20;

impl Order {
    /// The smallest, oldest, shortest or first name first.
    #[must_use]
    pub fn by(by: OrderBy) -> Self {
        Self {
            by,
            is_descending: false,
        }
    }

    /// The reverse. Entries without a value stay last.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.is_descending = true;
        self
    }

    /// What entries are sorted by.
    #[must_use]
    pub fn key(self) -> OrderBy {
        self.by
    }

    /// Sorts entries. `duration` returns the duration of a video if it is known; it is called for
    /// [`OrderBy::Duration`] only. Entries with equal values keep their order. Errors come first,
    /// so that they are seen before the run takes its time.
    ///
    /// # Errors
    /// [`SourceErrorKind::TooMany`] if the entries take more than 512 MiB.
    pub fn sort(
        self,
        entries: impl Iterator<Item = Result<Entry, SourceError>>,
        mut duration: impl FnMut(&Entry) -> Option<Duration>,
    ) -> Result<Vec<Result<Entry, SourceError>>, SourceError> {
        let mut keyed = Vec::new();
        let mut memory = 0;
        for entry in entries {
            let key = match &entry {
                Err(_) => Key::First,
                Ok(entry) => self.key_of(entry, &mut duration),
            };
            memory += size_of::<(Key, Result<Entry, SourceError>)>();
            memory += entry.as_ref().map_or(0, heap_size) + key.heap_size();
            if memory > MAX_MEMORY {
                return Err(SourceError::new(
                    SourceErrorKind::TooMany,
                    format!(
                        "too many entries to sort: more than {} of them",
                        keyed.len()
                    ),
                )
                .with_hint("omit --order-by, or split the run"));
            }
            keyed.push((key, entry));
        }
        keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(keyed.into_iter().map(|(_, entry)| entry).collect())
    }

    fn key_of(self, entry: &Entry, duration: &mut impl FnMut(&Entry) -> Option<Duration>) -> Key {
        let stat = || match &entry.location {
            Location::File(path) => fs::metadata(path).ok(),
            Location::Url(_) => None,
        };
        let number = match self.by {
            OrderBy::Name => {
                let name: Vec<u8> = match &entry.location {
                    Location::File(path) => path.as_os_str().as_encoded_bytes().into(),
                    Location::Url(url) => url.as_bytes().into(),
                };
                return match self.is_descending {
                    true => Key::NameDown(Reverse(name)),
                    false => Key::Name(name),
                };
            }
            OrderBy::Size => stat().map(|stat| u128::from(stat.len())),
            OrderBy::Modified => stat()
                .and_then(|stat| stat.modified().ok())
                .map(|time| time.duration_since(UNIX_EPOCH).unwrap_or_default())
                .map(|time| time.as_nanos()),
            OrderBy::Duration => duration(entry).map(|duration| duration.as_nanos()),
        };
        match (number, self.is_descending) {
            (None, _) => Key::Last,
            (Some(number), false) => Key::Number(number),
            (Some(number), true) => Key::NumberDown(Reverse(number)),
        }
    }
}

/// The variants are in the order of the result; a run has names or numbers in one direction.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    First,
    Name(Vec<u8>),
    NameDown(Reverse<Vec<u8>>),
    Number(u128),
    NumberDown(Reverse<u128>),
    Last,
}

impl Key {
    fn heap_size(&self) -> usize {
        match self {
            Self::Name(name) | Self::NameDown(Reverse(name)) => name.len(),
            _ => 0,
        }
    }
}

fn heap_size(entry: &Entry) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let location = match &entry.location {
        Location::File(path) => path.as_os_str().len(),
        Location::Url(url) => url.len(),
    };
    let metadata: usize = entry
        .metadata
        .iter()
        .map(|(key, value)| 64 + key.len() + value.as_str().map_or(16, str::len))
        .sum();
    location + text(&entry.title) + text(&entry.index) + text(&entry.route) + metadata
}

impl FromStr for Order {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let (name, direction) = text.split_once(',').unwrap_or((text, "asc"));
        let by = NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, by)| *by);
        let is_descending = match direction {
            "asc" => Some(false),
            "desc" => Some(true),
            _ => None,
        };
        match (by, is_descending) {
            (Some(by), Some(is_descending)) => Ok(Self { by, is_descending }),
            _ => {
                let meant = closest(name, NAMES.map(|(name, _)| name))
                    .filter(|_| by.is_none())
                    .map(|name| format!("; did you mean `{name}`?"))
                    .unwrap_or_default();
                Err(SourceError::new(
                    SourceErrorKind::Conflict,
                    format!("unknown order `{text}`{meant}"),
                )
                .with_hint("use size, duration, mtime or name, with `,desc` for the reverse"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(order: &str, entries: Vec<Entry>) -> Vec<String> {
        let order: Order = order.parse().unwrap();
        let missing = SourceError::new(SourceErrorKind::Missing, "missing");
        let entries = entries.into_iter().map(Ok).chain([Err(missing)]);
        let seconds = |entry: &Entry| match &entry.location {
            Location::File(path) => path.file_stem()?.len().try_into().ok(),
            Location::Url(_) => None,
        };
        order
            .sort(entries, |entry| seconds(entry).map(Duration::from_secs))
            .unwrap()
            .into_iter()
            .map(|entry| match entry.map(|entry| entry.location) {
                Ok(Location::File(path)) => path.file_name().unwrap().to_str().unwrap().to_owned(),
                Ok(Location::Url(url)) => url,
                Err(error) => error.to_string(),
            })
            .collect()
    }

    #[test]
    fn entries_are_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let entries = || {
            let files = [("bbb.mp4", 30), ("a.mp4", 200), ("cc.mp4", 1)].map(|(name, size)| {
                let path = folder.path().join(name);
                fs::write(&path, vec![0; size]).unwrap();
                Entry::file(path)
            });
            let mut entries = vec![Entry::url("https://x.org/z")];
            entries.extend(files);
            entries
        };
        let (link, error) = ("https://x.org/z", "missing");
        for (order, expected) in [
            ("size", [error, "cc.mp4", "bbb.mp4", "a.mp4", link]),
            ("size,desc", [error, "a.mp4", "bbb.mp4", "cc.mp4", link]),
            ("duration", [error, "a.mp4", "cc.mp4", "bbb.mp4", link]),
            ("name", [error, "a.mp4", "bbb.mp4", "cc.mp4", link]),
            ("name,desc", [error, link, "cc.mp4", "bbb.mp4", "a.mp4"]),
        ] {
            assert_eq!(sorted(order, entries()), expected, "{order}");
        }
    }

    #[test]
    fn unknown_orders_are_rejected() {
        for (text, part) in [
            ("sise", "did you mean `size`?"),
            ("size,down", "unknown order `size,down`"),
            ("", "unknown order"),
        ] {
            let error = text.parse::<Order>().unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
