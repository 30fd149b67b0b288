//! The header reader: correct if the headers are, explicit about what it does not know, and robust
//! against malformed files.
#![cfg(feature = "header")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;
use support::{bytes, clip, good};
use tl_validate::header::HeaderReader;
use tl_validate::{
    DurationSource, MediaFacts, ProbeError, ProbeErrorKind, ProbeOptions, Prober, Route, RulePack,
    Severity, Target, check, check_probe_failure, validate_bytes,
};

fn read(path: &Path) -> Result<MediaFacts, ProbeError> {
    HeaderReader::new().probe(path)
}

#[test]
fn valid_clip_passes_with_header_only_advice() {
    let facts = read(&good()).unwrap_or_else(|error| panic!("{error}"));
    assert!(facts.header_only && facts.duration_unverified);
    assert_eq!(facts.duration_source, Some(DurationSource::Header));
    let video = facts.video().expect("a video stream");
    assert_eq!(
        (video.codec.as_str(), video.width, video.height),
        ("h264", 640, 360)
    );
    assert_eq!(
        facts
            .audio()
            .map(|a| (a.codec.as_str(), a.channels, a.sample_rate)),
        Some(("aac", Some(1), Some(44100)))
    );
    let report = check(&facts, &Target::new(Route::Tasks), RulePack::current());
    assert!(!report.is_refused(), "{report}");
    let finding = report
        .findings
        .iter()
        .find(|f| f.rule == "file.header_only")
        .expect("the report says so");
    assert_eq!(finding.severity, Severity::Advice);
    assert!(finding.observed.starts_with("header only: "), "{finding}");
}

#[test]
fn out_of_bounds_clips_are_refused_by_headers() {
    let check = |name: &str, size: &str, seconds: f64, rule: &str| {
        let facts = read(&support::simple(name, size, seconds, true))
            .unwrap_or_else(|error| panic!("{error}"));
        let report = check(&facts, &Target::new(Route::Tasks), RulePack::current());
        assert!(report.errors().any(|f| f.rule == rule), "{report}");
    };
    check("small.mp4", "320x180", 5.0, "marengo3.0.resolution.min");
    check("short.mp4", "640x360", 2.0, "marengo3.0.duration.min");
}

#[test]
fn bytes_in_memory_are_checked_like_a_file() {
    let target = Target::new(Route::Asset);
    let report = |path: &Path| validate_bytes("a.mp4", &fs::read(path).expect("a clip"), &target);
    let good = report(&good()).unwrap_or_else(|error| panic!("{error}"));
    assert!(!good.is_refused(), "{good}");
    assert!(good.findings.iter().any(|f| f.rule == "file.header_only"));
    let small = support::simple("small.mp4", "320x180", 5.0, true);
    let facts = read(&small).unwrap_or_else(|error| panic!("{error}"));
    let small = report(&small).unwrap_or_else(|error| panic!("{error}"));
    assert!(small.is_refused(), "{small}");
    assert_eq!(small, check(&facts, &target, RulePack::current()));

    let refused = |bytes: &[u8], words: &str| {
        let report = validate_bytes("a.mp4", bytes, &target).expect("about the file");
        let text = report.to_string();
        assert!(report.is_refused() && text.contains(words), "{text}");
    };
    refused(b"", "empty");
    refused(b"#EXTM3U\n", "HLS playlist");
    refused(&fs::read(support::good()).expect("a clip")[..20_000], "");
    let error = validate_bytes("a.avi", b"RIFF....AVI LIST", &target).expect_err("not read");
    assert_eq!(error.kind(), ProbeErrorKind::UnsupportedFormat, "{error}");
    assert!(error.to_string().starts_with("a.avi: "), "{error}");
}

