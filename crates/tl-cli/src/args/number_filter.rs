//! Number filters: `360`, `10..60`, `10..`, `..60`.

use tl_protocol::endpoint::NumberFilter;

/// Parses a number or an inclusive range.
pub(crate) fn parse(text: &str) -> Result<NumberFilter, String> {
    let expected = || "expected a number or a range, such as 360, 10..60, 10.. or ..60".to_owned();
    let bound = |text: &str| match text.trim() {
        "" => Ok(None),
        text => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(expected()),
        },
    };
    let filter = match text.split_once("..") {
        None => NumberFilter::default().with_eq(bound(text)?),
        Some((low, high)) => NumberFilter::default()
            .with_gte(bound(low)?)
            .with_lte(bound(high.trim_start_matches('='))?),
    };
    match filter {
        filter if filter.is_open() => Err(expected()),
        NumberFilter {
            gte: Some(low),
            lte: Some(high),
            ..
        } if low > high => Err(format!(
            "the start of the range ({low}) is greater than its end ({high})"
        )),
        filter => Ok(filter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_numbers_and_ranges() {
        let between = |gte, lte| Some(NumberFilter::default().with_gte(gte).with_lte(lte));
        for (text, expected) in [
            ("360", Some(NumberFilter::exactly(360.0))),
            ("1.5..9", between(Some(1.5), Some(9.0))),
            ("10..", between(Some(10.0), None)),
            ("..60", between(None, Some(60.0))),
            ("..=60", between(None, Some(60.0))),
            ("", None),
            ("..", None),
            ("9..1", None),
            ("wide", None),
            ("inf", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }
}
