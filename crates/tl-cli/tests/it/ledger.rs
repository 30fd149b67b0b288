//! `tl ledger`: listing, changing, exporting and importing items, and ledgers that cannot be used.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tl_ledger::{
    ClaimOptions, FileStat, Fingerprint, ItemError, KeyTag, Ledger, NewAccount, NewContent,
    NewItem, NewRun, Operation, Outcome, State, Update,
};
use tl_protocol::limiter::{Cost, Limits};

use crate::tl::{Run, Tl};

/// A ledger with four items: done, failed, in doubt, and ready.
fn fill(folder: &Path) {
    fill_account(folder, "https://api", "tlk_EXAMPLE", "unlimited");
}

/// Adds the four items of [`fill`] for an account.
fn fill_account(folder: &Path, base_url: &str, key: &str, plan: &'static str) {
    let mut ledger = Ledger::open(folder.join("ledger.sqlite3")).unwrap();
    let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
    let limits = Limits::named(plan).unwrap_or(Limits::UNLIMITED);
    let account = NewAccount::new(base_url, KeyTag::of(key), plan, limits);
    let account = ledger.account(now, &account).unwrap();
    let run = ledger.begin_run(now, &NewRun::new("host", 1)).unwrap();
    let items: Vec<NewItem> = ["done.mp4", "failed.mov", "doubt.mp4", "ready.mp4"]
        .into_iter()
        .zip(1..)
        .map(|(name, n)| {
            let stat = FileStat::of_size(n * 1000).with_times(1, 1);
            let content = NewContent::Read(Fingerprint::new(n * 1000, [7; 32]));
            NewItem::new(format!("file:///videos/{name}"), stat, content, "index-1")
                .with_name(name)
                .with_video(Duration::from_secs(n))
        })
        .collect();
    ledger.add(now, run, account, &items).unwrap();
    let options = ClaimOptions::new(account, "worker").limit(3);
    let claim = ledger.claim(now, &options, |_| Cost::default()).unwrap();
    let lease = |n: usize| claim.items[n].lease;
    let sending = Update::to(State::Sending).nonce("n");
    let attempt = ledger
        .intent(now, lease(0), run, Operation::CreateAsset, &sending)
        .unwrap();
    let outcome = Outcome::created("asset-1").with_http(201);
    let update = Update::new().asset_id("asset-1");
    ledger
        .outcome(now, lease(0), attempt, &outcome, &update)
        .unwrap();
    ledger
        .finish(now, lease(0), Update::new().video_id("video-1"))
        .unwrap();
    let error = ItemError::new("refused", "the video is black").with_code("video_black");
    ledger.fail(now, lease(1), error).unwrap();
    ledger
        .intent(now, lease(2), run, Operation::CreateAsset, &sending)
        .unwrap();
    ledger.release(lease(2)).unwrap();
}

