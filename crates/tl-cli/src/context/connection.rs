//! Connection settings: API key, base URL and limits, from options, then from the environment.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use tl_client::config::{BASE_URL_VARIABLE, KEY_VARIABLES};
use tl_client::{Client, Config};
use tl_http::credentials::DEFAULT_BASE_URL;
use tl_protocol::{Observer, SuppliedUrls};

use crate::failure::Failure;
use crate::failure::hints;
use crate::text::secret;
use crate::text::units;

/// Environment variable with the path of the key file.
pub(crate) const KEY_FILE_VARIABLE: &str = "TWELVE_LABS_API_KEY_FILE";

/// Longer than any API key; a longer file is not a key file.
const MAX_KEY_LENGTH: u64 = 4096;

/// Connection options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Read the API key from this file
    #[arg(long, global = true, value_name = "PATH", env = KEY_FILE_VARIABLE, hide_env_values = true)]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Set the base URL [default: https://api.twelvelabs.io/v1.3]
    #[arg(long, global = true, value_name = "URL", env = BASE_URL_VARIABLE, hide_env_values = true)]
    pub(crate) base_url: Option<String>,
    /// Set the timeout per request, including retries [default: 5m]
    #[arg(long, global = true, value_name = "DURATION", value_parser = units::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Set the maximum number of attempts per request [default: 5]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) attempts: Option<u32>,
    /// Trust these additional CA certificates (PEM)
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// An API key and a description of its source.
pub(crate) struct FoundKey {
    pub(crate) key: String,
    pub(crate) origin: String,
}

impl Connection {
    /// Returns the API key, or `None` if none is set.
    pub(crate) fn find_key(&self) -> Result<Option<FoundKey>, Failure> {
        if let Some(path) = &self.api_key_file {
            let key = read_key(path)?;
            secret::add_key(&key);
            let origin = format!("the file {}", path.display());
            return Ok(Some(FoundKey { key, origin }));
        }
        Ok(KEY_VARIABLES.iter().find_map(|name| {
            let key = std::env::var(name)
                .ok()
                .filter(|key| !key.trim().is_empty())?;
            Some(FoundKey {
                key,
                origin: format!("the variable {name}"),
            })
        }))
    }

    /// The base URL of the API.
    pub(crate) fn address(&self) -> &str {
        self.base_url
            .as_deref()
            .filter(|url| !url.trim().is_empty())
            .unwrap_or(DEFAULT_BASE_URL)
    }

    /// Returns the client configuration.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let Some(found) = self.find_key()? else {
            return Err(Failure::new(
                crate::failure::exit::Exit::Usage,
                "configuration",
                format!(
                    "no API key: set {} or {}, or pass --api-key-file",
                    KEY_VARIABLES[0], KEY_VARIABLES[1]
                ),
            )
            .hint(format!(
                "copy an API key from the dashboard and set {}; to try tl without one, run `tl emulator`",
                KEY_VARIABLES[0]
            )));
        };
        let mut config = Config::new(&found.key, self.address())?;
        hints::set_base_url(config.base_url());
        if let Some(limit) = self.timeout {
            config.policy = config.policy.with_timeout(limit);
            config.http.connect_timeout = config.http.connect_timeout.min(limit);
        }
        if let Some(attempts) = self.attempts {
            config.policy = config.policy.with_attempts(attempts);
        }
        config.http.extra_roots = self.extra_roots()?;
        config.http.max_exchanges = config.http.max_exchanges.min(connections());
        Ok(config)
    }

    /// Reads the additional CA certificates.
    pub(crate) fn extra_roots(&self) -> Result<Vec<Bytes>, Failure> {
        let Some(path) = &self.ca_file else {
            return Ok(Vec::new());
        };
        let pem = std::fs::read(path).map_err(|error| {
            Failure::usage(format!(
                "failed to read certificates from `{}`",
                path.display()
            ))
            .with_source(&error)
            .hint("pass a readable file with PEM certificates to --ca-file")
        })?;
        Ok(vec![pem.into()])
    }

    /// Creates a client that reports events to `observer`.
    pub(crate) fn client(&self, observer: Observer) -> Result<Client, Failure> {
        self.client_with_url_policy(SuppliedUrls::Checked, observer)
    }

    /// Creates a client with a policy for URLs that the platform supplies.
    pub(crate) fn client_with_url_policy(
        &self,
        urls: SuppliedUrls,
        observer: Observer,
    ) -> Result<Client, Failure> {
        let mut config = self.config()?;
        config.http.supplied_urls = urls;
        config.observer = observer;
        Ok(Client::new(&config)?)
    }
}

/// Maximum number of connections of this process: half of the available file descriptors, after 64
/// are reserved for standard streams, helpers and files.
fn connections() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            let half = limit.saturating_sub(64) / 2;
            return usize::try_from(half).unwrap_or(usize::MAX).max(4);
        }
    }
    usize::MAX
}

fn read_key(path: &Path) -> Result<String, Failure> {
    let refused = |what: String| {
        Failure::new(
            crate::failure::exit::Exit::Usage,
            "configuration",
            format!("API key file `{}` {what}", path.display()),
        )
        .hint("pass a text file that contains only the API key")
    };
    let unreadable =
        |error: std::io::Error| refused("cannot be read".to_owned()).with_source(&error);
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_KEY_LENGTH + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let key = text.trim();
    if key.is_empty() {
        return Err(refused("is empty".to_owned()));
    }
    if text.len() as u64 > MAX_KEY_LENGTH || key.contains(char::is_whitespace) {
        return Err(refused("contains more than one word".to_owned()));
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_file_must_contain_one_word() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let check = |content: &[u8], expected: Result<&str, &str>| {
            std::fs::write(&path, content).unwrap();
            match (read_key(&path), expected) {
                (Ok(key), Ok(expected)) => assert_eq!(key, expected),
                (Err(failure), Err(part)) => {
                    assert!(failure.message().contains(part), "{}", failure.message());
                }
                (read, expected) => panic!(
                    "{:?}, expected {expected:?}",
                    read.map_err(|f| f.message().to_owned())
                ),
            }
        };
        check(b"tlk_1\n", Ok("tlk_1"));
        check(b"  tlk_1  ", Ok("tlk_1"));
        check(b"", Err("is empty"));
        check(b" \n", Err("is empty"));
        check(b"TOKEN=a b", Err("more than one word"));
        check(&[b'x'; 5000], Err("more than one word"));
        check(&[0xff, 0xfe], Err("cannot be read"));
    }
}
