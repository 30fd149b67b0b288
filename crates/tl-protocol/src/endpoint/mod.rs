//! One type per operation of the API, declared once by `endpoint!`. Every type is encoded **and**
//! decoded in both directions: the emulator reads what the client writes.
//!
//! One file per resource holds its operations and its client handle. A new operation is a
//! declaration in the file of its resource and a line in
//! [`for_each_endpoint!`](crate::for_each_endpoint).

mod analyze;
mod assets;
mod chat_responses;
mod connections;
mod embed;
mod entities;
mod indexed_assets;
mod indexes;
pub mod json;
mod knowledge_stores;
mod legacy_embed;
mod macros;
mod media;
mod outgoing;
mod parameter;
pub mod query;
mod received;
mod registry;
mod search;
mod streamed;
mod tasks;
mod uploads;
mod videos;

use std::fmt;

use bytes::Bytes;
use http::{Method, StatusCode};

pub use analyze::*;
pub use assets::*;
pub use chat_responses::*;
pub use connections::*;
pub use embed::*;
pub use entities::*;
pub use indexed_assets::*;
pub use indexes::*;
pub use knowledge_stores::*;
pub use legacy_embed::*;
pub use media::Media;
pub use outgoing::{Outgoing, match_path};
pub use parameter::{Described, Parameter, Place, ValueKind};
pub use query::{MetadataFilter, NumberFilter, PageRequest, RangeFilter, Sort, TopLevelFilter};
pub use received::{
    Field, FieldValue, Files, Params, Received, ReceivedBody, Rejection, RejectionKind,
};
pub use registry::{OPERATIONS, Operation, Registered, RegisteredResource};
pub use search::*;
pub use streamed::{EndSignal, EventRole, Streamed};
pub use tasks::*;
pub use uploads::*;
pub use videos::*;

use crate::{Auth, Repeat};
use macros::{endpoint, resource};
use registry::{assert_registered, assert_resource};

/// The largest response with embeddings that is accepted, in bytes: 512 MiB. The longest video, 4
/// hours in segments of 2 seconds with 3 options, has 21,600 embeddings of 512 numbers, which are up
/// to 230 MB of JSON in one response. With an uncertainty of each number it is twice that.
pub const MAX_EMBEDDINGS: u64 = 512 << 20;

/// The header with which a request is not processed twice ([`Repeat::WithKey`]).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How a client writes a request and a server reads it.
pub trait Codec: Sized {
    /// Writes the request in the platform's format.
    fn encode(&self) -> Outgoing;

    /// Reads the request as a server does.
    ///
    /// # Errors
    /// The first parameter that is missing, not allowed, or unknown.
    fn decode(request: &Received) -> Result<Self, Rejection>;

    /// The parameters in the path, the query and a JSON body, as far as they are declared one by
    /// one.
    #[must_use]
    fn parameters() -> Vec<Parameter> {
        Vec::new()
    }
}

/// The body that a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyKind {
    /// No body.
    None,
    /// A JSON object.
    Json,
    /// `multipart/form-data`.
    Form,
}

/// One operation of the API: a request with its response.
pub trait Endpoint: Codec + Clone + fmt::Debug + Send + Sync + 'static {
    /// The response type.
    type Response: fmt::Debug + Send + 'static;

    /// The dotted name, as in the platform's own clients: `tasks.create`.
    const NAME: &'static str;
    /// The operation as a verb phrase that follows "could not": `create a task`.
    const OPERATION: &'static str;
    /// The HTTP method.
    const METHOD: Method;
    /// The path below the base URL, with a `{name}` placeholder for each path parameter.
    const PATH: &'static str;
    /// The body that the request carries.
    const BODY: BodyKind;
    /// Whether the request carries the API key.
    const AUTH: Auth = Auth::ApiKey;
    /// Whether the request may be sent again when it is unknown whether it was processed.
    const REPEAT: Repeat;
    /// Error statuses that mean for this operation that the request was not processed, so that it may
    /// be sent again. 429 and 503 always do.
    const NOT_PROCESSED: &'static [u16] = &[];
    /// Whether a 429 without `Retry-After` is a limit on something that exists, such as active
    /// batches: sending the request again does not help.
    const LIMITS_RESOURCES: bool = false;
    /// Whether the platform analyzes media before it responds, which can take minutes:
    /// [`Policy::slow_timeout`](crate::Policy::slow_timeout) applies.
    const IS_SLOW: bool = false;
    /// The media type that the client accepts.
    const ACCEPT: &'static str = "application/json";
    /// The largest response in bytes, if it can be larger than
    /// [`HttpSettings::max_response`](crate::HttpSettings::max_response) allows; otherwise 0.
    const MAX_RESPONSE: u64 = 0;
    /// The documented status of a success; a client accepts every 2xx.
    const SUCCESS: StatusCode;
    /// The name of the type that is the body, for descriptions of the API: `NewIndex`, or the name
    /// of the request itself if its encoding is written by hand.
    const BODY_TYPE: Option<&'static str> = None;
    /// The name of the response type, for descriptions of the API: `Page<Task>`.
    const RESPONSE_TYPE: Option<&'static str> = None;

    /// Writes the response as a server does.
    ///
    /// # Errors
    /// If `Response` contains a value that JSON cannot represent.
    fn encode_response(response: &Self::Response) -> Result<Bytes, serde_json::Error>;

    /// Reads the response as a client does.
    ///
    /// # Errors
    /// If the body does not match the API description.
    fn decode_response(body: &[u8]) -> Result<Self::Response, serde_json::Error>;

    /// The response to assume when a repeated request gets 404, because an earlier attempt did its
    /// work.
    #[must_use]
    fn when_gone() -> Option<Self::Response> {
        None
    }
}

#[cfg(test)]
mod tests;
