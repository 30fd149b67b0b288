//! Tests of the API requests of a running upload: URLs, reports, and the state after a rejection.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::{
    SentChunk, UploadRecord, UploadSettings,
    driven_upload::{DrivenUpload, millis, report},
};
use crate::{ErrorKind, Event};

const NONE: [&str; 0] = [];

fn settings(concurrency: usize, report_after: u64) -> UploadSettings {
    UploadSettings {
        concurrency,
        report_after: millis(report_after),
        ..UploadSettings::default()
    }
}

/// An upload of `total` chunks with 1 byte each, and a URL for each of `urls`.
fn upload(
    total: u32,
    settings: UploadSettings,
    urls: impl IntoIterator<Item = u32>,
) -> DrivenUpload {
    DrivenUpload::new(u64::from(total), 1, settings, urls)
}

/// An upload of `total` chunks that reports them all at once, and the platform rejects the report.
fn rejected(total: u32) -> DrivenUpload {
    let concurrency = usize::try_from(total).unwrap();
    let mut upload = upload(total, settings(concurrency, 60_000), 1..=total);
    upload.step(0);
    upload.store(1..=total);
    assert_eq!(upload.step(0), [report(1..=total)]);
    upload.respond(&report(1..=total), 400, &json!({}));
    let urls = format!("urls 1+{total}");
    assert_eq!(upload.step(0), ["state 1", &urls]);
    upload
}

