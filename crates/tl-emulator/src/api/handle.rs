//! Request handlers: each endpoint implements [`Handle`] next to the code that processes it.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use tl_protocol::{
    Endpoint,
    endpoint::{BodyKind, Received},
};

use super::request::{BodyRule, Upload};
use crate::{
    core::{Env, Refusal, State, answers, settings::Settings},
    media::validation,
};

/// What a request contains besides its decoded parameters.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) received: &'a Received,
    /// The files of a form request.
    pub(crate) uploads: Vec<Upload>,
}

/// The server side of an endpoint.
pub(crate) trait Handle: Endpoint {
    /// Processes one request.
    fn handle(
        self,
        state: &mut State,
        env: &mut Env<'_>,
        incoming: Incoming<'_>,
    ) -> Result<Self::Response, Refusal>;

    /// The kind of body that the request may have.
    fn body(settings: &Settings) -> BodyRule {
        match Self::BODY {
            BodyKind::Json => BodyRule::Json,
            BodyKind::Form => BodyRule::Form {
                max_file: validation::max_task_file(&settings.rules),
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

    /// The media type of a successful response that has a body.
    fn content_type() -> &'static str {
        "application/json"
    }

    /// The value of the `Location` header, relative to the version.
    fn location(received: &Received, response: &Self::Response) -> Option<String> {
        let _ = (received, response);
        None
    }
}

/// Decodes the request as `E`, handles it, and encodes the response.
pub(crate) fn respond<E: Handle>(
    state: &mut State,
    env: &mut Env<'_>,
    incoming: Incoming<'_>,
) -> Result<Response<Bytes>, Refusal> {
    let received = incoming.received;
    E::check(received)?;
    let status = E::status(env.settings);
    let response = E::decode(received)?.handle(state, env, incoming)?;
    let location = E::location(received, &response);
    let (body, content_type) = match &env.pieces {
        Some(pieces) => (pieces.pieces.concat().into(), env.stream_type),
        None => {
            let body = E::encode_response(&response);
            let body = body.map_err(|error| Refusal::internal(&error.to_string()))?;
            (body, E::content_type())
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(source) = env.answer {
        let source = HeaderValue::from_static(source.as_str());
        headers.insert(HeaderName::from_static(answers::HEADER), source);
    }
    if env.pieces.is_some() || !response.body().is_empty() {
        let content_type = HeaderValue::from_static(content_type);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
    }
    if let Some(location) = location.and_then(|path| HeaderValue::from_str(&path).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Implements [`Handle`] with one expression:
/// `handle!(GetIndex, |state, env, request| retrieve(state, env, &request));`
macro_rules! handle {
    ($Endpoint:ident, |$state:ident, $env:ident, $request:ident| $work:expr) => {
        impl $crate::api::handle::Handle for $Endpoint {
            fn handle(
                self,
                $state: &mut $crate::core::State,
                $env: &mut $crate::core::Env<'_>,
                _: $crate::api::handle::Incoming<'_>,
            ) -> Result<Self::Response, $crate::core::Refusal> {
                let $request = self;
                $work
            }
        }
    };
}

pub(crate) use handle;
