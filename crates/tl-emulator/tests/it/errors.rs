//! All errors with status, code and message, in one table.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::json;
use tl_emulator::platform::{BodyError, Payload, Settings};
use tl_validate::{ProbeError, ProbeErrorKind};

use crate::world::{KEY, Response, World, facts, read};

/// Sends a request without the default headers.
fn bare(
    world: &mut World,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    payload: Payload,
) -> Response {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let reply = world.handle(request.body(payload).unwrap());
    assert_eq!(reply.response.headers()["x-api-version"], "1.3");
    read(&reply)
}

#[test]
fn refusals_have_documented_status_code_and_message() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    let (task, video) = world.task(&index, "a.mp4");
    world.wait(1000);
    let (other, _) = world.task(&index, "b.mp4");
    let nobody = "aaaaaaaaaaaaaaaaaaaaaaaa";
    let mut table = String::new();
    let mut note = |what: &str, response: Response| {
        assert!(response.status >= 400, "{what}: {response:?}");
        let code = response.body["code"].as_str().unwrap();
        let message = response.body["message"].as_str().unwrap();
        let line = format!("{what}\n    {} {code}: {message}", response.status);
        let line = line
            .replace(&index, "INDEX")
            .replace(&task, "TASK")
            .replace(&video, "VIDEO")
            .replace(&other, "OTHER");
        let docs = if response.body.get("docs_url").is_some() {
            " [docs_url]"
        } else {
            ""
        };
        writeln!(table, "{line}{docs}").unwrap();
    };

    // API key, version, route.
    note(
        "no key",
        bare(&mut world, "GET", "/v1.3/tasks", &[], Payload::None),
    );
    let real = [("x-api-key", "tlk_1234")];
    note(
        "a key of the platform",
        bare(&mut world, "GET", "/v1.3/tasks", &real, Payload::None),
    );
    let key = [("x-api-key", KEY)];
    note(
        "an old version",
        bare(&mut world, "GET", "/v1.2/tasks", &key, Payload::None),
    );
    note(
        "no version",
        bare(&mut world, "GET", "/tasks", &key, Payload::None),
    );
    note("another path", world.get("/nothing"));
    note("a wrong method", world.json("PATCH", "/tasks", &json!({})));
    note(
        "a method that no route has",
        bare(&mut world, "BREW", "/v1.3/indexes", &key, Payload::None),
    );

    // Bodies.
    let json_type = [("x-api-key", KEY), ("content-type", "application/json")];
    let body = || Payload::Json(Bytes::from_static(b"{}"));
    note(
        "JSON to /tasks",
        bare(&mut world, "POST", "/v1.3/tasks", &json_type, body()),
    );
    note(
        "no content type to /tasks",
        bare(&mut world, "POST", "/v1.3/tasks", &key, Payload::None),
    );
    let text_type = [("x-api-key", KEY), ("content-type", "text/plain")];
    note(
        "text to /indexes",
        bare(&mut world, "POST", "/v1.3/indexes", &text_type, body()),
    );
    let broken = Payload::Json(Bytes::from_static(b"{\"index_name\": "));
    note(
        "cut JSON",
        bare(&mut world, "POST", "/v1.3/indexes", &json_type, broken),
    );
    note("an array", world.json("POST", "/indexes", &json!([])));
    note(
        "no body",
        world.request("POST", "/indexes", Payload::Json(Bytes::new())),
    );
    let form_type = [
        ("x-api-key", KEY),
        ("content-type", "multipart/form-data; boundary=x"),
    ];
    for error in [
        BodyError::Malformed("it is no complete form".to_owned()),
        BodyError::FileTooLarge {
            limit: 2_147_483_648,
            received: 2_147_483_649,
        },
        BodyError::TooLarge { limit: 1_048_576 },
        BodyError::Stalled,
    ] {
        let what = format!("{error:?}");
        note(
            &what,
            bare(
                &mut world,
                "POST",
                "/v1.3/tasks",
                &form_type,
                Payload::Invalid(error),
            ),
        );
    }

    // Tasks.
    let url = "http://example.com/a.mp4";
    note("no index_id", world.form(&[("video_url", url)]));
    note(
        "index_id is no identifier",
        world.form(&[("index_id", "clips"), ("video_url", url)]),
    );
    note(
        "an unknown index",
        world.form(&[("index_id", nobody), ("video_url", url)]),
    );
    note("neither file nor URL", world.form(&[("index_id", &index)]));
    note(
        "a path in the place of the file",
        world.form(&[("index_id", &index), ("video_file", "/a.mp4")]),
    );
    note(
        "a URL without a scheme",
        world.form(&[("index_id", &index), ("video_url", "a.mp4")]),
    );
    note(
        "a URL with another scheme",
        world.form(&[
            ("index_id", &index),
            ("video_url", "ftp://example.com/a.mp4"),
        ]),
    );
    note(
        "an unknown field",
        world.form(&[("index_id", &index), ("video_url", url), ("language", "en")]),
    );
    note(
        "index_id twice",
        world.form(&[
            ("index_id", &index),
            ("index_id", &index),
            ("video_url", url),
        ]),
    );
    let flag = [
        ("index_id", index.as_str()),
        ("video_url", url),
        ("enable_video_stream", "yes"),
    ];
    note("a flag that is none", world.form(&flag));
    for metadata in ["[]", "{", r#"{"a":{"b":1}}"#, r#"{"a":[1]}"#] {
        let fields = [
            ("index_id", index.as_str()),
            ("video_url", url),
            ("user_metadata", metadata),
        ];
        note(&format!("user_metadata {metadata}"), world.form(&fields));
    }
    for (what, look) in [
        ("320x180", Ok(facts(320, 180, 12.0))),
        ("8000x4000", Ok(facts(8000, 4000, 12.0))),
        ("1920x360", Ok(facts(1920, 360, 12.0))),
        ("2 s", Ok(facts(640, 360, 2.0))),
        ("5 h", Ok(facts(640, 360, 18000.0))),
        ("small and short", Ok(facts(320, 180, 2.0))),
        ("sound only", {
            let mut sound = facts(640, 360, 12.0);
            sound.video_streams.clear();
            Ok(sound)
        }),
        (
            "a text file",
            Err(ProbeError::new(
                ProbeErrorKind::NotMedia,
                "a.mp4",
                "the file is plain text",
            )),
        ),
        (
            "an empty file",
            Err(ProbeError::new(
                ProbeErrorKind::Empty,
                "a.mp4",
                "the file is empty (0 bytes)",
            )),
        ),
        (
            "nobody to look",
            Err(ProbeError::new(
                ProbeErrorKind::HelperMissing,
                "a.mp4",
                "no tl-probe",
            )),
        ),
    ] {
        note(
            &format!("a file of {what}"),
            world.upload(&index, "a.mp4", look, &[]),
        );
    }
    note(
        "a task that does not exist",
        world.get(&format!("/tasks/{nobody}")),
    );
    note("a task id that is none", world.get("/tasks/42"));
    note(
        "an unknown parameter of a task",
        world.get(&format!("/tasks/{task}?verbose=1")),
    );
    note(
        "deleting a task at work",
        world.request("DELETE", &format!("/tasks/{other}"), Payload::None),
    );
    note(
        "deleting a task whose video is there",
        world.request("DELETE", &format!("/tasks/{task}"), Payload::None),
    );

    // Lists.
    for query in [
        "page=0",
        "page=-1",
        "page=one",
        "page=1.5",
        "page_limit=0",
        "page_limit=51",
        "sort_by=name",
        "sort_option=up",
        "status=done",
        "created_at=yesterday",
        "updated_at=2024-08-16",
        "duration=long",
        "duration=NaN",
        "width=1&width=2",
        "width=0.5",
        "height=-1",
        "duration[gte]=1",
        "index_id=clips",
        "color=blue",
    ] {
        note(
            &format!("tasks?{query}"),
            world.get(&format!("/tasks?{query}")),
        );
    }
    for query in [
        "model_family=llama",
        "model_options=smell",
        "model_options=",
        "page_limit=1000",
        "status=ready",
    ] {
        note(
            &format!("indexes?{query}"),
            world.get(&format!("/indexes?{query}")),
        );
    }
    for query in ["page=0", "sort_by=name", "fps=fast", "created_at=now"] {
        note(
            &format!("videos?{query}"),
            world.get(&format!("/indexes/{index}/videos?{query}")),
        );
    }

    // Indexes.
    let model =
        |name: &str, options: &[&str]| json!({ "model_name": name, "model_options": options });
    let good = model("marengo3.0", &["visual"]);
    for body in [
        json!({ "models": [good] }),
        json!({ "index_name": "x" }),
        json!({ "index_name": "", "models": [good] }),
        json!({ "index_name": 5, "models": [good] }),
        json!({ "index_name": "clips", "models": [good] }),
        json!({ "index_name": "x", "models": [] }),
        json!({ "index_name": "x", "models": "marengo3.0" }),
        json!({ "index_name": "x", "models": [good, good] }),
        json!({ "index_name": "x", "models": [model("marengo2.7", &["visual"])] }),
        json!({ "index_name": "x", "models": [model("pegasus1.2", &["visual"])] }),
        json!({ "index_name": "x", "models": [model("marengo3.0", &[])] }),
        json!({ "index_name": "x", "models": [model("marengo3.0", &["transcription"])] }),
        json!({ "index_name": "x", "models": [model("marengo3.0", &["audio", "audio"])] }),
        json!({ "index_name": "x", "models": [{ "model_options": ["audio"] }] }),
        json!({ "index_name": "x", "models": [{ "model_name": "marengo3.0" }] }),
        json!({ "index_name": "x", "models": [{ "model_name": "marengo3.0", "model_options": ["audio"], "finetuned": true }] }),
        json!({ "index_name": "x", "models": [good], "addons": ["subtitles"] }),
        json!({ "index_name": "x", "models": [good], "engines": [] }),
    ] {
        note(
            &format!("POST /indexes {body}"),
            world.json("POST", "/indexes", &body),
        );
    }
    world.index("second");
    for body in [
        json!({}),
        json!({ "index_name": "second" }),
        json!({ "index_name": "y", "models": [] }),
    ] {
        note(
            &format!("PUT /indexes/INDEX {body}"),
            world.json("PUT", &format!("/indexes/{index}"), &body),
        );
    }
    note("an unknown index", world.get(&format!("/indexes/{nobody}")));
    note("an index id that is none", world.get("/indexes/clips"));
    note(
        "deleting an unknown index",
        world.request("DELETE", &format!("/indexes/{nobody}"), Payload::None),
    );

    // Videos.
    let videos = format!("/indexes/{index}/videos");
    note(
        "videos of an unknown index",
        world.get(&format!("/indexes/{nobody}/videos")),
    );
    note("an unknown video", world.get(&format!("{videos}/{nobody}")));
    note(
        "a video id that is none",
        world.get(&format!("{videos}/42")),
    );
    note(
        "an unknown embedding",
        world.get(&format!("{videos}/{video}?embedding_option=smell")),
    );
    note(
        "a flag that is none",
        world.get(&format!("{videos}/{video}?transcription=maybe")),
    );
    note(
        "a patch of something else",
        world.json(
            "PATCH",
            &format!("{videos}/{video}"),
            &json!({ "filename": "x" }),
        ),
    );
    note(
        "a patch of an unknown video",
        world.json(
            "PATCH",
            &format!("{videos}/{nobody}"),
            &json!({ "user_metadata": {} }),
        ),
    );

    insta::assert_snapshot!("refusals", table);
}

