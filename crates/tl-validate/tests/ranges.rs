//! Probing what is no local file: the same answers as from a file, by few requests, and honest when the budget ends.
#![cfg(feature = "ffmpeg")]

mod support;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use support::corpus::entries;
use support::{clip, good};
use tl_validate::ffmpeg::InProcess;
use tl_validate::{MediaFacts, ProbeError, ProbeErrorKind, Prober, RangeRead};

/// A file that counts what is asked of it and gives a limited number of bytes.
struct Remote {
    bytes: Vec<u8>,
    requests: Vec<(u64, usize)>,
    left: Option<u64>,
    fails_after: Option<usize>,
}

impl Remote {
    fn new(path: &Path) -> Self {
        Self {
            bytes: fs::read(path).expect("a generated clip"),
            requests: Vec::new(),
            left: None,
            fails_after: None,
        }
    }

    fn read(&self) -> usize {
        self.requests.iter().map(|r| r.1).sum()
    }
}

impl RangeRead for Remote {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn remaining(&self) -> Option<u64> {
        self.left
    }
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if self.fails_after.is_some_and(|n| self.requests.len() >= n) {
            return Err(io::Error::other("the server answered 503"));
        }
        if self.left.is_some_and(|left| left < into.len() as u64) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let read = (&self.bytes[..]).read_at(offset, into)?;
        self.requests.push((offset, read));
        if let Some(left) = &mut self.left {
            *left -= read as u64;
        }
        Ok(read)
    }
}

/// The facts without their duration, and the duration.
fn apart(facts: MediaFacts) -> (MediaFacts, f64) {
    let seconds = facts.duration_seconds().expect("a duration");
    let mut rest = facts;
    rest.duration_seconds = None;
    rest.video_duration_seconds = None;
    rest.audio_duration_seconds = None;
    for video in &mut rest.video_streams {
        video.duration_seconds = None;
    }
    for audio in &mut rest.audio_streams {
        audio.duration_seconds = None;
    }
    (rest, seconds)
}

#[test]
fn a_source_that_is_no_file_gives_the_same_facts_as_the_file() {
    for entry in entries() {
        let path = entry.path();
        let mut remote = Remote::new(&path);
        let from_ranges = InProcess::new().probe_ranges(&mut remote, &path.to_string_lossy());
        let from_file = InProcess::new().probe(&path);
        match (from_ranges, from_file) {
            (Ok(ranges), Ok(file)) => {
                let (ranges, seconds) = apart(ranges);
                let (file, expected) = apart(file);
                assert_eq!(ranges, file, "{}", entry.name);
                // One frame: a transport stream's tail is found by another way.
                assert!(
                    (seconds - expected).abs() < 0.045,
                    "{}: {seconds} s, {expected} s",
                    entry.name
                );
            }
            (ranges, file) => assert_eq!(ranges, file, "{}", entry.name),
        }
        assert!(
            remote.read() <= remote.bytes.len(),
            "{} read {} of {} bytes",
            entry.name,
            remote.read(),
            remote.bytes.len()
        );
    }
}

/// A clip of many megabytes: noise does not compress.
fn large(name: &str, options: &str) -> PathBuf {
    let origin = clip(
        "heavy-origin.mp4",
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=60 -f lavfi -i sine=duration=60 -vf noise=alls=60:allf=t \
         -c:v libx264 -preset ultrafast -qp 24 -g 50 -pix_fmt yuv420p -c:a aac -ar 44100 -shortest",
    );
    let path = clip(
        &format!("heavy-{name}"),
        &format!("-i {} -c copy {options}", origin.display()),
    );
    let size = fs::metadata(&path).expect("a file").len();
    assert!(size > 20_000_000, "{name}: {size} bytes");
    path
}

#[test]
fn large_files_take_few_requests() {
    for (name, options, most_requests, most_bytes) in [
        ("moov-last.mp4", "", 5, 4_400_000),
        ("moov-first.mp4", "-movflags +faststart", 5, 4_400_000),
        ("plain.mov", "", 5, 4_400_000),
        ("plain.mkv", "", 5, 4_400_000),
        ("plain.avi", "", 5, 4_400_000),
        ("plain.flv", "", 5, 4_400_000),
        ("plain.ts", "-f mpegts", 9, 4_400_000),
    ] {
        let path = large(name, options);
        let mut remote = Remote::new(&path);
        let facts = InProcess::new()
            .probe_ranges(&mut remote, name)
            .unwrap_or_else(|error| panic!("{error}"));
        eprintln!(
            "{name:<16} {:>9} bytes: {} requests, {} bytes, {:?} s by {:?}",
            remote.bytes.len(),
            remote.requests.len(),
            remote.read(),
            facts.duration_seconds(),
            facts.duration_source
        );
        eprintln!("   {:?}", remote.requests);
    }
}
