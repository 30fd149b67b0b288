//! Foreign text in the output: names, messages and JSON without control characters.

use std::fmt::Write as _;

use serde::Serialize;
use tl_validate::formats::{is_display_control, printable};

/// Escapes foreign text with [`printable`]. Further lines are indented behind a bar, so that they
/// cannot imitate the output of this program.
pub(crate) fn plain(text: &str) -> String {
    text.trim_end_matches('\n')
        .split('\n')
        .map(|line| printable(line.strip_suffix('\r').unwrap_or(line)))
        .collect::<Vec<_>>()
        .join("\n    | ")
}

/// [`plain`] on one line, for names.
pub(crate) fn plain_line(text: &str) -> String {
    printable(text)
}

/// Serializes the value as JSON on one line. Control characters of terminals are escaped, which
/// does not change the meaning of the JSON.
pub(crate) fn json_line(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    if !text.contains(is_display_control) {
        return Ok(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_display_control(c) {
            // They are all in the basic multilingual plane and occur only in strings.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            plain("a\u{1b}[2Jb\rc\u{202e}d"),
            "a\\u{1b}[2Jb\\u{d}c\\u{202e}d"
        );
        assert_eq!(
            plain_line("a\nb é日\u{2028}\u{9b}"),
            "a\\nb é日\\u{2028}\\u{9b}"
        );
    }

    #[test]
    fn foreign_lines_are_indented() {
        let text = plain("bad key\r\nok: uploaded\n\nhint: run this\n");
        assert_eq!(
            text,
            "bad key\n    | ok: uploaded\n    | \n    | hint: run this"
        );
    }

    #[test]
    fn json_escapes_control_characters() {
        let value = json!({"message": "a\u{9b}2J\u{202e}\u{2028}\u{1b}\n日", "é": 1});
        let line = json_line(&value).expect("it has a JSON form");
        assert!(!line.contains(is_display_control), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read, value);
    }
}
