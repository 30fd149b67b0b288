//! `bench upload`: forms, chunks, polls, memory and start-up of the async and the blocking client,
//! compared with raw sockets, curl and the Python SDK.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::peers::{self, Peers};
use super::report::Report;
use super::results::{Contender, Metric, Results, Sample};
use super::sink::Sink;
use super::target::{Bound, Target, Targets};
use super::{Settings, read};
use crate::Failure;

/// The default concurrency of the product.
const CONCURRENCY: u32 = 8;

/// The names of the contenders in the tables.
const ASYNC: &str = "tl async";
const BLOCKING: &str = "tl blocking";
const RAW: &str = "raw sockets";
const CURL: &str = "curl";
const SDK: &str = "Python SDK";

/// The files to send.
struct Files {
    /// 1 GiB of random bytes.
    main: PathBuf,
    /// 256 MiB, to compare concurrencies.
    sweep: PathBuf,
    /// 1 MiB and 4 GiB, to compare memory.
    sizes: [(&'static str, PathBuf); 2],
}

/// What all workloads share.
struct Upload<'s> {
    settings: &'s Settings<'s>,
    tool: PathBuf,
    peers: Peers,
    files: Files,
    /// Responds at once, with ETags that are no MD5.
    fast: Sink,
    /// Responds at once, with the MD5 of each chunk.
    hashing: Sink,
    /// Responds to a chunk after 50 ms.
    slow: Sink,
}

pub(super) fn run(settings: &Settings<'_>) -> Result<Report, Failure> {
    let folder = &settings.folder;
    let files = Files::make(folder, settings.quick)?;
    let upload = Upload {
        settings,
        tool: std::env::current_exe()?,
        peers: Peers::new(settings)?,
        fast: Sink::start(folder, 0, None)?,
        hashing: Sink::start(folder, 0, Some(&files.main))?,
        slow: Sink::start(folder, 50, None)?,
        files,
    };
    let mut versions = upload.peers.versions(&["twelvelabs"])?;
    versions.push(peers::version("curl", "--version")?);
    versions.push("raw sockets with rustls and ring; bare reqwest and ureq of Cargo.lock".into());

    let mut results = Results::default();
    upload.forms(&mut results)?;
    upload.chunks(&mut results)?;
    upload.polls(&mut results)?;
    upload.memory(&mut results)?;
    upload.ready(&mut results)?;
    upload.concurrency(&mut results)?;
    let targets = targets(&results)?;
    Ok(Report {
        title: "Upload",
        notes: NOTES.to_vec(),
        versions,
        results,
        targets,
    })
}

const NOTES: &[&str] = &[
    "Each contender is a process and sends to a sink on loopback that counts and discards. Wall \
     time is that of the work inside the process (for curl, its `time_total`); CPU time and memory \
     are those of the process. The Python SDK runs with 8 workers and otherwise with its defaults.",
    "The system drops the bodies of plain connections without a copy, and the sink sleeps for \
     0.1 ms when it has dropped everything, so that it costs the contenders little. Raw sockets \
     are the lower bound: they read the file and write it. If the Python SDK takes less than 4 \
     times as long as they do by form, or 20 times in chunks, its target is out of reach on this \
     machine.",
    "The storage of the sink responds to a chunk with an ETag that is no MD5, except in the \
     workload with MD5s: there the product and the raw sockets compute the MD5 of what they send \
     and compare. That workload has no target; it shows the cost of the comparison if the network \
     is faster than the hash.",
    "The default concurrency of 8 follows from the last workloads: without latency, more \
     connections gain nothing; with 50 ms per chunk, every doubling up to 8 nearly halves the \
     time. Sixteen take 0.7 of the time of eight there, but a third more without latency, and \
     twice the connections.",
];

const FORM: [&str; 2] = ["1 GiB by form", "1 GiB by form, TLS"];
const CHUNKS: &str = "1 GiB in chunks";
const CHUNKS_MD5: &str = "1 GiB in chunks, storage returns MD5s";
const CHUNKS_SLOW: &str = "1 GiB in chunks, 50 ms each";
const POLLS: [&str; 2] = ["2,000 polls", "2,000 polls, TLS"];
const READY: &str = "first response over TLS";

impl Upload<'_> {
    /// A contender of `tl-bench` against a sink.
    fn own(
        &self,
        name: &'static str,
        contender: &'static str,
        (sink, tls): (&Sink, bool),
        words: &[String],
    ) -> Contender<'_> {
        let mut all = vec![contender.to_owned()];
        all.extend(sink.words(tls));
        all.extend_from_slice(words);
        Contender::new(name, move || Sample::parse(&read(&self.tool, &all)?))
    }

    /// Another program, measured by `tl-bench`.
    fn other(&self, name: &'static str, program: &Path, words: &[String]) -> Contender<'_> {
        let words = Value::from(words.to_vec()).to_string();
        let program = format!("program={}", program.display());
        let all = ["exec".to_owned(), program, format!("words={words}")];
        Contender::new(name, move || Sample::parse(&read(&self.tool, &all)?))
    }

    fn forms(&self, results: &mut Results) -> Result<(), Failure> {
        let file = &self.files.main;
        let words = [format!("file={}", file.display())];
        for (tls, workload) in [false, true].into_iter().zip(FORM) {
            let to = (&self.fast, tls);
            let url = format!("{}/tasks", self.fast.base(tls));
            let options = "--silent --fail --output /dev/null --write-out %{time_total} --cacert";
            let mut curl: Vec<String> = options.split(' ').map(String::from).collect();
            curl.push(self.fast.ca().display().to_string());
            curl.extend(["--header".into(), "x-api-key: tlk_bench".into()]);
            curl.extend(["--form".into(), "index_id=bench".into(), "--form".into()]);
            curl.extend([format!("video_file=@{}", file.display()), url]);
            let mut contenders = vec![
                self.own(RAW, "raw-form", to, &words),
                self.own(ASYNC, "async-form", to, &words),
                self.own(BLOCKING, "blocking-form", to, &words),
                self.other(CURL, Path::new("curl"), &curl),
            ];
            if !tls {
                let path = file.display().to_string();
                let sdk = self.peers.words("form", &[&self.fast.base(false), &path]);
                contenders.push(self.other(SDK, self.peers.python(), &sdk).at_most(3));
            }
            results.compare(workload, self.settings.rounds(7), &contenders)?;
        }
        Ok(())
    }

    fn chunks(&self, results: &mut Results) -> Result<(), Failure> {
        let path = self.files.main.display().to_string();
        let words = |verify: &str| {
            [
                format!("file={path}"),
                format!("concurrency={CONCURRENCY}"),
                format!("verify={verify}"),
            ]
        };
        let all = |sink, verify: &str| {
            let (to, words) = ((sink, false), words(verify));
            vec![
                self.own(RAW, "raw-chunks", to, &words),
                self.own(ASYNC, "async-chunks", to, &words),
                self.own(BLOCKING, "blocking-chunks", to, &words),
            ]
        };
        let mut fast = all(&self.fast, "no");
        let sdk = [self.fast.base(false), path.clone(), CONCURRENCY.to_string()];
        let sdk: Vec<&str> = sdk.iter().map(String::as_str).collect();
        let sdk = self.peers.words("chunks", &sdk);
        fast.push(self.other(SDK, self.peers.python(), &sdk).at_most(3));
        results.compare(CHUNKS, self.settings.rounds(7), &fast)?;
        results.compare(
            CHUNKS_MD5,
            self.settings.rounds(5),
            &all(&self.hashing, "yes"),
        )?;
        results.compare(CHUNKS_SLOW, self.settings.rounds(5), &all(&self.slow, "no"))
    }

    fn polls(&self, results: &mut Results) -> Result<(), Failure> {
        let words = ["count=2000".to_owned()];
        for (tls, workload) in [false, true].into_iter().zip(POLLS) {
            let to = (&self.fast, tls);
            let contenders = [
                self.own("bare reqwest", "reqwest-polls", to, &words),
                self.own(ASYNC, "async-polls", to, &words),
                self.own("bare ureq", "ureq-polls", to, &words),
                self.own(BLOCKING, "blocking-polls", to, &words),
            ];
            results.compare(workload, self.settings.rounds(7), &contenders)?;
        }
        Ok(())
    }

    fn memory(&self, results: &mut Results) -> Result<(), Failure> {
        for (size, file) in &self.files.sizes {
            let words = [
                format!("file={}", file.display()),
                format!("concurrency={CONCURRENCY}"),
            ];
            let form = [
                self.own(ASYNC, "async-form", (&self.fast, true), &words),
                self.own(BLOCKING, "blocking-form", (&self.fast, true), &words),
            ];
            results.compare(&form_memory(size), self.settings.rounds(3), &form)?;
            let chunks = [
                self.own(ASYNC, "async-chunks", (&self.fast, false), &words),
                self.own(BLOCKING, "blocking-chunks", (&self.fast, false), &words),
            ];
            results.compare(&chunks_memory(size), self.settings.rounds(3), &chunks)?;
        }
        Ok(())
    }

    fn ready(&self, results: &mut Results) -> Result<(), Failure> {
        let to = (&self.fast, true);
        let contenders = [
            self.own(ASYNC, "async-ready", to, &[]),
            self.own(BLOCKING, "blocking-ready", to, &[]),
        ];
        results.compare(READY, self.settings.rounds(21), &contenders)
    }

    fn concurrency(&self, results: &mut Results) -> Result<(), Failure> {
        for (sink, latency) in [(&self.fast, ""), (&self.slow, ", 50 ms each")] {
            for concurrency in [1, 2, 4, 8, 16] {
                let words = [
                    format!("file={}", self.files.sweep.display()),
                    format!("concurrency={concurrency}"),
                ];
                let contenders = [
                    self.own(ASYNC, "async-chunks", (sink, false), &words),
                    self.own(BLOCKING, "blocking-chunks", (sink, false), &words),
                ];
                let workload = format!("256 MiB in chunks, concurrency {concurrency}{latency}");
                results.compare(&workload, self.settings.rounds(3), &contenders)?;
            }
        }
        Ok(())
    }
}

