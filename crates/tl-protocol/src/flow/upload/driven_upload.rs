//! An upload whose requests are answered by hand: the fixture of the tests of this flow.

use std::{
    io,
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde_json::{Value, json};
use tl_model::{NewUpload, UploadType};

use crate::{
    BytesSource, Error, Event, Exchange, Flow, Now, Observer, Outcome, Policy, Step, Token,
    endpoint::CreateUpload,
    flow::upload::{
        Begin, MultipartUpload, Record, UploadJournal, UploadRecord, UploadSettings, Uploaded,
    },
};

/// A time on the driver's clock, in milliseconds.
pub(super) fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// An upload of `total` chunks with `chunk_size` bytes each except the last.
pub(super) struct DrivenUpload {
    flow: MultipartUpload,
    now: Now,
    total: u32,
    in_flight: Vec<(String, Token)>,
    events: Arc<Mutex<Vec<Event>>>,
    records: Arc<Mutex<Vec<Record>>>,
    /// Until when the last step waits.
    pub until: Option<Duration>,
    pub result: Option<Result<Uploaded, Error>>,
}

impl DrivenUpload {
    fn begin(begin: Begin, size: u64, chunk_size: u64, settings: UploadSettings) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let records = Arc::new(Mutex::new(Vec::new()));
        let (event_sink, record_sink) = (Arc::clone(&events), Arc::clone(&records));
        let flow = MultipartUpload::new(
            source(size),
            begin,
            &"https://api.example/v1.3".parse().unwrap(),
            Policy::default(),
            settings,
            1,
        )
        .observed(Observer::new(move |event| {
            event_sink.lock().unwrap().push(event.clone());
        }))
        .recorded(UploadJournal::new(move |record| {
            record_sink.lock().unwrap().push(record.clone());
        }));
        Self {
            flow,
            now: Now::new(Duration::ZERO, SystemTime::UNIX_EPOCH),
            total: u32::try_from(size.div_ceil(chunk_size)).unwrap(),
            in_flight: Vec::new(),
            events,
            records,
            until: None,
            result: None,
        }
    }

    /// An upload of `size` bytes whose session starts at the time 0 with the URLs of `urls`.
    pub(super) fn new(
        size: u64,
        chunk_size: u64,
        settings: UploadSettings,
        urls: impl IntoIterator<Item = u32>,
    ) -> Self {
        let upload = NewUpload::new("a.mp4", UploadType::Video, size);
        let begin = Begin::New(CreateUpload { upload });
        let mut driven = Self::begin(begin, size, chunk_size, settings);
        assert_eq!(driven.step(0), ["session"]);
        let session = json!({
            "upload_id": "u", "asset_id": "a", "chunk_size": chunk_size,
            "total_chunks": driven.total, "upload_urls": signed(urls),
        });
        driven.respond("session", 201, &session);
        driven
    }

    /// An upload with 1 byte per chunk that resumes `record`. The platform's state is requested.
    pub(super) fn resume(record: UploadRecord, settings: UploadSettings) -> Self {
        let size = record.total_size;
        let upload = NewUpload::new("a.mp4", UploadType::Video, size);
        let begin = Begin::Resume(record, CreateUpload { upload });
        let mut driven = Self::begin(begin, size, 1, settings);
        assert_eq!(driven.step(0), ["state 1"]);
        driven
    }

    pub(super) fn with_policy(mut self, policy: Policy) -> Self {
        self.flow.policy = policy;
        self
    }

    /// Steps until the upload waits or ends. Returns the requests that it starts.
    pub(super) fn step(&mut self, time: u64) -> Vec<String> {
        self.now = Now::new(millis(time), self.now.wall);
        let mut started = Vec::new();
        loop {
            match self.flow.step(self.now) {
                Step::Start(token, exchange) => {
                    let name = request_name(&exchange);
                    started.push(name.clone());
                    self.in_flight.push((name, token));
                }
                Step::Wait { until } => {
                    self.until = until;
                    return started;
                }
                Step::Done(result) => {
                    self.result = Some(result);
                    return started;
                }
            }
        }
    }

    /// Ends the request `name` with `outcome`.
    pub(super) fn end(&mut self, name: &str, outcome: Outcome) {
        let position = self.in_flight.iter().position(|(other, _)| other == name);
        let position = position.unwrap_or_else(|| panic!("{name} is in {:?}", self.in_flight));
        let (_, token) = self.in_flight.swap_remove(position);
        self.flow.on_outcome(self.now, token, outcome);
    }

    pub(super) fn respond(&mut self, name: &str, status: u16, body: &Value) {
        let response = http::Response::builder().status(status);
        let response = response.body(Bytes::from(body.to_string()));
        self.end(name, Ok(response.unwrap()));
    }

    /// The storage takes `chunks`.
    pub(super) fn store(&mut self, chunks: impl IntoIterator<Item = u32>) {
        for chunk in chunks {
            let response = http::Response::builder().header("etag", "\"opaque\"");
            self.end(
                &format!("chunk {chunk}"),
                Ok(response.body(Bytes::new()).unwrap()),
            );
        }
    }

    /// The platform signs URLs of `chunks` as the response to `name`.
    pub(super) fn sign(&mut self, name: &str, chunks: impl IntoIterator<Item = u32>) {
        self.respond(name, 200, &json!({ "upload_urls": signed(chunks) }));
    }

    /// The platform responds with a page of the state: these chunks are complete.
    pub(super) fn state(&mut self, page: u32, pages: u32, completed: &[u32]) {
        let chunks: Vec<Value> = completed
            .iter()
            .map(|index| json!({ "index": index, "status": "completed" }))
            .collect();
        let state = json!({
            "upload_id": "u", "status": "active", "uploaded_chunks": chunks,
            "page_info": { "total_page": pages },
        });
        self.respond(&format!("state {page}"), 200, &state);
    }

    /// The `ChunkSent` and `ChunkRetrying` events since the last call.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut *self.events.lock().unwrap());
        events
            .retain(|event| matches!(event, Event::ChunkSent { .. } | Event::ChunkRetrying { .. }));
        events
    }

    /// The chunks that the journal has forgotten, and those that were reported.
    pub(super) fn recorded(&self) -> (Vec<u32>, Vec<u32>) {
        let (mut forgotten, mut reported) = (Vec::new(), Vec::new());
        for record in &*self.records.lock().unwrap() {
            match record {
                Record::Forgotten(indexes) => forgotten.extend(indexes),
                Record::Reported(indexes) => reported.extend(indexes),
                _ => {}
            }
        }
        (forgotten, reported)
    }
}

