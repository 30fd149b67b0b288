//! The request that the server passes to the handler, with its body read and its files stored and
//! probed, and the reply.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Response, request::Parts};
use tl_model::ErrorCode;
use tl_protocol::endpoint::{Field, Received, ReceivedBody};
use tl_validate::{MediaFacts, ProbeError};
use url::form_urlencoded;

use crate::{
    core::{
        Refusal, effect::Effect, faults::Delivery, operation::Operation, records::MediaKey,
        static_file::StaticFile, stream::Pieces,
    },
    media::validation,
};

/// A request with its body.
pub type Request = http::Request<Payload>;

/// The body of a request.
#[derive(Debug, Clone, Default)]
pub enum Payload {
    /// No body, or a body that the operation ignores.
    #[default]
    None,
    /// The bytes of a JSON document.
    Json(Bytes),
    /// A multipart form.
    Form {
        /// All fields in their order, files included.
        fields: Vec<Field>,
        /// The stored files in their order.
        uploads: Vec<Upload>,
    },
    /// A body that could not be read.
    Invalid(BodyError),
}

/// A stored file of a form.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Upload {
    /// The name of the form field.
    pub field: String,
    /// The file name from the client, without directories.
    pub filename: String,
    /// The key of the stored file.
    pub key: MediaKey,
    /// The size in bytes.
    pub bytes: u64,
    /// The result of probing the file as media.
    pub probe: Result<MediaFacts, ProbeError>,
    /// The SHA-256 in hexadecimal, if it is known.
    pub content: Option<String>,
    /// Set for images and documents: what the file is, or why it is broken.
    pub static_file: Option<Result<StaticFile, String>>,
}

impl Upload {
    /// A file that was probed as media.
    #[must_use]
    pub fn new(
        field: impl Into<String>,
        filename: impl Into<String>,
        key: MediaKey,
        bytes: u64,
        probe: Result<MediaFacts, ProbeError>,
    ) -> Self {
        Self {
            field: field.into(),
            filename: filename.into(),
            key,
            bytes,
            probe,
            content: None,
            static_file: None,
        }
    }

    /// Sets [`content`](Self::content).
    #[must_use]
    pub fn with_content(mut self, content: Option<String>) -> Self {
        self.content = content;
        self
    }

    /// Sets [`static_file`](Self::static_file).
    #[must_use]
    pub fn with_static_file(mut self, static_file: Option<Result<StaticFile, String>>) -> Self {
        self.static_file = static_file;
        self
    }
}

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// The body does not match its content type.
    Malformed(String),
    /// A file exceeds the size limit of the route. It was read to the end and discarded.
    FileTooLarge {
        /// The maximum size in bytes.
        limit: u64,
        /// The received size in bytes.
        received: u64,
    },
    /// The rest of the body exceeds the emulator's size limit.
    TooLarge {
        /// The maximum size in bytes.
        limit: u64,
    },
    /// The body timed out.
    Stalled,
    /// The emulator could not store the body.
    NotStored(String),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(detail) => f.write_str(detail),
            Self::FileTooLarge { limit, received } => {
                write!(
                    f,
                    "the file has {received} bytes, at most {limit} are taken"
                )
            }
            Self::TooLarge { limit } => {
                write!(f, "apart from files, at most {limit} bytes are taken")
            }
            Self::Stalled => f.write_str("the rest did not come in time"),
            Self::NotStored(detail) => write!(f, "it could not be stored ({detail})"),
        }
    }
}

impl std::error::Error for BodyError {}

/// What is known about a request from its head.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The operation.
    pub operation: Operation,
    /// The kind of body it may have.
    pub body: BodyRule,
    pub(crate) params: Vec<String>,
}

/// The kind of body that a request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule {
    /// No body. If there is one, it is ignored.
    None,
    /// A JSON document.
    Json,
    /// A multipart form.
    Form {
        /// The maximum size of each file in bytes, from the active rule pack; `None` means
        /// unlimited.
        max_file: Option<u64>,
        /// Whether images and documents are accepted.
        takes_static: bool,
        /// The name of the text field with a URL. Older clients also send it as a file part.
        url: &'static str,
    },
}

/// The response with everything that belongs to it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reply {
    /// The response.
    pub response: Response<Bytes>,
    /// Effects to execute before the response is sent.
    pub effects: Vec<Effect>,
    /// The body in pieces, if the response is streamed.
    pub pieces: Option<Pieces>,
    /// Faults of the connection.
    pub delivery: Delivery,
    /// Descriptions of the injected faults, for the journal.
    pub faults: Vec<String>,
    /// The operation, if the request matched one.
    pub operation: Option<Operation>,
    /// The error code, if the request was refused.
    pub refusal: Option<ErrorCode>,
}

/// Checks that the content type is the one of the operation.
pub(crate) fn check_content_type(
    body: &BodyRule,
    content_type: Option<&HeaderValue>,
) -> Result<(), Refusal> {
    let wanted = match body {
        BodyRule::None => return Ok(()),
        BodyRule::Json => "application/json",
        BodyRule::Form { .. } => "multipart/form-data",
    };
    let given = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let essence = given.as_deref().unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let actual = match essence {
        "" => "none was sent".to_owned(),
        other => format!("`{}` was sent", other.chars().take(60).collect::<String>()),
    };
    Err(Refusal::content_type(&format!(
        "{actual}, this endpoint takes {wanted}"
    )))
}

/// Converts the request to the type that the endpoints decode.
pub(crate) fn receive(
    intake: &Intake,
    head: &Parts,
    payload: Payload,
) -> Result<(Received, Vec<Upload>), Refusal> {
    let query = head.uri.query().unwrap_or_default();
    let mut received = Received::new(
        intake.params.clone(),
        form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        ReceivedBody::Empty,
    );
    let mut files = Vec::new();
    match (payload, intake.body) {
        (Payload::Invalid(error), _) => return Err(error.into()),
        (_, BodyRule::None) | (Payload::None, _) => {}
        (Payload::Json(bytes), _) if bytes.is_empty() => {}
        (Payload::Json(bytes), _) => {
            let value = serde_json::from_slice(&bytes)
                .map_err(|error| Refusal::invalid("body", &format!("it is not JSON: {error}")))?;
            received.body = ReceivedBody::Json(value);
        }
        (Payload::Form { fields, uploads }, _) => {
            received.body = ReceivedBody::Form(fields);
            files = uploads;
        }
    }
    Ok((received, files))
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        use http::StatusCode;
        match error {
            BodyError::Malformed(detail) => Self::invalid("body", &detail),
            BodyError::FileTooLarge { limit, received } => validation::too_large(limit, received),
            BodyError::TooLarge { limit } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::ParameterInvalid,
                format!(
                    "The body is too large: apart from files, at most {limit} bytes are taken."
                ),
            ),
            BodyError::Stalled => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::RequestCanceledOrTimedOut,
                "The request timed out: the rest of its body did not come.",
            ),
            BodyError::NotStored(detail) => {
                Self::internal(&format!("the body could not be stored ({detail})"))
            }
        }
    }
}
