//! Tests of search against a scripted platform: pages, expired tokens, limits, and what is not
//! sent.

use std::{
    collections::VecDeque,
    io::Read,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde_json::{Value, json};
use tl_model::{ModelName, SearchFilter, SearchHit, SearchOption, TranscriptionOption};

use super::{rules::SearchRules, *};
use crate::{
    BlockingTransport, BytesSource, ClientSettings, ErrorKind, Event, Flow, Now, Observer, Step,
};

const INDEX: &str = "6298d673f1090f1100476d4c";

/// A transport that answers from a script and records the requests.
#[derive(Debug, Default)]
struct Script {
    responses: Mutex<VecDeque<(u16, Value)>>,
    requests: Mutex<Vec<String>>,
}

impl Transport for Script {
    type Output<'a, R: Send + 'a> = R;
    type Stream<'a, F: tl_http::Feed + 'a> = ();

    fn stream<'a, F: tl_http::Feed + 'a>(&self, _: F) {
        panic!("no answer is streamed here");
    }

    fn run<'a, F: Flow + 'a>(&self, flow: F) -> F::Output {
        self.run_now(flow)
    }
}

impl BlockingTransport for Script {
    fn run_now<F: Flow>(&self, mut flow: F) -> F::Output {
        let mut at = Duration::ZERO;
        loop {
            let now = Now::new(at, SystemTime::UNIX_EPOCH);
            match flow.step(now) {
                Step::Done(output) => return output,
                Step::Wait { until } => at = until.expect("nothing is in flight"),
                Step::Start(token, exchange) => {
                    let path = exchange.http.uri().path_and_query().unwrap().to_string();
                    let mut body = String::new();
                    let mut reader = exchange.http.body().reader();
                    reader.read_to_string(&mut body).unwrap();
                    let line = format!("{} {path}\n{body}", exchange.http.method());
                    self.requests.lock().unwrap().push(line);
                    let (status, body) = self.responses.lock().unwrap().pop_front().unwrap();
                    let response = http::Response::builder().status(status);
                    let response = response.body(Bytes::from(body.to_string())).unwrap();
                    flow.on_outcome(now, token, Ok(response));
                }
            }
        }
    }
}

fn client(responses: impl IntoIterator<Item = (u16, Value)>) -> Client<Script> {
    client_with(responses, Observer::none())
}

fn client_with(
    responses: impl IntoIterator<Item = (u16, Value)>,
    observer: Observer,
) -> Client<Script> {
    let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
    let script = Script {
        responses: Mutex::new(responses.into_iter().collect()),
        ..Script::default()
    };
    Client::new(script, ClientSettings::new(base, 1).with_observer(observer))
}

fn hit(video: &str, start: f64) -> Value {
    json!({ "video_id": video, "start": start, "end": start + 4.0, "rank": 1 })
}

fn page(items: &[Value], next: Option<&str>) -> (u16, Value) {
    let page = json!({
        "search_pool": { "index_id": INDEX, "total_count": 2 },
        "data": items,
        "page_info": { "limit_per_page": 2, "next_page_token": next },
    });
    (200, page)
}

fn expired() -> (u16, Value) {
    let body = json!({ "code": "search_page_token_expired", "message": "The token has expired." });
    (400, body)
}

fn starts(hits: impl Iterator<Item = Result<SearchHit, Error>>) -> Vec<f64> {
    hits.map(|hit| hit.unwrap().start.unwrap()).collect()
}

fn lines(client: &Client<Script>) -> Vec<String> {
    let requests = client.transport().requests.lock().unwrap();
    requests
        .iter()
        .map(|request| request.lines().next().unwrap().to_owned())
        .collect()
}

#[test]
fn pages_are_followed_with_escaped_tokens_and_metadata() {
    let client = client([
        page(&[hit("a", 0.0), hit("a", 4.0)], Some("tok+/=1")),
        page(&[hit("b", 8.0)], None),
    ]);
    let mut hits = client.search(INDEX).text("goal").with_metadata().hits();
    assert_eq!(starts(hits.by_ref()), [0.0, 4.0, 8.0]);
    assert_eq!(hits.pool().unwrap().total_count, Some(2));
    assert_eq!(hits.restarts(), 0);
    assert_eq!(
        lines(&client),
        [
            "POST /v1.3/search",
            "GET /v1.3/search/tok%2B%2F%3D1?include_user_metadata=true"
        ]
    );
}

#[test]
fn expired_token_searches_again_without_repetitions() {
    for answer in [
        expired(),
        (400, json!({ "error_code": 2003, "message": "expired" })),
        (410, json!({})),
    ] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let events = Arc::clone(&seen);
        let observer = Observer::new(move |event| events.lock().unwrap().push(event.clone()));
        let client = client_with(
            [
                page(&[hit("a", 0.0), hit("a", 4.0)], Some("old")),
                answer,
                // A new video has entered the index in the meantime.
                page(&[hit("new", 1.0), hit("a", 0.0)], Some("new")),
                page(&[hit("a", 4.0), hit("b", 8.0)], None),
            ],
            observer,
        );
        let mut hits = client.search(INDEX).text("goal").hits();
        assert_eq!(starts(hits.by_ref()), [0.0, 4.0, 1.0, 8.0]);
        assert_eq!(hits.restarts(), 1);
        assert_eq!(
            *seen.lock().unwrap(),
            [Event::SearchRestarted { returned: 2 }]
        );
    }
}

