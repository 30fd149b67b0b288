//! The exception of a check that failed for another reason than the file.

use pyo3::exceptions::{PyException, PyFileNotFoundError, PyPermissionError};
use pyo3::prelude::*;
use tl_validate::{ProbeError, ProbeErrorKind};

pyo3::create_exception!(
    tl_validate,
    CheckError,
    PyException,
    "A file could not be checked, for a reason other than its content.\n\nRetry, or correct the call: `kind` is a stable name of the reason, `hint` says what to do next."
);

/// From errno.h on Linux.
const ENOENT: i32 = 2;
const EACCES: i32 = 13;

/// The exception for `error`, which must not be about the content of the file.
pub(crate) fn exception(py: Python<'_>, error: &ProbeError) -> PyErr {
    let named = |code: i32, text: &'static str| (code, text, error.name().to_owned());
    match error.kind() {
        ProbeErrorKind::NotFound => {
            PyFileNotFoundError::new_err(named(ENOENT, "No such file or directory"))
        }
        ProbeErrorKind::Unreadable => {
            PyPermissionError::new_err(named(EACCES, "Permission denied"))
        }
        kind => {
            let raised = CheckError::new_err(error.to_string());
            let value = raised.value(py);
            let described = value
                .setattr("kind", kind.as_str())
                .and_then(|()| value.setattr("hint", error.next()));
            match described {
                Ok(()) => raised,
                Err(failed) => failed,
            }
        }
    }
}
