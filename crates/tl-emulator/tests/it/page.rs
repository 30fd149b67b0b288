//! The page of the emulator: its content, its forms and its player.

use std::{io::Write, time::Duration};

use tl_emulator::{ClockMode, Emulator, TimeLimits};

use crate::{
    clips::clip,
    control::webhook_receiver,
    raw::{RawResponse, builder, connect, exchange, form, get, head, index, send_form, send_json},
};

fn text(response: &RawResponse) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

/// All tabs of the page with a query.
fn tabs(emulator: &Emulator, query: &str) -> String {
    let tabs = ["overview", "videos", "indexes", "requests", "controls"];
    let pages = tabs.map(|tab| get(emulator, &format!("/_emulator?tab={tab}&{query}")));
    pages.iter().map(text).collect()
}

fn submit(emulator: &Emulator, path: &str, body: &str) -> RawResponse {
    let length = body.len().to_string();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", length.as_str()),
    ];
    exchange(emulator, &head("POST", path, &headers), body.as_bytes()).unwrap()
}

#[test]
fn page_shows_state_and_escapes_markup() {
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
    let html = tabs(&emulator, "");
    // Everything before the last slash of the file name is stripped.
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

    assert!(tabs(&emulator, "status=failed").contains("No tasks."));
    assert!(tabs(&emulator, "status=nonsense").contains("is not one of"));
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

/// Every place that shows a text of a client: names, URLs, filters, errors.
#[test]
fn every_page_escapes_names() {
    let emulator = builder().start_blocking().unwrap();
    let name = "<script>&\"'";
    let seed = serde_json::json!({
        "indexes": [{ "index_name": name, "videos": [{ "filename": name }] }],
    });
    let seeded = send_json(&emulator, "POST", "/_emulator/seed", &seed);
    assert_eq!(seeded.status, 201, "{seeded:?}");
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let mut body = form(&[("method", "direct"), ("filename", name)], None);
    body.truncate(body.len() - b"--XX--\r\n".len());
    let head = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\n";
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&bytes);
    body.extend_from_slice(b"\r\n--XX--\r\n");
    let length = body.len().to_string();
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", length.as_str()),
    ];
    let created = exchange(
        &emulator,
        &crate::raw::head("POST", "/v1.3/assets", &headers),
        &body,
    );
    let created = created.unwrap();
    assert_eq!(created.status, 201, "{created:?}");
    let asset = created.json()["_id"].as_str().unwrap().to_owned();
    let upload = serde_json::json!({ "filename": name, "type": "video", "total_size": 1000 });
    let session = send_json(&emulator, "POST", "/v1.3/assets/multipart-uploads", &upload);
    assert_eq!(session.status, 201, "{session:?}");
    let fault = "fault=tasks.list+nth%3D9+status%3D500+message%3D%3Cscript%3E%26%22%27";
    submit(&emulator, "/_emulator/do/fault", fault);
    let webhook = "url=http%3A%2F%2F127.0.0.1%3A9%2F%3F%26%22%27%3Cscript%3E&secret=s";
    submit(&emulator, "/_emulator/do/webhook", webhook);
    std::thread::sleep(Duration::from_millis(500));

    let escaped = "&lt;script&gt;&amp;&quot;&#39;";
    let query = "error=%3Cscript%3E%26%22%27&filename=%3Cscript%3E%26%22%27";
    let play = format!("/_emulator/play/{asset}");
    for (path, least) in [
        // The task, the asset twice, the upload twice.
        ("/_emulator?tab=videos", 5),
        // The index and its video.
        ("/_emulator?tab=indexes", 2),
        ("/_emulator/live", 7),
        // The error, the filter in its own field and in another form.
        (&format!("/_emulator?tab=videos&{query}"), 3),
        // The error, and what the form for requests preserves.
        (&format!("/_emulator?tab=requests&{query}"), 2),
        // The searched text, and what contains it.
        ("/_emulator?tab=search&q=%3Cscript%3E%26%22%27", 5),
        // The title, the heading, the label of the player, the link to the file.
        (&play, 4),
    ] {
        let page = get(&emulator, path);
        assert_eq!(page.status, 200, "{path}: {page:?}");
        let html = text(&page);
        let count = html.matches(escaped).count();
        assert!(count >= least, "{path}: {count} of {least}: {html}");
        assert!(!html.contains("<script>"), "{path}: {html}");
        // A quotation mark of a name would end an attribute.
        assert!(
            !html.contains("&\"") && !html.contains("&'"),
            "{path}: {html}"
        );
    }
}