fn form_memory(size: &str) -> String {
    format!("{size} by form, TLS, memory")
}

fn chunks_memory(size: &str) -> String {
    format!("{size} in chunks, memory")
}

fn targets(results: &Results) -> Result<Vec<Target>, Failure> {
    use Bound::{AtLeast, AtMost};
    let mut targets = Targets::new(results);
    for metric in [Metric::Wall, Metric::Cpu] {
        for (contender, limit) in [(ASYNC, 1.25), (BLOCKING, 1.5)] {
            targets.ratio(FORM[1], metric, (contender, RAW), AtMost(limit))?;
            targets.ratio(FORM[1], metric, (contender, CURL), AtMost(0.8))?;
        }
    }
    for contender in [ASYNC, BLOCKING] {
        targets.ratio(FORM[0], Metric::Wall, (SDK, contender), AtLeast(4.0))?;
        targets.ratio(CHUNKS, Metric::Wall, (contender, RAW), AtMost(1.25))?;
        targets.ratio(CHUNKS, Metric::Wall, (SDK, contender), AtLeast(20.0))?;
        targets.ratio(CHUNKS_SLOW, Metric::Wall, (contender, RAW), AtMost(1.1))?;
    }
    for workload in POLLS {
        targets.ratio(workload, Metric::Wall, (ASYNC, "bare reqwest"), AtMost(1.3))?;
        targets.ratio(workload, Metric::Wall, (BLOCKING, "bare ureq"), AtMost(1.3))?;
    }
    for size in SIZES {
        for workload in [form_memory(size), chunks_memory(size)] {
            for contender in [ASYNC, BLOCKING] {
                targets.value(
                    &workload,
                    Metric::Peak,
                    contender,
                    AtMost(16.0),
                    (1.0, " MiB"),
                )?;
            }
        }
    }
    for (workload, limit) in [
        (FORM[0], 1.15),
        (CHUNKS, 1.15),
        (CHUNKS_SLOW, 1.15),
        (FORM[1], 1.4),
    ] {
        targets.alike(workload, (ASYNC, BLOCKING), limit)?;
    }
    for contender in [ASYNC, BLOCKING] {
        targets.value(READY, Metric::Wall, contender, AtMost(6.0), (1000.0, " ms"))?;
    }
    Ok(targets.all)
}

