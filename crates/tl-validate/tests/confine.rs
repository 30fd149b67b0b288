//! The `ffmpeg` program in its sandbox: allowed operations work, others fail.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{good, helper};
use tl_validate::program::{Ffmpeg, Job, ProgramErrorKind};

fn confined() -> Ffmpeg {
    Ffmpeg::find()
        .unwrap_or_else(|error| panic!("{error}"))
        .confined_by(helper(), true)
}

/// Arguments that extract one image from the job's input.
const PICTURE: [&str; 9] = [
    "-frames:v",
    "1",
    "-c:v",
    "mjpeg",
    "-f",
    "image2",
    "-update",
    "1",
    "-an",
];

#[test]
fn confined_program_converts_lists_and_extracts_images() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ffmpeg, clip) = (confined(), good());
    let output = folder.path().join("out.mp4");
    let job = Job::new().input(&clip).args([
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-c:a",
        "aac",
        "-movflags",
        "+faststart",
        "-f",
        "mp4",
    ]);
    let size = ffmpeg
        .write(&job, &output, &mut |_| {})
        .unwrap_or_else(|error| panic!("{error} {:?}", error.log()));
    assert!(size > 10_000);

    let parts = folder.path().join("parts");
    let job = Job::new().input(&clip).args([
        "-c",
        "copy",
        "-f",
        "segment",
        "-segment_time",
        "1",
        "part%03d.mp4",
    ]);
    ffmpeg
        .write_folder(&job, &parts, &mut |_| {})
        .unwrap_or_else(|error| panic!("{error} {:?}", error.log()));
    assert!(fs::read_dir(&parts).expect("a folder").count() > 0);

    let mut lines = 0;
    let job = Job::new()
        .input(&clip)
        .args(["-c", "copy", "-f", "framecrc"]);
    ffmpeg
        .lines(&job, &mut |_| lines += 1)
        .unwrap_or_else(|error| panic!("{error} {:?}", error.log()));
    assert!(lines > 100, "{lines}");

    let picture = ffmpeg
        .bytes(&Job::new().input(&clip).args(PICTURE), 100_000)
        .unwrap_or_else(|error| panic!("{error} {:?}", error.log()));
    assert!(picture.starts_with(&[0xff, 0xd8]));
}

#[test]
fn confined_program_cannot_open_other_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ffmpeg, clip) = (confined(), good());
    let other = folder.path().join("other.mp4");
    fs::copy(&clip, &other).expect("copied");
    // `arg` uses a file that the job does not declare.
    let job = Job::new().args(["-i"]).arg(&other).args(PICTURE);
    let error = ffmpeg.bytes(&job, 100_000).expect_err("it may not be read");
    assert_eq!(error.kind(), ProgramErrorKind::Failed, "{error}");
    assert!(
        ffmpeg.bytes(&job.reads(&other), 100_000).is_ok(),
        "declared, it may"
    );

    let elsewhere = folder.path().join("elsewhere.mkv");
    let job = Job::new()
        .input(&clip)
        .args(["-c", "copy"])
        .arg(&elsewhere)
        .args(["-c", "copy", "-f", "mp4"]);
    let error = ffmpeg
        .write(&job, &folder.path().join("out.mp4"), &mut |_| {})
        .expect_err("a second output");
    assert_eq!(error.kind(), ProgramErrorKind::Failed, "{error}");
    assert!(!elsewhere.exists());
    assert_eq!(
        fs::read_dir(folder.path()).expect("a folder").count(),
        1,
        "nothing but the copy that the test made"
    );
}

#[test]
fn confined_program_cannot_connect() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    server.set_nonblocking(true).expect("an option");
    let address = format!("tcp://{}", server.local_addr().expect("bound"));
    let job = Job::new()
        .args(["-i", address.as_str()])
        .args(PICTURE)
        .deadline(Duration::from_secs(20));
    let error = confined().bytes(&job, 100_000).expect_err("no network");
    assert_eq!(error.kind(), ProgramErrorKind::Failed, "{error}");
    assert!(server.accept().is_err(), "nobody connected");
}

