//! `tl store`, `tl ask`, `tl entity`, `tl connection` and `tl import` against the emulator.

use std::path::Path;

use serde_json::{Value, json};
use tl_emulator::{Answers, FaultPlan};

use crate::clips;
use crate::platform::Platform;
use crate::tl::Run;

/// A gray picture of 128x128 pixels.
pub(crate) fn picture(folder: &Path, name: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi"])
        .args([
            "-i",
            "color=gray:size=128x128:duration=1:rate=1",
            "-frames:v",
            "1",
        ])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
}

/// A platform whose answers come from the sidecar of `good.mp4`.
fn platform() -> Platform {
    let sidecar = json!({
        "segments": [
            { "start": 0, "end": 2, "labels": ["kickoff"], "text": "The game begins." },
            { "start": 2, "end": 4, "labels": ["goal"], "text": "A goal in the rain." },
        ],
    });
    let mut answers = Answers::new();
    answers
        .add_sidecar("good.mp4", None, &sidecar.to_string())
        .unwrap();
    Platform::with(|builder| builder.answers(answers))
}

/// Uploads `good.mp4` as an asset that is ready, adds it to the store `matches`, and returns the
/// item.
fn filled(platform: &Platform) -> String {
    let folder = clips::folder(&["good.mp4"]);
    let uploaded = platform
        .tl(&["upload", "good.mp4", "--wait", "--quiet"])
        .in_folder(folder.path())
        .code(0);
    let asset = uploaded.first_line();
    platform.tl(&["store", "create", "matches"]).code(0);
    let add = [
        "store",
        "item",
        "add",
        "matches",
        asset,
        "--quiet",
        "--metadata",
        "team=red",
    ];
    let item = platform.tl(&add).code(0).first_line().to_owned();
    platform
        .tl(&[
            "store",
            "item",
            "wait",
            "matches",
            &item,
            "--interval",
            "50ms",
        ])
        .code(0);
    item
}

fn json_of(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn store_lifecycle() {
    let platform = platform();
    let item = filled(&platform);
    let shown = platform.tl(&["store", "get", "matches"]).code(0).stdout;
    assert!(
        shown.contains("matches") && shown.contains("items"),
        "{shown}"
    );
    let listed = platform
        .tl(&["store", "item", "list", "matches", "--json"])
        .code(0);
    let listed = json_of(&listed);
    assert_eq!(
        (&listed[0]["_id"], &listed[0]["status"]),
        (&json!(item), &json!("ready"))
    );
    assert_eq!(listed[0]["metadata"], json!({ "team": "red" }));

    let run = |words: &[&str]| platform.tl(words).code(0);
    run(&["store", "collection", "create", "matches", "finals"]);
    let added = run(&["store", "collection", "add", "matches", "finals", &item]);
    assert!(
        added
            .stdout
            .starts_with("1 item added to item collection ksic_"),
        "{added:?}"
    );
    let members = run(&[
        "store",
        "collection",
        "items",
        "matches",
        "finals",
        "--quiet",
    ]);
    assert_eq!(members.first_line(), item);
    run(&["store", "collection", "remove", "matches", "finals", &item]);
    assert_eq!(
        json_of(&run(&["store", "collection", "list", "matches", "--json"]))[0]["member_count"],
        0
    );
    run(&[
        "store",
        "collection",
        "delete",
        "matches",
        "finals",
        "--yes",
    ]);
    run(&[
        "store",
        "update",
        "matches",
        "--name",
        "games",
        "--metadata",
        "season=2026",
    ]);
    assert_eq!(
        json_of(&run(&["store", "get", "games", "--json"]))["metadata"]["season"],
        "2026"
    );
    run(&["store", "item", "remove", "games", &item, "--yes"]);
    run(&["store", "delete", "games", "--yes"]);
    let gone = platform.tl(&["store", "get", "games"]).code(7);
    assert!(
        gone.stderr
            .contains("no knowledge store with the name or id `games`"),
        "{gone:?}"
    );
}

#[test]
fn store_search_shows_clips_and_follows_pages() {
    let platform = platform();
    let item = filled(&platform);
    let search = ["store", "search", "matches", "a goal in the rain"];
    let found = platform.tl(&[&search[..], &["--json"]].concat()).code(0);
    let hits = json_of(&found);
    assert_eq!(
        (&hits[0]["item_id"], &hits[0]["matches"][0]["start_sec"]),
        (&json!(item), &json!(2))
    );
    let shown = platform.tl(&search).code(0).stdout;
    assert!(shown.contains("2.0-4.0 s"), "{shown}");
    let one = platform
        .tl(&[&search[..], &["--limit", "1"]].concat())
        .code(0);
    assert!(one.stderr.contains("showing 1 hits"), "{one:?}");
    let none = platform
        .tl(&[&search[..], &["--type", "image"]].concat())
        .code(0);
    assert_eq!(none.stdout, "");
}

/// What violates a documented limit is refused before anything is sent.
#[test]
fn invalid_requests_are_not_sent() {
    let platform = platform();
    platform.tl(&["store", "create", "matches"]).code(0);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("schema.json"),
        r#"{"type": "object", "properties": {"a": {"type": "string"}}}"#,
    )
    .unwrap();
    let long = "a".repeat(10_001);
    for (words, reason) in [
        (
            vec!["store", "create", "b", "--schema", "schema.json"],
            "`json_schema.properties.a` is invalid: needs a `description`",
        ),
        (vec!["store", "create", ""], "the name is empty"),
        (
            vec!["store", "search", "matches", ""],
            "`query.text` is invalid",
        ),
        (vec!["ask", "matches", &long], "10001 characters"),
        (
            vec!["import", "create", "aaaaaaaaaaaaaaaaaaaaaaaa", "--", ""],
            "files",
        ),
        (
            vec!["connection", "authorize", "--redirect-uri", "back"],
            "a URL with a host is expected",
        ),
    ] {
        let before = platform.requests_at_rest();
        let run = platform.tl(&words).in_folder(folder.path()).run();
        assert!(
            run.code != 0 && run.stderr.contains(reason),
            "{words:?} {run:?}"
        );
        // Only a name was looked up.
        let sent = platform.requests_at_rest() - before;
        assert!(sent <= 1, "{words:?} {sent}");
    }
}