fn ledger(folder: &Path, arguments: &[&str]) -> Tl {
    Tl::new(&["ledger"])
        .args(arguments)
        .in_folder(folder)
        .env("TL_LEDGER", "ledger.sqlite3")
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

fn names(folder: &Path, selection: &[&str]) -> Vec<String> {
    let run = ledger(folder, &["ls", "--json"]).args(selection).code(0);
    let items = json(&run);
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn items_are_listed_and_selected() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fill(folder);
    let check = |selection: &[&str], expected: &[&str]| {
        assert_eq!(names(folder, selection), expected, "{selection:?}");
    };
    check(&[], &["done.mp4", "failed.mov", "doubt.mp4", "ready.mp4"]);
    check(&["--state", "failed,done"], &["done.mp4", "failed.mov"]);
    check(&["--name", "*.mov"], &["failed.mov"]);
    check(&["--name", "d*.mp?"], &["done.mp4", "doubt.mp4"]);
    check(&["--name", "[d]*"], &[]);
    check(&["--index", "index-2"], &[]);
    check(&["--in-doubt"], &["doubt.mp4"]);
    check(&["--held"], &[]);
    check(
        &["--older-than", "2026-11-28T12:00:01Z"],
        &["done.mp4", "failed.mov", "doubt.mp4", "ready.mp4"],
    );
    check(&["--newer-than", "2026-11-28T12:00:01Z"], &[]);
    check(&["2", "4"], &["failed.mov", "ready.mp4"]);
    let table = ledger(folder, &["ls", "--limit", "2"]).code(0);
    assert!(
        table.stdout.contains("video_black: the video is black"),
        "{}",
        table.text()
    );
    assert!(table.stderr.contains("showing 2"), "{}", table.text());
    assert_eq!(
        ledger(folder, &["ls", "-q", "--state", "done"])
            .code(0)
            .stdout,
        "1\n"
    );
    ledger(folder, &["ls", "9"]).code(2);
    ledger(folder, &["ls", "--state", "lost"]).code(2);
    let shown = ledger(folder, &["show", "1"]).code(0);
    for part in [
        "file:///videos/done.mp4",
        "create_asset",
        "201",
        "asset-1",
        "video-1",
    ] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.text());
    }
    let shown = json(&ledger(folder, &["show", "3", "--json"]).code(0));
    assert_eq!(shown["attempts"][0]["outcome_at"], Value::Null);
}

#[test]
fn items_are_retried_forgotten_and_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fill(folder);
    let count = |arguments: &[&str], member: &str| {
        json(&ledger(folder, arguments).args(&["--json"]).code(0))[member].as_u64()
    };
    let nothing = ledger(folder, &["retry"]).code(2);
    assert!(nothing.stderr.contains("--all"), "{}", nothing.text());
    assert_eq!(count(&["retry", "--state", "failed"], "retried"), Some(1));
    assert_eq!(names(folder, &["--state", "failed"]), [""; 0]);
    assert_eq!(count(&["retry", "1"], "retried"), Some(0));
    assert_eq!(count(&["retry", "1", "--restart"], "retried"), Some(1));
    let refused = ledger(folder, &["forget", "4"]).code(2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.text());
    assert_eq!(count(&["forget", "4", "--yes"], "forgotten"), Some(1));
    assert_eq!(names(folder, &[]).len(), 3);
    assert_eq!(count(&["prune", "--older-than", "0d"], "attempts"), Some(0));
    let verified = ledger(folder, &["verify"]).code(0);
    assert!(
        verified.stdout.contains("no problems"),
        "{}",
        verified.text()
    );
}

#[test]
fn exports_are_imported_into_another_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fill(folder);
    for file in ["all.csv", "all.jsonl"] {
        ledger(folder, &["export", "--output", file]).code(0);
        let other = format!("from-{file}.sqlite3");
        let import = |expected: [u64; 3]| {
            let run = ledger(folder, &["import", file, "--json", "--ledger", &other]).code(0);
            let imported = json(&run);
            let counts = ["added", "replaced", "kept"].map(|name| imported[name].as_u64());
            assert_eq!(counts, expected.map(Some), "{imported}");
        };
        import([4, 0, 0]);
        import([0, 0, 4]);
        // The export of the import is the same.
        let again = ledger(folder, &["export", "--format", "csv", "--ledger", &other]).code(0);
        let rows = again.stdout.lines().count();
        assert_eq!(rows, 5, "{}", again.stdout);
        ledger(folder, &["verify", "--ledger", &other]).code(0);
    }
    let failed = ledger(folder, &["export", "--output", "missing/all.csv"]).code(2);
    assert!(
        failed.stderr.contains("missing/all.csv"),
        "{}",
        failed.text()
    );
    std::fs::write(folder.join("wrong.jsonl"), "{}\n").unwrap();
    let wrong = ledger(
        folder,
        &["import", "wrong.jsonl", "--ledger", "new.sqlite3"],
    )
    .code(2);
    assert!(wrong.stderr.contains("line 1"), "{}", wrong.text());
    assert!(
        wrong.stderr.contains("nothing was imported"),
        "{}",
        wrong.text()
    );
    let none = ledger(folder, &["ls", "--json", "--ledger", "new.sqlite3"]).code(0);
    assert_eq!(json(&none), serde_json::json!([]));
}

