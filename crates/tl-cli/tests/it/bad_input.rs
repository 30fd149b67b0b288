//! Invalid input: each case has its message and exit code, and nothing is sent.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

use crate::clips;
use crate::platform::{INDEX, Platform, index, page, scripted, tl_to};
use crate::tl::{KEY, Tl, snapshot};
use tl_testkit::server::{Reaction, Seen};

/// A file of each invalid kind.
fn bad_files(folder: &Path) {
    std::fs::write(folder.join("empty.mp4"), "").unwrap();
    std::fs::write(folder.join("text.mp4"), "This is a text.\n".repeat(100)).unwrap();
}

#[test]
fn bad_files_are_rejected_before_sending() {
    let platform = Platform::start();
    let folder = clips::folder(&["small.mp4", "short.mp4"]);
    bad_files(folder.path());
    for (name, code) in [
        ("missing.mp4", 2),
        ("empty.mp4", 3),
        ("text.mp4", 3),
        ("small.mp4", 3),
        ("short.mp4", 3),
        ("ftp://example.com/a.mp4", 2),
        ("s3://bucket/a.mp4", 3),
        ("https://", 2),
    ] {
        let run = platform
            .tl(&["ingest", name, "--index", &platform.index])
            .in_folder(folder.path())
            .code(code);
        assert_eq!(run.stdout, "", "{name}");
        snapshot!(format!("ingest {name}").replace(['/', ':', ' '], "_"), run);
        let line = platform
            .tl(&["ingest", name, "--index", &platform.index, "--json"])
            .in_folder(folder.path())
            .code(code)
            .json();
        assert_eq!(line["input"], name);
        assert_eq!(line["ok"], false);
        assert_eq!(line["error"]["exit_code"], code);
        assert!(line["error"]["next"].is_string(), "{line}");
    }
    // The index is looked up first.
    assert!(platform.uploads().is_empty(), "nothing was sent");
}

#[test]
fn directory_without_videos_is_an_error() {
    let platform = Platform::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let run = platform
        .tl(&["ingest", "empty", "--index", &platform.index])
        .in_folder(folder.path())
        .code(2);
    assert_eq!(run.stdout, "");
    snapshot!("ingest_empty_directory", run);
}

#[test]
fn unreadable_file_is_reported() {
    // Root may read everything, so the command runs as another user, who must be able to execute
    // both programs.
    let folder = clips::folder(&["good.mp4"]);
    let place = folder.path();
    let open = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(place, 0o755);
    open(&place.join("good.mp4"), 0o000);
    for (name, program) in [
        ("tl", env!("CARGO_BIN_EXE_tl")),
        ("tl-probe", env!("CARGO_BIN_EXE_tl-probe")),
    ] {
        std::fs::copy(program, place.join(name)).unwrap();
        open(&place.join(name), 0o755);
    }
    let as_somebody = |arguments: &[&str]| {
        let mut tl = Tl::at(&place.join("tl"), arguments)
            .env("TL_PROBE", "./tl-probe")
            .env("TWELVE_LABS_API_KEY", KEY)
            .in_folder(place);
        if rustix::process::geteuid().is_root() {
            const NOBODY: u32 = 65_534;
            tl.command().uid(NOBODY).gid(NOBODY);
        }
        tl
    };
    snapshot!(
        "validate_unreadable",
        as_somebody(&["validate", "good.mp4"]).code(2)
    );
    let server = scripted(|_| index().into());
    snapshot!(
        "ingest_unreadable",
        as_somebody(&["ingest", "good.mp4", "--index", INDEX])
            .env("TWELVELABS_BASE_URL", &server.url("/v1.3"))
            .code(2)
    );
    // Without the check, the error is the same.
    let unchecked = as_somebody(&["ingest", "good.mp4", "--index", INDEX, "--no-check"]);
    let run = unchecked
        .env("TWELVELABS_BASE_URL", &server.url("/v1.3"))
        .code(2);
    snapshot!("ingest_unreadable_unchecked", run);
}

#[test]
fn missing_or_invalid_api_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    std::fs::write(folder.path().join("words"), format!("TOKEN = {KEY}\n")).unwrap();
    let list = || Tl::new(&["task", "list"]).in_folder(folder.path());
    snapshot!("no_key", list().code(2));
    snapshot!("blank_key", list().env("TWELVE_LABS_API_KEY", " ").code(2));
    snapshot!(
        "key_of_two_lines",
        list()
            .env("TWELVE_LABS_API_KEY", "tlk_SECRET\n0123456789")
            .code(2)
    );
    snapshot!(
        "key_file_missing",
        list().arg("--api-key-file").arg("nowhere").code(2)
    );
    snapshot!(
        "key_file_empty",
        list().arg("--api-key-file").arg("empty").code(2)
    );
    snapshot!(
        "key_file_with_words",
        list().arg("--api-key-file").arg("words").code(2)
    );
    snapshot!(
        "key_on_the_command_line",
        list().arg("--api-key").arg(KEY).code(2)
    );
}

