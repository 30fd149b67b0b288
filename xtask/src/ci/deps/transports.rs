//! Workflow logic exists once: the two transport crates hold no retry, paging, polling, chunk or resume logic.
//!
//! A transport carries one exchange and says what happened. It therefore has no reason to name those things: the check
//! reads the words of every identifier and the strings of its code, tests and comments left out. What a transport must
//! name for another reason is listed here with that reason. The positive control is tl-protocol, where the workflows live.

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::source::{self, Part, Token, TokenKind};
use crate::workspace::{self, Workspace};

const TRANSPORTS: [&str; 2] = ["tl-http-async", "tl-http-blocking"];

/// Words that belong to a workflow. An endpoint is one: who knows none can begin no exchange of its own.
const WORDS: &[&str] = &[
    "attempt",
    "attempts",
    "backoff",
    "chunk",
    "chunks",
    "endpoint",
    "endpoints",
    "idempotency",
    "idempotent",
    "jitter",
    "page",
    "pages",
    "paginate",
    "pagination",
    "poll",
    "polling",
    "polls",
    "reconcile",
    "resend",
    "resume",
    "resuming",
    "retriable",
    "retries",
    "retry",
    "retryable",
    "retrying",
];

/// What a workflow reads from an answer or writes into a request.
const STRINGS: &[&str] = &[
    "/assets",
    "/indexes",
    "/tasks",
    "multipart-upload",
    "next_page",
    "page_limit",
    "retry-after",
];

/// Answers that only a workflow judges.
const STATUSES: &[&str] = &["429", "503", "SERVICE_UNAVAILABLE", "TOO_MANY_REQUESTS"];

/// Names that contain such a word and mean something else, and what that is.
const OTHER_MEANINGS: &[(&str, &str)] = &[
    ("Poll", "the task protocol of std::task"),
    ("poll", "the task protocol of std::task"),
    ("poll_close", "the task protocol of std::task"),
    ("poll_flush", "the task protocol of std::task"),
    ("poll_fn", "the task protocol of std::task"),
    ("poll_frame", "the task protocol of std::task"),
    ("poll_next", "the task protocol of std::task"),
    ("poll_read", "the task protocol of std::task"),
    ("poll_ready", "the task protocol of std::task"),
    ("poll_shutdown", "the task protocol of std::task"),
    ("poll_unpin", "the task protocol of std::task"),
    ("poll_write", "the task protocol of std::task"),
    ("resume_unwind", "passing a panic on from a thread"),
    (
        "retry_canceled_requests",
        "turning the HTTP client's own retries off",
    ),
];

/// Token sequences in which such a word means something else, and what that is.
const OTHER_PHRASES: &[(&[&str], &str)] = &[
    (
        &["retry", ":", ":", "never"],
        "turning the HTTP client's own retries off",
    ),
    (
        &[".", "retry", "(", "reqwest"],
        "turning the HTTP client's own retries off",
    ),
    (&[".", "chunk", "(", ")"], "a piece of a response body"),
];

pub(super) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let mut findings = Vec::new();
    for name in TRANSPORTS {
        findings.extend(check_package(workspace, name)?);
    }
    let what = "deps: transports hold no workflow";
    verdict(what, &findings)?;
    let workflows = check_package(workspace, "tl-protocol")?;
    for word in ["`retry_after`", "`backoff`", "`next_page`", "`reconcile`"] {
        control(what, &workflows, word)?;
    }
    let sample = check(
        "control",
        "fn f() { poll_status(task); next_chunk(resume_from) }",
    )?;
    for word in ["`poll_status`", "`next_chunk`", "`resume_from`"] {
        control(what, &sample, word)?;
    }
    Ok(())
}

fn check_package(workspace: &Workspace, name: &str) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for file in source::code_files(&workspace.package(name)?.dir.join("src"))? {
        let shown = file
            .strip_prefix(&workspace.root)
            .unwrap_or(&file)
            .display()
            .to_string();
        findings.extend(check(&shown, &workspace::read(&file)?)?);
    }
    Ok(findings)
}

/// The workflow words in one file.
fn check(file: &str, text: &str) -> Result<Vec<String>, Failure> {
    let tokens = source::tokens(text, Part::WithoutTests)
        .map_err(|failure| Failure::new(format!("{file}: {failure}")))?;
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let seen = match &token.kind {
            TokenKind::Ident(name) => of_ident(name).filter(|_| !has_other_meaning(&tokens, at)),
            TokenKind::Literal(text) => of_literal(text),
            _ => None,
        };
        if let Some(seen) = seen {
            findings.push(format!("{file}:{}: {seen} belongs into a flow", token.line));
        }
    }
    Ok(findings)
}

fn of_ident(name: &str) -> Option<String> {
    if OTHER_MEANINGS.iter().any(|(other, _)| *other == name) {
        return None;
    }
    if STATUSES.contains(&name) {
        return Some(format!("`{name}`"));
    }
    source::words(name)
        .iter()
        .any(|word| WORDS.contains(&word.as_str()))
        .then(|| format!("`{name}`"))
}

fn of_literal(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let named = STRINGS.iter().any(|string| lower.contains(string));
    (named || STATUSES.contains(&text)).then(|| text.to_owned())
}

fn has_other_meaning(tokens: &[Token], at: usize) -> bool {
    OTHER_PHRASES.iter().any(|(phrase, _)| {
        // The phrase may begin before the word.
        (0..phrase.len()).any(|before| {
            at.checked_sub(before)
                .and_then(|start| tokens.get(start..start + phrase.len()))
                .is_some_and(|window| {
                    window
                        .iter()
                        .zip(*phrase)
                        .all(|(token, text)| token.is(text))
                })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::check;

    fn findings(text: &str, expect: &[&str]) {
        let found = check("x.rs", text).unwrap();
        let seen: Vec<&str> = found
            .iter()
            .filter_map(|finding| {
                finding
                    .strip_prefix("x.rs:1: ")?
                    .strip_suffix(" belongs into a flow")
            })
            .collect();
        assert_eq!(seen, expect, "{text}");
    }

    #[test]
    fn workflow_logic_is_found_by_its_words() {
        findings(
            "fn f() { for attempt in 0..max_retries {} }",
            &["`attempt`", "`max_retries`"],
        );
        findings(
            r#"fn f() { headers.get("Retry-After") }"#,
            &["\"Retry-After\""],
        );
        findings(
            "fn f() { if status == 429 { sleep(backoff) } }",
            &["429", "`backoff`"],
        );
        findings("struct NextPage;", &["`NextPage`"]);
        findings(r#"const PATH: &str = "/tasks/{id}";"#, &["\"/tasks/{id}\""]);
    }

    #[test]
    fn other_meanings_of_the_words_are_left_alone() {
        findings(
            "fn poll(cx: &mut Context) -> Poll<()> { f.poll_unpin(cx) }",
            &[],
        );
        findings("fn f() { builder.retry(reqwest::retry::never()) }", &[]);
        findings("/// Never retries.\nfn f() {} // no backoff here", &[]);
        findings("#[cfg(test)] mod tests { fn retries() {} }", &[]);
        findings("fn pager() { homepage() }", &[]);
    }

    #[test]
    fn a_phrase_excuses_its_own_word_only() {
        findings("fn f() { retry(reqwest::retry::never()) }", &["`retry`"]);
    }
}