#[test]
fn ledgers_that_cannot_be_used_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let check = |place: &str, code: i32, kind: &str| {
        let run = ledger(folder, &["ls", "--json", "--ledger", place]).code(code);
        let error = &json(&run)["error"];
        assert_eq!(error["kind"], kind, "{place}: {}", run.text());
        assert!(error["next"].is_string(), "{}", run.text());
        assert!(!run.text().contains("s3cret-word"), "{}", run.text());
    };
    check("none.sqlite3", 2, "ledger_not_found");
    assert!(!folder.join("none.sqlite3").exists());
    std::fs::write(folder.join("text"), "text ".repeat(1000)).unwrap();
    check("text", 2, "not_a_ledger");
    check(
        "postgres://tl:s3cret-word@127.0.0.1:1/db",
        5,
        "ledger_unavailable",
    );
    check(
        "postgres://tl:s3cret-word@no-such-host.invalid/db",
        5,
        "ledger_unavailable",
    );
    check("postgres://tl:s3cret-word@[/db", 2, "usage");
    check(
        "postgres://tl:s3cret-word@127.0.0.1:1/db?sslmode=on",
        2,
        "ledger_invalid",
    );
}

#[test]
fn ledgers_of_several_accounts_survive_a_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let accounts = [
        ("https://api", "tlk_A", "developer-1"),
        ("https://api", "tlk_B", "free"),
        ("https://other", "tlk_A", "developer-3"),
    ];
    for (base_url, key, plan) in accounts {
        fill_account(folder, base_url, key, plan);
    }
    let run = ledger(folder, &["verify", "--json"]).code(0);
    assert_eq!(json(&run)["is_consistent"], true);
    // Everything but the numbers of the exporting ledger.
    let records = |ledger_file: &str| {
        let run = ledger(folder, &["export", "--ledger", ledger_file]).code(0);
        let mut records: Vec<Value> = run.json_lines();
        for record in &mut records {
            for name in ["id", "account", "content"] {
                record["item"].as_object_mut().unwrap().remove(name);
            }
            for attempt in record["attempts"].as_array_mut().unwrap() {
                for name in ["id", "item", "run"] {
                    attempt.as_object_mut().unwrap().remove(name);
                }
            }
        }
        records.sort_by_key(ToString::to_string);
        records
    };
    let before = records("ledger.sqlite3");
    assert_eq!(before.len(), 12);
    for file in ["all.csv", "all.jsonl"] {
        ledger(folder, &["export", "--output", file]).code(0);
        let other = format!("from-{file}.sqlite3");
        let run = ledger(folder, &["import", file, "--json", "--ledger", &other]).code(0);
        assert_eq!(json(&run)["added"], 12, "{}", run.text());
        ledger(folder, &["verify", "--ledger", &other]).code(0);
        assert_eq!(records(&other), before, "{file}");
        let run = ledger(folder, &["import", file, "--json", "--ledger", &other]).code(0);
        assert_eq!(
            (&json(&run)["added"], &json(&run)["kept"]),
            (&0.into(), &12.into())
        );
    }
    // Each account keeps its own four items and its plan.
    let run = Tl::new(&["status", "--json", "--ledger", "from-all.csv.sqlite3"])
        .in_folder(folder)
        .code(0);
    let lines = run.json_lines();
    let mut seen: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["base_url"].as_str().unwrap(),
                line["plan"].as_str().unwrap(),
            )
        })
        .collect();
    seen.sort_unstable();
    let mut expected = accounts.map(|(base_url, _, plan)| (base_url, plan));
    expected.sort_unstable();
    assert_eq!(seen, expected, "{}", run.text());
    assert!(
        lines
            .iter()
            .all(|line| line["total"] == 4 && line["left"] == 2)
    );
}
