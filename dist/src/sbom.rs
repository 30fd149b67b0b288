//! Software bills of materials in CycloneDX 1.6: every crate and C library that is in a program.
//!
//! The crates come from `cargo tree`, for the features and target of the build, without procedural
//! macros and build scripts, which are in no program. Their hashes come from `Cargo.lock`. The C
//! libraries are listed here, with the versions that the build uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xshell::cmd;

use crate::digest;
use crate::ffmpeg::{self, LinkedLibrary};
use crate::workspace::{ARCH, Workspace};

/// A program with its package, features, and C libraries.
struct Program {
    name: &'static str,
    package: &'static str,
    options: &'static [&'static str],
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "tl",
        package: "twelvelabs-cli",
        options: &["--no-default-features", "--features", "helper"],
    },
    Program {
        name: "tl-probe",
        package: "tl-dist-probe",
        options: &[],
    },
];

/// Writes one file per program into `folder`: `tl.cdx.json` and `tl-probe.cdx.json`.
///
/// # Errors
/// If cargo does not list the crates, or one has neither a hash nor a place in the workspace.
pub(crate) fn write(workspace: &Workspace, folder: &Path) -> Result<()> {
    let lock = workspace.sh.read_file(workspace.root.join("Cargo.lock"))?;
    for program in &PROGRAMS {
        let bill = bill(workspace, program, &hashes(&lock))?;
        let file = folder.join(format!("{}.cdx.json", program.name));
        workspace
            .sh
            .write_file(&file, format!("{}\n", serde_json::to_string_pretty(&bill)?))?;
        println!("{}", file.display());
    }
    Ok(())
}

/// A crate in a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Crate {
    license: String,
    is_local: bool,
    needs: BTreeSet<String>,
}