#[test]
fn page_forms_advance_clock_and_add_faults() {
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
    assert!(tabs(&emulator, "").contains("<span class='state good'>ready</span>"));
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
    assert!(tabs(&emulator, "").contains("<td>1 times<td>"));
    let wrong = submit(&emulator, "/_emulator/do/fault", "fault=%3Cb%3E+drop");
    let location = wrong
        .head
        .lines()
        .find_map(|line| line.strip_prefix("location: "))
        .unwrap();
    assert!(
        text(&get(&emulator, location)).contains("there is no operation `&lt;b&gt;`"),
        "{location}"
    );
    submit(&emulator, "/_emulator/do/fault", "fault=indexes.list+drop");
    let first =
        "fault=%7B%22operation%22%3A%22tasks.list%22%2C%22status%22%3A500%7D&back=status%3Dready";
    let removed = submit(&emulator, "/_emulator/do/remove-fault", first);
    assert!(
        removed
            .head
            .contains("location: /_emulator?tab=controls&status=ready#faults"),
        "{}",
        removed.head
    );
    let page = tabs(&emulator, "");
    assert!(
        page.contains("indexes.list") && !page.contains("500}"),
        "{page}"
    );
    assert_eq!(get(&emulator, "/v1.3/tasks").status, 200);
    let removed_again = submit(&emulator, "/_emulator/do/remove-fault", first);
    assert!(
        removed_again
            .head
            .contains("error=The+fault+was+already+removed"),
        "{}",
        removed_again.head
    );
    assert_eq!(
        submit(&emulator, "/_emulator/do/clear-faults", "").status,
        303
    );
    assert!(tabs(&emulator, "").contains("No faults."));
    assert_eq!(
        submit(&emulator, "/_emulator/do/clock", "mode=x60").status,
        303
    );
    assert!(tabs(&emulator, "").contains("<option selected>x60"));
}

