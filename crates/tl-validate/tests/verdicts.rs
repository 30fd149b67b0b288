//! Regression tests for wrong verdicts, by kind: what is refused, what causes a warning, and the
//! texts.
#![cfg(feature = "ffmpeg")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::{bytes, clip, cut};
use tl_corpus::fault::{programs, replaced, shifted_granules, sparse, tagged_matroska};
use tl_validate::ffmpeg::InProcess;
use tl_validate::{
    MediaFacts, ProbeError, ProbeErrorKind, ProbeOptions, Prober, Report, Route, RulePack,
    Severity, Target, check, check_probe_failure, formats,
};

const PICTURE: &str = "-f lavfi -i testsrc=size=640x360:rate=25:duration=5";
const SOUND: &str = "-f lavfi -i sine=sample_rate=48000:duration=5";
const X264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

/// The rules that apply on every date.
const OURS: [&str; 8] = [
    "picture.decoder",
    "sound.decoder",
    "sound.decoder.beside_picture",
    "content.clear",
    "duration.as_claimed",
    "duration.bits.min",
    "duration.bits.max",
    "container.claim",
];

fn probe(path: &Path) -> Result<MediaFacts, ProbeError> {
    InProcess::new().probe(path)
}

fn facts(path: &Path) -> MediaFacts {
    probe(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Uses the rules of every date: the platform has never accepted what FFmpeg cannot read.
fn report(path: &Path) -> Report {
    let target = Target::new(Route::Asset);
    let of = |pack: &RulePack| match probe(path) {
        Ok(facts) => check(&facts, &target, pack),
        Err(error) => check_probe_failure(&error, &target, pack),
    };
    let local = |report: &Report| -> Vec<(String, Severity)> {
        let found = report.findings.iter();
        found
            .filter(|f| OURS.contains(&f.rule.as_str()) || f.rule.starts_with("file."))
            .map(|f| (f.rule.clone(), f.severity))
            .collect()
    };
    let today = of(RulePack::current());
    for info in RulePack::all() {
        let then = of(RulePack::named(&info.name).expect("a listed pack"));
        assert_eq!(local(&then), local(&today), "{}", info.name);
    }
    today
}

/// Severity and text of the finding for one rule.
fn finding(path: &Path, rule: &str) -> Option<(Severity, String)> {
    let report = report(path);
    let found = report.findings.iter().find(|f| f.rule == rule)?;
    assert!(
        found.since.is_some() || rule.starts_with("file."),
        "{found:?}"
    );
    assert!(!found.why.is_empty() && !found.source.is_empty());
    Some((found.severity, found.observed.clone()))
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("a generated clip")
}

fn with_sound(name: &str) -> PathBuf {
    clip(name, &format!("{PICTURE} {SOUND} {X264} -c:a aac"))
}

#[test]
fn video_without_decoder_is_refused() {
    let mov = with_sound("v-good.mov");
    assert_eq!(finding(&mov, "picture.decoder"), None);
    // ProRes RAW, which FFmpeg 5.1 does not support, and an unknown code.
    for code in [b"aprn", b"zzzz"] {
        let name = format!("v-{}.mov", String::from_utf8_lossy(code));
        let unknown = bytes(&name, &replaced(read(&mov), b"avc1", code, 0));
        let (severity, observed) = finding(&unknown, "picture.decoder").expect("a finding");
        // A later FFmpeg may support the first one.
        assert_eq!(severity, Severity::Error);
        let code = String::from_utf8_lossy(code).into_owned();
        assert!(observed.contains(&code), "{observed}");
        assert_eq!(report(&unknown).predicted_code(), Some("video_file_broken"));
    }
}

#[test]
fn audio_without_decoder_matters_if_it_is_the_only_one() {
    // For AAC, a second position in the file specifies the codec.
    let alone = clip("v-alone-pcm.mov", &format!("{SOUND} -c:a pcm_s16le"));
    let beside = clip(
        "v-beside-pcm.mov",
        &format!("{PICTURE} {SOUND} {X264} -c:a pcm_s16le"),
    );
    let two = clip(
        "v-two-pcm.mov",
        &format!("{PICTURE} {SOUND} {SOUND} -map 0 -map 1 -map 2 {X264} -c:a pcm_s16le"),
    );
    let unknown = |name: &str, of: &Path| bytes(name, &replaced(read(of), b"sowt", b"zzzz", 0));
    let check = |path: PathBuf, rule: &str, expected: Option<Severity>| {
        let found = finding(&path, rule).map(|(severity, _)| severity);
        assert_eq!(found, expected, "{} by {rule}", path.display());
    };
    check(
        unknown("v-alone-zzzz.mov", &alone),
        "sound.decoder",
        Some(Severity::Error),
    );
    let beside = unknown("v-beside-zzzz.mov", &beside);
    check(beside.clone(), "sound.decoder", None);
    check(
        beside,
        "sound.decoder.beside_picture",
        Some(Severity::Warning),
    );
    let two = unknown("v-two-zzzz.mov", &two);
    assert_eq!(facts(&two).audio_streams.len(), 2);
    check(two.clone(), "sound.decoder", None);
    check(two, "sound.decoder.beside_picture", None);
}

#[test]
fn encrypted_content_is_refused() {
    let cenc = clip(
        "v-cenc.mp4",
        &format!(
            "{PICTURE} {SOUND} {X264} -c:a aac -encryption_scheme cenc-aes-ctr \
             -encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8"
        ),
    );
    let clear = clip("v-clear.ts", &format!("{PICTURE} {X264}"));
    let mut packets = read(&clear);
    for packet in packets.chunks_exact_mut(188) {
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        // FFmpeg's muxer assigns this PID to the first stream.
        if pid == 0x100 {
            packet[3] |= 0x80;
        }
    }
    let scrambled = bytes("v-scrambled.ts", &packets);
    for (path, word) in [(&cenc, "cenc"), (&scrambled, "scrambled")] {
        let (severity, observed) = finding(path, "content.clear").expect("a finding");
        assert_eq!(severity, Severity::Error);
        assert!(observed.contains(word), "{observed}");
    }
    assert_eq!(finding(&clear, "content.clear"), None);
    // Unencrypted, although the container supports encryption.
    assert_eq!(finding(&with_sound("v-good.mp4"), "content.clear"), None);
}

#[test]
fn duration_far_below_header_causes_warning() {
    let mxf = clip(
        "v-whole.mxf",
        "-f lavfi -i testsrc=size=384x360:rate=25:duration=12 -c:v mpeg2video -q:v 5",
    );
    let half = cut("v-half.mxf", &mxf, |length| length / 2);
    let (severity, observed) = finding(&half, "duration.as_claimed").expect("a finding");
    assert_eq!(severity, Severity::Warning);
    assert!(observed.contains("claims 12 s"), "{observed}");
    assert_eq!(finding(&mxf, "duration.as_claimed"), None);
    // A longer track or an edit list explains a difference.
    let long_sound = clip(
        "v-long-sound.mkv",
        &format!("{PICTURE} -f lavfi -i sine=duration=20 {X264} -c:a libopus -live 0"),
    );
    let edited = clip(
        "v-edited.mp4",
        &format!("-ss 2.2 -i {} -c copy", with_sound("v-good.mp4").display()),
    );
    let fragmented = clip(
        "v-fragmented.mp4",
        &format!("{PICTURE} {X264} -g 25 -movflags +frag_keyframe+empty_moov"),
    );
    for path in [&long_sound, &edited, &fragmented] {
        assert_eq!(finding(path, "duration.as_claimed"), None, "{path:?}");
    }
}

#[test]
fn excess_box_size_with_all_samples_is_a_warning() {
    let mp4 = with_sound("v-good.mp4");
    let grown = |name: &str, of: &Path, at: usize, by: u32, big_endian: bool| {
        let mut content = read(of);
        let old: [u8; 4] = content[at..at + 4].try_into().expect("four bytes");
        let new = if big_endian {
            (u32::from_be_bytes(old) + by).to_be_bytes()
        } else {
            (u32::from_le_bytes(old) + by).to_le_bytes()
        };
        content[at..at + 4].copy_from_slice(&new);
        bytes(name, &content)
    };
    let position = |of: &Path, what: &[u8]| {
        let content = read(of);
        content
            .windows(what.len())
            .position(|window| window == what)
            .expect("it is there")
    };
    let fast = clip(
        "v-fast.mp4",
        &format!("{PICTURE} {SOUND} {X264} -c:a aac -movflags +faststart"),
    );
    let avi = clip(
        "v-good.avi",
        &format!("{PICTURE} {SOUND} -c:v mpeg4 -c:a libmp3lame"),
    );
    let wav = clip("v-good.wav", SOUND);
    let mkv = clip("v-good.mkv", &format!("{PICTURE} {X264}"));
    let all = [
        grown("v-claim.mp4", &fast, position(&fast, b"mdat") - 4, 8, true),
        grown("v-claim.avi", &avi, 4, 1000, false),
        grown("v-claim.wav", &wav, 4, 1000, false),
        // The lower half of an eight-byte size.
        grown(
            "v-claim.mkv",
            &mkv,
            position(&mkv, &[0x18, 0x53, 0x80, 0x67]) + 8,
            1000,
            true,
        ),
    ];
    for path in &all {
        let (severity, _) = finding(path, "container.claim")
            .unwrap_or_else(|| panic!("{}: {:?}", path.display(), report(path)));
        assert_eq!(severity, Severity::Warning);
        assert_eq!(facts(path).truncated, None, "{path:?}");
    }
    // If a single byte of the content is missing, the file is truncated.
    for (name, of) in [
        ("v-short.mp4", &fast),
        ("v-short.avi", &avi),
        ("v-short.wav", &wav),
        ("v-short.mkv", &mkv),
    ] {
        let short = cut(name, of, |length| length * 9 / 10);
        let (severity, _) = finding(&short, "file.truncated").expect("a finding");
        assert_eq!(severity, Severity::Error, "{name}");
        assert_eq!(finding(&short, "container.claim"), None, "{name}");
    }
    assert_eq!(finding(&mp4, "container.claim"), None);
}

#[test]
fn raw_dv_is_checked_by_its_facts() {
    let dv = clip(
        "v-one-frame.dv",
        "-f lavfi -i testsrc=size=720x576:rate=25:duration=0.04 -pix_fmt yuv420p -c:v dvvideo -f dv",
    );
    let facts = facts(&dv);
    assert_eq!(facts.video_codec.as_deref(), Some("dvvideo"));
    assert_eq!(
        (facts.video_width, facts.video_height),
        (Some(720), Some(576))
    );
    let report = report(&dv);
    let errors: Vec<&str> = report.errors().map(|f| f.rule.as_str()).collect();
    assert_eq!(errors, ["marengo3.0.duration.min"]);
}

#[test]
fn unopened_formats_are_reported_as_such() {
    for (name, arguments, format) in [
        ("v-closed.nut", format!("{PICTURE} -c:v mpeg4"), "NUT"),
        (
            "v-closed.rm",
            "-f lavfi -i testsrc=size=352x288:rate=25:duration=5 -c:v rv20".to_owned(),
            "RealMedia",
        ),
        ("v-closed.wtv", format!("{PICTURE} -c:v mpeg2video"), "WTV"),
        (
            "v-closed.y4m",
            "-f lavfi -i testsrc=size=64x48:rate=5:duration=5 -pix_fmt yuv420p".to_owned(),
            "Y4M",
        ),
    ] {
        let path = clip(name, &arguments);
        let error = probe(&path).expect_err("left closed");
        assert_eq!(error.kind(), ProbeErrorKind::UnopenedFormat, "{error}");
        let report = report(&path);
        assert_eq!(report.predicted_code(), None, "the platform may take it");
        let [finding] = report.findings.as_slice() else {
            panic!("{report}");
        };
        assert_eq!(finding.rule, "file.unopened_format");
        assert!(finding.observed.contains(format), "{finding}");
        assert!(!finding.why.contains("cannot read"), "{finding}");
        let fix = finding.fix.as_ref().expect("it can be converted");
        assert!(!fix.lossless && fix.argv.contains(&"libx264".to_owned()));
    }
    let sound = clip("v-closed.aiff", SOUND);
    let report = report(&sound);
    assert_eq!(report.findings[0].rule, "file.unopened_format");
    assert_eq!(report.findings[0].fix, None, "there is no picture");
}

#[test]
fn wrapped_ogg_granules_do_not_inflate_duration() {
    let one_page = clip(
        "v-one-page.ogg",
        "-f lavfi -i anullsrc=sample_rate=44100:duration=3.685 -c:a libvorbis -page_duration 10000000",
    );
    let pages = clip(
        "v-pages.ogg",
        "-f lavfi -i sine=sample_rate=44100:duration=3.685 -c:a libvorbis",
    );
    let theora = clip(
        "v-pages.ogv",
        "-f lavfi -i sine=sample_rate=44100:duration=3.685 -c:a libvorbis -page_duration 10000000",
    );
    for source in [&one_page, &pages, &theora] {
        for (number, by) in [1 << 32, (1 << 32) - 2000, 1 << 31, 0_u64.wrapping_sub(5000)]
            .into_iter()
            .enumerate()
        {
            for last_only in [false, true] {
                let stem = source.file_stem().expect("a name").to_string_lossy();
                let name = format!("{stem}-{number}-{last_only}.ogg");
                let path = bytes(&name, &shifted_granules(read(source), by, last_only));
                let seconds = facts(&path).duration_seconds().expect("a duration");
                assert!((seconds - 3.685).abs() < 0.2, "{name}: {seconds} s");
            }
        }
    }
}

#[test]
fn segments_and_still_images_are_identified() {
    let whole = clip(
        "v-dash.mp4",
        &format!("{PICTURE} {X264} -g 25 -movflags +frag_keyframe+empty_moov+default_base_moof"),
    );
    let content = read(&whole);
    let moof = content
        .windows(4)
        .position(|window| window == b"moof")
        .expect("a fragment")
        - 4;
    let webm = read(&clip(
        "v-dash.webm",
        &format!("{PICTURE} -c:v libvpx -deadline realtime -cpu-used 8 -live 1"),
    ));
    let cluster = webm
        .windows(4)
        .position(|window| window == [0x1f, 0x43, 0xb6, 0x75])
        .expect("a cluster");
    let mut heic = tl_corpus::movie::mov_box(b"ftyp", b"heic\0\0\0\0mif1heic");
    heic.extend(tl_corpus::movie::mov_box(b"meta", &[0; 64]));
    heic.extend(tl_corpus::movie::mov_box(b"mdat", &[7; 4096]));
    let avif = read(&clip(
        "v-still.avif",
        "-f lavfi -i testsrc=size=640x360 -frames:v 1 -c:v libaom-av1 -still-picture 1",
    ));
    let unfinished = [
        tl_corpus::movie::mov_box(b"ftyp", b"isom\0\0\0\0"),
        tl_corpus::movie::mov_box(b"mdat", &[7; 4096]),
    ]
    .concat();
    for (name, content, kind, words) in [
        (
            "v-init.mp4",
            &content[..moof],
            ProbeErrorKind::Segment,
            "initialization segment of a DASH",
        ),
        (
            "v-media.m4s",
            &content[moof..],
            ProbeErrorKind::Segment,
            "media segment of a DASH",
        ),
        (
            "v-init.webm",
            &webm[..cluster],
            ProbeErrorKind::Segment,
            "initialization segment of a DASH",
        ),
        (
            "v-media.webm",
            &webm[cluster..],
            ProbeErrorKind::Segment,
            "media segment of a DASH",
        ),
        (
            "v-still-1.avif",
            &avif,
            ProbeErrorKind::NotMedia,
            "still image (AVIF)",
        ),
        (
            "v-still.heic",
            &heic,
            ProbeErrorKind::NotMedia,
            "still image (HEIC)",
        ),
        (
            "v-unfinished.mp4",
            &unfinished,
            ProbeErrorKind::Broken,
            "`moov`) is missing",
        ),
    ] {
        let path = bytes(name, content);
        let error = probe(&path).expect_err(name);
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.seen().contains(words), "{name}: {error}");
        // No advice by FFmpeg for its own programs, and no `ffmpeg` commands.
        let report = report(&path);
        let text = report.to_string();
        for word in ["analyzeduration", "probesize", "FFmpeg: ", "ffmpeg -i"] {
            assert!(!text.contains(word), "{text}");
        }
    }
    assert!(facts(&whole).duration_seconds().is_some());
}

#[test]
fn demuxer_warnings_are_single_lines() {
    let mov = with_sound("v-good.mov");
    let unknown = bytes("v-lines.mov", &replaced(read(&mov), b"avc1", b"zzzz", 0));
    let warnings = facts(&unknown).warnings;
    assert!(!warnings.is_empty());
    for line in warnings {
        assert!(!line.contains("analyzeduration"), "{line}");
    }
}

/// Asserts that a file keeps the probe busy until its deadline.
fn is_too_complex(path: &Path) {
    // Long enough for a busy machine: CPU time counts, not wall-clock time.
    let options = ProbeOptions::default().with_deadline(Duration::from_secs(300));
    let error = InProcess::with_options(options)
        .probe(path)
        .expect_err("no end in sight");
    fs::remove_file(path).expect("our own file");
    assert_eq!(error.kind(), ProbeErrorKind::TooComplex, "{error}");
    assert!(error.kind().is_about_the_file());
    let target = Target::new(Route::Multipart);
    let report = check_probe_failure(&error, &target, RulePack::current());
    assert_eq!(report.findings[0].rule, "file.too_complex");
}

const HUNDRED_GB: u64 = 100 << 30;

#[test]
fn sparse_avi_is_too_complex() {
    let avi = clip("v-hole.avi", &format!("{PICTURE} -c:v mpeg4"));
    is_too_complex(&sparse(&avi, "v-hole-100g.avi", HUNDRED_GB).expect("a sparse file"));
}

#[test]
fn sparse_matroska_is_too_complex() {
    let mkv = clip("v-hole.mkv", &format!("{PICTURE} {X264}"));
    is_too_complex(&sparse(&mkv, "v-hole-100g.mkv", HUNDRED_GB).expect("a sparse file"));
}

#[test]
fn sparse_program_stream_is_too_complex() {
    let mpg = clip("v-hole.mpg", &format!("{PICTURE} -c:v mpeg2video"));
    is_too_complex(&sparse(&mpg, "v-hole-100g.mpg", HUNDRED_GB).expect("a sparse file"));
}

#[test]
fn transport_stream_of_80000_programs_is_too_complex() {
    let ts = read(&clip("v-one-program.ts", &format!("{PICTURE} {X264}")));
    let many = [programs(80_000), ts].concat();
    is_too_complex(&bytes("v-programs.ts", &many));
}

/// FFmpeg compares each tag with all others without calling back, so only the pool can stop it.
#[test]
#[cfg(all(feature = "worker", unix))]
fn million_tags_are_too_complex() {
    use tl_validate::worker::{ProbePool, WorkerOptions};
    let mkv = read(&clip("v-tags.mkv", &format!("{PICTURE} {X264}")));
    let tagged = tagged_matroska(&mkv, 1_000_000);
    assert!((14_000_000..15_000_000).contains(&tagged.len()));
    let pool = ProbePool::new(
        WorkerOptions::default()
            .with_program(Some(support::helper()))
            .with_helpers(1)
            .with_probe(ProbeOptions::default().with_deadline(Duration::from_secs(20))),
    )
    .expect("the example helper");
    let error = pool
        .probe(&bytes("v-million-tags.mkv", &tagged))
        .expect_err("no end in sight");
    assert_eq!(error.kind(), ProbeErrorKind::TooComplex, "{error}");
}

#[test]
fn fix_bit_rate_is_capped() {
    let facts = MediaFacts::default().with(|facts| {
        facts.file_size_bytes = HUNDRED_GB;
        facts.duration_seconds = Some(5.0);
        facts.duration_source = Some(tl_validate::DurationSource::PacketScan);
        facts.video_streams = vec![tl_validate::VideoStream::default().with(|video| {
            video.codec = "h264".to_owned();
            video.width = 640;
            video.height = 360;
            video.fps = Some(25.0);
        })];
    });
    let report = check(&facts, &Target::new(Route::Multipart), RulePack::current());
    let fixes: Vec<&str> = report
        .findings
        .iter()
        .filter_map(|f| f.fix.as_ref())
        .map(|fix| fix.summary.as_str())
        .collect();
    assert_eq!(fixes, ["encode at 62500 kbit/s"]);
    // The finding also mentions that size and duration do not match.
    assert!(
        report
            .findings
            .iter()
            .any(|f| f.rule == "duration.bits.max")
    );
}

#[test]
fn refusal_lists_routes_that_accept_the_file() {
    let of = |bytes: u64, width: u32| {
        MediaFacts::default().with(|facts| {
            facts.file_size_bytes = bytes;
            facts.duration_seconds = Some(600.0);
            facts.video_streams = vec![tl_validate::VideoStream::default().with(|video| {
                video.codec = "h264".to_owned();
                video.width = width;
                video.height = width * 9 / 16;
            })];
        })
    };
    let check = |facts: &MediaFacts, route: Route, routes: &[Route], words: Option<&str>| {
        let report = check(facts, &Target::new(route), RulePack::current());
        let finding = report
            .errors()
            .find(|f| f.rule.ends_with("size.max") && f.rule.starts_with(route.as_str()))
            .expect("too large");
        assert_eq!(finding.other_routes, routes, "{finding}");
        match words {
            Some(words) => assert!(finding.why.ends_with(words), "{finding}"),
            None => assert!(!finding.why.contains("accept"), "{finding}"),
        }
        let entry = formats::Entry::new("a.mp4", &report);
        let entries = std::slice::from_ref(&entry);
        for text in [
            formats::jsonl(&entry),
            formats::junit(entries),
            formats::sarif(entries),
            formats::csv(entries),
            formats::html(entries),
        ] {
            let named = text.contains("accept this file") || text.contains("accepts this file");
            assert_eq!(named, words.is_some(), "{text}");
        }
    };
    check(
        &of(2_500_000_000, 640),
        Route::Tasks,
        &[Route::AssetUrl, Route::Multipart],
        Some("The routes `asset-url` (from a public link) and `multipart` accept this file."),
    );
    check(
        &of(300_000_000, 640),
        Route::Asset,
        &[Route::Tasks, Route::AssetUrl, Route::Multipart],
        Some(
            "The routes `tasks`, `asset-url` (from a public link) and `multipart` accept this file.",
        ),
    );
    // Another route does not help if there are other errors.
    check(&of(2_500_000_000, 320), Route::Tasks, &[], None);
}
