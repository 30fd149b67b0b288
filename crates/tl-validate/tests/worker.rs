//! The pool recovers from any failure of its helpers.
#![cfg(all(feature = "ffmpeg", feature = "worker", unix))]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use support::{folder, good, helper, stubborn_helper};
use tl_validate::worker::{ProbePool, WorkerOptions};
use tl_validate::{DurationSource, ProbeErrorKind, ProbeOptions, Prober};

/// A helper that is a shell script.
fn script(name: &str, body: &str) -> PathBuf {
    let path = folder().join(format!("{}.{name}.sh", std::process::id()));
    fs::write(&path, format!("#!/bin/sh\n{body}\n"))
        .expect("the build directory can be written to");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
    path
}

fn pool(program: PathBuf) -> ProbePool {
    // Long enough for a busy machine.
    pool_with(program, Duration::from_secs(30))
}

fn pool_with(program: PathBuf, deadline: Duration) -> ProbePool {
    ProbePool::new(
        WorkerOptions::default()
            .with_program(Some(program))
            .with_helpers(1)
            .with_probe(ProbeOptions::default().with_deadline(deadline)),
    )
    .expect("the program exists")
}

#[test]
fn crashed_helper_is_reported_with_its_stderr() {
    let error = pool(script(
        "dies",
        "echo 'libavformat.so.59: cannot open shared object file' >&2; exit 127",
    ))
    .probe(&good())
    .expect_err("no answer");
    assert_eq!(error.kind(), ProbeErrorKind::HelperFailed);
    assert!(
        error
            .to_string()
            .contains("exited with code 127: libavformat.so.59"),
        "{error}"
    );
}

#[test]
fn helper_inherits_no_variables_but_paths() {
    let names = "echo \"[$(env | cut -d= -f1 | tr '\\n' ' ')]\" >&2; exit 1";
    let error = pool(script("variables", names))
        .probe(&good())
        .expect_err("no answer")
        .to_string();
    let (_, rest) = error.split_once('[').expect("the list of names");
    let (names, _) = rest.split_once(']').expect("the end of the list");
    let names: Vec<&str> = names.split_whitespace().collect();
    assert!(names.contains(&"GLIBC_TUNABLES"), "{names:?}");
    for name in names {
        let is_path = name == "PATH" || name.ends_with("LIBRARY_PATH");
        // The last four are set by the shell.
        let others = ["GLIBC_TUNABLES", "PWD", "OLDPWD", "SHLVL", "_"];
        assert!(is_path || others.contains(&name), "{name}");
    }
}

#[test]
fn hanging_helper_is_killed() {
    let start = Instant::now();
    let hanging = script("hangs", "exec sleep 60");
    let error = pool_with(hanging, Duration::from_millis(500))
        .probe(&good())
        .expect_err("no answer");
    // The helper does not respond to other requests either, so the file is not the cause.
    assert_eq!(error.kind(), ProbeErrorKind::HelperFailed, "{error}");
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn file_that_fails_two_helpers_is_too_complex() {
    let helper = stubborn_helper();
    for (name, word, expected) in [
        ("stalls", "stall", "longer than 0.2 s 2 times"),
        ("dies", "die", "failed 2 times: it was killed by signal 6"),
    ] {
        let body = format!("exec '{}' \"$@\" {word}", helper.display());
        let pool = pool_with(script(name, &body), Duration::from_millis(200));
        let error = pool.probe(&good()).expect_err("no answer");
        assert_eq!(error.kind(), ProbeErrorKind::TooComplex, "{error}");
        assert!(error.seen().contains(expected), "{error}");
        assert!(error.kind().is_about_the_file());
        // The pool still works.
        pool.protections().expect("it answers other requests");
    }
}

#[test]
fn invalid_response_of_helper_is_reported() {
    let error = pool(script(
        "nonsense",
        "head -c 4 <&0 >/dev/null; printf 'hello world, this is not a reply' >&0",
    ))
    .probe(&good())
    .expect_err("no answer");
    assert_eq!(error.kind(), ProbeErrorKind::HelperFailed, "{error}");
}

#[test]
fn helper_killed_while_idle_is_replaced() {
    let pool = pool(helper());
    let first = pool.probe(&good()).expect("a good clip");
    for pid in children() {
        let _ = std::process::Command::new("kill")
            .args(["-9", &pid])
            .status();
    }
    assert_eq!(
        pool.probe(&good()).expect("a good clip, by a new helper"),
        first
    );
}

/// The PIDs of this process's own helpers.
fn children() -> Vec<String> {
    let own = std::process::id();
    let tasks = fs::read_dir("/proc").expect("Linux");
    tasks
        .flatten()
        .filter_map(|entry| {
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            let parent = status.lines().find_map(|l| l.strip_prefix("PPid:\t"))?;
            let name = status.lines().find_map(|l| l.strip_prefix("Name:\t"))?;
            (parent == own.to_string() && name == "probe_helper")
                .then(|| entry.file_name().to_string_lossy().into_owned())
        })
        .collect()
}

#[test]
fn missing_helper_error_has_instructions() {
    let error =
        ProbePool::new(WorkerOptions::default().with_program(Some("/no/such/tl-probe".into())))
            .expect_err("there is none");
    assert_eq!(error.kind(), ProbeErrorKind::HelperMissing);
    assert!(error.to_string().contains("TL_PROBE"), "{error}");
}

#[test]
fn many_threads_share_few_helpers() {
    let pool = ProbePool::new(
        WorkerOptions::default()
            .with_program(Some(helper()))
            .with_helpers(2),
    )
    .expect("the helper");
    let path = good();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| pool.probe(&path).map(|f| f.file_size_bytes)))
            .collect();
        for one in all {
            assert!(one.join().expect("no panic").is_ok());
        }
    });
    assert!(children().len() <= 2 + 1, "{:?}", children());
}

