//! Tests of ingestions that an earlier process has started.

use super::*;
use crate::flow::upload::Intent;

const NO_INDEXED: &str = r#"200 {"data": [], "page_info": {"total_page": 1}}"#;
const TWO_INDEXED: &str = r#"200 {"page_info": {"total_page": 1}, "data": [
    {"_id": "w", "index": {"_id": "i"}}, {"_id": "y", "index": {"_id": "other"}},
    {"_id": "x", "index": {"_id": "i"}}]}"#;
const ASSET_FAILED: &str = r#"200 {"_id": "a", "status": "failed"}"#;
const INDEXED_FAILED: &str = r#"200 {"_id": "x", "status": "failed"}"#;
const NEW_INDEXED: &str = r#"202 {"_id": "z"}"#;

const GET_ASSET: &str = "0 GET /assets/a";

/// An asset of an earlier process, perhaps with the indexed asset `x`.
fn resumed(indexed: bool, is_indexing: bool) -> AssetUpload {
    AssetUpload::Resumed {
        asset_id: "a".into(),
        indexed_asset_id: indexed.then(|| "x".into()),
        is_indexing,
        fallback: Box::new(whole()),
    }
}

/// Resumes an ingestion of the asset `a`, and checks the requests after the first, which is for
/// the asset, and the result.
#[track_caller]
fn check(plan: &AssetPlan, responses: &[&str], requests: &[&str], result: &str) {
    let seen = ingest(plan.clone(), responses);
    assert_eq!(seen.requests()[0], GET_ASSET, "{responses:?}");
    assert_eq!(seen.requests()[1..], *requests, "{responses:?}");
    assert_eq!(seen.result(), result, "{responses:?}");
}

#[test]
fn asset_of_an_earlier_process_must_exist() {
    let plan = AssetPlan::new(resumed(false, false)).with_wait(None);
    check(&plan, &[ASSET_READY], &[], "a -");
    check(&plan, &[ASSET_PROCESSING], &[], "a -");
    let failed = "ProcessingFailed in processing; asset a";
    check(&plan, &[ASSET_FAILED], &[], failed);
    let forbidden = "Forbidden in processing; asset a";
    check(&plan, &["403"], &[], forbidden);
    check(
        &plan.with_wait(Some(WaitPolicy::default())),
        &["403"],
        &[],
        forbidden,
    );
}

#[test]
fn lost_asset_of_an_earlier_process_is_uploaded_again() {
    let created = r#"201 {"_id": "b", "status": "processing"}"#;
    for wait in [None, Some(WaitPolicy::default())] {
        let is_waited = wait.is_some();
        let plan = AssetPlan::new(resumed(false, false)).with_wait(wait);
        let ready = r#"200 {"_id": "b", "status": "ready"}"#;
        let responses = ["404", created, ready];
        let seen = ingest(plan, &responses[..if is_waited { 3 } else { 2 }]);
        let mut expected = vec![
            GET_ASSET,
            "restarted",
            "started upload - -",
            r#"record {"creating":{"since":1,"mark":null}}"#,
            "1 POST /assets",
            r#"record {"asset":"b"}"#,
        ];
        if is_waited {
            expected.insert(0, "started processing a -");
            expected.extend(["started processing b -", "2 GET /assets/b"]);
        }
        assert_eq!(seen.log, expected);
        assert_eq!(seen.result(), "b -");
        let times = seconds(&seen.result.unwrap().times);
        assert_eq!(times[0], (Stage::Uploading, 1.0), "since the restart");
    }
}

#[test]
fn indexed_asset_of_an_earlier_process_must_exist() {
    let plan = AssetPlan::new(resumed(true, false)).with_index(Some("i".into()));
    let get = "1 GET /indexes/i/indexed-assets/x";
    let reached = "in indexing; asset a; indexed asset x";
    for wait in [None, Some(WaitPolicy::default())] {
        let plan = plan.clone().with_wait(wait);
        let check = |response, result: &str| {
            check(&plan, &[ASSET_READY, response], &[get], result);
        };
        check(INDEXED_READY, "a x");
        check("403", &format!("Forbidden {reached}"));
        check(INDEXED_FAILED, &format!("ProcessingFailed {reached}"));
    }
}

#[test]
fn lost_indexed_asset_of_an_earlier_process_is_created_again() {
    let plan = AssetPlan::new(resumed(true, false)).with_index(Some("i".into()));
    let get = "1 GET /indexes/i/indexed-assets/x";
    let post = "2 POST /indexes/i/indexed-assets";
    check(
        &plan.clone().with_wait(None),
        &[ASSET_READY, "404", NEW_INDEXED],
        &[get, post],
        "a z",
    );
    let again = "3 GET /indexes/i/indexed-assets/z";
    let ready = r#"200 {"_id": "z", "status": "ready"}"#;
    check(
        &plan,
        &[ASSET_READY, "404", NEW_INDEXED, ready],
        &[get, post, again],
        "a z",
    );
    // Only once.
    check(
        &plan,
        &[ASSET_READY, "404", NEW_INDEXED, "404"],
        &[get, post, again],
        "NotFound in indexing; asset a; indexed asset z",
    );
}

