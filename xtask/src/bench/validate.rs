//! `bench validate`: probing in this process and through helpers against the `ffprobe` program and PyAV, over the corpus and
//! over 1 GiB; how much is read; `tl validate` over a thousand files; the memory of helpers, bombs included.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::Options;
use crate::bench::contest::{Board, Contender, Metric, Sample};
use crate::bench::demand::{Bound, Demand, Demands};
use crate::bench::peers::{self, Peers};
use crate::bench::report::Report;
use crate::corpus;
use crate::failure::Failure;
use crate::programs::Programs;
use crate::shell::Program;
use crate::workspace::{self, Workspace};

/// No single run takes this long.
const DEADLINE: Duration = Duration::from_secs(240);

const IN_PROCESS: &str = "tl in process";
const HELPERS: &str = "tl through helpers";
const PYAV: &str = "PyAV";
const FFPROBE: &str = "ffprobe process";

const CORPUS: &str = "one file of the corpus, p50";
const LARGE: [&str; 2] = ["1 GiB mp4, index first", "1 GiB mp4, index last"];
const MANY: &str = "a folder of 1,000 files";
const USUAL: &str = "the corpus up to 1920x1080, memory of a helper";
const BOMBS: &str = "bombs, memory of a helper";

/// MB in a MiB.
const MB: f64 = 1.048_576;

/// The pixels of the largest picture whose memory is bounded.
const FULL_HD: u64 = 1920 * 1080;

const NOTES: &[&str] = &[
    "A time over the corpus is the median over its files, each opened once per run with everything that was asked of it: `tl` answers with \
     all its facts and a duration it has checked, PyAV with its streams and codecs, `ffprobe` with format and streams as JSON and a process \
     for each file. Files are in the page cache. Helpers run under their sandbox; their start is not counted. \
     One file after the other through a helper wakes two processes in turn for each, which is dear on a virtual machine; `tl validate` \
     keeps several at work, as the folder of 1,000 files shows.",
    "The bytes read are those of the system calls on the file, as `strace` shows them. The folder of 1,000 files holds the corpus several \
     times by hard links; `tl validate` judges every file and keeps no cache, and is compared with `xargs -P2 ffprobe`, which judges nothing.",
];

/// What is needed for every work.
struct Stage {
    folder: PathBuf,
    measure: PathBuf,
    helper: PathBuf,
    tool: PathBuf,
    tl: PathBuf,
    peers: Peers,
    options: Options,
}

pub(super) fn run(workspace: &Workspace, options: Options) -> Result<Report, Failure> {
    let folder = workspace.target.join("bench");
    let corpus = corpus::default_folder(workspace);
    corpus::make(&corpus)?;
    let probes = Programs::of_package("tl-validate", &["ffmpeg", "worker"])?;
    let stage = Stage {
        measure: probes.path("measure")?.clone(),
        helper: probes.path("probe_helper")?.clone(),
        tool: Programs::of_package("tl-bench", &[])?
            .path("tl-bench")?
            .clone(),
        tl: Programs::of_package("tl-cli", &["ffmpeg"])?
            .path("tl")?
            .clone(),
        peers: Peers::ready(workspace)?,
        folder,
        options,
    };
    let files = files_of(&corpus)?;
    let mut board = Board::default();
    let usual = stage.corpus(&mut board, &files)?;
    let read = stage.large(&mut board)?;
    stage.many(&mut board, &files)?;
    stage.memory(&mut board, &usual, &files_of(&corpus.join("bombs"))?)?;
    let demands = demands(&board, read)?;
    let mut versions = stage.peers.versions(&["av"])?;
    versions.push(peers::version("ffprobe", "-version")?);
    Ok(Report {
        title: "Validate",
        notes: NOTES.iter().map(|note| (*note).to_owned()).collect(),
        versions,
        board,
        demands,
    })
}

impl Stage {
    fn rounds(&self, most: usize) -> usize {
        if self.options.quick { 1 } else { most }
    }

