//! What a crate must not pull in, however deep, on any platform: asked of `cargo tree`, package by package and feature by feature.

use std::collections::BTreeSet;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::shell;

/// One rule: crates that must be absent from a tree, and trees in which the same rule must find one.
struct Rule {
    because: &'static str,
    /// Crate names; a trailing `*` stands for any rest.
    forbidden: &'static [&'static str],
    trees: &'static [Tree],
    control: (Tree, &'static str),
}

/// A package and its features, as arguments of `cargo tree`.
type Tree = &'static [&'static str];

const RULES: &[Rule] = &[
    Rule {
        because: "the blocking colour has no async runtime",
        forbidden: &[
            "tokio*",
            "futures-executor",
            "async-std",
            "smol",
            "hyper*",
            "reqwest",
        ],
        trees: &[
            &["tl-http-blocking"],
            &["tl-client", "--no-default-features", "--features=blocking"],
            &[
                "tl-client",
                "--no-default-features",
                "--features=blocking,worker",
            ],
        ],
        control: (&["tl-http-async"], "tokio"),
    },
    Rule {
        because: "the async colour has no blocking client",
        forbidden: &["ureq*"],
        trees: &[
            &["tl-http-async"],
            &["tl-client", "--no-default-features", "--features=async"],
        ],
        control: (&["tl-http-blocking"], "ureq"),
    },
    Rule {
        because: "nothing links FFmpeg unless asked",
        forbidden: &["ffmpeg-*"],
        trees: &[
            &["tl-validate", "--no-default-features"],
            &["tl-validate", "--no-default-features", "--features=worker"],
            &["tl-validate", "--no-default-features", "--features=header"],
            &[
                "tl-client",
                "--no-default-features",
                "--features=async,worker",
            ],
            &[
                "tl-client",
                "--no-default-features",
                "--features=blocking,worker",
            ],
            &["tl-emulator"],
            &["tl-cli", "--no-default-features"],
        ],
        control: (&["tl-validate", "--features=ffmpeg"], "ffmpeg-sys-next"),
    },
    Rule {
        because: "flows take time, chance and bytes as arguments",
        forbidden: &[
            "getrandom",
            "rand*",
            "fastrand",
            "tokio*",
            "mio",
            "socket2",
            "rustix",
            "reqwest",
            "ureq*",
            "rustls",
        ],
        trees: &[&["tl-http"], &["tl-protocol"], &["tl-model"]],
        control: (&["tl-http-blocking"], "getrandom"),
    },
];

pub(super) fn run(_: &crate::workspace::Workspace) -> Result<(), Failure> {
    for rule in RULES {
        let mut findings = Vec::new();
        for tree in rule.trees {
            findings.extend(check(rule, tree)?);
        }
        let what = format!("deps: {}", rule.because);
        verdict(&what, &findings)?;
        let (tree, expected) = rule.control;
        control(&what, &check(rule, tree)?, &format!("pulls in {expected} "))?;
    }
    Ok(())
}

fn check(rule: &Rule, tree: Tree) -> Result<Vec<String>, Failure> {
    let text = shell::cargo()
        .args(["tree", "--edges", "normal", "--target", "all"])
        .args(["--prefix", "none", "--package"])
        .args(tree)
        .read()?;
    Ok(forbidden(&tree.join(" "), &text, rule.forbidden))
}

/// The forbidden crates among the lines of `cargo tree --prefix none`.
fn forbidden(tree: &str, text: &str, forbidden: &[&str]) -> Vec<String> {
    let packages: BTreeSet<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    let matches = |name: &str| {
        forbidden
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == *pattern,
            })
    };
    packages
        .iter()
        .filter(|(name, _)| matches(name))
        .map(|(name, version)| format!("{tree} pulls in {name} {version}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "tl-http-async v0.1.0 (/repo/crates/tl-http-async)\nasync-trait v0.1.92 (proc-macro)\nhyper-util v0.1.20\ntokio v1.54.1\ntokio v1.54.1 (*)\nhyperion v0.1.0\n";

    #[test]
    fn forbidden_crates_are_reported_once_with_their_version() {
        assert_eq!(
            forbidden("x", TREE, &["tokio", "hyper-*", "ureq"]),
            ["x pulls in hyper-util v0.1.20", "x pulls in tokio v1.54.1"]
        );
    }

    #[test]
    fn a_name_without_a_star_is_matched_whole() {
        assert_eq!(forbidden("x", TREE, &["hyper", "async"]), [""; 0]);
    }

    #[test]
    fn every_control_expects_what_its_rule_forbids() {
        for rule in RULES {
            let line = format!("{} v1.0.0\n", rule.control.1);
            assert_eq!(
                forbidden("x", &line, rule.forbidden).len(),
                1,
                "{}",
                rule.because
            );
        }
    }
}
