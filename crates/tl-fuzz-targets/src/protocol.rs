//! Responses of servers and proxies, requests of clients, webhooks and schemas.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde_json::Value;
use tl_http::{Proxy, proxy::ProxyRules};
use tl_model::NewIndex;
use tl_protocol::endpoint::*;
use tl_protocol::limiter::{Category, Cost, Limiter, Limits, ReportedLimit, Reservation};
use tl_protocol::{Flow, Now, Policy, Repeat, Step, flow::Call, schema, webhook as signature};

use crate::input;

/// 2027-01-15T08:00:00Z
const SECONDS: u64 = 1_800_000_000;

fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(SECONDS)
}

/// Any response to any kind of request: the flow of a call ends, waits for a time that comes, or
/// sends again if it may; a `POST` that may have been processed is not sent again.
pub(crate) fn answer(data: &[u8]) {
    let [kind, status, more, rest @ ..] = data else {
        return;
    };
    let status = 100 + (u16::from(*status) << 2 | u16::from(*more & 3)) % 900;
    let (lines, body) = input::split(rest);
    let mut answer = Response::new(Bytes::copy_from_slice(body));
    *answer.status_mut() = status.try_into().expect("100 to 999");
    *answer.headers_mut() = input::headers(lines);
    match kind % 4 {
        0 => call(GetTask::new("t"), answer),
        1 => call(ListTasks::default(), answer),
        2 => call(CreateIndex::new(NewIndex::new("sport", Vec::new())), answer),
        _ => call(DeleteTask::new("t"), answer),
    }
}

fn call<E: Endpoint>(endpoint: E, answer: Response<Bytes>) {
    let base = "https://api.twelvelabs.io/v1.3".parse().expect("a URL");
    let policy = Policy::default();
    let limit = policy.total_timeout;
    let mut flow = Call::new(endpoint, &base, policy, 1);
    let at = |mono| Now::new(mono, wall());
    let Step::Start(token, _) = flow.step(at(Duration::ZERO)) else {
        panic!("the first step sends")
    };
    let may_be_processed = answer.status() != 429 && answer.status() != 503;
    let may_repeat = E::REPEAT == Repeat::Freely || !may_be_processed;
    let now = Duration::from_secs(1);
    flow.on_outcome(at(now), token, Ok(answer));
    match flow.step(at(now)) {
        Step::Done(Ok(response)) => drop(format!("{response:?}")),
        Step::Done(Err(error)) => drop(format!("{error}{error:?}{:?}", error.body())),
        Step::Wait { until } => {
            assert!(may_repeat, "a POST in doubt is sent again");
            let until = until.expect("nothing is in flight");
            assert!(until >= now && until < limit, "{until:?}");
        }
        Step::Start(..) => assert!(may_repeat, "a POST in doubt is sent again"),
    }
}

/// Any response of a proxy, in any pieces, and any text in the environment: a tunnel is open after
/// the whole response only.
pub(crate) fn proxy(data: &[u8]) {
    let url = "http://me:password@proxy:3128".parse().expect("a URL");
    let uri = "https://api.twelvelabs.io/v1.3".parse().expect("a URI");
    let rules = ProxyRules::new(&Proxy::Url(url), |_| None).expect("a proxy");
    let server = rules.server_for(&uri).expect("a proxy for this host");
    let mut open_at = None;
    for end in 0..=data.len().min(2048) {
        match server.is_tunnel_open(&data[..end]) {
            Ok(false) => assert_eq!(open_at, None, "an open tunnel stays open"),
            Ok(true) => assert_eq!(open_at.replace(end), None, "a tunnel opens once"),
            Err(error) => drop(format!("{error}{error:?}")),
        }
    }
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let mut line = || lines.next().unwrap_or_default();
    let (proxy, exceptions, host) = (line(), line(), line());
    let environment = |name: &str| match name {
        "https_proxy" => Some(proxy.to_owned()),
        "no_proxy" => Some(exceptions.to_owned()),
        _ => None,
    };
    let rules = ProxyRules::new(&Proxy::Environment, environment);
    if let (Ok(rules), Ok(uri)) = (rules, format!("https://{host}/").parse()) {
        drop(format!("{:?}", rules.server_for(&uri)));
    }
}

macro_rules! list {
    ($function:ident: $($Endpoint:ident),+) => {
        &[$(($Endpoint::NAME, $function::<$Endpoint> as Reader)),+]
    };
}

macro_rules! response_readers {
    ($($Endpoint:ident),+) => { list!(read_response: $($Endpoint),+) };
}

macro_rules! request_readers {
    ($($Endpoint:ident),+) => { list!(read_request: $($Endpoint),+) };
}

type Reader = fn(&[u8]);

static RESPONSES: &[(&str, Reader)] = tl_protocol::for_each_endpoint!(response_readers);
static REQUESTS: &[(&str, Reader)] = tl_protocol::for_each_endpoint!(request_readers);