#[test]
fn page_adds_shows_and_removes_webhooks() {
    let limits = TimeLimits::default().with_webhook_retry(Duration::from_millis(20));
    let emulator = builder().time_limits(limits).start_blocking().unwrap();
    assert!(tabs(&emulator, "").contains("No webhooks."));
    let (url, requests) = webhook_receiver(&[503, 200]);
    let add = format!("url={}&secret=whsec_1", url.replace(':', "%3A"));
    let added = submit(&emulator, "/_emulator/do/webhook", &add);
    assert!(
        added
            .head
            .contains("location: /_emulator?tab=controls#webhooks"),
        "{}",
        added.head
    );
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("a.mp4", &bytes))),
    );
    for _ in 0..2 {
        requests.recv_timeout(Duration::from_secs(10)).unwrap();
    }
    let started = std::time::Instant::now();
    let page = loop {
        let page = tabs(&emulator, "");
        if page.contains("<span class='state good'>delivered</span><td>index.task.ready<td") {
            break page;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{page}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(page.contains(&url) && page.contains("whe_"), "{page}");
    assert!(!page.contains("whsec_1"), "the secret stays inside");

    let (_, rest) = page.split_once("name=id value=\"").unwrap();
    let (id, _) = rest.split_once('"').unwrap();
    let remove = format!("id={id}");
    submit(&emulator, "/_emulator/do/remove-webhook", &remove);
    assert!(tabs(&emulator, "").contains("No webhooks."));
    for (path, body, message) in [
        ("remove-webhook", remove.as_str(), "already+removed"),
        ("webhook", "url=ftp%3A%2F%2Fx%2F&secret=a", "scheme"),
        ("webhook", "url=nothing&secret=a", "no+address"),
        ("webhook", "url=http%3A%2F%2Fx%2F&secret=", "secret"),
    ] {
        let refused = submit(&emulator, &format!("/_emulator/do/{path}"), body);
        assert!(
            refused.head.contains("error=") && refused.head.contains(message),
            "{}",
            refused.head
        );
    }
}

#[test]
fn stored_video_is_served_in_ranges() {
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
    let request =
        |range: &str| exchange(&emulator, &head("GET", &path, &[("range", range)]), b"").unwrap();
    let part = request("bytes=10-19");
    assert_eq!((part.status, part.body.as_slice()), (206, &bytes[10..20]));
    assert!(
        part.head
            .contains(&format!("content-range: bytes 10-19/{}", bytes.len())),
        "{}",
        part.head
    );
    for abuse in ["bytes=99999999-", "bytes=0-1,2-3,4-5", "bytes=5-1"] {
        assert_eq!(request(abuse).status, 416, "{abuse}");
    }
    for nobody in [
        "/_emulator/media/x",
        "/_emulator/media/..%2F..%2Fetc%2Fpasswd",
    ] {
        assert_eq!(get(&emulator, nobody).status, 404, "{nobody}");
    }
}

#[test]
fn page_filters_journal_and_assets() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    _ = get(&emulator, &format!("/v1.3/indexes/{index}"));
    _ = get(&emulator, "/v1.3/tasks/nonsense");
    _ = get(&emulator, "/v1.3/assets?page=2");
    let check = |query: &str, shown: &[&str], hidden: &[&str]| {
        let page = text(&get(&emulator, &format!("/_emulator/live?{query}")));
        let (_, journal) = page.split_once("id=live-journal").unwrap();
        for part in shown {
            assert!(
                journal.contains(part),
                "{query}: {part} is missing: {journal}"
            );
        }
        for part in hidden {
            assert!(
                !journal.contains(part),
                "{query}: {part} is there: {journal}"
            );
        }
    };
    check(
        "",
        &[
            "POST /v1.3/indexes<",
            "/v1.3/tasks/nonsense",
            "4 of 4 matching requests (4 total)",
        ],
        &[],
    );
    check(
        "text=NONSENSE",
        &["/v1.3/tasks/nonsense", "1 of 1 matching requests (4 total)"],
        &["/v1.3/indexes"],
    );
    check("text=page%3D2", &["/v1.3/assets?page=2"], &["nonsense"]);
    check(
        "operation=indexes.create",
        &["POST /v1.3/indexes<"],
        &["GET"],
    );
    check("answer=4xx", &["nonsense"], &["POST"]);
    check("answer=201", &["POST"], &["GET"]);
    check(
        "answer=faulty",
        &["None of 4 requests match the filters."],
        &["GET"],
    );
    check("text=%3Cscript%3E", &["None of 4"], &["<script>"]);
    // A form preserves the filters of the other forms, escaped.
    let page = tabs(&emulator, "text=%22%3E%3Cb%3E&kind=video&asset=x");
    assert!(
        page.contains("<input type=hidden name=text value=\"&quot;&gt;&lt;b&gt;\">"),
        "{page}"
    );
    assert!(
        page.contains("<option selected>video</option>") && page.contains("No assets."),
        "{page}"
    );
}

