//! The page at `/_emulator`: what is there, what was asked, and the switches, rendered here and readable without a script.

use std::{fmt, fmt::Write as _, io::SeekFrom, ops::RangeInclusive, sync::Arc, time::Duration};

use axum::{
    Form, Router,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tl_model::{SystemMetadata, Task, TaskStatus};
use tl_protocol::endpoint::{ListIndexes, ListTasks, ListVideos, PageRequest};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{ClockMode, Shell};
use crate::platform::{Fault, FaultPlan, printed};

/// How many items of each kind are shown.
const SHOWN: u32 = 50;
/// How much of a file is read at once.
const PIECE: usize = 256 * 1024;
/// What the page may load: only what the emulator itself serves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn router() -> Router<Arc<Shell>> {
    Router::new()
        .route("/", get(page))
        .route("/live", get(live))
        .route(
            "/page.css",
            get(async || {
                (
                    [(header::CONTENT_TYPE, "text/css")],
                    include_str!("page.css"),
                )
            }),
        )
        .route(
            "/page.js",
            get(async || {
                (
                    [(header::CONTENT_TYPE, "text/javascript")],
                    include_str!("page.js"),
                )
            }),
        )
        .route("/media/{video_id}", get(media))
        .route("/do/advance", post(advance))
        .route("/do/clock", post(clock))
        .route("/do/fault", post(fault))
        .route("/do/clear-faults", post(clear_faults))
}

/// Text that stands in HTML as text.
struct Plain<T>(T);

impl<T: fmt::Display> fmt::Display for Plain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Which tasks are shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shown {
    status: String,
    filename: String,
    /// What a form of the page was refused with.
    told: String,
}

async fn page(State(shell): State<Arc<Shell>>, Query(shown): Query<Shown>) -> Response {
    let mut html = String::from(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>Emulator</title><link rel=stylesheet href=/_emulator/page.css><script src=/_emulator/page.js defer></script>\
         <header><h1>Emulator</h1><span>keys begin with <code>tlk_emulator</code></span></header>",
    );
    if !shown.told.is_empty() {
        _ = write!(html, "<p class=told role=alert>{}</p>", Plain(&shown.told));
    }
    html.push_str("<main><h2 id=switches>Clock and faults</h2>");
    html.push_str(
        "<form method=post action=/_emulator/do/advance><label>Advance by <input name=seconds type=number min=0 step=any value=60 required> \
         seconds</label><button>Advance</button></form>",
    );
    html.push_str("<form method=post action=/_emulator/do/clock><label>Clock <select name=mode>");
    let mode = shell.clock.mode().to_string();
    for choice in ["real", "x10", "x60", "x3600", "manual"] {
        let selected = if choice == mode { " selected" } else { "" };
        _ = write!(html, "<option{selected}>{choice}");
    }
    html.push_str("</select></label><button>Set</button></form>");
    html.push_str(
        "<form method=post action=/_emulator/do/fault><label>Fault <input name=fault size=40 \
         placeholder='tasks.create nth=1 status=503' required></label><button>Add</button></form>\
         <form method=post action=/_emulator/do/clear-faults><button>Clear all faults</button></form>",
    );
    html.push_str("<h2 id=tasks>Tasks</h2><form method=get action=/_emulator><label>Status <select name=status><option value=''>any");
    for status in TaskStatus::KNOWN {
        let selected = if *status == shown.status.as_str() {
            " selected"
        } else {
            ""
        };
        _ = write!(html, "<option{selected}>{status}");
    }
    _ = write!(
        html,
        "</select></label><label>File name <input name=filename value=\"{}\"></label><button>Filter</button></form>",
        Plain(&shown.filename)
    );
    _ = write!(
        html,
        "<div id=live>{}</div></main>",
        fragment(&shell, &shown)
    );
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response()
}

async fn live(State(shell): State<Arc<Shell>>, Query(shown): Query<Shown>) -> Html<String> {
    Html(fragment(&shell, &shown))
}