#[test]
fn unsupported_formats_are_unknown_not_broken() {
    let avi = clip(
        "plain.avi",
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=5 -c:v mpeg4",
    );
    let error = read(&avi).expect_err("no AVI");
    assert_eq!(error.kind(), ProbeErrorKind::UnsupportedFormat, "{error}");
    let report = check_probe_failure(&error, &Target::new(Route::Tasks), RulePack::current());
    assert_eq!(report.predicted_code(), None, "{report}");

    let error =
        read(&bytes("hls-header.mp4", b"#EXTM3U\n#EXTINF:5,\na.ts\n")).expect_err("a playlist");
    assert_eq!(error.kind(), ProbeErrorKind::Nested, "{error}");

    let whole = fs::read(good()).expect("a generated clip");
    let error = read(&bytes("half-header.mp4", &whole[..whole.len() / 2]))
        .expect_err("its index is behind the cut");
    assert_eq!(error.kind(), ProbeErrorKind::Broken, "{error}");
    assert!(error.to_string().contains("moov"), "{error}");
}

#[cfg(feature = "ffmpeg")]
#[test]
fn headers_agree_with_full_probe_on_corpus() {
    use tl_validate::ffmpeg::InProcess;

    let (mut compared, mut differences) = (0, Vec::new());
    for entry in support::corpus::entries() {
        let path = entry.path();
        let (headers, full) = (read(&path), InProcess::new().probe(&path));
        let headers = match headers {
            Ok(headers) => headers,
            Err(error) if error.kind() == ProbeErrorKind::UnsupportedFormat => continue,
            // The index of a truncated file may be missing; both probers refuse such a file.
            Err(error)
                if error.kind() == ProbeErrorKind::Broken
                    && full.as_ref().is_ok_and(|f| f.truncated.is_some()) =>
            {
                continue;
            }
            Err(error) => {
                differences.push(format!("{}: {error}", entry.name));
                continue;
            }
        };
        let full = full.unwrap_or_else(|error| panic!("{error}"));
        compared += 1;
        if entry.name.starts_with("c-lying-duration") {
            // The case that `header_only` marks.
            assert!(headers.duration_seconds() > Some(1000.0), "{}", entry.name);
            continue;
        }
        let mut differs = |what: &str, a: String, b: String| {
            if a != b {
                differences.push(format!("{}: {what} {a} by headers, {b}", entry.name));
            }
        };
        let codec = |f: &MediaFacts| f.video().map(|v| v.codec.clone());
        differs(
            "codec",
            format!("{:?}", codec(&headers)),
            format!("{:?}", codec(&full)),
        );
        let size = |f: &MediaFacts, header: bool| {
            f.video().map(|v| match (v.header_width, v.header_height) {
                // A header reader knows only the values in the header.
                (Some(w), Some(h)) if !header => (w, h),
                _ => (v.width, v.height),
            })
        };
        differs(
            "size",
            format!("{:?}", size(&headers, true)),
            format!("{:?}", size(&full, false)),
        );
        differs(
            "type",
            format!("{:?}", headers.file_mime_type),
            format!("{:?}", full.file_mime_type),
        );
        differs(
            "sound",
            format!("{:?}", headers.total_audio_streams),
            format!("{:?}", full.total_audio_streams),
        );
        differs(
            "fragments",
            headers.fragmented.to_string(),
            full.fragmented.to_string(),
        );
        differs(
            "cut",
            headers.truncated.is_some().to_string(),
            full.truncated.is_some().to_string(),
        );
        let turn = |f: &MediaFacts| f.video().map(|v| v.rotation.unwrap_or(0));
        differs(
            "rotation",
            format!("{:?}", turn(&headers)),
            format!("{:?}", turn(&full)),
        );
        let rates = |f: &MediaFacts| {
            f.audio()
                .map(|a| (a.sample_rate, a.channels, a.language.clone()))
        };
        differs(
            "rate",
            format!("{:?}", rates(&headers)),
            format!("{:?}", rates(&full)),
        );
        if let (Some(a), Some(b)) = (headers.duration_seconds(), full.duration_seconds())
            && (a - b).abs() > 0.12
        {
            differences.push(format!("{}: {a} s by headers, {b} s", entry.name));
        }
    }
    eprintln!("{compared} compared");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared >= 60, "{compared} compared");
}

