//! Looking into the state from outside of the API: what a page about the emulator shows. Nothing is counted or changed.

use tl_model::{Asset, Index, Page, Task, UploadStatus, Video};
use tl_protocol::{
    Now,
    endpoint::{ListAssets, ListIndexes, ListTasks, ListVideos},
};

use super::{MediaKey, Platform, Refusal, asset_views, indexes, moment, tasks, uploads, videos};

/// A multipart upload, for people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Session {
    /// Identifies it.
    pub id: String,
    /// The name of the file.
    pub filename: String,
    /// How far it is.
    pub status: UploadStatus,
    /// The size of the file, in bytes.
    pub total_size: u64,
    /// The chunks of the file.
    pub total_chunks: u32,
    /// The chunks that were stored.
    pub stored_chunks: u32,
    /// Their bytes.
    pub stored_bytes: u64,
    /// The chunks that were reported.
    pub reported_chunks: u32,
}

impl Platform {
    /// Tasks, as the API lists them.
    ///
    /// # Errors
    /// Where the API would refuse the list.
    pub fn tasks(&self, now: Now, list: &ListTasks) -> Result<Page<Task>, Refusal> {
        tasks::list(self, moment(now), list)
    }

    /// Indexes, as the API lists them.
    ///
    /// # Errors
    /// Where the API would refuse the list.
    pub fn indexes(&self, now: Now, list: &ListIndexes) -> Result<Page<Index>, Refusal> {
        indexes::list(self, moment(now), list)
    }

    /// Videos, as the API lists them.
    ///
    /// # Errors
    /// Where the API would refuse the list.
    pub fn videos(&self, now: Now, list: &ListVideos) -> Result<Page<Video>, Refusal> {
        videos::list(self, moment(now), list)
    }

    /// Assets in the order in which the API lists them.
    ///
    /// # Errors
    /// Where the API would refuse the list.
    pub fn assets(&self, now: Now, list: &ListAssets) -> Result<Page<Asset>, Refusal> {
        asset_views::list_briefly(self, moment(now), list)
    }

    /// The newest multipart uploads, `most` of them at most, the newest first; and how many there are in all.
    #[must_use]
    pub fn sessions(&self, now: Now, most: usize) -> (Vec<Session>, usize) {
        let now = moment(now);
        let mut records: Vec<_> = self.state.uploads.values().collect();
        records.sort_unstable_by_key(|upload| std::cmp::Reverse(upload.number));
        let show = |upload: &uploads::UploadRecord| {
            let (stored_chunks, stored_bytes) = uploads::stored(self, upload);
            Session {
                id: upload.id.clone(),
                filename: upload.filename.clone(),
                status: upload.status(now),
                total_size: upload.total_size,
                total_chunks: upload.total_chunks,
                stored_chunks,
                stored_bytes,
                reported_chunks: uploads::reported(self, &upload.id),
            }
        };
        let total = records.len();
        (records.into_iter().take(most).map(show).collect(), total)
    }

    /// The stored file of a video or an asset, with the name by which the client knew it.
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
}
