//! Connection settings: API key, base URL and limits, from options, then from the environment.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use tl_client::config::{BASE_URL_VARIABLE, KEY_VARIABLES};
use tl_client::{Client, Config};
use tl_http::credentials::DEFAULT_BASE_URL;
use tl_protocol::{Observer, SuppliedUrls};

use crate::config::setting::Setting;
use crate::config::{Origin, Settings, trust};
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
    /// Settings from files.
    #[arg(skip)]
    settings: Arc<Settings>,
    /// The base URL of a file.
    #[arg(skip)]
    configured_url: Option<(String, Origin)>,
    /// The key of a command, which is run once.
    #[arg(skip)]
    printed_key: PrintedKey,
}

/// The API key that a command printed. It has no text form.
#[derive(Default)]
struct PrintedKey(OnceLock<String>);

impl std::fmt::Debug for PrintedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrintedKey")
    }
}

/// An API key and a description of its source.
pub(crate) struct FoundKey {
    pub(crate) key: String,
    pub(crate) origin: String,
}

/// Where the API key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// A file, and the project's file that names it.
    File(PathBuf, Option<PathBuf>),
    Variable(&'static str),
    /// A command that prints the key.
    Command(String),
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, _) => write!(f, "the file {}", path.display()),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Command(text) => write!(f, "the command `{text}`"),
        }
    }
}

impl Connection {
    /// Adds the settings of files.
    pub(crate) fn with_settings(mut self, settings: Arc<Settings>) -> Self {
        self.configured_url = Setting::named("base_url")
            .and_then(|setting| settings.of_files(setting))
            .and_then(|(value, origin)| Some((value.0.into_iter().next()?, origin)));
        self.settings = settings;
        self
    }

    /// The settings of files.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the API key is: an option or a variable, otherwise a file of settings.
    ///
    /// # Errors
    /// A project's file names a key outside of its directory.
    pub(crate) fn key_source(&self) -> Result<Option<KeySource>, Failure> {
        if let Some(path) = &self.api_key_file {
            return Ok(Some(KeySource::File(path.clone(), None)));
        }
        let is_set = |name: &&&str| std::env::var(name).is_ok_and(|key| !key.trim().is_empty());
        if let Some(name) = KEY_VARIABLES.iter().find(is_set) {
            return Ok(Some(KeySource::Variable(name)));
        }
        // The user's own key comes first: a project's key would send the user's files to another
        // account without a word.
        let look = |name, is_from_user: bool| {
            let (value, origin) = self
                .settings
                .layers(Setting::named(name)?)
                .find(|(_, origin)| !matches!(origin, Origin::Project(..)) == is_from_user)?;
            Some((value.0.into_iter().next()?, origin))
        };
        if let Some((command, _)) = look("key_command", true) {
            return Ok(Some(KeySource::Command(command)));
        }
        if let Some((path, _)) = look("api_key_file", true) {
            return Ok(Some(KeySource::File(path.into(), None)));
        }
        let Some((path, Origin::Project(project, _))) = look("api_key_file", false) else {
            return Ok(None);
        };
        let path = trust::project_key_file(&project, Path::new(&path))?;
        Ok(Some(KeySource::File(path, Some(project))))
    }

    /// Returns the API key, or `None` if none is set.
    pub(crate) fn find_key(&self) -> Result<Option<FoundKey>, Failure> {
        let Some(source) = self.key_source()? else {
            return Ok(None);
        };
        let key = match &source {
            KeySource::File(path, _) => read_key(path)?,
            KeySource::Variable(name) => std::env::var(name).unwrap_or_default(),
            KeySource::Command(text) => match self.printed_key.0.get() {
                Some(key) => key.clone(),
                None => {
                    let key = key_of_command(text)?;
                    self.printed_key.0.get_or_init(|| key).clone()
                }
            },
        };
        secret::add_key(&key);
        let origin = source.to_string();
        Ok(Some(FoundKey { key, origin }))
    }

    /// The base URL of the API.
    pub(crate) fn address(&self) -> &str {
        self.base_url
            .as_deref()
            .filter(|url| !url.trim().is_empty())
            .or_else(|| Some(self.configured_url.as_ref()?.0.as_str()))
            .unwrap_or(DEFAULT_BASE_URL)
    }

    /// Refuses the base URL of a project's file unless the key may be sent there.
    fn check_address(&self) -> Result<(), Failure> {
        let is_given = self
            .base_url
            .as_deref()
            .is_some_and(|url| !url.trim().is_empty());
        let Some((url, origin)) = self.configured_url.as_ref().filter(|_| !is_given) else {
            return Ok(());
        };
        let key_file = match self.key_source()? {
            Some(KeySource::File(_, project)) => project,
            _ => None,
        };
        trust::check_base_url(&self.settings, url, origin, key_file.as_deref())
    }

    /// Returns the client configuration.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        self.check_address()?;
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
    one_word(&text).map_err(|why| refused(why.to_owned()))
}

/// The key in a text that must contain nothing else.
fn one_word(text: &str) -> Result<String, &'static str> {
    let key = text.trim();
    if key.is_empty() {
        return Err("is empty");
    }
    if text.len() as u64 > MAX_KEY_LENGTH || key.contains(char::is_whitespace) {
        return Err("contains more than one word");
    }
    Ok(key.to_owned())
}

/// Runs a command that prints the key, without a shell. It may ask for a password on the terminal.
fn key_of_command(text: &str) -> Result<String, Failure> {
    let refused = |why: String| {
        Failure::new(
            crate::failure::exit::Exit::Usage,
            "configuration",
            format!("key_command `{text}` {why}"),
        )
        .hint("run it in a terminal: it must print the API key and nothing else")
    };
    let words = shell_words::split(text)
        .map_err(|error| refused("is not a command".to_owned()).with_source(&error))?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(refused("is empty".to_owned()));
    };
    let failed = |error: std::io::Error| refused("cannot be run".to_owned()).with_source(&error);
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut printed = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        // A command that prints without end gets a closed pipe.
        stdout
            .take(MAX_KEY_LENGTH + 1)
            .read_to_end(&mut printed)
            .map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    let printed = String::from_utf8(printed)
        .map_err(|_| refused("prints text that is not UTF-8".to_owned()))?;
    if !status.success() {
        return Err(refused(format!("failed ({status})")));
    }
    one_word(&printed).map_err(|why| match why {
        "is empty" => refused("prints nothing".to_owned()),
        _ => refused("prints more than one word".to_owned()),
    })
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
