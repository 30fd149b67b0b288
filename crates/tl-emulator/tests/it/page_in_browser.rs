//! The page in Chromium: keyboard use, light and dark theme.

use serde_json::{Value, json};
use tl_emulator::{ClockMode, Emulator};

use crate::{
    browser::Browser,
    clips::clip,
    raw::{builder, exchange, form, get, index, send_form},
    renditions::rendition,
};

fn upload(emulator: &Emulator, index: &str, name: &str) -> (String, String) {
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let created = send_form(
        emulator,
        &form(&[("index_id", index)], Some((name, &bytes))),
    )
    .json();
    let id = |name: &str| created[name].as_str().unwrap().to_owned();
    (id("_id"), id("video_id"))
}

fn page(emulator: &Emulator, tab: &str) -> String {
    format!("{}?tab={tab}", emulator.control_url())
}

const TABS: [&str; 6] = [
    "overview",
    "videos",
    "indexes",
    "requests",
    "controls",
    "search&q=a",
];

/// The controls without a name for screen readers.
const NAMELESS: &str = "[...document.querySelectorAll('a, button, input:not([type=hidden]), select, video, progress, img, table')]\
     .filter((one) => !(one.labels?.length || one.textContent?.trim() || one.ariaLabel || one.hasAttribute('alt') || one.caption))\
     .map((one) => one.outerHTML)";

/// The texts of a table column, from the first row on.
fn column(browser: &mut Browser, part: &str, column: usize) -> Vec<String> {
    let cells = format!(
        "[...document.querySelectorAll('#live-{part} tbody tr')].map((row) => row.cells[{column}].innerText)"
    );
    serde_json::from_value(browser.value(&cells)).unwrap()
}

