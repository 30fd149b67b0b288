//! A contact sheet: one HTML page with a picture per result, which stays valid after the platform's
//! URLs have expired.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use tl_validate::program::Job;
use url::Url;

use super::ranges::Range;
use super::source::Sources;
use crate::context::Context;
use crate::failure::Failure;
use crate::ffmpeg::sandbox;
use crate::runtime::interrupt;
use crate::text::units::pluralize;

/// A picture of 320 pixels takes 5 to 20 kB.
const MAX_BYTES: u64 = 400_000;
/// Timeout per picture.
const DEADLINE: Duration = Duration::from_secs(15);

/// The columns are never wider than the page, so that a telephone shows one without scrolling.
const STYLE: &str = ":root{color-scheme:light dark}\
body{font:14px/1.4 system-ui,sans-serif;margin:clamp(1rem,4vw,2rem);background:#fff;color:#1a1a1a}\
h1{font-size:1.25rem;margin:0 0 .25rem;overflow-wrap:anywhere}\
ul{list-style:none;margin:1rem 0 0;padding:0;display:grid;\
grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:1rem}\
li{min-width:0;border:1px solid #ccc;padding:.75rem;border-radius:.5rem}\
a{display:block;color:inherit;text-decoration:none;border-radius:.25rem}\
a:focus-visible{outline:3px solid #1a66d6;outline-offset:2px}\
img,.none{display:flex;width:100%;aspect-ratio:16/9;object-fit:contain;border-radius:.25rem;\
background:#eee;color:#555;align-items:center;justify-content:center}\
h2{font-size:1rem;margin:.5rem 0 .25rem;overflow-wrap:anywhere}\
p{margin:.25rem 0;overflow-wrap:anywhere}.time{font-variant-numeric:tabular-nums;color:#555}\
@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}li{border-color:#444}\
img,.none{background:#262626}.none,.time{color:#aaa}a:focus-visible{outline-color:#7db0ff}}";

/// Writes the page.
pub(super) fn write(
    context: &Context,
    page: &Path,
    title: &str,
    ranges: &[Range],
    sources: Option<&Sources>,
) -> Result<(), Failure> {
    let pictures = match sources {
        Some(sources) => from_files(ranges, sources)?,
        None => from_platform(context, ranges)?,
    };
    let missing = pictures.iter().filter(|picture| picture.is_none()).count();
    if missing > 0 {
        context.output.note(&format!(
            "{missing} of {} results have no picture; pass --source to take them from local files",
            ranges.len()
        ));
    }
    let files = ranges.iter().map(|range| {
        let located = sources.map(|sources| sources.locate(range)).transpose()?;
        Ok(located.and_then(|(path, offset)| {
            let mut url = Url::from_file_path(std::path::absolute(path).ok()?).ok()?;
            url.set_fragment(Some(&format!(
                "t={:.3},{:.3}",
                range.start + offset,
                range.end + offset
            )));
            Some(url)
        }))
    });
    let files = files.collect::<Result<Vec<_>, Failure>>()?;
    let html = render(title, ranges, &pictures, &files);
    fs::write(page, html).map_err(|error| {
        Failure::usage(format!("failed to write `{}`", page.display()))
            .with_source(&error)
            .hint("pass another file to --sheet")
    })?;
    context.output.note(&format!("wrote {}", page.display()));
    Ok(())
}

/// A frame at the start of each range, taken with FFmpeg in its sandbox.
fn from_files(ranges: &[Range], sources: &Sources) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    let ffmpeg = sandbox::ffmpeg(false)?;
    let cancel = interrupt::listen()?;
    let mut pictures = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (file, offset) = sources.locate(range)?;
        let job = Job::new()
            .args(["-ss", &format!("{:.3}", range.start + offset)])
            .input(&file)
            .args(["-map", "0:V:0", "-frames:v", "1", "-vf"])
            .arg("scale=w=320:h=180:force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1")
            .args(["-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "6", "-f", "image2", "-update", "1"])
            .deadline(DEADLINE)
            .cancelled_by(&cancel);
        pictures.push(
            ffmpeg
                .bytes(&job, MAX_BYTES)
                .ok()
                .filter(|bytes| !bytes.is_empty()),
        );
        if cancel.is_cancelled() {
            return Err(Failure::interrupted("interrupted while taking pictures"));
        }
    }
    Ok(pictures)
}

