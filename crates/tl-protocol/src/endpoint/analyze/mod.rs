//! `/analyze`: text, structured data and segments from videos; tasks and batches of analyses.

mod batches;
mod body;
mod tasks;

use bytes::Bytes;
use tl_model::{Analysis, AnalyzeEvent, AnalyzeEventType, AnalyzeRequest};

pub use batches::*;
pub use tasks::*;

use super::{
    Codec, EventRole, Outgoing, Parameter, Received, Rejection, Streamed, endpoint, json, resource,
};
use crate::{Endpoint, framing::Framing};
use body::SYNC_MEMBERS;

resource! {
    /// Analyses that are answered in the response.
    Analyses, analyses
}

endpoint! {
    /// Analyzes a video or images, and returns the whole answer. It takes as long as the analysis:
    /// see [`Policy::slow_timeout`](crate::Policy::slow_timeout).
    ///
    /// [`StreamAnalysis`] returns the same answer while it is written.
    Analyze: PartialEq custom JSON {
        /// What to analyze, and how.
        request: AnalyzeRequest,
        /// Whether the answer is streamed. A client sends [`StreamAnalysis`] for that.
        stream: bool,
    }
    name: "analyze";
    does: "analyze the video";
    POST "/analyze" => OK Analysis;
    repeat: IfNotProcessed;
    client: Analyses::run;
    with { const IS_SLOW: bool = true; }
}

impl Analyze {
    /// The request for a whole answer.
    #[must_use]
    pub fn new(request: AnalyzeRequest) -> Self {
        Self {
            request,
            stream: false,
        }
    }
}

/// `AnalyzeRequest` with the member `stream`.
#[derive(serde::Serialize)]
struct WithStream<'a> {
    #[serde(flatten)]
    request: &'a AnalyzeRequest,
    stream: bool,
}

impl Codec for Analyze {
    fn encode(&self) -> Outgoing {
        Outgoing::new().json(&WithStream {
            request: &self.request,
            stream: self.stream,
        })
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let mut object = request.json_with(SYNC_MEMBERS)?.clone();
        // An absent member streams.
        let stream = json::flag(&object, "stream")?.unwrap_or(true);
        object.remove("stream");
        Ok(Self {
            request: body::read(object)?,
            stream,
        })
    }

    fn parameters() -> Vec<Parameter> {
        body::parameters(SYNC_MEMBERS)
    }
}

/// Analyzes a video or images, and returns the answer while it is written, as events.
///
/// The response is complete with the event `stream_end`. If its `finish_reason` is `length`, the
/// answer was truncated.
///
/// ```
/// use tl_model::{AnalyzeRequest, AnalyzeVideo};
/// use tl_protocol::{Client, Error, Transport, endpoint::StreamAnalysis, flow::Events};
///
/// fn print<T: Transport>(client: &Client<T>) -> Result<(), Error>
/// where
///     T::Stream<'static, Events<StreamAnalysis>>: Iterator<Item = Result<tl_model::AnalyzeEvent, Error>>,
/// {
///     let mut request = AnalyzeRequest::default();
///     request.video = Some(AnalyzeVideo::Asset("6298d673f1090f1100476d4c".into()));
///     request.prompt = Some("What happens?".to_owned());
///     for event in client.stream(&StreamAnalysis::new(request)) {
///         print!("{}", event?.text.unwrap_or_default());
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StreamAnalysis {
    /// What to analyze, and how.
    pub request: AnalyzeRequest,
}

impl StreamAnalysis {
    /// The request for a streamed answer.
    #[must_use]
    pub fn new(request: AnalyzeRequest) -> Self {
        Self { request }
    }
}

impl Codec for StreamAnalysis {
    fn encode(&self) -> Outgoing {
        Outgoing::new().json(&WithStream {
            request: &self.request,
            stream: true,
        })
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        Analyze::decode(request).map(|Analyze { request, .. }| Self { request })
    }
}

impl Endpoint for StreamAnalysis {
    type Response = ();

    const NAME: &'static str = Analyze::NAME;
    const OPERATION: &'static str = Analyze::OPERATION;
    const METHOD: http::Method = Analyze::METHOD;
    const PATH: &'static str = Analyze::PATH;
    const BODY: super::BodyKind = Analyze::BODY;
    const REPEAT: crate::Repeat = Analyze::REPEAT;
    const SUCCESS: http::StatusCode = Analyze::SUCCESS;
    // As in the official clients: the documents name one media type for streamed responses, servers
    // may send another.
    const ACCEPT: &'static str = "*/*";

    fn encode_response((): &()) -> Result<Bytes, serde_json::Error> {
        Ok(Bytes::new())
    }

    fn decode_response(_: &[u8]) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl Streamed for StreamAnalysis {
    type Event = AnalyzeEvent;

    const FRAMING: Framing = Framing::Lines;

    fn decode_event(event: &[u8]) -> Result<AnalyzeEvent, serde_json::Error> {
        serde_json::from_slice(event)
    }

    fn encode_event(event: &AnalyzeEvent) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(event).map(Into::into)
    }

    fn role(event: &AnalyzeEvent) -> EventRole {
        match &event.event_type {
            // Its `error` is a warning about a truncated answer.
            Some(AnalyzeEventType::StreamEnd) => EventRole::Last,
            Some(AnalyzeEventType::Error) => EventRole::Failure,
            // No document says how a failure looks: any other event with an error is one.
            _ if event.error.is_some() || event.extra.contains_key("error") => EventRole::Failure,
            _ => EventRole::Part,
        }
    }
}
