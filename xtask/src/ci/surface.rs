//! `ci surface`: no third-party type in a public signature, except those of the agreed crates, and
//! no change of the public items that `docs/api` lists.
//!
//! It reads the JSON of rustdoc, which shows signatures as the compiler sees them, macros expanded.
//! The format is unstable: the wrapper below lets rustdoc of a stable toolchain write it. Only
//! fields that have not changed for years are read, and the control fails if they are gone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Crates whose types may appear in public signatures; `serde_core` is where serde's traits are.
const AGREED: &[&str] = &[
    "alloc",
    "bytes",
    "core",
    "http",
    "jiff",
    "serde",
    "serde_core",
    "serde_json",
    "std",
    "url",
];

/// Further exceptions: a crate of ours and the crate whose types it may show.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The feature `tls` makes the one TLS configuration of all clients.
    ("tl-http", "rustls"),
    // The feature `stream` implements its trait `Stream`.
    ("tl-http-async", "futures_core"),
    ("tl-protocol", "futures_core"),
    // `AsyncSource` takes a reader with tokio's traits, which is what programs with tokio have.
    ("tl-client", "tokio"),
    // The feature `object_store` adapts the traits and paths of that crate.
    ("tl-client", "object_store"),
    // The feature `tower` takes a `Service` whose responses have a `Body`.
    ("tl-http-async", "tower_service"),
    ("tl-http-async", "http_body"),
];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    write_json(workspace, "--workspace", &workspace.root)?;
    let packages = workspace.packages.iter();
    let libraries = packages.filter(|package| package.is_published_library);
    let libraries: Vec<&str> = libraries.map(|library| library.name.as_str()).collect();
    let mut findings = Vec::new();
    for library in &libraries {
        findings.extend(check(workspace, library)?);
    }
    verdict("surface", &findings)?;
    // The lists of public items; the script says how a change of them is accepted.
    let script = workspace.root.join("docs/api/public_api.py");
    let (python, doc) = (workspace.sh.cmd("python3"), workspace.target.join("doc"));
    python.arg(script).arg(doc).args(libraries).run()?;

    let code = "pub struct S { pub field: foreign::T }\npub use foreign::F;\n";
    let dependency = "[dependencies]\nforeign = { path = \"foreign\" }\n";
    let dir = workspace.control_crate("control-surface", dependency, code)?;
    workspace.sh.write_file(
        dir.join("foreign/src/lib.rs"),
        "pub struct T;\npub struct F;\n",
    )?;
    let manifest = "[package]\nname = \"foreign\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    workspace
        .sh
        .write_file(dir.join("foreign/Cargo.toml"), manifest)?;
    write_json(workspace, "--package=control-surface", &dir)?;
    let found = check(workspace, "control-surface")?;
    control("surface", &found, "`foreign::T`")?;
    control("surface", &found, "`foreign::F`")
}

/// Writes the JSON of libraries to `doc` below the target folder.
fn write_json(workspace: &Workspace, packages: &str, root: &Path) -> Result<(), Failure> {
    let rustdoc = std::env::var("RUSTDOC").unwrap_or_else(|_| "rustdoc".into());
    let wrapper = workspace.target.join("xtask/rustdoc-json");
    // Set for all of cargo, the variable would rebuild every dependency.
    let script = format!("#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec '{rustdoc}' \"$@\"\n");
    if workspace.sh.read_file(&wrapper).ok().as_deref() != Some(&script) {
        workspace.sh.write_file(&wrapper, script)?;
        let chmod = workspace.sh.cmd("chmod").arg("755").arg(&wrapper);
        chmod.quiet().run()?;
    }
    let doc = workspace.cargo("doc --lib --all-features --no-deps --manifest-path");
    doc.arg(root.join("Cargo.toml"))
        .args([packages, "--target-dir"])
        .arg(&workspace.target)
        .env("RUSTDOC", wrapper)
        .env("RUSTDOCFLAGS", "-Zunstable-options --output-format json")
        .run()?;
    Ok(())
}

/// The foreign types in the public items of a crate.
fn check(workspace: &Workspace, package: &str) -> Result<Vec<String>, Failure> {
    let file = format!("doc/{}.json", package.replace('-', "_"));
    let path: PathBuf = workspace.target.join(file);
    let json: Value = serde_json::from_str(&workspace.sh.read_file(&path)?)?;
    let index = json["index"]
        .as_object()
        .context("rustdoc wrote no index")?;
    let mut findings = BTreeSet::new();
    for item in index.values().filter(|item| item["crate_id"] == 0) {
        let mut ids = Vec::new();
        let implementation = &item["inner"]["impl"];
        let is_generated =
            implementation["is_synthetic"] == true || !implementation["blanket_impl"].is_null();
        if !is_generated {
            references(&item["inner"], &mut ids);
        }
        for id in ids {
            let Some((name, path)) = foreign(&json, &id) else {
                continue;
            };
            let is_agreed = AGREED.contains(&name) || EXCEPTIONS.contains(&(package, name));
            if !is_agreed && !name.starts_with("tl_") {
                let span = &item["span"];
                let file = span["filename"].as_str().unwrap_or(package);
                findings.insert(format!("{file}:{}: `{path}` is public", span["begin"][0]));
            }
        }
    }
    Ok(findings.into_iter().collect())
}

/// The ids that a signature refers to: paths to types and traits, and re-exports.
fn references(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let is_reference = fields.contains_key("path") || fields.contains_key("source");
            if let Some(id) = fields.get("id").filter(|id| is_reference && !id.is_null()) {
                ids.push(id.to_string());
            }
            fields.values().for_each(|value| references(value, ids));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, ids)),
        _ => {}
    }
}

/// The crate and the path of an id that is not of this crate.
fn foreign<'a>(json: &'a Value, id: &str) -> Option<(&'a str, String)> {
    let item = &json["paths"][id];
    let number = item["crate_id"].as_u64().filter(|number| *number != 0)?;
    let name = json["external_crates"][number.to_string()]["name"].as_str()?;
    let segments = item["path"].as_array()?.iter().filter_map(Value::as_str);
    Some((name, segments.collect::<Vec<_>>().join("::")))
}
