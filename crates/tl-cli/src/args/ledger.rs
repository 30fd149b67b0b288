//! The ledger that a command uses: a file, or a PostgreSQL database that several machines share.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use tl_ledger::{Error, ErrorKind, Ledger, OpenOptions};
use url::Url;

use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::text::secret;
use crate::text::units::format_duration;
use crate::ui::output::Output;

/// Environment variable with the ledger.
pub(crate) const LEDGER_VARIABLE: &str = "TL_LEDGER";

/// How long to wait for a PostgreSQL server that cannot be reached at the start.
const UP_WITHIN: Duration = Duration::from_secs(30);

/// The pause between two attempts to reach it.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// The option for the ledger.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Ledger")]
pub(crate) struct LedgerArgs {
    // Plain text, because clap repeats a value that it refuses, with the password.
    /// Use this ledger [default: ledger.sqlite3 in the user's state directory]
    #[arg(long, value_name = "FILE|postgres://…", env = LEDGER_VARIABLE, hide_env_values = true)]
    ledger: Option<String>,
}

impl LedgerArgs {
    /// Whether the option or the variable names a ledger.
    pub(crate) fn is_set(&self) -> bool {
        self.ledger.as_deref().is_some_and(|text| !text.is_empty())
    }

    /// The ledger of the option, of the environment, or of the user. Its password is masked in all
    /// output from now on.
    ///
    /// # Errors
    /// The URL is not valid, or the user has no home directory.
    pub(crate) fn address(&self) -> Result<LedgerAddress, Failure> {
        match self.ledger.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => LedgerAddress::parse(text),
            None => default_file().map(LedgerAddress::File),
        }
    }
}

/// Where a ledger is. Its text forms do not contain the password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum LedgerAddress {
    File(PathBuf),
    Postgres(Url),
}

impl LedgerAddress {
    /// A `postgres://` or `postgresql://` URL, or otherwise a path.
    ///
    /// # Errors
    /// The URL is not valid. The message does not repeat it, because it may contain a password.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if !is_url(text) {
            return Ok(Self::File(text.into()));
        }
        let url: Url = text.parse().map_err(|error: url::ParseError| {
            Failure::usage("the URL of the ledger is not valid")
                .with_source(&error)
                .hint("write postgres://USER:PASSWORD@HOST/DATABASE; percent-encode other characters than letters and digits in the password")
        })?;
        for password in passwords(&url) {
            secret::add_password(&password);
        }
        Ok(Self::Postgres(url))
    }

    /// Opens the ledger, and creates it if it does not exist.
    ///
    /// # Errors
    /// It cannot be opened; the failure names the ledger without the password.
    pub(crate) fn open(&self) -> Result<Ledger, Failure> {
        if let Self::File(path) = self
            && let Some(folder) = path.parent()
        {
            // If this fails, opening the ledger fails and says why.
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            // The ledger contains the names of the user's videos.
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            let _ = builder.create(folder);
        }
        self.open_with(&OpenOptions::new())
    }

    /// Opens the ledger, and waits a while for a PostgreSQL server that cannot be reached, e.g.
    /// because it starts at the same time.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub(crate) fn open_when_up(&self, output: &Output) -> Result<Ledger, Failure> {
        self.open_within(UP_WITHIN, |failure| {
            output.note(&format!(
                "{}: trying again for {}",
                failure.message(),
                format_duration(UP_WITHIN)
            ));
        })
    }

    /// Opens the ledger within this time. `waits` is called before the first pause.
    fn open_within(&self, limit: Duration, waits: impl Fn(&Failure)) -> Result<Ledger, Failure> {
        let started = Instant::now();
        let mut is_first = true;
        loop {
            let failure = match self.open() {
                Ok(ledger) => return Ok(ledger),
                Err(failure) => failure,
            };
            let may_come_up =
                matches!(self, Self::Postgres(_)) && failure.kind() == "ledger_unavailable";
            let left = limit.saturating_sub(started.elapsed());
            if !may_come_up || left.is_zero() {
                return Err(failure);
            }
            if std::mem::take(&mut is_first) {
                waits(&failure);
            }
            std::thread::sleep(RETRY_EVERY.min(left));
        }
    }

    /// Whether there may be a ledger: a file that exists, or a database.
    pub(crate) fn may_exist(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
            Self::Postgres(_) => true,
        }
    }

    /// Opens the ledger if it exists.
    ///
    /// # Errors
    /// It does not exist, or it cannot be opened.
    pub(crate) fn open_existing(&self) -> Result<Ledger, Failure> {
        self.require_file()?;
        self.open_with(&OpenOptions::new())
    }

    /// Opens the ledger for reading if it exists.
    ///
    /// # Errors
    /// It does not exist, or it cannot be opened.
    pub(crate) fn open_read_only(&self) -> Result<Ledger, Failure> {
        self.require_file()?;
        self.open_with(&OpenOptions::new().read_only())
    }

    fn require_file(&self) -> Result<(), Failure> {
        match self {
            Self::File(path) if !path.exists() => Err(Failure::new(
                Exit::Usage,
                "ledger_not_found",
                format!("no ledger at `{}`", path_name(path)),
            )
            .hint("`tl ingest` creates it; name another one with --ledger")),
            _ => Ok(()),
        }
    }

    fn open_with(&self, options: &OpenOptions) -> Result<Ledger, Failure> {
        match self {
            Self::File(path) => options.open(path).map_err(|error| {
                let is_unavailable = error.kind() == ErrorKind::Unavailable;
                let failure = Failure::from(error);
                if is_unavailable {
                    // A missing folder does not appear by itself, unlike a server.
                    failure.with_exit(Exit::Usage)
                } else {
                    failure
                }
            }),
            Self::Postgres(url) => options.connect(url.as_str()).map_err(Failure::from),
        }
    }
}