#[test]
fn search_finds_names_ids_and_requests() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    for name in ["harbor.mp4", "forest.mp4"] {
        send_form(
            &emulator,
            &form(&[("index_id", &index)], Some((name, &bytes))),
        );
    }
    emulator.advance(Duration::from_secs(10));
    let search = |text: &str| tabs_of_search(&emulator, text);
    let found = search("HARBOR");
    assert!(
        found.contains("harbor.mp4") && !found.contains("forest.mp4"),
        "{found}"
    );
    // The index whose ID it is, with all of its videos, and the requests that name it.
    _ = get(&emulator, &format!("/v1.3/indexes/{index}"));
    let found = search(&index);
    for part in [
        "forest.mp4",
        "No tasks.",
        &format!("GET /v1.3/indexes/{index}"),
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let found = search("nothing of this");
    for part in ["No tasks.", "No assets.", "No indexes.", "None of"] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

fn tabs_of_search(emulator: &Emulator, searched: &str) -> String {
    let query = searched.replace(' ', "+");
    text(&get(emulator, &format!("/_emulator?tab=search&q={query}")))
}

#[test]
fn overview_counts_everything() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    send_form(
        &emulator,
        &form(&[("index_id", &index)], Some(("a.mp4", &bytes))),
    );
    emulator.advance(Duration::from_secs(10));
    _ = get(&emulator, "/v1.3/tasks/nonsense");
    let page = text(&get(&emulator, "/_emulator"));
    for part in [
        "<strong>1</strong> videos ready",
        "<strong>0</strong> failed",
        "<strong>1</strong> indexes",
        "<strong>3</strong> requests",
        "<strong>1</strong> refused requests",
        "GET /v1.3/tasks/nonsense",
        "/v1.3</code>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn player_page_shows_stream_and_escapes_name() {
    let emulator = builder().start_blocking().unwrap();
    let index = index(&emulator);
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let name = "a' onerror='alert(1) <svg onload=alert(2)>.mp4";
    let created = send_form(
        &emulator,
        &form(&[("index_id", &index)], Some((name, &bytes))),
    )
    .json();
    let video = created["video_id"].as_str().unwrap();
    assert_eq!(
        crate::renditions::rendition(&emulator, video)["status"],
        "made"
    );
    let page = get(&emulator, &format!("/_emulator/play/{video}"));
    assert!(
        page.head
            .contains("content-security-policy: default-src 'none'"),
        "{}",
        page.head
    );
    let html = text(&page);
    for part in [
        "<video controls",
        "/stream.mp4' type=video/mp4>",
        "thumbnail-3.jpg",
        "master.m3u8",
        "&lt;svg onload",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let list = tabs(&emulator, "");
    assert!(
        list.contains("thumbnail-1.jpg") && list.contains(&format!("/_emulator/play/{video}")),
        "{list}"
    );
    for html in [html, list] {
        assert!(
            !html.contains("<svg") && !html.contains("onerror='"),
            "{html}"
        );
    }
    assert_eq!(get(&emulator, "/_emulator/play/nobody").status, 404);
    assert_eq!(get(&emulator, "/_emulator/icon.svg").status, 200);
}

#[test]
fn page_shows_upload_progress() {
    let emulator = builder().start_blocking().unwrap();
    let uploads = || {
        let live = text(&get(&emulator, "/_emulator/live"));
        let (_, rest) = live.split_once("id=live-uploads").unwrap();
        let (uploads, _) = rest.split_once("id=live-indexes").unwrap();
        uploads.to_owned()
    };
    assert!(uploads().contains("No uploads in progress."));
    let mut stream = connect(&emulator);
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", "4000000"),
    ];
    let begin = head("POST", "/v1.3/tasks", &headers)
        + "--XX\r\nContent-Disposition: form-data; name=\"video_file\"; filename=\"<i>.mp4\"\r\n\r\n";
    stream.write_all(begin.as_bytes()).unwrap();
    let mut sent = 0;
    for _ in 0..3 {
        stream.write_all(&[7; 500_000]).unwrap();
        sent += 500_000;
        let is_shown = || {
            let shown = uploads();
            let (_, value) = shown.split_once("<progress max=4000000 value=")?;
            let (value, rest) = value.split_once(' ')?;
            let named = rest.contains("aria-label='&lt;i&gt;.mp4'");
            (named && value.parse::<u64>().ok()? >= sent).then_some(())
        };
        let started = std::time::Instant::now();
        while is_shown().is_none() {
            assert!(started.elapsed() < Duration::from_secs(20), "{}", uploads());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    drop(stream);
    let started = std::time::Instant::now();
    while !uploads().contains("No uploads in progress.") {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", uploads());
        std::thread::sleep(Duration::from_millis(20));
    }
}
