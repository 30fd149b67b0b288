//! Feature `tracing`: the tree of spans, their attributes, and that they contain no secret.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use tl_protocol::{
    ApiKey, Client, ClientSettings, Credentials, HttpSettings, Observer, Policy, flow::WaitPolicy,
};
use tl_testkit::sim::Sim;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use super::{
    at_once, base, client, create_task,
    exchanges::{SECRETS, Storage, two_chunks},
    get_task, task,
};

/// Records all spans.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recording>>);

#[derive(Default)]
struct Recording {
    spans: Vec<Recorded>,
    /// The spans that are entered.
    stack: Vec<usize>,
}

struct Recorded {
    metadata: &'static Metadata<'static>,
    parent: Option<usize>,
    fields: BTreeMap<&'static str, String>,
    references: usize,
}

impl Visit for Recorded {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

fn index(id: &Id) -> usize {
    usize::try_from(id.into_u64() - 1).unwrap()
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut recording = self.0.lock().unwrap();
        let mut span = Recorded {
            metadata: attributes.metadata(),
            parent: match attributes.parent() {
                Some(parent) => Some(index(parent)),
                None if attributes.is_contextual() => recording.stack.last().copied(),
                None => None,
            },
            fields: BTreeMap::new(),
            references: 1,
        };
        attributes.record(&mut span);
        recording.spans.push(span);
        Id::from_u64(recording.spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut self.0.lock().unwrap().spans[index(id)]);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().stack.push(index(id));
    }

    fn exit(&self, id: &Id) {
        assert_eq!(self.0.lock().unwrap().stack.pop(), Some(index(id)));
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.lock().unwrap().spans[index(id)].references += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let span = &mut self.0.lock().unwrap().spans[index(&id)];
        span.references -= 1;
        span.references == 0
    }
}

impl Recorder {
    /// Runs `work`. Returns the spans as a tree, one per line with the fields that `show` names;
    /// checks that every span is closed and none is entered.
    fn tree(work: impl FnOnce(), show: &[&str]) -> Vec<String> {
        let recorder = Self::default();
        tracing::subscriber::with_default(recorder.clone(), work);
        let recording = recorder.0.lock().unwrap();
        assert!(recording.stack.is_empty());
        let mut lines = Vec::new();
        for (number, span) in recording.spans.iter().enumerate() {
            assert_eq!(span.references, 0, "{} {number}", span.metadata.name());
            assert_eq!(span.metadata.target(), "tl_protocol");
        }
        let roots =
            (0..recording.spans.len()).filter(|span| recording.spans[*span].parent.is_none());
        for root in roots {
            recording.write(root, 0, show, &mut lines);
        }
        lines
    }

    /// Everything that `work` records, on one line per span.
    fn everything(work: impl FnOnce()) -> String {
        let recorder = Self::default();
        tracing::subscriber::with_default(recorder.clone(), work);
        let recording = recorder.0.lock().unwrap();
        let line = |span: &Recorded| format!("{} {:?}\n", span.metadata.name(), span.fields);
        recording.spans.iter().map(line).collect()
    }
}

impl Recording {
    fn write(&self, number: usize, depth: usize, show: &[&str], lines: &mut Vec<String>) {
        let span = &self.spans[number];
        let fields: String = show
            .iter()
            .filter_map(|name| Some(format!(" {}", span.fields.get(name)?)))
            .collect();
        lines.push(format!(
            "{}{}{fields}",
            "- ".repeat(depth),
            span.metadata.name()
        ));
        for (child, span) in self.spans.iter().enumerate() {
            if span.parent == Some(number) {
                self.write(child, depth + 1, show, lines);
            }
        }
    }
}

const SHOWN: [&str; 6] = [
    "tl.operation",
    "tl.chunk",
    "otel.name",
    "http.request.resend_count",
    "http.response.status_code",
    "error.type",
];

#[test]
fn a_call_with_two_retries_is_a_span_with_three_attempts() {
    let script = ["503".to_owned(), "lost".to_owned(), task("ready")];
    let call = || {
        client(&script, at_once()).call(get_task()).unwrap();
    };
    assert_eq!(
        Recorder::tree(call, &SHOWN),
        [
            "call retrieve the task",
            "- attempt GET /tasks/{task_id} 503 503",
            "- attempt GET /tasks/{task_id} 1 Lost",
            "- attempt GET /tasks/{task_id} 2 200",
        ]
    );
}

#[test]
fn an_attempt_has_the_attributes_of_opentelemetry() {
    let script = ["404 {\"code\": \"resource_not_exist\"}"];
    let all = Recorder::everything(|| {
        client(&script, at_once()).call(get_task()).unwrap_err();
    });
    let body = script[0].len() - "404 ".len();
    let fields = [
        ("error.type", "404"),
        ("http.request.body.size", "0"),
        ("http.request.method", "GET"),
        ("http.response.body.size", &body.to_string()),
        ("http.response.status_code", "404"),
        ("otel.kind", "client"),
        ("otel.name", "GET /tasks/{task_id}"),
        ("server.address", "api.twelvelabs.io"),
        ("server.port", "443"),
        ("url.template", "/tasks/{task_id}"),
    ];
    let fields = BTreeMap::from(fields);
    let call = r#"{"error.type": "NotFound", "tl.operation": "retrieve the task"}"#;
    assert_eq!(all, format!("call {call}\nattempt {fields:?}\n"));
}

