//! Error bodies: the platform's formats, bodies of proxies and object stores, and arbitrary bytes.

use proptest::prelude::*;
use serde_json::{Value, json};
use tl_model::{ErrorBody, ErrorCode, ErrorShape};

use crate::fixtures::folder;
use crate::wire;

pub(crate) const FILES: &[&str] = &[
    "error/flat_generic.json",
    "error/flat_insufficient_funds.json",
    "error/flat_not_found.json",
    "error/flat_unauthorized.json",
    "error/gateway.html",
    "error/nested_internal.json",
    "error/nested_rate_limit.json",
    "error/nested_validation.json",
    "error/numeric_search.json",
    "error/presigned.xml",
];

fn describe(name: &str, error: &ErrorBody) -> String {
    let mut lines = format!("## {name}\n{error}\n{:?}", error.shape);
    let mut field = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            lines.push_str(&format!("\n  {name}: {text}"));
        }
    };
    field("code", error.code.as_ref().map(|code| format!("{code:?}")));
    field("number", error.number.map(|number| number.to_string()));
    field(
        "message",
        error.message.as_ref().map(|message| format!("{message:?}")),
    );
    field("docs_url", error.docs_url.clone());
    field("title", error.title.clone());
    field("excerpt", error.excerpt.clone());
    field("details", error.details().map(Value::to_string));
    field(
        "extra",
        Some(error.extra.clone())
            .filter(|extra| !extra.is_empty())
            .map(|extra| json!(extra).to_string()),
    );
    lines
}

#[test]
fn samples_of_every_format() {
    let describe: Vec<_> = FILES
        .iter()
        .map(|file| {
            describe(
                file,
                &ErrorBody::parse(400, None, &std::fs::read(folder().join(file)).unwrap()),
            )
        })
        .collect();
    insta::assert_snapshot!(describe.join("\n"));
}

