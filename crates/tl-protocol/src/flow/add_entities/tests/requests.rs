//! Tests of the requests that the flow sends: pages of names, images, and what is waited for.

use tl_http::cancel::CanceledRun;

use super::*;

fn image(name: &str) -> Media {
    Media::File(Arc::new(BytesSource::new(name, b"face".to_vec())))
}

fn flow(entities: Vec<EntityImages>, wait: Option<WaitPolicy>) -> AddEntities {
    let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
    AddEntities::new("c".into(), entities, &base, Policy::default(), wait, 1)
}

/// Runs the flow, and returns all its requests with their queries.
fn requests(
    entities: Vec<EntityImages>,
    wait: Option<WaitPolicy>,
    mut respond: impl FnMut(&str, &Value) -> (u16, Value),
) -> (AddedEntities, Vec<String>) {
    let mut sent = Vec::new();
    let result = drive(flow(entities, wait), |request, body| {
        sent.push(request.to_owned());
        respond(request, body)
    });
    (result.unwrap(), sent)
}

/// A platform with assets `a1`, `a2`, ... on which everything works.
fn working() -> impl FnMut(&str, &Value) -> (u16, Value) {
    let mut assets = 0;
    move |request, body| {
        let (method, rest) = request.split_once(' ').unwrap();
        let path = rest.split('?').next().unwrap();
        if (method, path) == ("POST", "/assets") {
            assets += 1;
            return (
                201,
                json!({"_id": format!("a{assets}"), "status": "processing"}),
            );
        }
        if let Some(id) = path.strip_prefix("/assets/") {
            return (200, json!({"_id": id, "status": "ready"}));
        }
        platform(&[], method, path, body)
    }
}

/// The pages of names that are read before `Ada` is added or skipped.
fn pages(page: impl Fn(u32) -> Value) -> (AddedEntities, usize) {
    let mut respond = working();
    let ada = vec![EntityImages::new("Ada", vec![image("ada.jpg")])];
    let mut listed = 0;
    let (added, sent) = requests(ada, None, |request, body| {
        if request.starts_with("GET /entity-collections") {
            listed += 1;
            assert!(
                request.ends_with(&format!("page={listed}&page_limit=50")),
                "{request}"
            );
            assert!(listed < 9, "{request}");
            return (200, page(listed));
        }
        respond(request, body)
    });
    let lists = sent.iter().filter(|request| request.contains("page_limit"));
    (added, lists.count())
}

fn page_of(names: usize, last: &str, total: Option<u64>) -> Value {
    let names = (1..names).map(|number| format!("name {number}"));
    let data: Vec<Value> = names
        .chain([last.to_owned()])
        .map(|name| json!({"_id": name, "name": name}))
        .collect();
    json!({"data": data, "page_info": {"total_page": total}})
}

#[test]
fn names_of_all_pages_are_known() {
    let (added, pages) = pages(|page| match page {
        3 => page_of(1, "Ada", Some(3)),
        _ => page_of(50, "Bob", Some(3)),
    });
    assert_eq!((pages, &added.skipped[..]), (3, &["Ada".to_owned()][..]));
}

#[test]
fn pages_without_a_total_end_with_one_that_is_not_full() {
    let (added, read) = pages(|page| match page {
        1 => page_of(50, "Bob", None),
        _ => page_of(49, "Ada", None),
    });
    assert_eq!((read, &added.skipped[..]), (2, &["Ada".to_owned()][..]));
    let (added, read) = pages(|_| page_of(1, "Bob", None));
    assert_eq!((read, names(&added)), (1, vec!["Ada"]));
}

#[test]
fn an_empty_page_is_the_last_one() {
    let (added, read) = pages(|_| json!({"data": [], "page_info": {"total_page": 5}}));
    assert_eq!((read, names(&added)), (1, vec!["Ada"]));
}

#[test]
fn every_image_is_uploaded_and_waited_for_once() {
    let entities = vec![
        EntityImages::new("Ada", vec![image("1.jpg"), image("2.jpg")]),
        EntityImages::new("Eve", vec![]),
        EntityImages::new("Bob", vec![image("3.jpg")]),
    ];
    let mut bulk = Value::Null;
    let mut respond = working();
    let (added, sent) = requests(entities, Some(WaitPolicy::default()), |request, body| {
        if request.ends_with("/bulk") {
            bulk = body.clone();
        }
        respond(request, body)
    });
    assert_eq!(
        sent,
        [
            "GET /entity-collections/c/entities?page=1&page_limit=50",
            "POST /assets",
            "POST /assets",
            "POST /assets",
            "GET /assets/a1",
            "GET /assets/a2",
            "GET /assets/a3",
            "POST /entity-collections/c/entities/bulk",
            "GET /entity-collections/c/entities/Ada",
            "GET /entity-collections/c/entities/Bob",
        ]
    );
    let assets = |at: usize| bulk["entities"][at]["asset_ids"].clone();
    assert_eq!((assets(0), assets(1)), (json!(["a1", "a2"]), json!(["a3"])));
    assert_eq!(names(&added), ["Ada", "Bob"]);
    assert_eq!(added.failed[0].reason, "there is no image");
}

#[test]
fn entities_are_not_waited_for_without_a_wait() {
    let ada = vec![EntityImages::new("Ada", vec![image("ada.jpg")])];
    let (added, sent) = requests(ada, None, working());
    assert_eq!(
        sent.last().unwrap(),
        "POST /entity-collections/c/entities/bulk"
    );
    assert_eq!(names(&added), ["Ada"]);
}

#[test]
fn fifty_one_entities_are_created_with_two_requests() {
    let entities =
        (0..51).map(|number| EntityImages::new(format!("{number}"), vec![image("face.jpg")]));
    let mut sizes = Vec::new();
    let mut respond = working();
    let (added, _) = requests(entities.collect(), None, |request, body| {
        if request.ends_with("/bulk") {
            sizes.push(body["entities"].as_array().unwrap().len());
        }
        respond(request, body)
    });
    assert_eq!((sizes, added.created.len()), (vec![50, 1], 51));
}

#[test]
fn cancellation_ends_the_wait_for_an_image_and_for_an_entity() {
    for waits_for in ["GET /assets/a1", "GET /entity-collections/c/entities/Ada"] {
        let ada = vec![EntityImages::new("Ada", vec![image("ada.jpg")])];
        // It passes before the next poll.
        let deadline = Duration::from_millis(500);
        let mut flow = flow(ada, Some(WaitPolicy::within(deadline)));
        let mut respond = working();
        let now = Now::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
        loop {
            let Step::Start(token, exchange) = flow.step(now) else {
                panic!("nothing is waited for before {waits_for}");
            };
            let (request, body) = written(&exchange);
            let is_last = request == waits_for;
            let (status, value) = match is_last {
                true => (
                    200,
                    json!({"_id": "x", "name": "Ada", "status": "processing"}),
                ),
                false => respond(&request, &body),
            };
            let response = http::Response::builder().status(status);
            let response = response.body(Bytes::from(value.to_string())).unwrap();
            flow.on_outcome(now, token, Ok(response));
            if is_last {
                break;
            }
        }
        let added = CanceledRun::new(now, []).finish(flow).unwrap();
        let stopped = added.stopped.as_ref().map(Error::kind);
        assert_eq!(stopped, Some(ErrorKind::Canceled), "{waits_for}");
    }
}
