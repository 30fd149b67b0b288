//! `bench answers`: streamed events, the first event, pages of a search and embeddings, compared
//! with the official Python and JavaScript clients.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::peers::{self, Peers};
use super::report::Report;
use super::results::{Contender, Metric, Results, Sample};
use super::sink::Sink;
use super::target::{Bound, Target, Targets};
use super::{Settings, read};
use crate::Failure;

const ASYNC: &str = "tl async";
const BLOCKING: &str = "tl blocking";
const PYTHON: &str = "Python SDK";
const JAVASCRIPT: &str = "JavaScript SDK";

const FIRST: &str = "first event, after the first byte of the server";
const FEW: &str = "1,000 events";
const MANY: &str = "100,000 events";
const SEARCHES: &str = "500 pages of 50 search results";

const EMBEDDINGS: &str = "1,800 embeddings of 512 numbers (20 MB)";

/// The JavaScript client, and what it needs.
const PACKAGES: [(&str, &str); 2] = [
    ("package.json", include_str!("../../package.json")),
    ("package-lock.json", include_str!("../../package-lock.json")),
];

const NOTES: &[&str] = &[
    "Each contender is a process and sends to a sink on loopback that renders its answers once. An \
     event is one line in one chunk, as from the platform; chunks are written 1,000 at a \
     time. Wall time is that of the work inside the process, CPU time and memory are those of the \
     process. Every contender counts the events and results and fails if one is missing.",
    "The sink writes the time into the first event, and the contender subtracts it from its own: \
     both read the clock of the same machine.",
    "Flat memory is the difference between the peaks of the two streams: the second one has 100 \
     times the events.",
];

struct Answers<'s> {
    settings: &'s Settings<'s>,
    tool: PathBuf,
    peers: Peers,
    /// The folder of the JavaScript client.
    javascript: PathBuf,
    sink: Sink,
}

pub(super) fn run(settings: &Settings<'_>) -> Result<Report, Failure> {
    let answers = Answers {
        settings,
        tool: std::env::current_exe()?,
        peers: Peers::new(settings)?,
        javascript: javascript(&settings.folder)?,
        sink: Sink::start(&settings.folder, 0, None)?,
    };
    let mut versions = answers.peers.versions(&["twelvelabs"])?;
    versions.push(format!("Node.js {}", peers::version("node", "--version")?));
    versions.push(format!("twelvelabs-js {}", javascript_version()?));

    let mut results = Results::default();
    let rounds = |count| settings.rounds(count);
    let first = answers.contenders("first", "1", &[ASYNC, BLOCKING]);
    results.compare(FIRST, rounds(21), &first)?;
    let all = [ASYNC, BLOCKING, PYTHON, JAVASCRIPT];
    results.compare(FEW, rounds(5), &answers.contenders("events", "1000", &all))?;
    results.compare(
        MANY,
        rounds(5),
        &answers.contenders("events", "100000", &all),
    )?;
    let pages = answers.contenders("searches", "500", &all);
    results.compare(SEARCHES, rounds(5), &pages)?;
    let rows = answers.contenders("embeddings", "1800", &all);
    results.compare(EMBEDDINGS, rounds(5), &rows)?;
    let targets = targets(&results)?;
    Ok(Report {
        title: "Answers",
        notes: NOTES.to_vec(),
        versions,
        results,
        targets,
    })
}

impl Answers<'_> {
    fn contenders(
        &self,
        work: &'static str,
        count: &str,
        names: &[&'static str],
    ) -> Vec<Contender<'_>> {
        let contender = |name: &&'static str| match *name {
            PYTHON => {
                let words = self.peers.words(work, &[&self.sink.base(false), count]);
                self.other(PYTHON, self.peers.python(), &words).at_most(1)
            }
            JAVASCRIPT => {
                let script = self.settings.root.join("benches/peers.cjs");
                let base = self.sink.base(false);
                let folder = self.javascript.display().to_string();
                let script = script.display().to_string();
                let words = [&script, work, &folder, &base, count].map(str::to_owned);
                self.other(JAVASCRIPT, Path::new("node"), &words).at_most(3)
            }
            name => {
                let kind = if name == ASYNC { "async" } else { "blocking" };
                let mut words = vec![format!("{kind}-{work}")];
                words.extend(self.sink.words(false));
                words.push(format!("count={count}"));
                Contender::new(name, move || Sample::parse(&read(&self.tool, &words)?))
            }
        };
        names.iter().map(contender).collect()
    }

    /// Another program, measured by `tl-bench`.
    fn other(&self, name: &'static str, program: &Path, words: &[String]) -> Contender<'_> {
        let words = Value::from(words.to_vec()).to_string();
        let program = format!("program={}", program.display());
        let all = ["exec".to_owned(), program, format!("words={words}")];
        Contender::new(name, move || Sample::parse(&read(&self.tool, &all)?))
    }
}

fn targets(results: &Results) -> Result<Vec<Target>, Failure> {
    use Bound::{AtLeast, AtMost};
    let mut targets = Targets::new(results);
    for contender in [ASYNC, BLOCKING] {
        targets.value(FIRST, Metric::Wall, contender, AtMost(5.0), (1000.0, " ms"))?;
        targets.ratio(MANY, Metric::Wall, (PYTHON, contender), AtLeast(10.0))?;
        let of = |workload| results.median(workload, contender, Metric::Peak);
        let growth = of(MANY)? - of(FEW)?;
        let text = format!("{MANY}: peak memory of {contender} above that of {FEW}");
        targets.other(&text, growth, AtMost(1.0), " MiB");
        for sdk in [PYTHON, JAVASCRIPT] {
            targets.ratio(SEARCHES, Metric::Wall, (sdk, contender), AtLeast(2.0))?;
            targets.ratio(EMBEDDINGS, Metric::Wall, (sdk, contender), AtLeast(2.0))?;
        }
    }
    Ok(targets.all)
}

/// Installs the JavaScript client once, and again if its lockfile changes.
fn javascript(folder: &Path) -> Result<PathBuf, Failure> {
    let folder = folder.join("javascript");
    let installed = folder.join("node_modules/.installed.json");
    let wanted = PACKAGES[1].1;
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder)?;
    for (name, text) in PACKAGES {
        std::fs::write(folder.join(name), text)?;
    }
    let prefix = folder.display().to_string();
    read(
        Path::new("npm"),
        &[
            "ci",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--prefix",
            &prefix,
        ],
    )?;
    std::fs::write(installed, wanted)?;
    Ok(folder)
}

/// The pinned version of the JavaScript client.
fn javascript_version() -> Result<String, Failure> {
    let package: Value = serde_json::from_str(PACKAGES[0].1)?;
    let version = package["dependencies"]["twelvelabs-js"].as_str();
    Ok(version
        .ok_or("package.json has no twelvelabs-js")?
        .to_owned())
}
