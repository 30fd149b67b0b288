//! The local check of images and documents, which are assets but neither video nor audio: what a
//! file is by its content and its name, and dated rules for it.

use std::{collections::BTreeMap, fmt, io, sync::LazyLock};

use serde::Deserialize;

use crate::{
    Finding, RangeRead, Report, Route, RulePack, Severity, Target,
    picture::{self, PictureRules},
};

/// Where the markers of a PDF are: in its first and last bytes (ISO 32000-1, annex H).
const PDF_WINDOW: u64 = 1024;
const DOCUMENTATION: &str =
    "https://docs.twelvelabs.io/v1.3/api-reference/upload-content/direct-uploads/create";

/// The rules for documents, parsed.
static RULES: LazyLock<DocumentRules> = LazyLock::new(|| {
    toml::from_str(include_str!("../rules/documents-2026-10.toml")).expect("the file is valid")
});

#[derive(Debug, Deserialize)]
struct DocumentRules {
    date: String,
    source: String,
    /// By the name of the route.
    #[serde(flatten)]
    routes: BTreeMap<String, RouteRule>,
}

#[derive(Debug, Deserialize)]
struct RouteRule {
    max_bytes: u64,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StaticKind {
    /// A picture.
    Image,
    /// A PDF document.
    Pdf,
    /// A text file.
    Text,
    /// A Markdown file.
    Markdown,
}

impl StaticKind {
    /// The kind that the name of a file stands for, ignoring case. `None` for all other files.
    ///
    /// ```
    /// use tl_validate::static_file::StaticKind;
    ///
    /// assert_eq!(StaticKind::of_name("in/notes.MD"), Some(StaticKind::Markdown));
    /// assert_eq!(StaticKind::of_name("match.mp4"), None);
    /// ```
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" | "png" | "webp" | "gif" | "bmp" => Some(Self::Image),
            "pdf" => Some(Self::Pdf),
            "txt" => Some(Self::Text),
            "md" => Some(Self::Markdown),
            _ => None,
        }
    }

    fn is_image(self) -> bool {
        self == Self::Image
    }
}

/// The kind with its article: `an image`, `a PDF`.
impl fmt::Display for StaticKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "an image",
            Self::Pdf => "a PDF",
            Self::Text => "a text file",
            Self::Markdown => "a Markdown file",
        })
    }
}

/// What a file is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// An asset: every kind is accepted.
    Asset,
    /// A video that is indexed or analyzed: images and documents are refused.
    Video,
    /// Either: the report warns that an image or a document is no video.
    Unknown,
}

/// Checks an image or a document. Returns `None` if the file is neither, by its content and its name.
///
/// Reads the first megabyte of an image, both ends of a PDF, and all of a text that is not too
/// large.
///
/// # Errors
/// Those of `source`.
pub fn check(
    source: &mut dyn RangeRead,
    name: &str,
    purpose: Purpose,
    target: &Target,
    pack: &RulePack,
) -> io::Result<Option<Report>> {
    let size = source.size();
    let head = read(source, 0, PDF_WINDOW)?;
    let is_pdf = head.windows(5).any(|five| five == b"%PDF-");
    let named = StaticKind::of_name(name);
    let kind = match named {
        _ if picture::is_image(&head) => StaticKind::Image,
        Some(kind) => kind,
        None if head.starts_with(b"%PDF-") => StaticKind::Pdf,
        None => return Ok(None),
    };
    let mut findings = Vec::new();
    if size == 0 {
        findings.push(finding(
            "file.empty",
            "0 bytes",
            "a file with content",
            "The file is empty.",
        ));
    } else if kind.is_image() {
        let head = read(source, 0, picture::HEAD_BYTES)?;
        if let Err(fault) = picture::check_bytes(&head, size, &PictureRules::of_assets()) {
            findings.push(Finding {
                source: picture::SOURCE.to_owned(),
                since: picture::date(),
                ..finding(
                    "image.asset",
                    &fault.observed,
                    &fault.allowed,
                    "The platform accepts only such images as assets.",
                )
            });
        }
    } else {
        findings.extend(document_size(size, target.route));
        let why = match kind {
            _ if !findings.is_empty() => None,
            StaticKind::Pdf if named != Some(StaticKind::Pdf) => Some((
                "a PDF with the name of another format",
                "a name that ends in .pdf",
            )),
            StaticKind::Pdf if !is_pdf => Some(("a file that is not a PDF", "a PDF")),
            StaticKind::Pdf if !has_pdf_end(source)? => {
                Some(("a PDF without its end", "a complete PDF"))
            }
            StaticKind::Text | StaticKind::Markdown if !is_text(source)? => {
                Some(("a file that is not UTF-8 text", "text in UTF-8"))
            }
            _ => None,
        };
        if let Some((observed, allowed)) = why {
            findings.push(finding(
                "document.content",
                observed,
                allowed,
                "The platform rejects documents whose content does not match their extension.",
            ));
        }
    }
    findings.extend(for_purpose(kind, purpose, target.route));
    let mut report = Report::new(findings, pack, target);
    // The engines are those of videos.
    report.target.engines.clear();
    Ok(Some(report))
}

