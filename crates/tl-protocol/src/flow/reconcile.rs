//! Recognizes the resource of a create request whose response was lost. The timing and the number
//! of lookups are in `create.rs`.

use std::time::{Duration, SystemTime};

use tl_model::{CreatedTask, SortBy, SortOption, Task, Timestamp, UserMetadata};

use crate::{
    Endpoint, Resource,
    endpoint::{CreateTask, ListTasks, Media, PageRequest, Sort},
    flow::Paged,
    form::escaped,
};

/// Tolerance for the difference between the platform's clock and the local one.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// What to do if the response to a create request is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reconcile {
    /// Nothing: the result is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    Never,
    /// Looks for resources created since the flow started. The file name, the size and the time
    /// must match.
    #[default]
    ByNameAndTime,
    /// Like [`Reconcile::ByNameAndTime`], but an asset also gets a unique value under this key of
    /// its user metadata, so that it is not confused with another file of the same name and size.
    /// The key is not removed. It has no effect on tasks, whose lists do not include user metadata,
    /// or on indexed assets, which are identified by their asset.
    ByMetadataKey(String),
}

impl From<bool> for Reconcile {
    /// Converts `true` into `ByNameAndTime` and `false` into `Never`.
    fn from(is_enabled: bool) -> Self {
        if is_enabled {
            Self::ByNameAndTime
        } else {
            Self::Never
        }
    }
}

/// An endpoint that creates a resource and recognizes it in a list.
pub trait Reconciled: Endpoint {
    /// The list that contains the resource.
    type List: Paged;

    /// Whether a 503 is looked up too before the request is sent again. It should mean that nothing
    /// was done, but what is created is paid for, and the list identifies it without doubt.
    const DOUBTS_503: bool = false;

    /// The list request for the newest resources, created at `since` or later.
    fn list_request(&self, since: Option<Timestamp>) -> Self::List;

    /// Whether `item` may be the result of this request, created at `since` or later. An item
    /// without a time or a name may be, too.
    fn may_match(&self, item: &<Self::List as Paged>::Item, since: Option<SystemTime>) -> bool;

    /// Whether `item` was created at `since` or later, within the clock tolerance. An item without
    /// a time may have been.
    fn is_recent(item: &<Self::List as Paged>::Item, since: Option<SystemTime>) -> bool;

    /// Adds a marker to the user metadata of the resource, so that it can be identified reliably.
    /// Returns whether the request supports one.
    fn set_marker(&mut self, key: &str, value: &str) -> bool {
        let _ = (key, value);
        false
    }

    /// The user metadata of an item, if the list includes it.
    fn user_metadata(item: &<Self::List as Paged>::Item) -> Option<&UserMetadata> {
        let _ = item;
        None
    }

    /// The resource of an item.
    fn item_resource(item: &<Self::List as Paged>::Item) -> Resource;

    /// Reconstructs the lost response from the item.
    fn response_from(item: <Self::List as Paged>::Item) -> Self::Response;

    /// The resource in a response.
    fn resource(response: &Self::Response) -> Resource;
}

impl Reconciled for CreateTask {
    type List = ListTasks;

    fn list_request(&self, since: Option<Timestamp>) -> ListTasks {
        ListTasks {
            page: newest(),
            sort: newest_first(),
            index_id: Some(self.index_id.clone()),
            created_at: since,
            ..ListTasks::default()
        }
    }

    fn may_match(&self, task: &Task, since: Option<SystemTime>) -> bool {
        let name = task
            .system_metadata()
            .and_then(|metadata| metadata.filename.as_deref());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size in bytes; what is none becomes 0, which is not compared"
        )]
        let size = task
            .system_metadata()
            .and_then(|metadata| metadata.size)
            .map(|bytes| bytes as u64);
        is_recent(task.created_at.as_ref(), since)
            && same_name(name, self.media.filename())
            && same_size(size, &self.media)
    }

    fn is_recent(task: &Task, since: Option<SystemTime>) -> bool {
        is_recent(task.created_at.as_ref(), since)
    }

    fn item_resource(task: &Task) -> Resource {
        task.id.clone().into()
    }

    fn response_from(task: Task) -> CreatedTask {
        let mut created = CreatedTask::new(task.id);
        created.video_id = task.video_id;
        created
    }

    fn resource(created: &CreatedTask) -> Resource {
        created.id.clone().into()
    }
}

/// The first page, with the maximum page size.
pub(super) fn newest() -> PageRequest {
    PageRequest {
        page: Some(1),
        page_limit: Some(50),
    }
}

/// Newest first.
pub(super) fn newest_first() -> Sort {
    Sort {
        by: Some(SortBy::CreatedAt),
        option: Some(SortOption::Desc),
    }
}

/// Whether a resource was created at `since` or later, within the clock tolerance.
pub(super) fn is_recent(created_at: Option<&Timestamp>, since: Option<SystemTime>) -> bool {
    let created = created_at
        .and_then(Timestamp::instant)
        .map(SystemTime::from);
    match (created, since) {
        (Some(created), Some(since)) => created + CLOCK_SKEW >= since,
        _ => true,
    }
}

/// Whether a name equals the file's name, unescaped or as escaped in the form.
pub(super) fn same_name(name: Option<&str>, expected: Option<&str>) -> bool {
    match (name, expected) {
        (Some(name), Some(expected)) => name == expected || name == escaped(expected),
        _ => true,
    }
}

/// Whether a size may equal the file's size. A size that the platform has not measured yet, or of a
/// file that it fetches itself, may.
pub(super) fn same_size(size: Option<u64>, media: &Media) -> bool {
    match (size, media) {
        (Some(size), Media::File(source)) if size > 0 => size == source.len(),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