#[test]
fn tokens_that_always_expire_end_in_an_error() {
    let mut script = vec![page(&[hit("a", 0.0)], Some("t"))];
    for _ in 0..3 {
        script.extend([expired(), page(&[hit("a", 0.0)], Some("t"))]);
    }
    script.push(expired());
    let client = client(script);
    let mut hits = client.search(INDEX).text("goal").hits();
    assert!(hits.next().unwrap().is_ok());
    let error = hits.next().unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Refused, Some(400))
    );
    assert!(hits.next().is_none(), "an iterator ends after an error");
}

#[test]
fn other_refusals_of_a_page_do_not_search_again() {
    for (status, code) in [
        (400, "parameter_invalid"),
        (404, "not_found"),
        (401, "api_key_invalid"),
    ] {
        let refusal = (status, json!({ "code": code, "message": "no" }));
        let client = client([page(&[hit("a", 0.0)], Some("t")), refusal]);
        let mut hits = client.search(INDEX).text("goal").hits();
        assert!(hits.next().unwrap().is_ok());
        assert_eq!(hits.next().unwrap().unwrap_err().status(), Some(status));
        assert_eq!((lines(&client).len(), hits.restarts()), (2, 0));
    }
}

#[test]
fn limit_ends_the_search_and_sets_the_page_size() {
    let client = client([page(
        &[hit("a", 0.0), hit("a", 4.0), hit("a", 8.0)],
        Some("t"),
    )]);
    assert_eq!(
        starts(client.search(INDEX).text("goal").limit(2).hits()),
        [0.0, 4.0]
    );
    assert_eq!(client.search(INDEX).limit(2).request().page_limit, Some(2));
    assert_eq!(
        client.search(INDEX).limit(1000).request().page_limit,
        Some(50)
    );
    assert_eq!(client.search(INDEX).text("goal").limit(0).hits().count(), 0);
    assert_eq!(lines(&client).len(), 1);
}

#[test]
fn page_without_results_is_the_last() {
    let client = client([page(&[hit("a", 0.0)], Some("t")), page(&[], Some("t"))]);
    assert_eq!(client.search(INDEX).text("goal").hits().count(), 1);
}