    fn list(&self, name: &str, files: &[PathBuf]) -> Result<PathBuf, Failure> {
        let lines: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let path = self.folder.join(format!("{name}.txt"));
        workspace::write(&path, &lines.join("\n"))?;
        Ok(path)
    }

    /// What `measure` says of a list.
    fn measured(&self, how: &str, list: &Path) -> Result<Value, Failure> {
        let mut program = Program::new(&self.measure).arg(how).arg(list);
        if how == "worker" {
            program = program.arg(&self.helper);
        }
        parsed(&program.deadline(DEADLINE).read()?)
    }

    fn probing(&self, name: &'static str, how: &'static str, list: &Path) -> Contender<'_> {
        let list = list.to_owned();
        Contender::new(name, move || {
            let value = self.measured(how, &list)?;
            let files = value["files"].as_array().cloned().unwrap_or_default();
            let opened = files.iter().filter(|file| file["refused"].is_null());
            let times = opened.map(|file| file["seconds"].as_f64());
            let peak = match how {
                "worker" => &value["helper_peak_kib"],
                _ => &value["peak_kib"],
            };
            Ok(Sample {
                peak: peak.as_f64().map(|kib| kib / 1024.0),
                ..p50(times)?
            })
        })
    }

    /// Everyone over one list.
    fn contenders(&self, list: &Path, files: &[PathBuf]) -> Vec<Contender<'_>> {
        let words = self.peers.words("probe", &[&list.display().to_string()]);
        let files = files.to_vec();
        vec![
            self.probing(IN_PROCESS, "in-process", list),
            self.probing(HELPERS, "worker", list),
            Contender::new(PYAV, move || {
                let said = Program::new(self.peers.python())
                    .args(&words)
                    .deadline(DEADLINE)
                    .read()?;
                let times = parsed(&said)?;
                p50(times.as_array().into_iter().flatten().map(Value::as_f64))
            }),
            Contender::new(FFPROBE, move || {
                let times: Vec<_> = files
                    .iter()
                    .map(|file| ffprobe(file))
                    .collect::<Result<_, _>>()?;
                p50(times.into_iter().map(Some))
            })
            .at_most(2),
        ]
    }

    /// Measures the whole corpus; gives the files that are not larger than full HD.
    fn corpus(&self, board: &mut Board, files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let list = self.list("corpus", files)?;
        board.contest(CORPUS, self.rounds(21), &self.contenders(&list, files))?;
        let value = self.measured("in-process", &list)?;
        let measured = value["files"].as_array().cloned().unwrap_or_default();
        let usual = |file: &Value| {
            file["pixels"]
                .as_u64()
                .is_none_or(|pixels| pixels <= FULL_HD)
        };
        let usual: Vec<PathBuf> = files
            .iter()
            .zip(&measured)
            .filter(|(_, file)| usual(file))
            .map(|(path, _)| path.clone())
            .collect();
        if usual.len() < 100 {
            return Err(Failure::new(format!(
                "only {} of {} files of the corpus were measured as not larger than full HD",
                usual.len(),
                files.len()
            )));
        }
        Ok(usual)
    }

    /// Measures 1 GiB; gives how many MB are read of it, index first and last.
    fn large(&self, board: &mut Board) -> Result<[f64; 2], Failure> {
        let mut read = [0.0; 2];
        let mut made = None;
        for (at, (work, name)) in LARGE.into_iter().zip(["first", "last"]).enumerate() {
            let file = self.large_file(name, &mut made)?;
            let alone = self.list(name, std::slice::from_ref(&file))?;
            read[at] = self.bytes_read(&alone, &file)? / 1e6;
            // Several times, so that the first steps of a process do not count for the file.
            let files = vec![file; 5];
            let list = self.list(name, &files)?;
            board.contest(work, self.rounds(21), &self.contenders(&list, &files))?;
        }
        Ok(read)
    }

    /// 8 Mbit/s for 18 minutes, about 1 GiB; a second of it in a quick run.
    fn large_file(&self, name: &str, clip: &mut Option<PathBuf>) -> Result<PathBuf, Failure> {
        let quick = if self.options.quick { "-quick" } else { "" };
        let path = self.folder.join(format!("large-{name}{quick}.mp4"));
        if path.exists() {
            return Ok(path);
        }
        let ffmpeg = |words: &[&str], to: &Path| {
            Program::new("ffmpeg")
                .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
                .args(words)
                .arg(to)
                .deadline(DEADLINE)
                .read()
        };
        let clip = match clip {
            Some(clip) => clip,
            empty => {
                let to = self.folder.join("large-clip.mp4");
                let source = "testsrc2=size=1920x1080:rate=25:duration=10";
                let encode = "-c:v libx264 -preset ultrafast -b:v 8M -minrate 8M -maxrate 8M -bufsize 1M -nal-hrd cbr -pix_fmt yuv420p -c:a aac -shortest";
                let mut words = vec![
                    "-f",
                    "lavfi",
                    "-i",
                    source,
                    "-f",
                    "lavfi",
                    "-i",
                    "sine=duration=10",
                ];
                words.extend(encode.split(' '));
                ffmpeg(&words, &to)?;
                empty.insert(to)
            }
        };
        let loops = if self.options.quick { "1" } else { "106" };
        let clip = clip.display().to_string();
        let mut words = vec!["-stream_loop", loops, "-i", &clip, "-c", "copy"];
        if name == "first" {
            words.extend(["-movflags", "+faststart"]);
        }
        let draft = self.folder.join(format!("draft-{name}.mp4"));
        ffmpeg(&words, &draft)?;
        std::fs::rename(&draft, &path)
            .map_err(|e| Failure::io(format!("could not name {}", path.display()), &e))?;
        Ok(path)
    }

    fn bytes_read(&self, list: &Path, file: &Path) -> Result<f64, Failure> {
        let trace = self.folder.join("trace.txt");
        Program::new("strace")
            .args([
                "-f",
                "-qq",
                "-y",
                "-e",
                "trace=read,pread64,readv,preadv,preadv2",
                "-o",
            ])
            .arg(&trace)
            .arg(&self.measure)
            .arg("in-process")
            .arg(list)
            .deadline(DEADLINE)
            .read()?;
        let text = workspace::read(&trace)?;
        let sum = read_of(&text, &file.display().to_string());
        if sum == 0 {
            return Err(Failure::new(format!(
                "strace saw nothing read of {}",
                file.display()
            )));
        }
        #[expect(clippy::cast_precision_loss, reason = "megabytes for a table")]
        Ok(sum as f64)
    }

    fn many(&self, board: &mut Board, files: &[PathBuf]) -> Result<(), Failure> {
        let count = if self.options.quick { 100 } else { 1000 };
        let folder = self.folder.join(format!("many-{count}"));
        if !folder.exists() {
            workspace::make_folder(&folder)?;
            for number in 0..count {
                let file = &files[number % files.len()];
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                std::fs::hard_link(file, folder.join(format!("{number:04}-{name}")))
                    .map_err(|e| Failure::io(format!("could not link {}", file.display()), &e))?;
            }
        }
        let tl = format!(
            "{} validate --no-cache --format jsonl {} > {}",
            self.tl.display(),
            folder.display(),
            self.folder.join("many.jsonl").display()
        );
        let xargs = format!(
            "find {} -type f -print0 | xargs -0 -P2 -n1 ffprobe -v error -show_format -show_streams -of json > /dev/null 2>&1",
            folder.display()
        );
        let shell = |name, line: String| {
            let words = Value::from(vec!["-c".to_owned(), line]).to_string();
            Contender::new(name, move || {
                let said = Program::new(&self.tool)
                    .args(["exec", "program=/bin/sh", "exit=any"])
                    .arg(format!("words={words}"))
                    .deadline(DEADLINE)
                    .read()?;
                Sample::parsed(&said)
            })
        };
        let contenders = [
            shell("tl validate", tl),
            shell("xargs -P2 ffprobe", xargs).at_most(1),
        ];
        board.contest(MANY, self.rounds(3), &contenders)?;
        // A run that judged nothing would be fast.
        let judged = workspace::read(&self.folder.join("many.jsonl"))?
            .lines()
            .count();
        if judged < count {
            return Err(Failure::new(format!(
                "`tl validate` told of {judged} of {count} files"
            )));
        }
        Ok(())
    }

    fn memory(
        &self,
        board: &mut Board,
        usual: &[PathBuf],
        bombs: &[PathBuf],
    ) -> Result<(), Failure> {
        for (work, name, files) in [(USUAL, "usual", usual), (BOMBS, "bombs", bombs)] {
            let list = self.list(name, files)?;
            let contender = [self.probing(HELPERS, "worker", &list)];
            board.contest(work, self.rounds(3), &contender)?;
        }
        Ok(())
    }
}