#[test]
fn probe_options_reach_the_helper() {
    for (thorough, source) in [
        (false, DurationSource::SampleTable),
        (true, DurationSource::PacketScan),
    ] {
        let pool = ProbePool::new(
            WorkerOptions::default()
                .with_program(Some(helper()))
                .with_helpers(1)
                .with_probe(ProbeOptions::default().with_thorough(thorough)),
        )
        .expect("the helper");
        let facts = pool.probe(&good()).expect("a good clip");
        assert_eq!(facts.duration_source, Some(source));
        let seconds = facts.duration_seconds().expect("a duration");
        assert!((seconds - 5.0).abs() < 0.05, "{seconds} s");
    }
}

/// A soft limit from `/proc/PID/limits`.
#[cfg(target_os = "linux")]
fn limit(pid: &str, resource: &str) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|l| l.strip_prefix(resource))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether the kernel supports everything that a Landlock version restricts. Queries the kernel
/// without applying restrictions.
#[cfg(target_os = "linux")]
fn kernel_knows(abi: landlock::ABI) -> bool {
    use landlock::{
        Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope,
    };
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| match AccessNet::from_all(abi) {
            net if net.is_empty() => Ok(rules),
            net => rules.handle_access(net),
        })
        .and_then(|rules| match Scope::from_all(abi) {
            scope if scope.is_empty() => Ok(rules),
            scope => rules.scope(scope),
        })
        .and_then(Ruleset::create)
        .is_ok()
}

#[test]
#[cfg(target_os = "linux")]
fn reported_protections_match_the_kernel() {
    let pool = pool(helper());
    let told = pool.protections().expect("a helper");
    let pid = children().pop().expect("it stays");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("our own child");
    let number = |key: &str| -> Option<u64> {
        status
            .lines()
            .find_map(|l| l.strip_prefix(key))?
            .trim()
            .parse()
            .ok()
    };
    assert_eq!(
        told.limits,
        limit(&pid, "Max data size") == Some(512 << 20)
            && limit(&pid, "Max file size") == Some(0)
            && limit(&pid, "Max core file size") == Some(0)
            && limit(&pid, "Max open files") == Some(32)
            // An unlimited value is not a number.
            && limit(&pid, "Max cpu time").is_some(),
        "{told:?}"
    );
    let capabilities = status
        .lines()
        .find_map(|line| line.strip_prefix("CapPrm:\t"))
        .and_then(|bits| u64::from_str_radix(bits, 16).ok());
    assert_eq!(told.no_capabilities, capabilities == Some(0), "{status}");
    assert!(told.ends_with_parent && told.are_complete(), "{told:?}");
    assert_eq!(
        told.system_call_filter,
        number("Seccomp:") == Some(2),
        "{told:?} {status}"
    );
    let expected = if kernel_knows(landlock::ABI::V6) {
        "full"
    } else if kernel_knows(landlock::ABI::V1) {
        "partial"
    } else {
        "none"
    };
    assert_eq!(told.landlock, expected, "{told:?}");
    if told.landlock != "none" || told.system_call_filter {
        assert_eq!(number("NoNewPrivs:"), Some(1), "{told:?}");
    }
    assert!(!told.libavformat.is_empty(), "{told:?}");
    eprintln!("{told:?}");
    assert!(pool.probe(&good()).is_ok(), "it works behind them");
}

#[test]
#[cfg(target_os = "linux")]
fn helper_closes_inherited_descriptors() {
    let path = folder().join(format!("{}.secret", std::process::id()));
    fs::write(&path, "secret").expect("written");
    let file = fs::File::open(&path).expect("just written");
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("our own descriptor");
    let pool = pool(helper());
    pool.probe(&good()).expect("a good clip");
    let pid = children().pop().expect("it stays");
    let open: Vec<PathBuf> = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("our own child")
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .collect();
    assert!(!open.is_empty() && !open.contains(&path), "{open:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn helper_outlives_the_thread_that_started_it() {
    let pool = pool(helper());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| pool.probe(&good()).is_ok());
        assert!(first.join().expect("no panic"));
    });
    let before = children();
    // The kernel would kill the helper when that thread ends, which is about now.
    std::thread::sleep(Duration::from_millis(300));
    assert!(pool.probe(&good()).is_ok());
    assert_eq!(children(), before, "the same helper");
}
