//! Access control: the API, the storage and the control API share one guard.

use serde_json::json;

use crate::raw::{builder, exchange, get, head};

#[test]
fn foreign_hosts_and_origins_are_rejected() {
    let emulator = builder().start_blocking().unwrap();
    let host = format!("127.0.0.1:{}", emulator.base_url().port().unwrap());
    let ours = format!("host: {host}\r\n");
    let request = |method: &str, path: &str, headers: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{headers}x-api-key: tlk_emulator_x\r\ncontent-length: 0\r\n\r\n"
        );
        exchange(&emulator, &head, b"").unwrap()
    };
    let twice = format!("{ours}host: evil.example\r\n");
    for path in [
        "/v1.3/tasks",
        "/_emulator/state",
        "/_emulator",
        "/_storage/x/1",
        "/_media/00/stream.mp4",
        "/",
    ] {
        let rebound = request("GET", path, "host: evil.example\r\n");
        assert_eq!(
            (rebound.status, &rebound.json()["code"]),
            (403, &json!("host_not_allowed")),
            "{path}"
        );
        for headers in [twice.as_str(), ""] {
            let refused = request("GET", path, headers);
            assert_eq!(
                (refused.status, &refused.json()["code"]),
                (400, &json!("host_invalid")),
                "{path} {headers}"
            );
        }
        let foreign = format!("{ours}origin: https://evil.example\r\n");
        let refused = request("POST", path, &foreign);
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (403, &json!("origin_not_allowed")),
            "{path}"
        );
    }
    assert_eq!(request("GET", "/v1.3/tasks", &ours).status, 200);
    assert_eq!(
        request("GET", "/v1.3/tasks", "host: localhost\r\n").status,
        200
    );
}

#[test]
fn root_redirects_to_the_page() {
    let emulator = builder().start_blocking().unwrap();
    for path in ["/", "/_emulator/"] {
        let response = exchange(&emulator, &head("GET", path, &[]), b"").unwrap();
        assert_eq!(response.status, 307, "{response:?}");
        assert!(
            response.head.contains("location: /_emulator\r\n")
                || response.head.ends_with("location: /_emulator"),
            "{}",
            response.head
        );
    }
    assert_eq!(get(&emulator, "/_emulator").status, 200);
}
