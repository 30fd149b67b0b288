//! The arrows between the crates of the workspace, none but those that the architecture draws, and
//! what tl-model may stand on.

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::workspace::{Kind, Package, Workspace};

/// The normal dependencies that a crate of the workspace may have on another: these and no others.
const ARROWS: &[(&str, &[&str])] = &[
    ("tl-model", &[]),
    ("tl-validate", &["tl-model"]),
    ("tl-http", &[]),
    ("tl-protocol", &["tl-http", "tl-model"]),
    // Not tl-protocol: a transport that knows no workflow cannot contain one.
    ("tl-http-async", &["tl-http"]),
    ("tl-http-blocking", &["tl-http"]),
    (
        "tl-client",
        &[
            "tl-http",
            "tl-http-async",
            "tl-http-blocking",
            "tl-model",
            "tl-protocol",
            "tl-validate",
        ],
    ),
    // The state of the rate limiter, and TLS to PostgreSQL.
    ("tl-ledger", &["tl-http", "tl-protocol"]),
    (
        "tl-bulk",
        &[
            "tl-client",
            "tl-ledger",
            "tl-model",
            "tl-protocol",
            "tl-validate",
        ],
    ),
    (
        "tl-emulator",
        &["tl-http", "tl-model", "tl-protocol", "tl-validate"],
    ),
    (
        "twelvelabs-cli",
        &[
            "tl-bulk",
            "tl-client",
            "tl-emulator",
            "tl-http",
            "tl-http-async",
            "tl-ledger",
            "tl-model",
            "tl-protocol",
            "tl-validate",
        ],
    ),
    ("tl-bench", &["tl-client", "tl-http"]),
    ("tl-corpus", &[]),
    ("tl-dist", &[]),
    ("tl-dist-probe", &["tl-validate"]),
    (
        "tl-fuzz-targets",
        &[
            "tl-bulk",
            "tl-client",
            "tl-emulator",
            "tl-http",
            "tl-ledger",
            "tl-model",
            "tl-protocol",
            "tl-validate",
        ],
    ),
    ("tl-testkit", &["tl-http", "tl-model", "tl-protocol"]),
    ("xtask", &[]),
];

/// What tests and examples may use on top of the arrows; the suites of tl-testkit are for everyone.
const TEST_ARROWS: &[(&str, &[&str])] = &[
    // The corpus is what the prober is tested with.
    ("tl-validate", &["tl-corpus"]),
    // The demo and the tests of the facade speak to the emulator; its examples send real clips.
    ("tl-client", &["tl-corpus", "tl-emulator"]),
    ("tl-bulk", &["tl-corpus", "tl-emulator", "tl-testkit"]),
    // Fixes and cuts are held against the whole corpus.
    ("twelvelabs-cli", &["tl-corpus", "tl-emulator"]),
    // The examples in their documentation send the calls of the API.
    ("tl-http-async", &["tl-protocol"]),
    ("tl-http-blocking", &["tl-protocol"]),
    // The transcripts of both transports are compared where neither is at home.
    ("tl-testkit", &["tl-http-async", "tl-http-blocking"]),
    // The emulator is driven by the real flows.
    ("tl-emulator", &["tl-http-async", "tl-http-blocking"]),
];

/// Everything that the schemas stand on.
const MODEL: &[&str] = &["jiff", "serde", "serde_json"];

pub(super) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        findings.extend(arrows(package));
    }
    for (name, _) in ARROWS {
        workspace.package(name)?;
    }
    verdict("deps: arrows between crates", &findings)?;

    let found = model(workspace.package("tl-model")?);
    verdict(
        "deps: tl-model stands on serde, serde_json and jiff",
        &found,
    )?;

    // The same functions on packages that are wrong on purpose.
    let mut upward = Package {
        name: "tl-model".into(),
        dependencies: workspace.package("tl-protocol")?.dependencies.clone(),
        ..Package::default()
    };
    control(
        "deps: tl-model",
        &model(&upward),
        "tl-model depends on `http`",
    )?;
    upward.dependencies = workspace.package("tl-client")?.dependencies.clone();
    control(
        "deps: arrows",
        &arrows(&upward),
        "tl-model -> tl-protocol is not",
    )
}

/// Arrows of this package that are not drawn.
fn arrows(package: &Package) -> Vec<String> {
    let row = |table: &[(&str, &'static [&'static str])]| {
        let row = table.iter().find(|(name, _)| *name == package.name);
        row.map(|(_, targets)| *targets)
    };
    let Some(drawn) = row(ARROWS) else {
        return vec![format!(
            "{} is not in the table of arrows: say where it may point",
            package.name
        )];
    };
    let in_tests = row(TEST_ARROWS).unwrap_or_default();
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let target = dependency.name.as_str();
        if !ARROWS.iter().any(|(name, _)| *name == target) {
            continue;
        }
        let allowed = drawn.contains(&target)
            || (dependency.kind == Kind::Dev
                && (target == "tl-testkit" || in_tests.contains(&target)));
        if !allowed {
            let name = &package.name;
            findings.push(format!(
                "{name} -> {target} is not an arrow of the architecture"
            ));
        }
    }
    findings
}

/// How the dependencies of tl-model differ from the agreed three.
fn model(package: &Package) -> Vec<String> {
    let more = package
        .dependencies
        .iter()
        .filter(|dependency| {
            dependency.kind != Kind::Dev && !MODEL.contains(&dependency.name.as_str())
        })
        .map(|dependency| format!("tl-model depends on `{}`", dependency.name));
    let less = MODEL
        .iter()
        .filter(|name| !package.has(Kind::Normal, name))
        .map(|name| format!("tl-model does not depend on `{name}`"));
    more.chain(less).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn check(name: &str, dependencies: &[(&str, Kind)], expect: &[&str]) {
        let package = Package {
            name: name.into(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency {
                    name: (*name).to_owned(),
                    kind: *kind,
                })
                .collect(),
            ..Package::default()
        };
        assert_eq!(arrows(&package), expect);
    }

    #[test]
    fn an_arrow_that_is_not_drawn_is_reported() {
        use Kind::{Dev, Normal};
        check(
            "tl-http-async",
            &[
                ("tl-http", Normal),
                ("tl-protocol", Normal),
                ("tl-testkit", Dev),
                ("bytes", Normal),
            ],
            &["tl-http-async -> tl-protocol is not an arrow of the architecture"],
        );
        check(
            "tl-protocol",
            &[
                ("tl-model", Normal),
                ("tl-testkit", Dev),
                ("tl-client", Dev),
            ],
            &["tl-protocol -> tl-client is not an arrow of the architecture"],
        );
    }

    #[test]
    fn a_crate_that_nobody_drew_is_reported() {
        check(
            "tl-new",
            &[],
            &["tl-new is not in the table of arrows: say where it may point"],
        );
    }
}
