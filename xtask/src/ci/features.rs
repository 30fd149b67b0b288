//! `ci features`: every combination of a crate's features compiles, alone and without a warning; both colours at once included.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::shell;
use crate::workspace::{self, Package, Workspace};

/// Combinations of one crate that are still worth compiling. Above it, features need grouping first.
const MOST: usize = 64;

/// A combination of features, closed under what they imply.
type Combination = BTreeSet<String>;

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let combinations = combinations(package)?;
        if package.name == "tl-client" && !combinations.iter().any(both_colours) {
            findings.push("tl-client has no combination with both `async` and `blocking`".into());
        }
        // The clippy step compiles a crate without features the only way it can be.
        if combinations.len() > 1 {
            findings.extend(check(workspace, None, &package.name, &combinations)?);
        }
    }
    verdict("features", &findings)?;
    positive_control(workspace)
}

fn both_colours(combination: &Combination) -> bool {
    ["async", "blocking"]
        .iter()
        .all(|colour| combination.contains(*colour))
}

/// Compiles each combination and reports those that do not compile.
fn check(
    workspace: &Workspace,
    manifest: Option<&Path>,
    package: &str,
    combinations: &[Combination],
) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for combination in combinations {
        let features: Vec<&str> = combination.iter().map(String::as_str).collect();
        let features = features.join(",");
        let mut clippy = shell::cargo().arg("clippy").args(["--package", package]);
        if let Some(manifest) = manifest {
            clippy = clippy.arg("--manifest-path").arg(manifest);
        }
        let said = clippy
            .arg("--target-dir")
            .arg(&workspace.target)
            .args(["--no-default-features", "--features", &features])
            .args(["--", "-D", "warnings"])
            .listen()?;
        let name = if features.is_empty() {
            "no feature"
        } else {
            &features
        };
        if said.success {
            eprintln!("features: {package} with {name}: compiles");
        } else {
            if manifest.is_none() {
                eprint!("{}", said.stderr);
            }
            findings.push(format!(
                "{package} with {name}: does not compile without a warning"
            ));
        }
    }
    Ok(findings)
}

/// Every set of features that differs from the others in what it turns on. `default` is a set like any other.
fn combinations(package: &Package) -> Result<Vec<Combination>, Failure> {
    let names: Vec<&String> = package
        .features
        .keys()
        .filter(|name| *name != "default")
        .collect();
    let mut found: BTreeSet<Combination> = [Combination::new()].into();
    for name in names {
        let with: Vec<Combination> = found
            .iter()
            .map(|combination| {
                let mut combination = combination.clone();
                turn_on(package, name, &mut combination);
                combination
            })
            .collect();
        found.extend(with);
        if found.len() > MOST {
            return Err(Failure::new(format!(
                "{} has more than {MOST} combinations of features; group them",
                package.name
            )));
        }
    }
    Ok(found.into_iter().collect())
}

fn turn_on(package: &Package, name: &str, combination: &mut Combination) {
    if !package.features.contains_key(name) || !combination.insert(name.to_owned()) {
        return;
    }
    for implied in package.features.get(name).into_iter().flatten() {
        turn_on(package, implied, combination);
    }
}

/// A crate in which one combination of two is broken on purpose: it and no other must be reported.
fn positive_control(workspace: &Workspace) -> Result<(), Failure> {
    let dir = workspace.scratch("control-features")?;
    let manifest = dir.join("Cargo.toml");
    workspace::write(
        &manifest,
        "[package]\nname = \"control-features\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[features]\nleft = []\nright = []\n\n[workspace]\n",
    )?;
    workspace::write(
        &dir.join("src/lib.rs"),
        "//! Broken on purpose in one combination.\n#[cfg(all(feature = \"left\", not(feature = \"right\")))]\ncompile_error!(\"left without right\");\n",
    )?;
    let made = Workspace::at(&manifest)?;
    let combinations = combinations(made.package("control-features")?)?;
    let findings = check(
        workspace,
        Some(&manifest),
        "control-features",
        &combinations,
    )?;
    if findings.len() > 1 {
        return Err(Failure::new(format!(
            "features: the control has one broken combination, but {findings:?} were reported"
        )));
    }
    control(
        "features",
        &findings,
        "with left: does not compile without a warning",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn package(features: &[(&str, &[&str])]) -> Package {
        let features: BTreeMap<_, _> = features
            .iter()
            .map(|(name, enables)| {
                let enables = enables.iter().map(|name| (*name).to_owned()).collect();
                ((*name).to_owned(), enables)
            })
            .collect();
        Package {
            name: "x".into(),
            dir: "x".into(),
            rust_version: None,
            dependencies: vec![],
            features,
            binaries: vec![],
        }
    }

    #[test]
    fn combinations_that_turn_on_the_same_are_compiled_once() {
        let package = package(&[
            ("default", &["async"]),
            ("async", &["dep:tokio"]),
            ("validate", &[]),
            ("ffmpeg", &["validate", "other/ffmpeg"]),
        ]);
        let found: Vec<String> = combinations(&package)
            .unwrap()
            .into_iter()
            .map(|combination| combination.into_iter().collect::<Vec<_>>().join("+"))
            .collect();
        assert_eq!(
            found,
            [
                "",
                "async",
                "async+ffmpeg+validate",
                "async+validate",
                "ffmpeg+validate",
                "validate"
            ]
        );
    }

    #[test]
    fn too_many_features_are_refused_and_not_cut_short() {
        let names: Vec<String> = (0..8).map(|n| format!("f{n}")).collect();
        let features: Vec<(&str, &[&str])> =
            names.iter().map(|n| (n.as_str(), &[] as &[&str])).collect();
        let failure = combinations(&package(&features)).unwrap_err().to_string();
        assert!(failure.contains("more than 64"), "{failure}");
    }
}
