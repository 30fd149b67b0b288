//! Connections to a data provider and imports, on the pure handler and through the server.

use serde_json::{Value, json};
use tl_emulator::platform::{Decision, Payload, Settings};
use url::Url;

use crate::{
    knowledge_stores::text,
    raw::{RawResponse, builder, exchange, get, head, send_json},
    world::{Response, World},
};

const BACK: &str = "https://example.com/back";

fn body_of(response: &RawResponse) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

/// Authorizes a connection, and returns where the browser is sent.
fn authorize(world: &mut World, decision: Decision) -> Url {
    let body = json!({ "provider": "google_drive", "redirect_uri": BACK, "custom_id": "team" });
    let started = world.json("POST", "/connections:authorize", &body);
    assert_eq!(started.status, 200, "{started:?}");
    let (now, state) = (world.now(), text(&started, "state"));
    assert!(text(&started, "authorize_url").ends_with(&format!("?state={state}")));
    let url = world.platform.decide(now, &state, decision).unwrap();
    // A decision is made once.
    assert_eq!(world.platform.decide(now, &state, decision), None);
    url
}

/// Authorizes a connection, and returns its path.
fn connect(world: &mut World) -> String {
    let url = authorize(world, Decision::Allow);
    let pairs: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(
        (pairs["status"].as_str(), pairs["custom_id"].as_str()),
        ("ok", "team")
    );
    format!("/connections/{}", pairs["connection_id"])
}

fn import(world: &mut World, connection: &str, ids: &[&str]) -> Response {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "source_id": id })).collect();
    let path = format!("{connection}/imports");
    world.json("POST", &path, &json!({ "items": items }))
}

fn actions(response: &Response) -> Vec<&str> {
    let items = response.body["items"].as_array().unwrap().iter();
    items.map(|item| item["action"].as_str().unwrap()).collect()
}