/// An image or a document cannot be a video.
fn for_purpose(kind: StaticKind, purpose: Purpose, route: Route) -> Option<Finding> {
    let severity = match purpose {
        Purpose::Video => Severity::Error,
        _ if route == Route::Tasks => Severity::Error,
        Purpose::Unknown => Severity::Warning,
        Purpose::Asset => return None,
    };
    let finding = finding(
        "file.not_a_video",
        &kind.to_string(),
        "a video or audio file",
        "Images and documents are accepted as assets (`tl upload`), but cannot be indexed or analyzed as a video.",
    );
    Some(Finding {
        severity,
        ..finding
    })
}

fn document_size(bytes: u64, route: Route) -> Option<Finding> {
    let rules = &*RULES;
    let dated = |finding| Finding {
        source: rules.source.clone(),
        since: rules.date.parse().ok(),
        ..finding
    };
    match rules.routes.get(route.as_str()) {
        Some(rule) if bytes <= rule.max_bytes => None,
        Some(rule) => Some(dated(finding(
            "document.size.max",
            &format!("{bytes} bytes"),
            &format!("at most {} bytes", rule.max_bytes),
            "The platform accepts no larger documents by this route.",
        ))),
        None if route == Route::Multipart => Some(dated(finding(
            "document.route",
            "a document in a multipart upload",
            "video, audio and images",
            "Multipart uploads do not accept documents; a document of up to 200 MB is sent in one request.",
        ))),
        // No document is sent by the other routes.
        None => None,
    }
}

fn finding(rule: &str, observed: &str, allowed: &str, why: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        severity: Severity::Error,
        observed: observed.to_owned(),
        allowed: allowed.to_owned(),
        why: why.to_owned(),
        assumption: None,
        documentation: DOCUMENTATION.to_owned(),
        source: RULES.source.clone(),
        since: None,
        predicted_code: None,
        other_routes: Vec::new(),
        fix: None,
    }
}

