//! Inputs of an upload: URLs and checked files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tl_client::Input;
use tl_validate::Route;

use crate::batch::outcome::refused_by;
use crate::check::local_check::LocalCheck;
use crate::check::remote;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::output::Output;

/// Parses and checks the input `name`. A file is opened, and probed unless the cache has its facts;
/// the client does not probe it again. Without `check`, the input is only parsed.
///
/// # Errors
/// If the rules refuse the file for `route`, or for the route that the client would choose.
pub(crate) async fn prepare(
    name: &str,
    input: &OsString,
    check: Option<&Arc<LocalCheck>>,
    route: Option<Route>,
    output: &Output,
) -> Result<Input, Failure> {
    let input = parse(name, input, check.is_some(), output)?;
    match (input, check) {
        (Input::File(path), Some(check)) => open(name, path, Arc::clone(check), route).await,
        (input, _) => Ok(input),
    }
}

/// As [`prepare`], for an asset. An image or a document is opened here; the client checks it with
/// the rules for its kind.
///
/// # Errors
/// As [`prepare`].
pub(crate) async fn prepare_asset(
    name: &str,
    input: &OsString,
    check: Option<&Arc<LocalCheck>>,
    route: Option<Route>,
    output: &Output,
) -> Result<Input, Failure> {
    match parse(name, input, check.is_some(), output)? {
        Input::File(path) if LocalCheck::is_static(&path) => Ok(Input::File(path)),
        Input::File(path) => match check {
            Some(check) => {
                let opened = open(name, path.clone(), Arc::clone(check), route).await;
                // It may be an image with the name of a video.
                match opened {
                    Err(failure)
                        if failure.exit() == Exit::RefusedLocally
                            && check.is_static_content(&path) =>
                    {
                        Ok(Input::File(path))
                    }
                    opened => opened,
                }
            }
            None => Ok(Input::File(path)),
        },
        input => Ok(input),
    }
}

async fn open(
    name: &str,
    path: PathBuf,
    check: Arc<LocalCheck>,
    route: Option<Route>,
) -> Result<Input, Failure> {
    // Reading a file blocks.
    let opened = tokio::task::spawn_blocking(move || check.open(&path, route))
        .await
        .map_err(|error| {
            Failure::new(
                Exit::Temporary,
                "check_failed",
                format!("the check of `{name}` was aborted"),
            )
            .with_source(&error)
        })??;
    opened
        .map(Input::from)
        .map_err(|report| refused_by(name, report))
}

/// Parses the input `name`. Unless the check is skipped, a URL that cannot lead to a file is
/// rejected, as in `tl validate`.
fn parse(
    name: &str,
    input: &OsString,
    is_checked: bool,
    output: &Output,
) -> Result<Input, Failure> {
    let Some(text) = input.to_str() else {
        return Ok(Input::File(input.into()));
    };
    if is_checked && let Some(url) = remote::address(Path::new(text)) {
        for note in remote::precheck_url(&url, jiff::Timestamp::now())? {
            output.note(&note);
        }
    }
    Input::parse(text).map_err(|error| invalid_input(name, error))
}

/// Error of an input that is neither a path nor a supported URL.
fn invalid_input(name: &str, error: tl_client::Error) -> Failure {
    let failure = Failure::from(error);
    let message = format!("`{name}`: {}", failure.message());
    failure
        .with_message(message)
        .hint("pass a direct https URL of the file, or download it and pass its path")
}
