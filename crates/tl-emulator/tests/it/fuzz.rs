//! Random requests: the platform always responds, and never with a server error.

use bytes::Bytes;
use proptest::prelude::*;
use tl_emulator::platform::{Payload, Settings};

use crate::world::{World, text};

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("tasks".to_owned()),
        Just("indexes".to_owned()),
        Just("videos".to_owned()),
        Just("aaaaaaaaaaaaaaaaaaaaaaaa".to_owned()),
        Just("..".to_owned()),
        "[ -~]{0,12}".prop_map(|text| percent(&text)),
        "\\PC{0,6}".prop_map(|text| percent(&text)),
    ]
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "page",
        "page_limit",
        "sort_by",
        "sort_option",
        "status",
        "index_id",
        "duration",
        "width[gte]",
        "created_at",
        "filename",
        "user_metadata",
        "video_url",
        "video_file",
        "enable_video_stream",
        "model_options",
        "x",
    ])
    .prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        Just("ready".to_owned()),
        Just("2024-08-16T16:53:59Z".to_owned()),
        Just("http://example.com/a.mp4".to_owned()),
        Just("{\"a\":1}".to_owned()),
        "\\PC{0,20}",
    ]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
        Just("marengo3.0".into()),
        Just("visual".into()),
    ];
    let key = prop::sample::select(vec![
        "index_name",
        "models",
        "model_name",
        "model_options",
        "addons",
        "user_metadata",
        "x",
    ]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((key.clone().prop_map(str::to_owned), inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn random_requests_never_cause_server_errors(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
        segments in prop::collection::vec(word(), 0..5),
        query in prop::collection::vec((name(), value()), 0..4),
        fields in prop::collection::vec((name(), value()), 0..5),
        body in json(),
        kind in 0_u8..4,
    ) {
        let mut world = World::new(Settings::default());
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
        let path = format!("/{}?{}", segments.join("/"), query.join("&"));
        let payload = match kind {
            0 => Payload::None,
            1 => Payload::Json(Bytes::from(body.to_string())),
            2 => Payload::Json(Bytes::from(body.to_string().into_bytes().split_off(1))),
            _ => Payload::Form { fields: fields.iter().map(|(name, value)| text(name, value)).collect(), uploads: Vec::new() },
        };
        let response = world.request(method, &path, payload);
        prop_assert!((200..500).contains(&response.status), "{method} {path}: {response:?}");
        if response.status >= 400 {
            prop_assert!(response.body["code"].is_string() && response.body["message"].is_string(), "{response:?}");
        }
    }
}
