//! `ci purity`: tl-http, tl-protocol and tl-model, and tl-validate without its features for I/O, read
//! no clock, randomness, file, environment or socket.
//!
//! Two checks: clippy with the `disallowed-methods` of `crates/tl-protocol/clippy.toml`, which
//! follows types and imports, and a scan for whole modules of the standard library, whose functions
//! no list of methods names in full.

use std::path::Path;

use anyhow::ensure;
use xshell::Cmd;

use crate::ci::tidy::{self, File};
use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::workspace::Workspace;

const PURE: [&str; 3] = ["tl-http", "tl-protocol", "tl-model"];

/// The parts of tl-validate that are pure with all features.
const PURE_PARTS: &str =
    "check facts remedy/fix remedy/split remedy/timeline remote report rules text";

/// Modules that do I/O or read the environment.
const MODULES: &[&str] = &["env", "fs", "net", "os", "process", "thread"];

/// Exceptions: types of those modules that hold data only.
const PLAIN: &[&str] = &[
    "net::IpAddr",
    "net::Ipv4Addr",
    "net::Ipv6Addr",
    "net::SocketAddr",
];

/// Impure expressions with the method that clippy names, one for each kind.
const IMPURE: [(&str, &str); 5] = [
    ("std::time::SystemTime::now", "std::time::SystemTime::now()"),
    ("std::env::var", "std::env::var(\"HOME\")"),
    ("std::fs::File::open", "std::fs::File::open(\"/\")"),
    ("RandomState::new", "std::hash::RandomState::new()"),
    (
        "std::net::TcpStream::connect",
        "std::net::TcpStream::connect((\"localhost\", 1))",
    ),
];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let rules = workspace.root.join("crates/tl-protocol");
    clippy_control(workspace, &rules)?;
    let packages = PURE.iter().flat_map(|package| ["--package", package]);
    let clippy = workspace
        .cargo("clippy --lib --all-features")
        .args(packages);
    with_rules(clippy, &rules).run()?;
    let clippy = "clippy --lib --package tl-validate --no-default-features --features web";
    with_rules(workspace.cargo(clippy), &rules).run()?;
    let mut findings = Vec::new();
    let crates = PURE.map(|package| (package, String::new()));
    let parts = PURE_PARTS
        .split(' ')
        .map(|part| ("tl-validate", part.to_owned()));
    for (package, part) in &crates.into_iter().chain(parts).collect::<Vec<_>>() {
        let src = workspace.shown(&workspace.package(package)?.dir.join("src"));
        let place = format!("{src}/{part}");
        let code = |file: &&File| {
            let is_test = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
            let rest = file.path.strip_prefix(&place);
            let is_within =
                rest.is_some_and(|rest| part.is_empty() || rest.starts_with(['/', '.']));
            is_within && file.path.ends_with(".rs") && !is_test
        };
        let files = tidy::files(workspace)?;
        let code: Vec<&File> = files.iter().filter(code).collect();
        ensure!(!code.is_empty(), "purity: {place} has no code");
        findings.extend(code.iter().flat_map(|file| modules(&file.path, &file.text)));
    }
    let what = "purity: modules of the standard library";
    verdict(what, &findings)?;
    let impure = "use std::{io, fs as files};\nfn f() { std::thread::yield_now() }";
    let found = modules("control", impure);
    control(what, &found, "control:1: `std::fs`")?;
    control(what, &found, "control:2: `std::thread`")
}

fn with_rules<'a>(clippy: Cmd<'a>, rules: &Path) -> Cmd<'a> {
    let clippy = clippy.env("CLIPPY_CONF_DIR", rules);
    clippy.args(["--", "-D", "clippy::disallowed-methods"])
}

/// A crate with the impure expressions: it passes with empty rules, and each is refused with the
/// real ones. The first run shows that changed rules take effect in spite of cargo's cache.
fn clippy_control(workspace: &Workspace, rules: &Path) -> Result<(), Failure> {
    let body: String = IMPURE
        .iter()
        .map(|(_, code)| format!("    let _ = {code};\n"))
        .collect();
    let code = format!("//! Impure.\n/// Impure.\npub fn impure() {{\n{body}}}\n");
    let dir = workspace.control_crate("control-purity", "", &code)?;
    workspace
        .sh
        .write_file(dir.join("no-rules/clippy.toml"), "")?;
    let refused = |rules: &Path| {
        let clippy = workspace
            .cargo("clippy --lib --target-dir")
            .arg(&workspace.target);
        let clippy = clippy.arg("--manifest-path").arg(dir.join("Cargo.toml"));
        let output = with_rules(clippy, rules).quiet().ignore_status().output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        let lines = text
            .lines()
            .filter(|line| line.contains("disallowed method"));
        let lines: Vec<String> = lines.map(String::from).collect();
        ensure!(
            output.status.success() || !lines.is_empty(),
            "purity: the control does not compile: {text}"
        );
        Ok(lines)
    };
    let without = refused(&dir.join("no-rules"))?;
    ensure!(
        without.is_empty(),
        "purity: the control is refused without rules: {without:?}"
    );
    let found = refused(rules)?;
    for (method, _) in IMPURE {
        control("purity", &found, method)?;
    }
    Ok(())
}

/// The uses of the forbidden modules in one file, without comments and its test module.
fn modules(file: &str, text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut findings = Vec::new();
    let mut group = None;
    for (number, line) in code.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default();
        let mut names: Vec<&str> = line.split("std::").skip(1).collect();
        // The names directly in the braces of `use std::{…}`.
        for (at, c) in line.char_indices() {
            match (c, group) {
                ('{', None) if line[..at].ends_with("use std::") => group = Some(0),
                ('{', Some(depth)) => group = Some(depth + 1),
                ('}', Some(depth)) => group = (depth > 0).then(|| depth - 1),
                _ => {}
            }
            let is_start = !line[..at].ends_with(|c: char| c.is_alphanumeric() || ":_".contains(c));
            if group == Some(0) && is_start {
                names.push(&line[at..]);
            }
        }
        let is_plain = |name: &str| PLAIN.iter().any(|plain| starts_with_path(name, plain));
        let impure = names.into_iter().filter(|name| !is_plain(name));
        let found = impure.filter_map(|name| MODULES.iter().find(|m| starts_with_path(name, m)));
        findings.extend(
            found.map(|module| format!("{file}:{}: `std::{module}` is not pure", number + 1)),
        );
    }
    findings
}

fn starts_with_path(text: &str, path: &str) -> bool {
    let rest = text.strip_prefix(path);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impure_modules_are_found() {
        for (text, expected) in [
            ("use std::fs;", "x.rs:1: `std::fs` is not pure"),
            (
                "use std::{\n    io::{Read, Write}, env,\n};",
                "x.rs:2: `std::env` is not pure",
            ),
            (
                "fn f() {\n    std::thread::spawn(g);\n}",
                "x.rs:2: `std::thread` is not pure",
            ),
            (
                "use std::{io, net::{IpAddr, TcpStream}};",
                "x.rs:1: `std::net` is not pure",
            ),
        ] {
            assert_eq!(modules("x.rs", text), [expected], "{text}");
        }
    }

    #[test]
    fn similar_names_are_ignored() {
        for text in [
            "use std::net::IpAddr;",
            "fn process(env: u8) { let fs = env; }",
            "const V: &str = env!(\"CARGO_PKG_VERSION\");",
            "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }",
            "// std::fs\nfn f() {}",
            "use std::{io::{self, process}, sync::Arc};\nuse crate::{fs, env};",
        ] {
            assert_eq!(modules("x.rs", text), [""; 0], "{text}");
        }
    }
}
