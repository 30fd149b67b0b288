//! Sources on real directories: lists, manifests, patterns, filters, and malformed input.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tl_bulk::source::{
    Entry, List, Location, Manifest, ManifestFormat, SourceError, SourceErrorKind, Sources, Walk,
    WalkOptions,
};

fn folder(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x".repeat(file.len())).unwrap();
    }
    folder
}

/// A manifest with this text; `clips/a.mp4` and `clips/b.mp4` exist.
fn manifest(text: impl AsRef<[u8]>) -> (TempDir, Manifest) {
    let folder = folder(&[]);
    let path = folder.path().join("list");
    fs::write(&path, text).unwrap();
    (folder, Manifest::new(path))
}

fn rows(text: impl AsRef<[u8]>) -> Vec<Result<Entry, SourceError>> {
    let (_folder, manifest) = manifest(text);
    match manifest.rows() {
        Ok(rows) => rows.collect(),
        Err(error) => vec![Err(error)],
    }
}

fn uri(entry: &Entry) -> String {
    match &entry.location {
        Location::File(path) => path.display().to_string(),
        Location::Url(url) => url.clone(),
        other => panic!("{other:?}"),
    }
}

/// The only error among the rows: kind, line, message.
fn one_error(text: impl AsRef<[u8]>) -> (SourceErrorKind, Option<u64>, String) {
    let errors: Vec<SourceError> = rows(text).into_iter().filter_map(Result::err).collect();
    let [error] = &errors[..] else {
        panic!("one error: {errors:?}");
    };
    (error.kind(), error.line(), error.to_string())
}

/// Names of the found files, relative to the directory.
fn found(root: &Path, input: &str, options: WalkOptions) -> Vec<String> {
    Walk::new([root.join(input)], options)
        .unwrap()
        .paths()
        .map(|path| {
            let path = path.unwrap();
            path.strip_prefix(root).unwrap().display().to_string()
        })
        .collect()
}

