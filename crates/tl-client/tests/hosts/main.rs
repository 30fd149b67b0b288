//! Adding tl-client to a program does not change how its own HTTP and TLS libraries behave.
//!
//! Cargo enables the features of a library once per program, so a dependency of ours can break the
//! program of a user. The test builds small programs with and without tl-client, runs them, and
//! compares what they print about reqwest, ureq and rustls. All share one target folder.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{fs, path::Path, process::Command};

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

/// The root of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn host_programs_behave_as_without_tl_client() {
    let findings: Vec<String> = HOSTS.iter().flat_map(differences).collect();
    assert_eq!(findings, [""; 0]);
    let found = differences(&CONTROL);
    let expected = "No rustls crypto provider";
    assert!(
        found.iter().any(|line| line.contains(expected)),
        "the comparison does not see the known limit: {found:?}"
    );
}

/// The lines of a program that tl-client changes.
fn differences(host: &Host) -> Vec<String> {
    let without = output(host.libraries);
    let with = output(&format!("{},{}", host.libraries, host.tl));
    let count = |text: &str| text.lines().count();
    assert!(count(&without) > 1, "{}: it printed nothing", host.name);
    assert_eq!(count(&without), count(&with), "{}: {with}", host.name);
    let lines = without.lines().zip(with.lines());
    let changed = lines.filter(|(without, with)| without != with);
    changed
        .map(|(without, with)| format!("{}: `{without}` became `{with}`", host.name))
        .collect()
}

/// Builds and runs the program with these features.
fn output(features: &str) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/program");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hosts");
    fs::create_dir_all(folder.join("src")).unwrap();
    // A copy: cargo writes the lock file next to the manifest.
    let manifest = fs::read_to_string(program.join("Cargo.toml")).unwrap();
    let client = format!("path = {:?}", env!("CARGO_MANIFEST_DIR"));
    let manifest = manifest.replace(r#"path = "../../..""#, &client);
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    for name in ["src/main.rs", "src/certificate.pem", "src/key.pem"] {
        fs::copy(program.join(name), folder.join(name)).unwrap();
    }
    // The versions of the workspace, so that cargo builds few crates again.
    fs::copy(
        Path::new(ROOT).join("Cargo.lock"),
        folder.join("Cargo.lock"),
    )
    .unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    // Variables of the test's own package do not belong to the program.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_")) {
        cargo.env_remove(name);
    }
    let run = cargo
        .args(["run", "--quiet", "--features", features, "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(folder.join("target"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{features}: {stderr}");
    String::from_utf8(run.stdout).unwrap()
}
