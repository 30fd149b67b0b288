//! `ci hosts`: adding tl-client to a program does not change how its own HTTP and TLS libraries
//! behave.
//!
//! Cargo enables the features of a library once per program, so a dependency of ours can break the
//! program of a user. The step builds small programs with and without tl-client, runs them, and
//! compares what they print about reqwest, ureq and rustls. All share one target folder.

use std::time::Instant;

use anyhow::ensure;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::workspace::Workspace;

/// A program, and how it adds tl-client.
struct Host {
    name: &'static str,
    /// Features of the manifest below: the libraries of the program.
    libraries: &'static str,
    /// Features that add tl-client.
    tl: &'static str,
}

const HOSTS: &[Host] = &[
    Host {
        name: "rustls with ring, and ureq",
        libraries: "rustls-ring,ureq-default",
        tl: "tl-ring",
    },
    Host {
        name: "rustls with aws-lc, and reqwest",
        libraries: "rustls-aws-lc,reqwest-default",
        tl: "tl-ring",
    },
    Host {
        name: "rustls with both providers, reqwest and ureq",
        libraries: "rustls-ring,rustls-aws-lc,reqwest-default,ureq-default",
        tl: "tl-ring",
    },
    Host {
        name: "reqwest and ureq without TLS",
        libraries: "reqwest,ureq",
        tl: "tl-aws-lc",
    },
    Host {
        name: "rustls with aws-lc, and tl-client with aws-lc",
        libraries: "rustls-aws-lc",
        tl: "tl-aws-lc",
    },
];

/// `tls-ring` enables a feature of reqwest with which `Client::new` needs an installed provider:
/// the limit that `docs/decisions` states. The comparison must see it.
const CONTROL: Host = Host {
    name: "reqwest without TLS, and tl-client with ring",
    libraries: "reqwest,ureq",
    tl: "tl-ring",
};

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let started = Instant::now();
    let mut findings = Vec::new();
    for host in HOSTS {
        findings.extend(differences(workspace, host)?);
    }
    verdict("hosts", &findings)?;
    let found = differences(workspace, &CONTROL)?;
    control("hosts", &found, "No rustls crypto provider")?;
    eprintln!("hosts: {} s", started.elapsed().as_secs());
    Ok(())
}

/// The lines of a program that tl-client changes.
fn differences(workspace: &Workspace, host: &Host) -> Result<Vec<String>, Failure> {
    let without = output(workspace, host.libraries)?;
    let with = output(workspace, &format!("{},{}", host.libraries, host.tl))?;
    ensure!(
        without.lines().count() > 1,
        "hosts: {}: the program printed nothing",
        host.name
    );
    let lines = without.lines().zip(with.lines());
    let changed = lines.filter(|(without, with)| without != with);
    Ok(changed
        .map(|(without, with)| format!("{}: `{without}` became `{with}`", host.name))
        .chain(
            (without.lines().count() != with.lines().count())
                .then(|| format!("{}: the program prints another number of lines", host.name)),
        )
        .collect())
}

/// Builds and runs the program with these features.
fn output(workspace: &Workspace, features: &str) -> Result<String, Failure> {
    let dir = workspace.scratch("hosts")?;
    let client = workspace.root.join("crates/tl-client");
    let manifest = MANIFEST.replace("TL_CLIENT", &client.display().to_string());
    let files = [
        ("Cargo.toml", manifest.as_str()),
        ("src/main.rs", include_str!("../../hosts/main.rs")),
        (
            "src/certificate.pem",
            include_str!("../../hosts/certificate.pem"),
        ),
        ("src/key.pem", include_str!("../../hosts/key.pem")),
        // The versions of the workspace, so that cargo builds few crates again.
        (
            "Cargo.lock",
            &workspace.sh.read_file(workspace.root.join("Cargo.lock"))?,
        ),
    ];
    for (name, text) in files {
        workspace.sh.write_file(dir.join(name), text)?;
    }
    let cargo = workspace.cargo("run --quiet --manifest-path");
    Ok(cargo
        .arg(dir.join("Cargo.toml"))
        .args(["--features", features, "--target-dir"])
        .arg(&workspace.target)
        .read()?)
}

const MANIFEST: &str = r#"[package]
name = "host"
version = "0.0.0"
edition = "2024"

[features]
rustls-ring = ["rustls", "rustls/ring"]
rustls-aws-lc = ["rustls", "rustls/aws_lc_rs"]
rustls = ["dep:rustls"]
reqwest = ["dep:reqwest", "dep:tokio"]
reqwest-default = ["reqwest", "reqwest/default"]
ureq = ["dep:ureq"]
ureq-default = ["ureq", "ureq/default"]
tl = ["dep:tl-client"]
tl-ring = ["tl", "tl-client/default", "tl-client/blocking"]
tl-aws-lc = ["tl", "tl-client/async", "tl-client/blocking", "tl-client/tls-aws-lc"]

[dependencies]
reqwest = { version = "0.13", default-features = false, optional = true }
rustls = { version = "0.23", default-features = false, features = ["std", "tls12"], optional = true }
tl-client = { path = "TL_CLIENT", default-features = false, optional = true }
tokio = { version = "1", features = ["net", "rt", "time"], optional = true }
ureq = { version = "3", default-features = false, optional = true }

[profile.dev]
debug = "line-tables-only"

[profile.dev.package."*"]
debug = false

[workspace]
"#;
