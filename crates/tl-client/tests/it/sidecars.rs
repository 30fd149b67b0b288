//! The emulator finds what it knows about a video by the content of the file, whatever the name and
//! the route.

use std::fs;

use serde_json::json;
use sha2::{Digest, Sha256};
use tl_client::{blocking, validate::Route};
use tl_emulator::Answers;

use crate::{World, checker, good, poll_often};

#[test]
fn sidecar_belongs_to_the_content_on_every_route() {
    // The bytes of the file of each world.
    let bytes = fs::read(World::new(good).file.path()).unwrap();
    let digest = Sha256::digest(bytes);
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let sidecar = json!({"segments": [{"start": 2.25, "end": 5.5, "text": "A goal in the rain."}]});
    for route in [Route::Tasks, Route::Asset, Route::Multipart] {
        let mut answers = Answers::new();
        let added = answers.add_sidecar("movie.mp4", Some(&sha256), &sidecar.to_string());
        added.unwrap();
        let world = World::with(good, |builder| builder.answers(answers));
        let client = blocking::Client::new(&world.config).unwrap();
        let client = client.with_checker(checker(good));
        // The file has another name than that of the sidecar.
        let ingest = client.ingest(world.file.path()).route(route);
        let ingest = ingest.into_index(world.index_id.as_str());
        ingest.wait(poll_often()).run().unwrap();
        let search = client.search(world.index_id.as_str());
        let mut hits = search.text("goal in the rain").hits();
        let hit = hits.next().expect("a hit").unwrap();
        assert_eq!(hit.start, Some(2.25), "{route:?} {hit:?}");
    }
}
