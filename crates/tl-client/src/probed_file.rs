//! A file that was probed before the upload.

use std::{sync::Arc, time::Duration};

use tl_validate::MediaFacts;

use crate::FileSource;

/// An open file and the facts that were read from it, so that the upload does not probe it again.
///
/// The rules are applied to the facts for the route of the upload. If the file changes after
/// `source` was opened, the upload fails as for any file that changes while it is sent.
///
/// ```no_run
/// # #[cfg(feature = "async")]
/// # async fn example(client: tl_client::Client, checker: tl_client::Checker) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Instant;
/// use tl_client::{FileSource, Input, ProbedFile};
///
/// let source = FileSource::open("match.mp4")?;
/// let started = Instant::now();
/// let facts = checker.prober().probe_file(source.try_clone_file()?, "match.mp4")?;
/// let file = ProbedFile::new(source, facts).with_probe_time(started.elapsed());
/// client.upload(file).run().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ProbedFile {
    pub(crate) source: Arc<FileSource>,
    pub(crate) facts: Arc<MediaFacts>,
    pub(crate) probe_time: Duration,
}

impl ProbedFile {
    /// Combines an open file with its facts. They must have been read from `source`, or from the
    /// same version of the file.
    #[must_use]
    pub fn new(source: FileSource, facts: MediaFacts) -> Self {
        Self {
            source: Arc::new(source),
            facts: Arc::new(facts),
            probe_time: Duration::ZERO,
        }
    }

    /// Sets how long the probe took, which is part of [`Stage::Check`](crate::Stage::Check).
    #[must_use]
    pub fn with_probe_time(mut self, probe_time: Duration) -> Self {
        self.probe_time = probe_time;
        self
    }

    /// The facts.
    #[must_use]
    pub fn facts(&self) -> &MediaFacts {
        &self.facts
    }
}