#[test]
fn a_wait_has_a_call_for_each_poll_in_the_span_of_the_caller() {
    let script = [task("pending"), "503".to_owned(), task("ready")];
    let wait = || {
        let _caller = tracing::info_span!(target: "tl_protocol", "caller").entered();
        let client = client(&script, at_once());
        client.wait(get_task(), WaitPolicy::default()).unwrap();
    };
    assert_eq!(
        Recorder::tree(wait, &["tl.operation", "http.response.status_code"]),
        [
            "caller",
            "- wait wait until the task is ready",
            "- - call retrieve the task",
            "- - - attempt 200",
            "- - call retrieve the task",
            "- - - attempt 503",
            "- - - attempt 200",
        ]
    );
}

#[test]
fn an_ingestion_contains_the_create_request_and_the_wait() {
    let script = [
        r#"201 {"_id": "62a1ec6d9ea24f052b971a0f", "video_id": "v"}"#.to_owned(),
        task("failed"),
    ];
    let ingest = || {
        let client = client(&script, at_once());
        let wait = Some(WaitPolicy::default());
        client
            .ingest_task(create_task(), wait, Observer::none())
            .unwrap_err();
    };
    assert_eq!(
        Recorder::tree(ingest, &["http.response.status_code", "error.type"]),
        [
            "ingest ProcessingFailed",
            "- create",
            "- - call",
            "- - - attempt 201",
            "- wait ProcessingFailed",
            "- - call",
            "- - - attempt 200",
        ]
    );
}

fn upload() {
    let settings = ClientSettings::new(base(), 7).with_policy(at_once());
    let client: Client<_> = Client::new(Sim::new(Storage::default()), settings);
    client.ingest_asset(two_chunks(), Observer::none()).unwrap();
}

#[test]
fn an_upload_has_an_attempt_for_each_chunk() {
    let lines = Recorder::tree(upload, &SHOWN);
    assert_eq!(
        lines[..2],
        [
            "ingest upload and index an asset",
            "- upload upload the file in chunks"
        ]
    );
    let chunks: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| line.contains("PUT"))
        .collect();
    assert_eq!(
        chunks,
        [
            "- - attempt 1 PUT 200",
            "- - attempt 2 PUT 500 500",
            "- - attempt 2 PUT 1 200",
        ]
    );
    let calls = lines
        .iter()
        .filter(|line| line.starts_with("- - call "))
        .count();
    assert!(
        calls >= 3,
        "the session, a new URL and the report: {lines:?}"
    );
}

#[test]
fn no_span_contains_a_presigned_url_or_its_headers() {
    let all = Recorder::everything(upload);
    assert!(all.contains("storage.example"), "{all}");
    for secret in SECRETS {
        assert!(!all.contains(secret), "{all}");
    }
    assert!(
        !all.contains("url.full") && !all.contains("url.query"),
        "{all}"
    );
}

#[test]
fn no_span_contains_the_key() {
    const KEY: &str = "tlk_THE0KEY0IS0SECRET";
    // A port on which nothing listens: an attempt with the key ends at once.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base: url::Url = format!("http://{}/v1.3", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let all = Recorder::everything(|| {
        let credentials = Credentials::new(ApiKey::new(KEY).unwrap(), base.clone()).unwrap();
        let transport =
            tl_http_blocking::BlockingHttp::new(HttpSettings::new(credentials)).unwrap();
        let settings =
            ClientSettings::new(base.clone(), 7).with_policy(Policy::default().with_attempts(1));
        let client: Client<_> = Client::new(transport, settings);
        client.call(get_task()).unwrap_err();
    });
    let port = base.port().unwrap();
    for expected in [
        "\"error.type\": \"Unreachable\"",
        "127.0.0.1",
        &format!("\"server.port\": \"{port}\""),
    ] {
        assert!(all.contains(expected), "{expected} in {all}");
    }
    assert!(!all.contains("THE0KEY"), "{all}");
}

#[cfg(feature = "conformance")]
#[test]
fn a_stream_has_a_span_that_ends_with_its_body() {
    let script = [
        "503".to_owned(),
        "200 {\"type\":\"text\"}\n{\"type\":\"end\"}\n".to_owned(),
    ];
    let stream = || {
        let client = client(&script, at_once());
        let events = client.stream(&tl_testkit::streams::Analyze);
        assert_eq!(events.map(Result::unwrap).count(), 2);
    };
    let mut shown = SHOWN.to_vec();
    shown.push("http.response.body.size");
    assert_eq!(
        Recorder::tree(stream, &shown),
        [
            "stream read the events",
            "- attempt POST /analyze 503 503 0",
            "- attempt POST /analyze 1 200 31",
        ]
    );
}
