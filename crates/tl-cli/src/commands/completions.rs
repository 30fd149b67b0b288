//! `tl completions`: shell completions, generated from the arguments.

use clap::Args;
use clap_complete::Shell;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Generate shell completions.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: tl completions bash > ~/.local/share/bash-completion/completions/tl"
)]
pub(crate) struct Completions {
    /// Shell to generate completions for
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut (context.command_line)(), "tl", &mut script);
        context.output.text(&String::from_utf8_lossy(&script));
        Ok(Exit::Ok)
    }
}
