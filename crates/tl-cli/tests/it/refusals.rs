//! Bad input for every family of operations: it is refused with its reason, and nothing is sent. The
//! journal of the emulator shows it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use crate::clips;
use crate::platform::Platform;

/// Ids that exist nowhere, in the form of each resource.
const ID: &str = "6298d673f1090f1100476d4c";
const STORE: &str = "ks_8cbb1bd6-b5cf-4c8f-a80f-08a5a3d4f1a5";
const COLLECTION: &str = "ksic_8cbb1bd6-b5cf-4c8f-a80f-08a5a3d4f1a5";
const URL: &str = "https://videos.example.com/a.mp4";
const IMAGE_URL: &str = "https://images.example.com/a.png";
/// A presigned URL of 2026-01-02 that was valid for a minute.
const EXPIRED: &str =
    "https://b.example/a.mp4?X-Amz-Date=20260102T025500Z&X-Amz-Expires=60&X-Amz-Signature=a";

fn files() -> tempfile::TempDir {
    let folder = clips::folder(&["good.mp4", "short.mp4"]);
    let write = |name: &str, content: &str| {
        fs::write(folder.path().join(name), content).unwrap();
    };
    write("notes.txt", "no image");
    write("fake.png", "no image");
    write(
        "length.json",
        r#"{"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}"#,
    );
    write(
        "bare.json",
        r#"{"type": "object", "properties": {"a": {"type": "string"}}}"#,
    );
    write(
        "one-of.json",
        r#"{"type": "object", "properties": {"a": {"oneOf": []}}}"#,
    );
    let field = json!({"name": "start_time", "type": "string", "description": "a"});
    let definition = json!({"id": "goal", "description": "a goal", "fields": [field]});
    write("reserved.json", &definition.to_string());
    let range = json!({"start_time": 0, "end_time": 1});
    let definition = json!({"id": "goal", "description": "a goal", "time_ranges": [range]});
    write("narrow.json", &definition.to_string());
    write("ids.csv", "id\na\n");
    write("silent.csv", &format!("asset\n{ID}\n"));
    folder
}