#[test]
fn videos_are_another_type() {
    let grouped = json!({ "id": "a", "clips": [hit("a", 0.0), hit("a", 4.0)] });
    let first = client([page(std::slice::from_ref(&grouped), None)]);
    let mut videos = first.search(INDEX).text("goal").by_video();
    let found = videos.next_page().unwrap().unwrap();
    assert_eq!((found.len(), found[0].clips.len()), (1, 2));
    assert!(videos.next_page().is_none());
    assert!(first.transport().requests.lock().unwrap()[0].contains("video"));

    let other = client([page(&[grouped], None)]);
    let error = other
        .search(INDEX)
        .text("goal")
        .hits()
        .next()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(error.to_string().contains("not grouped by clip"), "{error}");
}

#[test]
fn form_has_repeated_options_images_and_entities() {
    let client = client([page(&[], None)]);
    let image = Media::File(Arc::new(BytesSource::new("face.png", &b"png"[..])));
    let link = Media::Url("https://example.com/a.jpg".parse().unwrap());
    let search = client
        .search(INDEX)
        .text("walks")
        .person("6298d673f1090f1100476d4d")
        .image(image)
        .image(link)
        .on([SearchOption::Visual, SearchOption::Transcription])
        .words([TranscriptionOption::Lexical])
        .match_all()
        .filter(SearchFilter::new().any_of(["v1", "v2"]));
    assert!(search.clone().hits().next().is_none());
    let form = client.transport().requests.lock().unwrap()[0].clone();
    let boundary = form.lines().nth(1).unwrap().to_owned();
    insta::assert_snapshot!(form.replace(&boundary, "--boundary").replace('\r', ""));
}

#[test]
fn queries_that_the_platform_would_reject_are_not_sent() {
    let client = client([]);
    let image = || Media::Url("https://example.com/a.jpg".parse().unwrap());
    let all = || client.search(INDEX).text("goal");
    let many = (0..11).fold(client.search(INDEX), |search, _| search.image(image()));
    let cases = [
        (client.search(INDEX), "`query_text` is required"),
        (client.search(INDEX).text("  "), "`query_text` is required"),
        (client.search(INDEX).text("word ".repeat(501)), "501 words"),
        (
            many,
            "11 images were given, and marengo3.0 takes 10 at most",
        ),
        (
            all().on(["logo".into()]),
            "`logo`: marengo3.0 takes one or more of `visual`",
        ),
        (
            all().words([TranscriptionOption::Lexical]),
            "needs the search option `transcription`",
        ),
        (
            client
                .search(INDEX)
                .image(image())
                .on([SearchOption::Transcription]),
            "`transcription` alone needs a text",
        ),
        (all().page_size(51), "51: a whole number from 1 to 50"),
        (
            all().filter(SearchFilter::new().eq("tags", json!(["a"]))),
            "only `id` takes an array",
        ),
        (
            all().filter(SearchFilter::new().eq("duration", "long")),
            "a number or a range",
        ),
        (
            all().filter(SearchFilter::new().eq("x", json!({ "ne": 1 }))),
            "`gte` and `lte`",
        ),
        (
            all().filter(SearchFilter::new().eq("id", json!([1]))),
            "an array of video ids",
        ),
    ];
    for (search, part) in cases {
        let error = search.hits().next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(lines(&client).is_empty());
}

#[test]
fn rules_follow_the_model() {
    let image = || Media::Url("https://example.com/a.jpg".parse().unwrap());
    let search = client([])
        .search(INDEX)
        .text("goal")
        .image(image())
        .image(image())
        .request();
    let check = |model| SearchRules::of(&model).unwrap().check(&search);
    assert_eq!(check(ModelName::Marengo3_0), Ok(()));
    let older = check(ModelName::Marengo2_7).unwrap_err().to_string();
    assert!(
        older.contains("2 images were given, and marengo2.7 takes 1"),
        "{older}"
    );
    let embeddings = check(ModelName::Marengo3_5).unwrap_err().to_string();
    assert!(
        embeddings.contains("`marengo3.5` cannot be searched"),
        "{embeddings}"
    );
    assert!(SearchRules::of(&ModelName::Pegasus1_2).is_none());
}
