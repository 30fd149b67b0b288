//! The cache as its users see it.

use std::sync::Barrier;

use tl_validate::ProbeErrorKind;

use super::*;

fn old_file(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, "content").expect("written");
    let past = SystemTime::now() - Duration::from_secs(3600);
    let file = fs::File::options().write(true).open(&path).expect("opened");
    file.set_modified(past).expect("set back");
    path
}

fn mark(path: &Path) -> Fingerprint {
    Fingerprint::of(&path.metadata().expect("there")).expect("a settled file")
}

fn open(folder: &Path, reader: &str) -> Cache {
    let (cache, note) = Cache::open(folder, reader.to_owned());
    assert_eq!(note, None);
    cache.expect("a cache")
}

#[test]
fn facts_are_cached_until_file_or_reader_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = old_file(folder.path(), "clip.mp4");
    let bad = old_file(folder.path(), "bad.mp4");
    let facts: Probed = Ok(MediaFacts::default().with(|facts| {
        facts.file_size_bytes = 7;
        facts.duration_seconds = Some(0.1 + 0.2);
    }));
    let refused: Probed = Err(ProbeError::new(ProbeErrorKind::NotMedia, "bad.mp4", "text"));
    let cache = open(folder.path(), "one");
    assert_eq!(cache.get(&clip, &mark(&clip)), None);
    cache.put(&clip, &mark(&clip), &facts);
    cache.put(&bad, &mark(&bad), &refused);
    drop(cache);

    let cache = open(folder.path(), "one");
    assert_eq!(cache.get(&clip, &mark(&clip)), Some(facts));
    assert_eq!(cache.get(&bad, &mark(&bad)), Some(refused));
    let other = open(folder.path(), "two");
    assert_eq!(other.get(&clip, &mark(&clip)), None, "another reader");
    fs::write(&clip, "changed").expect("written");
    let file = fs::File::options().write(true).open(&clip).expect("opened");
    file.set_modified(SystemTime::now() - Duration::from_secs(1800))
        .expect("set back");
    assert_eq!(
        cache.get(&clip, &mark(&clip)),
        None,
        "another content of the same length"
    );
}

#[test]
fn thumbnail_is_cached_until_file_or_producer_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (clip, none) = (old_file(folder.path(), "a"), old_file(folder.path(), "b"));
    let cache = open(folder.path(), "one");
    cache.put_thumbnail(&clip, &mark(&clip), "ffmpeg 5", b"\xff\xd8");
    cache.put_thumbnail(&none, &mark(&none), "ffmpeg 5", b"");
    drop(cache);
    // The thumbnail does not depend on the prober.
    let cache = open(folder.path(), "two");
    let kept = |path: &Path, producer| cache.thumbnail(path, &mark(path), producer);
    assert_eq!(kept(&clip, "ffmpeg 5").as_deref(), Some(&b"\xff\xd8"[..]));
    assert_eq!(kept(&none, "ffmpeg 5").as_deref(), Some(&b""[..]));
    assert_eq!(kept(&clip, "ffmpeg 6"), None);
    let file = fs::File::options().write(true).open(&clip).expect("opened");
    file.set_modified(SystemTime::now() - Duration::from_secs(1800))
        .expect("set back");
    assert_eq!(kept(&clip, "ffmpeg 5"), None, "another state");
}

#[test]
fn recently_written_file_is_not_cached() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.mp4");
    fs::write(&path, "content").expect("written");
    assert_eq!(Fingerprint::of(&path.metadata().expect("there")), None);
}

#[test]
fn corrupt_cache_is_recreated() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = old_file(folder.path(), "clip.mp4");
    fs::write(folder.path().join("probes.sqlite3"), "noise ".repeat(4000)).expect("written");
    let (cache, note) = Cache::open(folder.path(), "one".to_owned());
    assert!(note.expect("a note").contains("recreated"));
    let cache = cache.expect("a new one");
    cache.put(&clip, &mark(&clip), &Ok(MediaFacts::default()));
    drop(cache);
    assert!(
        open(folder.path(), "one")
            .get(&clip, &mark(&clip))
            .is_some()
    );
}

#[test]
fn concurrent_runs_share_a_cache() {
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<PathBuf> = (0..20)
        .map(|i| old_file(folder.path(), &format!("{i}.mp4")))
        .collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let cache = open(folder.path(), "one");
                for file in &files {
                    cache.put(file, &mark(file), &Ok(MediaFacts::default()));
                    cache.finish();
                }
            });
        }
    });
    let cache = open(folder.path(), "one");
    for file in &files {
        assert!(cache.get(file, &mark(file)).is_some(), "{}", file.display());
    }
}

#[test]
fn concurrent_runs_create_a_cache() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().expect("a folder");
        let clip = old_file(folder.path(), "clip.mp4");
        let together = Barrier::new(6);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    together.wait();
                    let cache = open(folder.path(), "one");
                    cache.put(&clip, &mark(&clip), &Ok(MediaFacts::default()));
                    cache.finish();
                    assert!(cache.get(&clip, &mark(&clip)).is_some());
                });
            }
        });
    }
}

#[test]
fn cache_that_has_the_answers_is_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = old_file(folder.path(), "clip.mp4");
    let cache = open(folder.path(), "one");
    cache.put(&clip, &mark(&clip), &Ok(MediaFacts::default()));
    drop(cache);
    let content = || {
        let files = ["probes.sqlite3", "probes.sqlite3-wal"];
        files.map(|name| fs::read(folder.path().join(name)).expect("it is there"))
    };
    let before = content();
    let cache = open(folder.path(), "one");
    assert!(cache.get(&clip, &mark(&clip)).is_some());
    drop(cache);
    assert!(content() == before, "a write waits for the disk");
}
