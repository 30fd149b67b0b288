//! A default ingest against the default emulator: few polls, and on the paused clock of a test.

use std::{sync::Arc, time::Duration};

use tl_client::{
    Checker, Client, Config,
    model::{IndexId, IndexModel, ModelOption, NewIndex},
    validate::header::HeaderReader,
};
use tl_emulator::{Emulator, Fault, FaultPlan};

use crate::examples::clip;

/// An emulator as a test starts it. The renditions, which nothing waits for, would only take
/// processor time from other tests.
async fn emulator() -> Emulator {
    let builder = Emulator::builder()
        .prober(Arc::new(HeaderReader::new()))
        .ffmpeg("/nowhere/ffmpeg");
    builder.start().await.expect("the emulator starts")
}

async fn client(emulator: &Emulator) -> (Client, IndexId) {
    let config = Config::new(&emulator.api_key(), emulator.base_url().as_str()).expect("loopback");
    let checker = Checker::new(Arc::new(HeaderReader::new()));
    let client = Client::new(&config)
        .expect("a client")
        .with_checker(checker);
    let models = [IndexModel::new("marengo3.0", [ModelOption::Visual])];
    let index = client.indexes().create(NewIndex::new("films", models));
    let index = index.await.expect("an index");
    (client, index.id)
}

fn count(emulator: &Emulator, operation: &str) -> usize {
    let journal = emulator.journal();
    let named = journal
        .iter()
        .filter(|entry| entry.operation.as_deref() == Some(operation));
    named.count()
}

#[tokio::test]
async fn default_ingest_needs_one_poll_per_stage() {
    let emulator = emulator().await;
    let (client, index) = client(&emulator).await;
    let video = client.ingest(clip("640x360")).into_index(index).await;
    assert_eq!(video.expect("the video is indexed").status(), Some("ready"));
    assert_eq!(
        (
            count(&emulator, "assets.retrieve"),
            count(&emulator, "indexes.indexed_assets.retrieve")
        ),
        (1, 1),
        "{:?}",
        emulator.journal()
    );
}

#[tokio::test(start_paused = true)]
async fn ingest_works_on_a_paused_clock() {
    let emulator = emulator().await;
    let (client, index) = client(&emulator).await;
    let began = tokio::time::Instant::now();
    let video = client.ingest(clip("640x360")).into_index(index).await;
    assert_eq!(video.expect("the video is indexed").status(), Some("ready"));
    assert_eq!(began.elapsed(), Duration::ZERO, "no delay, no time limit");
}

#[tokio::test(start_paused = true)]
async fn slow_response_is_awaited_on_a_paused_clock() {
    let emulator = emulator().await;
    let (client, _) = client(&emulator).await;
    let mut plan = FaultPlan::default();
    let slow: Fault = "tasks.list delay_ms=300".parse().expect("a fault");
    plan.faults.push(slow);
    emulator.set_faults(plan).expect("a plan");
    let began = tokio::time::Instant::now();
    client
        .tasks()
        .list(Default::default())
        .await
        .expect("a list");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn retry_delays_pass_at_once_on_a_paused_clock() {
    let emulator = emulator().await;
    let (client, _) = client(&emulator).await;
    let mut plan = FaultPlan::default();
    let busy: Fault = "tasks.list nth=1 retry_after=120".parse().expect("a fault");
    plan.faults.push(busy);
    emulator.set_faults(plan).expect("a plan");
    let (virtually, really) = (tokio::time::Instant::now(), std::time::Instant::now());
    client
        .tasks()
        .list(Default::default())
        .await
        .expect("a list");
    assert_eq!(count(&emulator, "tasks.list"), 2);
    assert!(virtually.elapsed() >= Duration::from_secs(120));
    assert!(really.elapsed() < Duration::from_secs(60));
}
