//! User metadata: accepted values, rejected values, and error messages.

use serde_json::json;
use tl_model::{MetadataErrorKind, MetadataPatch, MetadataValue, UserMetadata};

#[test]
fn each_allowed_type_is_accepted() {
    let check = |json: &str, expected: MetadataValue| {
        let metadata: UserMetadata = format!(r#"{{"key": {json}}}"#).parse().unwrap();
        assert_eq!(metadata.get("key"), Some(&expected), "{json}");
        assert_eq!(metadata.to_string(), format!(r#"{{"key":{json}}}"#));
    };
    check(r#""text""#, "text".into());
    check(r#""""#, "".into());
    check("5", 5_i32.into());
    check("-9223372036854775808", i64::MIN.into());
    check("18446744073709551615", u64::MAX.into());
    check("9.3", 9.3.try_into().unwrap());
    check("5.0", 5.0.try_into().unwrap());
    check("true", true.into());
    check(r#"["a","b"]"#, ["a", "b"].into());
    check("[]", Vec::<String>::new().into());
}

#[test]
fn errors_name_the_key_and_the_allowed_types() {
    let message = |json: &str| json.parse::<UserMetadata>().unwrap_err().to_string();
    let lines = [
        message(r#"{"gone": null}"#),
        message(r#"{"place": {"city": "Seoul"}}"#),
        message(r#"{"list": ["a", 1]}"#),
        message(r#"{"list": [["a"]]}"#),
        message(r#"{"list": [null]}"#),
        message(r#"{"good": 1, "b": {}, "a": null, "": [true]}"#),
        message(r#"{"twice": 1, "twice": 2, "once": 3}"#),
        message(r#"{"huge": 1e400}"#),
        message("[]"),
        message(r#""{}""#),
        message("null"),
        message(""),
        message("{"),
        message("category=recent"),
        MetadataValue::try_from(f64::NAN).unwrap_err().to_string(),
        MetadataValue::try_from(json!({})).unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn error_has_kind_and_keys() {
    let check = |json: &str, kind: MetadataErrorKind, keys: &[&str]| {
        let error = json.parse::<UserMetadata>().unwrap_err();
        assert_eq!(
            (error.kind(), error.keys().collect::<Vec<_>>()),
            (kind, keys.to_vec()),
            "{json}"
        );
    };
    check(
        r#"{"b": {}, "a": null}"#,
        MetadataErrorKind::ValueNotAllowed,
        &["a", "b"],
    );
    check(r#"{"": {}}"#, MetadataErrorKind::ValueNotAllowed, &[""]);
    check(
        r#"{"b": 1, "b": 2}"#,
        MetadataErrorKind::DuplicateKey,
        &["b"],
    );
    check("5", MetadataErrorKind::NotAnObject, &[]);
    check("{5}", MetadataErrorKind::NotJson, &[]);
}

#[test]
fn deep_nesting_is_rejected() {
    let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert_eq!(
        deep.parse::<UserMetadata>().unwrap_err().kind(),
        MetadataErrorKind::NotJson
    );
}

#[test]
fn responses_keep_unsupported_values() {
    let wire = json!({"ok": 1, "gone": null, "place": {"city": "Seoul"}});
    let metadata: UserMetadata = serde_json::from_value(wire.clone()).unwrap();
    let MetadataValue::Other(place) = metadata.get("place").unwrap() else {
        panic!("{metadata:?}")
    };
    assert_eq!(place.as_value(), &json!({"city": "Seoul"}));
    assert_eq!(
        metadata.check().unwrap_err().keys().collect::<Vec<_>>(),
        ["gone", "place"]
    );
    assert_eq!(serde_json::to_value(&metadata).unwrap(), wire);
}

#[test]
fn unsafe_integers_are_listed() {
    let check = |json: &str, is_unsafe: bool| {
        let metadata: UserMetadata = format!(r#"{{"key": {json}}}"#).parse().unwrap();
        assert_eq!(metadata.unsafe_integers().count() == 1, is_unsafe, "{json}");
    };
    check("9007199254740991", false);
    check("-9007199254740991", false);
    check("9007199254740992", true);
    check("-9007199254740992", true);
    check("18446744073709551615", true);
    // Exceeds 64 bits, so JSON parsers read it as a float.
    check("36893488147419103232", true);
    check("1.5", false);
    check(r#""9007199254740992""#, false);
}

#[test]
fn reserved_keys_are_listed_in_order() {
    let metadata: UserMetadata = r#"{"width": 1, "category": "a", "duration": 2, "Width": 3}"#
        .parse()
        .unwrap();
    assert_eq!(
        metadata.reserved_keys().collect::<Vec<_>>(),
        ["duration", "width"]
    );
}

#[test]
fn patch_sets_deletes_and_keeps() {
    let mut patch = MetadataPatch::new();
    patch
        .set("rating", MetadataValue::try_from(9.5).unwrap())
        .delete("category");
    assert_eq!(patch.to_string(), r#"{"category":null,"rating":9.5}"#);
    assert_eq!(patch, patch.to_string().parse().unwrap());

    let mut metadata: UserMetadata = r#"{"category": "a", "batch": 5}"#.parse().unwrap();
    patch.apply_to(&mut metadata);
    assert_eq!(metadata.to_string(), r#"{"batch":5,"rating":9.5}"#);
}

#[test]
fn patch_is_always_strict() {
    let text = r#"{"place": {"city": "Seoul"}, "gone": null}"#;
    let parsed = text.parse::<MetadataPatch>().unwrap_err();
    assert_eq!(parsed.keys().collect::<Vec<_>>(), ["place"]);
    let decoded = serde_json::from_str::<MetadataPatch>(text).unwrap_err();
    assert_eq!(decoded.to_string(), parsed.to_string());
    assert!(r#"{"a": 1, "a": null}"#.parse::<MetadataPatch>().is_err());
}

#[test]
fn metadata_from_rust_values() {
    let mut metadata: UserMetadata = [("category", "a"), ("place", "Seoul")]
        .into_iter()
        .collect();
    metadata.extend([("batch", 5_u8)]);
    assert_eq!(metadata.insert("batch", 6_i64), Some(5_u8.into()));
    assert_eq!(metadata.remove("place"), Some("Seoul".into()));
    metadata.insert("labels", ["x"]);
    metadata.insert("live", true);
    assert_eq!(
        metadata.to_string(),
        r#"{"batch":6,"category":"a","labels":["x"],"live":true}"#
    );
    assert_eq!((metadata.len(), metadata.is_empty()), (4, false));
    let value = |key| metadata.get(key).unwrap();
    assert_eq!(value("batch").as_i64(), Some(6));
    assert_eq!(value("category").as_str(), Some("a"));
    assert_eq!(value("labels").as_strings(), Some(&["x".to_owned()][..]));
    assert_eq!(value("live").as_bool(), Some(true));
    assert_eq!(value("live").as_f64(), None);
}
