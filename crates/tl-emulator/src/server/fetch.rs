//! Fetches videos from URLs as the platform does: `http` and `https` only, limited in size and
//! time.
//!
//! SSRF protection: rejects private and link-local addresses unless they are allowed.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{StatusCode, header};
use reqwest::{
    Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use tl_http::address::is_public;
use tl_validate::playlist::{self, Playlist};
use url::{Host, Url};

use super::{Runtime, StartError, media_store::StoredFile, request_body::FileWriter};
use crate::platform::{BodyError, Fetched};

/// Maximum number of redirects.
const MAX_REDIRECTS: usize = 5;
/// Maximum size of a playlist in bytes.
const MAX_PLAYLIST: usize = 4 << 20;
/// Timeout for establishing a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Creates the client for URLs. It is separate from the API client of this project.
pub(crate) fn client(
    allow_private: bool,
    idle: Duration,
    total: Duration,
) -> Result<Client, StartError> {
    let policy = redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error(format!("more than {MAX_REDIRECTS} redirects"));
        }
        match check(attempt.url(), allow_private) {
            Ok(()) => attempt.follow(),
            Err(reason) => attempt.error(reason),
        }
    });
    let client = Client::builder();
    #[cfg(feature = "https")]
    let client = {
        let tls = tl_http::tls::client_config(&tl_http::HttpSettings::default())
            .map_err(|error| StartError(format!("no TLS client could be made ({error})")))?;
        client.tls_backend_preconfigured(tls)
    };
    client
        .no_proxy()
        .redirect(policy)
        .dns_resolver(Arc::new(PublicOnly { allow_private }))
        .connect_timeout(CONNECT_LIMIT)
        .read_timeout(idle)
        .timeout(total)
        .user_agent(concat!("tl-emulator/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| StartError(format!("no client for URLs could be made ({error})")))
}

/// Fetches, stores and probes `url`.
///
/// # Errors
/// Returns a reason for humans.
pub(crate) async fn fetch(
    runtime: &Runtime,
    url: &Url,
    limit: Option<u64>,
    is_asset: bool,
) -> Result<(Fetched, Arc<StoredFile>), String> {
    let allow_private = runtime.settings.allow_private_urls;
    check(url, allow_private)?;
    let response = runtime
        .fetch_client
        .get(url.clone())
        .send()
        .await
        .map_err(|error| request_error(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("video_file_broken: video_url answered {status}"));
    }
    let filename = crate::api::source::filename_of(response.url());
    let file = match is_asset && is_playlist(&response, &filename) {
        true => {
            let recording = download_recording(runtime, response, filename.clone(), limit);
            tokio::time::timeout(runtime.settings.time_limits.fetch, recording)
                .await
                .map_err(|_| "video_url took too long to answer".to_owned())??
        }
        false => download(runtime, response, filename.clone(), limit).await?,
    };
    let (probe, static_file) = runtime.inspect(&file, is_asset).await;
    let fetched = Fetched {
        key: file.key.clone(),
        filename,
        bytes: file.bytes(),
        probe,
        static_file,
        content: file.content().map(str::to_owned),
    };
    Ok((fetched, file))
}

async fn download(
    runtime: &Runtime,
    mut response: Response,
    filename: String,
    limit: Option<u64>,
) -> Result<Arc<StoredFile>, String> {
    let mut writer =
        FileWriter::open(runtime, filename, limit).map_err(|error| error_reason(&error))?;
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| request_error(&error))?
    {
        writer.write(piece).await;
        if writer.is_too_large() {
            break;
        }
    }
    writer.finish().await.map_err(|error| error_reason(&error))
}

/// Whether the response is an HTTP Live Streaming playlist, by its name or media type (RFC 8216,
/// 4).
fn is_playlist(response: &Response, filename: &str) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    filename.to_ascii_lowercase().ends_with(".m3u8")
        || kind.eq_ignore_ascii_case("application/vnd.apple.mpegurl")
        || kind.eq_ignore_ascii_case("audio/mpegurl")
}

/// Stores the recording of a playlist: its segments, concatenated into one file.
async fn download_recording(
    runtime: &Runtime,
    response: Response,
    filename: String,
    limit: Option<u64>,
) -> Result<Arc<StoredFile>, String> {
    let mut base = response.url().clone();
    let parse = |text: String| playlist::parse(&text).map_err(|error| error.to_string());
    let mut playlist = parse(playlist_text(response).await?)?;
    if let Playlist::Master { best } = &playlist {
        let response = get_entry(runtime, &base, best, None).await?;
        base = response.url().clone();
        playlist = parse(playlist_text(response).await?)?;
    }
    let Playlist::Media { segments, .. } = playlist else {
        return Err("a playlist of playlists names another one".to_owned());
    };
    let mut writer =
        FileWriter::open(runtime, filename, limit).map_err(|error| error_reason(&error))?;
    for segment in &segments {
        let mut response = get_entry(runtime, &base, &segment.uri, segment.range).await?;
        // A server may ignore the range and send the whole file (RFC 9110, 14.2).
        let (mut skip, mut left) = match segment.range {
            None => (0, u64::MAX),
            Some((_, count)) if response.status() == StatusCode::PARTIAL_CONTENT => (0, count),
            Some((start, count)) => (start, count),
        };
        while left > 0
            && let Some(mut bytes) = response
                .chunk()
                .await
                .map_err(|error| request_error(&error))?
        {
            let skipped = skip.min(bytes.len() as u64);
            skip -= skipped;
            // Neither number exceeds the length of these bytes.
            let mut bytes = bytes.split_off(usize::try_from(skipped).unwrap_or(usize::MAX));
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= (bytes.len() as u64).min(left);
            writer.write(bytes).await;
            if writer.is_too_large() {
                return writer.finish().await.map_err(|error| error_reason(&error));
            }
        }
        if segment.range.is_some() && left > 0 {
            return Err("a piece of the recording is shorter than its playlist says".to_owned());
        }
    }
    writer.finish().await.map_err(|error| error_reason(&error))
}

