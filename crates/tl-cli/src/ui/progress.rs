//! Progress: one line on standard error that is updated in place on a terminal, plain lines with
//! `--verbose`, otherwise nothing.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tl_client::Event;
use tl_protocol::{Event as Api, Observer};

use crate::text::units;
use crate::text::units::format_bytes;
use crate::ui::escape::plain_line;
use crate::ui::output::Output;

/// Progress line of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    output: Arc<Output>,
    bar: Option<ProgressBar>,
    /// Number of inputs. With more than one, each line names its input.
    inputs: usize,
}

impl Progress {
    pub(crate) fn new(output: &Arc<Output>, inputs: usize) -> Arc<Self> {
        let bar = (std::io::stderr().is_terminal() && !output.is_quiet() && !output.logs_json())
            .then(|| {
                let bar = output.bars().add(ProgressBar::new_spinner());
                if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                    bar.set_style(style);
                }
                bar.enable_steady_tick(Duration::from_millis(100));
                bar
            });
        Arc::new(Self {
            output: Arc::clone(output),
            bar,
            inputs,
        })
    }

    /// Shows `text` for `name`.
    fn update(&self, name: &str, text: &str) {
        let line = match (self.inputs, name) {
            (_, "") => text.to_owned(),
            (0 | 1, name) => format!("{name}: {text}"),
            (inputs, name) => format!("[{inputs} inputs] {name}: {text}"),
        };
        if let Some(bar) = &self.bar {
            bar.set_message(line);
        }
    }

    /// Shows what a long request is doing, until the next update.
    pub(crate) fn show(&self, text: &str) {
        self.update("", text);
    }

    fn update_and_log(&self, name: &str, text: &str) {
        self.update(name, text);
        match name {
            "" => self.output.detail(text),
            name => self.output.detail(&format!("{name}: {text}")),
        }
    }

    /// Returns an event listener for the ingestion of `input`.
    pub(crate) fn listener(
        self: &Arc<Self>,
        input: &str,
    ) -> impl Fn(&Event) + Send + Sync + 'static {
        let progress = Arc::clone(self);
        let name = plain_line(input);
        let sending = Mutex::new(None::<UploadRate>);
        move |event| match event {
            Event::Checked(report) => {
                progress.update_and_log(&name, &format!("checked: {}", report.verdict));
            }
            Event::Sending { sent, total } => {
                let mut sending = sending.lock().unwrap_or_else(PoisonError::into_inner);
                let text = UploadRate::text(&mut sending, *sent, *total);
                progress.update(&name, &text);
                if sent == total {
                    progress.output.detail(&format!("{name}: {text}"));
                }
            }
            // A missing checkpoint must be reported before it is needed.
            Event::NoCheckpoint { .. } => {
                progress.output.note(&format!("warning: {name}: {event}"));
            }
            Event::Api(event) => progress.api(&name, event),
            other => progress.update_and_log(&name, &other.to_string()),
        }
    }

    /// Returns an observer for requests that belong to no input, and for waits.
    pub(crate) fn observer(self: &Arc<Self>) -> Observer {
        let progress = Arc::clone(self);
        Observer::new(move |event| progress.api("", event))
    }

    fn api(&self, name: &str, event: &Api) {
        let text = plain_line(&Event::Api(event.clone()).to_string());
        match event {
            // Emitted per chunk: update the line, but log only the last one.
            Api::ChunkSent {
                chunks,
                total_chunks,
                bytes,
                total_bytes,
                bytes_per_second,
                left,
                ..
            } => {
                let percent = (*bytes as f64 / (*total_bytes).max(1) as f64 * 100.0).floor();
                let mut text = format!(
                    "sent {} of {} ({percent} %)",
                    format_bytes(*bytes),
                    format_bytes(*total_bytes)
                );
                if let Some(rate) = bytes_per_second {
                    text.push_str(&format!(", {}/s", format_bytes(*rate as u64)));
                }
                if let Some(left) = left.filter(|left| !left.is_zero()) {
                    text.push_str(&format!(", {} left", units::format_duration(left)));
                }
                self.update(name, &text);
                if chunks == total_chunks {
                    self.output.detail(&format!("{name}: {text}"));
                }
            }
            Api::Status { resource, .. } => {
                let name = if name.is_empty() { resource.id() } else { name };
                self.update_and_log(name, &text);
            }
            _ => self.update_and_log(name, &text),
        }
    }

    /// Removes the progress line.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Upload rate since the start of an attempt.
struct UploadRate {
    since: Instant,
    from: u64,
}

impl UploadRate {
    fn text(state: &mut Option<Self>, sent: u64, total: u64) -> String {
        let now = Instant::now();
        // A repeated attempt starts over.
        if state.as_ref().is_none_or(|state| sent < state.from) {
            *state = Some(Self {
                since: now,
                from: sent,
            });
        }
        let (done, all) = (format_bytes(sent), format_bytes(total));
        let percent = (sent as f64 / total.max(1) as f64 * 100.0).floor();
        let mut text = format!("sent {done} of {all} ({percent} %)");
        if let Some(state) = state {
            let seconds = now.duration_since(state.since).as_secs_f64();
            if seconds >= 1.0 {
                let rate = (sent - state.from) as f64 / seconds;
                text.push_str(&format!(", {}/s", format_bytes(rate as u64)));
            }
        }
        text
    }
}
