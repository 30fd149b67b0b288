//! Read access to the state outside the API, for the emulator's pages. Requests are not counted and
//! nothing is changed.

use tl_model::{Asset, Index, Page, Task, UploadStatus, Video};
use tl_protocol::{
    Now,
    endpoint::{ListAssets, ListIndexes, ListTasks, ListVideos},
};
use url::Url;

use super::{MediaKey, Platform, Refusal, Rendition};
use crate::{
    api::{assets::views, indexes, tasks, uploads::sessions, videos},
    core::{Env, records::UploadRecord, time::to_timestamp},
    media::renditions,
};

/// A summary of a multipart upload.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Session {
    /// The identifier.
    pub id: String,
    /// The file name.
    pub filename: String,
    /// The status.
    pub status: UploadStatus,
    /// The file size, in bytes.
    pub total_size: u64,
    /// The number of chunks.
    pub total_chunks: u32,
    /// The number of stored chunks.
    pub stored_chunks: u32,
    /// The size of the stored chunks, in bytes.
    pub stored_bytes: u64,
    /// The number of chunks that were reported as complete.
    pub reported_chunks: u32,
}

impl Platform {
    /// Tasks, as listed by the API.
    ///
    /// # Errors
    /// Returns the error that the API would return for this list.
    pub fn tasks(&self, now: Now, list: &ListTasks) -> Result<Page<Task>, Refusal> {
        tasks::list(&self.state, &self.env(now), list)
    }

    /// Indexes, as listed by the API.
    ///
    /// # Errors
    /// Returns the error that the API would return for this list.
    pub fn indexes(&self, now: Now, list: &ListIndexes) -> Result<Page<Index>, Refusal> {
        indexes::list(&self.state, &self.env(now), list)
    }

    /// Videos, as listed by the API.
    ///
    /// # Errors
    /// Returns the error that the API would return for this list.
    pub fn videos(&self, now: Now, list: &ListVideos) -> Result<Page<Video>, Refusal> {
        videos::list(&self.state, &self.env(now), list)
    }

    /// Assets, in the order of the API.
    ///
    /// # Errors
    /// Returns the error that the API would return for this list.
    pub fn assets(&self, now: Now, list: &ListAssets) -> Result<Page<Asset>, Refusal> {
        views::list_summaries(&self.state, &self.env(now), list)
    }

    /// At most `max` multipart uploads, newest first, and the total number of them.
    #[must_use]
    pub fn sessions(&self, now: Now, max: usize) -> (Vec<Session>, usize) {
        let now = to_timestamp(now);
        let mut records: Vec<_> = self.state.uploads.values().collect();
        records.sort_unstable_by_key(|upload| std::cmp::Reverse(upload.number));
        let view = |upload: &UploadRecord| {
            let (stored_chunks, stored_bytes) = sessions::stored(&self.state, upload);
            Session {
                id: upload.id.clone(),
                filename: upload.filename.clone(),
                status: upload.status(now),
                total_size: upload.total_size,
                total_chunks: upload.total_chunks,
                stored_chunks,
                stored_bytes,
                reported_chunks: sessions::reported(&self.state, &upload.id),
            }
        };
        let total = records.len();
        (records.into_iter().take(max).map(view).collect(), total)
    }

    /// The stored file of a video or an asset, with its file name from the client.
    #[must_use]
    pub fn media_of(&self, id: &str) -> Option<(&MediaKey, &str)> {
        let Some(video) = self.state.videos.get(id) else {
            return self.file_of_asset(id);
        };
        let indexed = self.state.tasks.get(&video.task_id);
        if let Some(asset_id) = indexed.and_then(|task| task.asset_id.as_deref()) {
            return self.file_of_asset(asset_id);
        }
        video
            .media
            .as_ref()
            .map(|media| (media, video.filename.as_str()))
    }

    /// Whether an asset with this identifier exists.
    #[must_use]
    pub fn is_asset(&self, id: &str) -> bool {
        self.state.assets.get(id).is_some()
    }

    /// The stored file of an asset, with its file name from the client.
    #[must_use]
    pub fn file_of_asset(&self, asset_id: &str) -> Option<(&MediaKey, &str)> {
        let asset = self.state.assets.get(asset_id)?;
        asset
            .media
            .as_ref()
            .map(|media| (media, asset.filename.as_str()))
    }

    /// All requested renditions and their status.
    #[must_use]
    pub fn renditions(&self) -> Vec<Rendition> {
        let records = self.state.renditions.values();
        records.map(renditions::summary).collect()
    }

    /// The renditions of `owner`, a video or an asset.
    #[must_use]
    pub fn rendition_of(&self, owner: &str) -> Option<Rendition> {
        self.state.renditions.get(owner).map(renditions::summary)
    }

    /// All webhook registrations: identifier and URL.
    pub fn webhooks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.state
            .webhooks
            .values()
            .map(|webhook| (webhook.id.as_str(), webhook.url.as_str()))
    }

    /// Looks up a webhook registration by URL and secret.
    #[must_use]
    pub fn find_webhook(&self, url: &Url, secret: &str) -> Option<&str> {
        let mut webhooks = self.state.webhooks.values();
        let found =
            webhooks.find(|webhook| webhook.url == url.as_str() && webhook.secret == secret)?;
        Some(&found.id)
    }

    fn env(&self, now: Now) -> Env<'_> {
        Env::new(&self.settings, to_timestamp(now))
    }
}