#[test]
fn csv_and_jsonl_make_the_same_entries() {
    let csv = "\u{feff}uri;title;index;metadata.camera;metadata.take:=;route\r\n\
               \"a;1.mp4\";\"The \"\"final\"\"\r\nwhistle\";sport;left;5;asset\r\n\
               https://example.com/b.mp4?sig=1;;;;;\r\n";
    let jsonl = concat!(
        "\u{feff}{\"uri\":\"a;1.mp4\",\"title\":\"The \\\"final\\\"\\r\\nwhistle\",\"index\":\"sport\",",
        "\"metadata\":{\"camera\":\"left\"},\"metadata.take\":5,\"route\":\"asset\"}\r\n\r\n",
        "{\"uri\":\"https://example.com/b.mp4?sig=1\",\"title\":null}",
    );
    for text in [csv, jsonl] {
        let entries: Vec<Entry> = rows(text).into_iter().map(Result::unwrap).collect();
        assert_eq!(entries.len(), 2, "{text}");
        assert_eq!(entries[0].location, Location::File("a;1.mp4".into()));
        assert_eq!(
            entries[0].title.as_deref(),
            Some("The \"final\"\r\nwhistle")
        );
        assert_eq!(entries[0].index.as_deref(), Some("sport"));
        assert_eq!(entries[0].route.as_deref(), Some("asset"));
        assert_eq!(
            Value::from(entries[0].metadata.clone()),
            json!({"camera": "left", "take": 5})
        );
        assert_eq!(uri(&entries[1]), "https://example.com/b.mp4?sig=1");
        assert_eq!((&entries[1].title, &entries[1].index), (&None, &None));
        assert!(entries[1].metadata.is_empty());
    }
    // A quoted line end counts as a line.
    let lines = |text| rows(text).into_iter().map(|row| row.unwrap().line.unwrap());
    assert_eq!(lines(csv).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(lines(jsonl).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_wrong_header_names_the_column_and_the_allowed_ones() {
    for (text, parts) in [
        (
            "path,title\na.mp4,x\n",
            &[
                "unknown column `path`",
                "allowed: uri, index",
                "did you mean `uri`?",
            ][..],
        ),
        ("uri,titel\n", &["unknown column `titel`", "`title`?"]),
        ("uri,camera\n", &["did you mean `metadata.camera`?"]),
        ("title,index\nx,y\n", &["there is no column `uri`"]),
        ("uri,title,uri\n", &["column `uri` occurs twice"]),
        ("uri,metadata.\n", &["no metadata key"]),
        (
            "clips/a.mp4\nclips/b.mp4\n",
            &["unknown column `clips/a.mp4`"],
        ),
        ("", &["it is empty"]),
        ("\n\n", &["it is empty"]),
    ] {
        let (kind, _, message) = one_error(text);
        assert_eq!(kind, SourceErrorKind::Manifest, "{message}");
        for part in parts {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn a_wrong_row_is_reported_with_its_line() {
    use SourceErrorKind::{Duplicate, Link, Row};
    for (text, kind, line, part) in [
        (
            "uri,title\na.mp4\nb.mp4,x\n",
            Row,
            2,
            "1 values, but the header has 2",
        ),
        ("uri,title\n,x\n", Row, 2, "`uri` is empty"),
        (
            "uri,route\n\na.mp4,asett\n",
            Row,
            3,
            "did you mean `asset`?",
        ),
        (
            "uri,metadata.n:=\na.mp4,five\n",
            Row,
            2,
            "`metadata.n:=` is not JSON",
        ),
        ("uri,metadata\na.mp4,[1]\n", Row, 2, "not a JSON object"),
        (
            "uri,metadata,metadata.a\na.mp4,\"{\"\"a\"\":1}\",2\n",
            Row,
            2,
            "`a` is set twice",
        ),
        (
            "uri\ns3://bucket/a.mp4\n",
            Link,
            2,
            "unsupported URL scheme `s3`",
        ),
        (
            "uri\na.mp4\nb.mp4\na.mp4\n",
            Duplicate,
            4,
            "the same uri and index as line 2",
        ),
        (
            "{\"uri\":\"a\"}\n{\"uri\": }\n",
            Row,
            2,
            "not a JSON object (column 9)",
        ),
        ("{\"uri\":\"a\"}\n[]\n", Row, 2, "not a JSON object"),
        ("{\"uri\":\"a\"} {}\n", Row, 1, "not a JSON object"),
        (
            "{\"uri\":\"a\",\"uri\":\"b\"}\n",
            Row,
            1,
            "`uri` occurs twice",
        ),
        (
            "{\"uri\":5}\n",
            Row,
            1,
            "`uri` is a number, but a text is expected",
        ),
        ("{\"path\":\"a\"}\n", Row, 1, "did you mean `uri`?"),
        ("{\"title\":\"a\"}\n", Row, 1, "`uri` is empty"),
        ("{\"uri\":\"a\\u0000b\"}\n", Row, 1, "contains NUL"),
        (
            "{\"uri\":\"a\",\"metadata\":{\"x\":{}}}\n",
            Row,
            1,
            "an object under the key \"x\"",
        ),
        (
            "{\"uri\":\"a\",\"metadata.x\":{}}\n",
            Row,
            1,
            "an object under the key \"x\"",
        ),
        (
            "{\"uri\":\"a\",\"metadata\":{\"x\":1},\"metadata\":{}}\n",
            Row,
            1,
            "not a JSON object",
        ),
    ] {
        let (found, at, message) = one_error(text);
        assert_eq!((found, at), (kind, Some(line)), "{text}: {message}");
        assert!(message.contains(part), "{text}: {message}");
        assert!(message.contains(&format!("line {line}")), "{message}");
    }
}

#[test]
fn the_same_file_may_go_into_two_indexes() {
    let entries = rows("uri,index\na.mp4,one\na.mp4,two\na.mp4,one\n");
    assert_eq!(entries.iter().filter(|entry| entry.is_ok()).count(), 2);
}

#[test]
fn encodings_other_than_utf8_are_rejected() {
    let (kind, line, message) = one_error(b"uri,title\na.mp4,caf\xe9\nb.mp4,x\n");
    assert_eq!((kind, line), (SourceErrorKind::Row, Some(2)));
    assert!(message.contains("`title` is not UTF-8"), "{message}");
    let (_, line, message) = one_error(b"{\"uri\":\"a\xe9\"}\n");
    assert_eq!(line, Some(1), "{message}");
    for text in [&b"\xff\xfeu\0r\0i\0"[..], b"\xfe\xff\0u\0r\0i"] {
        let (kind, _, message) = one_error(text);
        assert_eq!(kind, SourceErrorKind::Manifest);
        assert!(message.contains("UTF-16"), "{message}");
    }
    let (_, _, message) = one_error(b"uri,\xe9\n");
    assert!(message.contains("header is not UTF-8"), "{message}");
}

#[test]
fn rows_of_unbounded_length_are_rejected() {
    // A quote that is never closed.
    let open_quote = format!("uri,title\na.mp4,\"{}", "line\n".repeat(1 << 19));
    let (kind, _, message) = one_error(open_quote);
    assert_eq!(kind, SourceErrorKind::Manifest);
    assert!(message.contains("more than 1048576 bytes"), "{message}");
    let long = format!(
        "{{\"uri\":\"{}\"}}\n{{\"uri\":\"b.mp4\"}}\n",
        "x".repeat(1 << 20)
    );
    let found = rows(long);
    assert_eq!(found[0].as_ref().unwrap_err().line(), Some(1));
    assert_eq!(uri(found[1].as_ref().unwrap()), "b.mp4");
    let header = "u".repeat(3 << 20);
    let (kind, _, _) = one_error(header);
    assert_eq!(kind, SourceErrorKind::Manifest);
    // A long manifest is not a long row.
    let many: String = (0..20_000)
        .map(|n| {
            format!(
                "{n:060}.mp4
"
            )
        })
        .collect();
    let found = rows(format!(
        "uri
{many}"
    ));
    assert_eq!(found.iter().filter(|row| row.is_ok()).count(), 20_000);
}

#[test]
fn a_json_array_is_explained() {
    let found = rows("[{\"uri\":\"a.mp4\"}]\n");
    let error = found[0].as_ref().unwrap_err();
    assert!(error.to_string().contains("JSON array"), "{error}");
    assert!(error.hint().unwrap().contains("jq -c"), "{error}");
    assert_eq!(found.len(), 1, "the manifest has ended");
}

#[test]
fn the_format_can_be_set() {
    let (_folder, csv) = manifest("{\"uri\":\"a\"}\n");
    let error = csv.with_format(ManifestFormat::Csv).rows().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Manifest);
    assert!("xml".parse::<ManifestFormat>().is_err());
}

#[test]
fn verify_finds_errors_before_the_run() {
    let bad: String = (0..30).map(|_| ",\n").collect();
    let (_folder, wrong) = manifest(format!("uri,title\nmissing.mp4,x\n{bad}"));
    let errors = Sources::new([""; 0]).with_manifest(wrong).verify();
    assert_eq!(errors.len(), 20);
    let (_folder, right) = manifest("uri\nmissing.mp4\n");
    let sources = Sources::new([""; 0]).with_manifest(right);
    assert!(sources.verify().is_empty());
    let entry = sources.entries().unwrap().next().unwrap();
    let error = entry.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Missing);
    assert_eq!(error.to_string(), "line 2: `missing.mp4`: no such file");
    assert!(error.is_about_entry());
}

#[test]
fn sources_are_joined_in_order() {
    let folder = folder(&[
        "clips/b.mp4",
        "clips/a.mov",
        "clips/notes.txt",
        "one.dat",
        "two.dat",
    ]);
    let root = folder.path();
    let list = root.join("list");
    fs::write(
        &list,
        format!(
            "{}\nhttps://example.com/l.mp4\n",
            root.join("two.dat").display()
        ),
    )
    .unwrap();
    let table = root.join("table.csv");
    fs::write(&table, "uri\nhttps://example.com/m.mp4\n").unwrap();
    let sources = Sources::new([
        root.join("one.dat"),
        root.join("clips"),
        root.join("none.mp4"),
        "https://example.com/i.mp4".into(),
    ])
    .with_list(List::lines(list))
    .with_manifest(Manifest::new(table));
    assert_eq!(sources.count(), None);
    let names: Vec<String> = sources
        .entries()
        .unwrap()
        .map(|entry| match entry {
            Ok(entry) => uri(&entry).replace(&format!("{}/", root.display()), ""),
            Err(error) => format!("{:?}", error.kind()),
        })
        .collect();
    assert_eq!(
        names,
        [
            "one.dat",
            "clips/a.mov",
            "clips/b.mp4",
            "Missing",
            "https://example.com/i.mp4",
            "two.dat",
            "https://example.com/l.mp4",
            "https://example.com/m.mp4",
        ]
    );
}

#[test]
fn standard_input_is_used_once() {
    let twice = Sources::new(["-"]).with_manifest(Manifest::new("-"));
    let error = twice.entries().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Conflict);
    assert!(!error.is_about_entry());
}

#[test]
fn patterns_find_files() {
    let folder = folder(&[
        "a/1.mp4",
        "a/2.txt",
        "a/b/3.mp4",
        "c/4.mp4",
        ".h/5.mp4",
        "[x].mp4",
    ]);
    let root = folder.path();
    let find = |input: &str| found(root, input, WalkOptions::new());
    assert_eq!(find("a/*"), ["a/1.mp4", "a/2.txt"]);
    assert_eq!(find("*/*.mp4"), ["a/1.mp4", "c/4.mp4"]);
    assert_eq!(
        find("**/*.mp4"),
        ["[x].mp4", "a/1.mp4", "a/b/3.mp4", "c/4.mp4"]
    );
    assert_eq!(find("{a,c}/?.mp4"), ["a/1.mp4", "c/4.mp4"]);
    assert_eq!(find("[x].mp4"), ["[x].mp4"], "a file with this name");
    for none in ["*.avi", "none/*.mp4"] {
        let mut paths = Walk::new([root.join(none)], WalkOptions::new())
            .unwrap()
            .paths();
        let error = paths.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::NoMatch, "{error}");
        assert!(paths.next().is_none());
    }
    assert!(Walk::new(["a["], WalkOptions::new()).is_err());
    let bad = WalkOptions::new().with_include(vec!["a{".into()]);
    assert!(Walk::new(["a"], bad).is_err());
}

#[test]
fn size_and_age_filter_found_files() {
    let folder = folder(&["a.mp4", "bbbbbbb.mp4", "cccccccccc.mp4"]);
    let root = folder.path();
    let hour = Duration::from_secs(3600);
    let now = SystemTime::now();
    let old = fs::File::options()
        .write(true)
        .open(root.join("a.mp4"))
        .unwrap();
    old.set_modified(now - 3 * hour).unwrap();
    let find = |options| found(root, "", options);
    let options = WalkOptions::new;
    assert_eq!(
        find(options().with_min_size(6)),
        ["bbbbbbb.mp4", "cccccccccc.mp4"]
    );
    assert_eq!(find(options().with_max_size(5)), ["a.mp4"]);
    assert_eq!(
        find(options().with_min_size(6).with_max_size(11)),
        ["bbbbbbb.mp4"]
    );
    assert_eq!(
        find(options().with_newer_than(now - hour)),
        ["bbbbbbb.mp4", "cccccccccc.mp4"]
    );
    assert_eq!(find(options().with_older_than(now - hour)), ["a.mp4"]);
    // A named file is not filtered.
    assert_eq!(found(root, "a.mp4", options().with_min_size(6)), ["a.mp4"]);
}

#[test]
#[cfg(unix)]
fn an_unreadable_directory_is_one_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&["a/1.mp4", "b/2.mp4"]);
    let locked = folder.path().join("a");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o0)).unwrap();
    // Permissions do not apply to root.
    let is_root = fs::read_dir(&locked).is_ok();
    let walk = Walk::new([folder.path()], WalkOptions::new()).unwrap();
    let kinds: Vec<_> = walk
        .paths()
        .map(|path| path.map_err(|error| error.kind()))
        .collect();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(kinds.len(), 2);
    assert!(
        is_root || kinds[0] == Err(SourceErrorKind::Unreadable),
        "{kinds:?}"
    );
    assert_eq!(kinds[1], Ok(folder.path().join("b/2.mp4")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_panic(
        header in prop_oneof!["uri,title\n", "\\{", ".{0,8}"],
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let text = [header.as_bytes(), &bytes].concat();
        for row in rows(&text) {
            if let Err(error) = row {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn quoted_values_survive(values in prop::collection::vec("[^\0\r]{1,20}", 1..6)) {
        let quoted: String = values
            .iter()
            .enumerate()
            .map(|(n, value)| format!("{n}.mp4,\"{}\"\n", value.replace('"', "\"\"")))
            .collect();
        let titles: Vec<_> = rows(format!("uri,title\n{quoted}"))
            .into_iter()
            .map(|row| row.unwrap().title.unwrap())
            .collect();
        prop_assert_eq!(titles, values);
    }
}
