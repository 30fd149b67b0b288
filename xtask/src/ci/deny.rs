//! `ci deny`: the licence, the name and the source of every dependency against `deny.toml`.
//!
//! The check of our own reads `cargo metadata` and always runs. cargo-deny, where it is installed, reads the same file and
//! knows more: security advisories, duplicate versions.

use serde_json::Value;
use spdx::{Expression, ParseMode};

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::shell;
use crate::workspace::{self, Workspace};

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let rules = Rules::of_toml(&workspace::read(&workspace.root.join("deny.toml"))?)?;
    let metadata = shell::cargo()
        .args(["metadata", "--all-features", "--format-version", "1"])
        .read()?;
    let packages = packages(&metadata)?;
    let findings: Vec<String> = packages
        .iter()
        .flat_map(|package| check(package, &rules))
        .collect();
    verdict(
        &format!(
            "deny: licences, names and sources of {} packages",
            packages.len()
        ),
        &findings,
    )?;
    let wrong = Dependency {
        name: "openssl-sys".into(),
        license: Some("GPL-3.0-only AND MIT".into()),
        source: Some("git+https://example.com/openssl".into()),
    };
    let findings = check(&wrong, &rules);
    for expected in [
        "licence `GPL-3.0-only AND MIT`",
        "is banned",
        "comes from `git+",
    ] {
        control("deny", &findings, expected)?;
    }
    if shell::cargo().args(["deny", "--version"]).listen()?.success {
        shell::cargo()
            .args(["deny", "--all-features", "check"])
            .run()
    } else {
        eprintln!(
            "deny: cargo-deny is not installed, so advisories were not looked up (`cargo install cargo-deny --locked`)"
        );
        Ok(())
    }
}

/// What `deny.toml` says, as far as we check it ourselves.
struct Rules {
    licenses: Vec<spdx::Licensee>,
    banned: Vec<String>,
    registries: Vec<String>,
}

struct Dependency {
    name: String,
    license: Option<String>,
    /// `None` for the packages of this workspace.
    source: Option<String>,
}

impl Rules {
    fn of_toml(text: &str) -> Result<Self, Failure> {
        let table: toml::Table = text
            .parse()
            .map_err(|e| Failure::new(format!("deny.toml is not TOML: {e}")))?;
        let list = |section: &str, key: &str| -> Result<Vec<String>, Failure> {
            table
                .get(section)
                .and_then(|section| section.get(key)?.as_array())
                .map(|entries| entries.iter().filter_map(name_of).collect())
                .ok_or_else(|| {
                    Failure::new(format!("deny.toml has no list `{key}` in [{section}]"))
                })
        };
        let licenses = list("licenses", "allow")?
            .iter()
            .map(|license| {
                spdx::Licensee::parse(license).map_err(|e| {
                    Failure::new(format!("deny.toml allows `{license}`: {}", e.reason))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            licenses,
            banned: list("bans", "deny")?,
            registries: list("sources", "allow-registry")?,
        })
    }
}

/// An entry is a name, or a table with one.
fn name_of(entry: &toml::Value) -> Option<String> {
    let name = entry.get("crate").unwrap_or(entry);
    name.as_str().map(String::from)
}

fn packages(metadata: &str) -> Result<Vec<Dependency>, Failure> {
    let odd = || Failure::new("`cargo metadata` gave an answer that cannot be used: packages");
    let value: Value = serde_json::from_str(metadata).map_err(|_| odd())?;
    let text = |value: &Value| value.as_str().map(String::from);
    value["packages"]
        .as_array()
        .ok_or_else(odd)?
        .iter()
        .map(|package| {
            Ok(Dependency {
                name: text(&package["name"]).ok_or_else(odd)?,
                license: text(&package["license"]),
                source: text(&package["source"]),
            })
        })
        .collect()
}

fn check(package: &Dependency, rules: &Rules) -> Vec<String> {
    let name = &package.name;
    let mut findings = Vec::new();
    match &package.license {
        None => findings.push(format!("{name} names no licence")),
        // Old manifests write `/` for `OR`.
        Some(text) => match Expression::parse_mode(text, ParseMode::LAX) {
            Err(error) => {
                findings.push(format!("{name} has the licence `{text}`: {}", error.reason));
            }
            Ok(expression) => {
                let allowed = expression.evaluate(|required| {
                    rules
                        .licenses
                        .iter()
                        .any(|license| license.satisfies(required))
                });
                if !allowed {
                    findings.push(format!(
                        "{name} has the licence `{text}`, which deny.toml does not allow"
                    ));
                }
            }
        },
    }
    if rules.banned.contains(name) {
        findings.push(format!("{name} is banned by deny.toml"));
    }
    if let Some(source) = &package.source {
        let registry = source
            .strip_prefix("registry+")
            .or_else(|| source.strip_prefix("sparse+"));
        if !registry
            .is_some_and(|registry| rules.registries.iter().any(|allowed| allowed == registry))
        {
            findings.push(format!(
                "{name} comes from `{source}`, which deny.toml does not allow"
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"]
        [bans]
        deny = [{ crate = "openssl", reason = "rustls" }, "native-tls"]
        [sources]
        allow-registry = ["https://github.com/rust-lang/crates.io-index"]
    "#;

    fn findings(name: &str, license: Option<&str>, source: Option<&str>) -> usize {
        let package = Dependency {
            name: name.into(),
            license: license.map(String::from),
            source: source.map(String::from),
        };
        check(&package, &Rules::of_toml(RULES).unwrap()).len()
    }

    #[test]
    fn licence_expressions_are_judged_as_a_whole() {
        for (license, expect) in [
            ("MIT", 0),
            ("MIT OR GPL-3.0-only", 0),
            ("GPL-3.0-only OR LGPL-2.1-only", 1),
            ("MIT AND GPL-3.0-only", 1),
            ("Apache-2.0 AND ISC", 0),
            ("MIT/Apache-2.0", 0),
            ("Unlicense/MIT", 0),
            ("(MIT OR Apache-2.0) AND BSD-3-Clause", 1),
            ("Apache-2.0 WITH LLVM-exception", 0),
            ("MIT WITH Bison-exception-2.2", 1),
            ("see the file", 1),
        ] {
            assert_eq!(findings("x", Some(license), None), expect, "{license}");
        }
        assert_eq!(findings("x", None, None), 1);
    }

    #[test]
    fn banned_names_and_strange_sources_are_refused() {
        let registry = Some("registry+https://github.com/rust-lang/crates.io-index");
        assert_eq!(findings("x", Some("MIT"), registry), 0);
        assert_eq!(findings("openssl", Some("MIT"), registry), 1);
        assert_eq!(findings("native-tls", Some("MIT"), registry), 1);
        assert_eq!(
            findings("x", Some("MIT"), Some("git+https://example.com/x")),
            1
        );
        assert_eq!(
            findings("x", Some("MIT"), Some("registry+https://example.com/index")),
            1
        );
    }

    #[test]
    fn a_rule_file_without_a_list_is_refused_and_not_taken_for_empty() {
        let failure = Rules::of_toml("[licenses]\nallow = [\"MIT\"]")
            .err()
            .unwrap()
            .to_string();
        assert_eq!(failure, "deny.toml has no list `deny` in [bans]");
    }
}