#[test]
fn memory_and_cpu_time_are_bounded() {
    // 200 KB that decode to a frame of 201 MB.
    let bomb = support::clip(
        "bomb.mov",
        "-f lavfi -i color=black:size=8192x8192:rate=1:duration=1 -c:v png -pix_fmt rgb24",
    );
    let job = Job::new()
        .input(&bomb)
        .args(["-vf", "scale=320:320"])
        .args(PICTURE)
        .deadline(Duration::from_secs(60));
    let picture = confined().bytes(&job, 100_000);
    assert!(picture.is_ok(), "with the usual bound: {picture:?}");
    let error = confined()
        .bytes(&job.max_memory(128 << 20), 100_000)
        .expect_err("too large");
    assert_eq!(error.kind(), ProgramErrorKind::Failed, "{error}");

    // Runs without a pause, and without output that could fill a disk.
    let endless = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=320x240:rate=25",
        "-f",
        "null",
    ];
    let job = Job::new().args(endless);
    let arguments = [
        "exec",
        "--data-bytes",
        "1000000000",
        "--address-space-bytes",
        "8000000000",
        "--cpu-seconds",
        "1",
        "--file-bytes",
        "0",
        "--require-sandbox",
        "--",
    ];
    let started = Instant::now();
    let status = Command::new(helper())
        .args(arguments)
        .arg(confined().path())
        .args(job.argv())
        .arg("-")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("it runs");
    use std::os::unix::process::ExitStatusExt;
    // SIGXCPU, or SIGKILL if the program ignores the former.
    assert!(matches!(status.signal(), Some(24 | 9)), "{status:?}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// A confined `sleep`, started by a shell that leaves a descriptor open.
fn sleeping(parent: &str) -> std::process::Child {
    let script = format!(
        "exec 9</etc/hostname; \"$0\" exec --parent {parent} --data-bytes 1000000000 --address-space-bytes 4000000000 \
         --cpu-seconds 5 --file-bytes 0 --require-sandbox -- /bin/sleep 60 & echo $!; wait $!; echo $?"
    );
    Command::new("/bin/sh")
        .args(["-c", &script])
        .arg(helper())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell")
}

fn first_line(child: &mut std::process::Child) -> String {
    use std::io::Read;
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("piped");
    let mut byte = [0];
    while stdout.read(&mut byte).expect("readable") == 1 && byte[0] != b'\n' {
        line.push(char::from(byte[0]));
    }
    line
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn confined_program_inherits_nothing_and_ends_with_parent() {
    let mut shell = sleeping("$$");
    let pid = first_line(&mut shell);
    let process = Path::new("/proc").join(&pid);
    let status = || fs::read_to_string(process.join("status")).unwrap_or_default();
    until("sleep runs", || status().starts_with("Name:\tsleep"));
    let field = |name: &str| -> String {
        let status = status();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2");
    let capabilities = u64::from_str_radix(&field("CapEff:"), 16).expect("a number");
    // CAP_DAC_OVERRIDE is number 1; without root there are no capabilities.
    assert_eq!(capabilities & !0b10, 0, "{capabilities:x}");
    let descriptors: Vec<_> = fs::read_dir(process.join("fd"))
        .expect("our own child")
        .filter_map(|entry| fs::read_link(entry.expect("an entry").path()).ok())
        .collect();
    assert!(
        !descriptors
            .iter()
            .any(|to| to == Path::new("/etc/hostname")),
        "{descriptors:?}"
    );
    let limits = fs::read_to_string(process.join("limits")).expect("our own child");
    for (name, bound) in [
        ("Max cpu time", "5"),
        ("Max file size", "0"),
        ("Max address space", "4000000000"),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name));
        assert_eq!(
            line.and_then(|line| line.split_whitespace().next()),
            Some(bound),
            "{name}"
        );
    }

    shell.kill().expect("it runs");
    shell.wait().expect("it ends");
    until("sleep ends with the shell", || {
        let status = status();
        status.is_empty() || status.contains("State:\tZ")
    });
}

#[test]
fn launcher_without_parent_starts_nothing() {
    // Process 1 never starts tests.
    let mut shell = sleeping("1");
    first_line(&mut shell);
    assert_eq!(first_line(&mut shell), "125");
    shell.wait().expect("it ends");
}

#[test]
fn start_failure_is_not_blamed_on_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("ffmpeg");
    fs::write(&program, "no program").expect("written");
    let ffmpeg = Ffmpeg::at(&program)
        .expect("a file")
        .confined_by(helper(), true);
    let error = ffmpeg
        .bytes(&Job::new().input(good()).args(PICTURE), 100_000)
        .expect_err("it is no program");
    assert_eq!(error.kind(), ProgramErrorKind::NotConfined, "{error}");
    assert!(
        error.log().concat().contains("cannot be started"),
        "{error}"
    );
}

#[test]
fn unsupported_required_sandbox_is_an_error() {
    // Inside a sandbox, Landlock and seccomp are denied, as on a kernel without them.
    let bounds = [
        "--data-bytes",
        "1000000000",
        "--address-space-bytes",
        "4000000000",
    ];
    let more = ["--cpu-seconds", "20", "--file-bytes", "0"];
    let nested = |required: &[&str]| {
        let output = Command::new(helper())
            .arg("exec")
            .args(bounds)
            .args(more)
            .arg("--")
            .arg(helper())
            .arg("exec")
            .args(bounds)
            .args(more)
            .args(required)
            .args(["--", "/bin/true"])
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    assert_eq!(nested(&[]).0, Some(0), "{}", nested(&[]).1);
    let (code, said) = nested(&["--require-sandbox"]);
    assert_eq!(code, Some(125), "{said}");
    assert!(said.contains("does not enforce Landlock"), "{said}");
}
