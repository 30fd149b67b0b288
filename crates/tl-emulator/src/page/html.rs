//! The HTML frame of every page, and markup shared by its sections.

use std::fmt::{self, Write as _};

use axum::response::{Html, IntoResponse};
use http::header;
use tl_model::SystemMetadata;
use tl_protocol::endpoint::PageRequest;

use super::MAX_ROWS;

/// Content security policy: only resources of the emulator itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Escapes text for HTML.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // These reverse the display order of the surrounding text.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_char('\u{fffd}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Renders a complete page.
pub(super) fn document(title: &str, body: &str) -> impl IntoResponse {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>\
         <meta name=color-scheme content='light dark'><title>{}</title><link rel=icon href=/_emulator/icon.svg>\
         <link rel=stylesheet href=/_emulator/page.css><script src=/_emulator/page.js defer></script>\
         <a class=skip href=#main>Skip to content</a>{body}",
        Escaped(title)
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(html))
}

/// Opens a table. A wide table scrolls, and can be focused so that the keyboard scrolls it.
pub(super) fn open_table(html: &mut String, caption: &str, columns: &[&str]) {
    _ = write!(
        html,
        "<div class=scroll tabindex=0 role=region aria-label='{caption}'><table><caption class=visually-hidden>{caption}</caption><thead><tr>"
    );
    for column in columns {
        _ = write!(html, "<th scope=col>{column}");
    }
    html.push_str("</thead><tbody>");
}

pub(super) fn close_table(html: &mut String) {
    html.push_str("</tbody></table></div>");
}

/// Renders the options of a select, with `chosen` selected.
pub(super) fn options<'a>(
    html: &mut String,
    choices: impl IntoIterator<Item = &'a str>,
    chosen: &str,
) {
    for choice in choices {
        let selected = if choice == chosen { " selected" } else { "" };
        _ = write!(html, "<option{selected}>{}</option>", Escaped(choice));
    }
}

/// Renders a status, colored if it is a final one. Any text may be given.
pub(super) fn status(text: &str) -> String {
    let class = match text {
        "ready" | "made" | "completed" | "delivered" => "good",
        "failed" | "expired" => "bad",
        _ => "pending",
    };
    format!("<span class='state {class}'>{}</span>", Escaped(text))
}

/// Renders a timestamp of the platform.
pub(super) fn timestamp(text: &str) -> String {
    let short: String = text.chars().take(19).collect();
    format!(
        "<time datetime='{0}' title='{0}'>{1}</time>",
        Escaped(text),
        Escaped(short.replace('T', " "))
    )
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

pub(super) fn first_page() -> PageRequest {
    PageRequest {
        page: None,
        page_limit: Some(MAX_ROWS),
    }
}

/// Renders a placeholder for an empty table.
pub(super) fn empty(html: &mut String, text: &str) {
    _ = write!(html, "<p class=none>{text}</p>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_markup() {
        assert_eq!(
            Escaped("<a href=\"x\">'&\u{202e}gpj").to_string(),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;\u{fffd}gpj"
        );
        assert_eq!(
            status("<b>"),
            "<span class='state pending'>&lt;b&gt;</span>"
        );
    }

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
