//! A request as the shell hands it in, with its body taken in and its files stored and looked at; and what goes back.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Response, request::Parts};
use serde::{Deserialize, Serialize};
use tl_model::ErrorCode;
use tl_protocol::endpoint::{Field, Received, ReceivedBody};
use tl_validate::{MediaFacts, ProbeError};
use url::form_urlencoded;

use super::{Delivery, Effect, Operation, Refusal, StaticFile, media};

/// The name of a stored file, made by the shell. Never made of what a client sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaKey(String);

impl MediaKey {
    /// A key; the text should be a plain file name.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request with its body taken in.
pub type Request = http::Request<Payload>;

/// The body of a request.
#[derive(Debug, Clone, Default)]
pub enum Payload {
    /// No body, or none that the operation looks at.
    #[default]
    None,
    /// The bytes of a JSON document.
    Json(Bytes),
    /// A form.
    Form {
        /// All its parts in their order, the files among them.
        fields: Vec<Field>,
        /// What was seen of the files, in their order.
        uploads: Vec<Upload>,
    },
    /// A body that could not be taken in.
    Unusable(Unusable),
}

/// A stored file of a form.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The name of its part.
    pub field: String,
    /// The name that the client gave it, without any directory.
    pub filename: String,
    /// Where it is stored.
    pub key: MediaKey,
    /// Its size.
    pub bytes: u64,
    /// What the prober saw.
    pub look: Result<MediaFacts, ProbeError>,
    /// What it is, where it is an image or a document, or why it is a broken one.
    pub static_file: Option<Result<StaticFile, String>>,
}

/// Why a body could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It is not what its content type says.
    Malformed(String),
    /// A file has more bytes than the route takes; all of them were read, none kept.
    FileTooLarge {
        /// The most bytes allowed.
        limit: u64,
        /// The bytes that came.
        received: u64,
    },
    /// The rest of the body is larger than the emulator takes.
    TooLarge {
        /// The most bytes allowed.
        limit: u64,
    },
    /// The client stopped sending.
    Stalled,
    /// The emulator could not store it.
    NotStored(String),
}

impl fmt::Display for Unusable {
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

impl std::error::Error for Unusable {}

/// What was decided about a request from its head.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The operation.
    pub operation: Operation,
    /// Which body it may bring.
    pub body: BodyRule,
    pub(super) params: Vec<String>,
}

/// Which body a request may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule {
    /// None; one that comes all the same is not looked at.
    None,
    /// A JSON document.
    Json,
    /// A form whose files have at most this many bytes each.
    Form {
        /// The bound from the rules in force; `None` where there is none.
        max_file: Option<u64>,
        /// Whether images and documents are taken.
        takes_static: bool,
        /// The text that names a URL. Older clients send it as a file part, too.
        url: &'static str,
    },
}

/// What goes back.
#[derive(Debug)]
pub struct Reply {
    /// The response.
    pub response: Response<Bytes>,
    /// What else has to happen, before the response is sent.
    pub effects: Vec<Effect>,
    /// What the connection has to suffer on purpose.
    pub delivery: Delivery,
    /// The faults that struck, for the journal.
    pub faults: Vec<String>,
    /// The operation, where the request was one.
    pub operation: Option<Operation>,
    /// The code, where the request was refused.
    pub refusal: Option<ErrorCode>,
}

/// Refuses a body of another type than the operation takes.
pub(super) fn check_content_type(
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
    let seen = match essence {
        "" => "none was sent".to_owned(),
        other => format!("`{}` was sent", other.chars().take(60).collect::<String>()),
    };
    Err(Refusal::content_type(&format!(
        "{seen}, this endpoint takes {wanted}"
    )))
}

/// The request in the form that the endpoints decode.
pub(super) fn receive(
    intake: &Intake,
    head: &Parts,
    payload: Payload,
) -> Result<(Received, Vec<Upload>), Refusal> {
    let query = head.uri.query().unwrap_or_default();
    let mut received = Received {
        params: intake.params.clone(),
        query: form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        body: ReceivedBody::Empty,
    };
    let mut files = Vec::new();
    match (payload, intake.body) {
        (Payload::Unusable(unusable), _) => return Err(unusable.into()),
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

impl From<Unusable> for Refusal {
    fn from(unusable: Unusable) -> Self {
        use http::StatusCode;
        match unusable {
            Unusable::Malformed(detail) => Self::invalid("body", &detail),
            Unusable::FileTooLarge { limit, received } => media::too_large(limit, received),
            Unusable::TooLarge { limit } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::ParameterInvalid,
                format!(
                    "The body is too large: apart from files, at most {limit} bytes are taken."
                ),
            ),
            Unusable::Stalled => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::RequestCanceledOrTimedOut,
                "The request timed out: the rest of its body did not come.",
            ),
            Unusable::NotStored(detail) => {
                Self::internal(&format!("the body could not be stored ({detail})"))
            }
        }
    }
}
