//! Output streams: closed pipes, full disks, color, and names with control characters.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::clips;
use crate::platform::{Platform, page, scripted, tl_to};
use crate::tl::{Running, Tl};

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut tl = Tl::new(&["completions", "bash"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    tl.command().stdout(writer).stderr(Stdio::piped());
    let run = Running::start(tl.command()).finish();
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
#[cfg(target_os = "linux")]
fn results_that_cannot_be_written_are_an_error() {
    let mut tl = Tl::new(&["completions", "bash"]);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    tl.command().stdout(full).stderr(Stdio::piped());
    let run = Running::start(tl.command()).finish();
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("failed to write to standard output"),
        "{}",
        run.stderr
    );
}

#[test]
fn colour_is_a_matter_of_the_option_the_terminal_and_no_color() {
    let folder = clips::folder(&["good.mp4"]);
    let coloured = |more: &[&str], variables: &[(&str, &str)]| {
        let mut tl = Tl::new(&["validate", "good.mp4"])
            .args(more)
            .in_folder(folder.path());
        for (name, value) in variables {
            tl = tl.env(name, value);
        }
        tl.code(0).stdout.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]), "no terminal");
    assert!(coloured(&["--color", "always"], &[]));
    assert!(
        coloured(&["--color", "always"], &[("NO_COLOR", "1")]),
        "the option is nearer"
    );
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&["--color", "auto"], &[("NO_COLOR", "1")]));
}

#[test]
fn a_name_cannot_command_the_terminal() {
    let name = "a\\u001b[2Jb\\nc.mp4";
    let item = format!(
        r#"{{"_id": "1", "status": "ready", "system_metadata": {{"filename": "{name}"}}}}"#
    );
    let server = scripted(move |_| page(&item).into());
    let run = tl_to(&server, &["task", "list", "--color", "always"]).code(0);
    assert!(run.stdout.contains(r"a\u{1b}[2Jb\nc.mp4"), "{}", run.stdout);
    // JSON contains the exact name.
    let tasks = tl_to(&server, &["task", "list", "--json"]).code(0).json();
    assert_eq!(
        tasks[0]["system_metadata"]["filename"],
        "a\u{1b}[2Jb\nc.mp4"
    );
}

#[test]
fn members_that_this_version_does_not_know_reach_the_program() {
    let server = scripted(|_| {
        page(r#"{"_id": "1", "status": "dreaming", "mood": {"colour": "blue"}}"#).into()
    });
    let tasks = tl_to(&server, &["task", "list", "--json"]).code(0).json();
    assert_eq!(tasks[0]["status"], "dreaming");
    assert_eq!(tasks[0]["mood"]["colour"], "blue");
}

#[test]
#[cfg(target_os = "linux")]
fn a_path_that_is_no_unicode_is_read_all_the_same() {
    use std::os::unix::ffi::OsStrExt;
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.mp4");
    std::fs::rename(folder.path().join("good.mp4"), folder.path().join(name)).unwrap();
    Tl::new(&["validate"])
        .arg(name)
        .in_folder(folder.path())
        .code(0);
    let run = platform
        .tl(&["ingest", "--index", &platform.index, "--json"])
        .arg(name)
        .in_folder(folder.path())
        .code(0);
    assert_eq!(run.json()["ok"], true);
}
