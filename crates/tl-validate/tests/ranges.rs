//! Probing sources that are not local files: same results as for a file, few requests, and explicit
//! gaps when the budget is used up.
#![cfg(all(feature = "ffmpeg", feature = "worker", unix))]

mod support;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::corpus::entries;
use support::{clip, helper};
use tl_validate::ffmpeg::InProcess;
use tl_validate::worker::{ProbePool, WorkerOptions};
use tl_validate::{
    DurationSource, FileRanges, MediaFacts, ProbeError, ProbeErrorKind, ProbeOptions, Prober,
    RangeRead, Route, RulePack, Target, check,
};

/// A file that counts the requests and has a limited byte budget.
struct Remote {
    file: FileRanges,
    requests: Vec<(u64, usize)>,
    left: Option<u64>,
    read_size: Option<usize>,
    fails_after: Option<usize>,
}

impl Remote {
    fn new(path: &Path) -> Self {
        Self {
            file: fs::File::open(path)
                .and_then(FileRanges::new)
                .expect("a generated clip"),
            requests: Vec::new(),
            left: None,
            read_size: None,
            fails_after: None,
        }
    }

    fn read(&self) -> usize {
        self.requests.iter().map(|r| r.1).sum()
    }
}

impl RangeRead for Remote {
    fn size(&self) -> u64 {
        self.file.size()
    }
    fn remaining(&self) -> Option<u64> {
        self.left
    }
    fn read_size(&self) -> Option<usize> {
        self.read_size
    }
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if self.fails_after.is_some_and(|n| self.requests.len() >= n) {
            return Err(io::Error::other("the server answered 503"));
        }
        if self.left.is_some_and(|left| left < into.len() as u64) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let read = self.file.read_at(offset, into)?;
        self.requests.push((offset, read));
        if let Some(left) = &mut self.left {
            *left -= read as u64;
        }
        Ok(read)
    }
}

#[test]
fn small_source_gives_the_same_facts_as_file() {
    let pool = pool();
    for entry in entries() {
        let path = entry.path();
        let name = path.to_string_lossy();
        let from_file = InProcess::new().probe(&path);
        for prober in [&InProcess::new() as &dyn Prober, &pool] {
            let mut remote = Remote::new(&path);
            let from_ranges = prober.probe_ranges(&mut remote, &name);
            assert_eq!(from_ranges, from_file, "{}", entry.name);
            assert!(
                remote.read() as u64 <= remote.size(),
                "{}: {:?}",
                entry.name,
                remote.requests
            );
        }
    }
}

fn pool() -> ProbePool {
    pool_with(ProbeOptions::default())
}

fn pool_with(probe: ProbeOptions) -> ProbePool {
    ProbePool::new(
        WorkerOptions::default()
            .with_program(Some(helper()))
            .with_helpers(1)
            .with_probe(probe),
    )
    .expect("the example helper")
}

/// A clip of many megabytes: noise does not compress.
fn large(name: &str, options: &str) -> PathBuf {
    let origin = clip(
        "big-origin.mp4",
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=60 -f lavfi -i sine=duration=60 -vf noise=alls=60:allf=t \
         -c:v libx264 -preset ultrafast -qp 36 -g 50 -pix_fmt yuv420p -c:a aac -ar 44100 -shortest",
    );
    let path = clip(
        &format!("big-{name}"),
        &format!("-i {} -c copy {options}", origin.display()),
    );
    let size = fs::metadata(&path).expect("a file").len();
    assert!(size > 30_000_000, "{name}: {size} bytes");
    path
}

#[test]
fn large_files_take_few_requests() {
    use DurationSource::{Index, SampleTable, Tail};
    let pool = pool();
    for (name, options, most_requests, most_bytes, stage) in [
        ("moov-last.mp4", "", 3, 1_500_000, SampleTable),
        (
            "moov-first.mp4",
            "-movflags +faststart",
            2,
            1_500_000,
            SampleTable,
        ),
        ("plain.mov", "", 3, 1_500_000, SampleTable),
        ("plain.mkv", "", 5, 4_400_000, Index),
        ("plain.avi", "", 5, 4_400_000, Index),
        ("plain.flv", "", 5, 4_400_000, Tail),
        ("plain.ts", "-f mpegts", 9, 4_400_000, Tail),
        (
            "indexed.mp4",
            "-movflags frag_keyframe+delay_moov+dash+global_sidx -f mp4",
            5,
            4_400_000,
            Index,
        ),
    ] {
        let path = large(name, options);
        let mut remote = Remote::new(&path);
        let facts = InProcess::new()
            .probe_ranges(&mut remote, name)
            .unwrap_or_else(|error| panic!("{error}"));
        eprintln!(
            "{name:<16} {:>9} bytes: {} requests, {} bytes, {:?} s by {:?}\n   {:?}",
            remote.size(),
            remote.requests.len(),
            remote.read(),
            facts.duration_seconds(),
            facts.duration_source,
            remote.requests
        );
        assert_eq!(facts.duration_source, Some(stage), "{name}");
        assert!(!facts.duration_unverified && !facts.partly_read, "{name}");
        let seconds = facts.duration_seconds().expect("a duration");
        assert!((seconds - 60.0).abs() < 0.1, "{name}: {seconds} s");
        assert!(
            remote.requests.len() <= most_requests,
            "{name}: {:?}",
            remote.requests
        );
        assert!(remote.read() <= most_bytes, "{name}: {:?}", remote.requests);

        let mut through_a_helper = Remote::new(&path);
        assert_eq!(
            pool.probe_ranges(&mut through_a_helper, name).as_ref(),
            Ok(&facts)
        );
        assert_eq!(through_a_helper.requests, remote.requests, "{name}");
    }
}

