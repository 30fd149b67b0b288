//! A condition of `--where`: `duration>=600`, `sport=soccer`, `id=A,B`.

use serde_json::Value;
use tl_model::SearchFilter;

/// Adds a condition to a filter.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn add(filter: SearchFilter, text: &str) -> Result<SearchFilter, String> {
    let expected = || {
        format!("`{text}` is not a condition (allowed: FIELD=VALUE, FIELD>=NUMBER, FIELD<=NUMBER)")
    };
    let at = text.find(['=', '<', '>']).ok_or_else(expected)?;
    let (field, rest) = text.split_at(at);
    let field = field.trim();
    if field.is_empty() {
        return Err(expected());
    }
    let bound = |value: &str| match value.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(expected()),
    };
    if let Some(value) = rest.strip_prefix(">=") {
        return Ok(filter.at_least(field, bound(value)?));
    }
    if let Some(value) = rest.strip_prefix("<=") {
        return Ok(filter.at_most(field, bound(value)?));
    }
    let Some(value) = rest.strip_prefix('=') else {
        return Err(format!(
            "`{text}`: the platform has no `<` and `>`; use `<=` and `>=`"
        ));
    };
    if field == "id" {
        return Ok(filter.any_of(value.split(',').map(str::trim)));
    }
    // A quoted value is a text, like `year="2026"`.
    match serde_json::from_str::<Value>(value.trim()) {
        Ok(known @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => {
            Ok(filter.eq(field, known))
        }
        _ => Ok(filter.eq(field, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        let check = |texts: &[&str], expected: &str| {
            let filter = texts
                .iter()
                .try_fold(SearchFilter::new(), |filter, text| add(filter, text));
            let expected: SearchFilter = expected.parse().unwrap();
            assert_eq!(filter.unwrap(), expected);
        };
        check(
            &["duration>=600", "duration<=900.5"],
            r#"{"duration":{"gte":600,"lte":900.5}}"#,
        );
        check(
            &["sport=soccer", "year=2026", "live=true"],
            r#"{"sport":"soccer","year":2026,"live":true}"#,
        );
        check(
            &[r#"year="2026""#, "title=a = b"],
            r#"{"year":"2026","title":"a = b"}"#,
        );
        check(&["id=a, b"], r#"{"id":["a","b"]}"#);
        for wrong in [
            "",
            "duration",
            "=5",
            "duration>=long",
            "duration>5",
            "duration>=inf",
        ] {
            assert!(add(SearchFilter::new(), wrong).is_err(), "{wrong}");
        }
    }
}
