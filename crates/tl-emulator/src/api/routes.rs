//! The routing table, generated from the registry of endpoints.

use bytes::Bytes;
use http::{Method, Response};
use tl_protocol::{
    endpoint::{self, match_path, *},
    for_each_endpoint,
};

use super::{
    handle::{Handle, Incoming, respond},
    request::BodyRule,
};
use crate::core::{
    Env, Refusal, State,
    operation::Operation,
    quirks::{self, Quirks},
    settings::Settings,
};

/// Handles one request.
type Respond = fn(&mut State, &mut Env<'_>, Incoming<'_>) -> Result<Response<Bytes>, Refusal>;

/// One operation with its handler.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    pub(crate) endpoint: endpoint::Operation,
    /// Whether the request may have the header `Idempotency-Key`.
    pub(crate) is_keyed: bool,
    /// The kind of body that the request may have.
    pub(crate) body: fn(&Settings) -> BodyRule,
    /// Handles the request.
    pub(crate) respond: Respond,
    /// The parameters of the request, for the description.
    pub(crate) parameters: fn() -> Vec<Parameter>,
    /// The names of the types of the request body and the response, for the description.
    pub(crate) body_type: Option<&'static str>,
    pub(crate) response_type: Option<&'static str>,
}

impl Route {
    const fn of<E: Handle>() -> Self {
        Self {
            operation: Operation::of::<E>(),
            endpoint: endpoint::Operation::of::<E>(),
            is_keyed: matches!(E::REPEAT, tl_protocol::Repeat::WithKey),
            body: E::body,
            respond: respond::<E>,
            parameters: E::parameters,
            body_type: E::BODY_TYPE,
            response_type: E::RESPONSE_TYPE,
        }
    }
}

/// An endpoint without a handler does not compile.
macro_rules! routes {
    ($($Endpoint:ident),+) => {
        /// All operations, in the order of the registry.
        pub(crate) static ROUTES: &[Route] = &[$(Route::of::<$Endpoint>()),+];
    };
}

for_each_endpoint!(routes);

/// The route of an operation. The storage has none: its path is not below the version of the API.
pub(crate) fn of(operation: Operation) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.operation == operation)
}

/// Looks up the route of a request, given its path below the version. Also returns the path
/// parameters.
pub(crate) fn find(
    method: &Method,
    path: &str,
    quirks: &Quirks,
) -> Result<(&'static Route, Vec<String>), Refusal> {
    let path = match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    };
    let mut allowed = Vec::new();
    let matching = ROUTES
        .iter()
        .filter_map(|route| Some((route, match_path(route.endpoint.path, path)?)));
    let matching: Vec<_> = matching.collect();
    // If several paths match, use the one with the fewest parameters: `multipart-uploads` is not an
    // asset identifier.
    let fewest = matching.iter().map(|(_, params)| params.len()).min();
    for (route, params) in matching {
        if Some(params.len()) == fewest {
            let is_older = *method == Method::PUT
                && route.operation == Operation::of::<UpdateVideoMetadata>()
                && quirks.get(&quirks::VIDEO_PUT) == "accept";
            if route.endpoint.method == *method || is_older {
                return Ok((route, params));
            }
            allowed.push(route.endpoint.method.as_str());
        }
    }
    if allowed.is_empty() || quirks.get(&quirks::WRONG_METHOD) == "404" {
        return Err(Refusal::unknown_endpoint(path));
    }
    Err(Refusal::method_not_allowed(&allowed.join(", ")))
}

/// The unsupported version in a path: `v1.2` of `/v1.2/tasks`.
pub(crate) fn version_of(path: &str) -> Option<&str> {
    let first = path.strip_prefix('/')?.split('/').next()?;
    let digits = first.strip_prefix('v')?;
    let is_version = !digits.is_empty()
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_version && first != "v1.3").then_some(first)
}
