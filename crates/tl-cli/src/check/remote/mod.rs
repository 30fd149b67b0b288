//! Local check of URLs by range requests, within a budget of bytes and time. No API key is sent.
//! `tl_validate::web` interprets URLs and responses; the helper reads the media.

mod fetch;
mod manifest;
mod open;

use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tl_validate::Prober;
use tl_validate::playlist::PlaylistError;
use tl_validate::web;
use url::Url;

use self::fetch::Fetcher;
use self::open::{Opened, open};
use crate::check::cache::Probed;
use crate::check::local_check::{CheckResult, LocalCheck, Subject};
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units;

/// Warn about presigned URLs that expire sooner: the platform downloads the file later than this
/// check.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(1);

/// Settings for reading URLs.
#[derive(Debug)]
pub(crate) struct Remote {
    /// Allow addresses of this machine and of private networks.
    pub(crate) allow_private: bool,
    /// Maximum number of bytes to fetch per URL.
    pub(crate) max_bytes: u64,
    /// Timeout per URL, for all requests together.
    pub(crate) timeout: Duration,
    /// Additional CA certificates (PEM).
    pub(crate) roots: Vec<Bytes>,
}

/// Returns the URL if an input is one. An existing file takes precedence.
pub(crate) fn address(path: &std::path::Path) -> Option<Url> {
    let text = path.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    if scheme.is_empty()
        || !scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        || path.exists()
    {
        return None;
    }
    text.parse().ok()
}

/// Reads and checks the file behind a URL. Blocks while it reads.
pub(crate) fn check(checker: &LocalCheck, remote: &Remote, url: &Url) -> CheckResult {
    let name = web::shown(url);
    match probe(checker.prober(), remote, url) {
        Ok((Read::Media(probed), notes)) => CheckResult {
            notes,
            ..checker.evaluate(*probed, Subject::Link)
        },
        Ok((Read::Playlist(playlist), notes)) => CheckResult {
            notes,
            ..checker.evaluate_playlist(playlist.as_ref().copied())
        },
        Err(failure) => checker.read_error(&name, failure, Subject::Link),
    }
}

/// What is behind a URL.
enum Read {
    Media(Box<Probed>),
    /// An HLS manifest: its duration in seconds, or why it is not that of a recording.
    Playlist(Result<f64, PlaylistError>),
}

fn probe(prober: &dyn Prober, remote: &Remote, url: &Url) -> Result<(Read, Vec<String>), Failure> {
    let name = web::shown(url);
    let mut notes = precheck_url(url, Timestamp::now())?;
    let fetcher = Fetcher::new(
        Instant::now() + remote.timeout,
        remote.max_bytes.max(1),
        remote.allow_private,
        remote.roots.clone(),
    );
    let Opened {
        mut file,
        redirected,
    } = open(fetcher, url)?;
    if let Some(to) = redirected {
        notes.push(format!("{name} redirects to {}", web::shown(&to)));
        check_expiry(&to, Timestamp::now(), &mut notes)?;
    }
    if manifest::is_manifest(&file) {
        let (playlist, requested) = manifest::read(file)?;
        notes.push(requested);
        return Ok((Read::Playlist(playlist), notes));
    }
    let probed = prober.probe_ranges(&mut file, &name);
    notes.push(file.summary());
    // Report the network error, not the read error that it caused.
    match (probed, file.take_failure()) {
        (Err(_), Some(failure)) => Err(failure),
        (probed, _) => Ok((Read::Media(Box::new(probed)), notes)),
    }
}

/// Checks a URL before any request: an error if it cannot lead to a file, otherwise notes.
pub(crate) fn precheck_url(url: &Url, now: Timestamp) -> Result<Vec<String>, Failure> {
    let name = web::shown(url);
    let mut notes = Vec::new();
    if let Some(page) = web::page(url) {
        return Err(Failure::new(
            Exit::RefusedLocally,
            "share_page",
            format!(
                "`{name}` is {} of {}, not a video file: the platform cannot download it",
                page.what, page.service
            ),
        )
        .hint(page.instead));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Failure::usage(format!(
            "`{name}`: unsupported URL scheme (supported: https and http)"
        ))
        .hint("pass a direct https URL of the file"));
    }
    check_expiry(url, now, &mut notes)?;
    Ok(notes)
}

/// Checks the expiry of a presigned URL; an error if it has expired.
fn check_expiry(url: &Url, now: Timestamp, notes: &mut Vec<String>) -> Result<(), Failure> {
    let Some(presigned) = web::presigned(url) else {
        return Ok(());
    };
    let name = web::shown(url);
    match presigned.time_left(now) {
        Some(left) if left.is_positive() => {
            let soon = if left < EXPIRES_SOON {
                "; the platform must download it before: create one that is valid longer"
            } else {
                ""
            };
            let shown = units::format_duration(Duration::try_from(left).unwrap_or_default());
            notes.push(format!(
                "presigned URL ({}) expires in {shown}{soon}",
                presigned.form
            ));
            Ok(())
        }
        Some(left) => {
            let ago = units::format_duration(Duration::try_from(left.abs()).unwrap_or_default());
            Err(Failure::new(
                Exit::RefusedLocally,
                "url_expired",
                format!(
                    "`{name}`: the presigned URL ({}) expired {ago} ago",
                    presigned.form
                ),
            )
            .hint("create a new URL and use it before it expires"))
        }
        None => {
            notes.push(format!(
                "presigned URL ({}) without an expiry time",
                presigned.form
            ));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_url_is_rejected_and_short_expiry_noted() {
        let now: Timestamp = "2026-01-02T03:00:00Z".parse().expect("a time");
        let check = |seconds: u32, note: Option<&str>| {
            let url = format!(
                "https://b.example/k?X-Amz-Date=20260102T025500Z&X-Amz-Expires={seconds}&X-Amz-Signature=a"
            );
            let mut notes = Vec::new();
            let result = check_expiry(&url.parse().expect("a URL"), now, &mut notes);
            assert_eq!(result.is_ok(), note.is_some(), "{seconds}");
            if let Some(note) = note {
                assert!(notes.concat().contains(note), "{notes:?}");
            }
        };
        check(60, None);
        check(600, Some("5 min; the platform must"));
        check(86_400, Some("23 h 55 min"));
    }

    #[test]
    fn distinguishes_urls_from_paths() {
        for (text, is) in [
            ("https://example.com/a.mp4", true),
            ("s3://bucket/key", true),
            ("clip.mp4", false),
            ("://x", false),
            ("a b://x", false),
            ("C:\\clips\\a.mp4", false),
        ] {
            assert_eq!(address(std::path::Path::new(text)).is_some(), is, "{text}");
        }
    }
}
