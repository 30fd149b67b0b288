//! The workflows of tl-protocol over simulated worlds with a virtual clock: requests, their times,
//! and results.

mod call;
mod exactly_once;
mod exchanges;
mod ingest;
mod pages;
mod reconcile;
#[cfg(feature = "tracing")]
mod spans;
mod wait;

use std::{error::Error as _, time::Duration};

use tl_model::{IndexId, TaskId};
use tl_protocol::{
    BytesSource, Client, ClientSettings, Error, Flow, Policy,
    endpoint::{CreateTask, GetTask, Media},
};
use tl_testkit::{script::Script, sim::Sim};
use url::Url;

const TASK: &str = "62a1ec6d9ea24f052b971a0f";

fn base() -> Url {
    "https://api.twelvelabs.io/v1.3".parse().expect("a URL")
}

/// The default policy without delays, so that only the platform's delays show in a time.
fn at_once() -> Policy {
    Policy::default().with_base_delay(Duration::ZERO)
}

fn get_task() -> GetTask {
    GetTask::new(TaskId::from(TASK))
}

fn create_task() -> CreateTask {
    let media = Media::File(std::sync::Arc::new(BytesSource::new(
        "match.mp4",
        &b"media"[..],
    )));
    CreateTask::new(IndexId::from("6298d673f1090f1100476d4c"), media)
}

fn task(status: &str) -> String {
    format!(r#"200 {{"_id": "{TASK}", "status": "{status}"}}"#)
}

/// A client whose world responds with `lines`.
fn client<L: AsRef<str>>(lines: &[L], policy: Policy) -> Client<Sim<Script>> {
    let settings = ClientSettings::new(base(), 7).with_policy(policy);
    Client::new(Sim::new(Script::new(lines)), settings)
}

/// Runs `flow` in a world that responds with `lines`. Returns the requests, the end time and the
/// output.
fn run<F: Flow, L: AsRef<str>>(lines: &[L], flow: F) -> (String, Duration, F::Output) {
    let sim = Sim::new(Script::new(lines));
    let output = tl_protocol::BlockingTransport::run_now(&sim, flow);
    (sim.world(|script| script.summary()), sim.elapsed(), output)
}

/// Formats an error for a test: its kind and details.
fn short(error: &Error) -> String {
    let mut text = format!("{:?}", error.kind());
    if let Some(wait) = error.retry_after() {
        text.push_str(&format!(" retry_after={}", wait.as_secs()));
    }
    if let Some(code) = error.code() {
        text.push_str(&format!(" {code}"));
    }
    text
}

/// Formats an error with its causes, each message once.
fn chain(error: &Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.join(": ")
}
