//! Images and documents: `tl upload` and `tl validate` check them with their own rules.

use std::fs;
use std::path::Path;

use crate::platform::Platform;
use crate::tl::Tl;

/// The begin of a PNG of 640x480 pixels, which has all that a check reads.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\0\0\0\0";
const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        fs::write(folder.path().join(name), content).unwrap();
    };
    write("face.png", PNG);
    write("hidden-image.mp4", PNG);
    write("notes.MD", "# Été".as_bytes());
    write("paper.pdf", PDF);
    write("no-image.png", b"plain text");
    write("no-paper.pdf", b"plain text");
    write("cut.pdf", &PDF[..12]);
    write("paper.mp4", PDF);
    write("binary.txt", b"a\0b");
    let large = fs::File::create(folder.path().join("large.png")).unwrap();
    std::io::Write::write_all(&mut &large, PNG).unwrap();
    large.set_len((32 << 20) + 1).unwrap();
    folder
}

#[test]
fn images_and_documents_are_uploaded_after_their_own_check() {
    let platform = Platform::start();
    let folder = folder();
    let upload = |name: &str, more: &[&str], code: i32| {
        let words = [&["upload", name, "--json"], more].concat();
        platform.tl(&words).in_folder(folder.path()).code(code)
    };
    for (name, kind) in [
        ("notes.MD", "text/markdown"),
        ("paper.pdf", "application/pdf"),
    ] {
        let line = upload(name, &["--wait", "--interval", "50ms"], 0).json();
        assert_eq!(line["report"]["verdict"], "pass", "{line}");
        let asset = line["asset_id"].as_str().unwrap();
        let shown = platform.tl(&["asset", "get", asset, "--json"]).code(0);
        assert_eq!(shown.json()["file_type"], kind);
    }
    // An image by its content.
    for name in ["face.png", "hidden-image.mp4"] {
        let line = upload(name, &[], 0).json();
        assert_eq!(line["report"]["verdict"], "pass", "{line}");
    }
    let before = platform.uploads().len();
    for (name, rule) in [
        ("no-image.png", "image.asset"),
        ("large.png", "image.asset"),
        ("no-paper.pdf", "document.content"),
        ("cut.pdf", "document.content"),
        ("paper.mp4", "document.content"),
        ("binary.txt", "document.content"),
    ] {
        let line = upload(name, &[], 3).json();
        let rules = line["error"].to_string();
        assert!(rules.contains(rule), "{name}: {line}");
    }
    let chunks = upload("paper.pdf", &["--route", "multipart"], 3);
    assert!(chunks.stdout.contains("document.route"), "{chunks:?}");
    assert_eq!(platform.uploads().len(), before, "nothing was sent");
    // The check can be skipped, as for videos.
    upload("no-image.png", &["--no-check"], 0);
}

#[test]
fn images_and_documents_are_not_videos() {
    let platform = Platform::start();
    let folder = folder();
    for words in [
        &["ingest", "face.png", "--index", "films"][..],
        &["ingest", "paper.pdf", "--index", "films"],
        &["analyze", "face.png", "What is it?"],
        &["analyze", "notes.MD", "What is it?"],
    ] {
        let run = platform.tl(words).in_folder(folder.path()).code(3);
        assert!(run.stderr.contains("file.not_a_video"), "{run:?}");
    }
    // The index is looked up first.
    let journal = platform.emulator.journal();
    assert!(journal.iter().all(|entry| entry.path.contains("/indexes")));
}

#[test]
fn validate_reports_images_and_documents() {
    let folder = folder();
    let verdict = |name: &str, code: i32| {
        let run = Tl::new(&["validate", name, "--json"]);
        let line = run.in_folder(Path::new(folder.path())).code(code).json();
        let report = &line["report"];
        let first = report["findings"][0]["rule"].clone();
        (report["verdict"].clone(), first)
    };
    // A warning: they are assets, and cannot be indexed.
    for name in ["face.png", "notes.MD", "paper.pdf", "hidden-image.mp4"] {
        assert_eq!(
            verdict(name, 0),
            ("warn".into(), "file.not_a_video".into()),
            "{name}"
        );
    }
    for (name, rule) in [
        ("large.png", "image.asset"),
        ("binary.txt", "document.content"),
        ("paper.mp4", "document.content"),
    ] {
        assert_eq!(verdict(name, 3), ("refuse".into(), rule.into()), "{name}");
    }
}
