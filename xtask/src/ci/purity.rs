//! `ci purity`: tl-http, tl-protocol and tl-model read no clock, no randomness, no file, no environment, no socket.
//!
//! Two looks: clippy with the `disallowed-methods` of `crates/tl-protocol/clippy.toml`, which follows types and imports,
//! and a scan for whole modules of the standard library that the list of methods could never name in full.

use std::path::Path;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::shell::{self, Program};
use crate::source::{self, Part, Token};
use crate::workspace::{self, Workspace};

const PURE: [&str; 3] = ["tl-http", "tl-protocol", "tl-model"];

/// Modules that do I/O or read the surroundings as a whole.
const MODULES: &[&str] = &["env", "fs", "net", "os", "process", "thread"];

/// Exceptions: types of those modules that only describe.
const PLAIN: &[&[&str]] = &[
    &["net", "IpAddr"],
    &["net", "Ipv4Addr"],
    &["net", "Ipv6Addr"],
    &["net", "SocketAddr"],
];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let rules = workspace.root.join("crates/tl-protocol");
    clippy_control(workspace, &rules)?;
    let clippy = shell::cargo().args(["clippy", "--lib", "--all-features"]);
    let packages = PURE.iter().flat_map(|package| ["--package", package]);
    with_rules(clippy.args(packages), &rules).run()?;
    let mut findings = Vec::new();
    for package in PURE {
        for file in source::code_files(&workspace.package(package)?.dir.join("src"))? {
            let text = workspace::read(&file)?;
            let shown = file.strip_prefix(&workspace.root).unwrap_or(&file);
            findings.extend(modules(&shown.display().to_string(), &text)?);
        }
    }
    verdict("purity: modules of the standard library", &findings)?;
    control(
        "purity: modules of the standard library",
        &modules(
            "control",
            "use std::{io, fs as files};\nfn f() { std::thread::yield_now() }",
        )?,
        "control:1: `std::fs`",
    )
}

fn with_rules(clippy: Program, rules: &Path) -> Program {
    clippy
        .env("CLIPPY_CONF_DIR", rules)
        .args(["--", "-D", "clippy::disallowed-methods"])
}

/// A crate that does what is forbidden, once per kind: with empty rules it passes, with the real ones every line is refused.
///
/// The first run shows that a change of rules is seen in spite of cargo's cache.
fn clippy_control(workspace: &Workspace, rules: &Path) -> Result<(), Failure> {
    const IMPURE: [(&str, &str); 5] = [
        (
            "std::time::SystemTime::now",
            "std::time::SystemTime::now();",
        ),
        ("std::env::var", "std::env::var(\"HOME\").ok();"),
        ("std::fs::File::open", "std::fs::File::open(\"/\").ok();"),
        ("RandomState::new", "std::hash::RandomState::new();"),
        (
            "std::net::TcpStream::connect",
            "std::net::TcpStream::connect((\"localhost\", 1)).ok();",
        ),
    ];
    let dir = workspace.scratch("control-purity")?;
    let manifest = dir.join("Cargo.toml");
    workspace::write(
        &manifest,
        "[package]\nname = \"control-purity\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )?;
    workspace::write(&dir.join("no-rules/clippy.toml"), "")?;
    let body: String = IMPURE
        .iter()
        .map(|(_, code)| format!("    let _ = {code}\n"))
        .collect();
    workspace::write(
        &dir.join("src/lib.rs"),
        &format!(
            "//! Impure on purpose.\n/// Does what is forbidden.\npub fn impure() {{\n{body}}}\n"
        ),
    )?;
    let refused = |rules: &Path| {
        let clippy = shell::cargo()
            .args(["clippy", "--lib", "--manifest-path"])
            .arg(&manifest)
            .arg("--target-dir")
            .arg(&workspace.target);
        let said = with_rules(clippy, rules).listen()?;
        let lines = said
            .stderr
            .lines()
            .filter(|line| line.contains("disallowed method"));
        let lines: Vec<String> = lines.map(String::from).collect();
        if said.success || !lines.is_empty() {
            Ok(lines)
        } else {
            Err(Failure::new(format!(
                "purity: the control does not compile: {}",
                said.stderr
            )))
        }
    };
    let without = refused(&dir.join("no-rules"))?;
    if !without.is_empty() {
        return Err(Failure::new(format!(
            "purity: without rules the control is refused all the same: {without:?}"
        )));
    }
    let found = refused(rules)?;
    for (method, _) in IMPURE {
        control("purity", &found, method)?;
    }
    Ok(())
}

/// The uses of the forbidden modules in one file, its tests left out.
fn modules(file: &str, text: &str) -> Result<Vec<String>, Failure> {
    let tokens = source::tokens(text, Part::WithoutTests)
        .map_err(|failure| Failure::new(format!("{file}: {failure}")))?;
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(module) = token.ident().filter(|ident| MODULES.contains(ident)) else {
            continue;
        };
        if follows_std(&tokens, at) && !is_plain(&tokens[at..]) {
            findings.push(format!(
                "{file}:{}: `std::{module}` is not pure",
                token.line
            ));
        }
    }
    Ok(findings)
}

/// Whether the token is a child of `std`: in `std::x`, or directly in the braces of `std::{…}`.
fn follows_std(tokens: &[Token], at: usize) -> bool {
    let mut depth = 0;
    let mut before = tokens[..at].iter().rev().peekable();
    // In a group, walk back to its opening brace; elsewhere the path comes right before.
    let in_path = before.peek().is_some_and(|token| token.is(":"));
    if !in_path {
        for token in before.by_ref() {
            if token.is("}") {
                depth += 1;
            } else if token.is("{") {
                if depth == 0 {
                    break;
                }
                depth -= 1;
            } else if token.is(";") {
                return false;
            }
        }
    }
    let path: Vec<&Token> = before.take(3).collect();
    matches!(path.as_slice(), [a, b, root] if a.is(":") && b.is(":") && root.is("std"))
}

fn is_plain(tokens: &[Token]) -> bool {
    let idents: Vec<&str> = tokens.iter().take(4).filter_map(Token::ident).collect();
    PLAIN.iter().any(|path| idents.starts_with(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        assert_eq!(modules("x.rs", text).unwrap(), expect, "{text}");
    }

    #[test]
    fn impure_modules_are_found_in_paths_and_groups() {
        check("use std::fs;", &["x.rs:1: `std::fs` is not pure"]);
        check(
            "use std::{io::{Read, Write}, env};",
            &["x.rs:1: `std::env` is not pure"],
        );
        check(
            "fn f() {\n    std::thread::spawn(g);\n}",
            &["x.rs:2: `std::thread` is not pure"],
        );
    }

    #[test]
    fn what_only_looks_impure_is_left_alone() {
        check("use std::net::IpAddr;", &[]);
        check("fn process(env: u8) { let fs = env; }", &[]);
        check("const V: &str = env!(\"CARGO_PKG_VERSION\");", &[]);
        check("#[cfg(test)]\nmod tests { use std::fs; }", &[]);
        check("// std::fs\nfn f() { g(\"std::fs\") }", &[]);
    }
}
