//! Paged lists.

use tl_protocol::{
    endpoint::{ListTasks, PageRequest},
    flow::Pages,
};
use tl_testkit::{script::Script, sim::Sim};

use super::{at_once, client, short};

/// A page with `count` tasks; `info` is the rest of `page_info`.
fn page(count: usize, info: &str) -> String {
    let tasks: Vec<String> = (0..count)
        .map(|number| format!(r#"{{"_id": "t{number}"}}"#))
        .collect();
    format!(
        r#"200 {{"data": [{}], "page_info": {{{info}}}}}"#,
        tasks.join(", ")
    )
}

fn check(lines: &[String], expected: &str) {
    let client = client(lines, at_once());
    let mut items = 0;
    let mut failure = None;
    for item in client.pages(ListTasks::default()) {
        match item {
            Ok(_) => items += 1,
            Err(error) => failure = Some(short(&error)),
        }
        assert!(items < 1000, "a list without end");
    }
    let requests = client
        .transport()
        .world(|script| script.summary().replace("0 GET /tasks", ""));
    let seen = format!(
        "{requests} => {items} items{}",
        failure.map_or(String::new(), |error| format!(", {error}"))
    );
    assert_eq!(seen, expected);
}

#[test]
fn total_pages_ends_the_list() {
    let total = r#""page": 1, "total_page": 3"#;
    check(
        &[page(2, total), page(2, total), page(1, total)],
        ", ?page=2, ?page=3 => 5 items",
    );
    check(&[page(2, r#""total_page": 1"#)], " => 2 items");
}

#[test]
fn empty_page_ends_the_list() {
    check(&[page(0, r#""total_page": 0"#)], " => 0 items");
    check(&[page(0, r#""total_page": 9"#)], " => 0 items");
    check(
        &[page(2, r#""total_page": 9"#), page(0, "")],
        ", ?page=2 => 2 items",
    );
}

#[test]
fn without_total_pages_an_empty_page_ends_the_list() {
    check(
        &[page(2, ""), page(2, ""), page(0, "")],
        ", ?page=2, ?page=3 => 4 items",
    );
    check(
        &[
            r#"200 {"data": [{"_id": "t"}]}"#.to_owned(),
            r#"200 {"data": null}"#.to_owned(),
        ],
        ", ?page=2 => 1 items",
    );
}

#[test]
fn transient_error_is_retried_and_fatal_error_ends() {
    let total = r#""total_page": 2"#;
    check(
        &[
            page(2, total),
            "lost".to_owned(),
            "503".to_owned(),
            page(1, total),
        ],
        ", ?page=2, ?page=2, ?page=2 => 3 items",
    );
    check(
        &[page(2, total), "401".to_owned()],
        ", ?page=2 => 2 items, Unauthorized",
    );
    check(&["200 [1, 2]".to_owned()], " => 0 items, Malformed");
}

#[test]
fn next_page_repeats_the_page_after_an_error() {
    let total = r#""total_page": 2"#;
    let client = client(
        &[page(2, total), "401".to_owned(), page(1, total)],
        at_once(),
    );
    let mut pages = client.pages(ListTasks::default());
    let lengths = |pages: &mut Pages<Sim<Script>, ListTasks>| {
        pages.next_page().map(|page| {
            page.map(|page| page.data.len())
                .map_err(|error| short(&error))
        })
    };
    assert_eq!(lengths(&mut pages), Some(Ok(2)));
    assert_eq!(lengths(&mut pages), Some(Err("Unauthorized".to_owned())));
    assert_eq!(lengths(&mut pages), Some(Ok(1)));
    assert_eq!(lengths(&mut pages), None);
    assert_eq!(lengths(&mut pages), None);
}

#[test]
fn list_starts_at_its_page_with_its_filters() {
    let client = client(
        &[page(1, r#""total_page": 6"#), page(1, r#""total_page": 6"#)],
        at_once(),
    );
    let first = ListTasks::default()
        .page(PageRequest::default().with_page(5).with_page_limit(1))
        .filename(Some("match.mp4".to_owned()));
    assert_eq!(client.pages(first).filter(Result::is_ok).count(), 2);
    assert_eq!(
        client.transport().world(|script| script.summary()),
        "0 GET /tasks?page=5&page_limit=1&filename=match.mp4, 0 GET /tasks?page=6&page_limit=1&filename=match.mp4"
    );
}
