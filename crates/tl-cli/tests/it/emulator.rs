//! `tl emulator`: it tells where it is, works, and ends when it is told to.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::Signal;

use crate::clips;
use crate::tl::{Run, Running, Tl, snapshot};

/// An emulator that runs; the two lines it printed.
fn start(arguments: &[&str]) -> (Running, [String; 2]) {
    let mut tl = Tl::new(&["emulator"]).args(arguments);
    tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tl.command().spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let told = [line(), line()];
    (Running::adopt(child), told)
}

fn value<'l>(line: &'l str, name: &str) -> &'l str {
    line.strip_prefix(&format!("export {name}="))
        .unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn it_prints_how_to_reach_it_and_ends_with_ctrl_c() {
    for signal in [Signal::INT, Signal::TERM] {
        let (emulator, [address, key]) = start(&[]);
        let (address, key) = (
            value(&address, "TWELVELABS_BASE_URL"),
            value(&key, "TWELVE_LABS_API_KEY"),
        );
        let index = Tl::new(&["index", "create", "films", "-q"])
            .to(address, key)
            .code(0);
        let folder = clips::folder(&["good.mp4"]);
        Tl::new(&[
            "ingest",
            "good.mp4",
            "--wait",
            "--interval",
            "100ms",
            "--index",
            index.first_line(),
        ])
        .to(address, key)
        .in_folder(folder.path())
        .code(0);
        emulator.signal(signal);
        let Run { code, stderr, .. } = emulator.finish();
        assert_eq!(
            (code, stderr.as_str()),
            (0, "the emulator runs until Ctrl-C\n")
        );
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = Tl::new(&["emulator", "--port", &port]).code(2);
    snapshot!(run);
    let run = Tl::new(&["emulator", "--port", "70000"]).code(2);
    assert!(run.stderr.contains("70000"), "{}", run.stderr);
}

#[test]
fn a_folder_for_the_files_is_kept() {
    let folder = clips::folder(&["good.mp4"]);
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let (emulator, [address, key]) = start(&["--data-dir", data.to_str().unwrap()]);
    let (address, key) = (
        value(&address, "TWELVELABS_BASE_URL"),
        value(&key, "TWELVE_LABS_API_KEY"),
    );
    let index = Tl::new(&["index", "create", "films", "-q"])
        .to(address, key)
        .code(0);
    Tl::new(&["ingest", "good.mp4", "--index", index.first_line()])
        .to(address, key)
        .in_folder(folder.path())
        .code(0);
    emulator.interrupt();
    assert_eq!(emulator.finish().code, 0);
    assert!(
        data.read_dir().unwrap().next().is_some(),
        "the received file is there"
    );
}
