//! Tests of the operations on tasks.

use std::sync::Arc;

use proptest::prelude::*;
use tl_model::UserMetadata;

use super::*;

proptest! {
    #[test]
    fn list_round_trips(
        page in page(), sort in sort(), index in prop::option::of(id()),
        status in prop::collection::vec("[a-z]{1,9}", 0..4), filename in prop::option::of(text()),
        duration in number(), width in number(), height in number(), created_at in time(), updated_at in time(),
    ) {
        round_trip(&ListTasks {
            page, sort, index_id: index.map(Into::into),
            status: status.iter().map(|value| value.as_str().into()).collect(),
            filename, duration, width, height, created_at, updated_at,
        });
    }

    #[test]
    fn requests_with_any_id_round_trip(task in id()) {
        round_trip(&GetTask { task_id: task.as_str().into() });
        round_trip(&DeleteTask { task_id: task.as_str().into() });
    }

    #[test]
    fn create_round_trips(
        name in "[ -~äé日]{1,20}", media in prop::collection::vec(any::<u8>(), 0..300), stream in prop::option::of(any::<bool>()),
        metadata in prop::option::of(prop::collection::btree_map("[a-z]{1,8}", text(), 1..4)),
    ) {
        let source: Arc<dyn crate::Source> = Arc::new(BytesSource::new(name, media.clone()));
        let mut create = CreateTask::new("6298d673f1090f1100476d4c", Media::File(source));
        create.enable_video_stream = stream;
        create.user_metadata = metadata.map(|map| map.into_iter().collect::<UserMetadata>());
        let read = CreateTask::decode(&received(&create)).unwrap();
        prop_assert_eq!(&read.index_id, &create.index_id);
        prop_assert_eq!(read.enable_video_stream, stream);
        prop_assert_eq!(&read.user_metadata, &create.user_metadata);
        let Media::File(source) = read.media else { panic!("a file went in") };
        prop_assert_eq!(bytes(&Body::from_source(source)), media);
    }
}

#[test]
fn list_query_has_the_platform_format() {
    let list = ListTasks {
        page: PageRequest {
            page: Some(2),
            page_limit: Some(50),
        },
        status: vec!["ready".into(), "failed".into()],
        duration: NumberFilter::between(1.5, 9.0),
        height: NumberFilter::exactly(360.0),
        ..ListTasks::default()
    };
    assert_eq!(
        line(&list),
        "GET /tasks?page=2&page_limit=50&status=ready&status=failed\
         &duration%5Bgte%5D=1.5&duration%5Blte%5D=9&height=360"
    );
}

#[test]
fn form_errors_name_the_parameter() {
    let form = |fields: &[(&str, &str)]| form_request(fields, &[]);
    let check = |request: &Received, expected: &str| {
        assert_eq!(
            CreateTask::decode(request).unwrap_err().to_string(),
            expected
        );
    };
    let url = ("video_url", "https://example.com/a.mp4");
    check(&form(&[]), "`index_id` is required");
    check(&form(&[("index_id", "1")]), "`video_file` is required");
    check(
        &form(&[("index_id", "1"), ("video_url", "nowhere")]),
        "`video_url` is invalid: `nowhere`: relative URL without a base",
    );
    check(
        &form(&[("index_id", "1"), ("video_file", "/home/me/a.mp4")]),
        "`video_file` is invalid: a file part is expected, not a text",
    );
    check(
        &form(&[("index_id", "1"), url, ("language", "en")]),
        "`language` is not a parameter of this endpoint",
    );
    check(
        &form(&[("index_id", "1"), ("index_id", "2"), url]),
        "`index_id` is invalid: it was given more than once",
    );
    check(
        &Received::default(),
        "the content type is invalid: this endpoint takes multipart/form-data",
    );
    let nested = form(&[
        ("index_id", "1"),
        url,
        ("user_metadata", r#"{"a": {"b": 1}}"#),
    ]);
    let error = CreateTask::decode(&nested).unwrap_err();
    assert_eq!(
        (error.kind, error.parameter.as_str()),
        (RejectionKind::Invalid, "user_metadata")
    );
    assert!(
        error.detail.contains('a'),
        "the key is named: {}",
        error.detail
    );
}