fn bill(workspace: &Workspace, program: &Program, hashes: &Hashes) -> Result<Value> {
    let sh = &workspace.sh;
    let (package, options) = (program.package, program.options);
    let (format, target) = ("|{p}|{l}|", format!("{ARCH}-unknown-linux-gnu"));
    let listed = cmd!(
        sh,
        "cargo tree --quiet --locked --package {package} --edges normal,no-proc-macro --prefix depth --target {target} --format {format} {options...}"
    )
    .quiet()
    .read()?;
    let (root, crates) = parse(&listed)?;
    let libraries = libraries(workspace, program, &crates)?;
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for (id, found) in &crates {
        if *id != root {
            components.push(component(id, found, hashes)?);
        }
        let mut needs: Vec<String> = found.needs.iter().map(|id| reference(id)).collect();
        let own = libraries
            .iter()
            .filter(|library| library.user == crate_name(id));
        needs.extend(own.map(|library| library.reference()));
        dependencies.push(json!({ "ref": reference(id), "dependsOn": needs }));
    }
    for library in &libraries {
        components.push(library.component());
        dependencies.push(json!({ "ref": library.reference(), "dependsOn": [] }));
    }
    let time = timestamp(workspace)?;
    let version = workspace.version();
    let content = json!({
        "metadata": {
            "timestamp": time,
            "tools": { "components": [{ "type": "application", "name": "tl-dist", "version": version }] },
            "component": {
                "type": "application",
                "bom-ref": reference(&root),
                "name": program.name,
                "version": version,
                "licenses": [{ "expression": crates[&root].license }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    let mut bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        // Two builds of one commit are equal.
        "serialNumber": uuid(&digest::hex(content.to_string().as_bytes())),
        "version": 1,
    });
    if let (Some(bill), Value::Object(content)) = (bill.as_object_mut(), content) {
        bill.extend(content);
    }
    Ok(bill)
}

/// The root and all crates, by name and version: `0|bytes v1.2.3|MIT|`, with the depth in front.
fn parse(listed: &str) -> Result<(String, BTreeMap<String, Crate>)> {
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    let mut above: Vec<String> = Vec::new();
    for line in listed.lines().filter(|line| !line.trim().is_empty()) {
        let mut parts = line.splitn(4, '|');
        let mut part = || {
            parts
                .next()
                .with_context(|| format!("cargo tree: `{line}`"))
        };
        let (depth, package, license) = (part()?.parse::<usize>()?, part()?, part()?);
        let mut words = package.split(' ');
        let name = words.next().unwrap_or_default();
        let version = words.next().and_then(|version| version.strip_prefix('v'));
        let version = version.with_context(|| format!("cargo tree: no version in `{line}`"))?;
        let id = format!("{name}@{version}");
        let found = crates.entry(id.clone()).or_default();
        found.license = license.replace('/', " OR ");
        found.is_local = package.contains(" (/");
        above.truncate(depth);
        if let Some(parent) = above.last() {
            ensure!(
                depth == above.len(),
                "cargo tree: a level is missing at `{line}`"
            );
            let parent = crates.entry(parent.clone()).or_default();
            parent.needs.insert(id.clone());
        }
        above.push(id);
    }
    let root = above.first().context("cargo tree lists no crates")?;
    Ok((root.clone(), crates))
}

fn crate_name(id: &str) -> &str {
    id.split('@').next().unwrap_or(id)
}

/// A package URL.
fn reference(id: &str) -> String {
    format!("pkg:cargo/{id}")
}

type Hashes = BTreeMap<String, String>;

/// The hashes of crates in `Cargo.lock`.
fn hashes(lock: &str) -> Hashes {
    let value = |block: &str, key: &str| {
        let start = format!("{key} = \"");
        let line = block.lines().find_map(|line| line.strip_prefix(&start))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]").skip(1);
    let read = blocks.filter_map(|block| {
        let id = format!("{}@{}", value(block, "name")?, value(block, "version")?);
        Some((id, value(block, "checksum")?))
    });
    read.collect()
}

fn component(id: &str, found: &Crate, hashes: &Hashes) -> Result<Value> {
    let (name, version) = id.split_once('@').context("an id has a version")?;
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(id),
        "name": name,
        "version": version,
        "scope": "required",
        "purl": reference(id),
        "licenses": [license(&found.license)],
    });
    match hashes.get(id) {
        Some(hash) => component["hashes"] = json!([{ "alg": "SHA-256", "content": hash }]),
        None => ensure!(found.is_local, "{id} has no hash in Cargo.lock"),
    }
    Ok(component)
}

fn license(text: &str) -> Value {
    match text {
        "" => json!({ "license": { "name": "see the license file of the crate" } }),
        text => json!({ "expression": text }),
    }
}

/// A C library that is linked statically.
struct Library {
    /// The crate that links it.
    user: &'static str,
    name: String,
    version: String,
    license: &'static str,
    purl: Option<String>,
    source: Option<(String, String)>,
}

impl Library {
    fn reference(&self) -> String {
        format!("library:{}@{}", self.name, self.version)
    }

    fn component(&self) -> Value {
        let mut component = json!({
            "type": "library",
            "bom-ref": self.reference(),
            "name": self.name,
            "version": self.version,
            "scope": "required",
            "licenses": [{ "expression": self.license }],
        });
        if let Some(purl) = &self.purl {
            component["purl"] = purl.clone().into();
        }
        if let Some((address, sha256)) = &self.source {
            component["externalReferences"] = json!([{
                "type": "source-distribution",
                "url": address,
                "hashes": [{ "alg": "SHA-256", "content": sha256 }],
            }]);
        }
        component
    }
}

impl From<LinkedLibrary> for Library {
    fn from(library: LinkedLibrary) -> Self {
        Self {
            user: "ffmpeg-sys-next",
            purl: Some(format!("pkg:generic/{}@{}", library.name, library.version)),
            name: library.name.to_owned(),
            version: library.version.to_owned(),
            license: library.license,
            source: Some((library.address.to_owned(), library.sha256.to_owned())),
        }
    }
}

/// The C libraries in a program. A crate with its own C code, such as `ring`, is one component
/// with it.
fn libraries(
    workspace: &Workspace,
    program: &Program,
    crates: &BTreeMap<String, Crate>,
) -> Result<Vec<Library>> {
    let links = |name: &str| crates.keys().any(|id| crate_name(id) == name);
    let mut libraries = Vec::new();
    if links("libsqlite3-sys") {
        let version = sqlite_version(workspace)?;
        libraries.push(Library {
            user: "libsqlite3-sys",
            name: "sqlite".to_owned(),
            purl: Some(format!("pkg:generic/sqlite@{version}")),
            version,
            license: "blessing",
            source: None,
        });
    }
    if links("ffmpeg-sys-next") {
        libraries.extend(ffmpeg::LIBRARIES.map(Library::from));
        let version = glibc_version(workspace)?;
        libraries.push(Library {
            user: program.package,
            name: "glibc".to_owned(),
            purl: Some(format!("pkg:generic/glibc@{version}")),
            version,
            license: "LGPL-2.1-or-later",
            source: None,
        });
    }
    Ok(libraries)
}

/// The version of SQLite in the crate that bundles it.
fn sqlite_version(workspace: &Workspace) -> Result<String> {
    let sh = &workspace.sh;
    let metadata = cmd!(sh, "cargo metadata --quiet --locked --format-version 1")
        .quiet()
        .read()?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let package = packages
        .iter()
        .find(|package| package["name"] == "libsqlite3-sys");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = Path::new(manifest.context("no package libsqlite3-sys")?);
    let header = sh.read_file(manifest.with_file_name("sqlite3").join("sqlite3.h"))?;
    let line = header
        .lines()
        .find_map(|line| line.strip_prefix("#define SQLITE_VERSION "));
    let version = line.context("sqlite3.h does not state its version")?;
    Ok(version.trim().trim_matches('"').to_owned())
}

/// The version of the C library that is linked into `tl-probe`: that of this machine.
fn glibc_version(workspace: &Workspace) -> Result<String> {
    let sh = &workspace.sh;
    let text = cmd!(sh, "ldd --version").quiet().read()?;
    let first = text.lines().next().unwrap_or_default();
    let version = first.rsplit(' ').next().filter(|word| !word.is_empty());
    Ok(version
        .context("ldd does not print its version")?
        .to_owned())
}

/// The time of the last commit.
fn timestamp(workspace: &Workspace) -> Result<String> {
    let sh = &workspace.sh;
    let seconds = format!("@{}", workspace.epoch);
    Ok(cmd!(sh, "date --utc --date {seconds} +%Y-%m-%dT%H:%M:%SZ")
        .quiet()
        .read()?)
}

/// A UUID of version 8 (RFC 9562) from a hash.
fn uuid(hex: &str) -> String {
    format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "0|tl v0.1.0 (/w/tl)|MIT OR Apache-2.0|\n\
        1|bytes v1.2.3|MIT|\n2|serde v1.0.0|MIT/Apache-2.0|\n1|http v1.0.0||\n2|bytes v1.2.3|MIT| (*)\n";

    #[test]
    fn tree_becomes_crates_with_their_needs() {
        let (root, crates) = parse(TREE).unwrap();
        assert_eq!(root, "tl@0.1.0");
        assert_eq!(crates.len(), 4);
        let needs = |id: &str| crates[id].needs.iter().cloned().collect::<Vec<_>>();
        assert_eq!(needs("tl@0.1.0"), ["bytes@1.2.3", "http@1.0.0"]);
        // The repeated crate of the tree has its needs from the first place.
        assert_eq!(needs("bytes@1.2.3"), ["serde@1.0.0"]);
        assert_eq!(needs("http@1.0.0"), ["bytes@1.2.3"]);
        assert_eq!(crates["serde@1.0.0"].license, "MIT OR Apache-2.0");
        assert!(crates["tl@0.1.0"].is_local && !crates["serde@1.0.0"].is_local);
        assert!(parse("").is_err() && parse("0|x|MIT|").is_err());
    }

    #[test]
    fn crate_from_elsewhere_needs_a_hash() {
        let lock = "version = 4\n[[package]]\nname = \"bytes\"\nversion = \"1.2.3\"\nchecksum = \"ab\"\n\
            [[package]]\nname = \"tl\"\nversion = \"0.1.0\"\n";
        let hashes = hashes(lock);
        assert_eq!(
            hashes,
            BTreeMap::from([("bytes@1.2.3".into(), "ab".into())])
        );
        let (_, crates) = parse(TREE).unwrap();
        let of = |id: &str| component(id, &crates[id], &hashes);
        assert_eq!(of("bytes@1.2.3").unwrap()["hashes"][0]["content"], "ab");
        assert!(of("tl@0.1.0").is_ok());
        assert!(of("serde@1.0.0").is_err());
        assert!(license("")["license"]["name"].is_string());
    }

    #[test]
    fn bills_are_complete_and_consistent() {
        let workspace = Workspace::here().unwrap();
        let lock = workspace
            .sh
            .read_file(workspace.root.join("Cargo.lock"))
            .unwrap();
        for program in &PROGRAMS {
            let bill = bill(&workspace, program, &hashes(&lock)).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let components = bill["components"].as_array().unwrap();
            let mut known: Vec<String> = components.iter().map(|c| text(&c["bom-ref"])).collect();
            known.push(text(&bill["metadata"]["component"]["bom-ref"]));
            let unique: BTreeSet<&String> = known.iter().collect();
            assert_eq!(unique.len(), known.len(), "{}", program.name);
            for dependency in bill["dependencies"].as_array().unwrap() {
                let needs = dependency["dependsOn"].as_array().unwrap();
                for reference in needs.iter().chain([&dependency["ref"]]) {
                    assert!(unique.contains(&text(reference)), "{reference}");
                }
            }
            let has = |name: &str| components.iter().any(|component| component["name"] == name);
            let is_probe = program.name == "tl-probe";
            for name in ["ffmpeg", "zlib", "glibc"] {
                assert_eq!(has(name), is_probe, "{name} in {}", program.name);
            }
            assert_eq!(has("sqlite") && has("ring"), !is_probe);
            // A procedural macro is in no program.
            assert!(!has("serde_derive"));
            assert!(components.len() > 20, "{}", components.len());
        }
    }
}
