//! Times on the command line: RFC 3339, or a date.

use std::time::SystemTime;

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

/// Parses a time in the past: as [`parse`], or how long ago it was, such as `36h` or `7d`.
pub(crate) fn parse_past(text: &str) -> Result<SystemTime, String> {
    let instant = |time: &Timestamp| time.as_str().parse::<jiff::Timestamp>().ok();
    let ago = |span: jiff::Span| {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        now.checked_sub(span).ok().map(|then| then.timestamp())
    };
    parse(text)
        .ok()
        .as_ref()
        .and_then(instant)
        .or_else(|| {
            text.parse()
                .ok()
                .filter(|span: &jiff::Span| !span.is_negative())
                .and_then(ago)
        })
        .map(SystemTime::from)
        .ok_or_else(|| {
            "expected a time such as 2026-11-21T10:00:00Z, a date, or a duration such as 36h or 7d"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_durations_before_now() {
        let hours = |text: &str| {
            let age = parse_past(text).ok()?.elapsed().ok()?;
            Some((age.as_secs_f64() / 3600.0).round())
        };
        assert_eq!(hours("36h"), Some(36.0));
        assert_eq!(hours("7d"), Some(168.0));
        assert_eq!(hours("1d 12h"), Some(36.0));
        assert!(hours("2026-11-21").is_some());
        for text in ["", "-5h", "soon", "5"] {
            assert!(parse_past(text).is_err(), "{text}");
        }
    }

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
