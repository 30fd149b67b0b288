//! Hints and machine-readable kinds of errors.

use std::sync::OnceLock;

use tl_client::config::BASE_URL_VARIABLE;
use tl_protocol::ErrorKind as Api;

use url::Url;

use crate::text::units;

/// Hint for a base URL without a version. A process has one base URL.
static UNVERSIONED_BASE: OnceLock<String> = OnceLock::new();

/// Records the base URL of the client.
pub(crate) fn set_base_url(base: &Url) {
    let is_version = |segment: &str| {
        segment.strip_prefix('v').is_some_and(|number| {
            number.starts_with(|c: char| c.is_ascii_digit())
                && number.chars().all(|c| c.is_ascii_digit() || c == '.')
        })
    };
    let mut segments = base.path_segments().into_iter().flatten();
    if segments.any(is_version) {
        return;
    }
    let mut shown = base.clone();
    // This fails only for URLs without a host; this one has a host.
    let _ = (shown.set_username(""), shown.set_password(None));
    shown.set_query(None);
    let shown = shown.as_str().trim_end_matches('/');
    let _ = UNVERSIONED_BASE.set(format!(
        "the base URL has no version: use {shown}/v1.3 (--base-url or {BASE_URL_VARIABLE})"
    ));
}

/// JSON `kind` of an error.
pub(crate) fn api_kind(kind: Api) -> &'static str {
    match kind {
        Api::InvalidRequest => "invalid_request",
        Api::Unauthorized => "unauthorized",
        Api::Forbidden => "forbidden",
        Api::NotFound => "not_found",
        Api::RateLimited => "rate_limited",
        Api::QuotaExhausted => "quota_exhausted",
        Api::Refused => "refused",
        Api::Server => "server",
        Api::Unreachable => "unreachable",
        Api::ConnectionLost => "connection_lost",
        Api::OutcomeUnknown => "outcome_unknown",
        Api::Malformed => "malformed",
        Api::Interrupted => "interrupted_answer",
        Api::Truncated => "truncated",
        Api::UnsafeUrl => "unsafe_url",
        Api::SourceFailed => "source_failed",
        Api::DeadlinePassed => "deadline_passed",
        Api::ProcessingFailed => "processing_failed",
        Api::Canceled => "canceled",
        Api::Configuration => "configuration",
        Api::File => "file",
        Api::CheckFailed => "check_failed",
        Api::RefusedLocally => "refused_locally",
        Api::Route => "route",
        Api::Checkpoint => "checkpoint",
        Api::SourceChanged => "source_changed",
        _ => "other",
    }
}

/// Hint for an API or transport error.
pub(crate) fn for_api(error: &tl_protocol::Error) -> String {
    // With a wrong base URL every path is unknown, so the id is not the problem. A gateway in front
    // of the API may also reject such a path, without an error code of the platform.
    let is_unknown_path = match error.kind() {
        Api::NotFound | Api::Malformed => true,
        Api::Refused | Api::Forbidden => error.code().is_none(),
        _ => false,
    };
    if is_unknown_path && let Some(advice) = UNVERSIONED_BASE.get() {
        return advice.clone();
    }
    match error.kind() {
        Api::InvalidRequest => "correct the value; nothing was sent".into(),
        Api::Unauthorized => {
            "check the API key and its expiry on the API keys page of the dashboard; `tl doctor` shows where the key was found".into()
        }
        Api::Forbidden => "ask the account owner for permission, or use another API key".into(),
        Api::NotFound => {
            "check the id: `tl index list` and `tl task list` show what this API key can access".into()
        }
        Api::RateLimited if error.limits_active() => {
            "wait until a batch ends (`tl analyze batch list --status processing`), or cancel one (`tl analyze batch cancel`)".into()
        }
        Api::RateLimited => match error.retry_after() {
            Some(delay) => format!("retry in {}", units::format_duration(delay)),
            None => "retry later".into(),
        },
        Api::QuotaExhausted => "check the usage and the plan in the dashboard; retrying does not help".into(),
        Api::Refused => "correct the request; retrying it unchanged does not help".into(),
        Api::Server => "retry; this is an error of the platform".into(),
        Api::Unreachable => {
            "check the network, the proxy and the base URL (`tl doctor --online`), then retry".into()
        }
        Api::ConnectionLost => "retry; `tl doctor --online` checks the connection to the platform".into(),
        Api::OutcomeUnknown => {
            "check whether the request succeeded (`tl task list`, `tl index list`) before you retry".into()
        }
        Api::Malformed => {
            "check that the base URL is that of the API, including the version (`tl doctor`)".into()
        }
        Api::Interrupted => {
            "ask again: the answer cannot be continued, and may have been charged".into()
        }
        Api::UnsafeUrl => {
            "check the base URL (`tl doctor`); if such URLs are expected, add --allow-unsafe-urls".into()
        }
        Api::SourceFailed => "retry when the file is complete and no longer written to".into(),
        Api::DeadlinePassed => "wait again with a longer --deadline".into(),
        Api::ProcessingFailed => {
            "check the file (`tl validate FILE`), correct it, and upload it again".into()
        }
        _ => "see the message of the platform".into(),
    }
}

/// Hint for a local error.
pub(crate) fn for_client(kind: Api) -> Option<&'static str> {
    Some(match kind {
        Api::Configuration => "`tl doctor` shows the configuration, `tl help` the options",
        Api::File => "pass a video file that the current user can read",
        Api::Route => "omit --route, or pass one that supports this input",
        Api::Checkpoint => {
            "run `tl upload list` to list checkpoints, `tl upload abandon ID` to delete one, or pass --no-resume to start over"
        }
        Api::SourceChanged => {
            "pass --no-resume to upload the current file; the platform closes the old session automatically"
        }
        Api::CheckFailed => {
            "retry; `tl doctor` checks the helper, and --no-check skips the local check"
        }
        Api::RefusedLocally => {
            "correct the file; if the account has other limits, pass them with --rules FILE"
        }
        Api::Truncated => "ask again with a larger --max-tokens or a shorter window",
        _ => return None,
    })
}