#[test]
fn response_without_any_usable_url_ends_the_upload() {
    let mut upload = upload(2, settings(2, 0), []);
    assert_eq!(upload.step(0), ["urls 1+2"]);
    upload.sign("urls 1+2", [3]);
    assert_eq!(upload.step(0), NONE);
    let error = upload.result.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

#[test]
fn missing_urls_are_requested_again_if_some_came() {
    let mut upload = upload(2, settings(2, 0), []);
    assert_eq!(upload.step(0), ["urls 1+2"]);
    upload.sign("urls 1+2", [2]);
    assert_eq!(upload.step(0), ["urls 1+1", "chunk 2"]);
    upload.sign("urls 1+1", [1]);
    assert_eq!(upload.step(0), ["chunk 1"]);
}

#[test]
fn urls_of_chunks_that_the_platform_has_are_not_missed() {
    let mut upload = upload(3, settings(3, 0), [1, 3]);
    assert_eq!(upload.step(0), ["urls 2+1", "chunk 1", "chunk 3"]);
    upload.store([1]);
    assert_eq!(upload.step(0), ["report 1"]);
    upload.respond("report 1", 400, &json!({}));
    assert_eq!(upload.step(0), ["state 1"]);
    upload.state(1, 1, &[1, 2]);
    assert_eq!(upload.step(0), NONE);
    upload.sign("urls 2+1", []);
    assert_eq!(upload.step(0), NONE);
    upload.store([3]);
    assert_eq!(upload.step(0), ["report 3"]);
    upload.respond("report 3", 200, &json!({}));
    upload.step(0);
    assert_eq!(upload.result.unwrap().unwrap().attempts, 2);
}

#[test]
fn full_batch_and_the_last_chunks_are_reported_at_once() {
    let mut upload = upload(52, settings(1, 60_000), 1..=52);
    for chunk in 1..=49 {
        assert_eq!(upload.step(0), [format!("chunk {chunk}")]);
        upload.store([chunk]);
    }
    assert_eq!(upload.step(0), ["chunk 50"]);
    upload.store([50]);
    assert_eq!(upload.step(0), [report(1..=50), "chunk 51".to_owned()]);
    upload.respond(&report(1..=50), 200, &json!({}));
    upload.store([51]);
    assert_eq!(upload.step(0), ["chunk 52"]);
    upload.store([52]);
    assert_eq!(upload.step(0), ["report 51 52"]);
}

#[test]
fn chunks_are_reported_some_time_after_they_were_sent() {
    let mut upload = upload(3, settings(3, 5_000), 1..=3);
    assert_eq!(upload.step(0), ["chunk 1", "chunk 2", "chunk 3"]);
    upload.step(10_000);
    upload.store([1]);
    assert_eq!(upload.step(10_000), NONE);
    assert_eq!(upload.until, Some(millis(15_000)));
    assert_eq!(upload.step(14_999), NONE);
    assert_eq!(upload.step(15_000), ["report 1"]);
    upload.respond("report 1", 200, &json!({}));
    upload.step(18_000);
    upload.store([2]);
    assert_eq!(upload.step(18_000), NONE);
    assert_eq!(upload.until, Some(millis(23_000)));
    assert_eq!(upload.step(23_000), ["report 2"]);
}

#[test]
fn rest_of_a_batch_is_reported_some_time_after_it() {
    let sent = (1..=60).map(|index| (index, SentChunk::new("opaque", 1)));
    let record = UploadRecord::new("u", "a", 1, 61, 61).with_sent(sent.collect::<BTreeMap<_, _>>());
    let mut upload = DrivenUpload::resume(record, settings(1, 5_000));
    upload.step(10_000);
    upload.state(1, 1, &[]);
    let batch = report(1..=50);
    assert_eq!(upload.step(10_000), ["urls 61+1".to_owned(), batch.clone()]);
    upload.step(12_000);
    upload.respond(&batch, 200, &json!({}));
    upload.sign("urls 61+1", [61]);
    assert_eq!(upload.step(12_000), ["chunk 61"]);
    assert_eq!(upload.until, Some(millis(15_000)));
    assert_eq!(upload.step(15_000), [report(51..=60)]);
}

#[test]
fn state_is_read_after_three_rejected_reports() {
    let mut upload = upload(1, settings(1, 0), [1]);
    assert_eq!(upload.step(0), ["chunk 1"]);
    for _ in 0..3 {
        upload.store([1]);
        assert_eq!(upload.step(0), ["report 1"]);
        upload.respond("report 1", 400, &json!({}));
        assert_eq!(upload.step(0), ["state 1", "urls 1+1"]);
        upload.state(1, 1, &[]);
        upload.sign("urls 1+1", [1]);
        assert_eq!(upload.step(0), ["chunk 1"]);
    }
    upload.store([1]);
    assert_eq!(upload.step(0), ["report 1"]);
    upload.respond("report 1", 400, &json!({}));
    assert_eq!(upload.step(0), NONE);
    let error = upload.result.take().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(upload.recorded(), (vec![1; 3], vec![]));
}

#[test]
fn only_chunks_that_the_platform_lacks_are_sent_again() {
    let mut upload = rejected(5);
    upload.sign("urls 1+5", 1..=5);
    upload.state(1, 3, &[1]);
    assert_eq!(upload.step(0), ["state 2"]);
    upload.state(2, 3, &[3]);
    assert_eq!(upload.step(0), ["state 3"]);
    upload.state(3, 3, &[5]);
    upload.events();
    assert_eq!(upload.step(0), ["chunk 2", "chunk 4"]);
    upload.store([2, 4]);
    let progress = |event: &Event| match event {
        Event::ChunkSent { chunks, bytes, .. } => (*chunks, *bytes),
        other => panic!("{other:?}"),
    };
    let events = upload.events();
    assert_eq!(
        events.iter().map(progress).collect::<Vec<_>>(),
        [(4, 4), (5, 5)]
    );
    assert_eq!(upload.step(0), ["report 2 4"]);
    upload.respond("report 2 4", 200, &json!({}));
    upload.step(0);
    assert_eq!(upload.recorded(), (vec![1, 2, 3, 4, 5], vec![2, 4]));
    assert_eq!(upload.result.unwrap().unwrap().attempts, 7);
}

#[test]
fn reported_chunks_that_the_platform_lost_are_sent_again() {
    let mut upload = upload(2, settings(1, 0), 1..=2);
    assert_eq!(upload.step(0), ["chunk 1"]);
    upload.store([1]);
    assert_eq!(upload.step(0), ["report 1", "chunk 2"]);
    upload.respond("report 1", 200, &json!({}));
    upload.store([2]);
    assert_eq!(upload.step(0), ["report 2"]);
    upload.respond("report 2", 400, &json!({}));
    assert_eq!(upload.step(0), ["state 1", "urls 2+1"]);
    upload.state(1, 1, &[2]);
    assert_eq!(upload.step(0), NONE);
    // This URL is of no use any more, and the one of chunk 1 was not requested.
    upload.sign("urls 2+1", [2]);
    assert_eq!(upload.step(0), ["urls 1+1"]);
    upload.sign("urls 1+1", [1]);
    assert_eq!(upload.step(0), ["chunk 1"]);
}

#[test]
fn chunks_sent_while_the_state_is_read_are_not_sent_again() {
    let mut upload = upload(2, settings(2, 0), 1..=2);
    assert_eq!(upload.step(0), ["chunk 1", "chunk 2"]);
    upload.store([1]);
    assert_eq!(upload.step(0), ["report 1"]);
    upload.respond("report 1", 400, &json!({}));
    assert_eq!(upload.step(0), ["state 1", "urls 1+1"]);
    upload.store([2]);
    upload.state(1, 1, &[]);
    assert_eq!(upload.step(0), ["report 2"]);
    upload.sign("urls 1+1", [1]);
    assert_eq!(upload.step(0), ["chunk 1"]);
}

#[test]
fn complete_session_ends_the_upload_without_another_page() {
    let mut upload = rejected(2);
    let state = json!({
        "upload_id": "u", "status": "completed", "page_info": { "total_page": 2 },
        "uploaded_chunks": [{ "index": 1, "status": "completed" }],
    });
    upload.respond("state 1", 200, &state);
    assert_eq!(upload.step(0), NONE);
    assert_eq!(upload.result.unwrap().unwrap().chunks, 2);
}
