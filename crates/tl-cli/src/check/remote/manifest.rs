//! HLS manifests: the platform accepts URLs of recordings. The manifest is read, and for several
//! qualities that of the best one; the segments are not.

use tl_validate::RangeRead as _;
use tl_validate::playlist::{self, Playlist, PlaylistError};
use tl_validate::web;

use super::open::{Opened, RemoteFile, open};
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// A larger file is not a manifest: four hours of segments of one second are about 1 MB.
const MAX_BYTES: u64 = 4 << 20;
const BEGIN: &[u8] = b"#EXTM3U";

/// Whether a file is a manifest, by its content or its name.
pub(super) fn is_manifest(file: &RemoteFile) -> bool {
    let begins = file.begins();
    let begins = begins.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begins);
    let path = file.url().path().to_ascii_lowercase();
    begins.starts_with(BEGIN) || path.ends_with(".m3u8")
}

/// The duration of the recording in seconds, or why there is none; and what was fetched.
pub(super) fn read(mut file: RemoteFile) -> Result<(Result<f64, PlaylistError>, String), Failure> {
    let first = playlist::parse(&text(&mut file)?);
    let best = match first {
        Ok(Playlist::Media { seconds, .. }) => return Ok((Ok(seconds), file.summary())),
        Ok(Playlist::Master { best }) => best,
        Ok(_) => return Err(too_new(&file)),
        Err(error) => return Ok((Err(error), file.summary())),
    };
    let url = file.url().join(&best).map_err(|error| {
        Failure::new(
            Exit::RefusedLocally,
            "bad_manifest",
            format!("`{}` names an invalid URL", web::shown(file.url())),
        )
        .with_source(&error)
        .hint("correct the manifest")
    })?;
    let Opened { mut file, .. } = open(file.into_fetcher(), &url)?;
    let second = match playlist::parse(&text(&mut file)?) {
        Ok(Playlist::Media { seconds, .. }) => Ok(seconds),
        Ok(_) => {
            return Err(Failure::new(
                Exit::RefusedLocally,
                "bad_manifest",
                format!("`{}` is a manifest of manifests", web::shown(&url)),
            )
            .hint("pass the URL of a manifest that names segments"));
        }
        Err(error) => Err(error),
    };
    Ok((second, file.summary()))
}

fn too_new(file: &RemoteFile) -> Failure {
    let name = web::shown(file.url());
    Failure::new(
        Exit::RefusedLocally,
        "bad_manifest",
        format!("`{name}` is a manifest of an unknown kind"),
    )
}

fn text(file: &mut RemoteFile) -> Result<String, Failure> {
    let name = web::shown(file.url());
    let size = file.size();
    if size > MAX_BYTES {
        return Err(Failure::new(
            Exit::RefusedLocally,
            "bad_manifest",
            format!("`{name}` has {size} bytes; allowed for a manifest: {MAX_BYTES}"),
        )
        .hint("pass the URL of the video itself"));
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(filled as u64, &mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => {
                return Err(file.take_failure().unwrap_or_else(|| {
                    Failure::new(
                        Exit::Temporary,
                        "url_busy",
                        format!("failed to read `{name}`"),
                    )
                    .with_source(&error)
                    .hint("retry, or allow more with --url-bytes")
                }));
            }
        }
    }
    bytes.truncate(filled);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