#[test]
fn read_size_of_the_source_reduces_the_requests() {
    const MIB: usize = 1 << 20;
    let pool = pool();
    let in_process = InProcess::new();
    let probers: &[(&str, &dyn Prober)] = &[
        ("in process", &in_process),
        ("helper", &pool),
        #[cfg(feature = "header")]
        ("header", &tl_validate::header::HeaderReader::new()),
    ];
    for (name, options) in [
        ("moov-last.mp4", ""),
        ("moov-first.mp4", "-movflags +faststart"),
        ("plain.mkv", ""),
        ("plain.ts", "-f mpegts"),
    ] {
        let path = large(name, options);
        for (prober_name, prober) in probers {
            let probe = |read_size| {
                let mut remote = Remote::new(&path);
                remote.read_size = read_size;
                (prober.probe_ranges(&mut remote, name), remote.requests)
            };
            let (expected, before) = probe(None);
            let (facts, after) = probe(Some(4 * MIB));
            let what = format!("{name}, {prober_name}: {before:?} {after:?}");
            eprintln!("{what}");
            assert_eq!(facts, expected, "{what}");
            assert!(after.len() <= before.len().min(6), "{what}");
            // Each request has the size of the source; the last before cached data is shorter.
            assert!(after.iter().all(|(_, len)| *len <= 4 * MIB), "{what}");
            assert!(after.is_empty() || after[0].1 == 4 * MIB, "{what}");
            // A larger one is bounded, through the helper too.
            assert_eq!(probe(Some(usize::MAX)).1, after, "{what}");
        }
    }
}

#[test]
fn fragmented_file_without_index_has_no_duration() {
    for options in [
        "-movflags frag_keyframe+empty_moov",
        "-movflags frag_keyframe",
    ] {
        let path = large(&format!("fragmented-{}.mp4", options.len()), options);
        let mut remote = Remote::new(&path);
        remote.left = Some(4_400_000);
        let facts = InProcess::new()
            .probe_ranges(&mut remote, "fragmented.mp4")
            .unwrap_or_else(|error| panic!("{error}"));
        eprintln!(
            "{} requests, {} bytes",
            remote.requests.len(),
            remote.read()
        );
        assert!(facts.fragmented && facts.duration_unverified, "{facts:?}");
        assert_eq!(facts.duration_seconds(), None, "{facts:?}");
        assert_eq!(facts.video_duration_seconds, None, "{facts:?}");
        assert_eq!(facts.audio_duration_seconds, None, "{facts:?}");
        assert_eq!(facts.video_width, Some(640));

        let report = check(&facts, &Target::new(Route::AssetUrl), RulePack::current());
        assert!(!report.is_refused(), "{report}");
        assert!(
            report.to_string().contains("duration not verified"),
            "{report}"
        );
    }
}

#[test]
fn thorough_probe_reads_whole_fragmented_file() {
    let path = large("fragmented-23.mp4", "-movflags frag_keyframe");
    let options = ProbeOptions::default().with_thorough(true);
    let facts = InProcess::with_options(options)
        .probe_ranges(&mut Remote::new(&path), "fragmented.mp4")
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(facts.duration_source, Some(DurationSource::PacketScan));
    let seconds = facts.duration_seconds().expect("a duration");
    assert!((seconds - 60.0).abs() < 0.1, "{seconds} s");
}

