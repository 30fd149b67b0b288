//! What a release must have beyond working packages: its publisher is named everywhere, and the list
//! of hashes is complete.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use crate::digest;
use crate::package::{Kind, SUMS, file_of};
use crate::release::{PLACEHOLDER, Release};
use crate::workspace::Workspace;

/// Stands for the owner of the repository in the documentation, until there is one.
const OWNER: &str = "OWNER/tl";

pub(super) fn check(workspace: &Workspace, kinds: &[Kind]) -> Result<()> {
    let release = Release::read(workspace)?;
    release.require_complete()?;
    println!("== release of {}", release.repository);
    let docs = "docs/packages.md";
    let text = workspace.sh.read_file(workspace.root.join(docs))?;
    ensure!(
        !text.contains(OWNER),
        "{docs} contains `{OWNER}`\n  hint: replace it with the repository"
    );
    check_sums(workspace)?;
    for kind in kinds {
        let file = file_of(workspace, *kind);
        for (name, text) in statements(workspace, *kind, &file)? {
            ensure!(
                !text.contains(PLACEHOLDER),
                "{}: {name} contains the placeholder `{PLACEHOLDER}`\n  hint: make the packages again",
                file.display()
            );
            let stated = [&release.maintainer, &release.repository, &release.downloads];
            ensure!(
                stated.iter().any(|value| text.contains(value.as_str())),
                "{}: {name} does not name the publisher",
                file.display()
            );
            println!("  {}: {name}", file.display());
        }
    }
    Ok(())
}

/// Every file of the folder is in the list with its hash, and the other way around.
fn check_sums(workspace: &Workspace) -> Result<()> {
    let packages = workspace.packages();
    let sums = workspace.sh.read_file(packages.join(SUMS))?;
    let mut files = 0;
    for path in workspace.sh.read_dir(&packages)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == SUMS {
            continue;
        }
        files += 1;
        let line = format!("{}  {name}", digest::hex_of_file(&path)?);
        ensure!(
            sums.lines().any(|listed| listed == line),
            "{name} is not in {SUMS} with its hash\n  hint: make the packages again"
        );
    }
    ensure!(
        sums.lines().count() == files,
        "{SUMS} lists files that are missing"
    );
    Ok(())
}

/// The files of a package that name the publisher, with their names.
fn statements(
    workspace: &Workspace,
    kind: Kind,
    file: &Path,
) -> Result<Vec<(&'static str, String)>> {
    let sh = &workspace.sh;
    let in_tar = |name: &'static str, pattern: &str| -> Result<(&'static str, String)> {
        let text = cmd!(
            sh,
            "tar --extract --to-stdout --file {file} --wildcards {pattern}"
        )
        .quiet()
        .read()?;
        Ok((name, text))
    };
    let in_wheel = |name: &'static str| -> Result<(&'static str, String)> {
        let mut archive = zip::ZipArchive::new(std::fs::File::open(file)?)?;
        let place = archive
            .file_names()
            .find(|entry| entry.ends_with(&format!("/{name}")))
            .map(str::to_owned)
            .with_context(|| format!("no {name}"))?;
        let text = std::io::read_to_string(archive.by_name(&place)?)?;
        Ok((name, text))
    };
    Ok(match kind {
        Kind::Tarball => vec![
            in_tar("NOTICE.txt", "*/NOTICE.txt")?,
            in_tar("install.sh", "*/install.sh")?,
        ],
        Kind::Deb => {
            let fields = cmd!(sh, "dpkg-deb --field {file} Maintainer Homepage")
                .quiet()
                .read()?;
            vec![("control", fields)]
        }
        Kind::Wheel | Kind::Bindings => vec![in_wheel("METADATA")?, in_wheel("NOTICE.txt")?],
        Kind::Npm => vec![in_tar("package.json", "package/package.json")?],
        // It contains the repository, whose parameters may be variables.
        Kind::Sources => Vec::new(),
    })
}
