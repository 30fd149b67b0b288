//! The display of a bulk run: lines on standard error that are updated in place on a terminal, and
//! a plain line now and then without one.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use tl_bulk::event::{Event, Record};

use crate::ui::board::Board;
use crate::ui::output::Output;
use crate::ui::terminal;

/// The shortest time between two pictures on a terminal.
const REDRAW: Duration = Duration::from_millis(100);

/// The time between two lines without a terminal.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// Shows the state of a run; feed it every record.
#[derive(Debug)]
pub(crate) struct Live {
    output: Arc<Output>,
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    board: Board,
    /// When the board was shown last.
    shown: Instant,
    /// Whether the run has ended.
    has_ended: bool,
}

impl Live {
    /// Starts the display. With `--quiet` there is none.
    pub(crate) fn start(output: &Arc<Output>) -> Self {
        let is_terminal =
            std::io::stderr().is_terminal() && !output.is_quiet() && !output.logs_json();
        let bar = is_terminal.then(|| {
            let bar = output.bars().add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            output: Arc::clone(output),
            bar,
            state: Mutex::new(State {
                board: Board::default(),
                shown: Instant::now(),
                has_ended: false,
            }),
        }
    }

    /// Shows what happened.
    pub(crate) fn record(&self, record: &Record) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.board.record(record);
        state.has_ended |= matches!(record.event, Event::RunEnded(_));
        if state.has_ended {
            return;
        }
        let age = state.shown.elapsed();
        match &self.bar {
            Some(bar) if age >= REDRAW => {
                state.shown = Instant::now();
                let lines = state.board.lines(Timestamp::now(), width());
                bar.set_message(lines.join("\n"));
                bar.tick();
            }
            None if age >= LOG_INTERVAL && matches!(record.event, Event::Progress(_)) => {
                state.shown = Instant::now();
                let text = state.board.plain(Timestamp::now());
                self.output.note(&text);
            }
            _ => {}
        }
    }

    /// Removes the lines from the terminal.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The width for lines. One column is left, because some terminals wrap a line that is full.
fn width() -> usize {
    usize::from(terminal::size().0.saturating_sub(1).max(1))
}
