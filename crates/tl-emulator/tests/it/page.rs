//! The page of the emulator: what it shows, what its forms do, and what it plays.

use std::time::Duration;

use tl_emulator::{ClockMode, Emulator};

use crate::{
    clips::clip,
    raw::{Raw, builder, exchange, form, get, head, index, send_form, send_json},
};

fn text(answer: &Raw) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

fn submit(emulator: &Emulator, path: &str, body: &str) -> Raw {
    let length = body.len().to_string();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", length.as_str()),
    ];
    exchange(emulator, &head("POST", path, &headers), body.as_bytes()).unwrap()
}

#[test]
fn the_page_shows_what_is_there_and_no_markup_of_a_client() {
    let emulator = builder().clock(ClockMode::Manual).start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let name = "<script>alert(1)</script>&.mp4";
    send_form(
        &emulator,
        &form(&[("index_id", &index)], Some((name, &bytes))),
    );
    let markup = serde_json::json!({
        "index_name": "<img>",
        "models": [{ "model_name": "marengo3.0", "model_options": ["visual"] }],
    });
    assert_eq!(
        send_json(&emulator, "POST", "/v1.3/indexes", &markup).status,
        201
    );
    let page = get(&emulator, "/_emulator");
    assert_eq!(page.status, 200, "{page:?}");
    assert!(
        page.head
            .contains("content-security-policy: default-src 'none'"),
        "{}",
        page.head
    );
    let html = text(&page);
    // The name loses its directory, so what is before the last slash is gone.
    for part in [
        "script&gt;&amp;.mp4",
        "640x360",
        "validating",
        "clips",
        "tasks.create nth=1",
        "&lt;img&gt;",
        &index,
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(
        !html.contains("<img>") && !html.contains("script>&"),
        "{html}"
    );

    assert!(text(&get(&emulator, "/_emulator?status=failed")).contains("No tasks."));
    assert!(text(&get(&emulator, "/_emulator?status=nonsense")).contains("is not one of"));
    assert!(text(&get(&emulator, "/_emulator/live?filename=other")).contains("No tasks."));
    for path in ["/_emulator/page.css", "/_emulator/page.js"] {
        assert_eq!(get(&emulator, path).status, 200, "{path}");
    }
    assert!(
        emulator
            .journal()
            .iter()
            .all(|entry| !entry.path.starts_with("/_emulator"))
    );
}

#[test]
fn the_forms_of_the_page_move_the_clock_and_make_faults() {
    let emulator = builder().clock(ClockMode::Manual).start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("a.mp4", &bytes))),
    );
    assert_eq!(
        submit(&emulator, "/_emulator/do/advance", "seconds=1").status,
        303
    );
    assert!(text(&get(&emulator, "/_emulator")).contains("state ready"));
    assert_eq!(
        submit(
            &emulator,
            "/_emulator/do/fault",
            "fault=tasks.list+status%3D500"
        )
        .status,
        303
    );
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 500);
    assert!(text(&get(&emulator, "/_emulator")).contains("struck 1 times"));
    let wrong = submit(&emulator, "/_emulator/do/fault", "fault=%3Cb%3E+drop");
    let place = wrong
        .head
        .lines()
        .find_map(|line| line.strip_prefix("location: "))
        .unwrap();
    assert!(
        text(&get(&emulator, place)).contains("there is no operation `&lt;b&gt;`"),
        "{place}"
    );
    assert_eq!(
        submit(&emulator, "/_emulator/do/clear-faults", "").status,
        303
    );
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 200);
    assert_eq!(
        submit(&emulator, "/_emulator/do/clock", "mode=x60").status,
        303
    );
    assert!(text(&get(&emulator, "/_emulator")).contains("<option selected>x60"));
}

#[test]
fn a_kept_video_is_played_in_ranges() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let created = send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("a.mp4", &bytes))),
    )
    .json();
    emulator.advance(Duration::from_secs(1));
    let path = format!("/_emulator/media/{}", created["video_id"].as_str().unwrap());
    let whole = get(&emulator, &path);
    assert_eq!((whole.status, whole.body), (200, bytes.clone()));
    let ask =
        |range: &str| exchange(&emulator, &head("GET", &path, &[("range", range)]), b"").unwrap();
    let part = ask("bytes=10-19");
    assert_eq!((part.status, part.body.as_slice()), (206, &bytes[10..20]));
    assert!(
        part.head
            .contains(&format!("content-range: bytes 10-19/{}", bytes.len())),
        "{}",
        part.head
    );
    for abuse in ["bytes=99999999-", "bytes=0-1,2-3,4-5", "bytes=5-1"] {
        assert_eq!(ask(abuse).status, 416, "{abuse}");
    }
    for nobody in [
        "/_emulator/media/x",
        "/_emulator/media/..%2F..%2Fetc%2Fpasswd",
    ] {
        assert_eq!(get(&emulator, nobody).status, 404, "{nobody}");
    }
}
