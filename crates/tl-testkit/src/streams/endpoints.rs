//! Endpoints with streamed JSON events, one for each framing.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use tl_protocol::{
    Endpoint, Repeat,
    endpoint::{BodyKind, Codec, EndSignal, EventRole, Outgoing, Received, Rejection, Streamed},
    framing::Framing,
};

/// Declares an endpoint with JSON events whose response is streamed.
macro_rules! streamed_endpoint {
    ($(#[$doc:meta])* $name:ident: $method:ident $path:literal, $repeat:ident, $framing:ident, $end:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name;

        impl Codec for $name {
            fn encode(&self) -> Outgoing {
                if Self::METHOD == Method::GET {
                    Outgoing::new()
                } else {
                    Outgoing::new().json(&serde_json::json!({"stream": true}))
                }
            }

            fn decode(_: &Received) -> Result<Self, Rejection> {
                Ok(Self)
            }
        }

        impl Endpoint for $name {
            type Response = ();
            const NAME: &'static str = stringify!($name);
            const BODY: BodyKind = BodyKind::Json;
            const OPERATION: &'static str = "read the events";
            const METHOD: Method = Method::$method;
            const PATH: &'static str = $path;
            const REPEAT: Repeat = Repeat::$repeat;
            const SUCCESS: StatusCode = StatusCode::OK;

            fn encode_response((): &()) -> Result<Bytes, serde_json::Error> {
                Ok(Bytes::new())
            }

            fn decode_response(_: &[u8]) -> Result<(), serde_json::Error> {
                Ok(())
            }
        }

        impl Streamed for $name {
            type Event = Value;
            const FRAMING: Framing = Framing::$framing;
            const END: EndSignal = EndSignal::$end;

            fn decode_event(event: &[u8]) -> Result<Value, serde_json::Error> {
                serde_json::from_slice(event)
            }

            fn encode_event(event: &Value) -> Result<Bytes, serde_json::Error> {
                serde_json::to_vec(event).map(Into::into)
            }

            fn role(event: &Value) -> EventRole {
                match event["type"].as_str() {
                    Some("end") => EventRole::Last,
                    Some("error") => EventRole::Failure,
                    _ => EventRole::Part,
                }
            }
        }
    };
}

streamed_endpoint! {
    /// A `POST` with a response in lines, like an analysis.
    Analyze: POST "/analyze", IfNotProcessed, Lines, Event
}

streamed_endpoint! {
    /// A `POST` with a response in server-sent events.
    Respond: POST "/responses", IfNotProcessed, ServerSentEvents, Event
}

streamed_endpoint! {
    /// A `GET` of a file of lines without a final event.
    Results: GET "/results", Freely, Lines, Body
}
