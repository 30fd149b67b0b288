//! The [`Prober`] trait and its options.

use std::fs::File;
#[cfg(feature = "file")]
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{ProbeError, ProbeErrorKind};
#[cfg(feature = "file")]
use super::open::open_media;
use crate::facts::MediaFacts;
use crate::remote::range::RangeRead;
use crate::with_fields::with_fields;

/// Reads the facts of a media file.
///
/// Implemented by `ffmpeg::InProcess`, `worker::ProbePool` and `header::HeaderReader`. Tests can
/// provide their own implementation.
pub trait Prober: Send + Sync {
    /// Opens `path` and reads its facts.
    ///
    /// # Errors
    /// Every [`ProbeErrorKind`]. The call returns before the prober's deadline.
    #[cfg(feature = "file")]
    fn probe(&self, path: &Path) -> Result<MediaFacts, ProbeError> {
        let file = open_media(path)?;
        self.probe_file(file, &path.to_string_lossy())
    }

    /// Reads the facts of an open file. `name` is used only in messages.
    ///
    /// The file is read at absolute offsets: its cursor does not move.
    ///
    /// # Errors
    /// Every [`ProbeErrorKind`] except [`ProbeErrorKind::NotFound`].
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError>;

    /// Reads the facts of a source that is not a local file, with a few large reads. `name` is used
    /// only in messages.
    ///
    /// The format allowlist and the deadline apply as for a file. The deadline includes the time
    /// that `source` takes, so use a longer one for a remote source. A source of more than 4 MiB is
    /// never read completely unless [`ProbeOptions::thorough`] is set. If a value stays unknown for
    /// this reason, or because the budget is used up, [`MediaFacts::partly_read`] is set and the
    /// value is left out.
    ///
    /// # Errors
    /// [`ProbeErrorKind::BudgetSpent`] if the budget does not suffice for the headers;
    /// [`ProbeErrorKind::Unsupported`] from a prober that supports only files, which is the
    /// default; otherwise the same errors as for a file.
    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        let seen = format!(
            "this prober reads only local files, not a source of {} bytes",
            source.size()
        );
        Err(ProbeError::new(ProbeErrorKind::Unsupported, name, seen))
    }
}

/// Implements [`Prober`] for pointers to a prober.
macro_rules! forward {
    ($($Pointer:ty),+) => {
        $(
        impl<P: Prober + ?Sized> Prober for $Pointer {
            #[cfg(feature = "file")]
            fn probe(&self, path: &Path) -> Result<MediaFacts, ProbeError> {
                (**self).probe(path)
            }
            fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError> {
                (**self).probe_file(file, name)
            }
            fn probe_ranges(
                &self,
                source: &mut dyn RangeRead,
                name: &str,
            ) -> Result<MediaFacts, ProbeError> {
                (**self).probe_ranges(source, name)
            }
        }
        )+
    };
}

forward!(&P, std::sync::Arc<P>, Box<P>);

/// Limits and options of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProbeOptions {
    /// Time limit of a probe. Default: 10 s; a 1 GiB file on a local disk takes 5 ms.
    pub deadline: Duration,
    /// Largest single allocation by FFmpeg, in bytes. Default: 256 MiB. A file of 470 KB that
    /// claims 80 million samples takes 3.2 GB without this limit and 31 MB with it.
    pub max_allocation_bytes: usize,
    /// Read every packet to measure the duration, regardless of the headers.
    pub thorough: bool,
}

with_fields!(ProbeOptions {
    with_deadline(deadline: Duration);
    with_max_allocation_bytes(max_allocation_bytes: usize);
    with_thorough(thorough: bool);
});

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            max_allocation_bytes: 256 * 1024 * 1024,
            thorough: false,
        }
    }
}
