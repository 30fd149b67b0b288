//! `bench upload`: forms, chunks, polls, memory and start-up, in both colours, against raw sockets, curl and the Python SDK.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bench::Options;
use crate::bench::contest::{Board, Contender, Metric, Sample};
use crate::bench::demand::{Bound, Demands};
use crate::bench::peers::{self, Peers};
use crate::bench::report::Report;
use crate::bench::sink::Sink;
use crate::failure::Failure;
use crate::programs::Programs;
use crate::shell::Program;
use crate::workspace::{Workspace, make_folder};

/// The bytes of a chunk, which the sink dictates as the platform does.
pub(super) const CHUNK: u64 = 5 << 20;

/// The default number of lanes of the product.
const LANES: u32 = 8;

/// No single run takes this long.
const DEADLINE: Duration = Duration::from_secs(120);

/// The names of the contenders, as the tables show them.
const ASYNC: &str = "tl async";
const BLOCKING: &str = "tl blocking";
const RAW: &str = "raw sockets";
const CURL: &str = "curl";
const SDK: &str = "Python SDK";

/// Files of one run.
struct Files {
    /// 1 GiB of noise.
    main: PathBuf,
    /// The lane sweep's file.
    sweep: PathBuf,
    /// 1 MiB and 4 GiB, for the memory.
    sizes: [(&'static str, PathBuf); 2],
}

/// What is the same for all works of one run.
struct Stage {
    tool: PathBuf,
    peers: Peers,
    files: Files,
    /// Answers at once, with ETags that are no MD5.
    swift: Sink,
    /// Answers at once, with the MD5 of each chunk.
    hashing: Sink,
    /// Answers a chunk after 50 ms.
    slow: Sink,
    options: Options,
}

pub(super) fn run(workspace: &Workspace, options: Options) -> Result<Report, Failure> {
    let folder = workspace.target.join("bench");
    make_folder(&folder)?;
    let tool = Programs::of_package("tl-bench", &[])?
        .path("tl-bench")?
        .clone();
    let peers = Peers::ready(workspace)?;
    let files = Files::make(&folder, options.quick)?;
    let stage = Stage {
        swift: Sink::start(&tool, &folder, 0, None)?,
        hashing: Sink::start(&tool, &folder, 0, Some(&files.main))?,
        slow: Sink::start(&tool, &folder, 50, None)?,
        tool,
        peers,
        files,
        options,
    };
    let mut versions = stage.peers.versions(&["twelvelabs"])?;
    versions.push(peers::version("curl", "--version")?);
    versions.push("raw sockets by rustls with ring; bare reqwest and ureq of Cargo.lock".into());

    let mut board = Board::default();
    stage.forms(&mut board)?;
    stage.chunks(&mut board)?;
    stage.polls(&mut board)?;
    stage.memory(&mut board)?;
    stage.ready(&mut board)?;
    stage.lanes(&mut board)?;
    let demands = demands(&board)?;
    Ok(Report {
        title: "Upload",
        notes: NOTES.iter().map(|note| (*note).to_owned()).collect(),
        versions,
        board,
        demands,
    })
}

const NOTES: &[&str] = &[
    "Every contender is a process of its own and sends to a sink on loopback that counts and discards. Wall time is taken around the work \
     inside the process (of curl: its own `time_total`); processor time and memory are those of the process. The Python SDK runs with 8 \
     workers and else with its defaults.",
    "The sink has the system drop the bodies of plain connections uncopied, and rests for 0.1 ms when it has dropped all that came, so \
     that it costs the contenders little. The raw sockets are the floor: they read the file and write it, and do nothing else. Where the \
     Python SDK takes less than 4 times as long as they do by form, or 20 times in chunks, the demand against it asks for more than \
     reading and writing can give on this machine.",
    "The storage of the sink answers a chunk with an ETag that is no MD5, except in the work that says so: there it answers with the MD5, \
     and both the product and the raw sockets take the MD5 of what they send and compare. No demand is made of that work; it shows what \
     the check costs where the network is faster than the hash.",
    "The default of 8 lanes follows from the last works: without latency more lanes gain nothing, and with 50 ms for each chunk the time \
     nearly halves with every doubling up to 8. Sixteen take 0.7 of the time of eight there, but a third more without latency, and \
     twice the connections.",
];

const FORM: [&str; 2] = ["1 GiB by form", "1 GiB by form, TLS"];
const CHUNKS: &str = "1 GiB in chunks";
const CHUNKS_MD5: &str = "1 GiB in chunks, storage tells the MD5";
const CHUNKS_SLOW: &str = "1 GiB in chunks, 50 ms each";
const POLLS: [&str; 2] = ["2,000 polls", "2,000 polls, TLS"];
const READY: &str = "first answer over TLS";

impl Stage {
    fn rounds(&self, most: usize) -> usize {
        if self.options.quick { 1 } else { most }
    }

    /// Runs a program of `tl-bench` against a sink.
    fn own(
        &self,
        name: &'static str,
        program: &'static str,
        (sink, tls): (&Sink, bool),
        words: &[String],
    ) -> Contender<'_> {
        let mut all = vec![program.to_owned()];
        all.extend(sink.words(tls));
        all.extend_from_slice(words);
        Contender::new(name, move || {
            let said = Program::new(&self.tool)
                .args(&all)
                .deadline(DEADLINE)
                .read()?;
            Sample::parsed(&said)
        })
    }

    /// Runs another program under the eyes of `tl-bench`.
    fn other(&self, name: &'static str, program: &Path, words: &[String]) -> Contender<'_> {
        let words = serde_json::Value::from(words.to_vec()).to_string();
        let all = [
            "exec".to_owned(),
            format!("program={}", program.display()),
            format!("words={words}"),
        ];
        Contender::new(name, move || {
            let said = Program::new(&self.tool)
                .args(&all)
                .deadline(DEADLINE)
                .read()?;
            Sample::parsed(&said)
        })
    }

    fn forms(&self, board: &mut Board) -> Result<(), Failure> {
        let file = &self.files.main;
        let words = [format!("file={}", file.display())];
        for (tls, work) in [false, true].into_iter().zip(FORM) {
            let to = (&self.swift, tls);
            let url = format!("{}/tasks", self.swift.base(tls));
            let mut curl: Vec<String> = [
                "--silent",
                "--fail",
                "--output",
                "/dev/null",
                "--write-out",
                "%{time_total}",
            ]
            .map(String::from)
            .to_vec();
            curl.extend(["--cacert".into(), self.swift.ca().display().to_string()]);
            curl.extend(["--header".into(), "x-api-key: tlk_bench".into()]);
            curl.extend(["--form".into(), "index_id=bench".into()]);
            curl.extend(["--form".into(), format!("video_file=@{}", file.display())]);
            curl.push(url);
            let mut contenders = vec![
                self.own(RAW, "raw-form", to, &words),
                self.own(ASYNC, "async-form", to, &words),
                self.own(BLOCKING, "blocking-form", to, &words),
                self.other(CURL, Path::new("curl"), &curl),
            ];
            if !tls {
                let path = file.display().to_string();
                let sdk = self.peers.words("form", &[&self.swift.base(false), &path]);
                contenders.push(self.other(SDK, self.peers.python(), &sdk).at_most(3));
            }
            board.contest(work, self.rounds(7), &contenders)?;
        }
        Ok(())
    }

    fn chunks(&self, board: &mut Board) -> Result<(), Failure> {
        let path = self.files.main.display().to_string();
        let words = |verify: &str| {
            [
                format!("file={path}"),
                format!("lanes={LANES}"),
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
        let mut swift = all(&self.swift, "no");
        let sdk = [self.swift.base(false), path.clone(), LANES.to_string()];
        let sdk: Vec<&str> = sdk.iter().map(String::as_str).collect();
        let sdk = self.peers.words("chunks", &sdk);
        swift.push(self.other(SDK, self.peers.python(), &sdk).at_most(3));
        board.contest(CHUNKS, self.rounds(7), &swift)?;
        board.contest(CHUNKS_MD5, self.rounds(5), &all(&self.hashing, "yes"))?;
        board.contest(CHUNKS_SLOW, self.rounds(5), &all(&self.slow, "no"))
    }

    fn polls(&self, board: &mut Board) -> Result<(), Failure> {
        let words = ["count=2000".to_owned()];
        for (tls, work) in [false, true].into_iter().zip(POLLS) {
            let to = (&self.swift, tls);
            let contenders = [
                self.own("bare reqwest", "reqwest-polls", to, &words),
                self.own(ASYNC, "async-polls", to, &words),
                self.own("bare ureq", "ureq-polls", to, &words),
                self.own(BLOCKING, "blocking-polls", to, &words),
            ];
            board.contest(work, self.rounds(7), &contenders)?;
        }
        Ok(())
    }

    fn memory(&self, board: &mut Board) -> Result<(), Failure> {
        for (size, file) in &self.files.sizes {
            let words = [format!("file={}", file.display()), format!("lanes={LANES}")];
            let form = [
                self.own(ASYNC, "async-form", (&self.swift, true), &words),
                self.own(BLOCKING, "blocking-form", (&self.swift, true), &words),
            ];
            board.contest(&form_memory(size), self.rounds(3), &form)?;
            let chunks = [
                self.own(ASYNC, "async-chunks", (&self.swift, false), &words),
                self.own(BLOCKING, "blocking-chunks", (&self.swift, false), &words),
            ];
            board.contest(&chunks_memory(size), self.rounds(3), &chunks)?;
        }
        Ok(())
    }

    fn ready(&self, board: &mut Board) -> Result<(), Failure> {
        let to = (&self.swift, true);
        let contenders = [
            self.own(ASYNC, "async-ready", to, &[]),
            self.own(BLOCKING, "blocking-ready", to, &[]),
        ];
        board.contest(READY, self.rounds(21), &contenders)
    }

    fn lanes(&self, board: &mut Board) -> Result<(), Failure> {
        for (sink, latency) in [(&self.swift, ""), (&self.slow, ", 50 ms each")] {
            for lanes in [1, 2, 4, 8, 16] {
                let words = [
                    format!("file={}", self.files.sweep.display()),
                    format!("lanes={lanes}"),
                ];
                let contenders = [
                    self.own(ASYNC, "async-chunks", (sink, false), &words),
                    self.own(BLOCKING, "blocking-chunks", (sink, false), &words),
                ];
                let work = format!("256 MiB in chunks, lanes: {lanes}{latency}");
                board.contest(&work, self.rounds(3), &contenders)?;
            }
        }
        Ok(())
    }
}

fn form_memory(size: &str) -> String {
    format!("{size} by form, TLS, for its memory")
}

fn chunks_memory(size: &str) -> String {
    format!("{size} in chunks, for its memory")
}

fn demands(board: &Board) -> Result<Vec<crate::bench::demand::Demand>, Failure> {
    use Bound::{AtLeast, AtMost};
    let mut demands = Demands::on(board);
    for metric in [Metric::Wall, Metric::Cpu] {
        for (contender, limit) in [(ASYNC, 1.25), (BLOCKING, 1.5)] {
            demands.ratio(FORM[1], metric, (contender, RAW), AtMost(limit))?;
            demands.ratio(FORM[1], metric, (contender, CURL), AtMost(0.8))?;
        }
    }
    for contender in [ASYNC, BLOCKING] {
        demands.ratio(FORM[0], Metric::Wall, (SDK, contender), AtLeast(4.0))?;
        demands.ratio(CHUNKS, Metric::Wall, (contender, RAW), AtMost(1.25))?;
        demands.ratio(CHUNKS, Metric::Wall, (SDK, contender), AtLeast(20.0))?;
        demands.ratio(CHUNKS_SLOW, Metric::Wall, (contender, RAW), AtMost(1.1))?;
    }
    for work in POLLS {
        demands.ratio(work, Metric::Wall, (ASYNC, "bare reqwest"), AtMost(1.3))?;
        demands.ratio(work, Metric::Wall, (BLOCKING, "bare ureq"), AtMost(1.3))?;
    }
    for size in SIZES {
        for work in [form_memory(size), chunks_memory(size)] {
            for contender in [ASYNC, BLOCKING] {
                demands.value(&work, Metric::Peak, contender, AtMost(16.0), (1.0, " MiB"))?;
            }
        }
    }
    for (work, limit) in [
        (FORM[0], 1.15),
        (CHUNKS, 1.15),
        (CHUNKS_SLOW, 1.15),
        (FORM[1], 1.4),
    ] {
        demands.alike(work, (ASYNC, BLOCKING), limit)?;
    }
    for contender in [ASYNC, BLOCKING] {
        demands.value(READY, Metric::Wall, contender, AtMost(6.0), (1000.0, " ms"))?;
    }
    Ok(demands.all)
}

const SIZES: [&str; 2] = ["1 MiB", "4 GiB"];

impl Files {
    /// Makes what is not there yet. A quick run keeps the names and shrinks what is behind them.
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
        // Zeros take no room on the disk, and memory is the same for all bytes.
        let large = &files.sizes[1].1;
        File::create(large)
            .and_then(|file| file.set_len((4 << 30) / scale))
            .map_err(|e| Failure::io(format!("could not create {}", large.display()), &e))?;
        Ok(files)
    }
}

/// A file of noise, as large as it should be.
fn noise(path: &Path, len: u64) -> Result<(), Failure> {
    if path.metadata().is_ok_and(|there| there.len() == len) {
        return warm(path);
    }
    let copy = || {
        let mut random = File::open("/dev/urandom")?.take(len);
        let mut file = File::create(path)?;
        std::io::copy(&mut random, &mut file)?;
        file.flush()?;
        // What is still to be written to the disk would be written during the first runs.
        file.sync_all()
    };
    copy().map_err(|e| Failure::io(format!("could not write {}", path.display()), &e))
}

/// Brings a file into the page cache, so that no first run pays for the disk.
fn warm(path: &Path) -> Result<(), Failure> {
    File::open(path)
        .and_then(|mut file| std::io::copy(&mut file, &mut std::io::sink()))
        .map(drop)
        .map_err(|e| Failure::io(format!("could not read {}", path.display()), &e))
}
