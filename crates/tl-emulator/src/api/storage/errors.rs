//! Errors of the storage behind presigned URLs: S3's codes, statuses, messages and XML.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// Why a chunk was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotStored {
    /// The connection ended before all bytes were received.
    Cut,
    /// The rest of the bytes timed out.
    Stalled,
    /// The bytes do not match the `Content-MD5` header.
    BadDigest,
    /// A newer upload of the same chunk replaced this one.
    Superseded,
    /// The emulator could not write the bytes.
    Failed(String),
}

/// Converts the response of a fault to XML: the platform's errors are JSON.
pub(crate) fn to_xml(fault_response: Response<Bytes>) -> Response<Bytes> {
    let is_json = fault_response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    if !is_json || fault_response.status().is_success() {
        return fault_response;
    }
    let code = match fault_response.status().as_u16() {
        503 | 429 => "SlowDown",
        403 => "AccessDenied",
        400..=499 => "InvalidRequest",
        _ => "InternalError",
    };
    let refusal = ObjectRefusal::new(
        fault_response.status(),
        code,
        "An error occurred on purpose.",
    );
    let mut response = refusal.response("/");
    for (name, value) in fault_response.headers() {
        if name != header::CONTENT_TYPE {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// An error response of the storage.
#[derive(Debug)]
pub(crate) struct ObjectRefusal {
    status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Vec<(&'static str, String)>,
}

impl ObjectRefusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    pub(crate) fn denied(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", message)
    }

    pub(crate) fn query_error(detail: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "AuthorizationQueryParametersError",
            format!("Error parsing the query of the presigned URL: {detail}."),
        )
    }

    pub(crate) fn no_upload(why: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NoSuchUpload",
            format!("The specified multipart upload does not exist: {why}."),
        )
    }

    pub(crate) fn response(&self, resource: &str) -> Response<Bytes> {
        let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>".to_owned();
        let members = [
            ("Code", self.code.to_owned()),
            ("Message", self.message.clone()),
        ];
        let details = self.details.iter().cloned();
        let resource = [("Resource", resource.to_owned())];
        for (name, value) in members.into_iter().chain(details).chain(resource) {
            xml.push_str(&format!("<{name}>{}</{name}>", escaped(&value)));
        }
        xml.push_str("</Error>");
        let mut response = Response::new(Bytes::from(xml));
        *response.status_mut() = self.status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml"),
        );
        response
    }
}

impl From<NotStored> for ObjectRefusal {
    fn from(not_stored: NotStored) -> Self {
        let bad = |code, message: &str| Self::new(StatusCode::BAD_REQUEST, code, message);
        match not_stored {
            NotStored::Cut => bad(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            ),
            NotStored::Stalled => bad(
                "RequestTimeout",
                "Your socket connection to the server was not read from or written to within the timeout period.",
            ),
            NotStored::BadDigest => bad(
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
            ),
            NotStored::Superseded => Self::new(
                StatusCode::CONFLICT,
                "OperationAborted",
                "A conflicting conditional operation is currently in progress against this resource. Try again.",
            ),
            NotStored::Failed(detail) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                format!("The emulator could not store the chunk: {detail}."),
            ),
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML 1.0 does not allow other control characters.
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}
