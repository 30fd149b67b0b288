//! `tl doctor`: checks the API key, base URL, helper and rules. Nothing is sent unless `--online`
//! is set.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use tl_protocol::ApiKey;
use tl_protocol::endpoint::{ListIndexes, PageRequest};
use tl_validate::RulePack;
use tl_validate::program::Ffmpeg;

use crate::context::Context;
use crate::context::connection::Connection;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units;
use crate::ui::escape::plain_line;
use crate::ui::style::{BAD, BOLD, GOOD};

/// Check the API key, base URL, helper and FFmpeg.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Also send one small request to the platform to check the API key
    #[arg(long)]
    online: bool,
}

/// Result of one check.
struct Check {
    name: &'static str,
    result: Result<String, Failure>,
}

/// Timeout of the helper's `--version`, which takes 30 to 40 ms.
const HELPER_TIMEOUT: Duration = Duration::from_secs(10);

/// Environment variables that set a proxy.
const PROXY_VARIABLES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

impl Doctor {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let connection = &context.connection;
        let mut checks = vec![
            Check::new("version", Ok(env!("CARGO_PKG_VERSION").to_owned())),
            Check::new("api key", key(connection)),
            Check::new("base url", address(connection)),
            Check::new("proxy", Ok(proxy())),
            Check::new("probe helper", helper()),
            Check::new("protections", protections()),
            Check::new("ffmpeg", Ok(ffmpeg())),
            Check::new("rules", Ok(rules())),
        ];
        if self.online {
            checks.push(Check::new("platform", platform(context)));
        }
        let exit = checks
            .iter()
            .find_map(|check| check.result.as_ref().err().map(Failure::exit))
            .unwrap_or(Exit::Ok);
        let rows: Vec<_> = checks.iter().map(Check::to_json).collect();
        context
            .output
            .json(&json!({"ok": exit == Exit::Ok, "exit_code": exit.code(), "checks": rows}));
        for check in &checks {
            context.output.line(&check.to_text());
        }
        Ok(exit)
    }
}

impl Check {
    fn new(name: &'static str, result: Result<String, Failure>) -> Self {
        Self { name, result }
    }

    fn to_json(&self) -> serde_json::Value {
        match &self.result {
            Ok(detail) => json!({"name": self.name, "ok": true, "detail": detail}),
            Err(failure) => json!({"name": self.name, "ok": false, "error": failure.to_json()}),
        }
    }

    fn to_text(&self) -> String {
        match &self.result {
            Ok(detail) => format!(
                "{GOOD}ok{GOOD:#}    {:<13} {}",
                self.name,
                plain_line(detail)
            ),
            Err(failure) => {
                let mut text = format!(
                    "{BAD}error{BAD:#} {:<13} {}",
                    self.name,
                    plain_line(failure.message())
                );
                for cause in failure.causes() {
                    text.push_str(&format!(
                        "\n                    caused by: {}",
                        plain_line(cause)
                    ));
                }
                if let Some(next) = failure.hint_text() {
                    text.push_str(&format!(
                        "\n                    {BOLD}hint:{BOLD:#} {}",
                        plain_line(next)
                    ));
                }
                text
            }
        }
    }
}

fn key(connection: &Connection) -> Result<String, Failure> {
    // `config` returns the error with its hint.
    let Some(found) = connection.find_key()? else {
        return connection.config().map(|_| String::new());
    };
    let key = ApiKey::new(&found.key).map_err(|error| {
        Failure::new(Exit::Usage, "invalid_request", error.to_string())
            .hint("correct the value; nothing was sent")
    })?;
    let kind = if key.is_for_emulator() {
        " (emulator key)"
    } else {
        ""
    };
    Ok(format!("from {}{kind}", found.origin))
}

