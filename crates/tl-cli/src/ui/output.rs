//! Standard output and standard error. Results go to standard output, as text or JSON; errors,
//! notes and progress go to standard error.
//!
//! With `--json`, standard output contains only JSON, errors included: one document, or one line
//! per input for commands that take several. The text of an error also goes to standard error, for
//! people and logs. API keys are masked in all output. No other module writes to the streams.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use indicatif::MultiProgress;
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::secret;
use crate::ui::escape::{json_line, plain, plain_line};
use crate::ui::report;
use crate::ui::style::{BAD, BOLD, DIM};
use crate::ui::terminal;

/// Number of log lines of a child process that an error shows without `--verbose`.
const LOG_LINES: usize = 3;

/// When to use color.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// The form of messages on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    /// One object per line: `at`, `level`, `message`, and `error` for errors.
    Json,
}

/// The output streams of a run.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    verbose: u8,
    log_format: LogFormat,
    out: Mutex<AutoStream<io::Stdout>>,
    err: Mutex<AutoStream<io::Stderr>>,
    /// The first error on standard output.
    broken: Mutex<Option<io::Error>>,
    bars: MultiProgress,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool, verbose: u8, color: Color) -> Self {
        let choice = |auto: ColorChoice| match color {
            Color::Auto => auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let out = choice(AutoStream::choice(&io::stdout()));
        let err = choice(AutoStream::choice(&io::stderr()));
        Self {
            json,
            quiet,
            verbose,
            log_format: LogFormat::Text,
            out: Mutex::new(AutoStream::new(io::stdout(), out)),
            err: Mutex::new(AutoStream::new(io::stderr(), err)),
            broken: Mutex::default(),
            bars: terminal::progress(),
        }
    }

    /// Sets the form of messages on standard error.
    pub(crate) fn with_log_format(mut self, format: LogFormat) -> Self {
        self.log_format = format;
        self
    }

    /// Whether messages on standard error are JSON, so that there is no place for progress bars.
    pub(crate) fn logs_json(&self) -> bool {
        self.log_format == LogFormat::Json
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether steps are logged.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// The progress bars; they are hidden while text is written.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Prints a result as text; nothing with `--json`.
    pub(crate) fn line(&self, text: &str) {
        if !self.json {
            self.write_out(text);
        }
    }

    /// Prints a piece of a text that is shown while it arrives, without a line break. The caller
    /// escapes it.
    pub(crate) fn piece(&self, text: &str) {
        if !self.json {
            self.write(text);
        }
    }

    /// Prints a result as one line of JSON; nothing without `--json`.
    pub(crate) fn json(&self, value: &impl Serialize) {
        if self.json {
            match json_line(value) {
                Ok(text) => self.write_out(&text),
                Err(error) => self.write_err(&format!(
                    "error: failed to serialize a result as JSON: {error}"
                )),
            }
        }
    }

    /// Prints text that is itself the result, independent of `--json`: completions, rule packs.
    pub(crate) fn text(&self, text: &str) {
        self.write_out(text.trim_end_matches('\n'));
    }

    /// Prints a part of a text result, without a line break; nothing with `--json`. Control
    /// characters are escaped.
    pub(crate) fn fragment(&self, text: &str) {
        if self.json {
            return;
        }
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if broken.is_some() {
            return;
        }
        let lines = text.split('\n').map(plain_line);
        let text = secret::mask_keys(&lines.collect::<Vec<_>>().join("\n")).into_owned();
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self
            .bars
            .suspend(|| write!(out, "{text}").and_then(|()| out.flush()));
        *broken = written.err();
    }

    /// Whether a person reads standard output.
    pub(crate) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Prints additional information; nothing with `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if self.quiet {
            return;
        }
        match self.log_format {
            LogFormat::Text => self.write_err(&format!("{DIM}{}{DIM:#}", plain(text))),
            LogFormat::Json => self.log("info", text, None),
        }
    }

    /// Logs a step; only with `--verbose`.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose == 0 {
            return;
        }
        match self.log_format {
            LogFormat::Text => self.write_err(&plain(text)),
            LogFormat::Json => self.log("debug", text, None),
        }
    }

    /// Prints text to standard error, independent of the options.
    pub(crate) fn stderr(&self, text: &str) {
        self.write_err(text);
    }

    /// Reports an error that ends the command: JSON to standard output, text to standard error.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.json(&json!({ "error": failure.to_json() }));
        self.failure_text(failure);
    }

    /// Prints the text of an error. With both `--json` and `--quiet`, only the JSON is printed.
    pub(crate) fn failure_text(&self, failure: &Failure) {
        if self.json && self.quiet {
            return;
        }
        if self.logs_json() {
            return self.log("error", failure.message(), Some(failure));
        }
        let mut text = format!("{BAD}error:{BAD:#} {}", plain(failure.message()));
        if let Some(report) = failure.report() {
            text.push_str(&report::findings(report, failure.file()));
        }
        for detail in failure.details() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  {}", plain_line(detail));
        }
        for cause in failure.causes() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  {DIM}caused by:{DIM:#} {}", plain(cause));
        }
        let log = failure.log();
        let kept = if self.verbose > 0 {
            log.len()
        } else {
            LOG_LINES
        };
        for line in &log[log.len().saturating_sub(kept)..] {
            let _ = write!(text, "\n  {DIM}ffmpeg:{DIM:#} {}", plain_line(line));
        }
        if let Some(next) = failure.hint_text() {
            let _ = write!(text, "\n  {BOLD}hint:{BOLD:#} {}", plain(next));
        }
        self.write_err(&text);
    }

    /// Flushes standard output and reports lost output. A closed pipe is not an error.
    pub(crate) fn finish(&self, exit: Exit) -> Exit {
        let flushed = self
            .out
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .flush();
        let broken = self
            .broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match broken.or(flushed.err()) {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.failure_text(
                    &Failure::new(
                        Exit::Usage,
                        "output",
                        "failed to write to standard output: results are missing",
                    )
                    .with_source(&error)
                    .hint("free disk space or redirect the output; requests to the platform were completed"),
                );
                if exit == Exit::Ok { Exit::Usage } else { exit }
            }
            _ => exit,
        }
    }

    fn write_out(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    fn write(&self, text: &str) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if broken.is_some() {
            return;
        }
        let text = secret::mask_keys(text);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self
            .bars
            .suspend(|| write!(out, "{text}").and_then(|()| out.flush()));
        *broken = written.err();
    }

    /// Writes a message as JSON.
    fn log(&self, level: &str, message: &str, failure: Option<&Failure>) {
        let mut line = json!({
            "at": jiff::Timestamp::now(),
            "level": level,
            "message": message,
        });
        if let Some(failure) = failure {
            line["error"] = failure.to_json();
        }
        if let Ok(line) = json_line(&line) {
            self.write_err(&line);
        }
    }

    fn write_err(&self, text: &str) {
        let text = secret::mask_keys(text);
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        // An error on standard error cannot be reported.
        let _ = self.bars.suspend(|| writeln!(err, "{text}"));
    }
}