#[cfg(unix)]
#[test]
fn attacks_return_in_time() {
    for attack in support::attacks::attacks(9, &good()) {
        let started = Instant::now();
        match read(&attack.path) {
            Ok(facts) => assert!(facts.header_only, "{}", attack.name),
            Err(error) => assert_ne!(error.kind(), ProbeErrorKind::Io, "{}: {error}", attack.name),
        }
        assert!(started.elapsed().as_secs() < 5, "{}", attack.name);
    }
    support::attacks::clean_up(9);
}

/// A Matroska file whose segment starts with a seek head with `children`.
fn with_seek_head(children: &[u8]) -> Vec<u8> {
    let mut file =
        b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\
        \x42\x82\x88matroska\x42\x87\x81\x04\x42\x85\x81\x02"
            .to_vec();
    // A segment of unknown size.
    file.extend(b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff");
    file.extend(b"\x11\x4d\x9b\x74");
    let length = u32::try_from(children.len()).expect("small") | 0x1000_0000;
    file.extend(length.to_be_bytes());
    file.extend(children);
    file
}

#[test]
fn circular_header_is_abandoned() {
    // Its only entry refers to the seek head itself.
    let entry = b"\x4d\xbb\x8b\x53\xab\x84\x11\x4d\x9b\x74\x53\xac\x81\x00";
    let file = with_seek_head(entry);
    let started = Instant::now();
    let error = HeaderReader::new()
        .probe_ranges(&mut &file[..], "circle.mkv")
        .expect_err("no video");
    assert_eq!(error.kind(), ProbeErrorKind::TooComplex, "{error}");
    assert!(error.to_string().contains("in a loop"), "{error}");
    let allowed = ProbeOptions::default().deadline;
    assert!(started.elapsed() < allowed, "only the deadline ended it");
}

#[test]
fn index_with_every_frame_is_read() {
    let codec = "-f lavfi -i color=s=16x16:r=25:d=400 -c:v mjpeg -q:v 31";
    let facts = read(&clip("header-intra.mkv", codec)).expect("a good file");
    assert_eq!(facts.duration_seconds, Some(400.0));
}

/// Small clips of each supported container.
fn seeds() -> Vec<Vec<u8>> {
    let tiny = "-f lavfi -i testsrc=size=64x64:rate=5:duration=1 -f lavfi -i sine=duration=1";
    [
        ("tiny.mp4", "-c:v mpeg4 -c:a aac"),
        ("tiny.mov", "-c:v prores_ks -profile:v 0 -c:a pcm_s16le"),
        (
            "tiny-fragmented.mp4",
            "-c:v mpeg4 -c:a aac -movflags frag_keyframe+empty_moov+dash+global_sidx",
        ),
        ("tiny.mkv", "-c:v mpeg4 -c:a flac"),
        (
            "tiny.webm",
            "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus",
        ),
    ]
    .into_iter()
    .map(|(name, codecs)| {
        let path = clip(&format!("header-{name}"), &format!("{tiny} {codecs}"));
        fs::read(path).expect("a generated clip")
    })
    .collect()
}

#[test]
fn mutated_files_do_not_panic() {
    // The reader catches panics, so count them in the panic hook.
    static PANICS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    std::panic::set_hook(Box::new(|info| {
        PANICS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        eprintln!("{info}");
    }));
    let seeds = seeds();
    let mutation = (
        0..seeds.len(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        any::<prop::sample::Index>(),
        any::<bool>(),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(3000));
    let result = runner.run(&mutation, |(seed, changes, cut, cuts)| {
        let mut bytes = seeds[seed].clone();
        // Headers are at both ends, so most changes go there.
        for (at, value) in changes {
            let near = at.index(2000.min(bytes.len()));
            let at = if value % 2 == 0 {
                near
            } else {
                bytes.len() - 1 - near
            };
            bytes[at] = value.wrapping_mul(31);
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        let answer = HeaderReader::new().probe_ranges(&mut &bytes[..], "mutated");
        if let Ok(facts) = answer {
            prop_assert!(facts.header_only);
            let _ = check(&facts, &Target::new(Route::Tasks), RulePack::current());
        }
        Ok(())
    });
    let _ = std::panic::take_hook();
    result.unwrap_or_else(|error| panic!("{error}"));
    let panics = PANICS.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(panics, 0, "a decoder panicked, which was caught");
}
