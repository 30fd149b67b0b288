//! Durations, sizes and counts as text: `90s`, `2m 30s`, `48.0 kB`, `2 files`.

use std::time::Duration;

use jiff::SignedDuration;

/// Maximum duration: one year, longer than any operation of the platform.
const MAX_DURATION: Duration = Duration::from_secs(365 * 86_400);

/// Parses a duration above zero; a plain number means seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let span = match text.trim().parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => text
            .trim()
            .parse::<SignedDuration>()
            .ok()
            .and_then(|span| Duration::try_from(span).ok()),
    };
    span.filter(|span| !span.is_zero() && *span <= MAX_DURATION)
        .ok_or_else(|| "expected a duration above zero, such as 90s, 2m30s or 1h".to_owned())
}

/// Parses a size: `500kB`, `16MB`, `16MiB`, or plain bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let expected = || "expected a size above zero, such as 500kB, 16MB or 16MiB".to_owned();
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let factor: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(expected()),
    };
    let number: u64 = text[..digits].parse().map_err(|_| expected())?;
    number
        .checked_mul(factor)
        .filter(|size| *size > 0)
        .ok_or_else(expected)
}

/// Formats a duration: `0.3 s`, `42 s`, `2 min 30 s`, `1 h 5 min`.
pub(crate) fn format_duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", span.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ if seconds % 3600 < 60 => format!("{} h", seconds / 3600),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Formats a duration of up to days in its two largest units: `42 s`, `2 min 30 s`, `2 d 4 h`.
pub(crate) fn format_long_duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..10 => format!("{seconds} s"),
        10..86_400 => format_duration(Duration::from_secs(seconds)),
        _ if seconds % 86_400 < 3600 => format!("{} d", seconds / 86_400),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Formats a number with separators: `12,345`.
pub(crate) fn format_count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats seconds; empty if unknown.
pub(crate) fn format_seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(String::new, |seconds| format!("{seconds:.1} s"))
}

/// Formats bytes in decimal units, like the platform's limits.
pub(crate) fn format_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 || unit == "GB" {
            return if unit == "B" {
                format!("{bytes} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    unreachable!("the last unit takes every value")
}

/// Formats a number with its noun: `1 file`, `2 files`.
pub(crate) fn pluralize(number: usize, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_bytes() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (48_000, "48.0 kB"),
            (2_147_483_648, "2.1 GB"),
            (5_000_000_000_000, "5000.0 GB"),
        ] {
            assert_eq!(format_bytes(bytes), expected);
        }
    }

    #[test]
    fn pluralizes_nouns() {
        assert_eq!(pluralize(0, "file", "files"), "0 files");
        assert_eq!(pluralize(1, "file", "files"), "1 file");
        assert_eq!(pluralize(2, "file", "files"), "2 files");
    }

    #[test]
    fn parses_durations() {
        for (text, expected) in [
            ("90", Some(90_000)),
            ("0.5", Some(500)),
            ("90s", Some(90_000)),
            ("250ms", Some(250)),
            ("2m30s", Some(150_000)),
            ("1h 30m", Some(5_400_000)),
            ("0", None),
            ("-5s", None),
            ("nan", None),
            ("1e300", None),
            ("soon", None),
            ("", None),
        ] {
            let millis = parse_duration(text).ok().map(|span| span.as_millis());
            assert_eq!(millis, expected, "{text}");
        }
    }

    #[test]
    fn parses_sizes() {
        for (text, expected) in [
            ("16MiB", Some(16 << 20)),
            ("500 kB", Some(500_000)),
            ("1000", Some(1000)),
            ("0", None),
            ("MB", None),
            ("-1MB", None),
            ("99999999999GB", None),
            ("5 parsec", None),
        ] {
            assert_eq!(parse_size(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn formats_counts_and_days() {
        assert_eq!(format_count(999), "999");
        assert_eq!(format_count(1_234_567), "1,234,567");
        for (seconds, expected) in [(4, "4 s"), (86_400, "1 d"), (187_200, "2 d 4 h")] {
            assert_eq!(format_long_duration(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn formats_durations() {
        for (millis, expected) in [
            (310, "0.3 s"),
            (42_000, "42 s"),
            (120_000, "2 min"),
            (150_000, "2 min 30 s"),
            (3_600_000, "1 h"),
            (3_900_000, "1 h 5 min"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(millis)), expected);
        }
    }
}
