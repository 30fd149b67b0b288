//! Dependencies that a crate must not have, at any depth and on any platform, from `cargo tree`.

use std::collections::BTreeSet;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Crates that must be absent from some trees, and a tree in which the same rule finds one.
struct Rule {
    reason: &'static str,
    /// Crate names; a trailing `*` matches any suffix.
    forbidden: &'static str,
    /// Packages with their features, as arguments of `cargo tree`.
    trees: &'static [&'static str],
    control: (&'static str, &'static str),
}

const RULES: &[Rule] = &[
    Rule {
        reason: "the blocking client has no async runtime",
        forbidden: "tokio* futures-executor async-std smol hyper* reqwest",
        trees: &[
            "tl-http-blocking",
            "tl-client --no-default-features --features=blocking",
            "tl-client --no-default-features --features=blocking,worker",
        ],
        control: ("tl-http-async", "tokio"),
    },
    Rule {
        reason: "the ledger sends no requests, and SQLite needs no async runtime",
        forbidden: "reqwest ureq* hyper* tokio* rustls",
        trees: &["tl-ledger"],
        control: ("tl-ledger --features=postgres", "tokio-postgres"),
    },
    Rule {
        reason: "the ledger sends no requests to a server but PostgreSQL",
        forbidden: "reqwest ureq* hyper*",
        trees: &["tl-ledger --features=postgres"],
        control: ("tl-http-async", "reqwest"),
    },
    Rule {
        reason: "the async client has no blocking client",
        forbidden: "ureq*",
        trees: &[
            "tl-http-async",
            "tl-client --no-default-features --features=async",
        ],
        control: ("tl-http-blocking", "ureq"),
    },
    Rule {
        reason: "nothing links FFmpeg without the feature `ffmpeg`",
        forbidden: "ffmpeg-*",
        trees: &[
            "tl-validate --no-default-features",
            "tl-validate --no-default-features --features=worker",
            "tl-validate --no-default-features --features=header",
            "tl-client --no-default-features --features=async,worker",
            "tl-client --no-default-features --features=blocking,worker",
            "tl-emulator",
            "twelvelabs-cli --no-default-features",
        ],
        control: ("tl-validate --features=ffmpeg", "ffmpeg-sys-next"),
    },
    Rule {
        reason: "aws-lc, which adds 30 ms to every start, is there only on request",
        forbidden: "aws-lc-*",
        trees: &[
            "tl-client",
            "tl-client --no-default-features --features=blocking,tls-ring",
            "twelvelabs-cli",
            "tl-emulator",
        ],
        control: ("tl-client --features=tls-aws-lc", "aws-lc-rs"),
    },
    Rule {
        reason: "flows take time, randomness and bytes as arguments",
        forbidden: "getrandom rand* fastrand tokio* mio socket2 rustix reqwest ureq* rustls",
        trees: &["tl-http", "tl-protocol", "tl-model"],
        control: ("tl-http-blocking", "getrandom"),
    },
];

pub(super) fn run(workspace: &Workspace) -> Result<(), Failure> {
    for rule in RULES {
        let mut findings = Vec::new();
        for tree in rule.trees {
            findings.extend(check(workspace, rule, tree)?);
        }
        let what = format!("deps: {}", rule.reason);
        verdict(&what, &findings)?;
        let (tree, expected) = rule.control;
        let found = check(workspace, rule, tree)?;
        control(&what, &found, &format!("depends on {expected} "))?;
    }
    Ok(())
}

fn check(workspace: &Workspace, rule: &Rule, tree: &str) -> Result<Vec<String>, Failure> {
    let text = workspace
        .cargo("tree --edges normal --target all --prefix none --package")
        .args(tree.split(' '))
        .quiet()
        .read()?;
    Ok(forbidden(tree, &text, rule.forbidden))
}

/// The forbidden crates among the lines of `cargo tree --prefix none`.
fn forbidden(tree: &str, text: &str, patterns: &str) -> Vec<String> {
    let name_and_version = |line: &str| {
        let mut words = line.split_whitespace().map(String::from);
        Some((words.next()?, words.next()?))
    };
    let packages: BTreeSet<(String, String)> = text.lines().filter_map(name_and_version).collect();
    let is_forbidden = |name: &str| {
        patterns
            .split(' ')
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == pattern,
            })
    };
    packages
        .iter()
        .filter(|(name, _)| is_forbidden(name))
        .map(|(name, version)| format!("{tree} depends on {name} {version}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_crates_are_reported_once() {
        let text = "tl-http-async v0.1.0 (/repo)\nasync-trait v0.1.92 (proc-macro)\n\
                    hyper-util v0.1.20\ntokio v1.54.1\ntokio v1.54.1 (*)\nhyperion v0.1.0\n";
        assert_eq!(
            forbidden("x", text, "tokio hyper-* ureq"),
            [
                "x depends on hyper-util v0.1.20",
                "x depends on tokio v1.54.1"
            ]
        );
        assert_eq!(forbidden("x", text, "hyper async"), [""; 0]);
    }
}
