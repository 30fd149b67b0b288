//! Numbers as text: durations, sizes and hexadecimal digits.

use std::fmt::Write as _;

/// Seconds as milliseconds with three significant digits, without the unit.
pub(crate) fn format_ms(seconds: f64) -> String {
    format_number(seconds * 1000.0)
}

/// MiB with three significant digits, without the unit.
pub(crate) fn format_mib(mib: f64) -> String {
    format_number(mib)
}

fn format_number(value: f64) -> String {
    let decimals = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// Lowercase hexadecimal digits.
pub(crate) fn format_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        for (seconds, expected) in [(0.0012, "1.20"), (0.0123, "12.3"), (1.234, "1234")] {
            assert_eq!(format_ms(seconds), expected);
        }
        assert_eq!(format_mib(7.125), "7.12");
        assert_eq!(format_hex(&[0, 255]), "00ff");
    }
}