#[test]
fn invalid_base_url() {
    for (name, address) in [
        ("no_scheme", "api.twelvelabs.io"),
        ("ftp", "ftp://api.twelvelabs.io/v1.3"),
        ("unencrypted", "http://api.twelvelabs.io/v1.3"),
    ] {
        let run = Tl::new(&["task", "list", "--base-url", address])
            .env("TWELVE_LABS_API_KEY", KEY)
            .code(2);
        snapshot!(format!("base_url_{name}"), run);
    }
    // An emulator key is not sent to any other host.
    let run = Tl::new(&["task", "list"])
        .env("TWELVE_LABS_API_KEY", crate::tl::EMULATOR_KEY)
        .code(2);
    snapshot!("base_url_not_the_emulator", run);
}

#[test]
fn unsupported_metadata_is_rejected_before_sending() {
    let server = scripted(|_| Reaction::never());
    let folder = clips::folder(&["good.mp4"]);
    for (name, arguments) in [
        (
            "nested",
            ["--metadata-json", r#"{"where": {"city": "Rome"}}"#],
        ),
        ("nested_pair", ["--metadata", r#"where:={"city": "Rome"}"#]),
        ("not_json", ["--metadata-json", "camera=left"]),
        ("no_pair", ["--metadata", "camera"]),
    ] {
        let run = tl_to(&server, &["ingest", "good.mp4", "--index", INDEX])
            .in_folder(folder.path())
            .arg(arguments[0])
            .arg(arguments[1])
            .code(2);
        snapshot!(format!("metadata_{name}"), run);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn invalid_options_are_rejected() {
    for (name, arguments) in [
        ("route", &["validate", "a.mp4", "--route", "pigeon"][..]),
        ("engine", &["validate", "a.mp4", "--engine", "marengo9"]),
        ("rules", &["validate", "a.mp4", "--rules", "v9"]),
        (
            "rules_too_old",
            &["validate", "a.mp4", "--rules", "1999-12-31"],
        ),
        ("deadline", &["task", "wait", INDEX, "--deadline", "soon"]),
        ("range", &["task", "list", "--duration", "9..1"]),
        ("time", &["task", "list", "--created-after", "yesterday"]),
        ("page_limit", &["task", "list", "--page-limit", "51"]),
        (
            "nothing_to_update",
            &["video", "update", "1", "--index", INDEX],
        ),
        (
            "deadline_without_wait",
            &["ingest", "a.mp4", "--index", INDEX, "--deadline", "1h"],
        ),
        (
            "no_check_with_rules",
            &[
                "ingest",
                "a.mp4",
                "--index",
                INDEX,
                "--no-check",
                "--rules",
                "v1.2",
            ],
        ),
    ] {
        let run = Tl::new(arguments).env("TWELVE_LABS_API_KEY", KEY).code(2);
        assert_eq!(run.stdout, "", "{name}");
        snapshot!(format!("option_{name}"), run);
        let error = Tl::new(arguments)
            .env("TWELVE_LABS_API_KEY", KEY)
            .arg("--json")
            .code(2)
            .json();
        assert_eq!(error["error"]["kind"], "usage", "{error}");
        assert_eq!(error["error"]["exit_code"], 2);
    }
}

#[test]
fn path_like_ids_are_not_sent() {
    let server = scripted(|seen: &Seen| {
        // An index is looked up by name first.
        assert!(seen.target.starts_with("/v1.3/indexes?"), "{}", seen.target);
        page("").into()
    });
    for id in ["..", "."] {
        for words in [
            &["index", "delete", id, "--yes"][..],
            &["video", "delete", id, "--index", INDEX, "--yes"],
            &["task", "delete", id, "--yes"],
        ] {
            let run = tl_to(&server, words).code(2);
            assert!(run.stderr.contains("cannot stand for"), "{}", run.text());
        }
    }
}

#[test]
fn deletion_without_terminal_requires_yes() {
    let server = scripted(|_| Reaction::never());
    for (name, arguments) in [
        ("index", &["index", "delete", INDEX][..]),
        ("task", &["task", "delete", INDEX]),
        ("video", &["video", "delete", INDEX, "--index", INDEX]),
    ] {
        snapshot!(
            format!("delete_{name}_unconfirmed"),
            tl_to(&server, arguments).code(2)
        );
    }
    assert_eq!(server.connections(), 0);
}
