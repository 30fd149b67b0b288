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
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "16MiB")]
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

/// Parses a size: `500kB`, `16MB`, `16MiB`, or plain bytes.
fn parse_size(text: &str) -> Result<u64, String> {
    let expected = || "expected a size above zero, such as 500kB, 16MB or 16MiB".to_owned();
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let factor: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(expected()),
    };
    let number: u64 = text[..digits].parse().map_err(|_| expected())?;
    number
        .checked_mul(factor)
        .filter(|size| *size > 0)
        .ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_sizes() {
        for (text, expected) in [
            ("16MiB", Some(16 << 20)),
            ("500 kB", Some(500_000)),
            ("1000", Some(1000)),
            ("0", None),
            ("MB", None),
            ("-1MB", None),
            ("99999999999GB", None),
            ("5 parsec", None),
        ] {
            assert_eq!(parse_size(text).ok(), expected, "{text}");
        }
    }
}
