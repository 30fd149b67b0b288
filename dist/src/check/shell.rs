//! Runs a command line in a clean environment, prints it and its output, and compares the exit code.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs `line` with the shell at the end of `wrapper`, without any variable of the caller. Returns
/// what it printed.
pub(super) fn expect(
    wrapper: &[String],
    variables: &[(&str, String)],
    line: &str,
    code: i32,
) -> Result<String> {
    let (program, arguments) = wrapper.split_first().context("a wrapper is a command")?;
    println!("$ {line}");
    let output = Command::new(program)
        .args(arguments)
        .arg(format!("exec 2>&1; {line}"))
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.clone())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    for line in text.lines().chain(errors.lines()) {
        println!("  {line}");
    }
    let status = output.status;
    ensure!(
        status.code() == Some(code),
        "`{line}`: {status}, expected exit code {code}"
    );
    Ok(text)
}
