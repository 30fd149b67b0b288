//! Help texts, word for word: they are part of the interface.

use crate::tl::{Tl, snapshot};

#[test]
fn help_of_every_command() {
    for command in [
        "",
        "validate",
        "fix",
        "split",
        "ingest",
        "upload",
        "upload list",
        "upload abandon",
        "analyze",
        "analyze task",
        "analyze task list",
        "analyze task get",
        "analyze task cancel",
        "analyze task delete",
        "analyze batch",
        "analyze batch list",
        "analyze batch get",
        "analyze batch results",
        "analyze batch cancel",
        "analyze batch delete",
        "asset",
        "asset list",
        "asset get",
        "asset wait",
        "asset update",
        "asset transcription",
        "asset videos",
        "asset entities",
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
        "ledger",
        "ledger ls",
        "ledger show",
        "ledger export",
        "ledger import",
        "ledger retry",
        "ledger forget",
        "ledger verify",
        "ledger prune",
        "entity",
        "entity add-folder",
        "entity create",
        "entity list",
        "entity get",
        "entity wait",
        "entity update",
        "entity add-images",
        "entity remove-images",
        "entity delete",
        "entity collection",
        "entity collection create",
        "entity collection list",
        "entity collection get",
        "entity collection update",
        "entity collection delete",
        "store",
        "store create",
        "store list",
        "store get",
        "store update",
        "store delete",
        "store search",
        "store item",
        "store item add",
        "store item list",
        "store item get",
        "store item wait",
        "store item remove",
        "store collection",
        "store collection create",
        "store collection list",
        "store collection get",
        "store collection update",
        "store collection items",
        "store collection add",
        "store collection remove",
        "store collection delete",
        "ask",
        "connection",
        "connection authorize",
        "connection list",
        "connection get",
        "connection picker-token",
        "connection delete",
        "connection redirect-uri",
        "connection redirect-uri add",
        "connection redirect-uri list",
        "connection redirect-uri delete",
        "import",
        "import create",
        "import list",
        "import get",
        "import wait",
        "search",
        "webhook",
        "webhook listen",
        "webhook verify",
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
        "config",
        "config show",
        "config path",
        "doctor",
        "completions",
    ] {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let run = Tl::new(&words).code(0);
        assert_eq!(run.stderr, "", "help is an answer, not an error");
        snapshot!(format!("help {command}").trim().replace(' ', "_"), run);
    }
}

#[test]
fn documentation_contains_the_help() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/command.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let help = Tl::new(&["--help"]).code(0).stdout;
    assert!(
        page.contains(help.trim_end()),
        "put this into docs/command.md:\n{help}"
    );
}

#[test]
fn manual_pages_cover_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    Tl::new(&["manpages", &path]).code(0);
    for (page, text) in [
        ("tl.1", "Exit codes"),
        ("tl-validate.1", "nothing is sent"),
        ("tl-upload-list.1", "interrupted"),
    ] {
        let page = std::fs::read_to_string(folder.path().join(page)).expect(page);
        assert!(page.starts_with(".ie") && page.contains(text), "{page}");
    }
    Tl::new(&["manpages", "/nowhere"]).code(2);
}

#[test]
fn prints_the_version() {
    let run = Tl::new(&["--version"]).code(0);
    assert_eq!(run.stdout, format!("tl {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_command_prints_help_and_fails() {
    let run = Tl::new(&[]).code(2);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("Exit codes:"), "{}", run.stderr);
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = Tl::new(&["completions", shell]).code(0);
        assert!(run.stdout.contains("ingest"), "{shell}: {}", run.stdout);
    }
    Tl::new(&["completions", "dos"]).code(2);
}
