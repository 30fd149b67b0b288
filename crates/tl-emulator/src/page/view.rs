//! What several templates show: statuses, times, links to the player, choices.

use std::fmt;

use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, header};
use tl_model::{Page, SystemMetadata};
use tl_protocol::endpoint::PageRequest;

use super::MAX_ROWS;
use crate::{
    media::renditions::{self, thumbnail_name},
    platform::{Platform, Rendered},
};

/// Content security policy: only resources of the emulator itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Renders a complete page.
pub(super) fn document(template: &impl askama::Template) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, fragment(template)).into_response()
}

/// Renders a part of a page.
pub(super) fn fragment(template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the page could not be rendered: {error}"),
        )
            .into_response(),
    }
}

/// A status, colored if it is a final one. Any text may be given.
#[derive(Debug, Clone)]
pub(super) struct Status(String);

impl Status {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn class(&self) -> &'static str {
        match self.0.as_str() {
            "ready" | "made" | "completed" | "delivered" => "good",
            "failed" | "expired" => "bad",
            _ => "pending",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A timestamp of the platform.
#[derive(Debug, Clone)]
pub(super) struct Time(String);

impl Time {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A field of a response.
    pub(super) fn of(time: Option<&tl_model::Timestamp>) -> Self {
        Self(time.map(ToString::to_string).unwrap_or_default())
    }

    /// Date and time without the fraction of the second.
    pub(super) fn short(&self) -> String {
        let short: String = self.0.chars().take(19).collect();
        short.replace('T', " ")
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An option of a select.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) text: String,
    pub(super) is_selected: bool,
}

/// The options of a select, with `chosen` selected.
pub(super) fn choices<T: Into<String>>(
    texts: impl IntoIterator<Item = T>,
    chosen: &str,
) -> Vec<Choice> {
    let texts = texts.into_iter().map(Into::into);
    texts
        .map(|text: String| Choice {
            is_selected: text == chosen,
            text,
        })
        .collect()
}

/// A link to the player.
#[derive(Debug)]
pub(super) struct Preview {
    pub(super) owner: String,
    pub(super) name: String,
    /// The URL of an image.
    pub(super) thumbnail: Option<String>,
}

impl Preview {
    /// The link for a video or an asset, if there is something to play.
    pub(super) fn of(platform: &Platform, owner: &str, name: &str) -> Option<Self> {
        if !is_playable(platform, owner) {
            return None;
        }
        let made = rendered_of(platform, owner).filter(|made| made.thumbnails > 0);
        Some(Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            thumbnail: made.map(|made| rendition_url(&made, &thumbnail_name(1))),
        })
    }
}

/// Whether there is something to play for a video or an asset.
pub(super) fn is_playable(platform: &Platform, owner: &str) -> bool {
    rendered_of(platform, owner).is_some() || platform.media_of(owner).is_some()
}

fn rendered_of(platform: &Platform, owner: &str) -> Option<Rendered> {
    platform.rendition_of(owner)?.made
}

/// The URL of a file of a rendition on this server.
pub(super) fn rendition_url(made: &Rendered, file: &str) -> String {
    format!("{}/{}/{file}", renditions::PREFIX, made.folder.as_str())
}

pub(super) fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "display only")]
    let number = count as f64;
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.2} GB", number / 1e9),
    }
}

/// Resolution and duration, as far as they are known.
pub(super) fn resolution_and_duration(system: Option<&SystemMetadata>) -> String {
    let Some(system) = system else {
        return String::new();
    };
    let size = system
        .width
        .zip(system.height)
        .map(|(width, height)| format!("{width}x{height}"));
    let length = system.duration.map(|seconds| format!("{seconds:.1} s"));
    let known: Vec<_> = [size, length].into_iter().flatten().collect();
    known.join(", ")
}

/// Whether one of the texts contains `text`, in any case.
pub(super) fn any_contains<'a>(texts: impl IntoIterator<Item = &'a String>, text: &str) -> bool {
    let text = text.to_lowercase();
    let mut texts = texts.into_iter();
    texts.any(|one| one.to_lowercase().contains(&text))
}

/// Collects rows from the pages of a list until there are enough, or no more.
pub(super) fn search<R>(mut found: impl FnMut(PageRequest) -> Option<Found<R>>) -> Vec<R> {
    let mut rows = Vec::new();
    for number in 1.. {
        let page = first_page().with_page(number);
        let Some(found) = found(page) else { break };
        rows.extend(found.rows);
        if found.is_last || rows.len() >= MAX_ROWS as usize {
            break;
        }
    }
    rows.truncate(MAX_ROWS as usize);
    rows
}

/// The rows of a page that match.
#[derive(Debug)]
pub(super) struct Found<R> {
    pub(super) rows: Vec<R>,
    /// Whether there are no more pages.
    pub(super) is_last: bool,
}

impl<R> Found<R> {
    /// The matching `rows` of `page`.
    pub(super) fn of<T>(page: &Page<T>, rows: Vec<R>) -> Self {
        let is_last = page.data.len() < MAX_ROWS as usize;
        Self { rows, is_last }
    }
}

pub(super) fn first_page() -> PageRequest {
    PageRequest::default().with_page_limit(MAX_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_use_the_largest_fitting_unit() {
        for (count, text) in [
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (5_242_880, "5.2 MB"),
            (2_147_483_648, "2.15 GB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
