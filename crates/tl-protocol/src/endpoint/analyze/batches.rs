//! `/analyze/batches`: up to 1,000 analyses in one request.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value};
use tl_model::{
    AnalyzeBatch, AnalyzeBatchId, AnalyzeBatchResult, AnalyzeBatchStatus, AnalyzeMode,
    CreatedAnalyzeBatch, NewAnalyzeBatch, Page,
};

use super::{body, endpoint, resource};
use crate::{
    Endpoint, Resource,
    endpoint::{
        BodyKind, Codec, EndSignal, EventRole, Outgoing, PageRequest, Parameter, Received,
        Rejection, Streamed, json::JsonBody, registry::assert_registered,
    },
    flow::{Progress, Watched},
    framing::{Framing, Splitter},
};

resource! {
    /// Operations on batches of analyses.
    AnalyzeBatches, analyze_batches
}

endpoint! {
    /// Starts a batch of analyses. At most five batches of an account are active at a time.
    CreateAnalyzeBatch: PartialEq {
        body {
            /// The model, the mode, the items and their common settings.
            batch: NewAnalyzeBatch
        }
    }
    name: "analyze_async.batches.create";
    does: "create a batch of analyses";
    POST "/analyze/batches" => CREATED CreatedAnalyzeBatch;
    repeat: IfNotProcessed;
    client: AnalyzeBatches::create;
    with {
        // Documented for both: "The batch was not created."
        const NOT_PROCESSED: &'static [u16] = &[503, 504];
        const LIMITS_RESOURCES: bool = true;
    }
}

endpoint! {
    /// Lists the batches of the account, newest first.
    ListAnalyzeBatches: PartialEq, Eq, Default {
        query {
            /// The page to return.
            page: PageRequest,
            /// Return only batches of these statuses.
            status: Vec<AnalyzeBatchStatus>,
            /// Return only batches of these modes.
            analysis_mode: Vec<AnalyzeMode>,
        }
    }
    name: "analyze_async.batches.list";
    does: "list the batches of analyses";
    GET "/analyze/batches" => OK Page<AnalyzeBatch>;
    repeat: Freely;
    client: AnalyzeBatches::list;
    paged: AnalyzeBatch;
}

endpoint! {
    /// Retrieves a batch: its status, and how many items are in which status.
    GetAnalyzeBatch: PartialEq, Eq {
        path {
            /// The batch.
            batch_id: AnalyzeBatchId,
        }
    }
    name: "analyze_async.batches.retrieve";
    does: "retrieve the batch of analyses";
    GET "/analyze/batches/{batch_id}" => OK AnalyzeBatch;
    repeat: Freely;
    client: AnalyzeBatches::get;
}

endpoint! {
    /// Deletes a batch that has ended, with its tasks and results.
    DeleteAnalyzeBatch: PartialEq, Eq {
        path {
            /// The batch.
            batch_id: AnalyzeBatchId,
        }
    }
    name: "analyze_async.batches.delete";
    does: "delete the batch of analyses";
    DELETE "/analyze/batches/{batch_id}" => NO_CONTENT;
    repeat: Freely;
    client: AnalyzeBatches::delete;
    gone: ();
}

endpoint! {
    /// Cancels a batch: items that wait are canceled, items that are processed end.
    CancelAnalyzeBatch: PartialEq, Eq {
        path {
            /// The batch.
            batch_id: AnalyzeBatchId,
        }
    }
    name: "analyze_async.batches.cancel";
    does: "cancel the batch of analyses";
    POST "/analyze/batches/{batch_id}/cancel" => ACCEPTED AnalyzeBatch;
    repeat: Freely;
    client: AnalyzeBatches::cancel;
}

/// Retrieves the results of a batch, one per item, in any order. They can be retrieved at any time;
/// items that have not ended have no result yet.
///
/// As a call, all results are kept in memory. [`Client::stream`](crate::Client::stream) returns them
/// one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetAnalyzeBatchResults {
    /// The batch.
    pub batch_id: AnalyzeBatchId,
}

impl GetAnalyzeBatchResults {
    /// The request to retrieve the results of a batch.
    #[must_use]
    pub fn new(batch_id: impl Into<AnalyzeBatchId>) -> Self {
        Self {
            batch_id: batch_id.into(),
        }
    }
}

impl Codec for GetAnalyzeBatchResults {
    fn encode(&self) -> Outgoing {
        Outgoing::new().param(&self.batch_id)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        Ok(Self::new(request.param(0)))
    }

