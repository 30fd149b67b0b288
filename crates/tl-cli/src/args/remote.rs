//! Options for URLs.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;

use crate::check::remote::Remote;
use crate::text::units;

/// Default timeout per URL, for all requests together.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Options for URLs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "URLs")]
pub(crate) struct RemoteArgs {
    /// Allow URLs that lead to this machine or to private networks
    #[arg(long)]
    allow_private: bool,
    /// Limit the bytes fetched per URL, e.g. 16MB
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size, default_value = "16MiB")]
    url_bytes: u64,
    /// Set the timeout per URL [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    url_timeout: Option<Duration>,
}

impl RemoteArgs {
    /// Settings for reading URLs, with additional CA certificates (PEM).
    pub(crate) fn remote(&self, roots: Vec<Bytes>) -> Remote {
        Remote {
            allow_private: self.allow_private,
            max_bytes: self.url_bytes,
            timeout: self.url_timeout.unwrap_or(DEFAULT_TIMEOUT),
            roots,
        }
    }
}
