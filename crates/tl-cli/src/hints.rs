//! What to do next about an error, and the word by which programs know it.

use std::sync::OnceLock;

use tl_client::ErrorKind as Client;
use tl_client::config::BASE_URL_VARIABLE;
use tl_protocol::ErrorKind as Api;

use url::Url;

use crate::units;

/// What to do about a base URL without a version, if that is what the client was given. A process has one base URL.
static UNVERSIONED_BASE: OnceLock<String> = OnceLock::new();

/// Takes down the base URL that requests go to.
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
    // A URL without a host has neither; this one has one.
    let _ = (shown.set_username(""), shown.set_password(None));
    shown.set_query(None);
    let shown = shown.as_str().trim_end_matches('/');
    let _ = UNVERSIONED_BASE.set(format!(
        "the base URL has no version: use {shown}/v1.3 (--base-url or {BASE_URL_VARIABLE})"
    ));
}

/// The `kind` of an error between here and the platform.
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
        Api::UnsafeUrl => "unsafe_url",
        Api::SourceFailed => "source_failed",
        Api::DeadlinePassed => "deadline_passed",
        Api::ProcessingFailed => "processing_failed",
        Api::Canceled => "canceled",
        _ => "other",
    }
}

/// The `kind` of an error of the client.
pub(crate) fn client_kind(kind: Client) -> &'static str {
    match kind {
        Client::Configuration => "configuration",
        Client::File => "file",
        Client::CheckFailed => "check_failed",
        Client::RefusedLocally => "refused_locally",
        Client::Route => "route",
        Client::Checkpoint => "checkpoint",
        Client::SourceChanged => "source_changed",
        Client::Api(kind) => api_kind(kind),
        _ => "other",
    }
}

/// What to do about an error between here and the platform.
pub(crate) fn for_api(error: &tl_protocol::Error) -> String {
    // Every path below a wrong base URL is unknown, so the id is not at fault. A gateway in front of the API may also refuse
    // such a path, and gives no code of the platform.
    let is_unknown_path = match error.kind() {
        Api::NotFound | Api::Malformed => true,
        Api::Refused | Api::Forbidden => error.code().is_none(),
        _ => false,
    };
    if is_unknown_path && let Some(advice) = UNVERSIONED_BASE.get() {
        return advice.clone();
    }
    match error.kind() {
        Api::InvalidRequest => "correct the value that the text names; nothing was sent".into(),
        Api::Unauthorized => {
            "check the key and its expiry on the API keys page of the dashboard; `tl doctor` says where the key was found".into()
        }
        Api::Forbidden => "ask the owner of the account for the right to do this, or use another key".into(),
        Api::NotFound => {
            "check the id: `tl index list` and `tl task list` show what this key can see".into()
        }
        Api::RateLimited => match error.retry_after() {
            Some(delay) => format!("run it again in {}", units::format_duration(delay)),
            None => "run it again later".into(),
        },
        Api::QuotaExhausted => "waiting does not help: look at the usage and the plan in the dashboard".into(),
        Api::Refused => "correct what the platform names; the same request will be refused again".into(),
        Api::Server => "run it again; the platform had a fault".into(),
        Api::Unreachable => {
            "check the network, the proxy and the base URL (`tl doctor --online`), then run it again".into()
        }
        Api::ConnectionLost => "run it again; `tl doctor --online` looks at the way to the platform".into(),
        Api::OutcomeUnknown => {
            "look whether it was done (`tl task list`, `tl index list`) before you run it again".into()
        }
        Api::Malformed => {
            "check that the base URL is that of the API, version included (`tl doctor`)".into()
        }
        Api::UnsafeUrl => {
            "check the base URL (`tl doctor`); where the platform is meant to give such URLs, add --allow-unsafe-urls".into()
        }
        Api::SourceFailed => "run it again when the file is complete and nobody writes to it".into(),
        Api::DeadlinePassed => "wait again with a longer --deadline".into(),
        Api::ProcessingFailed => {
            "check the file (`tl validate FILE`), correct it, and send it again".into()
        }
        _ => "read what the platform says".into(),
    }
}

/// What to do about an error on this side.
pub(crate) fn for_client(kind: Client) -> Option<&'static str> {
    Some(match kind {
        Client::Configuration => "`tl doctor` shows the configuration; `tl help` the options",
        Client::File => "name a video file that this user can read",
        Client::Route => "leave out --route, or name one that can take it",
        Client::Checkpoint => {
            "`tl upload list` shows what is kept; `tl upload abandon ID` drops it, and --no-resume begins anew"
        }
        Client::SourceChanged => {
            "add --no-resume to upload the file as it is now; the platform drops the old session by itself"
        }
        Client::CheckFailed => {
            "run it again; `tl doctor` looks at the helper, and --no-check sends the file unchecked"
        }
        Client::RefusedLocally => {
            "correct the file; where the account has other limits, give them by --rules FILE"
        }
        _ => return None,
    })
}