#[test]
fn refused_request_has_no_effects() {
    let mut world = World::new(Settings::default());
    let index = world.index("clips");
    world.upload(&index, "a.mp4", Ok(facts(320, 180, 12.0)), &[]);
    assert_eq!(world.effects, []);
    assert_eq!(world.get("/tasks").body["page_info"]["total_results"], 0);
}

#[test]
fn older_rule_pack_is_applied() {
    let look = || Ok(facts(4096, 2304, 12.0));
    let mut settings = Settings::default();
    settings.rules = tl_validate::RulePack::named("v1.3-2025-06")
        .unwrap()
        .clone();
    let mut world = World::new(settings);
    let index = world.index("clips");
    let response = world.upload(&index, "a.mp4", look(), &[]);
    assert_ne!(response.status, 201, "{response:?}");
}

#[test]
fn models_match_the_date_of_the_rule_pack() {
    for (rules, accepted, refused) in [
        (
            "v1.3-2025-06",
            &["marengo2.7", "pegasus1.2", "marengo3.0"][..],
            &["pegasus1.5", "marengo2.6"][..],
        ),
        (
            "v1.3-2026-02",
            &["marengo2.7", "pegasus1.2", "marengo3.0"],
            &["pegasus1.1"],
        ),
        (
            "v1.3-2026-10",
            &["marengo3.0"],
            &[
                "marengo2.7",
                "pegasus1.2",
                "pegasus1.5",
                "pegasus1.6",
                "marengo3.5",
            ],
        ),
    ] {
        let mut settings = Settings::default();
        settings.rules = tl_validate::RulePack::named(rules).unwrap().clone();
        let mut world = World::new(settings);
        for (models, status) in [(accepted, 201), (refused, 400)] {
            for model in models {
                let models = json!([{ "model_name": model, "model_options": ["visual"] }]);
                let body = json!({ "index_name": model, "models": models });
                let response = world.json("POST", "/indexes", &body);
                assert_eq!(response.status, status, "{rules} {model} {response:?}");
            }
        }
    }
}
