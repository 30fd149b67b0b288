//! The secret of a webhook registration: from the environment or a file, never from an argument.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::text::secret;

/// The environment variable that holds the secret.
const VARIABLE: &str = "TWELVELABS_WEBHOOK_SECRET";

/// Where the secret comes from.
#[derive(Debug, Args)]
pub(super) struct SecretArgs {
    /// Read the webhook secret from this file [default: TWELVELABS_WEBHOOK_SECRET]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl SecretArgs {
    /// Returns the secret without surrounding space. It is masked in all output from now on.
    pub(super) fn read(&self) -> Result<String, Failure> {
        let text = match &self.secret_file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("cannot read the secret from {}", path.display()))
                    .with_source(&error)
            })?,
            None => std::env::var(VARIABLE).unwrap_or_default(),
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(Failure::usage("no webhook secret").hint(format!(
                "set {VARIABLE}, or pass --secret-file; the dashboard shows the secret of each webhook"
            )));
        }
        secret::add_key(text);
        Ok(text.to_owned())
    }
}
