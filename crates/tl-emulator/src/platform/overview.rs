//! Looking into the state from outside of the API: what a page about the emulator shows. Nothing is counted or changed.

use tl_model::{Index, Page, Task, Video};
use tl_protocol::{
    Now,
    endpoint::{ListIndexes, ListTasks, ListVideos},
};

use super::{MediaKey, Platform, Refusal, indexes, moment, tasks, videos};

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

    /// The stored file of a video, with the name by which the client knew it.
    #[must_use]
    pub fn media_of(&self, video_id: &str) -> Option<(&MediaKey, &str)> {
        let video = self.state.videos.get(video_id)?;
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
