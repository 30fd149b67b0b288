//! What a create that lost its answer may have made: how it is known again in a list. When is looked, and how often, is in
//! `create.rs`.

use std::time::{Duration, SystemTime};

use tl_model::{CreatedTask, SortBy, SortOption, Task, Timestamp, UserMetadata};

use crate::{
    Endpoint,
    endpoint::{CreateTask, ListTasks, Media, PageRequest, Sort},
    flow::Paged,
    form::escaped,
};

/// How much earlier than this machine's clock a thing may claim to have been made: the clocks differ a little.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// What is done where the answer to a create is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reconcile {
    /// Nothing: it is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    Never,
    /// What was made since the flow began is listed. The name of the file, its size and the time must fit.
    #[default]
    ByNameAndTime,
    /// As [`Reconcile::ByNameAndTime`], and an asset gets a value that nothing else has, under this key of its user metadata, so that
    /// it is told from another file of the same name and size. The key stays on the asset. Lists of tasks tell no user
    /// metadata, and an indexed asset is known by its asset: there the mark changes nothing.
    ByMetadataKey(String),
}

impl From<bool> for Reconcile {
    /// Whether it is looked at all.
    fn from(look: bool) -> Self {
        if look {
            Self::ByNameAndTime
        } else {
            Self::Never
        }
    }
}

/// An endpoint that makes something, and knows the thing again in a list.
pub trait Reconciled: Endpoint {
    /// The list in which it would stand.
    type List: Paged;

    /// What is made: `task`.
    const RESOURCE: &'static str;

    /// The request for the newest things, made at `since` or later.
    fn look(&self, since: Option<Timestamp>) -> Self::List;

    /// Whether `item` may be what this request made at `since` or later. What tells no time or no name may be it too.
    fn may_be_ours(&self, item: &<Self::List as Paged>::Item, since: Option<SystemTime>) -> bool;

    /// Whether `item` was made at `since` or later, give or take the clocks; one that tells no time may have been.
    fn is_recent(item: &<Self::List as Paged>::Item, since: Option<SystemTime>) -> bool;

    /// Puts a text of the caller's own on what is made, so that it can be known for certain; whether the request can carry one.
    fn mark(&mut self, key: &str, value: &str) -> bool {
        let _ = (key, value);
        false
    }

    /// The caller's own data about an item, where the list tells it.
    fn marks(item: &<Self::List as Paged>::Item) -> Option<&UserMetadata> {
        let _ = item;
        None
    }

    /// The identifier of an item.
    fn item_id(item: &<Self::List as Paged>::Item) -> String;

    /// The answer that was lost, as far as the item tells it.
    fn answer_of(item: <Self::List as Paged>::Item) -> Self::Response;

    /// The identifier in an answer.
    fn id(response: &Self::Response) -> String;
}

impl Reconciled for CreateTask {
    type List = ListTasks;

    const RESOURCE: &'static str = "task";

    fn look(&self, since: Option<Timestamp>) -> ListTasks {
        ListTasks {
            page: newest(),
            sort: newest_first(),
            index_id: Some(self.index_id.clone()),
            created_at: since,
            ..ListTasks::default()
        }
    }

    fn may_be_ours(&self, task: &Task, since: Option<SystemTime>) -> bool {
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

    fn item_id(task: &Task) -> String {
        task.id.to_string()
    }

    fn answer_of(task: Task) -> CreatedTask {
        let mut created = CreatedTask::new(task.id);
        created.video_id = task.video_id;
        created
    }

    fn id(created: &CreatedTask) -> String {
        created.id.to_string()
    }
}

/// The first page, as long as the API allows.
pub(super) fn newest() -> PageRequest {
    PageRequest {
        page: Some(1),
        page_limit: Some(50),
    }
}

/// The newest first.
pub(super) fn newest_first() -> Sort {
    Sort {
        by: Some(SortBy::CreatedAt),
        option: Some(SortOption::Desc),
    }
}

/// Whether something was made at `since` or later, give or take the clocks.
pub(super) fn is_recent(created_at: Option<&Timestamp>, since: Option<SystemTime>) -> bool {
    let made = created_at
        .and_then(Timestamp::instant)
        .map(SystemTime::from);
    match (made, since) {
        (Some(made), Some(since)) => made + CLOCK_SKEW >= since,
        _ => true,
    }
}

/// Whether a name is the file's own, in its own letters or as it stood on the wire.
pub(super) fn same_name(name: Option<&str>, own: Option<&str>) -> bool {
    match (name, own) {
        (Some(name), Some(own)) => name == own || name == escaped(own),
        _ => true,
    }
}

/// Whether a size is the file's own. What the platform has not measured yet, and what it fetches itself, may be.
pub(super) fn same_size(size: Option<u64>, media: &Media) -> bool {
    match (size, media) {
        (Some(size), Media::File(source)) if size > 0 => size == source.len(),
        _ => true,
    }
}
