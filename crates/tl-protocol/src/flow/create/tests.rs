//! Tests of which failures of a create request are looked up, how, and when it is sent again.

use bytes::Bytes;
use serde_json::{Value, json};
use tl_model::AssetId;

use super::*;
use crate::{
    Delivery, TransportError, TransportErrorKind,
    endpoint::{CreateAsset, CreateIndexedAsset},
};

/// The times at which requests were sent, and the requests: `POST`, or `GET` with the page.
type Requests = Vec<(Duration, String)>;

/// A status, the seconds of `Retry-After`, and a body; `None` if the response is lost.
type Reply = Option<(u16, Option<u64>, Value)>;

/// Indexes the asset `a` on a platform that answers each request with `respond`.
fn index(
    policy: Policy,
    seed: u64,
    mut respond: impl FnMut(&str) -> Reply,
) -> (Requests, CreateResult<CreateIndexedAsset>) {
    let create = CreateIndexedAsset::new("i", AssetId::from("a"));
    let base = "https://api.example/v1.3".parse().unwrap();
    let mut flow = Create::new(create, &base, policy, true, seed);
    let (mut mono, mut requests) = (Duration::ZERO, Vec::new());
    loop {
        let now = Now::new(mono, SystemTime::UNIX_EPOCH + mono);
        let (token, exchange) = match flow.step(now) {
            Step::Done(result) => return (requests, result),
            Step::Wait { until } => {
                mono = until.expect("nothing is in flight");
                continue;
            }
            Step::Start(token, exchange) => (token, exchange),
        };
        let query = exchange.http.uri().query().unwrap_or_default();
        let page = query.split('&').find(|part| part.starts_with("page="));
        let request = match page {
            Some(page) => format!("GET {page}"),
            None => exchange.http.method().to_string(),
        };
        let outcome = match respond(&request) {
            None => Err(TransportError::new(
                TransportErrorKind::Lost,
                Delivery::Unknown,
            )),
            Some((status, retry_after, body)) => {
                let mut response = http::Response::builder().status(status);
                if let Some(seconds) = retry_after {
                    response = response.header("retry-after", seconds);
                }
                Ok(response.body(Bytes::from(body.to_string())).unwrap())
            }
        };
        requests.push((mono, request));
        flow.on_outcome(now, token, outcome);
    }
}

/// A page of a list with one indexed asset of another asset.
fn page(created_at: &str, pages: u32) -> Reply {
    let other = json!({"_id": "x", "asset_id": "b", "created_at": created_at});
    let body = json!({"data": [other], "page_info": {"total_page": pages}});
    Some((200, None, body))
}

fn empty_page() -> Reply {
    Some((
        200,
        None,
        json!({"data": [], "page_info": {"total_page": 1}}),
    ))
}

/// Policies without delays.
fn at_once() -> Policy {
    Policy::default().with_base_delay(Duration::ZERO)
}

#[test]
fn only_a_503_of_an_indexed_asset_is_doubted() {
    let error = |kind, status| {
        let body = tl_model::ErrorBody::parse(status, None, b"");
        Error::new(kind, "t").with_response(status, body, None)
    };
    let doubted = is_doubted_503::<CreateIndexedAsset>;
    assert!(doubted(&error(ErrorKind::Server, 503)));
    assert!(!doubted(&error(ErrorKind::Server, 500)));
    assert!(!doubted(&error(ErrorKind::RateLimited, 503)));
    assert!(!doubted(&error(ErrorKind::Refused, 400)));
    assert!(!is_doubted_503::<CreateAsset>(&error(
        ErrorKind::Server,
        503
    )));
}

#[test]
fn a_failed_lookup_leaves_the_outcome_unknown() {
    let check = |first: Reply, text: &str| {
        let (requests, result) = index(at_once(), 1, |request| match request {
            "POST" => first.clone(),
            _ => Some((400, None, json!({}))),
        });
        assert_eq!(requests.len(), 2, "{requests:?}");
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert!(error.to_string().contains(text), "{error}");
    };
    check(
        Some((503, None, json!({}))),
        "the platform returned 503, and whether it processed the request could not be looked up",
    );
    check(None, "no response was received");
    check(Some((500, None, json!({}))), "the platform returned 500");
}

#[test]
fn lookups_read_pages_until_an_older_item() {
    let pages = |respond: &dyn Fn(&str) -> Reply| {
        let (requests, _) = index(at_once(), 1, |request| match request {
            "POST" => None,
            page => respond(page),
        });
        let sent: Vec<String> = requests.into_iter().map(|(_, request)| request).collect();
        // The pages of the first lookup.
        let second = sent.iter().skip(2).position(|page| page == "GET page=1");
        sent[1..2 + second.unwrap()].to_vec()
    };
    let (recent, older) = ("1970-01-01T00:00:01Z", "1969-12-31T23:59:00Z");
    assert_eq!(pages(&|_| page(older, 3)), ["GET page=1"]);
    assert_eq!(
        pages(&|request| page(
            if request == "GET page=1" {
                recent
            } else {
                older
            },
            3
        )),
        ["GET page=1", "GET page=2"]
    );
    assert_eq!(
        pages(&|_| page(recent, 3)),
        ["GET page=1", "GET page=2", "GET page=3"]
    );
    let most = pages(&|_| page(recent, 1000));
    assert_eq!(
        (most.len(), most.last().unwrap().as_str()),
        (200, "GET page=200")
    );
}

/// The times of the requests that index the asset if the platform returns 503 to the first
/// `failures` of them.
fn sent_at(policy: Policy, seed: u64, failures: u32, retry_after: Option<u64>) -> Vec<Duration> {
    let mut posts = 0;
    let (requests, _) = index(policy, seed, |request| {
        if request != "POST" {
            return empty_page();
        }
        posts += 1;
        match posts > failures {
            true => Some((202, None, json!({"_id": "x", "asset_id": "a"}))),
            false => Some((503, retry_after, json!({}))),
        }
    });
    let posts = requests
        .into_iter()
        .filter(|(_, request)| request == "POST");
    posts.map(|(at, _)| at).collect()
}

#[test]
fn delays_after_a_503_double() {
    // Longer than the lookups take.
    let policy = Policy {
        total_timeout: Duration::MAX,
        ..Policy::default()
            .with_base_delay(Duration::from_secs(60))
            .with_max_delay(Duration::from_secs(3600))
    };
    let mut longest = [Duration::ZERO; 3];
    for seed in 0..64 {
        let at = sent_at(policy.clone(), seed, 3, None);
        for (attempt, longest) in longest.iter_mut().enumerate() {
            *longest = at[attempt + 1].saturating_sub(at[attempt]).max(*longest);
        }
    }
    for (longest, most) in longest.iter().zip([60, 120, 240]) {
        let most = Duration::from_secs(most);
        assert!(*longest <= most && *longest > most * 3 / 4, "{longest:?}");
    }
}

#[test]
fn a_503_may_ask_for_a_delay_up_to_the_total_timeout() {
    let policy = || at_once().with_timeout(Duration::from_secs(30));
    let seconds = Duration::from_secs;
    assert_eq!(
        sent_at(policy(), 1, 1, Some(30)),
        [Duration::ZERO, seconds(30)]
    );
    assert_eq!(sent_at(policy(), 1, 1, Some(31)), [Duration::ZERO]);
}