fn address(connection: &Connection) -> Result<String, Failure> {
    if connection.find_key().ok().flatten().is_some() {
        // The configuration checks whether this key may be sent to this address.
        return connection
            .config()
            .map(|config| config.base_url().to_string());
    }
    let address = connection.address();
    match address.trim().parse::<url::Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(address.to_owned()),
        _ => Err(Failure::usage(format!(
            "invalid base URL `{address}`: not an http or https URL"
        ))
        .hint("use for example https://api.twelvelabs.io/v1.3")),
    }
}

/// Names of the proxy variables that are set. Their values may contain a password and are not
/// shown.
fn proxy() -> String {
    let set: Vec<&str> = PROXY_VARIABLES
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        .collect();
    if set.is_empty() {
        "none".to_owned()
    } else {
        format!("from {}", set.join(", "))
    }
}

#[cfg(unix)]
fn helper() -> Result<String, Failure> {
    let path = tl_validate::worker::find_helper(None)?;
    let failed = |what: &str| {
        Failure::new(Exit::Usage, "helper_failed", format!("the helper {} {what}", path.display())).hint(
            "check its libraries (`ldd tl-probe`), or reinstall it: it comes with `tl` and needs the FFmpeg libraries",
        )
    };
    let mut started = Command::new(&path)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed("failed to start").with_source(&error))?;
    let deadline = Instant::now() + HELPER_TIMEOUT;
    while matches!(started.try_wait(), Ok(None)) {
        if Instant::now() >= deadline {
            // The process may have ended in the meantime.
            let _ = started.kill();
            let _ = started.wait();
            return Err(failed("timed out"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = started
        .wait_with_output()
        .map_err(|error| failed("cannot be read from").with_source(&error))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let message = stderr.lines().next().unwrap_or("no error message");
        return Err(failed(&format!("failed: {message}")));
    }
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(format!("{}: {version}", path.display()))
}

#[cfg(not(unix))]
fn helper() -> Result<String, Failure> {
    Err(
        Failure::usage("the helper that reads media is not supported on this operating system")
            .hint("check the files on a Unix system, or skip the check with --no-check"),
    )
}

/// State of the sandbox of the helper and of `ffmpeg`.
#[cfg(unix)]
fn protections() -> Result<String, Failure> {
    use tl_validate::worker::{ProbePool, WorkerOptions};
    let pool = ProbePool::new(WorkerOptions::default().with_helpers(1))?;
    let active = pool.protections()?;
    let state = if active.are_complete() {
        "complete"
    } else {
        "INCOMPLETE"
    };
    Ok(format!("{state}: {active}"))
}

#[cfg(not(unix))]
fn protections() -> Result<String, Failure> {
    helper()
}

/// FFmpeg is needed only by some commands, so a missing one is not an error.
fn ffmpeg() -> String {
    let needed = "required by `tl fix`, `tl split` and thumbnails in reports";
    match Ffmpeg::find() {
        Ok(ffmpeg) => match ffmpeg.version() {
            Ok(version) => format!("{}: {version}", ffmpeg.path().display()),
            Err(error) => format!(
                "{} does not work ({error}); {needed}",
                ffmpeg.path().display()
            ),
        },
        Err(error) => format!("not found; {needed}. {}", error.next()),
    }
}

fn rules() -> String {
    let pack = RulePack::current();
    format!(
        "{} of {}, {} rules",
        pack.name(),
        pack.date(),
        pack.rules().len()
    )
}

fn platform(context: &Context) -> Result<String, Failure> {
    let started = Instant::now();
    let list = ListIndexes::default().page(PageRequest::default().with_page(1).with_page_limit(1));
    let page = context.call(async |client| Ok(client.indexes().list(list).await?))?;
    let count = page
        .page_info
        .total_results
        .map_or_else(String::new, |total| {
            format!(", {total} {}", if total == 1 { "index" } else { "indexes" })
        });
    Ok(format!(
        "reachable, API key accepted, response time {}{count}",
        units::format_duration(started.elapsed())
    ))
}
