//! Errors of commands, for people and programs. The exit code is chosen in `exit`, the hint in
//! `hints`; `output` prints them.

pub(crate) mod exit;
pub(crate) mod hints;

use std::time::Duration;

use serde_json::{Value, json};
use tl_bulk::source::{SourceError, SourceErrorKind};
use tl_protocol::StatusSeen;
use tl_validate::{ProbeError, Report};

use self::exit::Exit;

/// An error that ends a command or the work on one input.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    exit: Exit,
    kind: &'static str,
    message: String,
    hint: Option<String>,
    response: ResponseInfo,
    retryable: bool,
    history: Vec<StatusSeen>,
    /// The file that the report is about.
    file: Option<String>,
    report: Option<Report>,
    causes: Vec<String>,
    /// Last lines of a child process, oldest first.
    log: Vec<String>,
    /// Additional lines below the message.
    details: Vec<String>,
}

/// Details of the platform's response.
#[derive(Debug, Default)]
struct ResponseInfo {
    code: Option<String>,
    status: Option<u16>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    attempts: u32,
}

impl Failure {
    pub(crate) fn new(exit: Exit, kind: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            exit,
            kind,
            message: message.into(),
            hint: None,
            response: ResponseInfo::default(),
            retryable: exit == Exit::Temporary,
            history: Vec::new(),
            file: None,
            report: None,
            causes: Vec::new(),
            log: Vec::new(),
            details: Vec::new(),
        }))
    }

    /// The command was ended by a signal.
    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Self::new(Exit::by_signal(), "interrupted", message)
    }

    /// Directories, patterns or lists that contain no video.
    pub(crate) fn no_videos(action: &str) -> Self {
        Self::usage(format!("nothing to {action}: no video files found")).hint(
            "pass the files, or use --all-files for other extensions; hidden and ignored files (.ignore, .tlignore) are skipped",
        )
    }

    /// The command line is invalid.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// Sets the hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Sets the exit code.
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.0.exit = exit;
        self.0.retryable = exit.is_retryable();
        self
    }

    /// Sets the message.
    pub(crate) fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Sets additional lines below the message.
    pub(crate) fn with_details(mut self, details: Vec<String>) -> Self {
        self.0.details = details;
        self
    }

    /// Appends an error and its sources to the causes.
    pub(crate) fn with_source(mut self, cause: &(dyn std::error::Error + 'static)) -> Self {
        self.0.causes.push(cause.to_string());
        self.0.causes.extend(chain(cause));
        self
    }

    /// Adds the report of the local check.
    pub(crate) fn with_report(mut self, report: Option<Report>) -> Self {
        self.0.report = report.or(self.0.report);
        self
    }

    /// Adds the last lines of a child process.
    pub(crate) fn with_log(mut self, log: &[String]) -> Self {
        self.0.log = log.to_vec();
        self
    }

    /// Sets the file that the error is about.
    pub(crate) fn with_file(mut self, file: &str) -> Self {
        self.0.file = Some(file.to_owned());
        self
    }

    /// Sets the platform's error code.
    pub(crate) fn with_code(mut self, code: Option<String>) -> Self {
        self.0.response.code = code;
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.0.exit
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.0.kind
    }

    pub(crate) fn details(&self) -> &[String] {
        &self.0.details
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    pub(crate) fn causes(&self) -> &[String] {
        &self.0.causes
    }

    pub(crate) fn log(&self) -> &[String] {
        &self.0.log
    }

    pub(crate) fn file(&self) -> Option<&str> {
        self.0.file.as_deref()
    }

    pub(crate) fn report(&self) -> Option<&Report> {
        self.0.report.as_ref()
    }

    /// JSON form. The members up to `causes` are always present.
    pub(crate) fn to_json(&self) -> Value {
        let inner = &*self.0;
        let mut object = json!({
            "kind": inner.kind,
            "message": inner.message,
            "code": inner.response.code,
            "status": inner.response.status,
            "request_id": inner.response.request_id,
            "retryable": inner.retryable,
            "retry_after": inner.response.retry_after.map(|delay| delay.as_secs_f64()),
            "exit_code": inner.exit.code(),
            "next": inner.hint,
            "causes": inner.causes,
        });
        if inner.response.attempts > 0 {
            object["attempts"] = inner.response.attempts.into();
        }
        if !inner.log.is_empty() {
            object["log"] = json!(inner.log);
        }
        if !inner.history.is_empty() {
            object["history"] = history(&inner.history);
        }
        if let Some(report) = &inner.report {
            object["report"] = json!(report);
        }
        object
    }
}

/// Statuses, and after how many seconds they were seen.
pub(crate) fn history(seen: &[StatusSeen]) -> Value {
    seen.iter()
        .map(|seen| json!({"status": seen.status, "after": seen.after.as_secs_f64()}))
        .collect()
}

impl From<tl_protocol::Error> for Failure {
    fn from(error: tl_protocol::Error) -> Self {
        let mut failure = Self::new(
            Exit::of_api(error.kind()),
            hints::api_kind(error.kind()),
            error.to_string(),
        );
        failure.0.hint = Some(hints::for_api(&error));
        failure.0.response = ResponseInfo {
            code: error.code().map(ToString::to_string),
            status: error.status(),
            request_id: error.request_id().map(str::to_owned),
            retry_after: error.retry_after(),
            attempts: error.attempts(),
        };
        failure.0.retryable = error.is_retryable();
        failure.0.history = error.history().to_vec();
        failure.0.causes = chain(&error);
        failure
    }
}

impl From<tl_client::Error> for Failure {
    fn from(error: tl_client::Error) -> Self {
        let exit = Exit::of_client(&error);
        let report = error.report().cloned();
        if let Some(api) = error.api() {
            let mut failure = Self::new(exit, hints::api_kind(error.kind()), error.to_string());
            failure.0.hint = Some(hints::for_api(api));
            failure.0.response = ResponseInfo {
                code: api.code().map(ToString::to_string),
                status: api.status(),
                request_id: api.request_id().map(str::to_owned),
                retry_after: api.retry_after(),
                attempts: api.attempts(),
            };
            failure.0.retryable = api.is_retryable();
            failure.0.history = api.history().to_vec();
            failure.0.causes = chain(&error);
            return failure.with_report(report);
        }
        let mut failure = Self::new(exit, hints::api_kind(error.kind()), error.to_string());
        failure.0.hint = hints::for_client(error.kind()).map(str::to_owned);
        failure.0.causes = chain(&error);
        failure.with_report(report)
    }
}

impl From<ProbeError> for Failure {
    fn from(error: ProbeError) -> Self {
        let name = match error.name() {
            "" => String::new(),
            name => format!("`{name}`: "),
        };
        let mut failure = Self::new(
            Exit::of_probe(error.kind()),
            error.kind().as_str(),
            format!("{name}{}", error.seen()),
        );
        failure.0.causes = error
            .log()
            .iter()
            .map(|line| format!("FFmpeg: {line}"))
            .collect();
        failure.hint(as_step(error.next()))
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let kind = match error.kind() {
            SourceErrorKind::Missing => "file_not_found",
            SourceErrorKind::Manifest | SourceErrorKind::Row | SourceErrorKind::Duplicate => {
                "manifest"
            }
            _ => "usage",
        };
        let mut failure = Self::new(Exit::Usage, kind, error.to_string());
        failure.0.causes = chain(&error);
        failure.0.hint = error.hint().map(str::to_owned);
        failure
    }
}

/// Turns a sentence into a hint: lowercase first letter, no period.
fn as_step(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut letters = sentence.chars();
    letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Messages of the sources of `error`, without repetitions.
fn chain(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut below = error.source();
    while let Some(cause) = below {
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        below = cause.source();
    }
    causes
}
