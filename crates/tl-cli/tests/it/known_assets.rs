//! Files that were uploaded by one command are not sent again by another.

use tl_emulator::Schedule;

use crate::clips;
use crate::platform::Platform;
use crate::tl::Run;

struct World {
    platform: Platform,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            platform: Platform::with(|builder| builder.schedule(Schedule::INSTANT)),
            folder: clips::folder(&["good.mp4"]),
        }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let tl = self.platform.tl(arguments).in_folder(self.folder.path());
        let state = self.folder.path().join("state");
        tl.env("TL_LEDGER", state.join("ledger.sqlite3").to_str().unwrap())
            .code(0)
    }

    fn uploads(&self) -> usize {
        self.platform.uploads().len()
    }
}

const ASK: [&str; 3] = ["analyze", "good.mp4", "what happens?"];

#[test]
fn ingested_file_is_analyzed_and_embedded_without_an_upload() {
    let world = World::new();
    let index = world.platform.index.clone();
    world.run(&["ingest", "good.mp4", "--index", &index, "--wait"]);
    let run = world.run(&ASK);
    assert!(run.stderr.contains("good.mp4 was uploaded before as asset"));
    world.run(&["embed", "video", "good.mp4", "-o", "rows.npy"]);
    assert_eq!(world.uploads(), 1);
    // The same bytes at another path.
    let folder = world.folder.path();
    std::fs::copy(folder.join("good.mp4"), folder.join("copy.mp4")).unwrap();
    world.run(&["analyze", "copy.mp4", "what happens?"]);
    assert_eq!(world.uploads(), 1);
}

#[test]
fn file_is_uploaded_by_the_first_analysis_only() {
    let world = World::new();
    let run = world.run(&ASK);
    assert!(
        run.stderr.contains("uploaded good.mp4 as asset"),
        "{}",
        run.stderr
    );
    world.run(&ASK);
    assert_eq!(world.uploads(), 1);
    // Nor when it is indexed afterwards.
    let index = world.platform.index.clone();
    let run = world.run(&["ingest", "good.mp4", "--index", &index, "--wait"]);
    assert!(run.stdout.contains("(uploaded before, "), "{}", run.stdout);
    assert_eq!(world.uploads(), 1);

    world.run(&[&ASK[..], &["--no-resume"]].concat());
    assert_eq!(world.uploads(), 2);
    let path = world.folder.path().join("good.mp4");
    let mut bytes = std::fs::read(&path).unwrap();
    // The content of a box that is skipped.
    bytes.extend(*b"\0\0\0\x0cfreelate");
    std::fs::write(&path, bytes).unwrap();
    world.run(&ASK);
    assert_eq!(world.uploads(), 3, "the file has changed");
}

#[test]
fn deleted_asset_is_uploaded_again() {
    let world = World::new();
    world.run(&["upload", "good.mp4", "--wait"]);
    world.run(&ASK);
    assert_eq!(world.uploads(), 1);
    let assets = world.run(&["asset", "list", "--quiet"]).stdout;
    world.run(&["asset", "delete", "--yes", assets.trim()]);
    world.run(&ASK);
    assert_eq!(world.uploads(), 2);
}