/// Family, command, and a part of the reason.
fn cases(long: &str) -> Vec<(&'static str, Vec<&str>, &'static str)> {
    vec![
        (
            "search",
            vec!["search", "goal", "--index", ID, "--on", "smell"],
            "`smell` is not a search option",
        ),
        (
            "search",
            vec!["search", "goal", "--index", ID, "--words", "loudly"],
            "`loudly` is not a way",
        ),
        (
            "search",
            vec!["search", "goal", "--index", ID, "--where", "duration"],
            "duration",
        ),
        (
            "search",
            vec!["search", " ", "--index", ID],
            "the text to search for is empty",
        ),
        (
            "search",
            vec!["search", "--index", ID, "--image", "fake.png"],
            "not an image; allowed: JPEG, PNG",
        ),
        (
            "search",
            vec!["search", "goal", "--index", ID, "--threshold", "high"],
            "unexpected argument",
        ),
        (
            "analyze",
            vec!["analyze", URL, "Why?", "--schema", "length.json"],
            "json_schema.properties.a.minLength: not supported",
        ),
        (
            "analyze",
            vec!["analyze", URL, "Why?", "--start", "0", "--end", "4000"],
            "at most 3600 s are analyzed",
        ),
        (
            "analyze",
            vec!["analyze", "good.mp4", "Why?", "--end", "900"],
            "after the end of the video",
        ),
        (
            "analyze",
            vec!["analyze", URL, "Why?", "--start", "9", "--end", "9.5"],
            "at least 1 s are needed",
        ),
        (
            "analyze",
            vec!["analyze", URL, "Why?", "--max-tokens", "5"],
            "max_tokens: 5",
        ),
        (
            "analyze",
            vec!["analyze", URL, "Why?", "--temperature", "2"],
            "temperature: 2",
        ),
        (
            "analyze",
            vec!["analyze", "notes.txt", "Why?"],
            "file.not_a_video",
        ),
        (
            "analyze",
            vec!["analyze", URL, "--segments", "reserved.json"],
            "`start_time` is reserved",
        ),
        (
            "analyze",
            vec!["analyze", URL, "--segments", "narrow.json"],
            "is shorter than",
        ),
        (
            "analyze batch",
            vec!["analyze", "--batch", "ids.csv", "--out", "r.jsonl", "Why?"],
            "invalid manifest `ids.csv`",
        ),
        (
            "analyze batch",
            vec!["analyze", "--batch", "silent.csv", "--out", "r.jsonl"],
            "prompt",
        ),
        (
            "analyze",
            vec!["analyze", "--image", "fake.png", "Why?"],
            "not an image; allowed: JPEG, PNG, WebP, GIF, BMP",
        ),
        (
            "analyze",
            vec![
                "analyze",
                "--image",
                IMAGE_URL,
                "Why?",
                "--model",
                "pegasus1.5",
            ],
            "image: pegasus1.5 takes no images: use pegasus1.6",
        ),
        (
            "analyze",
            vec!["analyze", "--image", "a=http://x.example/a.png", "Why?"],
            "image.url: must be an https URL",
        ),
        (
            "analyze",
            vec!["analyze", "--image", IMAGE_URL],
            "prompt: is required",
        ),
        (
            "analyze",
            vec![
                "analyze",
                "--image",
                IMAGE_URL,
                "--image",
                "b=6298d673f1090f1100476d4c",
                "Is <@b> there?",
            ],
            "mentions some images, but not `<@image1>`",
        ),
        (
            "analyze",
            vec!["analyze", URL, "Why?", "--image", IMAGE_URL],
            "a video and images cannot be analyzed together",
        ),
        (
            "embed",
            vec!["embed", "text", " "],
            "`text.input_text` is invalid: the text is empty",
        ),
        (
            "embed",
            vec!["embed", "text", "goal", "--dimension", "256"],
            "marengo3.0 has one dimension",
        ),
        (
            "embed",
            vec!["embed", "text", "goal", "--model", "pegasus1.5"],
            "`model_name` is invalid: `pegasus1.5`: one of",
        ),
        (
            "embed",
            vec!["embed", "text", "goal", "-o", "v.txt"],
            "names no format",
        ),
        (
            "embed",
            vec!["embed", "image", "fake.png"],
            "not an image; allowed: JPEG, PNG",
        ),
        (
            "embed",
            vec!["embed", "video", URL, "--on", "smell"],
            "one of `visual`, `audio`, `transcription`",
        ),
        (
            "embed",
            vec!["embed", "audio", URL, "--on", "visual"],
            "one of `audio`, `transcription`",
        ),
        (
            "embed",
            vec!["embed", "video", URL, "--segment", "60"],
            "60 s: 2 to 10 is expected",
        ),
        (
            "embed",
            vec!["embed", "video", URL, "--at-once", "--end", "601"],
            "up to 600 s at once",
        ),
        (
            "embed",
            vec!["embed", "video", "good.mp4", "--start", "900"],
            "the media ends at 5.0 s",
        ),
        (
            "embed",
            vec!["embed", "video", "short.mp4"],
            "duration 2 s; allowed: duration at least 4 s",
        ),
        (
            "embed",
            vec!["embed", "video", "notes.txt"],
            "file.not_a_video",
        ),
        (
            "embed",
            vec!["embed", "query", "missing.npy", "goal"],
            "missing.npy",
        ),
        ("assets", vec!["upload", "fake.png"], "image.asset"),
        ("assets", vec!["upload", EXPIRED], "expired"),
        (
            "assets",
            vec![
                "upload",
                "good.mp4",
                "--metadata",
                "where:={\"city\": \"Rome\"}",
            ],
            "an object under the key",
        ),
        (
            "assets",
            vec!["asset", "update", ID, "--metadata", "a:={}"],
            "an object under the key",
        ),
        (
            "assets",
            vec!["asset", "transcription", ID, "--by", "letters"],
            "invalid value",
        ),
        (
            "videos",
            vec!["ingest", "notes.txt", "--index", "films"],
            "file.not_a_video",
        ),
        (
            "videos",
            vec!["ingest", EXPIRED, "--index", "films"],
            "expired",
        ),
        (
            "videos",
            vec![
                "video", "update", ID, "--index", ID, "-m", "a=1", "--unset", "a",
            ],
            "both set and unset",
        ),
        (
            "entities",
            vec!["entity", "create", "Ada", ID, "-c", ID, "-m", "a:={}"],
            "an object under the key",
        ),
        (
            "entities",
            vec!["entity", "create", "", ID, "-c", ID],
            "the name is empty",
        ),
        (
            "entities",
            vec!["entity", "update", ID, "-c", ID],
            "nothing to change",
        ),
        (
            "stores",
            vec!["store", "create", "b", "--schema", "bare.json"],
            "`json_schema.properties.a` is invalid: needs a `description`",
        ),
        (
            "stores",
            vec!["store", "create", "b", "--schema", "length.json"],
            "minLength` is invalid: not supported",
        ),
        (
            "stores",
            vec!["store", "search", STORE, ""],
            "`query.text` is invalid",
        ),
        (
            "stores",
            vec!["store", "search", COLLECTION, "goal"],
            "is the id of an item collection, not of a knowledge store",
        ),
        (
            "stores",
            vec!["store", "item", "get", STORE, COLLECTION],
            "is the id of an item collection",
        ),
        (
            "stores",
            vec![
                "store",
                "item",
                "add",
                STORE,
                ID,
                "-m",
                "a:=9007199254740993",
            ],
            "9007199254740991",
        ),
        ("responses", vec!["ask", STORE, long], "10001 characters"),
        (
            "responses",
            vec!["ask", STORE, "Why?", "--schema", "one-of.json"],
            "oneOf",
        ),
        // A collection of another kind, and of no store.
        (
            "responses",
            vec!["ask", STORE, "Why?", "--collection", STORE],
            "is the id of a knowledge store, not of an item collection",
        ),
        (
            "responses",
            vec!["ask", STORE, "Why?", "--item", COLLECTION],
            "is the id of an item collection",
        ),
        (
            "connections",
            vec!["connection", "authorize", "--redirect-uri", "back"],
            "a URL with a host is expected",
        ),
        (
            "connections",
            vec!["connection", "redirect-uri", "add", "http://localhost/back"],
            "https",
        ),
        (
            "imports",
            vec!["import", "create", ID, "--", ""],
            "there are no files to import",
        ),
        (
            "imports",
            vec!["import", "create", ID, "a", "--deadline", "1s"],
            "require --wait",
        ),
        ("indexes", vec!["index", "create", ""], "name"),
    ]
}

#[test]
fn bad_input_of_every_family_is_refused_and_not_sent() {
    let platform = Platform::start();
    let folder = files();
    let long = "a".repeat(10_001);
    let (mut families, mut faults) = (BTreeSet::new(), Vec::new());
    for (family, words, reason) in cases(&long) {
        let before = platform.emulator.journal().len();
        let run = platform.tl(&words).in_folder(folder.path()).run();
        let journal = platform.emulator.journal();
        // An ingestion looks up its index before it reads files.
        let sent = journal[before..].iter();
        let sent = sent.filter(|entry| words[0] != "ingest" || !entry.path.contains("/indexes"));
        let sent = sent.count();
        // 2: usage, 3: refused by the local check.
        if ![2, 3].contains(&run.code) || !run.stderr.contains(reason) || sent > 0 {
            faults.push(format!(
                "{words:?}: {} {sent} sent\n{}",
                run.code, run.stderr
            ));
        }
        families.insert(family);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(families.len(), 12, "{families:?}");
}