#[test]
fn tasks_are_filtered_by_keyboard() {
    let emulator = builder().clock(ClockMode::Manual).start_blocking().unwrap();
    let index = index(&emulator);
    upload(&emulator, &index, "first.mp4");
    emulator.advance(std::time::Duration::from_secs(1));
    let hostile = "<img src=x onerror=alert(1)>.mp4";
    upload(&emulator, &index, hostile);
    let mut browser = Browser::open();
    browser.visit(&page(&emulator, "videos"));
    assert_eq!(column(&mut browser, "tasks", 1), ["validating", "ready"]);
    assert_eq!(column(&mut browser, "tasks", 2), [hostile, "first.mp4"]);

    // The first Tab stop is the skip link.
    browser.press("Tab");
    assert_eq!(
        browser.value("document.activeElement.className"),
        json!("skip")
    );
    browser.press("Enter");
    browser.wait_until("location.hash === '#main'");
    browser.tab_to("select[name=status]");
    browser.type_text("ready");
    assert_eq!(
        browser.value("document.activeElement.value"),
        json!("ready")
    );
    browser.tab_to("section#tasks form button");
    browser.press("Enter");
    browser.wait_until("location.search.includes('status=ready')");
    browser.wait_until("document.readyState === 'complete'");
    assert_eq!(column(&mut browser, "tasks", 2), ["first.mp4"]);

    assert_eq!(browser.value(NAMELESS), json!([]));

    // A key opens another tab.
    browser.type_text("4");
    browser.wait_until("location.search.includes('tab=requests')");
    browser.wait_until("document.readyState === 'complete'");
    browser.tab_to("select[name=operation]");
    browser.type_text("tasks.c");
    browser.tab_to("section#journal form button");
    browser.press("Enter");
    browser.wait_until("location.search.includes('operation=tasks.create')");
    browser.wait_until("document.readyState === 'complete'");
    let requests = column(&mut browser, "journal", 2);
    assert_eq!(requests, ["POST /v1.3/tasks", "POST /v1.3/tasks"]);
    assert_eq!(browser.value(NAMELESS), json!([]));
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[test]
fn video_plays() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let (_, video) = upload(&emulator, &index, "a.mp4");
    assert_eq!(rendition(&emulator, &video)["error"], Value::Null);
    let mut browser = Browser::open();
    browser.visit(&page(&emulator, "videos"));
    browser.tab_to("#live-tasks a.play");
    browser.press("Enter");
    browser
        .wait_until("document.readyState === 'complete' && location.pathname.includes('/play/')");
    browser.wait_until("document.querySelector('video').readyState >= 2");
    let length = browser.value("document.querySelector('video').duration");
    assert!((4.8..5.3).contains(&length.as_f64().unwrap()), "{length}");
    browser.tab_to("video");
    browser.press("Space");
    browser.wait_until("document.querySelector('video').currentTime > 0.5");
    assert_eq!(
        browser.value("document.querySelector('video').error"),
        Value::Null
    );
    let source = browser.value("document.querySelector('video').currentSrc");
    assert!(
        source.as_str().unwrap().ends_with("/stream.mp4"),
        "{source}"
    );
    // Seeking uses range requests.
    browser.value("document.querySelector('video').currentTime = 3");
    browser.wait_until("document.querySelector('video').currentTime > 3.2");
    browser.wait_until("[...document.images].length === 3 && [...document.images].every((one) => one.naturalWidth > 0)");
    browser.screenshot("player");
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[test]
fn page_refreshes_after_the_clock_is_advanced() {
    let emulator = builder().clock(ClockMode::Manual).start_blocking().unwrap();
    let index = index(&emulator);
    let mut browser = Browser::open();
    browser.visit(&page(&emulator, "videos"));
    let (task, _) = upload(&emulator, &index, "a.mp4");
    // The page was not reloaded; the script refreshed it.
    browser.wait_until("document.querySelector('#live-tasks')?.innerText.includes('validating')");
    browser.visit(&page(&emulator, "controls"));
    browser.tab_to("input[name=seconds]");
    browser.value("document.activeElement.select()");
    browser.type_text("600");
    browser.press("Enter");
    browser.wait_until("document.readyState === 'complete' && location.hash === '#clock'");
    let body = get(&emulator, &format!("/v1.3/tasks/{task}")).json();
    assert_eq!(body["status"], "ready");
    browser.visit(&page(&emulator, "videos"));
    assert_eq!(column(&mut browser, "tasks", 1), ["ready"]);

    browser.visit(&page(&emulator, "controls"));
    browser.tab_to("input[name=fault]");
    browser.type_text("tasks.list status=500");
    browser.press("Enter");
    browser.wait_until("document.querySelector('#live-faults')?.innerText.includes('tasks.list') && location.hash === '#faults'");
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 500);
    // A refresh keeps the focus.
    browser.tab_to("#remove-1");
    browser.wait_until("document.querySelector('#live-faults').innerText.includes('1 times')");
    assert_eq!(
        browser.value("document.activeElement.id"),
        json!("remove-1")
    );
    browser.press("Enter");
    browser.wait_until("document.querySelector('#live-faults')?.innerText.includes('No faults')");
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 200);
    assert_eq!(browser.errors, Vec::<String>::new());
}

#[test]
fn bodies_open_and_ids_are_copied() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let mut browser = Browser::open();
    browser.visit(&page(&emulator, "requests"));
    browser.tab_to("#live-journal summary");
    browser.press("Enter");
    browser.wait_until("document.querySelectorAll('.bodies pre').length === 2");
    let bodies = "[...document.querySelectorAll('.bodies pre')].map((one) => one.innerText)";
    let bodies: Vec<String> = serde_json::from_value(browser.value(bodies)).unwrap();
    let request: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(request["index_name"], "clips");
    assert!(bodies[1].contains(&index), "{bodies:?}");
    // What is read is not replaced; afterwards it is, and what was open stays open.
    browser.value("document.activeElement.blur()");
    _ = get(&emulator, "/v1.3/tasks/nonsense");
    browser.wait_until("document.querySelector('#live-journal').innerText.includes('nonsense')");
    browser.wait_until("document.querySelectorAll('details[open] .bodies pre').length === 2");
    browser.screenshot("page-bodies");

    // The slash key searches.
    browser.type_text("/");
    assert_eq!(browser.value("document.activeElement.name"), json!("q"));
    browser.type_text(&index);
    browser.press("Enter");
    browser.wait_until("location.search.includes('tab=search')");
    browser.wait_until("document.readyState === 'complete'");
    browser.value("window.copied = ''; navigator.clipboard.writeText = async (text) => { window.copied = text; }");
    browser.tab_to("#live-indexes .copy");
    browser.press("Enter");
    browser.wait_until("document.activeElement.innerText === 'Copied'");
    assert_eq!(browser.value("window.copied"), json!(index));
    assert_eq!(browser.errors, Vec::<String>::new());
}

