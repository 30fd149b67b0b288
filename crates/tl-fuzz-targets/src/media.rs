//! Media files, what servers say about them, and rules.

use std::io::{Seek, SeekFrom};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tl_validate::ffmpeg::InProcess;
use tl_validate::formats::{self, Entry, HumanOptions};
use tl_validate::header::HeaderReader;
use tl_validate::{
    MediaFacts, ProbeOptions, Prober, Report, Route, RulePack, Target, check, check_probe_failure,
    fix_all, web,
};

use crate::input;

pub(crate) fn header(data: &[u8]) {
    // A panic of a decoder is caught by the reader; here it shall be seen.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    let answer = HeaderReader::new().probe_ranges(&mut &data[..], "fuzz");
    std::panic::set_hook(before);
    let target = Target::new(Route::Tasks);
    match answer {
        Ok(facts) => {
            assert!(facts.header_only);
            let report = check(&facts, &target, RulePack::current());
            assert!(report.findings.iter().any(|f| f.rule == "file.header_only"));
        }
        Err(error) => {
            assert!(check_probe_failure(&error, &target, RulePack::current()).is_refused());
        }
    }
}

pub(crate) fn with_ffmpeg(data: &[u8]) {
    let (mut file, _) = input::file(data);
    file.seek(SeekFrom::Start(0)).expect("memory");
    let options = ProbeOptions::default().with_deadline(Duration::from_secs(2));
    let start = Instant::now();
    let answer = InProcess::with_options(options).probe_file(file, "fuzz");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "deaf to its deadline");
    let target = Target::new(Route::Tasks);
    let _ = match answer {
        Ok(facts) => check(&facts, &target, RulePack::current()),
        Err(error) => check_probe_failure(&error, &target, RulePack::current()),
    };
}

/// The input is three texts: rules, facts, target. Each falls back to a good one, so that the others
/// are reached.
pub(crate) fn rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let (rules, facts, target) = (part(), part(), part());
    let current = RulePack::current();
    let pack = current
        .extended_with(rules)
        .unwrap_or_else(|_| current.clone());
    let written = pack.to_toml().expect("what was read can be written");
    assert_eq!(RulePack::from_toml(&written).expect("own output"), pack);
    let facts: MediaFacts = serde_json::from_str(facts).unwrap_or_default();
    let target: Target = serde_json::from_str(target).unwrap_or_default();
    let report = check(&facts, &target, &pack);
    let json = serde_json::to_string(&report).expect("plain data");
    let again: Report = serde_json::from_str(&json).expect("own output");
    assert_eq!(again, report);
    let _ = fix_all(&facts, &target, &pack);
    let entries = [Entry::new(rules, &report).with_facts(&facts)];
    for write in [
        formats::json,
        formats::csv,
        formats::junit,
        formats::sarif,
        formats::html,
    ] {
        assert!(!write(&entries).is_empty());
    }
    let options = HumanOptions::default().with_color(false).with_details(true);
    let line = formats::human(&entries[0], options);
    assert!(line.chars().all(|c| !c.is_control() || c == '\n'));
}

/// The input is a status, then header lines, then NUL and the body. The body is also read as a URL.
pub(crate) fn remote(data: &[u8]) {
    let [low, high, rest @ ..] = data else {
        return;
    };
    let (lines, body) = input::split(rest);
    let headers = input::headers(lines);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut head = web::Head::new(u16::from_le_bytes([*low, *high]), body);
    head.content_range = header("content-range");
    head.content_length = header("content-length").and_then(|length| length.parse().ok());
    head.content_type = header("content-type");
    head.location = header("location");
    let asked = 1 << 19;
    match web::read_head(&head, asked) {
        Ok(web::Answer::Whole { size }) => assert!(size <= asked, "{size}"),
        Ok(_) => {}
        Err(problem) => assert!(!problem.next().is_empty() && !problem.seen().contains('\n')),
    }
    let text = String::from_utf8_lossy(body);
    if let Ok(url) = url::Url::parse(&text) {
        let _ = web::page(&url);
        if let Some(presigned) = web::presigned(&url) {
            let _ = presigned.time_left(Timestamp::UNIX_EPOCH);
        }
        assert!(!web::shown(&url).contains('\n'));
    }
}