/// The part of the page that changes by itself.
fn fragment(shell: &Shell, shown: &Shown) -> String {
    let mut html = String::new();
    tasks(shell, shown, &mut html);
    uploads(shell, &mut html);
    indexes(shell, &mut html);
    faults(shell, &mut html);
    journal(shell, &mut html);
    let now = printed(shell.clock.now());
    _ = write!(
        html,
        "<p>Clock: <time>{now}</time> ({})</p>",
        shell.clock.mode()
    );
    html
}

fn first_page() -> PageRequest {
    PageRequest {
        page: None,
        page_limit: Some(SHOWN),
    }
}

fn tasks(shell: &Shell, shown: &Shown, html: &mut String) {
    let mut list = ListTasks {
        page: first_page(),
        ..ListTasks::default()
    };
    if !shown.status.is_empty() {
        list.status = vec![TaskStatus::from(shown.status.as_str())];
    }
    if !shown.filename.is_empty() {
        list.filename = Some(shown.filename.clone());
    }
    let platform = shell.platform();
    let page = match platform.tasks(shell.clock.now(), &list) {
        Ok(page) => page,
        Err(refusal) => {
            _ = write!(html, "<p class=told>{}</p>", Plain(refusal.message));
            return;
        }
    };
    let total = page.page_info.total_results.unwrap_or_default();
    if page.data.is_empty() {
        html.push_str("<p class=none>No tasks.</p>");
        return;
    }
    html.push_str("<div class=scroll><table><thead><tr><th>Task<th>Status<th>File<th>Size and length<th>Since<th>Video</thead><tbody>");
    for task in &page.data {
        let video = task
            .video_id
            .as_ref()
            .map(|id| id.as_str())
            .unwrap_or_default();
        let playable = platform.media_of(video).is_some();
        row(task, video, playable, html);
    }
    html.push_str("</tbody></table></div>");
    _ = write!(html, "<p>{} of {total} tasks</p>", page.data.len());
}

fn row(task: &Task, video: &str, playable: bool, html: &mut String) {
    let status = task.status.as_ref().map_or("", TaskStatus::as_str);
    let system = task.system_metadata.as_ref();
    _ = write!(
        html,
        "<tr><td><code>{}</code><td><span class='state {status}'>{status}</span>",
        Plain(&task.id)
    );
    if let Some(reason) = &task.error_reason {
        _ = write!(html, "<br>{}", Plain(reason));
    }
    let filename = system
        .and_then(|system| system.filename.as_deref())
        .unwrap_or_default();
    _ = write!(html, "<td>{}<td>{}", Plain(filename), measured(system));
    let since = task
        .updated_at
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    _ = write!(html, "<td><time>{}</time><td>", Plain(since));
    if playable {
        _ = write!(
            html,
            "<video controls preload=metadata src='/_emulator/media/{0}' aria-label='{1}'></video><br><code>{0}</code>",
            Plain(video),
            Plain(filename)
        );
    }
}

