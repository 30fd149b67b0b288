//! A self-contained HTML page: styles and thumbnails are inline, and there is no script. Refused
//! files come first. The filter uses radio buttons and CSS rules.

use std::fmt::Write as _;

use super::entry::Entry;
use super::piece::{Piece, Tally};
use crate::facts::MediaFacts;
use crate::report::Verdict;
use crate::text::{escaped, plain};

const STYLE: &str = "\
:root{color-scheme:light dark;--page:#f4f5f8;--card:#fff;--text:#1b1f27;--dim:#566071;--line:#d9dde5;--link:#2444c0;--soft:#eef0f5;\
--pass:#116329;--pass-soft:#dff5e5;--warn:#5b4300;--warn-soft:#fff1c9;--refuse:#a40e26;--refuse-soft:#ffe5e8}\
@media(prefers-color-scheme:dark){:root{--page:#12151b;--card:#1a1f28;--text:#e6e9ef;--dim:#9aa5b6;--line:#2e3644;--link:#9db4ff;--soft:#232a36;\
--pass:#7ee2a0;--pass-soft:#143522;--warn:#f5d479;--warn-soft:#3a2f10;--refuse:#ff9aa6;--refuse-soft:#42181f}}\
*{box-sizing:border-box}\
body{margin:0 auto;max-width:72rem;padding:1rem;color:var(--text);background:var(--page);font:15px/1.5 system-ui,sans-serif}\
a{color:var(--link)}h1{margin:.25rem 0 .75rem;font-size:1.3rem}h2{margin:0;font-size:1.05rem}\
h2,p,li,dd,code{overflow-wrap:anywhere}code{padding:.05rem .3rem;border-radius:4px;background:var(--soft);font:.85em ui-monospace,monospace}\
label{display:inline-block;margin:0 .4rem .75rem 0;padding:.25rem .8rem;border:1px solid var(--line);border-radius:1rem;background:var(--card);cursor:pointer}\
input{position:absolute;opacity:0}input:checked+label{border-color:currentColor;font-weight:600}\
input:focus-visible+label{outline:3px solid var(--link);outline-offset:2px}\
article{display:grid;grid-template-columns:10rem minmax(0,1fr);gap:.5rem 1.25rem;margin:0 0 .75rem;padding:1rem;border:1px solid var(--line);\
border-left:4px solid var(--pass);border-radius:8px;background:var(--card)}\
article.warn{border-left-color:var(--warn)}article.refuse{border-left-color:var(--refuse)}\
img,.none{width:10rem;height:5.625rem;border-radius:4px;object-fit:contain;background:#000}.none{padding:.5rem;overflow:auto;background:var(--soft)}\
.title{display:flex;flex-wrap:wrap;gap:.2rem .6rem;align-items:center}\
.verdict{padding:0 .6rem;border-radius:1rem;font-size:.9em;font-weight:600}\
.pass .verdict{color:var(--pass);background:var(--pass-soft)}.warn .verdict{color:var(--warn);background:var(--warn-soft)}\
.refuse .verdict{color:var(--refuse);background:var(--refuse-soft)}\
label.pass{color:var(--pass)}label.warn{color:var(--warn)}label.refuse{color:var(--refuse)}\
.why{margin:.2rem 0 0;color:var(--dim);font-size:.9em}ul{margin:.6rem 0 0;padding:0;list-style:none}\
li{margin:.5rem 0 0;padding:.5rem .75rem;border-radius:6px;background:var(--page)}\
.fix{display:block;margin-top:.4rem}dl{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;margin:.3rem 0 0}dl div{display:flex;gap:.4rem}dt{color:var(--dim)}dd{margin:0}\
#only-refuse:checked~main article:not(.refuse),#only-warn:checked~main article:not(.warn),\
#only-pass:checked~main article:not(.pass){display:none}\
@media(max-width:36rem){body{padding:.6rem}article{grid-template-columns:minmax(0,1fr);padding:.75rem}}";

pub(super) const TAIL: &str = "</main>\n</body>\n</html>\n";

pub(super) fn head(tally: &Tally) -> String {
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>tl validate</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>tl validate</h1>\n"
    );
    let files = if tally.files == 1 { "file" } else { "files" };
    for (id, class, count, what, checked) in [
        ("all", "all", tally.files, files, " checked"),
        ("only-refuse", "refuse", tally.refuse, "refused", ""),
        ("only-warn", "warn", tally.warn, "with warnings", ""),
        ("only-pass", "pass", tally.pass, "pass", ""),
    ] {
        // Siblings of `main`, so that a CSS selector can match the selected one.
        let _ = writeln!(
            out,
            "<input type=\"radio\" name=\"show\" id=\"{id}\"{checked}><label for=\"{id}\" class=\"{class}\">{count} {what}</label>"
        );
    }
    out.push_str("<main>\n");
    out
}

/// Writes one file. Refused files go to the list that is written first.
pub(super) fn piece(entry: &Entry<'_>) -> Piece {
    let article = article(entry);
    match entry.report.verdict {
        Verdict::Refuse => Piece {
            body: String::new(),
            aside: article,
        },
        Verdict::Pass | Verdict::Warn => Piece {
            body: article,
            aside: String::new(),
        },
    }
}