#[test]
fn answer_has_numbered_citations_and_a_session() {
    let platform = platform();
    let item = filled(&platform);
    let asked = platform
        .tl(&["ask", "matches", "Is there a goal in the rain?"])
        .code(0);
    let mut lines = asked.stdout.lines();
    assert_eq!(lines.next().unwrap(), "goal A goal in the rain. [1].");
    assert_eq!(
        lines.next().unwrap(),
        format!("[1] good.mp4 2.0-4.0 s {item}")
    );
    let session = asked.stderr.split("--session ").nth(1).unwrap().trim();
    let next = [
        "ask",
        "matches",
        "And then?",
        "--session",
        session,
        "--json",
    ];
    let next = json_of(&platform.tl(&next).code(0));
    assert_eq!(next["session_id"], session);
    assert_eq!(next["status"], "completed");
    let about = ["ask", "matches", "What is it?", "--item", &item, "--steps"];
    let about = platform.tl(&about).code(0);
    assert!(about.stderr.contains("search: {"), "{about:?}");
    let before = platform.requests_at_rest();
    let dry = platform
        .tl(&["ask", "matches", "Who?", "--dry-run"])
        .code(0);
    assert!(dry.stdout.contains("nothing was asked"), "{dry:?}");
    // The name and the store were looked up.
    assert_eq!(platform.requests_at_rest() - before, 2);
}

