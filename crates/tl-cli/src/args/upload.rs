//! Upload options.

use std::path::PathBuf;

use clap::Args;
use tl_client::{Checkpoints, Upload};
use tl_protocol::SuppliedUrls;
use tl_protocol::flow::upload::UploadSettings;
use tl_validate::Route;

use crate::args::bulk::PlanArgs;
use crate::args::ledger::LedgerArgs;
use crate::bulk::assets::KnownAssets;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::escape::plain_line;

/// Environment variable with the checkpoint directory.
pub(crate) const CHECKPOINT_DIR_VARIABLE: &str = "TL_CHECKPOINTS";

/// Upload options of commands that keep the state of each upload in a checkpoint file.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Upload")]
pub(crate) struct UploadArgs {
    #[command(flatten)]
    pub(crate) send: SendArgs,
    #[command(flatten)]
    resume: ResumeArgs,
    #[command(flatten)]
    folder: CheckpointArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

/// How files are sent.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Upload")]
pub(crate) struct SendArgs {
    /// Set the route: asset, multipart, asset-url, tasks [default: by size]
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<Route>,
    /// Upload this many chunks in parallel
    #[arg(long, alias = "lanes", value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Limit the upload rate, e.g. 5MB/s
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    limit_rate: Option<u64>,
    /// Allow upload URLs from the platform that are private or not https
    #[arg(long)]
    allow_unsafe_urls: bool,
}

/// Whether an interrupted upload resumes.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Upload")]
pub(crate) struct ResumeArgs {
    /// Resume an interrupted upload of the same file (default)
    #[arg(long, overrides_with = "no_resume")]
    resume: bool,
    /// Start over instead of resuming
    #[arg(long, overrides_with = "resume")]
    pub(crate) no_resume: bool,
    /// Do not keep the state of the upload; it cannot be resumed
    #[arg(long)]
    pub(crate) no_checkpoint: bool,
}

/// Options for the checkpoint directory.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckpointArgs {
    /// Set the checkpoint directory [default: in the user's state directory]
    #[arg(long, value_name = "DIR", env = CHECKPOINT_DIR_VARIABLE, hide_env_values = true)]
    checkpoints: Option<PathBuf>,
}

impl CheckpointArgs {
    /// Opens the checkpoint directory.
    pub(crate) fn open(&self) -> Result<Checkpoints, Failure> {
        match &self.checkpoints {
            Some(folder) => Ok(Checkpoints::in_folder(folder)),
            None => Checkpoints::standard()
                .map_err(|error| Failure::from(error).hint("pass a directory with --checkpoints")),
        }
    }
}

impl SendArgs {
    pub(crate) fn settings(&self) -> UploadSettings {
        UploadSettings::default()
            .with_concurrency(self.concurrency.into())
            .with_bytes_per_second(self.limit_rate)
    }

    /// The limit of the upload rate in bytes per second.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.limit_rate
    }

    /// Policy for URLs that the platform supplies.
    pub(crate) fn supplied_urls(&self) -> SuppliedUrls {
        if self.allow_unsafe_urls {
            SuppliedUrls::Unchecked
        } else {
            SuppliedUrls::Checked
        }
    }
}

impl UploadArgs {
    /// Policy for URLs that the platform supplies.
    pub(crate) fn supplied_urls(&self) -> SuppliedUrls {
        self.send.supplied_urls()
    }

    pub(crate) fn of_upload(&self, call: Upload) -> Upload {
        let mut call = call.chunks(self.send.settings());
        if let Some(route) = self.send.route {
            call = call.route(route);
        }
        if self.resume.no_resume {
            call = call.restart();
        }
        if self.resume.no_checkpoint {
            call = call.without_checkpoint();
        } else if let Some(folder) = &self.folder.checkpoints {
            call = call.checkpoint(folder.clone());
        }
        call
    }

    /// The assets that the ledger knows. `None` if the options exclude them, or if the ledger cannot
    /// be used: then a file is uploaded.
    pub(crate) async fn known_assets(&self, context: &Context) -> Option<KnownAssets> {
        if self.resume.no_resume || self.resume.no_checkpoint {
            return None;
        }
        let opened = async {
            let (account, _) = PlanArgs::default().account(&context.connection)?;
            KnownAssets::open(self.ledger.address()?.open()?, account).await
        };
        match opened.await {
            Ok(known) => Some(known),
            Err(failure) => {
                let text = format!("the ledger is not used: {}", failure.message());
                context.output.detail(&plain_line(&text));
                None
            }
        }
    }

    /// Whether the same command can resume.
    pub(crate) fn keeps_checkpoint(&self) -> bool {
        !self.resume.no_checkpoint
    }
}

/// Parses a rate: `800000`, `500kB/s`, `5MB/s`, `1.5MiB`.
fn parse_rate(text: &str) -> Result<u64, String> {
    let wrong = || "expected a rate above zero, such as 5MB/s, 800kB/s or 1.5MiB/s".to_owned();
    let text = text.trim();
    let text = text.strip_suffix("/s").unwrap_or(text);
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1.0,
        "k" | "kB" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = number.parse::<f64>().map_err(|_| wrong())? * factor;
    if (1.0..1e15).contains(&bytes) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is in bounds"
        )]
        Ok(bytes as u64)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_rates() {
        for (text, expected) in [
            ("800000", Some(800_000)),
            ("5MB/s", Some(5_000_000)),
            ("1.5 MiB/s", Some(1_572_864)),
            ("500kB", Some(500_000)),
            ("0", None),
            ("5 m", None),
            ("fast", None),
            ("", None),
            ("1e9", None),
        ] {
            assert_eq!(parse_rate(text).ok(), expected, "{text}");
        }
    }
}
