//! The npm packages in an empty project, without network except for vitest and jest.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use super::{Clips, FIRST_USE, shell};
use crate::package::SUMS;
use crate::workspace::Workspace;

const TESTS: &str = include_str!("../../npm/tests/emulator.test.js");
/// The global setup for Jest, whose tests are CommonJS by default.
const JEST: [(&str, &str); 2] = [
    (
        "emulator.jest.cjs",
        include_str!("../../npm/tests/emulator.jest.cjs"),
    ),
    (
        "jest.config.json",
        include_str!("../../npm/tests/jest.config.json"),
    ),
];

pub(super) fn npm(workspace: &Workspace, package: &Path, clips: &Clips) -> Result<()> {
    let sh = &workspace.sh;
    let work = workspace.fresh("node")?;
    clips.copy_to(workspace, &work)?;
    for file in sh.read_dir(workspace.packages())? {
        if file.extension().is_some_and(|extension| extension == "tgz") {
            sh.copy_file(file, &work)?;
        }
    }
    ensure!(
        !sh.path_exists(work.join(SUMS)),
        "only the packages are copied"
    );
    sh.write_file(work.join("emulator.test.js"), TESTS)?;
    sh.write_file(
        work.join("package.json"),
        "{ \"private\": true, \"type\": \"module\" }\n",
    )?;
    let node = cmd!(sh, "node --print process.execPath").quiet().read()?;
    let bin = Path::new(node.trim())
        .parent()
        .context("node is in a folder")?;
    let path = format!(
        "{}/node_modules/.bin:{}:/usr/bin:/bin",
        work.display(),
        bin.display()
    );
    let variables = [
        ("PATH", path),
        ("HOME", work.display().to_string()),
        ("LC_ALL", "C.UTF-8".to_owned()),
    ];
    let run = |line: &str, code: i32| -> Result<String> {
        let wrapper = ["sh", "-c"].map(String::from);
        let line = format!("cd {} && {line}", work.display());
        shell::expect(&wrapper, &variables, &line, code)
    };
    let name = package.file_name().unwrap_or_default().to_string_lossy();
    run(
        "npm install --offline --no-audit --no-fund --silent ./twelvelabs-cli-linux-*.tgz",
        0,
    )?;
    run(
        &format!("npm install --offline --no-audit --no-fund --silent ./{name}"),
        0,
    )?;
    for (line, code) in FIRST_USE {
        // Only `tl` is a program of the package.
        if !line.starts_with("tl-probe") {
            run(line, code)?;
        }
    }
    run("npx --offline twelvelabs-cli validate small.mp4", 3)?;
    // The script of the package passes signals on: the emulator ends by itself.
    run(
        "timeout --preserve-status --signal=TERM 5 tl emulator > started.txt",
        0,
    )?;
    run("npm install --no-audit --no-fund --silent vitest@3", 0)?;
    let seen = run("NO_COLOR=1 vitest run --reporter=verbose", 0)?;
    ensure!(seen.contains("5 passed"), "not all tests ran");
    for (name, text) in JEST {
        sh.write_file(work.join(name), text)?;
    }
    run("npm install --no-audit --no-fund --silent jest@30", 0)?;
    let seen = run("NO_COLOR=1 jest", 0)?;
    ensure!(seen.contains("1 passed"), "not all tests ran");
    Ok(())
}
