//! Lists that show a new asset late: what they do not show is not sent again.

use std::sync::Arc;
use std::time::Duration;

use tl_bulk::source::Entry;
use tl_bulk::{Bulk, Ending, Settings, Store};
use tl_client::{CancelHandle, Client, Config};
use tl_emulator::{ClockMode, Emulator, FaultPlan};
use tl_ledger::{KeyTag, Ledger, NewAccount, NewRun};
use tl_model::{IndexModel, ModelOption, NewIndex};
use tl_protocol::limiter::Limits;

use crate::loopback::FixedProber;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asset_that_is_listed_late_is_not_created_twice() {
    let faults =
        r#"{ "faults": [{ "operation": "assets.create", "nth": [1], "lose_answer": true }] }"#;
    let emulator = Emulator::builder()
        .prober(Arc::new(FixedProber))
        .ffmpeg("/nowhere/ffmpeg")
        // 30 seconds of the lists are 5 here: two looks, 4 seconds after the request, see nothing.
        .clock(ClockMode::Scaled(6.0))
        .quirk("list-lag", "30s")
        .unwrap()
        .faults(FaultPlan::from_json(faults).unwrap())
        .unwrap()
        .start()
        .await
        .unwrap();
    let config = Config::new(&emulator.api_key(), emulator.base_url().as_str()).unwrap();
    let client = Client::new(&config).unwrap();
    let model = IndexModel::new("marengo3.0", [ModelOption::Visual]);
    let index = NewIndex::new("films", vec![model]);
    let index = client.indexes().create(index).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    std::fs::write(&path, "clip ".repeat(50)).unwrap();
    let key = KeyTag::of(&emulator.api_key());
    let url = emulator.base_url();
    let account = NewAccount::new(url.as_str(), key, "unlimited", Limits::UNLIMITED);
    let mut settings = Settings::new(account, NewRun::new("host", 1));
    settings.index = Some(client.indexes().get(index.id).await.unwrap());
    settings.listed_after = Duration::from_millis(6500);
    let ledger = Ledger::open(folder.path().join("ledger.sqlite3")).unwrap();
    let bulk = Bulk::new(&client, Store::new(ledger), settings);
    let summary = bulk
        .ingest(vec![Ok(Entry::file(&path))], &CancelHandle::new())
        .await
        .unwrap();
    assert_eq!(
        (summary.ending, summary.totals.ready),
        (Ending::Complete, 1)
    );
    let created = |operation: &str| {
        let journal = emulator.journal();
        let of = |entry: &&tl_emulator::JournalEntry| entry.operation.as_deref() == Some(operation);
        journal.iter().filter(of).count()
    };
    assert_eq!(created("assets.create"), 1);
    assert_eq!(created("indexes.indexed_assets.create"), 1);
}
