//! Untrusted files cause no access to other files, no connections, no overrun of the deadline and
//! no excessive memory use.
#![cfg(all(feature = "ffmpeg", feature = "worker", target_os = "linux"))]

mod support;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::attacks::{attacks, clean_up};
use support::{folder, good, helper};
use tl_validate::ffmpeg::InProcess;
use tl_validate::worker::{ProbePool, WorkerOptions};
use tl_validate::{ProbeError, ProbeErrorKind, ProbeOptions, Prober};

/// Limit on the peak memory of a helper for the bombs, in kilobytes.
const MAX_PEAK_KB: u64 = 300 * 1024;

/// Deadline of a probe, and the additional time that the pool needs to notice and to kill.
const DEADLINE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(4);

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

#[test]
fn attacks_stay_within_time_and_memory() {
    let (listener, port) = listener();
    let all = attacks(port, &good());
    assert!(all.len() >= 25, "{}", all.len());
    for attack in &all {
        // Use a separate pool for each file to measure its own peak memory.
        let pool = ProbePool::new(
            WorkerOptions::default()
                .with_program(Some(helper()))
                .with_helpers(1)
                .with_probe(ProbeOptions::default().with_deadline(DEADLINE)),
        )
        .expect("the example helper");
        let start = Instant::now();
        let answer = pool.probe(&attack.path);
        let took = start.elapsed();
        assert!(took < DEADLINE + PATIENCE, "{} took {took:?}", attack.name);
        if let Err(error) = &answer {
            let kind = error.kind();
            assert!(
                !matches!(kind, ProbeErrorKind::HelperFailed | ProbeErrorKind::Io),
                "{}: {error}",
                attack.name
            );
        }
        if attack.name.starts_with("hls-")
            || ["mov-external-file", "mov-external-web"].contains(&attack.name)
        {
            assert_eq!(
                answer.as_ref().map_err(ProbeError::kind),
                Err(ProbeErrorKind::Nested),
                "{}",
                attack.name
            );
        }
        let peak = helper_peaks().into_iter().max().unwrap_or(0);
        assert!(peak < MAX_PEAK_KB, "{}: {peak} KB", attack.name);
        let said = answer.map_or_else(
            |e| e.kind().to_string(),
            |f| format!("{:?} s", f.duration_seconds()),
        );
        eprintln!(
            "{:<22} {:>7.1} ms {:>7} KB  {said}",
            attack.name,
            took.as_secs_f64() * 1000.0,
            peak
        );
    }
    clean_up(port);
    assert!(listener.accept().is_err(), "something connected");
}

/// Peak memory of this process's own helpers.
fn helper_peaks() -> Vec<u64> {
    let own = format!("PPid:\t{}", std::process::id());
    let status = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("status")).ok();
    fs::read_dir("/proc")
        .expect("Linux")
        .flatten()
        .filter_map(status)
        .filter(|s| s.lines().any(|l| l == own) && s.starts_with("Name:\tprobe_helper"))
        .filter_map(|s| {
            s.lines()
                .find_map(|l| l.strip_prefix("VmHWM:"))?
                .trim()
                .trim_end_matches(" kB")
                .parse()
                .ok()
        })
        .collect()
}

/// The system calls by which a program opens files or connects, after it has opened `file`.
fn calls_after_opening(program: &Path, arguments: &[&str], file: &Path) -> Vec<String> {
    let output = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=open,openat,openat2,connect,socket,execve,sendto",
        ])
        .args(["-o", "/dev/stderr"])
        .arg(program)
        .args(arguments)
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .expect("the `strace` program is needed for this test (apt-get install strace)");
    let trace = String::from_utf8_lossy(&output.stderr).into_owned();
    let name = file.to_string_lossy().into_owned();
    let calls: Vec<String> = trace.lines().map(str::to_owned).collect();
    match calls
        .iter()
        .position(|c| c.contains(&name) && c.contains("open"))
    {
        Some(at) => calls[at + 1..].to_vec(),
        // The file was rejected before it was opened.
        None => Vec::new(),
    }
}

