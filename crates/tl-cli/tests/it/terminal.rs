//! Output that only a terminal gets: the progress line and the deletion prompt.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::clips;
use crate::platform::Platform;
use crate::tl::{Running, Tl};

/// A pseudo-terminal: our end, and the end of the program.
fn terminal() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (ours.into(), theirs.into())
}

/// Runs `tl` with a terminal as standard input and standard error, and types `typed`. Returns the
/// exit code, standard output, and the content of the terminal.
fn at_terminal(mut tl: Tl, typed: &str) -> (i32, String, String) {
    let (mut ours, theirs) = terminal();
    tl = tl.env("TERM", "xterm-256color");
    tl.command()
        .stdin(theirs.try_clone().unwrap())
        .stderr(theirs)
        .stdout(std::process::Stdio::piped());
    ours.write_all(typed.as_bytes()).unwrap();
    let running = Running::start(tl.command());
    // The descriptors in our copy of the command would keep the terminal open.
    drop(tl);
    let screen = thread::spawn(move || {
        let mut shown = Vec::new();
        let mut piece = [0; 4096];
        // On Linux, reading fails when the last program has exited.
        while let Ok(count @ 1..) = ours.read(&mut piece) {
            shown.extend_from_slice(&piece[..count]);
        }
        String::from_utf8_lossy(&shown).into_owned()
    });
    let run = running.finish();
    let screen = screen.join().unwrap();
    assert!(
        !screen.contains(crate::tl::SECRET) && !screen.contains("panicked at"),
        "{screen}"
    );
    (run.code, run.stdout, screen)
}

#[test]
fn progress_line_is_removed() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let ingest = |more: &[&str]| {
        let tl = platform
            .tl(&[
                "ingest",
                "good.mp4",
                "--index",
                &platform.index,
                "--wait",
                "--json",
            ])
            .args(more)
            .in_folder(folder.path());
        at_terminal(tl, "")
    };
    let (code, stdout, screen) = ingest(&[]);
    assert_eq!(code, 0, "{screen}");
    assert_eq!(stdout.lines().count(), 1, "the result alone: {stdout}");
    assert!(
        screen.contains("0 of 1 ") && screen.contains(" sent"),
        "{screen:?}"
    );
    assert!(
        screen.ends_with("\u{1b}[2K") || screen.trim_end().ends_with("\u{1b}[2K"),
        "and is wiped: {screen:?}"
    );
    let (_, _, screen) = ingest(&["--quiet"]);
    assert_eq!(screen, "");
}

#[test]
fn deletion_prompt_requires_yes() {
    let platform = Platform::start();
    let delete =
        |typed: &str| at_terminal(platform.tl(&["index", "delete", &platform.index]), typed);
    for no in ["n\n", "\n", "no\n", "yesterday\n"] {
        let (code, stdout, screen) = delete(no);
        assert_eq!((code, stdout.as_str()), (0, ""), "{screen}");
        assert!(
            screen.contains("(films) with its 0 videos? This cannot be undone. [y/N]")
                && screen.contains("with its 0 videos: not deleted"),
            "{screen}"
        );
    }
    platform.tl(&["index", "get", &platform.index]).code(0);
    let (code, stdout, screen) = delete("y\n");
    assert_eq!(code, 0, "{screen}");
    assert!(stdout.starts_with("deleted index"), "{stdout}");
    platform.tl(&["index", "get", &platform.index]).code(7);
}