fn source(size: u64) -> Arc<BytesSource> {
    let bytes = vec![b'a'; usize::try_from(size).unwrap()];
    Arc::new(BytesSource::new("a.mp4", bytes))
}

/// The signed URLs of `chunks` in a response.
pub(super) fn signed(chunks: impl IntoIterator<Item = u32>) -> Vec<Value> {
    let url =
        |index| json!({ "chunk_index": index, "url": format!("https://storage.example/{index}") });
    chunks.into_iter().map(url).collect()
}

/// The name of a report of `chunks`.
pub(super) fn report(chunks: RangeInclusive<u32>) -> String {
    chunks.fold("report".to_owned(), |name, index| format!("{name} {index}"))
}

/// A short name of a request: `session`, `chunk 1`, `urls 1+2` (start and count), `report 1 2` or
/// `state 1` (the page).
pub(super) fn request_name(exchange: &Exchange) -> String {
    let uri = exchange.http.uri();
    let body = io::read_to_string(exchange.http.body().reader()).unwrap();
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let path = uri.path().trim_start_matches("/v1.3");
    match (exchange.http.method().as_str(), path) {
        ("PUT", chunk) => format!("chunk {}", chunk.trim_start_matches('/')),
        ("POST", "/assets/multipart-uploads") => "session".to_owned(),
        ("POST", "/assets/multipart-uploads/u/presigned-urls") => {
            format!("urls {}+{}", body["start"], body["count"])
        }
        ("POST", "/assets/multipart-uploads/u") => {
            let chunks = body["completed_chunks"].as_array().unwrap();
            chunks.iter().fold("report".to_owned(), |name, chunk| {
                format!("{name} {}", chunk["chunk_index"])
            })
        }
        ("GET", "/assets/multipart-uploads/u") => {
            let page = uri.query().unwrap().trim_start_matches("page=");
            let (page, limit) = page.split_once('&').unwrap();
            assert_eq!(limit, "page_limit=50");
            format!("state {page}")
        }
        other => panic!("unexpected request: {other:?}"),
    }
}
