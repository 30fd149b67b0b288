//! Times on the command line: RFC 3339, or a date.

use tl_model::Timestamp;

/// Parses an RFC 3339 timestamp, or a date, which means midnight UTC.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(instant.into());
    }
    text.parse::<jiff::civil::Date>()
        .ok()
        .and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|midnight| midnight.timestamp().into())
        .ok_or_else(|| {
            "expected a time such as 2026-11-21T10:00:00Z or a date such as 2026-11-21".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_and_dates() {
        for (text, expected) in [
            ("2026-11-21T10:00:00Z", Some("2026-11-21T10:00:00Z")),
            ("2026-11-21T10:00:00+02:00", Some("2026-11-21T08:00:00Z")),
            ("2026-11-21", Some("2026-11-21T00:00:00Z")),
            ("yesterday", None),
            ("2026-13-01", None),
        ] {
            let read = parse(text).ok();
            assert_eq!(read.as_ref().map(Timestamp::as_str), expected, "{text}");
        }
    }
}