fn article(entry: &Entry<'_>) -> String {
    let report = entry.report;
    let verdict = report.verdict.as_str();
    let mut out = format!("<article class=\"{verdict}\">\n<div>");
    picture(&mut out, entry);
    let _ = write!(
        out,
        "</div>\n<div><div class=\"title\"><h2>{}</h2>\n<b class=\"verdict\">{verdict}</b></div>",
        escaped(entry.name)
    );
    if let Some(facts) = entry.facts {
        describe(&mut out, facts);
    }
    let _ = write!(
        out,
        "<p class=\"why\">Checked for {}, rules {} of {}</p>",
        escaped(&report.target.to_string()),
        escaped(&report.pack),
        report.pack_date,
    );
    if !report.findings.is_empty() {
        out.push_str("\n<ul>");
    }
    for finding in &report.findings {
        let _ = write!(
            out,
            "<li><b>{}</b> {}; allowed: {} <p class=\"why\">{} {}",
            finding.severity,
            escaped(&finding.observed),
            escaped(&finding.allowed),
            escaped(&finding.why),
            escaped(finding.assumption.as_deref().unwrap_or_default()),
        );
        let _ = write!(out, " <code>{}</code>", escaped(&finding.rule));
        if let Some(code) = &finding.predicted_code {
            let _ = write!(out, " <code>{}</code>", escaped(code));
        }
        if finding.documentation.starts_with("https://") {
            let _ = write!(
                out,
                " <a href=\"{}\">documentation</a>",
                escaped(&finding.documentation)
            );
        }
        out.push_str("</p>");
        if let Some(fix) = &finding.fix {
            let _ = write!(
                out,
                "<span class=\"fix\">Fix: <code>{}</code></span>",
                escaped(&fix.for_file(entry.name))
            );
        }
        out.push_str("</li>");
    }
    if !report.findings.is_empty() {
        out.push_str("</ul>");
    }
    out.push_str("</div>\n</article>\n");
    out
}

/// Writes the facts that most rules measure.
fn describe(out: &mut String, facts: &MediaFacts) {
    let number = plain;
    let mut list = Vec::new();
    if let Some(video) = facts.video() {
        let mut text = match (video.width, video.height) {
            (0, _) | (_, 0) => format!("unknown frame size, {}", video.codec),
            (width, height) => format!("{width}x{height} {}", video.codec),
        };
        if let Some(fps) = video.avg_fps.or(video.fps) {
            let _ = write!(text, ", {} fps", number((fps * 100.0).round() / 100.0));
        }
        if let Some(depth) = video.bit_depth.filter(|depth| *depth > 8) {
            let _ = write!(text, ", {depth} bits");
        }
        if video.is_hdr {
            text.push_str(", HDR");
        }
        list.push(("Video", text));
    }
    if let Some(audio) = facts.audio() {
        let mut text = audio.codec.clone();
        if let Some(rate) = audio.sample_rate {
            let _ = write!(text, ", {} kHz", number(f64::from(rate) / 1000.0));
        }
        if let Some(channels) = audio.channels {
            let plural = if channels == 1 { "" } else { "s" };
            let _ = write!(text, ", {channels} channel{plural}");
        }
        list.push(("Audio", text));
    }
    if let Some(seconds) = facts.duration_seconds() {
        let rounded = (seconds * 1000.0).round() / 1000.0;
        list.push(("Duration", format!("{} s", number(rounded))));
    }
    list.push(("Size", size(facts.file_size_bytes)));
    if let Some(container) = &facts.file_container_format {
        list.push(("Container", container.clone()));
    }
    out.push_str("\n<dl>");
    for (name, value) in list {
        let _ = write!(
            out,
            "<div><dt>{name}</dt><dd>{}</dd></div>",
            escaped(&value)
        );
    }
    out.push_str("</dl>\n");
}

/// Bytes in decimal units, as in the platform's documentation of its limits.
fn size(bytes: u64) -> String {
    // The precision of a float is sufficient for one decimal.
    let value = bytes as f64;
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.1} GB", value / 1e9),
    }
}

/// Writes the thumbnail, or the reason why there is none.
fn picture(out: &mut String, entry: &Entry<'_>) {
    let media_type = |bytes: &[u8]| match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        _ => None,
    };
    let found = entry
        .thumbnail
        .and_then(|bytes| Some((media_type(bytes)?, bytes)));
    if let Some((media_type, bytes)) = found {
        let _ = write!(
            out,
            "<img alt=\"\" width=\"160\" height=\"90\" src=\"data:{media_type};base64,{}\">",
            base64(bytes)
        );
        return;
    }
    let reason = match (entry.no_thumbnail, entry.thumbnail, entry.facts) {
        (Some(reason), ..) => reason,
        (None, Some(_), _) => "the thumbnail is neither JPEG nor PNG",
        (None, None, None) => "the file cannot be read",
        (None, None, Some(facts)) if facts.video().is_none() => "the file has no video",
        (None, None, Some(_)) => "none was made",
    };
    let _ = write!(
        out,
        "<div class=\"none why\">No picture: {}.</div>",
        escaped(reason)
    );
}

/// Base64 as in RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_matches_rfc_test_vectors() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
