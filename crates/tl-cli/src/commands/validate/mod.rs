//! `tl validate`: the local check of files, directories and URLs. Nothing is sent. `sink` writes
//! the results, `remote` reads URLs.

mod format;
mod sink;
mod tally;
mod thumbnail;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tl_bulk::source::SourceError;
use tl_validate::web::shown;

use self::format::Format;
use self::sink::{FileResult, Sink};
use self::tally::Tally;
use self::thumbnail::Thumbnailer;
use crate::args::cache::CacheArgs;
use crate::args::check::CheckArgs;
use crate::args::remote::RemoteArgs;
use crate::args::walk::WalkArgs;
use crate::batch::parallel;
use crate::check::local_check::{LocalCheck, Subject};
use crate::check::remote::{self, Remote};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime::interrupt;
use crate::text::path_name::path_name;
use crate::text::units;
use crate::ui::escape::plain_line;

/// Check files against the platform's rules; nothing is sent.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Files, directories, patterns, or https URLs (not downloaded in full)
    #[arg(required_unless_present_any = ["files_from", "files_from0"], value_name = "PATH|URL")]
    paths: Vec<PathBuf>,
    /// Set the output format; --json is the same as --format jsonl
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// Write the results to this file atomically
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Omit thumbnails (taken with FFmpeg) from --format html
    #[arg(long)]
    no_pictures: bool,
    #[command(flatten)]
    walk: WalkArgs,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    check: CheckArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

impl Validate {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let format = self.format(context)?;
        let checker = self
            .check
            .local_check(self.cache.location(), &context.output)?;
        let remote = self.remote.remote(context.connection.extra_roots()?);
        let walk = self.walk.over(&self.paths)?;
        let cancel = interrupt::listen()?;
        let thumbnails = (format == Format::Html && !self.no_pictures)
            .then(|| Thumbnailer::new(context, self.check.requires_sandbox(), &cancel))
            .transpose()?
            .flatten();
        let mut sink = Sink::new(context, format, self.output.as_deref())?;
        context.output.note(&checker.describe());

        let started = Instant::now();
        let count = walk.count();
        let bar = bar(context, count);
        let mut tally = Tally::default();
        let mut broken = None;
        parallel::run(
            checker.jobs(),
            // Report in input order; directories are searched in name order.
            true,
            |give| {
                for found in walk.paths() {
                    if !give(found) {
                        break;
                    }
                }
            },
            |found| one(&checker, &remote, thumbnails.as_ref(), found),
            |result: FileResult| {
                tally.count(&result);
                if let Some(bar) = &bar {
                    bar.inc(1);
                    bar.set_message(format!(
                        "{} refused  {}",
                        tally.refused,
                        plain_line(&result.name)
                    ));
                }
                if let Err(failure) = sink.write(&result) {
                    broken = Some(failure);
                }
                broken.is_none() && !cancel.is_cancelled()
            },
        );
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        if let Some(failure) = broken {
            return Err(failure);
        }
        if cancel.is_cancelled() {
            return Err(interrupt::interrupted(&format!(
                "{} checked",
                units::pluralize(tally.files, "file was", "files were")
            )));
        }
        let Some(first) = tally.first else {
            return Err(Failure::no_videos("check"));
        };
        sink.finish()?;
        if tally.files > 1 {
            context.output.note(&tally.summary(started));
        }
        Ok(match tally.files {
            1 => first,
            _ if tally.refused + tally.failed == 0 => Exit::Ok,
            _ => Exit::SomeFailed,
        })
    }

    fn format(&self, context: &Context) -> Result<Format, Failure> {
        match (context.output.is_json(), self.format) {
            (false, format) => Ok(format),
            (true, Format::Human | Format::Jsonl) => Ok(Format::Jsonl),
            (true, Format::Json) => Ok(Format::Json),
            (true, _) => {
                Err(Failure::usage("--json cannot be used with this --format")
                    .hint("omit one of them"))
            }
        }
    }
}

/// Reads and checks one input. Blocks while it reads.
fn one(
    checker: &LocalCheck,
    remote: &Remote,
    thumbnails: Option<&Thumbnailer>,
    found: Result<PathBuf, SourceError>,
) -> FileResult {
    let started = Instant::now();
    let mut thumbnail = None;
    let (name, check) = match found {
        Ok(path) => match remote::address(&path) {
            Some(url) => (shown(&url), remote::check(checker, remote, &url)),
            None => {
                let check = checker.check_file(&path);
                if let (Some(facts), Some(thumbnails)) = (&check.checked.facts, thumbnails) {
                    thumbnail = Some(thumbnails.of(checker, &path, facts, &check.checked.report));
                }
                (path_name(&path), check)
            }
        },
        Err(error) => {
            let name = error.path().map(path_name).unwrap_or_default();
            let check = checker.read_error(&name, error.into(), Subject::File(0));
            (name, check)
        }
    };
    FileResult {
        name,
        seconds: started.elapsed().as_secs_f64(),
        check,
        thumbnail,
    }
}

fn bar(context: &Context, count: Option<usize>) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() || context.output.is_quiet() || count == Some(1) {
        return None;
    }
    let (bar, template) = match count {
        Some(count) => (
            ProgressBar::new(count as u64),
            "{bar:30} {pos}/{len}, {eta} left, {wide_msg}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {pos} files, {per_sec}, {wide_msg}",
        ),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    Some(context.output.bars().add(bar))
}
