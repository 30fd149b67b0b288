//! Captures FFmpeg's log per line for the probing thread, so that it does not reach standard error.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

use ffmpeg_next::ffi;

const MAX_LINES: usize = 8;
const MAX_LINE_BYTES: usize = 240;

thread_local! {
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Captures the warnings and errors that FFmpeg logs on this thread until it is dropped.
pub(in crate::probe::ffmpeg) struct LogCapture(());

impl LogCapture {
    pub(in crate::probe::ffmpeg) fn start() -> Self {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            install(
                ffi::av_log_set_callback,
                ffi::av_log_format_line2,
                ffi::av_log_default_callback,
            );
        });
        LINES.with_borrow_mut(|lines| *lines = Some(Vec::new()));
        Self(())
    }

    /// The lines so far, oldest first, at most eight.
    #[expect(
        clippy::unused_self,
        reason = "the guard is the proof that lines are being caught"
    )]
    pub(in crate::probe::ffmpeg) fn lines(&self) -> Vec<String> {
        LINES.with_borrow(|lines| lines.clone().unwrap_or_default())
    }
}

impl Drop for LogCapture {
    fn drop(&mut self) {
        LINES.with_borrow_mut(|lines| *lines = None);
    }
}

// The type of a C `va_list` differs between processors: a pointer on some, a structure on others.
// It is not named here; `V` is the type in the bindings for the current one.
type Callback<V> = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, V);
type FormatLine<V> = unsafe extern "C" fn(
    *mut c_void,
    c_int,
    *const c_char,
    V,
    *mut c_char,
    c_int,
    *mut c_int,
) -> c_int;

static FORMAT_LINE: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static PASS_ON: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

fn install<V>(
    set: unsafe extern "C" fn(Option<Callback<V>>),
    format: FormatLine<V>,
    pass_on: Callback<V>,
) {
    FORMAT_LINE.store(format as *mut (), Ordering::Release);
    PASS_ON.store(pass_on as *mut (), Ordering::Release);
    // SAFETY: the callback has exactly the type that the setter requires and is static.
    unsafe { set(Some(on_line::<V>)) }
}

unsafe extern "C" fn on_line<V>(
    context: *mut c_void,
    level: c_int,
    format: *const c_char,
    arguments: V,
) {
    let catching = LINES
        .try_with(|lines| lines.try_borrow().is_ok_and(|l| l.is_some()))
        .unwrap_or(false);
    if !catching {
        let pass_on = PASS_ON.load(Ordering::Acquire);
        // SAFETY: stored by `install::<V>` from a function of this type, with the same `V`, before
        // this callback was set.
        let pass_on = unsafe { std::mem::transmute::<*mut (), Callback<V>>(pass_on) };
        // SAFETY: the arguments are FFmpeg's own, passed on once.
        unsafe { pass_on(context, level, format, arguments) };
        return;
    }
    if level > ffi::AV_LOG_WARNING {
        return;
    }
    let mut buffer = [0 as c_char; MAX_LINE_BYTES];
    let mut prefix: c_int = 1;
    let line = FORMAT_LINE.load(Ordering::Acquire);
    // SAFETY: as for `pass_on`. The given length is that of the buffer; the call writes a
    // terminated string into it.
    let text = unsafe {
        let line = std::mem::transmute::<*mut (), FormatLine<V>>(line);
        line(
            context,
            level,
            format,
            arguments,
            buffer.as_mut_ptr(),
            MAX_LINE_BYTES as c_int,
            &raw mut prefix,
        );
        CStr::from_ptr(buffer.as_ptr()).to_string_lossy()
    };
    let text = tidy(&text);
    if text.is_empty() {
        return;
    }
    let _ = LINES.try_with(|lines| {
        if let Ok(mut lines) = lines.try_borrow_mut()
            && let Some(lines) = lines.as_mut()
            && lines.len() < MAX_LINES
            && !lines.contains(&text)
        {
            lines.push(text);
        }
    });
}

/// Removes `[mov,mp4 @ 0x55…] `, the newline, and control characters.
fn tidy(line: &str) -> String {
    let mut rest = line;
    while let Some(after) = rest.strip_prefix('[').and_then(|r| r.split_once("] ")) {
        rest = after.1;
    }
    // After a line break FFmpeg writes advice for its own programs.
    let rest = rest.trim().lines().next().unwrap_or_default();
    rest.trim_end()
        .trim_end_matches('.')
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn prefixes_and_control_characters_are_removed() {
        assert_eq!(
            tidy("[mov,mp4 @ 0x5555] moov atom not found\n"),
            "moov atom not found"
        );
        assert_eq!(tidy("a\u{1b}[31mb.\n"), "a?[31mb");
        assert_eq!(
            tidy("[mov @ 0x5] unknown codec\nConsider increasing the value\n"),
            "unknown codec"
        );
    }
}
