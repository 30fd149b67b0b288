//! API errors: the platform's documented codes, statuses and messages, as flat `{code, message}`
//! JSON unless another form is documented.
//!
//! The codes and their placeholders are documented (error-codes page); the wording is ours. The
//! format of placeholder values is undocumented. The emulator writes a resolution as `320x180`, a
//! duration as `2.0 seconds`, and a size in bytes. If a status is neither documented nor observed,
//! the comment on its function says so.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;
use tl_model::{ErrorBody, ErrorCode};
use tl_protocol::endpoint::{Rejection, RejectionKind};

/// The documentation page of the error codes, as named in the platform's 404 bodies.
const DOCS_URL: &str = "https://docs.twelvelabs.io/api-reference/error-codes";

/// An error response of the API.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The error code.
    pub code: ErrorCode,
    /// The error message.
    pub message: String,
    /// Additional response headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The form of the body.
    pub form: ErrorForm,
}

/// The form of an error body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorForm {
    /// `{"code", "message", "docs_url"?}`.
    #[default]
    Flat,
    /// `{"error": {"code", "message", "details"}}`.
    Nested,
    /// No body.
    Empty,
}

impl Refusal {
    /// Creates an error from its status, code and message.
    pub fn new(status: StatusCode, code: impl Into<ErrorCode>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            headers: Vec::new(),
            form: ErrorForm::Flat,
        }
    }

    pub(crate) fn bad(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn invalid(parameter: &str, detail: &str) -> Self {
        Self::bad(
            ErrorCode::ParameterInvalid,
            format!("The {parameter} parameter is invalid: {detail}."),
        )
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::bad(
            ErrorCode::ParameterNotProvided,
            format!("The {parameter} parameter is required but was not provided."),
        )
    }

    pub(crate) fn unknown(parameter: &str) -> Self {
        Self::bad(
            ErrorCode::ParameterUnknown,
            format!("The {parameter} parameter is unknown to this endpoint."),
        )
    }

    pub(crate) fn content_type(detail: &str) -> Self {
        Self::bad(
            ErrorCode::ContentTypeInvalid,
            format!("The Content-Type header is invalid: {detail}."),
        )
    }

    pub(crate) fn key_invalid(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::ApiKeyInvalid, message)
    }

    /// Unknown resource, with the code of the error-codes page.
    pub(crate) fn not_exist(collection: &str, id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorCode::ResourceNotExist,
            format!("Resource with id {id} does not exist in the {collection} collection."),
        )
    }

    /// Unknown resource, with the code that the OpenAPI description gives for videos.
    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorCode::NotFound,
            "The specified resource does not exist.",
        )
    }

    /// The status is documented, the code is not.
    pub(crate) fn asset_in_use(id: &str, references: usize) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "asset_in_use",
            format!(
                "The asset {id} cannot be deleted: {references} indexed assets reference it. Delete them first, or set force to true."
            ),
        )
    }

    /// Neither status nor code is documented. The status is a quirk; the code is the one for an
    /// invalid parameter.
    pub(crate) fn asset_not_ready(id: &str, status: &str, http: &str) -> Self {
        let detail = format!("the asset {id} is {status}, only one that is ready can be indexed");
        let mut refusal = Self::invalid("asset_id", &detail);
        if http == "409" {
            refusal.status = StatusCode::CONFLICT;
        }
        refusal
    }

    /// The status is not documented; 400 is the status of the other version and parameter errors.
    pub(crate) fn upgrade_required(version: &str) -> Self {
        Self::bad(
            ErrorCode::ApiUpgradeRequired,
            format!(
                "This endpoint is not available in version {version} of the API. Use the current version, v1.3."
            ),
        )
    }

    /// The code is not documented.
    pub(crate) fn unknown_endpoint(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorCode::NotFound,
            format!("There is no endpoint {path}."),
        )
    }

    /// Status and code are not documented; the status follows HTTP.
    pub(crate) fn method_not_allowed(allowed: &str) -> Self {
        let mut refusal = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::ApiNotAllowed,
            format!("The method is not allowed for this endpoint. Allowed: {allowed}."),
        );
        if let Ok(allow) = HeaderValue::from_str(allowed) {
            refusal.headers.push((header::ALLOW, allow));
        }
        refusal
    }

    pub(crate) fn internal(detail: &str) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::GenericError,
            format!("The emulator could not do its work: {detail}."),
        )
    }

    pub(crate) fn response(&self) -> Response<Bytes> {
        let mut error = ErrorBody::flat(
            self.status.as_u16(),
            self.code.clone(),
            self.message.clone(),
        );
        // In the samples of the newest official client, 404 bodies contain the page and 400 bodies
        // do not.
        if self.status == StatusCode::NOT_FOUND {
            error.docs_url = Some(DOCS_URL.to_owned());
        }
        let body = match self.form {
            ErrorForm::Flat => error.to_flat_json().into(),
            ErrorForm::Nested => {
                let inner = json!({"code": self.code, "message": self.message, "details": {}});
                json!({ "error": inner }).to_string().into()
            }
            ErrorForm::Empty => Bytes::new(),
        };
        let has_body = !body.is_empty();
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if has_body {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        response
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let Rejection {
            kind,
            parameter,
            detail,
            ..
        } = rejection;
        match kind {
            RejectionKind::Missing => Self::missing(&parameter),
            RejectionKind::Invalid => Self::invalid(&parameter, detail.trim_end_matches('.')),
            RejectionKind::Unknown => Self::unknown(&parameter),
            RejectionKind::ContentType => Self::content_type(&detail),
            RejectionKind::Unprocessable => {
                let mut refusal = Self::invalid(&parameter, detail.trim_end_matches('.'));
                refusal.status = StatusCode::UNPROCESSABLE_ENTITY;
                refusal
            }
        }
    }
}
