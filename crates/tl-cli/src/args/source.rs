//! Options that name many inputs: directories, lists, manifests, and titles and metadata made from
//! the path.
#![allow(dead_code, reason = "the commands that take many inputs use it")]

use std::path::PathBuf;

use clap::Args;
use tl_bulk::source::{Manifest, Order, SourceError, Sources, Template};

use crate::args::metadata::MetadataArgs;
use crate::args::walk::WalkArgs;
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
        inputs: &[PathBuf],
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

    /// The order of the run, if it is not that of the sources.
    pub(crate) fn order(&self) -> Option<Order> {
        self.order_by
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
