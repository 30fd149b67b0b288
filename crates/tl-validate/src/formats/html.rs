//! One HTML page that needs nothing else: styles and thumbnails are inside, and there is no script.

use std::fmt::Write as _;

use super::document::{DocumentKind, Tally, whole};
use super::{Entry, escaped};

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}\
table{border-collapse:collapse;width:100%}td,th{padding:.5rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}\
img{width:160px;height:90px;object-fit:contain;background:#000}code{font-size:.85em;word-break:break-word}\
.pass{color:#17692b}.warn{color:#8a5a00}.refuse{color:#b00020}.why{color:#666;font-size:.9em}li{margin:.3rem 0}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#444}.why{color:#aaa}\
.pass{color:#6fcf87}.warn{color:#e0b050}.refuse{color:#ff7a8a}}";

pub(super) const TAIL: &str = "</table>\n</body>\n</html>\n";

/// A whole page for all entries.
pub fn html(entries: &[Entry<'_>]) -> String {
    whole(DocumentKind::Html, entries)
}

pub(super) fn head(tally: &Tally) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>tl validate</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>tl validate</h1>\n<p>{} files: <span class=\"pass\">{} pass</span>, <span class=\"warn\">{} with warnings</span>, \
         <span class=\"refuse\">{} refused</span>.</p>\n<table>\n<tr><th>Picture</th><th>File</th><th>Verdict</th><th>Findings</th></tr>\n",
        tally.files, tally.pass, tally.warn, tally.refuse,
    )
}

pub(super) fn row(entry: &Entry<'_>) -> String {
    let mut out = String::new();
    let report = entry.report;
    out.push_str("<tr><td>");
    picture(&mut out, entry);
    let verdict = report.verdict.as_str();
    let _ = write!(
        out,
        "</td><td>{}<br><span class=\"why\">{}, rules {} of {}</span></td><td class=\"{verdict}\">{verdict}</td><td><ul>",
        escaped(entry.name),
        escaped(&report.target.to_string()),
        escaped(&report.pack),
        report.pack_date,
    );
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
    out.push_str("</ul></td></tr>\n");
    out
}

/// The picture itself, or why there is none.
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
            "<img alt=\"\" src=\"data:{media_type};base64,{}\">",
            base64(bytes)
        );
        return;
    }
    let reason = match (entry.no_thumbnail, entry.thumbnail, entry.facts) {
        (Some(reason), ..) => reason,
        (None, Some(_), _) => "what was made is neither JPEG nor PNG",
        (None, None, None) => "the file cannot be read",
        (None, None, Some(facts)) if facts.video().is_none() => "the file has no video",
        (None, None, Some(_)) => "none was made",
    };
    let _ = write!(
        out,
        "<span class=\"why\">No picture: {}.</span>",
        escaped(reason)
    );
}

/// Base64 by RFC 4648, with padding.
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
    fn base64_follows_the_vectors_of_its_rfc() {
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
