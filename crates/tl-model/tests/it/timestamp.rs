//! Timestamps keep their text and parse their instant.

use tl_model::Timestamp;

#[test]
fn rfc_3339_text_has_an_instant() {
    let check = |text: &str, instant: Option<&str>| {
        let timestamp = Timestamp::from(text);
        assert_eq!(
            timestamp
                .instant()
                .map(|instant| instant.to_string())
                .as_deref(),
            instant,
            "{text}"
        );
        assert_eq!(timestamp.to_string(), text);
    };
    check("2024-01-16T07:59:40.879Z", Some("2024-01-16T07:59:40.879Z"));
    check("2022-01-14T13:34:29Z", Some("2022-01-14T13:34:29Z"));
    check(
        "2026-03-01T10:15:30.123+09:00",
        Some("2026-03-01T01:15:30.123Z"),
    );
    check(
        "2026-03-01T10:15:30.123456789Z",
        Some("2026-03-01T10:15:30.123456789Z"),
    );
    check("2022-12-08T11: 20: 58.859Z", None);
    check("2026-03-01", None);
    check("2026-03-01T10:15:30", None);
    check("2026-02-30T10:15:30Z", None);
    check("yesterday", None);
    check("", None);
}

#[test]
fn instant_round_trips() {
    let instant: jiff::Timestamp = "2026-11-21T08:00:00.5Z".parse().unwrap();
    let timestamp = Timestamp::from(instant);
    assert_eq!(timestamp.as_str(), "2026-11-21T08:00:00.5Z");
    assert_eq!(timestamp.instant(), Some(instant));
}
