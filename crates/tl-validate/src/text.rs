//! Text for display: numbers, sizes, and external text on one line.

/// Formats a number for display: at most three decimals and no trailing zeros.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// Formats a size: exact bytes, and both interpretations of the larger unit if it is ambiguous.
pub(crate) fn bytes(value: f64) -> String {
    let whole = plain(value.round());
    if value >= 1_073_741_824.0 {
        format!("{whole} bytes ({:.3} GiB)", value / 1_073_741_824.0)
    } else if value >= 1_048_576.0 {
        format!("{whole} bytes ({:.1} MiB)", value / 1_048_576.0)
    } else {
        format!("{whole} bytes")
    }
}

/// Whether a character affects how the text around it is displayed: control characters (including
/// newlines and tabs), line and paragraph separators, and the directional formatting characters of
/// the Unicode Bidirectional Algorithm (UAX #9).
pub fn is_display_control(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// Escapes external text (file names, messages of servers and programs) so that it stays on one
/// line. Each [`is_display_control`] character is replaced by an escape such as `\n` or `\u{1b}`.
///
/// Use this function for everything that is written to a terminal or to a line of a report.
/// Machine-readable formats keep the text and apply their own escapes.
///
/// ```
/// use tl_validate::formats::printable;
///
/// assert_eq!(printable("a.mp4\nok: b.mp4"), "a.mp4\\nok: b.mp4");
/// ```
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            c if is_display_control(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Escapes text as XML or HTML character data. Characters that XML 1.0 does not allow become
/// U+FFFD.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(c),
            c if is_display_control(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_trailing_zeros() {
        let check = |value, text: &str| assert_eq!(plain(value), text);
        check(4.0, "4");
        check(2.4, "2.4");
        check(3.9996, "4");
        check(0.0, "0");
        check(-0.0001, "0");
        check(14400.04, "14400.04");
        check(7200.0, "7200");
    }
}
