//! Number of probes per upload: each file is read once, or not at all if the cache has its facts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::clips;
use crate::platform::Platform;
use crate::tl::{Run, Tl};

/// A directory with clips that are old enough for the cache, and a helper that counts its starts.
struct Clips {
    folder: TempDir,
    helper: PathBuf,
}

impl Clips {
    fn new(names: &[&str]) -> Self {
        let folder = clips::folder(names);
        let helper = folder.path().join("counting-probe");
        let script = format!(
            "#!/bin/sh\necho start >> '{}'\nexec '{}' \"$@\"\n",
            folder.path().join("starts").display(),
            env!("CARGO_BIN_EXE_tl-probe")
        );
        fs::write(&helper, script).unwrap();
        make_executable(&helper);
        let clips = Self { folder, helper };
        for name in names {
            clips.set_age(name, Duration::from_secs(60));
        }
        clips
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn set_age(&self, name: &str, age: Duration) {
        let file = fs::File::options().append(true).open(self.path(name));
        let time = SystemTime::now() - age;
        file.unwrap().set_modified(time).unwrap();
    }

    /// Runs `tl --verbose` with the counting helper, and returns the run and the number of probes.
    fn probes(&self, tl: Tl, code: i32) -> (Run, usize) {
        let starts = self.path("starts");
        let _ = fs::remove_file(&starts);
        let run = tl
            .env("TL_PROBE", self.helper.to_str().unwrap())
            .arg("--verbose")
            .in_folder(self.folder.path())
            .code(code);
        let probes = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("probing "))
            .count();
        let starts = fs::read_to_string(starts).map_or(0, |text| text.lines().count());
        // One helper reads one file after the other. It starts on the first probe.
        assert_eq!(starts.min(1), probes.min(1), "{}", run.text());
        (run, probes)
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn ingest_and_upload_probe_a_file_once() {
    let platform = Platform::start();
    let clips = Clips::new(&["good.mp4"]);
    // Files with the same bytes are one video.
    let mut other = fs::read(clips.path("good.mp4")).unwrap();
    other.extend(b"\0\0\0\x0cfree1234");
    fs::write(clips.path("other.mp4"), other).unwrap();
    let index = platform.index.as_str();
    for (arguments, expected) in [
        (&["ingest", "good.mp4", "--index", index][..], 1),
        (&["ingest", "good.mp4", "other.mp4", "--index", index], 2),
        (&["upload", "good.mp4"], 1),
        (&["upload", "good.mp4", "--route", "multipart"], 1),
        (&["ingest", "good.mp4", "--index", index, "--no-check"], 0),
    ] {
        // What was done is not read again.
        let arguments = [arguments, &["--no-cache", "--no-checkpoint"]].concat();
        let (run, probes) = clips.probes(platform.tl(&arguments), 0);
        assert_eq!(probes, expected, "{arguments:?}: {}", run.text());
    }
}

#[test]
fn uploads_use_the_cache_of_validate() {
    let platform = Platform::start();
    let clips = Clips::new(&["good.mp4"]);
    let cached = ["--cache-dir", "kept"];
    // What was done is not read again.
    let index = platform.index.as_str();
    let ingest = ["ingest", "good.mp4", "--no-checkpoint", "--index", index];
    let tl = |arguments: &[&str]| platform.tl(&[arguments, &cached].concat());
    let probes = |arguments: &[&str]| clips.probes(tl(arguments), 0).1;

    assert_eq!(probes(&["validate", "good.mp4"]), 1);
    assert_eq!(probes(&ingest), 0, "its facts are cached");
    assert_eq!(probes(&["upload", "good.mp4"]), 0, "its facts are cached");
    let uncached = [&ingest[..], &["--no-cache"]].concat();
    assert_eq!(clips.probes(platform.tl(&uncached), 0).1, 1);

    // Another version of the file is probed again, and its facts are cached by `ingest`.
    clips.set_age("good.mp4", Duration::from_secs(30));
    assert_eq!(probes(&ingest), 1, "the file changed");
    assert_eq!(probes(&ingest), 0);
    assert_eq!(probes(&["validate", "good.mp4"]), 0);

    // A file that was written just now may change again without a new time.
    clips.set_age("good.mp4", Duration::ZERO);
    assert_eq!(probes(&ingest), 1);
    assert_eq!(probes(&ingest), 1);
}

#[test]
fn rules_are_applied_to_cached_facts() {
    let platform = Platform::start();
    let clips = Clips::new(&["small.mp4"]);
    let check = |arguments: &[&str], expected: usize| {
        let tl = platform.tl(&[arguments, &["--cache-dir", "kept", "--json"]].concat());
        let (run, probes) = clips.probes(tl, 3);
        assert_eq!(probes, expected, "{}", run.text());
        let report = &run.json()["error"]["report"];
        assert_eq!(report["verdict"], "refuse", "{}", run.text());
    };
    let ingest = ["ingest", "small.mp4", "--index", platform.index.as_str()];
    check(&ingest, 1);
    check(&ingest, 0);
    check(&["upload", "small.mp4"], 0);
    assert!(platform.uploads().is_empty(), "nothing is sent");
}

#[test]
fn bulk_ingestion_keeps_probes_in_its_ledger() {
    let platform = Platform::start();
    platform.tl(&["index", "create", "series"]).code(0);
    let clips = Clips::new(&["good.mp4"]);
    let ingest = |index: &str, cache: &str, ledger: &str| {
        let ledger = clips.path(ledger);
        let tl = platform
            .tl(&["ingest", "good.mp4", "--index", index])
            .args(&["--cache-dir", cache])
            .args(&["--ledger", ledger.to_str().unwrap()]);
        clips.probes(tl, 0).1
    };
    assert_eq!(ingest("films", "one", "ledger.sqlite3"), 1);
    // Another machine has another cache.
    assert_eq!(ingest("series", "two", "ledger.sqlite3"), 0);
    let validate = |cache: &str| {
        let tl = Tl::new(&["validate", "good.mp4", "--cache-dir", cache]);
        clips.probes(tl, 0).1
    };
    assert_eq!(validate("one"), 0, "other commands use what a run has read");
    // And the other way round.
    assert_eq!(validate("three"), 1);
    assert_eq!(ingest("series", "three", "other.sqlite3"), 0);
}
