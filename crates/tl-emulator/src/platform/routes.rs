//! Which request is which operation: the table of endpoints, by the types that the client encodes them with.

use std::fmt;

use http::Method;
use tl_protocol::{
    Endpoint,
    endpoint::{
        CreateIndex, CreateTask, DeleteIndex, DeleteTask, DeleteVideo, GetIndex, GetTask, GetVideo,
        ListIndexes, ListTasks, ListVideos, RenameIndex, UpdateVideoMetadata, match_path,
    },
};

use super::{Quirks, Refusal, quirks};

/// An operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// `POST /tasks`
    TasksCreate,
    /// `GET /tasks`
    TasksList,
    /// `GET /tasks/{task_id}`
    TasksRetrieve,
    /// `DELETE /tasks/{task_id}`
    TasksDelete,
    /// `POST /indexes`
    IndexesCreate,
    /// `GET /indexes`
    IndexesList,
    /// `GET /indexes/{index_id}`
    IndexesRetrieve,
    /// `PUT /indexes/{index_id}`
    IndexesUpdate,
    /// `DELETE /indexes/{index_id}`
    IndexesDelete,
    /// `GET /indexes/{index_id}/videos`
    VideosList,
    /// `GET /indexes/{index_id}/videos/{video_id}`
    VideosRetrieve,
    /// `PATCH /indexes/{index_id}/videos/{video_id}`
    VideosUpdate,
    /// `DELETE /indexes/{index_id}/videos/{video_id}`
    VideosDelete,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 13] = [
        Self::TasksCreate,
        Self::TasksList,
        Self::TasksRetrieve,
        Self::TasksDelete,
        Self::IndexesCreate,
        Self::IndexesList,
        Self::IndexesRetrieve,
        Self::IndexesUpdate,
        Self::IndexesDelete,
        Self::VideosList,
        Self::VideosRetrieve,
        Self::VideosUpdate,
        Self::VideosDelete,
    ];

    /// The name in the journal and in fault plans, as the platform's own clients call it: `tasks.create`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TasksCreate => "tasks.create",
            Self::TasksList => "tasks.list",
            Self::TasksRetrieve => "tasks.retrieve",
            Self::TasksDelete => "tasks.delete",
            Self::IndexesCreate => "indexes.create",
            Self::IndexesList => "indexes.list",
            Self::IndexesRetrieve => "indexes.retrieve",
            Self::IndexesUpdate => "indexes.update",
            Self::IndexesDelete => "indexes.delete",
            Self::VideosList => "indexes.videos.list",
            Self::VideosRetrieve => "indexes.videos.retrieve",
            Self::VideosUpdate => "indexes.videos.update",
            Self::VideosDelete => "indexes.videos.delete",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a route takes as a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RouteBody {
    None,
    Json,
    Form,
}

#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) operation: Operation,
    pub(super) body: RouteBody,
}

const fn route<E: Endpoint>(operation: Operation, body: RouteBody) -> Route {
    Route {
        method: E::METHOD,
        path: E::PATH,
        operation,
        body,
    }
}

static ROUTES: [Route; 13] = [
    route::<CreateTask>(Operation::TasksCreate, RouteBody::Form),
    route::<ListTasks>(Operation::TasksList, RouteBody::None),
    route::<GetTask>(Operation::TasksRetrieve, RouteBody::None),
    route::<DeleteTask>(Operation::TasksDelete, RouteBody::None),
    route::<CreateIndex>(Operation::IndexesCreate, RouteBody::Json),
    route::<ListIndexes>(Operation::IndexesList, RouteBody::None),
    route::<GetIndex>(Operation::IndexesRetrieve, RouteBody::None),
    route::<RenameIndex>(Operation::IndexesUpdate, RouteBody::Json),
    route::<DeleteIndex>(Operation::IndexesDelete, RouteBody::None),
    route::<ListVideos>(Operation::VideosList, RouteBody::None),
    route::<GetVideo>(Operation::VideosRetrieve, RouteBody::None),
    route::<UpdateVideoMetadata>(Operation::VideosUpdate, RouteBody::Json),
    route::<DeleteVideo>(Operation::VideosDelete, RouteBody::None),
];

/// The route of a request below the version, with its path parameters.
pub(super) fn find(
    method: &Method,
    path: &str,
    quirks: &Quirks,
) -> Result<(&'static Route, Vec<String>), Refusal> {
    let path = match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    };
    let mut allowed = Vec::new();
    for route in &ROUTES {
        if let Some(params) = match_path(route.path, path) {
            if route.method == *method {
                return Ok((route, params));
            }
            allowed.push(route.method.as_str());
        }
    }
    if allowed.is_empty() || quirks.get(&quirks::WRONG_METHOD) == "404" {
        return Err(Refusal::no_such_route(path));
    }
    Err(Refusal::method_not_allowed(&allowed.join(", ")))
}

/// The version that a path names: `v1.2` of `/v1.2/tasks`.
pub(super) fn version_of(path: &str) -> Option<&str> {
    let first = path.strip_prefix('/')?.split('/').next()?;
    let digits = first.strip_prefix('v')?;
    let is_version = !digits.is_empty()
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_version && first != "v1.3").then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_one_route_and_the_name_of_its_own() {
        for operation in Operation::ALL {
            let count = ROUTES
                .iter()
                .filter(|route| route.operation == operation)
                .count();
            assert_eq!(count, 1, "{operation}");
            let same = Operation::ALL
                .iter()
                .filter(|other| other.as_str() == operation.as_str());
            assert_eq!(same.count(), 1, "{operation}");
        }
    }
}