fn suspicious(calls: &[String]) -> Vec<&String> {
    calls
        .iter()
        .filter(|c| {
            [
                "open(", "openat(", "openat2(", "connect(", "socket(", "execve(",
            ]
            .iter()
            .any(|k| c.contains(k))
        })
        // Character tables of the C library, for names in transport streams.
        .filter(|c| !c.contains("gconv"))
        .collect()
}

/// Reports whether `file` has been opened since the last call.
struct Watch(rustix::fd::OwnedFd);

impl Watch {
    fn on(file: &Path) -> Self {
        use rustix::fs::inotify;
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("inotify");
        inotify::add_watch(&watch, file, inotify::WatchFlags::OPEN).expect("a file that exists");
        Self(watch)
    }

    fn was_opened(&self) -> bool {
        let mut events = [0u8; 4096];
        rustix::io::read(&self.0, &mut events).is_ok_and(|n| n > 0)
    }
}

#[test]
fn referenced_files_are_not_opened_without_sandbox() {
    let (listener, port) = listener();
    let target = folder().join(format!("target-{port}.mp4"));
    fs::copy(good(), &target).expect("the build directory can be written to");
    let all = attacks(port, &target);
    let watch = Watch::on(&target);
    for attack in &all {
        let options = ProbeOptions::default().with_deadline(DEADLINE);
        let _ = InProcess::with_options(options).probe(&attack.path);
        assert!(
            !watch.was_opened(),
            "{} had {} opened",
            attack.name,
            target.display()
        );
    }
    assert!(listener.accept().is_err(), "something connected");

    // Positive control: a program without restrictions is observed to open the target.
    let playlist = &all
        .iter()
        .find(|a| a.name == "concat-local")
        .expect("listed")
        .path;
    let run = Command::new("ffprobe")
        .args(["-v", "quiet", "-safe", "0"])
        .arg(playlist)
        .status();
    assert!(run.is_ok() && watch.was_opened(), "the watch sees nothing");
    clean_up(port);
    fs::remove_file(&target).expect("our own file");
}

#[test]
fn only_the_given_file_is_opened() {
    let (listener, port) = listener();
    for attack in attacks(port, &good()) {
        let calls = calls_after_opening(&helper(), &[], &attack.path);
        let found = suspicious(&calls);
        assert!(found.is_empty(), "{}: {found:#?}", attack.name);
    }
    assert!(listener.accept().is_err(), "something connected");
    clean_up(port);
}

#[test]
fn growing_file_is_read_up_to_its_initial_size() {
    let path = folder().join(format!("growing-{}.ts", std::process::id()));
    let seed = support::clip(
        "seed.ts",
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=5 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    let content = fs::read(seed).expect("a generated clip");
    fs::write(&path, &content).expect("the build directory can be written to");
    let done = std::sync::atomic::AtomicBool::new(false);
    let facts = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::OpenOptions::new()
                .append(true)
                .open(&path)
                .expect("our own file");
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(&content).expect("space");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let options = ProbeOptions::default().with_thorough(true);
        let facts = InProcess::with_options(options).probe(&path);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        facts
    });
    fs::remove_file(&path).expect("our own file");
    assert!(facts.expect("a good clip").duration_seconds().is_some());
}

#[test]
fn path_replaced_by_device_is_safe() {
    let link = folder().join(format!("swapped-{}.mp4", std::process::id()));
    let (file, device) = (good(), Path::new("/dev/zero"));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let draft = link.with_extension("draft");
            for target in [file.as_path(), device].into_iter().cycle() {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                std::os::unix::fs::symlink(target, &draft).expect("a symbolic link");
                fs::rename(&draft, &link).expect("same folder");
            }
        });
        for _ in 0..300 {
            match InProcess::new().probe(&link) {
                Ok(facts) => assert_eq!(facts.video().map(|v| v.width), Some(640)),
                Err(error) => {
                    let allowed = [ProbeErrorKind::NotAFile, ProbeErrorKind::NotFound];
                    assert!(allowed.contains(&error.kind()), "{error}");
                }
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let _ = fs::remove_file(&link);
}