fn demands(board: &Board, read: [f64; 2]) -> Result<Vec<Demand>, Failure> {
    use Bound::{AtLeast, AtMost};
    let mut demands = Demands::on(board);
    for ours in [IN_PROCESS, HELPERS] {
        demands.ratio(CORPUS, Metric::Wall, (FFPROBE, ours), AtLeast(40.0))?;
        demands.ratio(CORPUS, Metric::Wall, (PYAV, ours), AtLeast(1.0))?;
    }
    for (work, read) in LARGE.into_iter().zip(read) {
        demands.ratio(work, Metric::Wall, (PYAV, IN_PROCESS), AtLeast(1.0))?;
        demands.other(&format!("{work}: bytes read"), read, AtMost(1.0), " MB");
    }
    let pair = ("xargs -P2 ffprobe", "tl validate");
    demands.ratio(MANY, Metric::Wall, pair, AtLeast(12.0))?;
    demands.value(USUAL, Metric::Peak, HELPERS, AtMost(64.0), (MB, " MB"))?;
    demands.value(BOMBS, Metric::Peak, HELPERS, AtMost(300.0), (MB, " MB"))?;
    Ok(demands.all)
}

/// The median over files, of those that were opened.
fn p50(times: impl Iterator<Item = Option<f64>>) -> Result<Sample, Failure> {
    let mut times: Vec<f64> = times.flatten().collect();
    times.sort_unstable_by(f64::total_cmp);
    let wall = times
        .get(times.len() / 2)
        .ok_or_else(|| Failure::new("no file was measured"))?;
    Ok(Sample {
        wall: *wall,
        cpu: None,
        peak: None,
    })
}

