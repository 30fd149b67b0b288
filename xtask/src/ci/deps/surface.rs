//! No third-party type in a public signature, except serde's traits and values, `http`, `bytes`, `url` and the time crate.
//!
//! A reading of tokens, not of types: it knows paths (`reqwest::Client`), what a file imports from a foreign crate, and
//! re-exports. The lint `unreachable_pub` makes sure that `pub` is said only of what can be reached.

use std::collections::BTreeSet;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::source::{self, Part, Token, TokenKind};
use crate::workspace::{self, Kind, Workspace};

/// The published libraries.
const LIBRARIES: &[&str] = &[
    "tl-model",
    "tl-validate",
    "tl-http",
    "tl-protocol",
    "tl-http-async",
    "tl-http-blocking",
    "tl-client",
    "tl-emulator",
];

/// Crates whose types are part of the agreement with the user.
const AGREED: &[&str] = &["bytes", "http", "jiff", "serde", "serde_json", "url"];

/// Further exceptions: crate of ours, foreign crate, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "tl-http",
        "rustls",
        "its feature `tls` makes the one TLS configuration of all clients",
    ),
    (
        "tl-http-async",
        "futures-core",
        "its feature `stream` implements `futures_core::Stream`",
    ),
];

pub(super) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let mut findings = Vec::new();
    for name in LIBRARIES {
        let package = workspace.package(name)?;
        let foreign: BTreeSet<String> = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == Kind::Normal)
            .map(|dependency| dependency.name.as_str())
            .filter(|other| !AGREED.contains(other) && !other.starts_with("tl-"))
            .filter(|other| {
                !EXCEPTIONS
                    .iter()
                    .any(|(ours, theirs, _)| ours == name && theirs == other)
            })
            .map(|other| other.replace('-', "_"))
            .collect();
        let mut files = Vec::new();
        for file in source::code_files(&package.dir.join("src"))? {
            let shown = file
                .strip_prefix(&workspace.root)
                .unwrap_or(&file)
                .display()
                .to_string();
            let tokens = source::tokens(&workspace::read(&file)?, Part::WithoutTests)
                .map_err(|failure| Failure::new(format!("{shown}: {failure}")))?;
            files.push((shown, tokens));
        }
        findings.extend(check(&files, &foreign));
    }
    let what = "deps: public signatures name no foreign type";
    verdict(what, &findings)?;
    control(what, &sample(CONTROL)?, "`reqwest::Client`")
}

const CONTROL: &str = "pub struct Transport { pub client: reqwest::Client }";

fn sample(text: &str) -> Result<Vec<String>, Failure> {
    let files = [(
        "control".to_owned(),
        source::tokens(text, Part::WithoutTests)?,
    )];
    Ok(check(&files, &["reqwest".to_owned()].into()))
}

/// The foreign names in the public signatures of one crate.
fn check(files: &[(String, Vec<Token>)], foreign: &BTreeSet<String>) -> Vec<String> {
    let public_types: BTreeSet<&str> = files
        .iter()
        .flat_map(|(_, tokens)| tokens.windows(3))
        .filter(|three| three[0].is("pub") && (three[1].is("struct") || three[1].is("enum")))
        .filter_map(|three| three[2].ident())
        .collect();
    let mut findings = Vec::new();
    for (file, tokens) in files {
        let imported = imported(tokens, foreign);
        for (at, token) in tokens.iter().enumerate() {
            let signature =
                if token.is("pub") && !tokens.get(at + 1).is_some_and(|next| next.is("(")) {
                    public_item(&tokens[at + 1..])
                } else if token.is("impl") && starts_item(tokens, at) {
                    implementation(&tokens[at..], &public_types)
                } else {
                    Vec::new()
                };
            for (name, line) in foreign_names(&signature, foreign, &imported) {
                findings.push(format!("{file}:{line}: `{name}` in a public signature"));
            }
        }
    }
    findings
}

/// The part of a public item that a user sees; for a struct its head, because public fields say `pub` themselves.
fn public_item(tokens: &[Token]) -> Vec<&Token> {
    let word = tokens
        .iter()
        .filter_map(Token::ident)
        .find(|word| !["async", "unsafe", "const", "extern"].contains(word) || is_constant(tokens));
    match word {
        Some("mod") => Vec::new(),
        Some("enum") => up_to(tokens, |_, _| false, true),
        Some("trait") => without_bodies(tokens),
        Some("const" | "static" | "type" | "use") => {
            up_to(tokens, |token, depth| depth == 0 && token.is(";"), true)
        }
        Some("fn") => up_to(
            tokens,
            |token, depth| depth == 0 && (token.is(";") || token.is("{")),
            false,
        ),
        Some("struct" | "union") => up_to(
            tokens,
            |token, depth| depth == 0 && [";", "{", "("].iter().any(|end| token.is(end)),
            false,
        ),
        // A field.
        _ => up_to(tokens, |token, depth| depth == 0 && token.is(","), false),
    }
}

/// `const NAME`, and not `const fn`.
fn is_constant(tokens: &[Token]) -> bool {
    tokens.first().is_some_and(|token| token.is("const"))
        && !tokens.iter().take(4).any(|token| token.is("fn"))
}

/// The tokens until one that ends the item, or until the braces that hold it close.
fn up_to(tokens: &[Token], ends: impl Fn(&Token, usize) -> bool, braces_end: bool) -> Vec<&Token> {
    let mut depth = 0;
    let mut found = Vec::new();
    for token in tokens {
        if ends(token, depth) {
            break;
        }
        match token.kind {
            TokenKind::Open(_) => depth += 1,
            TokenKind::Close(_) if depth == 0 => break,
            TokenKind::Close(c) => {
                depth -= 1;
                if depth == 0 && c == '}' && braces_end {
                    break;
                }
            }
            _ => {}
        }
        found.push(token);
    }
    found
}

