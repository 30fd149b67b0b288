//! Client settings: API key, base URL, limits. The environment is read only here.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

use tl_http::credentials::DEFAULT_BASE_URL;
use tl_protocol::{ApiKey, ClientSettings, Credentials, HttpSettings, Observer, Policy};
use url::Url;

use crate::{Error, ErrorKind};

/// Environment variables for the API key, in order of precedence. The platform's JavaScript SDK
/// reads the first; most users set the second.
pub const KEY_VARIABLES: [&str; 2] = ["TWELVE_LABS_API_KEY", "TWELVELABS_API_KEY"];

/// Environment variable for the base URL, including the API version. The platform's own SDKs read
/// it too.
pub const BASE_URL_VARIABLE: &str = "TWELVELABS_BASE_URL";

/// Settings of an async or blocking client.
#[derive(Debug, Clone)]
pub struct Config {
    /// Transport settings: API key, base URL, proxy, certificates, connect timeout.
    pub http: HttpSettings,
    /// Retry and timeout policy of calls.
    pub policy: Policy,
    /// Seed of the retry delays. Default: random per process.
    pub seed: u64,
    /// Receives retries and status changes.
    pub observer: Observer,
    base: Url,
}

impl Config {
    /// Default settings for the API at `base_url`, for example `https://api.twelvelabs.io/v1.3`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the key or the URL is invalid, or if the key would be sent
    /// unencrypted (see [`Credentials::new`]).
    pub fn new(key: &str, base_url: &str) -> Result<Self, Error> {
        let base = base_url.trim().parse::<Url>().map_err(|error| {
            Error::new(
                ErrorKind::Configuration,
                format!(
                    "invalid base URL `{}`: not a URL such as {DEFAULT_BASE_URL}",
                    base_url.trim()
                ),
            )
            .with_source(error)
        })?;
        let credentials = ApiKey::new(key)
            .and_then(|key| Credentials::new(key, base.clone()))
            .map_err(|error| Error::new(ErrorKind::Configuration, error.to_string()))?;
        Ok(Self {
            http: HttpSettings::new(credentials),
            policy: Policy::default(),
            seed: RandomState::new().build_hasher().finish(),
            observer: Observer::none(),
            base,
        })
    }

    /// Reads the API key from `TWELVE_LABS_API_KEY` or `TWELVELABS_API_KEY`, and the base URL from
    /// `TWELVELABS_BASE_URL` (default: the platform's).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if neither variable has a key, or if a value is invalid.
    pub fn from_env() -> Result<Self, Error> {
        let base = variable(BASE_URL_VARIABLE).unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
        let key = KEY_VARIABLES.iter().find_map(|name| variable(name)).ok_or_else(|| {
            Error::new(
                ErrorKind::Configuration,
                format!(
                    "no API key: set {} (or {}) to a key from the API keys page of the dashboard",
                    KEY_VARIABLES[0], KEY_VARIABLES[1]
                ),
            )
        })?;
        Self::new(&key, &base)
    }

    /// Base URL of the API.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base
    }

    #[cfg_attr(
        not(any(feature = "async", feature = "blocking")),
        expect(dead_code, reason = "no client is enabled")
    )]
    pub(crate) fn client_settings(&self) -> ClientSettings {
        ClientSettings::new(self.base.clone(), self.seed)
            .with_policy(self.policy.clone())
            .with_observer(self.observer.clone())
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_url_error_hides_the_key() {
        for (base, part) in [
            ("api.twelvelabs.io", "not a URL"),
            ("ftp://api.twelvelabs.io", "not an http or https URL"),
            ("http://api.twelvelabs.io/v1.3", "unencrypted"),
        ] {
            let error = Config::new("tlk_SECRET", base).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains(part), "{error}");
            assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
        }
    }

    #[test]
    fn seed_differs_per_config() {
        let seed = || Config::new("tlk_1", DEFAULT_BASE_URL).unwrap().seed;
        assert_ne!(seed(), seed());
    }
}