#[test]
fn facts_are_correct_or_partial_for_any_budget() {
    let pool = pool();
    for (name, options) in [
        ("moov-last.mp4", ""),
        ("moov-first.mp4", "-movflags +faststart"),
        ("plain.mkv", ""),
        ("plain.avi", ""),
        ("plain.flv", ""),
        ("plain.ts", "-f mpegts"),
        ("fragmented-23.mp4", "-movflags frag_keyframe"),
        (
            "indexed.mp4",
            "-movflags frag_keyframe+delay_moov+dash+global_sidx -f mp4",
        ),
    ] {
        let path = large(name, options);
        for budget in [
            0, 1, 1000, 50_000, 262_144, 300_000, 524_288, 1_000_000, 2_000_000, 3_000_000,
        ] {
            let mut remote = Remote::new(&path);
            remote.left = Some(budget);
            let answer = InProcess::new().probe_ranges(&mut remote, name);
            let mut through_a_helper = Remote::new(&path);
            through_a_helper.left = Some(budget);
            assert_eq!(
                pool.probe_ranges(&mut through_a_helper, name),
                answer,
                "{name}, {budget}"
            );
            match answer {
                Ok(facts) => {
                    if let Some(seconds) = facts.duration_seconds() {
                        assert!(
                            (seconds - 60.0).abs() < 0.1,
                            "{name}, {budget}: {seconds} s"
                        );
                    } else {
                        assert!(facts.duration_unverified, "{name}, {budget}: {facts:?}");
                    }
                    assert_eq!(facts.video_width, Some(640), "{name}, {budget}");
                }
                Err(error) => {
                    assert_eq!(
                        error.kind(),
                        ProbeErrorKind::BudgetSpent,
                        "{name}, {budget}: {error}"
                    );
                }
            }
            assert!(remote.read() as u64 <= budget, "{name}, {budget}");
        }
    }
}

#[test]
fn source_errors_keep_their_message() {
    let path = large("moov-last.mp4", "");
    for prober in [&InProcess::new() as &dyn Prober, &pool()] {
        for fails_after in [0, 1] {
            let mut remote = Remote::new(&path);
            remote.fails_after = Some(fails_after);
            let error = prober
                .probe_ranges(&mut remote, "https://example.com/a.mp4")
                .expect_err("it fails");
            assert_eq!(error.kind(), ProbeErrorKind::Io, "{error}");
            let text = error.to_string();
            assert!(text.contains("the server answered 503"), "{text}");
            assert!(text.starts_with("https://example.com/a.mp4: "), "{text}");
        }
    }
}

#[test]
fn slow_source_times_out_and_pool_recovers() {
    let options = ProbeOptions::default().with_deadline(Duration::from_secs(1));
    let pool = pool_with(options);
    for prober in [&InProcess::with_options(options) as &dyn Prober, &pool] {
        let mut slow = Bad(1 << 30, || {
            std::thread::sleep(Duration::from_millis(150));
            Ok(1)
        });
        let started = Instant::now();
        let error = prober.probe_ranges(&mut slow, "slow").expect_err("no time");
        assert_eq!(error.kind(), ProbeErrorKind::DeadlinePassed, "{error}");
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "{:?}",
            started.elapsed()
        );
    }
    assert!(pool.probe(&support::good()).is_ok());
}

/// A source of a given size whose reads misbehave.
struct Bad(u64, fn() -> io::Result<usize>);

impl RangeRead for Bad {
    fn size(&self) -> u64 {
        self.0
    }
    fn read_at(&mut self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        self.1()
    }
}

#[test]
fn misbehaving_source_is_an_error() {
    let pool = pool();
    let check = |mut source: Bad, kind: ProbeErrorKind, words: &str| {
        for prober in [&InProcess::new() as &dyn Prober, &pool] {
            // In-process, a panic is caught before it crosses C; in the pool it reaches the caller.
            if words == "panicked" && std::ptr::addr_eq(prober, &raw const pool) {
                continue;
            }
            let error = prober
                .probe_ranges(&mut source, "bad")
                .expect_err("nothing to read");
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    };
    check(Bad(0, || Ok(0)), ProbeErrorKind::Empty, "0 bytes");
    check(Bad(1000, || Ok(0)), ProbeErrorKind::Io, "ends at byte 0");
    check(Bad(1000, || Ok(usize::MAX)), ProbeErrorKind::NotMedia, "");
    check(
        Bad(u64::MAX, || Err(io::ErrorKind::ConnectionReset.into())),
        ProbeErrorKind::Io,
        "reset",
    );
    check(
        Bad(1000, || panic!("a fault in a source")),
        ProbeErrorKind::Io,
        "panicked",
    );
}

#[test]
fn file_only_prober_returns_unsupported() {
    struct FilesOnly;
    impl Prober for FilesOnly {
        fn probe_file(&self, _: fs::File, name: &str) -> Result<MediaFacts, ProbeError> {
            Err(ProbeError::new(ProbeErrorKind::Io, name, "not asked"))
        }
    }
    let error = FilesOnly
        .probe_ranges(&mut &[1u8, 2][..], "a.mp4")
        .expect_err("files only");
    assert_eq!(error.kind(), ProbeErrorKind::Unsupported, "{error}");
}
