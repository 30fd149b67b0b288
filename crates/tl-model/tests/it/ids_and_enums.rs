//! Identifiers and open enumerations.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tl_model::*;

#[test]
fn identifier_equals_its_text() {
    let id = TaskId::from("62a1ec6d9ea24f052b971a0f");
    assert_eq!(id, "62a1ec6d9ea24f052b971a0f");
    assert_eq!(id.to_string().parse(), Ok(id.clone()));
    assert_eq!(id.as_ref(), id.as_str());
    assert_eq!(String::from(id.clone()), "62a1ec6d9ea24f052b971a0f");
    assert_eq!(format!("{id:?}"), r#"TaskId("62a1ec6d9ea24f052b971a0f")"#);
    assert_eq!(format!("{:>6}|", IndexId::new("ab")), "    ab|");
    assert_eq!(
        BTreeMap::from([(id, 1)]).get("62a1ec6d9ea24f052b971a0f"),
        Some(&1)
    );
}

#[test]
fn object_id_is_24_hexadecimal_digits() {
    let check = |text: &str, expected: bool| {
        assert_eq!(VideoId::from(text).is_object_id(), expected, "{text}");
    };
    check("62a1ec6d9ea24f052b971a0f", true);
    check("62A1EC6D9EA24F052B971A0F", true);
    check("62a1ec6d9ea24f052b971a0", false);
    check("62a1ec6d9ea24f052b971a0ff", false);
    check("62a1ec6d9ea24f052b971a0g", false);
    check("", false);
    check("éééééééééééé", false);
}

/// Known values decode as variants; any other value is kept unchanged.
fn check_values<T>(known: &[T], is_known: fn(&T) -> bool, values: &[&str])
where
    T: Serialize
        + DeserializeOwned
        + PartialEq
        + std::fmt::Debug
        + std::fmt::Display
        + Clone
        + for<'a> From<&'a str>,
{
    assert_eq!(known.iter().map(T::to_string).collect::<Vec<_>>(), values);
    for (variant, value) in known.iter().zip(values) {
        assert_eq!(&T::from(value), variant);
        assert!(is_known(variant));
        assert_eq!(serde_json::to_value(variant).unwrap(), *value);
        assert_eq!(
            &serde_json::from_value::<T>((*value).into()).unwrap(),
            variant
        );
        assert!(!is_known(&T::from(format!("{value} ").as_str())));
        if let Some(other_case) =
            Some(value.to_ascii_uppercase()).filter(|upper| !values.contains(&upper.as_str()))
        {
            assert!(!is_known(&T::from(other_case.as_str())), "{other_case}");
        }
    }
    let unknown = T::from("never heard of");
    assert!(!is_known(&unknown));
    assert_eq!(
        format!("{unknown:?} {unknown}"),
        r#"Unknown("never heard of") never heard of"#
    );
    assert_eq!(serde_json::to_value(&unknown).unwrap(), "never heard of");
    assert_eq!(unknown, T::from("never heard of"));
    assert_ne!(unknown, T::from("never heard"));
}

macro_rules! values {
    ($($test:ident: $name:ident = $values:expr;)+) => {
        $(#[test]
        fn $test() {
            check_values($name::KNOWN, $name::is_known, &$values);
        })+
    };
}

values! {
    task_statuses: TaskStatus = ["validating", "pending", "queued", "indexing", "ready", "failed", "uploading"];
    model_names: ModelName = ["marengo2.5", "marengo2.6", "marengo2.7", "marengo3.0", "marengo3.5", "pegasus1", "pegasus1.1",
        "pegasus1.2", "pegasus1.5", "pegasus1.6"];
    model_options: ModelOption = ["visual", "audio", "conversation", "text_in_video", "logo"];
    addons: Addon = ["thumbnail"];
    model_families: ModelFamily = ["marengo", "pegasus"];
    hls_statuses: HlsStatus = ["PROCESSING", "COMPLETE", "CANCELED", "ERROR"];
    sort_options: SortOption = ["asc", "desc"];
    sort_keys: SortBy = ["created_at", "updated_at", "name"];
    webhook_event_types: WebhookEventType = ["index.task.ready", "index.task.failed", "analyze.task.ready",
        "analyze.task.failed", "analyze.task.canceled"];
    analyze_statuses: AnalyzeStatus = ["queued", "pending", "processing", "ready", "failed", "canceled"];
    analyze_source_types: AnalyzeSourceType = ["url", "base64_string", "asset_id", "video_id"];
    error_codes: ErrorCode = [
        "parameter_invalid", "parameter_not_provided", "parameter_unknown", "resource_not_exist", "api_key_invalid",
        "tags_not_allowed", "api_upgrade_required", "too_many_requests", "api_allowed_for_paid_plan", "api_not_allowed",
        "unauthorized", "unauthorized_request", "region_not_allowed", "request_canceled_or_timed_out",
        "index_option_cannot_be_changed", "index_engine_cannot_be_changed", "index_name_already_exists",
        "video_resolution_too_low", "video_resolution_too_high", "video_resolution_invalid_aspect_ratio",
        "video_duration_too_short", "video_duration_too_long", "video_file_broken", "video_filesize_too_large",
        "audio_file_broken", "unsupported_file_type", "usage_limit_exceeded", "insufficient_funds", "task_cannot_be_deleted",
        "search_option_not_supported", "search_option_combination_not_supported", "search_filter_invalid",
        "search_page_token_expired", "index_not_supported_for_search", "index_not_supported_for_generate",
        "token_limit_exceeded", "content_type_invalid", "read_not_allowed", "video_not_ready", "endpoint_deprecated",
        "not_found", "generic_error", "VALIDATION_ERROR", "RATE_LIMIT_EXCEEDED", "INTERNAL_SERVER_ERROR",
    ];
}

#[test]
fn only_ready_and_failed_are_terminal() {
    let terminal: Vec<_> = TaskStatus::KNOWN
        .iter()
        .filter(|status| status.is_terminal())
        .collect();
    assert_eq!(terminal, [&TaskStatus::Ready, &TaskStatus::Failed]);
    assert!(!TaskStatus::from("done").is_terminal());
}

#[test]
fn family_is_the_prefix_of_the_name() {
    let check = |name: &str, family: Option<ModelFamily>| {
        assert_eq!(ModelName::from(name).family(), family, "{name}");
    };
    check("marengo3.0", Some(ModelFamily::Marengo));
    check("pegasus9", Some(ModelFamily::Pegasus));
    check("jockey1", None);
}

proptest! {
    #[test]
    fn enums_compare_by_text(a in "[a-r]{0,3}|ready|queued|failed", b in "[a-r]{0,3}|ready|queued") {
        let (left, right) = (TaskStatus::from(a.as_str()), TaskStatus::from(b.as_str()));
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        prop_assert_eq!(left == right, a == b);
    }
}
