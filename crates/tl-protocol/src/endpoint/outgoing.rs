//! A request as a client writes it: path parameters, query and body as data, and the HTTP request
//! built from them.

use http::{Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Url, form_urlencoded};

use super::Rejection;
use crate::{Body, Error, form::Form};

/// A request as data: the path parameters, the query and the body.
#[derive(Debug, Default)]
pub struct Outgoing {
    params: Vec<String>,
    query: Vec<(String, String)>,
    idempotency_key: Option<String>,
    content: Content,
    /// Why the platform would reject the request.
    rejection: Option<Rejection>,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Empty,
    Json(Result<Vec<u8>, serde_json::Error>),
    Form(Form),
}

impl Outgoing {
    /// A request without parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills the next `{name}` of the path.
    #[must_use]
    pub fn param(mut self, value: impl AsRef<str>) -> Self {
        self.params.push(value.as_ref().to_owned());
        self
    }

    /// Adds `name=value` to the query; a repeated name is a list.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers pass literals and numbers"
    )]
    pub fn query(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Adds `name=value` to the query if there is a value.
    #[must_use]
    pub fn query_if(self, name: &str, value: Option<&impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value.to_string()),
            None => self,
        }
    }

    /// Sends this `Idempotency-Key`.
    #[must_use]
    pub fn idempotency_key(mut self, key: Option<&str>) -> Self {
        self.idempotency_key = key.map(str::to_owned);
        self
    }

    /// Builds the request of the endpoint `E`: with its `Accept` and, if it needs one, an
    /// `Idempotency-Key`, which is derived from `seed` unless the request has its own.
    ///
    /// # Errors
    /// See [`into_http`](Self::into_http).
    pub(crate) fn into_request<E: crate::Endpoint>(
        mut self,
        base: &Url,
        seed: u64,
    ) -> Result<http::Request<Body>, Error> {
        if E::REPEAT == crate::Repeat::WithKey && self.idempotency_key.is_none() {
            let mut rng = crate::rng::Rng::new(seed);
            let (high, low) = (rng.bits(), rng.bits());
            self.idempotency_key = Some(format!("tl-{high:016x}{low:016x}"));
        }
        let mut request = self.into_http(&E::METHOD, E::PATH, base, seed)?;
        let accept = http::HeaderValue::from_static(E::ACCEPT);
        request.headers_mut().insert(header::ACCEPT, accept);
        if E::MAX_RESPONSE > 0 {
            let limit = tl_http::MaxResponse(E::MAX_RESPONSE);
            request.extensions_mut().insert(limit);
        }
        Ok(request)
    }

    /// Sends `value` as JSON.
    #[must_use]
    pub fn json(mut self, value: &impl serde::Serialize) -> Self {
        self.content = Content::Json(serde_json::to_vec(value));
        self
    }

    /// Sends `form` as multipart/form-data.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.content = Content::Form(form);
        self
    }

    /// Refuses the request locally if `check` failed: nothing is sent. The first failure is kept.
    #[must_use]
    pub fn checked(mut self, check: Result<(), Rejection>) -> Self {
        self.rejection = self.rejection.or(check.err());
        self
    }

    /// Builds the HTTP request for the API at `base`. The boundary of a form is derived from
    /// `seed`.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if a path parameter is empty (it would
    /// address the whole collection) or a dot segment (it would address another resource), or if
    /// a limit of the API is violated that is known locally.
    pub fn into_http(
        self,
        method: &Method,
        path: &str,
        base: &Url,
        seed: u64,
    ) -> Result<http::Request<Body>, Error> {
        if let Some(rejection) = self.rejection {
            return Err(Error::invalid(format!(
                "the request was not sent: {rejection}"
            )));
        }
        let mut uri = base.as_str().trim_end_matches('/').to_owned();
        let mut params = self.params.iter();
        for segment in path.split('/').skip(1) {
            uri.push('/');
            if !segment.starts_with('{') {
                uri.push_str(segment);
                continue;
            }
            let value = params.next().map_or("", String::as_str);
            if matches!(value, "" | "." | "..") {
                return Err(Error::invalid(format!(
                    "`{value}` cannot stand for {segment} in {path}: give its identifier"
                )));
            }
            uri.extend(utf8_percent_encode(value, PATH_SEGMENT));
        }
        if !self.query.is_empty() {
            uri.push('?');
            uri.push_str(
                &form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(&self.query)
                    .finish(),
            );
        }
        let (content_type, body) = match self.content {
            Content::Empty => (None, Body::empty()),
            Content::Json(bytes) => {
                let bytes = bytes.map_err(|error| {
                    Error::invalid("the request holds what JSON cannot").with_source(error)
                })?;
                (Some("application/json".to_owned()), Body::from(bytes))
            }
            Content::Form(form) => {
                let (content_type, body) = form.encode(seed);
                (Some(content_type), body)
            }
        };
        let mut request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header(header::ACCEPT, "application/json");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(key) = self.idempotency_key {
            request = request.header(super::IDEMPOTENCY_KEY, key);
        }
        request
            .body(body)
            .map_err(|error| Error::invalid("the request has no valid address").with_source(error))
    }
}

/// The unreserved characters of a path segment (RFC 3986, 2.3).
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The path parameters of `path` (without query) if it matches `template`, in the order of the
/// template. A literal segment matches in its percent-encoded form as well: some clients send
/// `/connections%3Aauthorize`.
#[must_use]
pub fn match_path(template: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut params = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(params),
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {
                params.push(percent_decode_str(given).decode_utf8().ok()?.into_owned());
            }
            (Some(wanted), Some(given)) if percent_decode_str(given).eq(wanted.bytes()) => {}
            _ => return None,
        }
    }
}
