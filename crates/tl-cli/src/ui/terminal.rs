//! The terminal on which progress is drawn.
//!
//! After each picture, the cursor is at the start of the last line. A terminal that echoes `^C`, or
//! what is typed, writes over that line then; at its end, the text would begin another line, and the
//! picture could not be removed.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

/// Pictures per second at most.
const RATE: u8 = 20;

/// The size of a terminal that does not tell it: columns and rows.
const DEFAULT_SIZE: (u16, u16) = (80, 24);

/// Progress on standard error, which is hidden if that is no terminal.
pub(crate) fn progress() -> MultiProgress {
    let target = match io::stderr().is_terminal() {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Terminal::default()), RATE),
        false => ProgressDrawTarget::hidden(),
    };
    MultiProgress::with_draw_target(target)
}

/// Columns and rows of the terminal of standard error.
pub(crate) fn size() -> (u16, u16) {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stderr())
        && size.ws_col > 0
        && size.ws_row > 0
    {
        return (size.ws_col, size.ws_row);
    }
    DEFAULT_SIZE
}

/// Standard error, in whole pictures.
#[derive(Debug, Default)]
struct Terminal {
    picture: Mutex<String>,
}

impl Terminal {
    fn add(&self, text: &str) {
        let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        picture.push_str(text);
    }

    /// A control sequence that moves the cursor `n` times.
    fn move_cursor(&self, n: usize, direction: char) {
        if n > 0 {
            self.add(&format!("\x1b[{n}{direction}"));
        }
    }

    /// The picture since the last call, with the cursor at the start of its last line.
    fn take(&self) -> String {
        let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        if !picture.is_empty() {
            picture.push('\r');
        }
        std::mem::take(&mut picture)
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(text);
        self.add("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let picture = self.take();
        if picture.is_empty() {
            return Ok(());
        }
        let mut stream = io::stderr().lock();
        stream.write_all(picture.as_bytes())?;
        stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_ends_at_the_start_of_the_last_line() {
        let terminal = Terminal::default();
        terminal.move_cursor_up(0).unwrap();
        terminal.move_cursor_up(2).unwrap();
        terminal.clear_line().unwrap();
        terminal.write_str("1 of 200     ").unwrap();
        assert_eq!(terminal.take(), "\x1b[2A\r\x1b[2K1 of 200     \r");
        assert_eq!(terminal.take(), "", "nothing is written without a picture");
    }
}