impl fmt::Display for LedgerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(&path_name(path)),
            Self::Postgres(url) => {
                let mut shown = url.clone();
                // This fails only for URLs without a host, which have no password either.
                if shown.password().is_some() {
                    let _ = shown.set_password(Some("***"));
                }
                let is_secret = |name: &str| name == "password";
                if shown.query_pairs().any(|(name, _)| is_secret(&name)) {
                    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
                    shown
                        .query_pairs_mut()
                        .clear()
                        .extend_pairs(pairs.iter().map(|(name, value)| {
                            let value = if is_secret(name) { "***" } else { value };
                            (name.as_str(), value)
                        }));
                }
                f.write_str(shown.as_str())
            }
        }
    }
}

impl fmt::Debug for LedgerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerAddress({self})")
    }
}

/// Whether the text is a URL of PostgreSQL and not a path.
fn is_url(text: &str) -> bool {
    ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
}

/// The password of a URL, as it is written and decoded.
fn passwords(url: &Url) -> Vec<String> {
    let written = url.password().map(str::to_owned);
    let decoded = written.as_deref().map(decode);
    let in_query = url.query_pairs();
    let in_query = in_query.filter(|(name, _)| name == "password");
    let in_query = in_query.map(|(_, value)| value.into_owned());
    written.into_iter().chain(decoded).chain(in_query).collect()
}

/// Decodes a percent-encoded text, by the rules for the name of a parameter that has no `+`.
fn decode(text: &str) -> String {
    let text = text.replace('+', "%2B");
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

/// The ledger of the user: in the state directory, or where the system has none, in the directory
/// for local data.
fn default_file() -> Result<PathBuf, Failure> {
    let folder = dirs::state_dir().or_else(dirs::data_local_dir);
    let folder = folder.ok_or_else(|| {
        Failure::usage("the user has no directory for the ledger")
            .hint("name a file with --ledger, or set HOME")
    })?;
    Ok(Path::new(&folder).join("tl").join("ledger.sqlite3"))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (exit, kind) = match error.kind() {
            ErrorKind::Stale => (Exit::Temporary, "ledger_stale"),
            ErrorKind::NotFound => (Exit::Usage, "ledger_not_found"),
            ErrorKind::Invalid => (Exit::Usage, "ledger_invalid"),
            ErrorKind::Locked => (Exit::Temporary, "ledger_locked"),
            ErrorKind::ReadOnly => (Exit::Usage, "ledger_read_only"),
            ErrorKind::Newer => (Exit::Usage, "ledger_newer"),
            ErrorKind::NotALedger => (Exit::Usage, "not_a_ledger"),
            ErrorKind::Corrupt => (Exit::Usage, "ledger_corrupt"),
            ErrorKind::Full => (Exit::Usage, "disk_full"),
            ErrorKind::Io => (Exit::Usage, "ledger_io"),
            ErrorKind::Denied => (Exit::Usage, "ledger_denied"),
            ErrorKind::Unavailable => (Exit::Temporary, "ledger_unavailable"),
            _ => (Exit::Temporary, "ledger"),
        };
        let hint = error.hint();
        let failure = Self::new(exit, kind, error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> LedgerAddress {
        LedgerAddress::parse(text).unwrap_or_else(|failure| panic!("{}", failure.message()))
    }

    #[test]
    fn passwords_do_not_show() {
        let check = |text: &str, expected: &str| {
            let address = address(text);
            assert_eq!(address.to_string(), expected);
            assert_eq!(format!("{address:?}"), format!("LedgerAddress({expected})"));
        };
        check(
            "postgres://tl:s3cret@db/videos",
            "postgres://tl:***@db/videos",
        );
        check(
            "postgresql://tl@db:5433/videos",
            "postgresql://tl@db:5433/videos",
        );
        check(
            "postgres://tl@db/v?password=s3cret&sslmode=require",
            "postgres://tl@db/v?password=***&sslmode=require",
        );
        check("runs/ledger.sqlite3", "runs/ledger.sqlite3");
        let failure = LedgerAddress::parse("postgres://tl:s3cret@[/videos").unwrap_err();
        assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
    }

    #[test]
    fn passwords_are_masked_as_written_and_decoded() {
        let url = "postgres://tl:s%3Acr+t@db/v?password=other%20one".parse();
        assert_eq!(
            passwords(&url.unwrap()),
            ["s%3Acr+t", "s:cr+t", "other one"]
        );
    }

    #[test]
    fn server_that_stays_down_is_not_waited_for_longer_than_the_limit() {
        // Nothing listens on port 1.
        let address = address("postgres://tl:s3cret@127.0.0.1:1/videos");
        let notes = std::cell::Cell::new(0);
        let limit = Duration::from_millis(20);
        let opened = address.open_within(limit, |_| notes.set(notes.get() + 1));
        let failure = opened.unwrap_err();
        assert_eq!(failure.kind(), "ledger_unavailable");
        assert_eq!(failure.exit(), Exit::Temporary);
        assert_eq!(notes.get(), 1);
        // A file does not come up.
        let folder = tempfile::tempdir().unwrap();
        let opened = LedgerAddress::File(folder.path().to_owned())
            .open_within(Duration::from_secs(3600), |_| panic!("it waits"));
        assert!(opened.is_err());
    }

    #[test]
    fn missing_file_is_created_only_by_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/ledger.sqlite3");
        let address = LedgerAddress::File(path.clone());
        for opened in [address.open_existing(), address.open_read_only()] {
            assert_eq!(opened.unwrap_err().kind(), "ledger_not_found");
        }
        assert!(!path.exists());
        address.open().unwrap();
        address.open_read_only().unwrap();
        assert!(path.exists());
    }
}
