//! A self-contained HTML page: styles and thumbnails are inline, and there is no script. Refused
//! files come first. The filter uses radio buttons and CSS rules.

use std::fmt::Write as _;

use super::entry::Entry;
use super::piece::{Piece, Tally};
use crate::facts::MediaFacts;
use crate::report::Verdict;
use crate::text::{escaped, plain};

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#222;--page:#fff;--line:#ddd;--dim:#5c5c5c;--card:#f7f7f7;--link:#0b57d0;\
--pass:#17692b;--warn:#8a5a00;--refuse:#b00020}\
@media(prefers-color-scheme:dark){:root{--text:#ddd;--page:#181818;--line:#444;--dim:#aaa;--card:#222;--link:#8ab4f8;\
--pass:#6fcf87;--warn:#e0b050;--refuse:#ff7a8a}}\
*{box-sizing:border-box}\
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;color:var(--text);background:var(--page)}\
a{color:var(--link)}h1{margin:.5rem 0}h2{font-size:1rem;margin:0}\
h2,p,li,dd,code{overflow-wrap:anywhere}code{font-size:.85em;background:var(--card);padding:0 .2em}\
label{display:inline-block;margin:0 .5rem .5rem 0;padding:.2rem .7rem;border:1px solid var(--line);border-radius:1rem;cursor:pointer}\
input{position:absolute;opacity:0}input:checked+label{background:var(--card);border-color:var(--text)}\
input:focus-visible+label{outline:2px solid var(--link)}\
article{display:grid;grid-template-columns:160px minmax(0,1fr);gap:0 1rem;padding:1rem 0;border-top:1px solid var(--line)}\
img,.none{width:160px;height:90px;object-fit:contain;background:#000}.none{background:var(--card);padding:.5rem;overflow:auto}\
.pass b.verdict,label.pass{color:var(--pass)}.warn b.verdict,label.warn{color:var(--warn)}.refuse b.verdict,label.refuse{color:var(--refuse)}\
.why{color:var(--dim);font-size:.9em}ul{margin:.5rem 0 0;padding-left:1.2rem}li{margin:.3rem 0}\
dl{display:flex;flex-wrap:wrap;gap:0 1.2rem;margin:.2rem 0}dl div{display:flex;gap:.4rem}dt{color:var(--dim)}dd{margin:0}\
#only-refuse:checked~main article:not(.refuse),#only-warn:checked~main article:not(.warn),\
#only-pass:checked~main article:not(.pass){display:none}\
@media(max-width:36rem){article{grid-template-columns:minmax(0,1fr)}}";

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
        "</div>\n<div><h2>{}</h2>\n<b class=\"verdict\">{verdict}</b>",
        escaped(entry.name)
    );
    if let Some(facts) = entry.facts {
        describe(&mut out, facts);
    }
    let _ = write!(
        out,
        "<span class=\"why\">checked for {}, rules {} of {}</span>",
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
            "<li><b>{}</b> {}; allowed: {} <span class=\"why\">{} {}",
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
        out.push_str("</span>");
        if let Some(fix) = &finding.fix {
            let _ = write!(
                out,
                "<br>Fix: <code>{}</code>",
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