const SIZES: [&str; 2] = ["1 MiB", "4 GiB"];

impl Files {
    /// Makes the files that do not exist yet. Those of a quick run are smaller.
    fn make(folder: &Path, quick: bool) -> Result<Self, Failure> {
        let scale = if quick { 16 } else { 1 };
        let path =
            |name: &str| folder.join(format!("{name}{}.mp4", if quick { "-quick" } else { "" }));
        let files = Self {
            main: path("main"),
            sweep: path("sweep"),
            sizes: [(SIZES[0], path("small")), (SIZES[1], path("large"))],
        };
        noise(&files.main, (1 << 30) / scale)?;
        noise(&files.sweep, (256 << 20) / scale)?;
        noise(&files.sizes[0].1, 1 << 20)?;
        // Zeros take no space on the disk, and memory does not depend on the bytes.
        let large = &files.sizes[1].1;
        File::create(large).and_then(|file| file.set_len((4 << 30) / scale))?;
        Ok(files)
    }
}

/// A file of random bytes.
fn noise(path: &Path, len: u64) -> Result<(), Failure> {
    if path.metadata().is_ok_and(|there| there.len() == len) {
        return warm(path);
    }
    let copy = || {
        let mut random = File::open("/dev/urandom")?.take(len);
        let mut file = File::create(path)?;
        std::io::copy(&mut random, &mut file)?;
        file.flush()?;
        // Unwritten pages would be written to the disk during the first runs.
        file.sync_all()
    };
    copy().map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}

/// Reads a file into the page cache, so that the first run does not wait for the disk.
fn warm(path: &Path) -> Result<(), Failure> {
    File::open(path)
        .and_then(|mut file| std::io::copy(&mut file, &mut std::io::sink()))
        .map(drop)
        .map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}