/// Requests a URL from a playlist, with the same checks as for the playlist itself.
async fn get_entry(
    runtime: &Runtime,
    base: &Url,
    uri: &str,
    range: Option<(u64, u64)>,
) -> Result<Response, String> {
    let url = base
        .join(uri)
        .map_err(|error| format!("the playlist names an address that is none ({error})"))?;
    check(&url, runtime.settings.allow_private_urls)?;
    let mut request = runtime.fetch_client.get(url);
    if let Some((start, count)) = range {
        let last = start.saturating_add(count).saturating_sub(1);
        request = request.header(header::RANGE, format!("bytes={start}-{last}"));
    }
    let response = request
        .send()
        .await
        .map_err(|error| request_error(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("a file that the playlist names answered {status}"));
    }
    Ok(response)
}

/// Reads a playlist as text.
async fn playlist_text(mut response: Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| request_error(&error))?
    {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_PLAYLIST {
            return Err(format!("the playlist has more than {MAX_PLAYLIST} bytes"));
        }
    }
    String::from_utf8(bytes).map_err(|_| "the playlist is no UTF-8 text".to_owned())
}

fn error_reason(error: &BodyError) -> String {
    match error {
        BodyError::FileTooLarge { limit, .. } => {
            format!(
                "video_filesize_too_large: the file behind video_url has more than {limit} bytes"
            )
        }
        other => format!("the video could not be taken in: {other}"),
    }
}

fn request_error(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "video_url took too long to answer".to_owned();
    }
    format!("video_url could not be fetched: {}", root_cause(error))
}

/// The root cause. The outer errors only repeat the URL, which may contain a signature.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Rejects URLs that are not public HTTP URLs, as far as the text of the URL shows it.
fn check(url: &Url, allow_private: bool) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "video_url leads to the scheme `{}`; allowed: http, https",
            url.scheme()
        ));
    }
    if url.scheme() == "https" && cfg!(not(feature = "https")) {
        return Err(
            "video_url uses https; the emulator was built without the feature `https`".into(),
        );
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err("video_url has no host".to_owned()),
    };
    if allow_private || is_public(address) {
        Ok(())
    } else {
        Err(not_public_reason(address))
    }
}

fn not_public_reason(address: IpAddr) -> String {
    format!(
        "video_url leads to {address}, which is not a public address; the emulator can be told to allow it"
    )
}

/// A DNS resolver that omits addresses that are not allowed.
struct PublicOnly {
    allow_private: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let first = found.first().map(SocketAddr::ip);
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| allow_private || is_public(address.ip()))
                .collect();
            if allowed.is_empty()
                && let Some(first) = first
            {
                return Err(not_public_reason(first).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether https URLs can be fetched.
    const HTTPS: bool = cfg!(feature = "https");

    #[test]
    fn private_addresses_are_rejected_unless_allowed() {
        for (text, public) in [
            ("http://8.8.8.8/a.mp4", true),
            ("https://[2606:4700::1111]/a.mp4", HTTPS),
            ("https://example.com/a.mp4", HTTPS),
            ("http://127.0.0.1/a.mp4", false),
            ("http://127.9.9.9/a.mp4", false),
            ("http://0.0.0.0/a.mp4", false),
            ("http://10.1.2.3/a.mp4", false),
            ("http://172.16.0.1/a.mp4", false),
            ("http://192.168.1.1/a.mp4", false),
            ("http://169.254.169.254/latest", false),
            ("http://100.64.0.1/a.mp4", false),
            ("http://224.0.0.1/a.mp4", false),
            ("http://2130706433/a.mp4", false),
            ("http://[::1]/a.mp4", false),
            ("http://[::ffff:127.0.0.1]/a.mp4", false),
            ("http://[64:ff9b::7f00:1]/a.mp4", false),
            ("http://[fe80::1]/a.mp4", false),
            ("http://[fd00::1]/a.mp4", false),
            ("http://[2002:7f00:1::]/a.mp4", false),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(check(&url, false).is_ok(), public, "{text}");
            assert!(check(&url, true).is_ok(), "{text}");
        }
        for text in [
            "file:///etc/passwd",
            "ftp://example.com/a.mp4",
            "data:video/mp4,x",
        ] {
            assert!(check(&Url::parse(text).unwrap(), true).is_err(), "{text}");
        }
    }
}
