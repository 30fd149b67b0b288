//! Request handlers: each endpoint implements [`Handle`] next to the code that processes it.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use tl_protocol::{
    Endpoint,
    endpoint::{BodyKind, Received},
};

use crate::platform::{BodyRule, Effect, Platform, Refusal, Settings, Upload};

/// Everything that a handler may read and change.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) platform: &'a mut Platform,
    pub(crate) now: Timestamp,
    /// The authority by which the client reached the emulator; presigned URLs use it.
    pub(crate) host: &'a str,
    pub(crate) received: &'a Received,
    /// The files of a form request.
    pub(crate) uploads: Vec<Upload>,
    /// Side effects for the server to execute.
    pub(crate) effects: &'a mut Vec<Effect>,
}

/// The server side of an endpoint.
pub(crate) trait Handle: Endpoint {
    /// Processes one request.
    fn handle(self, call: Call<'_>) -> Result<Self::Response, Refusal>;

    /// The kind of body that the request may have.
    fn body(platform: &Platform) -> BodyRule {
        match Self::BODY {
            BodyKind::Json => BodyRule::Json,
            BodyKind::Form => BodyRule::Form {
                max_file: platform.max_file(),
                takes_static: false,
                url: "video_url",
            },
            _ => BodyRule::None,
        }
    }

    /// Checks the request before its parameters are decoded.
    fn check(received: &Received) -> Result<(), Refusal> {
        let _ = received;
        Ok(())
    }

    /// The status of a successful response.
    fn status(settings: &Settings) -> StatusCode {
        match Self::SUCCESS {
            StatusCode::NO_CONTENT => settings.empty_status(),
            status => status,
        }
    }

    /// The value of the `Location` header, relative to the version.
    fn location(received: &Received, response: &Self::Response) -> Option<String> {
        let _ = (received, response);
        None
    }
}

/// Decodes the request as `E`, handles it, and encodes the response.
pub(crate) fn respond<E: Handle>(call: Call<'_>) -> Result<Response<Bytes>, Refusal> {
    let received = call.received;
    E::check(received)?;
    let status = E::status(&call.platform.settings);
    let response = E::decode(received)?.handle(call)?;
    let location = E::location(received, &response);
    let body =
        E::encode_response(&response).map_err(|error| Refusal::internal(&error.to_string()))?;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if !response.body().is_empty() {
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    if let Some(location) = location.and_then(|path| HeaderValue::from_str(&path).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Implements [`Handle`] with one expression:
/// `handle!(GetIndex, |call, get| retrieve(call.platform, call.now, &get));`
macro_rules! handle {
    ($Endpoint:ident, |$call:ident, $request:ident| $work:expr) => {
        impl $crate::api::handle::Handle for $Endpoint {
            fn handle(
                self,
                $call: $crate::api::handle::Call<'_>,
            ) -> Result<Self::Response, $crate::platform::Refusal> {
                let $request = self;
                $work
            }
        }
    };
}

pub(crate) use handle;
