//! Output streams: closed pipes, full disks, color, and names with control characters.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::clips;
use crate::platform::{Platform, page, scripted, tl_to};
use crate::tl::{Running, Tl};

#[test]
fn closed_pipe_is_not_an_error() {
    let mut tl = Tl::new(&["completions", "bash"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    tl.command().stdout(writer).stderr(Stdio::piped());
    let run = Running::start(tl.command()).finish();
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
#[cfg(target_os = "linux")]
fn unwritable_output_is_an_error() {
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
fn color_follows_option_terminal_and_no_color() {
    let folder = clips::folder(&["good.mp4"]);
    let colored = |more: &[&str], variables: &[(&str, &str)]| {
        let mut tl = Tl::new(&["validate", "good.mp4"])
            .args(more)
            .in_folder(folder.path());
        for (name, value) in variables {
            tl = tl.env(name, value);
        }
        tl.code(0).stdout.contains('\u{1b}')
    };
    assert!(!colored(&[], &[]), "no terminal");
    assert!(colored(&["--color", "always"], &[]));
    assert!(
        colored(&["--color", "always"], &[("NO_COLOR", "1")]),
        "the option is nearer"
    );
    assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&["--color", "auto"], &[("NO_COLOR", "1")]));
}

#[test]
fn file_names_are_escaped() {
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
fn unknown_members_are_kept_in_json() {
    let server = scripted(|_| {
        page(r#"{"_id": "1", "status": "dreaming", "mood": {"color": "blue"}}"#).into()
    });
    let tasks = tl_to(&server, &["task", "list", "--json"]).code(0).json();
    assert_eq!(tasks[0]["status"], "dreaming");
    assert_eq!(tasks[0]["mood"]["color"], "blue");
}

#[test]
#[cfg(target_os = "linux")]
fn non_unicode_path_is_accepted() {
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
