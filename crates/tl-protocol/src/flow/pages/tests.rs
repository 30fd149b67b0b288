//! Tests of the pages of a list: the stream of their items, over a transport in memory.

use std::{
    collections::VecDeque,
    future::{Ready, ready},
    sync::Mutex,
    time::{Duration, SystemTime},
};

use super::*;
use crate::{ClientSettings, endpoint::ListTasks};

/// A transport whose exchanges are answered with statuses and bodies, one after the other.
struct Answers {
    answers: Mutex<VecDeque<(u16, &'static str)>>,
    /// The query of each request.
    queries: Mutex<Vec<String>>,
}

impl Transport for Answers {
    type Output<'a, R: Send + 'a> = Ready<R>;
    type Stream<'a, F: tl_http::Feed + 'a> = ();

    fn stream<'a, F: tl_http::Feed + 'a>(&self, _: F) {
        panic!("no answer is streamed here");
    }

    fn run<'a, F: Flow + 'a>(&self, mut flow: F) -> Ready<F::Output> {
        let now = Now::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
        loop {
            match flow.step(now) {
                Step::Done(output) => return ready(output),
                Step::Wait { .. } => panic!("nothing is under way"),
                Step::Start(token, exchange) => {
                    let query = exchange.http.uri().query().unwrap_or_default().to_owned();
                    self.queries.lock().unwrap().push(query);
                    let answer = self.answers.lock().unwrap().pop_front();
                    let (status, body) = answer.expect("no more pages are requested");
                    let response = http::Response::builder().status(status);
                    flow.on_outcome(now, token, Ok(response.body(body.into()).unwrap()));
                }
            }
        }
    }
}

fn pages(answers: &[(u16, &'static str)]) -> Pages<Answers, ListTasks> {
    let transport = Answers {
        answers: Mutex::new(answers.iter().copied().collect()),
        queries: Mutex::default(),
    };
    let base = "https://api.example/v1.3".parse().unwrap();
    let client: Client<_> = Client::new(transport, ClientSettings::new(base, 1));
    client.pages(ListTasks::default())
}

#[test]
fn debug_output_shows_the_request_for_the_next_page() {
    let text = format!("{:?}", pages(&[]));
    assert!(text.starts_with("Pages { next: Some(ListTasks"), "{text}");
}

#[cfg(feature = "stream")]
mod stream {
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;

    /// The ids and errors of the stream, and the queries.
    fn check(answers: &[(u16, &'static str)], items: &[&str], queries: &[&str]) {
        let mut pages = pages(answers);
        let mut seen = Vec::new();
        while let Some(item) = pages.next().now_or_never().expect("no page is awaited") {
            seen.push(item.map_or_else(
                |error| format!("{:?}", error.kind()),
                |task| task.id.to_string(),
            ));
        }
        assert_eq!(seen, items);
        // It stays at its end.
        assert!(pages.next().now_or_never().unwrap().is_none());
        assert_eq!(*pages.client.transport().queries.lock().unwrap(), queries);
    }

    #[test]
    fn items_of_all_pages_are_streamed() {
        let info = r#"{"data": [{"_id": "a"}, {"_id": "b"}], "page_info": {"total_page": 2}}"#;
        let last = r#"{"data": [{"_id": "c"}], "page_info": {"total_page": 2}}"#;
        check(
            &[(200, info), (200, last)],
            &["a", "b", "c"],
            &["", "page=2"],
        );
        let none = r#"{"data": [], "page_info": {}}"#;
        check(&[(200, none)], &[], &[""]);
    }

    #[test]
    fn error_ends_the_stream() {
        let first = r#"{"data": [{"_id": "a"}], "page_info": {"total_page": 9}}"#;
        check(
            &[(200, first), (401, "")],
            &["a", "Unauthorized"],
            &["", "page=2"],
        );
    }
}