#[test]
fn first_indexed_asset_that_exists_and_has_not_failed_is_used() {
    let plan = AssetPlan::new(resumed(false, false)).with_index(Some("i".into()));
    let plan = plan.with_wait(None);
    let list = "1 GET /assets/a/indexed-assets";
    let (w, x) = (
        "2 GET /indexes/i/indexed-assets/w",
        "3 GET /indexes/i/indexed-assets/x",
    );
    let begin = [ASSET_READY, TWO_INDEXED];
    let check = |rest: &[&str], requests: &[&str], result: &str| {
        let responses = [&begin[..], rest].concat();
        check(&plan, &responses, &[&[list], requests].concat(), result);
    };
    let failed = r#"200 {"_id": "w", "status": "failed"}"#;
    let working = r#"200 {"_id": "w", "status": "indexing"}"#;
    let (w_again, x_again) = (
        "3 GET /indexes/i/indexed-assets/w",
        "4 GET /indexes/i/indexed-assets/x",
    );
    check(&[working, working], &[w, w_again], "a w reconciled");
    for absent in ["404", failed] {
        let found = [absent, INDEXED_READY, INDEXED_READY];
        check(&found, &[w, x, x_again], "a x reconciled");
    }
    let post = "4 POST /indexes/i/indexed-assets";
    check(&["404", INDEXED_FAILED, NEW_INDEXED], &[w, x, post], "a z");
    check(&["403"], &[w], "Forbidden in indexing; asset a");
}

#[test]
fn request_in_doubt_is_looked_up_twice_each_after_a_delay() {
    let plan = AssetPlan::new(resumed(false, true)).with_index(Some("i".into()));
    let plan = plan.with_wait(None);
    let lists = [
        "3 GET /assets/a/indexed-assets",
        "6 GET /assets/a/indexed-assets",
    ];
    check(
        &plan,
        &[ASSET_READY, NO_INDEXED, NO_INDEXED, NEW_INDEXED],
        &[lists[0], lists[1], "7 POST /indexes/i/indexed-assets"],
        "a z",
    );
    let found =
        r#"200 {"page_info": {"total_page": 1}, "data": [{"_id": "x", "index": {"_id": "i"}}]}"#;
    let get = "GET /indexes/i/indexed-assets/x";
    check(
        &plan,
        &[ASSET_READY, NO_INDEXED, found, INDEXED_READY, INDEXED_READY],
        &[lists[0], lists[1], &format!("7 {get}"), &format!("8 {get}")],
        "a x reconciled",
    );
    // Without a doubt, it is looked up once, at once.
    let plan = AssetPlan::new(resumed(false, false)).with_index(Some("i".into()));
    check(
        &plan.with_wait(None),
        &[ASSET_READY, NO_INDEXED, NEW_INDEXED],
        &[
            "1 GET /assets/a/indexed-assets",
            "2 POST /indexes/i/indexed-assets",
        ],
        "a z",
    );
}

#[test]
fn asset_in_doubt_is_used_if_nothing_was_created_from_it() {
    let in_doubt = AssetUpload::InDoubt {
        create: create(),
        intent: Intent::new(SystemTime::UNIX_EPOCH, None),
    };
    let plan = AssetPlan::new(in_doubt).with_wait(None);
    let list =
        r#"200 {"data": [{"_id": "a", "filename": "a.mp4"}], "page_info": {"total_page": 1}}"#;
    let seen = ingest(plan.clone(), &[list, NO_INDEXED, ASSET_READY]);
    assert_eq!(
        seen.log,
        [
            "started upload - -",
            "2 GET /assets",
            "reconciled a",
            "3 GET /assets/a/indexed-assets",
            r#"record {"asset":"a"}"#,
            "4 GET /assets/a",
        ]
    );
    assert_eq!(seen.result(), "a - reconciled");
    // It is the asset of another upload, if something was.
    let created = r#"201 {"_id": "b", "status": "processing"}"#;
    let seen = ingest(plan, &[list, TWO_INDEXED, created]);
    assert_eq!(seen.requests()[2], "4 POST /assets");
    assert_eq!(seen.result(), "b -");
}

#[test]
fn request_without_a_marker_is_matched_by_name_if_allowed() {
    let mark = ("key".to_owned(), "value".to_owned());
    for (mark, match_by_name, expected) in [
        (None, false, false),
        (None, true, true),
        (Some(mark.clone()), false, true),
        (Some(mark), true, true),
    ] {
        let record = IngestRecord {
            creating: Some(Intent::new(SystemTime::UNIX_EPOCH, mark.clone())),
            ..IngestRecord::default()
        };
        let upload = record.resume(whole(), false, match_by_name);
        let in_doubt = matches!(upload, AssetUpload::InDoubt { .. });
        assert_eq!(in_doubt, expected, "{mark:?} {match_by_name}");
        assert!(in_doubt || matches!(upload, AssetUpload::Whole(_)));
    }
}
