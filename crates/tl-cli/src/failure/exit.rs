//! Exit codes, and their mapping from errors. No other module chooses an exit code.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use tl_protocol::ErrorKind as Api;
use tl_validate::ProbeErrorKind as Probe;

/// Whether the first signal was SIGTERM. Process-wide, like signals.
static IS_TERMINATED: AtomicBool = AtomicBool::new(false);

/// Exit code of `tl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok,
    SomeFailed,
    Usage,
    RefusedLocally,
    KeyRefused,
    Temporary,
    Limit,
    Refused,
    DeadlinePassed,
    /// A streamed answer ended early.
    Incomplete,
    /// An answer reached its maximum length.
    Truncated,
    Interrupted,
    Terminated,
    /// Exit code of a child process (`tl emulator exec`).
    Child(u8),
}

impl Exit {
    /// Every exit code with its description for the help.
    pub(crate) const ALL: [(Self, &'static str); 13] = [
        (Self::Ok, "success"),
        (
            Self::SomeFailed,
            "at least one of several inputs failed; --json has each exit code",
        ),
        (
            Self::Usage,
            "usage or configuration error: no API key, no such file, bad option",
        ),
        (Self::RefusedLocally, "local check failed; nothing was sent"),
        (Self::KeyRefused, "the platform rejected the API key"),
        (Self::Temporary, "temporary error: run the command again"),
        (Self::Limit, "rate limit or quota exceeded"),
        (
            Self::Refused,
            "the platform rejected the request permanently",
        ),
        (
            Self::DeadlinePassed,
            "timed out while waiting; the platform continues processing",
        ),
        (
            Self::Incomplete,
            "the answer ended early; what was received is saved",
        ),
        (
            Self::Truncated,
            "the answer reached its maximum length; it is saved",
        ),
        (Self::Interrupted, "interrupted (Ctrl-C, SIGINT)"),
        (Self::Terminated, "terminated (SIGTERM)"),
    ];

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::SomeFailed => 1,
            Self::Usage => 2,
            Self::RefusedLocally => 3,
            Self::KeyRefused => 4,
            Self::Temporary => 5,
            Self::Limit => 6,
            Self::Refused => 7,
            Self::DeadlinePassed => 8,
            Self::Incomplete => 9,
            Self::Truncated => 10,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::Child(code) => code,
        }
    }

    /// Whether a retry may succeed: the request itself is valid.
    pub(crate) fn is_retryable(self) -> bool {
        matches!(self, Self::DeadlinePassed | Self::Temporary | Self::Limit)
    }

    /// Exit code of a client error.
    pub(crate) fn of_client(error: &tl_client::Error) -> Self {
        let probe = error.probe().map(|error| Self::of_probe(error.kind()));
        probe.unwrap_or_else(|| Self::of_api(error.kind()))
    }

    /// Exit code of an error kind.
    pub(crate) fn of_api(kind: Api) -> Self {
        match kind {
            Api::InvalidRequest
            | Api::Configuration
            | Api::File
            | Api::Route
            | Api::Checkpoint
            | Api::SourceChanged
            | Api::CheckFailed => Self::Usage,
            Api::RefusedLocally => Self::RefusedLocally,
            Api::Unauthorized => Self::KeyRefused,
            Api::RateLimited | Api::QuotaExhausted => Self::Limit,
            Api::Server
            | Api::Unreachable
            | Api::ConnectionLost
            | Api::OutcomeUnknown
            | Api::SourceFailed => Self::Temporary,
            Api::DeadlinePassed => Self::DeadlinePassed,
            Api::Interrupted => Self::Incomplete,
            Api::Truncated => Self::Truncated,
            // `Forbidden`, `NotFound`, `Refused`, `Malformed`, `ProcessingFailed` and future kinds:
            // a retry would fail again.
            _ => Self::Refused,
        }
    }

    /// Exit code of a failed probe.
    pub(crate) fn of_probe(kind: Probe) -> Self {
        match kind {
            kind if kind.is_about_the_file() => Self::RefusedLocally,
            Probe::DeadlinePassed | Probe::HelperFailed | Probe::Io => Self::Temporary,
            _ => Self::Usage,
        }
    }

    /// Exit code of a run: that of the only input, otherwise 0 or 1. If the API key was rejected
    /// for all inputs, the run keeps that code.
    pub(crate) fn of_items(items: &[Self]) -> Self {
        let all = |exit| items.iter().all(|item| *item == exit);
        match items {
            [only] => *only,
            _ if all(Self::Ok) => Self::Ok,
            _ if all(Self::KeyRefused) => Self::KeyRefused,
            _ => Self::SomeFailed,
        }
    }

    /// Records the exit code of the first signal.
    pub(crate) fn set_by_signal(self) {
        IS_TERMINATED.store(self == Self::Terminated, Ordering::Relaxed);
    }

    /// Exit code of the signal that was received.
    pub(crate) fn by_signal() -> Self {
        if IS_TERMINATED.load(Ordering::Relaxed) {
            Self::Terminated
        } else {
            Self::Interrupted
        }
    }

    /// Whether a signal ended the run.
    pub(crate) fn is_signal(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }

    /// Whether the remaining inputs would fail in the same way and are not tried.
    pub(crate) fn stops_run(self) -> bool {
        self.is_signal() || matches!(self, Self::KeyRefused | Self::Limit)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The exit codes as text for the help.
pub(crate) fn table() -> String {
    let mut text = "Exit codes:\n".to_owned();
    for (exit, meaning) in Exit::ALL {
        text.push_str(&format!("  {:>3}  {meaning}\n", exit.code()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_match_the_docs() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130, 143]);
    }

    #[test]
    fn api_errors_map_to_exit_codes() {
        for (kind, code) in [
            (Api::InvalidRequest, 2),
            (Api::Unauthorized, 4),
            (Api::Forbidden, 7),
            (Api::NotFound, 7),
            (Api::RateLimited, 6),
            (Api::QuotaExhausted, 6),
            (Api::Refused, 7),
            (Api::Server, 5),
            (Api::Unreachable, 5),
            (Api::ConnectionLost, 5),
            (Api::OutcomeUnknown, 5),
            (Api::Malformed, 7),
            (Api::UnsafeUrl, 7),
            (Api::SourceFailed, 5),
            (Api::DeadlinePassed, 8),
            (Api::ProcessingFailed, 7),
            (Api::Configuration, 2),
            (Api::File, 2),
            (Api::Route, 2),
            (Api::Checkpoint, 2),
            (Api::SourceChanged, 2),
            (Api::CheckFailed, 2),
            (Api::RefusedLocally, 3),
        ] {
            assert_eq!(Exit::of_api(kind).code(), code, "{kind:?}");
        }
    }

    #[test]
    fn probe_errors_map_to_exit_codes() {
        for (kind, code) in [
            (Probe::NotFound, 2),
            (Probe::Unreadable, 2),
            (Probe::NotAFile, 2),
            (Probe::Empty, 3),
            (Probe::NotMedia, 3),
            (Probe::Nested, 3),
            (Probe::Broken, 3),
            (Probe::TooComplex, 3),
            (Probe::DeadlinePassed, 5),
            (Probe::HelperMissing, 2),
            (Probe::HelperFailed, 5),
            (Probe::Io, 5),
        ] {
            assert_eq!(Exit::of_probe(kind).code(), code, "{kind:?}");
        }
    }

    #[test]
    fn exit_code_of_several_inputs() {
        use Exit::{KeyRefused, Limit, Ok, RefusedLocally, SomeFailed};
        for (items, expected) in [
            (&[RefusedLocally][..], RefusedLocally),
            (&[Ok], Ok),
            (&[Ok, Ok], Ok),
            (&[Ok, RefusedLocally], SomeFailed),
            (&[RefusedLocally, RefusedLocally], SomeFailed),
            (&[Limit], Limit),
            (&[Ok, Limit], SomeFailed),
            (&[Limit, Limit], SomeFailed),
            (&[KeyRefused, KeyRefused], KeyRefused),
            (&[Ok, KeyRefused], SomeFailed),
        ] {
            assert_eq!(Exit::of_items(items), expected, "{items:?}");
        }
    }
}