    fn parameters() -> Vec<Parameter> {
        vec![Parameter::path::<AnalyzeBatchId>("batch_id")]
    }
}

impl Endpoint for GetAnalyzeBatchResults {
    type Response = Vec<AnalyzeBatchResult>;

    const NAME: &'static str = "analyze_async.batches.results";
    const OPERATION: &'static str = "retrieve the results of the batch";
    const METHOD: http::Method = http::Method::GET;
    const PATH: &'static str = "/analyze/batches/{batch_id}/results";
    const BODY: BodyKind = BodyKind::None;
    const REPEAT: crate::Repeat = crate::Repeat::Freely;
    const SUCCESS: http::StatusCode = http::StatusCode::OK;
    const ACCEPT: &'static str = "*/*";
    // 1,000 items of at most 98,304 tokens are about 400 MB of text; this is what fits comfortably.
    // A stream has no limit.
    const MAX_RESPONSE: u64 = 512 << 20;
    const RESPONSE_TYPE: Option<&'static str> = Some("AnalyzeBatchResult");

    fn encode_response(results: &Vec<AnalyzeBatchResult>) -> Result<Bytes, serde_json::Error> {
        let mut lines = BytesMut::new();
        for result in results {
            lines.put(Framing::Lines.frame(&serde_json::to_vec(result)?));
        }
        Ok(lines.freeze())
    }

    fn decode_response(body: &[u8]) -> Result<Vec<AnalyzeBatchResult>, serde_json::Error> {
        let mut splitter = Splitter::new(Framing::Lines, usize::MAX);
        splitter.push(Bytes::copy_from_slice(body));
        splitter.end();
        let mut results = Vec::new();
        // Without a limit, no event is too large.
        while let Ok(Some(line)) = splitter.next_event() {
            results.push(serde_json::from_slice(&line)?);
        }
        Ok(results)
    }
}

// Fails to compile if the operation is missing from `for_each_endpoint!`.
const _: () = assert_registered::<GetAnalyzeBatchResults>();

impl Streamed for GetAnalyzeBatchResults {
    type Event = AnalyzeBatchResult;

    const FRAMING: Framing = Framing::Lines;
    const END: EndSignal = EndSignal::Body;

    fn decode_event(event: &[u8]) -> Result<AnalyzeBatchResult, serde_json::Error> {
        serde_json::from_slice(event)
    }

    fn encode_event(event: &AnalyzeBatchResult) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(event).map(Into::into)
    }

    fn role(_: &AnalyzeBatchResult) -> EventRole {
        EventRole::Part
    }
}

impl<T, X> AnalyzeBatches<'_, T, X>
where
    T: crate::Transport,
    X: From<crate::Error> + Send + 'static,
{
    /// Retrieves the results of a batch; see [`GetAnalyzeBatchResults`].
    ///
    /// # Errors
    /// See [`Client::call`](crate::Client::call).
    pub fn results(
        self,
        batch_id: impl Into<AnalyzeBatchId>,
    ) -> crate::client::CallOutput<T, Vec<AnalyzeBatchResult>, X> {
        self.0.call(GetAnalyzeBatchResults::new(batch_id))
    }
}

impl JsonBody for NewAnalyzeBatch {
    const MEMBERS: &'static [&'static str] =
        &["model_name", "analysis_mode", "defaults", "requests"];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        for name in ["model_name", "analysis_mode", "requests"] {
            crate::endpoint::json::required(object, name)?;
        }
        let batch: Self = body::from_object(object.clone())?;
        if let Some(defaults) = &batch.defaults {
            body::check_extra("defaults.", &defaults.extra)?;
        }
        for request in &batch.requests {
            body::check_extra("requests.", &request.extra)?;
        }
        Ok(batch)
    }
}

/// The wait ends with any final status: a batch that was canceled or has expired has results too.
impl Watched for GetAnalyzeBatch {
    const WAITING: &'static str = "wait until the batch has ended";

    fn status(batch: &AnalyzeBatch) -> String {
        let status = batch.status.as_ref();
        status.map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(batch: &AnalyzeBatch) -> Progress {
        match &batch.status {
            Some(status) if status.is_terminal() => Progress::Ready,
            _ => Progress::Working,
        }
    }

    fn resource(&self) -> Resource {
        self.batch_id.clone().into()
    }
}