/// The first line names an operation. Every other line selects one too, so that a fuzzer finds all.
fn dispatch(readers: &[(&str, Reader)], data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n');
    let (line, rest) = data.split_at(at.unwrap_or(data.len()));
    let named = readers.iter().find(|(name, _)| name.as_bytes() == line);
    let sum = line.iter().map(|byte| usize::from(*byte)).sum::<usize>();
    let (_, read) = named.unwrap_or(&readers[sum % readers.len()]);
    read(rest.get(1..).unwrap_or_default());
}

pub(crate) fn responses(data: &[u8]) {
    dispatch(RESPONSES, data);
}

/// What was read is the same after it was written and read again: nothing is lost or invented.
fn read_response<E: Endpoint>(body: &[u8]) {
    if let Ok(response) = E::decode_response(body) {
        let written = E::encode_response(&response).expect("what was read can be written");
        let again = E::decode_response(&written).expect("own output");
        assert_eq!(format!("{again:?}"), format!("{response:?}"), "{}", E::NAME);
    }
}

pub(crate) fn requests(data: &[u8]) {
    dispatch(REQUESTS, data);
}

/// The input is a query, then NUL and a JSON body. A request that can be read can be written.
fn read_request<E: Endpoint>(data: &[u8]) {
    let (query, body) = input::split(data);
    let pairs = url::form_urlencoded::parse(query);
    let query = pairs.map(|(name, value)| (name.into(), value.into()));
    let body = serde_json::from_slice(body).map_or(ReceivedBody::Empty, ReceivedBody::Json);
    let count = E::PATH.matches('{').count();
    let received = Received::new(vec!["a1".to_owned(); count], query.collect(), body);
    match E::decode(&received) {
        Ok(request) => drop(format!("{:?}", request.encode())),
        Err(rejection) => assert!(!rejection.to_string().is_empty()),
    }
}

/// Header lines, then NUL and steps of a limiter: what a server says never grants more than the plan
/// allows, and no wait is longer than a day and an hour.
pub(crate) fn rate_limits(data: &[u8]) {
    let (lines, steps) = input::split(data);
    let reported = ReportedLimit::read(&input::headers(lines), wall());
    let seconds = i64::try_from(SECONDS).expect("it fits");
    let now = Timestamp::from_second(seconds).expect("a time");
    let limits = Limits::named("developer-1").expect("a plan");
    let allowed = limits.uploads_per_minute.expect("a limit");
    let mut limiter = Limiter::new(limits);
    let mut granted = 0;
    // All within one minute, so that the limit of a minute bounds the sum.
    for step in steps.iter().take(200) {
        match step % 4 {
            0 => limiter.correct(now, Category::Upload, &reported),
            1 => {
                let retry_after = (step & 64 != 0).then(|| Duration::from_secs(u64::MAX));
                let until = limiter.block(now, Category::Upload, retry_after, &reported);
                let wait = until.duration_since(now);
                assert!(!wait.is_negative() && wait.as_hours() <= 25, "{wait:?}");
            }
            2 => drop(limiter.levels(now)),
            _ => match limiter.reserve(now, Cost::upload()) {
                Reservation::Granted => granted += 1,
                Reservation::Wait { until, .. } => {
                    assert!(until.is_none_or(|until| until >= now), "{until:?}");
                }
                _ => {}
            },
        }
    }
    assert!(granted <= allowed, "{granted} > {allowed}");
}

/// Header lines, then NUL and a body: only the signature of the secret is accepted.
pub(crate) fn webhook(data: &[u8]) {
    let (lines, body) = input::split(data);
    let secret = "whsec_3f1f9bd1c1f4402f";
    let signed = signature::sign(secret, wall(), body);
    let headers = input::headers(lines);
    let accepted = signature::receive(secret, &headers, body, wall());
    if accepted.is_ok() {
        let header = headers.get(signature::SIGNATURE_HEADER).expect("accepted");
        let header = header.to_str().expect("accepted").to_ascii_lowercase();
        let mac = |text: &str| text.split_once("v1=").map(|(_, mac)| mac.to_owned());
        let time = header
            .split(['t', '=', ','])
            .find_map(|part| part.parse().ok());
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.expect("accepted"));
        let own = mac(&signature::sign(secret, time, body)).expect("own output");
        assert!(header.contains(&own), "forged: {header}");
    }
    let verify =
        |body: &[u8]| signature::verify(secret, &signed, body, wall(), signature::TOLERANCE);
    verify(body).expect("own signature");
    let changed = [body, &[0]].concat();
    assert_eq!(verify(&changed), Err(signature::SignatureError::Mismatch));
}

/// A schema, then NUL and an answer. A schema that is accepted can be used.
pub(crate) fn schema(data: &[u8]) {
    let (schema_text, value) = input::split(data);
    let Ok(schema) = serde_json::from_slice::<Value>(schema_text) else {
        return;
    };
    if let Err(faults) = schema::lint(&schema, &schema::ANALYZE) {
        assert!(!faults.faults().is_empty() && !faults.to_string().is_empty());
    }
    if let Ok(value) = serde_json::from_slice::<Value>(value)
        && let Err(fault) = schema::conforms(&value, &schema)
    {
        assert!(!fault.to_string().is_empty());
    }
}