/// Requests every operation once.
pub(crate) fn every_operation(world: &mut World) {
    let connection = connect(world);
    let token = format!("{connection}/picker-token");
    world.request("POST", &token, Payload::None);
    world.get("/connections");
    world.get(&connection);
    let uri = world.json(
        "POST",
        "/connections/redirect-uris",
        &json!({ "redirect_uri": BACK }),
    );
    world.get("/connections/redirect-uris");
    let result = import(world, &connection, &["1a", "missing"]);
    let asset = result.body["items"][0]["asset_id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.get("/assets");
    world.get(&format!("/assets/{asset}"));
    world.get(&format!("{connection}/imports"));
    world.get(&format!("{connection}/imports/{}", text(&result, "_id")));
    let uri = format!("/connections/redirect-uris/{}", text(&uri, "_id"));
    world.request("DELETE", &uri, Payload::None);
    world.request("DELETE", &connection, Payload::None);
}

#[test]
fn denied_authorization_returns_an_error() {
    let mut world = World::new(Settings::default());
    let url = authorize(&mut world, Decision::Deny);
    assert_eq!(url.as_str(), format!("{BACK}?error=access_denied"));
    let listed = world.get("/connections");
    assert_eq!(listed.body["data"], json!([]));
}

#[test]
fn imports_report_each_file_in_order() {
    let mut world = World::new(Settings::default());
    let connection = connect(&mut world);
    let ids = [
        "1a",
        "missing-1",
        "private-1",
        "document-1",
        "large-1",
        "broken-1",
    ];
    let result = import(&mut world, &connection, &ids);
    assert_eq!(
        (result.status, &result.body["has_failures"]),
        (202, &json!(true))
    );
    let item = |at: usize| &result.body["items"][at];
    assert_eq!(
        actions(&result),
        [
            "created", "rejected", "rejected", "rejected", "rejected", "created"
        ]
    );
    let codes: Vec<&str> = (1..5)
        .map(|at| item(at)["error"]["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "source_unavailable",
            "source_not_authorized",
            "unsupported_media_type",
            "video_filesize_too_large"
        ]
    );
    assert_eq!(item(0)["status"], "processing");
    assert_eq!(item(1).get("asset_id"), None);
    world.wait(1000);
    let path = format!("{connection}/imports/{}", text(&result, "_id"));
    let later = world.get(&path);
    assert_eq!(later.body["items"][0]["status"], "ready");
    assert_eq!(later.body["items"][5]["status"], "failed");
    // An import through the same account finds the assets again.
    let again = import(&mut world, &connection, &["1a", "broken-1", "1b"]);
    assert_eq!(actions(&again), ["skipped", "retried", "created"]);
    assert_eq!(again.body["items"][0]["asset_id"], item(0)["asset_id"]);
    assert_eq!(again.body["has_failures"], false);
    // A deleted asset drops out.
    let asset = item(0)["asset_id"].as_str().unwrap();
    let imported = world.get(&format!("/assets/{asset}")).body;
    assert_eq!(imported["method"], "connector");
    assert_eq!(imported["source"]["details"]["source_id"], "1a");
    world.request("DELETE", &format!("/assets/{asset}"), Payload::None);
    let later = world.get(&path);
    assert_eq!(later.body["items"].as_array().unwrap().len(), 5);
    assert_eq!(later.body["item_count"], 6);
}

#[test]
fn invalid_imports_are_refused() {
    let mut world = World::new(Settings::default());
    let connection = connect(&mut world);
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for ids in [&[][..], &["a", "a"], &[""], &many] {
        assert_eq!(import(&mut world, &connection, ids).status, 400, "{ids:?}");
    }
    let nowhere = "/connections/aaaaaaaaaaaaaaaaaaaaaaaa";
    assert_eq!(import(&mut world, nowhere, &["a"]).status, 404);
    assert_eq!(world.get(&format!("{connection}/imports/x")).status, 400);
}

#[test]
fn redirect_uris_must_be_public_and_restrict_authorizations() {
    let mut world = World::new(Settings::default());
    let mut create = |uri: &str| {
        let body = json!({ "redirect_uri": uri });
        world.json("POST", "/connections/redirect-uris", &body)
    };
    for uri in [
        "http://example.com/back",
        "https://localhost/back",
        "https://10.0.0.1/back",
        "https://*.example.com/back",
        "back",
    ] {
        let refused = create(uri);
        assert_eq!(
            (refused.status, text(&refused, "code")),
            (422, "redirect_uri_invalid".to_owned()),
            "{uri}"
        );
    }
    let other = "https://example.com/other";
    assert_eq!(create(other).status, 201);
    assert_eq!(create(other).status, 409);
    let body = json!({ "provider": "google_drive", "redirect_uri": BACK });
    let refused = world.json("POST", "/connections:authorize", &body);
    assert_eq!(refused.status, 400);
    let body = json!({ "provider": "google_drive", "redirect_uri": "back" });
    assert_eq!(
        world.json("POST", "/connections:authorize", &body).status,
        400
    );
}

#[test]
fn browser_decides_on_a_page_of_the_emulator() {
    let emulator = builder().start_blocking().unwrap();
    let body = json!({ "provider": "google_drive", "redirect_uri": "http://127.0.0.1:9/back" });
    // The colon may be encoded.
    for path in [
        "/v1.3/connections:authorize",
        "/v1.3/connections%3Aauthorize",
    ] {
        let started = send_json(&emulator, "POST", path, &body);
        assert_eq!(started.status, 200, "{started:?}");
        let url: Url = started.json()["authorize_url"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let page = format!("{}?{}", url.path(), url.query().unwrap());
        assert!(body_of(&get(&emulator, &page)).contains("Allow"));
        let decided = get(&emulator, &format!("{page}&decision=allow"));
        assert_eq!(decided.status, 302);
        let back = decided.head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location").then_some(value)
        });
        let back = back.unwrap();
        assert!(
            back.starts_with("http://127.0.0.1:9/back?connection_id="),
            "{back}"
        );
        assert_eq!(
            get(&emulator, &format!("{page}&decision=allow")).status,
            404
        );
    }
    let page = get(&emulator, "/_emulator/connect?state=%3Cscript%3E");
    assert_eq!(page.status, 404);
}

#[test]
fn picker_tokens_do_not_show_in_the_journal() {
    let emulator = builder().start_blocking().unwrap();
    let body = json!({ "provider": "google_drive", "redirect_uri": BACK });
    let started = send_json(&emulator, "POST", "/v1.3/connections:authorize", &body).json();
    let state = started["state"].as_str().unwrap();
    get(
        &emulator,
        &format!("/_emulator/connect?state={state}&decision=allow"),
    );
    let listed = get(&emulator, "/v1.3/connections").json();
    let id = listed["data"][0]["_id"].as_str().unwrap();
    let path = format!("/v1.3/connections/{id}/picker-token");
    let headers = [("content-length", "0")];
    let token = exchange(&emulator, &head("POST", &path, &headers), b"")
        .unwrap()
        .json();
    let secrets = ["access_token", "developer_key"].map(|name| token[name].as_str().unwrap());
    let journal = body_of(&get(&emulator, "/_emulator/journal?bodies=true"));
    for secret in secrets {
        assert!(secret.starts_with("emulator-"), "{secret}");
        assert!(!journal.contains(secret), "{journal}");
    }
}