/// The thumbnails of the platform, whose URLs expire.
fn from_platform(context: &Context, ranges: &[Range]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    context.call(async |client| {
        let mut pictures = Vec::with_capacity(ranges.len());
        for range in ranges {
            let url = range.thumbnail_url.as_deref();
            let picture = match url.and_then(|url| url.parse::<Url>().ok()) {
                Some(url) => download::fetch(client, url, MAX_BYTES).await,
                None => None,
            };
            pictures.push(picture);
        }
        Ok(pictures)
    })
}

/// Downloads small files from URLs that the platform supplied. The transport checks the addresses,
/// and the API key is not sent.
mod download {
    use http::Request;
    use tl_client::Client;
    use tl_protocol::{Auth, Body, Exchange, Flow, Now, Outcome, Step, Token, Transport};
    use url::Url;

    use super::DEADLINE;

    struct Download {
        exchange: Option<Exchange>,
        outcome: Option<Outcome>,
    }

    impl Flow for Download {
        type Output = Option<Outcome>;

        fn step(&mut self, _: Now) -> Step<Self::Output> {
            match (self.exchange.take(), self.outcome.take()) {
                (Some(exchange), _) => Step::Start(Token(1), exchange),
                (None, Some(outcome)) => Step::Done(Some(outcome)),
                (None, None) => Step::Wait { until: None },
            }
        }

        fn on_outcome(&mut self, _: Now, _: Token, outcome: Outcome) {
            self.outcome = Some(outcome);
        }
    }

    /// The body of a successful response of at most `max` bytes.
    pub(super) async fn fetch(client: &Client, url: Url, max: u64) -> Option<Vec<u8>> {
        let http = Request::get(url.as_str()).body(Body::empty()).ok()?;
        let exchange = Exchange::new(http, Auth::None, DEADLINE, DEADLINE);
        let download = Download {
            exchange: Some(exchange),
            outcome: None,
        };
        let response = client.transport().run(download).await?.ok()?;
        let body = response
            .status()
            .is_success()
            .then(|| response.into_body())?;
        (!body.is_empty() && body.len() as u64 <= max).then(|| body.to_vec())
    }
}

fn render(
    title: &str,
    ranges: &[Range],
    pictures: &[Option<Vec<u8>>],
    files: &[Option<Url>],
) -> String {
    let title = escape(title);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style>\n\
         <h1>{title}</h1><p>{}</p>\n<ul>\n",
        pluralize(ranges.len(), "result", "results")
    );
    for ((range, picture), file) in ranges.iter().zip(pictures).zip(files) {
        let name = escape(range.name());
        let picture = match picture {
            Some(bytes) => format!(
                "<img alt=\"{name} at {}\" src=\"data:image/jpeg;base64,{}\">",
                range.times(),
                STANDARD.encode(bytes)
            ),
            None => "<div class=\"none\">no picture</div>".to_owned(),
        };
        let picture = match file {
            Some(url) => format!("<a href=\"{}\">{picture}</a>", escape(url.as_str())),
            None => picture,
        };
        let speech = range
            .transcription
            .as_deref()
            .map_or_else(String::new, |text| format!("<p>{}</p>", escape(text)));
        // Writing to a string cannot fail.
        let _ = writeln!(
            html,
            "<li>{picture}<h2>{}. {name}</h2><p class=\"time\">{}</p>{speech}</li>",
            range.rank,
            range.times()
        );
    }
    html.push_str("</ul></html>\n");
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_escapes_names_and_inlines_pictures() {
        let mut hit = tl_model::SearchHit::new("v");
        hit.transcription = Some("<script>alert(1)</script>".to_owned());
        let mut range = Range::of(&hit, None);
        range.file = Some("a\"<b>.mp4".to_owned());
        let file = Url::from_file_path("/clips/a b.mp4").ok();
        let ranges = [range.clone(), range];
        let html = render(
            "a & b",
            &ranges,
            &[Some(vec![1, 2, 3]), None],
            &[file, None],
        );
        assert!(html.contains("data:image/jpeg;base64,AQID"), "{html}");
        assert!(html.contains("<title>a &amp; b</title>") && html.contains("a&quot;&lt;b&gt;.mp4"));
        assert!(!html.contains("<script>") && html.contains("file:///clips/a%20b.mp4"));
        assert!(html.contains("no picture"));
    }
}
