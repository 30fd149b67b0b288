//! Runs a bulk ingestion until it ends or a signal stops it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tl_bulk::{Bulk, CheckFile, Ending, Error, Found, RunSummary, Settings, Store};
use tl_client::{CancelHandle, Client};
use tl_ledger::{ItemError, Ledger, NewRun};

use crate::bulk::report::Reporter;
use crate::check::local_check::LocalCheck;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::ui::escape::plain_line;
use crate::ui::output::Output;
use crate::ui::run_outputs::Outputs;

/// What a run works on.
pub(crate) enum Input {
    /// These entries.
    Entries(Box<dyn Iterator<Item = Found> + Send>),
    /// All items of the account.
    Account,
}

/// Runs a bulk ingestion until it ends or `stop` stops it gracefully.
///
/// # Errors
/// The ledger cannot be used, or a setting is wrong.
pub(crate) async fn run(
    client: &Client,
    ledger: Ledger,
    mut settings: Settings,
    input: Input,
    reporter: &Arc<Reporter>,
    outputs: &Arc<Outputs>,
    stop: &CancelHandle,
) -> Result<RunSummary, Failure> {
    let _metrics = outputs.serve_metrics().await?;
    // The process exits 8 s after the signal.
    settings.grace = Duration::from_secs(5);
    let (events, items) = (Arc::clone(reporter), Arc::clone(reporter));
    let bulk = Bulk::new(client, Store::new(ledger), settings)
        .on_event({
            let outputs = Arc::clone(outputs);
            move |record| {
                outputs.record(record);
                events.event(record);
            }
        })
        .on_exchange({
            let outputs = Arc::clone(outputs);
            move |exchange| outputs.exchange(exchange)
        })
        .on_item(move |result| items.item(result));
    let summary = match input {
        Input::Entries(entries) => bulk.ingest(entries, stop).await,
        Input::Account => bulk.work(stop).await,
    };
    Ok(summary?)
}

/// The exit code of a run as a whole, or `None` if that of its items counts.
pub(crate) fn exit_of(ending: Ending) -> Option<Exit> {
    match ending {
        Ending::Stopped => Some(Exit::by_signal()),
        Ending::Limit { .. } | Ending::IndexFull => Some(Exit::Limit),
        Ending::KeyRefused => Some(Exit::KeyRefused),
        Ending::Errors => Some(Exit::SomeFailed),
        Ending::DeadlinePassed => Some(Exit::DeadlinePassed),
        // Complete, or a budget is used up.
        _ => None,
    }
}

/// This program, for the record of its runs.
pub(crate) fn program() -> NewRun {
    // A path need not be UTF-8.
    let arguments = std::env::args_os().skip(1);
    let arguments: Vec<String> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let arguments = crate::text::secret::mask_keys(&arguments.join(" ")).into_owned();
    NewRun::new(host(), std::process::id())
        .with_arguments(arguments)
        .with_version(env!("CARGO_PKG_VERSION"))
}

/// The name of this machine.
fn host() -> String {
    #[cfg(unix)]
    {
        let name = rustix::system::uname();
        name.nodename().to_string_lossy().into_owned()
    }
    #[cfg(not(unix))]
    {
        std::env::var("COMPUTERNAME").unwrap_or_else(|_| "localhost".to_owned())
    }
}

/// The local check, as a run calls it.
pub(crate) fn check_file(check: Arc<LocalCheck>, output: &Arc<Output>) -> CheckFile {
    let output = Arc::clone(output);
    Arc::new(move |path: &Path| {
        let result = check.check_video(path);
        let verdict = result.checked.report.verdict;
        output.detail(&plain_line(&format!(
            "{}: checked: {verdict}",
            path_name(path)
        )));
        match result.failure {
            Some(failure) => Err(ItemError::new(failure.kind(), failure.message())),
            None => Ok(result.checked),
        }
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Ledger(error) => error.into(),
            Error::Client(error) => error.into(),
            other => Self::usage(other.to_string()),
        }
    }
}
