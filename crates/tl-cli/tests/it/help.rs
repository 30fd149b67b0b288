//! Help texts, word for word: they are part of the interface.

use crate::tl::{Tl, snapshot};

#[test]
fn every_verb_has_its_help() {
    for verb in [
        "",
        "validate",
        "fix",
        "split",
        "ingest",
        "upload",
        "upload list",
        "upload abandon",
        "asset",
        "asset list",
        "asset get",
        "asset wait",
        "asset delete",
        "task",
        "task list",
        "task get",
        "task wait",
        "task delete",
        "index",
        "index create",
        "index list",
        "index get",
        "index rename",
        "index delete",
        "video",
        "video list",
        "video get",
        "video wait",
        "video update",
        "video delete",
        "rules",
        "rules list",
        "rules show",
        "rules diff",
        "emulator",
        "emulator exec",
        "emulator quirks",
        "emulator plans",
        "emulator faults",
        "emulator export",
        "emulator import",
        "emulator reset",
        "doctor",
        "completions",
    ] {
        let words: Vec<&str> = verb.split_whitespace().chain(["--help"]).collect();
        let run = Tl::new(&words).code(0);
        assert_eq!(run.stderr, "", "help is an answer, not an error");
        snapshot!(format!("help {verb}").trim().replace(' ', "_"), run);
    }
}

#[test]
fn the_readme_shows_this_help() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).expect("the README is there");
    let help = Tl::new(&["--help"]).code(0).stdout;
    assert!(
        readme.contains(help.trim_end()),
        "put this into README.md:\n{help}"
    );
}

#[test]
fn the_version_is_told() {
    let run = Tl::new(&["--version"]).code(0);
    assert_eq!(run.stdout, format!("tl {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_verb_the_help_is_shown_as_an_error_of_usage() {
    let run = Tl::new(&[]).code(2);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("Exit codes:"), "{}", run.stderr);
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = Tl::new(&["completions", shell]).code(0);
        assert!(run.stdout.contains("ingest"), "{shell}: {}", run.stdout);
    }
    Tl::new(&["completions", "dos"]).code(2);
}