/// Texts with a contrast below 4.5 to their background (WCAG 2.2, 1.4.3).
pub(crate) const PALE: &str = include_str!("pale.js");

#[test]
fn light_and_dark_themes_have_enough_contrast() {
    let emulator = builder().clock(ClockMode::Manual).start_blocking().unwrap();
    // Nothing listens on this port.
    let hook = "http://127.0.0.1:9/hook".parse().unwrap();
    emulator.register_webhook(&hook, "whsec_1").unwrap();
    let index = index(&emulator);
    let (_, video) = upload(&emulator, &index, "holiday at the sea.mp4");
    emulator.advance(std::time::Duration::from_secs(1));
    upload(&emulator, &index, "a second clip.mp4");
    rendition(&emulator, &video);
    let session = json!({ "filename": "long film.mp4", "type": "video", "total_size": 50_000_000 });
    let session = crate::raw::send_json(
        &emulator,
        "POST",
        "/v1.3/assets/multipart-uploads",
        &session,
    );
    assert_eq!(session.status, 201, "{session:?}");
    let url = session.json()["upload_urls"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = url::Url::parse(&url).unwrap();
    let chunk = vec![7; 5 << 20];
    // Without the API key, which the storage rejects.
    let put = format!(
        "PUT {}?{} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        url.path(),
        url.query().unwrap(),
        chunk.len()
    );
    let stored = exchange(&emulator, &put, &chunk).unwrap();
    assert_eq!(stored.status, 200, "{stored:?}");
    _ = get(&emulator, "/v1.3/tasks/nonsense");
    let fault = crate::raw::send_json(
        &emulator,
        "POST",
        "/_emulator/faults",
        &json!("assets.create every=3 status=503 retry_after=2"),
    );
    assert_eq!(fault.status, 204);

    let mut browser = Browser::open();
    let mut backgrounds = Vec::new();
    let fits = "document.documentElement.scrollWidth <= innerWidth";
    for scheme in ["light", "dark"] {
        browser.set_color_scheme(scheme);
        for tab in TABS {
            browser.visit(&page(&emulator, tab));
            browser.wait_until("[...document.images].every((one) => one.complete)");
            let name = tab.split('&').next().unwrap();
            browser.screenshot(&format!("page-{name}-{scheme}"));
            assert_eq!(browser.value(PALE), json!([]), "{tab}, {scheme}");
            assert_eq!(browser.value(NAMELESS), json!([]), "{tab}");
            // Nothing is wider than the window: tables scroll on their own.
            assert_eq!(browser.value(fits), json!(true), "{tab}");
        }
        backgrounds.push(browser.value("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
    let narrow = json!({ "width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": false });
    browser.call("Emulation.setDeviceMetricsOverride", &narrow);
    for tab in TABS {
        browser.visit(&page(&emulator, tab));
        assert_eq!(browser.value(fits), json!(true), "{tab}");
        let name = tab.split('&').next().unwrap();
        browser.screenshot(&format!("page-{name}-narrow"));
    }
    browser.visit(&page(&emulator, "videos"));
    let part = "document.querySelector('#live-uploads progress').value";
    assert_eq!(browser.value(part), json!(5 << 20));
    assert_eq!(browser.errors, Vec::<String>::new());
}