/// A trait without the bodies of its provided methods.
fn without_bodies(tokens: &[Token]) -> Vec<&Token> {
    let mut braces = 0;
    let mut found = Vec::new();
    for token in tokens {
        if token.is("}") {
            braces -= 1;
            if braces <= 0 {
                break;
            }
        }
        if braces <= 1 {
            found.push(token);
        }
        if token.is("{") {
            braces += 1;
        }
    }
    found
}

/// Whether `impl` here begins an item, and is no `impl Trait` in a signature.
fn starts_item(tokens: &[Token], at: usize) -> bool {
    match at.checked_sub(1).and_then(|before| tokens.get(before)) {
        None => true,
        Some(before) => ["}", ";", "]", "{", "unsafe"]
            .iter()
            .any(|text| before.is(text)),
    }
}

/// The head of an implementation for a public type.
fn implementation<'a>(tokens: &'a [Token], public_types: &BTreeSet<&str>) -> Vec<&'a Token> {
    let head: Vec<&Token> = tokens.iter().take_while(|token| !token.is("{")).collect();
    let after_for = head
        .iter()
        .rposition(|token| token.is("for"))
        .map_or(0, |at| at + 1);
    let is_public = head[after_for..]
        .iter()
        .filter_map(|token| token.ident())
        .any(|name| public_types.contains(name));
    if is_public { head } else { Vec::new() }
}

/// Names that a file imports from foreign crates.
fn imported(tokens: &[Token], foreign: &BTreeSet<String>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let root = tokens.get(at + 1).and_then(Token::ident);
        if !token.is("use") || !root.is_some_and(|root| foreign.contains(root)) {
            continue;
        }
        let import: Vec<&Token> = tokens[at + 1..]
            .iter()
            .take_while(|token| !token.is(";"))
            .collect();
        for (at, token) in import.iter().enumerate() {
            // A leaf is followed by no `::`; the name before `as` is not visible here.
            let next = import.get(at + 1);
            let is_leaf = !next.is_some_and(|next| next.is(":") || next.is("as"));
            if let Some(name) = token.ident().filter(|name| is_leaf && *name != "as") {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

fn foreign_names(
    signature: &[&Token],
    foreign: &BTreeSet<String>,
    imported: &BTreeSet<String>,
) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, token) in signature.iter().enumerate() {
        let Some(name) = token.ident() else { continue };
        let follows_path =
            at > 0 && signature[at - 1].is(":") && at > 1 && signature[at - 2].is(":");
        let is_path = signature.get(at + 1).is_some_and(|next| next.is(":"))
            && signature.get(at + 2).is_some_and(|next| next.is(":"));
        // `name: Type` is a field or an argument, and not a use of what `name` may also be.
        let is_label = signature.get(at + 1).is_some_and(|next| next.is(":")) && !is_path;
        if follows_path || is_label {
            continue;
        }
        if is_path && foreign.contains(name) {
            let rest = signature
                .get(at + 3)
                .and_then(|token| token.ident())
                .unwrap_or("…");
            found.push((format!("{name}::{rest}"), token.line));
        } else if imported.contains(name)
            || (foreign.contains(name) && signature.first().is_some_and(|t| t.is("use")))
        {
            found.push((name.to_owned(), token.line));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<String> = sample(text)
            .unwrap()
            .into_iter()
            .map(|finding| finding.split('`').nth(1).unwrap().to_owned())
            .collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn foreign_types_are_found_wherever_a_user_sees_them() {
        check(CONTROL, &["reqwest::Client"]);
        check(
            "pub fn f(client: &reqwest::Client) {}",
            &["reqwest::Client"],
        );
        check(
            "use reqwest::Client;\npub fn f() -> Client { g() }",
            &["Client"],
        );
        check(
            "use reqwest::{Client as Http, Body};\npub struct S(pub Http, Body);",
            &["Http"],
        );
        check(
            "pub enum Error { Http(reqwest::Error) }",
            &["reqwest::Error"],
        );
        check(
            "pub trait T { fn f(&self) -> reqwest::Body; }",
            &["reqwest::Body"],
        );
        check(
            "pub type R = Result<(), reqwest::Error>;",
            &["reqwest::Error"],
        );
        check("pub use reqwest::Client;", &["reqwest::Client"]);
        check("pub use reqwest;", &["reqwest"]);
        check(
            "pub struct E;\nimpl From<reqwest::Error> for E { fn from(e: reqwest::Error) -> E { E } }",
            &["reqwest::Error"],
        );
    }

    #[test]
    fn what_a_user_does_not_see_is_left_alone() {
        check(
            "pub struct S { client: reqwest::Client, pub name: String }",
            &[],
        );
        check("pub(crate) fn f(client: reqwest::Client) {}", &[]);
        check("pub fn f() { let client = reqwest::Client::new(); }", &[]);
        check("pub trait T { fn f(&self) { reqwest::get(); } }", &[]);
        check(
            "struct P;\nimpl From<reqwest::Error> for P { fn from(e: reqwest::Error) -> P { P } }",
            &[],
        );
        check("use reqwest::Client;\nfn f() -> Client { g() }", &[]);
        check("pub fn f(reqwest: u8) {}", &[]);
        check("pub const fn f() -> u8 { reqwest::N }", &[]);
    }
}