#[test]
fn unknown_and_truncated_bodies() {
    let check = |name: &str, content_type: Option<&str>, body: &[u8]| {
        describe(name, &ErrorBody::parse(502, content_type, body))
    };
    let long_page = format!(
        "<!DOCTYPE html><style>p {{}}</style><p class=x>{}</p>",
        "word ".repeat(1000)
    );
    let lines = [
        check("empty", None, b""),
        check("white space", None, b" \r\n\t"),
        check("message alone", Some("application/json"), br#"{"message": "Forbidden"}"#),
        check("code alone", None, br#"{"code": "too_many_requests"}"#),
        check("byte order mark", None, b"\xef\xbb\xbf{\"code\": \"not_found\", \"message\": \"no\"}"),
        check("unknown number", None, br#"{"error_code": 999, "message": "?"}"#),
        check("number as code", None, br#"{"code": 104, "message": "?"}"#),
        check("text as error_code", None, br#"{"error_code": "parameter_invalid"}"#),
        check("code of another type", None, br#"{"code": {"a": 1}, "message": ["no"]}"#),
        check("error as text", None, br#"{"error": "Internal Server Error", "path": "/v1.3/tasks"}"#),
        check("error as odd object", None, br#"{"error": {"reason": "x"}}"#),
        check("nested number", None, br#"{"error": {"code": 104, "message": "bad", "hint": "h"}, "trace": "t"}"#),
        check("problem details", Some("application/problem+json"), br#"{"title": "Bad", "detail": "It is bad."}"#),
        check("string", None, br#""just text""#),
        check("array", None, br#"[1, 2]"#),
        check("cut", Some("application/json"), br#"{"code": "parameter_invalid", "mess"#),
        check("json and more", Some("application/json"), br#"{"code": "a"} trailing"#),
        check("number", None, b"502"),
        check("text", Some("text/plain"), b"upstream connect error\r\n  or \x1b[31mdisconnect\x1b[0m/reset \xe2\x80\xae before headers"),
        check("long page", Some("text/html"), long_page.as_bytes()),
        check("page with odd title", None, b"<HTML><TITLE lang=\"en\">\n 503  Service &amp; more\x07</TITLE><script>if (a<b) {}</script>Busy&nbsp;now"),
        check("page said by its type", Some("text/html; charset=utf-8"), b"<center>Bad</center>"),
        check("unfinished page", None, b"<html><title>504 Gate"),
        check("latin-1", Some("text/plain"), b"le serveur est indisponible: d\xe9sol\xe9, vraiment"),
        check("binary", None, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xfe\xfd\xfc\xfb"),
        check("message with control characters", None, br#"{"code": "a\u001b[2J", "message": "line\r\nline\u0007\u202e"}"#),
        check("empty object", None, b"{}"),
        check("empty code", None, br#"{"code": ""}"#),
        check("empty members", None, b"<Error><Code></Code></Error>"),
        check("cut document", None, b"<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please redu"),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn emulated_error_round_trips() {
    let mut error = ErrorBody::flat(
        400,
        ErrorCode::VideoResolutionTooLow,
        "The resolution is too low.",
    );
    insta::assert_snapshot!(
        String::from_utf8(error.to_flat_json()).unwrap(),
        @r#"{"code":"video_resolution_too_low","message":"The resolution is too low."}"#
    );
    error.docs_url = Some("https://docs.twelvelabs.io/v1.3/api-reference/error-codes".to_owned());
    assert_eq!(ErrorBody::parse(400, None, &error.to_flat_json()), error);
}

#[test]
fn other_formats_convert_to_flat() {
    let check = |body: &str| {
        String::from_utf8(ErrorBody::parse(500, None, body.as_bytes()).to_flat_json()).unwrap()
    };
    let lines = [
        check(r#"{"error_code": 104, "message": "no"}"#),
        check(r#"{"error_code": 999, "message": "no"}"#),
        check(r#"{"error": {"code": "VALIDATION_ERROR", "message": "no", "details": {"a": 1}}}"#),
        check(r#"{"detail": "no"}"#),
        check("<html><title>502 Bad Gateway</title></html>"),
        check(""),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn numeric_codes_map_to_named_codes() {
    let named: Vec<_> = (0..600)
        .filter_map(|number| Some(format!("{number} {}", ErrorCode::from_numeric(number)?)))
        .collect();
    insta::assert_snapshot!(named.join("\n"));
}

/// Any input: parsing neither hangs nor panics, and the display text is one bounded, printable
/// line.
fn check_any(content_type: Option<&str>, body: &[u8]) -> Result<(), TestCaseError> {
    let error = ErrorBody::parse(500, content_type, body);
    let line = error.to_string();
    prop_assert!(!line.is_empty());
    prop_assert!(line.chars().count() <= 1300, "{}", line);
    for text in [Some(&line), error.title.as_ref(), error.excerpt.as_ref()]
        .into_iter()
        .flatten()
    {
        prop_assert!(!text.chars().any(char::is_control), "{:?}", text);
        prop_assert!(
            !text.contains(['\u{202e}', '\u{2028}', '\u{200b}', '\u{feff}']),
            "{:?}",
            text
        );
    }
    prop_assert!(
        error
            .excerpt
            .as_ref()
            .is_none_or(|excerpt| excerpt.chars().count() <= 300)
    );

    let flat = ErrorBody::parse(500, None, &error.to_flat_json());
    prop_assert!(
        matches!(flat.shape, ErrorShape::Flat | ErrorShape::Numeric),
        "{:?}",
        flat
    );
    Ok(())
}

fn content_type() -> impl Strategy<Value = Option<&'static str>> {
    proptest::sample::select(vec![
        None,
        Some("application/json"),
        Some("text/html"),
        Some("application/xml"),
        Some(""),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_are_summarized(content_type in content_type(), body in proptest::collection::vec(any::<u8>(), 0..2000)) {
        check_any(content_type, &body)?;
    }

    #[test]
    fn random_text_is_summarized(content_type in content_type(), body in any::<String>()) {
        check_any(content_type, body.as_bytes())?;
    }

    #[test]
    fn random_markup_is_summarized(
        content_type in content_type(),
        parts in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "<html>", "<title>", "</title>", "<TITLE x>", "<script", "</script>", "<", ">", "</", "<?xml", "<Error>",
                    "<Code>", "</Code>", "<Message>", "</Message>", "&amp;", "&lt;", "\0", "\u{1b}[31m", "é", "İ", "\u{fffd}",
                ]).prop_map(str::to_owned),
                "\\PC{0,4}",
            ],
            0..40,
        ),
    ) {
        check_any(content_type, parts.concat().as_bytes())?;
    }

    #[test]
    fn random_json_is_summarized(body in wire::any_json(), cut in any::<proptest::sample::Index>()) {
        let text = body.to_string();
        check_any(Some("application/json"), text.as_bytes())?;
        check_any(None, &text.as_bytes()[..cut.index(text.len() + 1)])?;
    }

    #[test]
    fn json_of_every_format_is_summarized(
        names in proptest::collection::vec(
            proptest::sample::select(vec!["code", "error_code", "message", "docs_url", "error", "details", "detail"]), 0..4),
        values in proptest::collection::vec(wire::any_json(), 4),
        nested in any::<bool>(),
    ) {
        let object: Value = names.into_iter().map(str::to_owned).zip(values).collect::<serde_json::Map<_, _>>().into();
        let body = if nested { json!({"error": object}) } else { object };
        check_any(None, body.to_string().as_bytes())?;
    }

    #[test]
    fn flat_error_round_trips(code in any::<String>(), message in any::<String>(), docs_url in any::<Option<String>>()) {
        let mut error = ErrorBody::flat(400, code.as_str(), message);
        error.docs_url = docs_url;
        error.extra.insert("request_id".to_owned(), json!({"a": 1}));
        prop_assert_eq!(ErrorBody::parse(400, None, &error.to_flat_json()), error);
    }
}