fn ffprobe(file: &Path) -> Result<f64, Failure> {
    let start = Instant::now();
    // A file that it refuses takes its time all the same.
    Program::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_format",
            "-show_streams",
            "-of",
            "json",
        ])
        .arg(file)
        .deadline(DEADLINE)
        .listen()?;
    Ok(start.elapsed().as_secs_f64())
}

/// The files directly in a folder, in the order of their names; lock files and the like are none.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e| Failure::io(format!("could not read {}", folder.display()), &e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The sum of what the traced calls on `file` gave.
fn read_of(trace: &str, file: &str) -> u64 {
    let mark = format!("<{file}>");
    trace
        .lines()
        .filter(|line| line.contains(&mark))
        .filter_map(|line| {
            line.rsplit_once(" = ")?
                .1
                .split(' ')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum()
}

fn parsed(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text.trim())
        .map_err(|_| Failure::new(format!("no JSON was printed, but {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_of_the_file_itself_are_summed() {
        let trace = "12 pread64(3</t/a.mp4>, \"\\0 = 7\"..., 4096, 0) = 4096\n\
                     12 read(4</etc/passwd>, \"x\"..., 100) = 100\n\
                     13 pread64(3</t/a.mp4>, \"\", 4096, 9) = 0\n\
                     13 pread64(3</t/a.mp4>, 0x7f, 4096, 9) = -1 EIO (Input/output error)\n";
        assert_eq!(read_of(trace, "/t/a.mp4"), 4096);
    }

    #[test]
    fn the_median_leaves_out_what_was_refused() {
        let sample = p50([Some(3.0), None, Some(1.0), Some(2.0)].into_iter()).unwrap();
        assert!((sample.wall - 2.0).abs() < f64::EPSILON);
        assert!(p50([None].into_iter()).is_err());
    }
}
