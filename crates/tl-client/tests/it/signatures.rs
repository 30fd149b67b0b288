//! Signatures that users read name their types: rustdoc shows an associated type such as
//! `<T as Transport>::Output<'static, Result<R, X>>` as it is, and methods by `Deref` without the
//! names of type aliases.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Crates whose methods users call.
const CRATES: &[&str] = &["tl-client", "tl-protocol"];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of a crate is readable") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(path);
        }
    }
}

/// The unreadable signatures of a source, on one line each, and the number of all signatures.
fn check(text: &str) -> (Vec<String>, usize) {
    let (mut findings, mut count) = (Vec::new(), 0);
    let text = text.replace("pub async fn ", "pub fn ");
    for rest in text.split("pub fn ").skip(1) {
        let end = rest.find([';', '{']).unwrap_or(rest.len());
        count += 1;
        if ["::Output<", "::Stream<", " as "]
            .iter()
            .any(|part| rest[..end].contains(part))
        {
            let words: Vec<&str> = rest[..end].split_whitespace().collect();
            findings.push(words.join(" "));
        }
    }
    if text.contains("Deref for Client") {
        findings.push("impl Deref for Client".to_owned());
    }
    (findings, count)
}

#[test]
fn signatures_name_their_types() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut findings, mut total) = (Vec::new(), 0);
    for package in CRATES {
        let mut files = Vec::new();
        sources(&crates.join(package).join("src"), &mut files);
        for file in files {
            if file.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&file).expect("a source is text");
                let (found, count) = check(&text);
                total += count;
                findings.extend(
                    found
                        .into_iter()
                        .map(|found| format!("{}: {found}", file.display())),
                );
            }
        }
    }
    assert!(findings.is_empty(), "use a type alias: {findings:#?}");
    assert!(total > 200, "only {total} signatures were found");
}

#[test]
fn unreadable_signatures_are_found() {
    let text = "pub fn next(&mut self) -> T::Output<'_, R> {\n}\npub fn id(&self) -> Id;\nimpl Deref for Client {}";
    let (found, count) = check(text);
    assert_eq!(
        found,
        [
            "next(&mut self) -> T::Output<'_, R>",
            "impl Deref for Client"
        ]
    );
    assert_eq!(count, 2);
}
