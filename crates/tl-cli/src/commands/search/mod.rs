//! `tl search`: searches an index, and turns the results into lists, cut lists and clips.

mod clip;
mod condition;
mod format;
mod query;
mod ranges;
mod sheet;
mod source;
mod suite;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tl_client::Client;
use tl_model::{SearchHit, SearchVideo, Video, VideoId};
use tl_protocol::ErrorKind;
use tl_protocol::endpoint::GetVideo;

use self::format::Format;
use self::query::QueryArgs;
use self::ranges::{Range, arrange};
use self::source::Sources;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units;
use crate::ui::escape::plain_line;

/// `tl search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    #[command(flatten)]
    query: QueryArgs,
    /// Return the first N results
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "all")]
    limit: usize,
    /// Return all results
    #[arg(long)]
    all: bool,
    /// Group the results by video
    #[arg(long, conflicts_with_all = ["merge", "pad", "clip", "sheet", "suite"])]
    by_video: bool,
    /// Merge results of a video that are at most this far apart, e.g. 2s
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    merge: Option<Duration>,
    /// Extend each result at both ends, e.g. 1s
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pad: Option<Duration>,
    /// Set the output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// Cut the results from local files into this directory, without re-encoding
    #[arg(long, value_name = "DIR", requires = "source")]
    clip: Option<PathBuf>,
    /// Find the local files here: a directory, a file, or a map of tl split
    #[arg(long, value_name = "PATH")]
    source: Option<PathBuf>,
    /// Re-encode clips, for players that ignore edit lists
    #[arg(long, requires = "clip")]
    exact: bool,
    /// Overwrite existing clips
    #[arg(long, requires = "clip")]
    force: bool,
    /// Write an HTML page with pictures of the results
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Run the queries of a JSON Lines file and compare the results
    #[arg(long, value_name = "FILE", conflicts_with_all = ["merge", "pad", "clip", "sheet"])]
    suite: Option<PathBuf>,
    /// Write the results of a suite in the JUnit format
    #[arg(long, value_name = "FILE", requires = "suite")]
    junit: Option<PathBuf>,
}

/// Results with what is known about their videos.
struct Found {
    hits: Vec<SearchHit>,
    videos: BTreeMap<VideoId, Video>,
    restarts: u32,
}

impl Search {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.query.check()?;
        if let Some(suite) = &self.suite {
            return suite::run(context, &self.query, suite, self.junit.as_deref());
        }
        if self.by_video {
            let videos = context.call(async |client| self.grouped(client).await)?;
            return Ok(show_videos(context, &videos));
        }
        let needs_videos = !matches!(self.effective_format(context), Format::Json | Format::Jsonl)
            || self.merge.is_some()
            || self.pad.is_some()
            || self.clip.is_some()
            || self.sheet.is_some();
        let found = context.call(async |client| self.fetch(client, needs_videos).await)?;
        if found.restarts > 0 {
            context.output.note(&format!(
                "a page token expired: the search was sent again {} times, which is charged; the results continue",
                found.restarts
            ));
        }
        let seconds = |time: Option<Duration>| time.map_or(0.0, |time| time.as_secs_f64());
        let merge = self.merge.map(|gap| gap.as_secs_f64());
        let ranges = arrange(&found.hits, &found.videos, merge, seconds(self.pad));
        let sources = self.source.as_deref().map(Sources::read).transpose()?;
        let text = format::render(self.effective_format(context), &ranges, sources.as_ref())?;
        match self.effective_format(context) {
            Format::Table if ranges.is_empty() => context.output.note("no results"),
            Format::Table if context.output.is_quiet() => {
                for range in &ranges {
                    context.output.line(&plain_line(range.video_id.as_str()));
                }
            }
            Format::Table => context.output.line(&text),
            Format::Json if context.output.is_json() => context.output.json(&ranges),
            _ => context.output.text(&text),
        }
        if let (Some(folder), Some(sources)) = (&self.clip, &sources) {
            let jobs = clip::Clips {
                folder,
                exact: self.exact,
                force: self.force,
            };
            jobs.write(context, &ranges, sources)?;
        }
        if let Some(page) = &self.sheet {
            sheet::write(
                context,
                page,
                &self.query.title(),
                &ranges,
                sources.as_ref(),
            )?;
        }
        Ok(Exit::Ok)
    }

    /// The format; `--json` is short for `--format json`.
    fn effective_format(&self, context: &Context) -> Format {
        match self.format {
            Format::Table if context.output.is_json() => Format::Json,
            format => format,
        }
    }

    fn limit(&self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }

    async fn grouped(&self, client: &Client) -> Result<Vec<SearchVideo>, Failure> {
        let search = self.query.build(client).await?;
        let mut results = search.limit(self.limit()).by_video();
        let mut videos = Vec::new();
        while let Some(page) = results.next_page().await {
            videos.extend(page?);
        }
        Ok(videos)
    }

    async fn fetch(&self, client: &Client, needs_videos: bool) -> Result<Found, Failure> {
        let index = self.query.index(client).await?;
        let search = self.query.build_for(client, &index).await?;
        let mut results = search.limit(self.limit()).hits();
        let mut hits = Vec::new();
        while let Some(page) = results.next_page().await {
            hits.extend(page?);
        }
        let mut videos = BTreeMap::new();
        for hit in hits.iter().filter(|_| needs_videos) {
            if videos.contains_key(&hit.video_id) {
                continue;
            }
            let get = GetVideo::new(index.id.clone(), hit.video_id.clone());
            match client.videos().get(get).await {
                Ok(video) => _ = videos.insert(hit.video_id.clone(), video),
                // It may have been deleted since the search.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Found {
            hits,
            videos,
            restarts: results.restarts(),
        })
    }
}

fn show_videos(context: &Context, videos: &[SearchVideo]) -> Exit {
    context.output.json(&videos);
    if videos.is_empty() {
        context.output.note("no results");
    }
    for video in videos {
        context.output.line(&plain_line(video.id.as_str()));
        for clip in video.clips.iter().filter(|_| !context.output.is_quiet()) {
            context
                .output
                .line(&format!("  {}", Range::of(clip, None).times()));
        }
    }
    Exit::Ok
}