/// Up to `length` bytes from `offset`.
fn read(source: &mut dyn RangeRead, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let length = length.min(source.size().saturating_sub(offset));
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read_at(offset + filled as u64, &mut bytes[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(bytes)
}

fn has_pdf_end(source: &mut dyn RangeRead) -> io::Result<bool> {
    let start = source.size().saturating_sub(PDF_WINDOW);
    let tail = read(source, start, PDF_WINDOW)?;
    Ok(tail.windows(5).any(|five| five == b"%%EOF"))
}

/// Whether a file is UTF-8 without NUL bytes.
fn is_text(source: &mut dyn RangeRead) -> io::Result<bool> {
    const PIECE: u64 = 256 << 10;
    let (mut at, mut rest) = (0, Vec::new());
    while at < source.size() {
        let piece = read(source, at, PIECE)?;
        at += piece.len() as u64;
        rest.extend_from_slice(&piece);
        let valid = match std::str::from_utf8(&rest) {
            Ok(text) => text.len(),
            // A character may continue in the next piece.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        if rest[..valid].contains(&0) {
            return Ok(false);
        }
        rest.drain(..valid);
    }
    Ok(rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>, u64);

    impl RangeRead for Bytes {
        fn size(&self) -> u64 {
            self.1
        }

        /// Bytes behind those that are given are zero. Reads are short.
        fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
            let count = into.len().min(7000);
            for (at, byte) in into[..count].iter_mut().enumerate() {
                let at = usize::try_from(offset).unwrap() + at;
                *byte = self.0.get(at).copied().unwrap_or(0);
            }
            Ok(count)
        }
    }

    fn check_as(name: &str, content: &[u8], size: u64, route: Route, purpose: Purpose) -> String {
        let mut source = Bytes(content.to_vec(), size);
        let (target, pack) = (Target::new(route), RulePack::current());
        match check(&mut source, name, purpose, &target, pack).unwrap() {
            None => "neither".to_owned(),
            Some(report) => {
                let findings: Vec<_> = report
                    .findings
                    .iter()
                    .map(|found| {
                        format!(
                            "{}: {}; allowed: {}",
                            found.rule, found.observed, found.allowed
                        )
                    })
                    .collect();
                let verdict = report.verdict();
                format!("{verdict} {}", findings.join(", "))
                    .trim_end()
                    .to_owned()
            }
        }
    }

    fn as_asset(name: &str, content: &[u8]) -> String {
        check_as(
            name,
            content,
            content.len() as u64,
            Route::Asset,
            Purpose::Asset,
        )
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\0\0\0\0";
    const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n";

    #[test]
    fn content_decides_and_names_must_match() {
        // A character that is cut by the size of a piece.
        let long = format!("a{}", "é".repeat(200_000));
        for (name, content, expected) in [
            ("a.png", PNG, "pass"),
            ("a.mp4", PNG, "pass"),
            ("a.PDF", PDF, "pass"),
            ("a.txt", "Été".as_bytes(), "pass"),
            ("a.MD", long.as_bytes(), "pass"),
            ("a.mp4", b"\0\0\0\x18ftypmp42", "neither"),
            ("a", b"plain text", "neither"),
            (
                "a.mp4",
                PDF,
                "refuse document.content: a PDF with the name of another format; allowed: a name that ends in .pdf",
            ),
            (
                "a.pdf",
                b"plain text",
                "refuse document.content: a file that is not a PDF; allowed: a PDF",
            ),
            (
                "a.pdf",
                &PDF[..20],
                "refuse document.content: a PDF without its end; allowed: a complete PDF",
            ),
            (
                "a.txt",
                b"\xff\xfe\0a",
                "refuse document.content: a file that is not UTF-8 text; allowed: text in UTF-8",
            ),
            (
                "a.md",
                b"a\0b",
                "refuse document.content: a file that is not UTF-8 text; allowed: text in UTF-8",
            ),
            (
                "a.md",
                b"\xc3",
                "refuse document.content: a file that is not UTF-8 text; allowed: text in UTF-8",
            ),
            (
                "a.md",
                b"",
                "refuse file.empty: 0 bytes; allowed: a file with content",
            ),
            (
                "a.png",
                b"plain text",
                "refuse image.asset: not an image; allowed: JPEG, PNG, WebP, GIF, BMP",
            ),
            (
                "a.png",
                &PNG[..12],
                "refuse image.asset: a PNG without a readable size; allowed: a complete image",
            ),
        ] {
            assert_eq!(as_asset(name, content), expected, "{name}");
        }
    }

    #[test]
    fn sizes_depend_on_kind_and_route() {
        let check = |name: &str, content: &[u8], mib: u64, more: u64, route: Route| {
            check_as(name, content, (mib << 20) + more, route, Purpose::Asset)
        };
        assert_eq!(check("a.png", PNG, 32, 0, Route::Multipart), "pass");
        assert_eq!(
            check("a.png", PNG, 32, 1, Route::AssetUrl),
            "refuse image.asset: 33554433 bytes; allowed: at most 33554432 bytes"
        );
        let too_large =
            "refuse document.size.max: 209715201 bytes; allowed: at most 209715200 bytes";
        assert_eq!(check("a.txt", b"a", 200, 1, Route::Asset), too_large);
        assert!(check("a.pdf", PDF, 512, 1, Route::AssetUrl).contains("at most 536870912"));
        assert!(check("a.pdf", PDF, 1, 0, Route::Multipart).starts_with("refuse document.route"));
    }

    #[test]
    fn images_and_documents_are_not_videos() {
        let size = PNG.len() as u64;
        let check = |route, purpose| check_as("a.png", PNG, size, route, purpose);
        let finding = "file.not_a_video: an image; allowed: a video or audio file";
        assert_eq!(check(Route::Asset, Purpose::Asset), "pass");
        assert_eq!(
            check(Route::Asset, Purpose::Unknown),
            format!("warn {finding}")
        );
        assert_eq!(
            check(Route::Asset, Purpose::Video),
            format!("refuse {finding}")
        );
        assert_eq!(
            check(Route::Tasks, Purpose::Asset),
            format!("refuse {finding}")
        );
    }

    #[test]
    fn rules_have_a_date_and_the_limits_of_their_source() {
        assert_eq!(RULES.date, "2026-10-06");
        assert_eq!(RULES.routes.len(), 2);
        assert_eq!(RULES.routes["asset"].max_bytes, 200 << 20);
        assert_eq!(RULES.routes["asset-url"].max_bytes, 512 << 20);
        assert!(picture::date().is_some());
    }
}
