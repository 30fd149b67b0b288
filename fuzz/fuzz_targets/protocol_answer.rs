//! Any answer to any kind of request: the flow of a call ends, waits for a time that comes, or
//! sends again where it may; it never panics, and a `POST` that may have been processed is not sent
//! again.

#![no_main]

use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, Response};
use libfuzzer_sys::fuzz_target;
use tl_model::NewIndex;
use tl_protocol::{
    Endpoint, Flow, Now, Policy, Repeat, Step,
    endpoint::{CreateIndex, DeleteTask, GetTask, ListTasks},
    flow::Call,
};

fuzz_target!(|data: &[u8]| {
    let [kind, status, more, rest @ ..] = data else {
        return;
    };
    let status = 100 + (u16::from(*status) << 2 | u16::from(*more & 3)) % 900;
    let (headers, body) = rest.split_at(
        rest.iter()
            .position(|byte| *byte == 0)
            .unwrap_or(rest.len()),
    );
    let mut answer = Response::new(body.to_vec().into());
    *answer.status_mut() = status.try_into().expect("100 to 999");
    for line in headers.split(|byte| *byte == b'\n') {
        let at = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            answer.headers_mut().append(name, value);
        }
    }
    match kind % 4 {
        0 => check(GetTask::new("t"), answer),
        1 => check(ListTasks::default(), answer),
        2 => check(CreateIndex::new(NewIndex::new("sport", Vec::new())), answer),
        _ => check(DeleteTask::new("t"), answer),
    }
});

fn check<E: Endpoint>(endpoint: E, answer: Response<bytes::Bytes>) {
    let base = "https://api.twelvelabs.io/v1.3".parse().expect("a URL");
    let policy = Policy::default();
    let limit = policy.total_timeout;
    let mut flow = Call::new(endpoint, &base, policy, 1);
    let at = |mono| {
        Now::new(
            mono,
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        )
    };
    let Step::Start(token, _) = flow.step(at(Duration::ZERO)) else {
        panic!("the first step sends")
    };
    let may_be_processed = answer.status() != 429 && answer.status() != 503;
    let now = Duration::from_secs(1);
    flow.on_outcome(at(now), token, Ok(answer));
    match flow.step(at(now)) {
        Step::Done(Ok(response)) => drop(format!("{response:?}")),
        Step::Done(Err(error)) => drop(format!("{error}{error:?}{:?}", error.body())),
        Step::Wait { until } => {
            assert!(
                E::REPEAT == Repeat::Freely || !may_be_processed,
                "a POST in doubt is sent again"
            );
            let until = until.expect("nothing is in flight");
            assert!(until >= now && until < limit, "{until:?}");
        }
        Step::Start(..) => assert!(
            E::REPEAT == Repeat::Freely || !may_be_processed,
            "a POST in doubt is sent again"
        ),
    }
}
