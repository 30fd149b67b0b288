//! Presigned URLs: how they are built and signed.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use tl_model::UploadUrl;

use crate::core::{
    Env, State,
    lifecycle::after,
    records::{UploadRecord, chunk_key},
    time::api_timestamp,
};

/// The path prefix of the storage.
pub(crate) const PREFIX: &str = "/_storage";

/// The lifetime of a URL, in seconds (documented).
pub(crate) const URL_LIFETIME: u64 = 3600;

/// The query parameter with the number of the URL among those of its chunk. S3 uses it for session
/// tokens.
pub(crate) const URL_NUMBER: &str = "X-Amz-Security-Token";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Creates a presigned URL for one chunk. It works once and expires after an hour.
pub(crate) fn sign(
    state: &mut State,
    env: &Env<'_>,
    upload: &UploadRecord,
    index: u32,
) -> UploadUrl {
    let key = chunk_key(&upload.id, index);
    let mut chunk = state.chunks.get(&key).cloned().unwrap_or_default();
    chunk.urls += 1;
    let number = chunk.urls;
    state.chunks.insert(key, chunk);

    // S3's dates have no fractional seconds.
    let now = Timestamp::from_second(env.now.as_second()).unwrap_or(env.now);
    let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let names: Vec<String> = upload
        .headers
        .keys()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let query = [
        ("X-Amz-Algorithm", ALGORITHM.to_owned()),
        (
            "X-Amz-Credential",
            format!("EMULATOR/{}/us-east-1/s3/aws4_request", &date[..8]),
        ),
        ("X-Amz-Date", date),
        ("X-Amz-Expires", URL_LIFETIME.to_string()),
        (URL_NUMBER, number.to_string()),
        ("X-Amz-SignedHeaders", names.join(";")),
    ];
    let path = format!("{PREFIX}/{}/{index}", upload.id);
    let query: BTreeMap<String, String> = query
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let headers = upload.headers.iter().map(|(name, value)| {
        let name = name.to_ascii_lowercase();
        (name, value.trim().to_owned())
    });
    let signature = signature(
        env.settings.seed,
        &path,
        &query,
        &headers.collect::<BTreeMap<_, _>>(),
    );
    let mut url = format!("http://{}{path}?", env.host);
    for (name, value) in &query {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        url.push_str(&format!("{name}={value}&"));
    }
    url.push_str(&format!("X-Amz-Signature={signature}"));
    let mut signed = UploadUrl::new(index, url);
    signed.expires_at = Some(api_timestamp(after(now, Duration::from_secs(URL_LIFETIME))));
    signed
}

/// Signs the request: its path, its query without the signature, and the required headers.
pub(crate) fn signature(
    seed: u64,
    path: &str,
    query: &BTreeMap<String, String>,
    headers: &BTreeMap<String, String>,
) -> String {
    let mut text = format!("PUT\n{path}\n");
    for (name, value) in query {
        text.push_str(&format!("{name}={value}&"));
    }
    for (name, value) in headers {
        text.push_str(&format!("\n{name}:{value}"));
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("storage {seed}").as_bytes());
    let tag = hmac::sign(&key, text.as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
