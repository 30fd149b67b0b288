//! Options that name many inputs: directories, lists, manifests, and titles and metadata made from
//! the path.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tl_bulk::source::{Entry, Location, Manifest, Order, OrderBy, SourceError, Sources, Template};

use crate::args::metadata::MetadataArgs;
use crate::args::walk::WalkArgs;
use crate::check::local_check::LocalCheck;
use crate::failure::Failure;
use crate::text::units;

/// How many errors of a manifest are shown besides the first.
const SHOWN_ERRORS: usize = 9;

/// Options that name many inputs. The command itself has the argument `PATH|URL`, which is required
/// unless one of [`SourceArgs::ALTERNATIVES`] is present.
#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    /// Read videos from this manifest, CSV or JSON Lines. Repeatable
    #[arg(long, value_name = "MANIFEST", help_heading = "Sources")]
    from: Vec<PathBuf>,
    /// Set the title of videos without one, e.g. '{stem}' or '{dir}: {name}'
    #[arg(long, value_name = "TEMPLATE", help_heading = "Metadata")]
    title: Option<String>,
    /// Process by size, duration, mtime or name; add `,desc` for the reverse
    #[arg(long, value_name = "ORDER", help_heading = "Sources")]
    order_by: Option<Order>,
    #[command(flatten)]
    walk: WalkArgs,
}

impl SourceArgs {
    /// The options that can replace the argument `PATH|URL`.
    pub(crate) const ALTERNATIVES: [&str; 3] = ["from", "files_from", "files_from0"];

    /// The sources. Manifests are read to their end, so that nothing is sent if a row is wrong.
    pub(crate) fn sources(
        &self,
        inputs: &[OsString],
        metadata: &MetadataArgs,
    ) -> Result<Sources, Failure> {
        let mut templates = metadata.templates()?;
        if let Some(title) = &self.title {
            templates = templates.with_title(Template::parse(title)?);
        }
        let mut sources = Sources::new(inputs)
            .with_walk(self.walk.options())
            .with_templates(templates);
        for list in self.walk.lists() {
            sources = sources.with_list(list);
        }
        for manifest in &self.from {
            sources = sources.with_manifest(Manifest::new(manifest));
        }
        match manifest_failure(sources.verify()) {
            Some(failure) => Err(failure),
            None => Ok(sources),
        }
    }

    /// The manifests.
    pub(crate) fn manifests(&self) -> &[PathBuf] {
        &self.from
    }

    /// Whether a manifest, a list, a title or an order is set.
    pub(crate) fn is_set(&self) -> bool {
        !self.from.is_empty()
            || self.title.is_some()
            || self.order_by.is_some()
            || self.walk.lists().next().is_some()
    }

    /// The entries in the order of the run. `check` reads durations.
    pub(crate) fn entries(
        &self,
        sources: &Sources,
        check: Option<&LocalCheck>,
    ) -> Result<Box<dyn Iterator<Item = Result<Entry, SourceError>> + Send>, Failure> {
        let entries = sources.entries()?;
        let Some(order) = self.order_by else {
            return Ok(Box::new(entries));
        };
        let duration = |entry: &Entry| match (&entry.location, check) {
            (Location::File(path), Some(check)) => check
                .check_file(path)
                .checked
                .facts
                .and_then(|facts| facts.duration_seconds)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            _ => None,
        };
        if order.key() == OrderBy::Duration && check.is_none() {
            return Err(Failure::usage(
                "--order-by duration reads the files, which --no-check skips",
            )
            .hint("omit one of them, or use --order-by size"));
        }
        Ok(Box::new(order.sort(entries, duration)?.into_iter()))
    }
}

/// One failure for all errors of the manifests.
fn manifest_failure(errors: Vec<SourceError>) -> Option<Failure> {
    let mut errors = errors.into_iter();
    let first = Failure::from(errors.next()?);
    let more = errors.len();
    if more == 0 {
        return Some(first);
    }
    let mut details: Vec<String> = errors
        .take(SHOWN_ERRORS)
        .map(|error| error.to_string())
        .collect();
    if more > details.len() {
        let left = units::pluralize(more - details.len(), "more error", "more errors");
        details.push(format!("… and at least {left}"));
    }
    Some(first.with_details(details))
}