fn measured(system: Option<&SystemMetadata>) -> String {
    let Some(system) = system else {
        return String::new();
    };
    let size = system
        .width
        .zip(system.height)
        .map(|(width, height)| format!("{width}x{height}"));
    let length = system.duration.map(|seconds| format!("{seconds:.1} s"));
    [size, length]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

fn uploads(shell: &Shell, html: &mut String) {
    html.push_str("<h2 id=uploads>Uploads</h2>");
    let uploads = shell.uploads.all();
    if uploads.is_empty() {
        html.push_str("<p class=none>Nothing is coming in.</p>");
    }
    for (received, total) in uploads {
        match total {
            Some(total) => {
                _ = write!(
                    html,
                    "<p><progress max={total} value={received}></progress> {received} of {total} bytes</p>"
                );
            }
            None => _ = write!(html, "<p><progress></progress> {received} bytes</p>"),
        }
    }
}

fn indexes(shell: &Shell, html: &mut String) {
    html.push_str("<h2 id=indexes>Indexes</h2>");
    let list = ListIndexes {
        page: first_page(),
        ..ListIndexes::default()
    };
    let platform = shell.platform();
    let now = shell.clock.now();
    let Ok(page) = platform.indexes(now, &list) else {
        return;
    };
    if page.data.is_empty() {
        html.push_str("<p class=none>No indexes.</p>");
        return;
    }
    html.push_str("<div class=scroll><table><thead><tr><th>Index<th>Name<th>Videos<th>Length<th>Models</thead><tbody>");
    for index in &page.data {
        let models: Vec<_> = index
            .models
            .iter()
            .filter_map(|model| model.name())
            .map(|name| name.to_string())
            .collect();
        _ = write!(
            html,
            "<tr><td><code>{}</code><td>{}<td>{}<td>{:.1} s<td>{}",
            Plain(&index.id),
            Plain(index.index_name.as_deref().unwrap_or_default()),
            index.video_count.unwrap_or_default(),
            index.total_duration.unwrap_or_default(),
            Plain(models.join(", "))
        );
        let videos = platform
            .videos(now, &ListVideos::new(index.id.clone()))
            .map(|page| page.data)
            .unwrap_or_default();
        for video in videos {
            let name = video
                .system_metadata
                .as_ref()
                .and_then(|system| system.filename.clone())
                .unwrap_or_default();
            _ = write!(
                html,
                "<tr><td><td colspan=2>{} <code>{}</code><td colspan=2>{}",
                Plain(name),
                Plain(&video.id),
                measured(video.system_metadata.as_ref())
            );
        }
    }
    html.push_str("</tbody></table></div>");
}

fn faults(shell: &Shell, html: &mut String) {
    html.push_str("<h2 id=faults>Faults</h2>");
    let platform = shell.platform();
    let (plan, struck) = platform.faults();
    if plan.faults.is_empty() {
        html.push_str("<p class=none>No faults.</p>");
        return;
    }
    html.push_str("<ul>");
    for (fault, struck) in plan.faults.iter().zip(struck) {
        let text = serde_json::to_string(fault).unwrap_or_default();
        _ = write!(
            html,
            "<li><code>{}</code>: struck {struck} times",
            Plain(text)
        );
    }
    html.push_str("</ul>");
}

fn journal(shell: &Shell, html: &mut String) {
    html.push_str("<h2 id=journal>Journal</h2>");
    let entries = shell.journal();
    if entries.is_empty() {
        html.push_str("<p class=none>Nothing was asked yet.</p>");
        return;
    }
    html.push_str("<div class=scroll><table><thead><tr><th>No.<th>At<th>Request<th>Answer<th>Bytes in<th>Took<th>Faults</thead><tbody>");
    for entry in entries.iter().rev().take(SHOWN as usize) {
        let class = if entry.status >= 400 { " refused" } else { "" };
        let query = entry
            .query
            .as_ref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        _ = write!(
            html,
            "<tr><td>{}<td><time>{}</time><td><code>{} {}{}</code><td><span class='state{class}'>{}</span> {}<td>{}<td>{} ms<td>{}",
            entry.number,
            Plain(&entry.at),
            Plain(&entry.method),
            Plain(&entry.path),
            Plain(query),
            entry.status,
            Plain(entry.code.as_deref().unwrap_or_default()),
            entry.bytes_received,
            entry.took_ms,
            Plain(entry.faults.join("; "))
        );
    }
    html.push_str("</tbody></table></div>");
}

#[derive(Debug, Deserialize)]
struct Advance {
    seconds: f64,
}

async fn advance(State(shell): State<Arc<Shell>>, Form(form): Form<Advance>) -> Redirect {
    match Duration::try_from_secs_f64(form.seconds) {
        Ok(by) => {
            shell.advance(by);
            Redirect::to("/_emulator")
        }
        Err(error) => told(&error.to_string()),
    }
}

#[derive(Debug, Deserialize)]
struct Mode {
    mode: String,
}

async fn clock(State(shell): State<Arc<Shell>>, Form(form): Form<Mode>) -> Redirect {
    match form.mode.parse::<ClockMode>() {
        Ok(mode) => {
            shell.clock.set_mode(mode);
            Redirect::to("/_emulator")
        }
        Err(error) => told(&error),
    }
}

#[derive(Debug, Deserialize)]
struct NewFault {
    fault: String,
}

async fn fault(State(shell): State<Arc<Shell>>, Form(form): Form<NewFault>) -> Redirect {
    let fault = match form.fault.parse::<Fault>() {
        Ok(fault) => fault,
        Err(error) => return told(&error.to_string()),
    };
    let mut platform = shell.platform();
    let mut plan = platform.faults().0.clone();
    plan.faults.push(fault);
    match platform.set_faults(plan) {
        Ok(()) => Redirect::to("/_emulator#faults"),
        Err(error) => told(&error.to_string()),
    }
}

async fn clear_faults(State(shell): State<Arc<Shell>>) -> Redirect {
    match shell.set_faults(FaultPlan::default()) {
        Ok(()) => Redirect::to("/_emulator#faults"),
        Err(error) => told(&error.to_string()),
    }
}

/// Back to the page, with what was wrong.
fn told(message: &str) -> Redirect {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("told", message)
        .finish();
    Redirect::to(&format!("/_emulator?{query}"))
}

/// A received file, whole or the one range that was asked for.
async fn media(
    State(shell): State<Arc<Shell>>,
    Path(video_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = shell
        .platform()
        .media_of(&video_id)
        .map(|(key, name)| (shell.vault.path_of(key), name.to_owned()));
    let Some((path, name)) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(mut file) = tokio::fs::File::open(path).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(length) = file.metadata().await.map(|metadata| metadata.len()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let wanted = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let (status, range) = match wanted.map(|wanted| range(wanted, length)) {
        None => (StatusCode::OK, 0..=length.saturating_sub(1)),
        Some(Some(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(None) => {
            let told = format!("bytes */{length}");
            return (
                StatusCode::RANGE_NOT_SATISFIABLE,
                [(header::CONTENT_RANGE, told)],
            )
                .into_response();
        }
    };
    if file.seek(SeekFrom::Start(*range.start())).await.is_err() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let count = range.end() - range.start() + 1;
    let body = futures_util::stream::try_unfold((file, count), async |(mut file, left)| {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(read);
        Ok(Some((piece, (file, left - read as u64))))
    });
    let kind = match name
        .rsplit('.')
        .next()
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("webm") => "video/webm",
        Some("mov") => "video/quicktime",
        Some("mkv") => "video/x-matroska",
        _ => "video/mp4",
    };
    let mut response = Response::new(Body::from_stream(body));
    *response.status_mut() = status;
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    out.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        header::HeaderValue::from_static("nosniff"),
    );
    out.insert(
        header::ACCEPT_RANGES,
        header::HeaderValue::from_static("bytes"),
    );
    out.insert(header::CONTENT_LENGTH, count.into());
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(told) = format!("bytes {}-{}/{length}", range.start(), range.end()).parse()
    {
        out.insert(header::CONTENT_RANGE, told);
    }
    response
}

/// The one range that `text` asks for of `length` bytes. Several ranges at once are not served.
fn range(text: &str, length: u64) -> Option<RangeInclusive<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let range = match (first.trim(), last.trim()) {
        ("", last) => length.saturating_sub(last.parse().ok().filter(|count| *count > 0)?)..=end,
        (first, "") => first.parse().ok()?..=end,
        (first, last) => first.parse().ok()?..=last.parse::<u64>().ok()?.min(end),
    };
    (range.start() <= range.end()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_served_and_everything_else_is_not() {
        for (text, expected) in [
            ("bytes=0-", Some(0..=9)),
            ("bytes=2-5", Some(2..=5)),
            ("bytes=2-500", Some(2..=9)),
            ("bytes=-3", Some(7..=9)),
            ("bytes=-30", Some(0..=9)),
            ("bytes=10-", None),
            ("bytes=5-2", None),
            ("bytes=-0", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-b", None),
            ("bytes=-99999999999999999999999", None),
            ("lines=0-1", None),
            ("bytes=", None),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), None);
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            Plain("<a href=\"x\">'&").to_string(),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"
        );
    }
}
