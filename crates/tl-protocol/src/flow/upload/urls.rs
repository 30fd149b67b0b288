//! Unused presigned URLs: each is used once, and not after its expiry.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use tl_model::{PresignedUrl, Timestamp, UploadUrl};

/// Lifetime of a URL if the response does not include it (API reference, "Create a multipart upload
/// session": one hour).
const DOCUMENTED_LIFE: Duration = Duration::from_secs(3600);

/// The unused URLs, by chunk.
#[derive(Debug, Clone, Default)]
pub(super) struct Urls {
    by_chunk: BTreeMap<u32, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    url: PresignedUrl,
    /// On the driver's clock.
    usable_until: Duration,
}

impl Urls {
    /// Adds URLs that were requested at `now`, when the server's clock was `server`. A newer URL
    /// replaces an older one.
    ///
    /// Their lifetime is computed on the server's clock and stored on the driver's, so that a wrong
    /// local wall clock has no effect.
    pub(super) fn insert(
        &mut self,
        urls: Vec<UploadUrl>,
        expires_at: Option<&Timestamp>,
        server: SystemTime,
        now: Duration,
        margin: Duration,
        is_needed: impl Fn(u32) -> bool,
    ) {
        for url in urls {
            let index = url.chunk_index;
            if !is_needed(index) {
                continue;
            }
            let lifetime = lifetime(url.expires_at.as_ref().or(expires_at), server);
            let usable_until = now
                .saturating_add(lifetime)
                .saturating_sub(margin.min(lifetime / 2));
            self.by_chunk.insert(
                index,
                Entry {
                    url: url.url,
                    usable_until,
                },
            );
        }
    }

    /// Removes and returns the URL of a chunk, if it has one that has not expired.
    pub(super) fn take(&mut self, index: u32, now: Duration) -> Option<PresignedUrl> {
        let entry = self.by_chunk.remove(&index)?;
        (now < entry.usable_until).then_some(entry.url)
    }

    /// Whether the chunk has a URL that has not expired.
    pub(super) fn has(&self, index: u32, now: Duration) -> bool {
        self.by_chunk
            .get(&index)
            .is_some_and(|entry| now < entry.usable_until)
    }
}

fn lifetime(expires_at: Option<&Timestamp>, server: SystemTime) -> Duration {
    let expires = expires_at
        .and_then(Timestamp::instant)
        .map(SystemTime::from);
    match expires.map(|expires| expires.duration_since(server)) {
        Some(Ok(lifetime)) => lifetime.min(DOCUMENTED_LIFE),
        // Already expired: the storage would reject it.
        Some(Err(_)) => Duration::ZERO,
        None => DOCUMENTED_LIFE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn urls(expires: Option<&str>) -> Urls {
        let mut urls = Urls::default();
        let mut url = UploadUrl::new(1_u32, "https://bucket.example/1");
        url.expires_at = expires.map(Timestamp::from);
        let now = Duration::from_secs(100);
        urls.insert(vec![url], None, at(0), now, Duration::from_secs(60), |_| {
            true
        });
        urls
    }

    #[test]
    fn url_is_used_once_and_not_in_its_last_minute() {
        let seconds = Duration::from_secs;
        let mut hour = urls(Some("1970-01-01T01:00:00Z"));
        assert!(hour.has(1, seconds(100 + 3539)));
        assert!(!hour.has(1, seconds(100 + 3540)));
        assert!(hour.take(1, seconds(200)).is_some());
        assert_eq!(hour.take(1, seconds(200)), None);
    }

    #[test]
    fn a_short_lived_url_is_used_in_its_first_half() {
        let seconds = Duration::from_secs;
        let mut minute = urls(Some("1970-01-01T00:01:00Z"));
        assert!(minute.has(1, seconds(100 + 29)));
        assert!(!minute.has(1, seconds(100 + 30)));
        assert_eq!(minute.clone().take(1, seconds(100 + 30)), None);
        assert!(minute.take(1, seconds(100 + 29)).is_some());
    }

    #[test]
    fn missing_expiry_uses_the_documented_lifetime() {
        assert!(urls(None).has(1, Duration::from_secs(3000)));
        assert!(!urls(Some("1969-12-31T23:59:00Z")).has(1, Duration::from_secs(100)));
    }
}
