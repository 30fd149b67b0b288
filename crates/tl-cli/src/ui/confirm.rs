//! Confirmation prompt before deletion. Without a terminal, `--yes` is required.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use crate::failure::Failure;

/// The `--yes` flag.
#[derive(Debug, Args)]
pub(crate) struct Confirm {
    /// Delete without asking for confirmation
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

impl Confirm {
    /// Whether to prompt.
    ///
    /// # Errors
    /// If a prompt is required and there is no terminal.
    pub(crate) fn needs_prompt(&self, what: &str) -> Result<bool, Failure> {
        if self.yes {
            return Ok(false);
        }
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            return Ok(true);
        }
        Err(Failure::usage(format!(
            "{what} not deleted: no terminal to ask for confirmation"
        ))
        .hint("pass --yes to delete without confirmation"))
    }

    /// Prompts; everything except `y` and `yes` means no.
    pub(crate) fn ask(what: &str) -> bool {
        let mut answer = String::new();
        let asked = write!(io::stderr(), "delete {what}? This cannot be undone. [y/N] ")
            .and_then(|()| io::stderr().flush())
            .and_then(|()| io::stdin().lock().read_line(&mut answer));
        asked.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}