/// A pipe gets the whole answer or nothing.
#[test]
fn interrupted_answer_is_saved_and_not_printed() {
    let mut plan = FaultPlan::default();
    // The sixth event is the first one with text.
    let fault = "responses.create cut_after_events=7".parse().unwrap();
    plan.faults.push(fault);
    let platform = Platform::with(|builder| builder.faults(plan).unwrap());
    filled(&platform);
    let temporary = tempfile::tempdir().unwrap();
    let cut = platform
        .tl(&["ask", "matches", "Is there a goal?"])
        .env("TMPDIR", temporary.path().to_str().unwrap())
        .code(9);
    assert_eq!(cut.stdout, "");
    assert!(
        cut.stderr.contains("the text so far was saved as"),
        "{cut:?}"
    );
    assert!(
        cut.stderr.contains("ask again with --session sess_"),
        "{cut:?}"
    );
    let saved = std::fs::read_dir(temporary.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert!(!std::fs::read_to_string(saved.path()).unwrap().is_empty());
}

#[test]
fn entity_lifecycle() {
    let platform = Platform::start();
    let folder = tempfile::tempdir().unwrap();
    picture(folder.path(), "face.png");
    picture(folder.path(), "profile.png");
    let run = |words: &[&str]| platform.tl(words).in_folder(folder.path()).code(0);
    let upload = |name: &str| run(&["upload", name, "--wait", "--no-check", "--quiet"]);
    let (first, second) = (upload("face.png"), upload("profile.png"));
    let (first, second) = (first.first_line(), second.first_line());
    run(&[
        "entity",
        "collection",
        "create",
        "people",
        "--description",
        "of the club",
    ]);
    let create = [
        "entity",
        "create",
        "Ada",
        first,
        "--collection",
        "people",
        "--quiet",
    ];
    let entity = run(&create).first_line().to_owned();
    let of = ["--collection", "people"];
    let with = |words: &[&str]| run(&[words, &of].concat());
    with(&["entity", "wait", &entity, "--interval", "50ms"]);
    let shown = with(&["entity", "get", &entity]).stdout;
    assert!(shown.contains("Ada") && shown.contains(first), "{shown}");
    assert!(
        with(&["entity", "add-images", &entity, second])
            .stdout
            .contains("has 2 images")
    );
    assert!(
        with(&["entity", "remove-images", &entity, first])
            .stdout
            .contains("has 1 images")
    );
    with(&["entity", "update", &entity, "--description", "keeper"]);
    let listed = json_of(&with(&["entity", "list", "--json"]));
    assert_eq!(listed[0]["description"], "keeper");
    with(&["entity", "delete", &entity, "--yes"]);
    run(&[
        "entity",
        "collection",
        "update",
        "people",
        "--name",
        "players",
    ]);
    let collections = json_of(&run(&["entity", "collection", "list", "--json"]));
    assert_eq!(collections[0]["name"], "players");
    let shown = run(&["entity", "collection", "get", "players"]).stdout;
    assert!(shown.contains("players"), "{shown}");
    run(&["entity", "collection", "delete", "players", "--yes"]);
    let gone = platform
        .tl(&["entity", "list", "--collection", "players"])
        .code(7);
    assert!(
        gone.stderr.contains("`tl entity collection list`"),
        "{gone:?}"
    );
}

#[test]
fn imports_report_each_file() {
    let platform = Platform::start();
    let run = |words: &[&str]| platform.tl(words).code(0);
    run(&[
        "connection",
        "redirect-uri",
        "add",
        "https://example.com/back",
    ]);
    let uris = json_of(&run(&["connection", "redirect-uri", "list", "--json"]));
    let begin = [
        "connection",
        "authorize",
        "--redirect-uri",
        "https://example.com/back",
    ];
    let address = run(&[&begin[..], &["--quiet"]].concat())
        .first_line()
        .to_owned();
    let decided = std::process::Command::new("curl")
        .args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{redirect_url}",
            "--noproxy",
            "*",
        ])
        .arg(format!("{address}&decision=allow"))
        .output()
        .unwrap();
    let back = String::from_utf8(decided.stdout).unwrap();
    assert!(back.contains("status=ok"), "{back}");
    let connection = run(&["connection", "list", "--quiet"])
        .first_line()
        .to_owned();
    let shown = run(&["connection", "get", &connection]).stdout;
    assert!(shown.contains("active"), "{shown}");

    let hidden = run(&["connection", "picker-token", &connection, "--json"]);
    assert!(!hidden.stdout.contains("emulator-token"), "{hidden:?}");
    let revealed = run(&[
        "connection",
        "picker-token",
        &connection,
        "--reveal",
        "--json",
    ]);
    assert!(revealed.stdout.contains("emulator-token"), "{revealed:?}");

    let import = ["import", "create", &connection, "1a", "missing-1", "--json"];
    let result = json_of(&platform.tl(&import).code(1));
    assert_eq!(result["items"][1]["error"]["code"], "source_unavailable");
    let id = result["_id"].as_str().unwrap();
    let shown = run(&["import", "get", &connection, id]).stdout;
    assert!(
        shown.contains("rejected") && shown.contains("1a"),
        "{shown}"
    );
    assert_eq!(
        run(&["import", "list", &connection, "--quiet"]).first_line(),
        id
    );
    imports_are_waited_for(&platform, &connection);
    let uri = uris[0]["_id"].as_str().unwrap();
    run(&["connection", "redirect-uri", "delete", uri, "--yes"]);
    run(&["connection", "delete", &connection, "--yes"]);
}

fn imports_are_waited_for(platform: &Platform, connection: &str) {
    let begin = ["import", "create", connection];
    let import = |more: &[&str], code: i32| platform.tl(&[&begin[..], more].concat()).code(code);
    let wait = ["--wait", "--interval", "50ms"];
    let run = import(&[&["2b", "broken-2", "missing-2"], &wait[..]].concat(), 1);
    // A table with the reason of each file that is not an asset, in the order of the request.
    for (line, expected) in [
        (1, "ready"),
        (2, "the file is broken"),
        (3, "does not exist"),
    ] {
        let line = run.stdout.lines().nth(line).unwrap();
        assert!(line.contains(expected), "{line}");
    }
    let result = json_of(&import(&[&["2c", "2b", "--json"], &wait[..]].concat(), 0));
    let actions = [0, 1].map(|at| result["items"][at]["action"].clone());
    assert_eq!(actions, [json!("created"), json!("skipped")]);
    assert_eq!(result["items"][0]["status"], "ready");
    // In another process, with ids of assets that can be used only.
    let id = result["_id"].as_str().unwrap();
    let words = ["import", "wait", connection, id, "--quiet"];
    let quiet = platform.tl(&words).code(0).stdout;
    assert_eq!(quiet.lines().count(), 2, "{quiet}");
    let only = import(&[&["broken-3", "--quiet"], &wait[..]].concat(), 7);
    assert_eq!(only.stdout, "");
    let late = import(&["2d", "--wait", "--deadline", "1ms"], 8);
    assert!(late.stderr.contains("tl import wait"), "{late:?}");
    import(&["2e", "--deadline", "1ms"], 2);
}

#[test]
fn folder_of_images_becomes_entities() {
    let platform = Platform::start();
    let folder = tempfile::tempdir().unwrap();
    picture(folder.path(), "people/Ada/1.png");
    picture(folder.path(), "people/Ada/2.png");
    picture(folder.path(), "people/Bob/1.png");
    std::fs::write(folder.path().join("people/Bob/notes.txt"), "keeper").unwrap();
    let add = ["entity", "add-folder", "people", "--collection", "players"];
    let run = |more: &[&str], code: i32| {
        let words = [&add[..], more].concat();
        platform.tl(&words).in_folder(folder.path()).code(code)
    };
    let dry = run(&["--dry-run"], 0);
    assert!(dry.stdout.contains("Ada  2 images"), "{dry:?}");
    assert!(dry.stderr.contains("notes.txt: not an image"), "{dry:?}");
    assert!(
        platform
            .emulator
            .journal()
            .iter()
            .all(|entry| !entry.path.contains("entity"))
    );
    let unknown = run(&[], 7);
    assert!(
        unknown.stderr.contains("no entity collection"),
        "{unknown:?}"
    );
    let added = run(&["--create", "--wait", "--interval", "50ms", "--json"], 0);
    let added = json_of(&added);
    assert_eq!(added["created"][0]["name"], "Ada");
    assert_eq!(
        added["created"][0]["asset_ids"].as_array().unwrap().len(),
        2
    );
    assert_eq!(added["created"][1]["status"], "ready");
    // A second run adds only what is missing.
    picture(folder.path(), "people/Eve/1.png");
    let again = json_of(&run(&["--create", "--json"], 0));
    assert_eq!(again["skipped"], json!(["Ada", "Bob"]));
    assert_eq!(again["created"][0]["name"], "Eve");
    let empty = platform.tl(&["entity", "add-folder", "people/Eve", "-c", "x"]);
    let empty = empty.in_folder(folder.path()).code(2);
    assert!(empty.stderr.contains("no entity to add"), "{empty:?}");
}
