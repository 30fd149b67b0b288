//! `bench validate`: probing in this process and through helpers, compared with `ffprobe` and PyAV,
//! over the corpus and 1 GiB; bytes read; `tl validate` over 1,000 files; memory of helpers.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use super::peers::{self, Peers};
use super::report::Report;
use super::results::{Contender, Metric, Results, Sample};
use super::target::{Bound, Target, Targets};
use super::{Settings, output, read};
use crate::Failure;

const IN_PROCESS: &str = "tl in process";
const HELPERS: &str = "tl through helpers";
const PYAV: &str = "PyAV";
const FFPROBE: &str = "ffprobe process";

const CORPUS: &str = "one file of the corpus, p50";
const LARGE: [&str; 2] = ["1 GiB mp4, index first", "1 GiB mp4, index last"];
const MANY: &str = "folder of 1,000 files";
const USUAL: &str = "corpus up to 1920x1080, memory of a helper";
const BOMBS: &str = "bombs, memory of a helper";

/// MB per MiB.
const MB: f64 = 1.048_576;

/// Pixels of the largest picture in the memory target.
const FULL_HD: u64 = 1920 * 1080;

const NOTES: &[&str] = &[
    "A time over the corpus is the median over its files, each opened once per run with everything \
     that is asked of it: `tl` returns all its facts and a duration that it has checked, PyAV its \
     streams and codecs, `ffprobe` format and streams as JSON, with a process for each file. Files \
     are in the page cache. Helpers run in their sandbox; their start is not counted. One file at \
     a time through a helper switches between two processes for each file, which is expensive on a \
     virtual machine; `tl validate` runs several helpers, as the folder of 1,000 files shows. The \
     helper uses the FFmpeg of the system here; the self-contained one takes half the time and is \
     measured in [packages.md](packages.md).",
    "The bytes read are those of the system calls on the file, from `strace`. The folder of 1,000 \
     files holds the corpus several times as hard links; `tl validate` checks every file without a \
     cache, and is compared with `xargs -P2 ffprobe`, which checks nothing.",
];

/// What all workloads share.
struct Validate<'s> {
    settings: &'s Settings<'s>,
    measure: PathBuf,
    helper: PathBuf,
    tool: PathBuf,
    tl: PathBuf,
    peers: Peers,
}

pub(super) fn run(settings: &Settings<'_>) -> Result<Report, Failure> {
    let corpus = settings.path("corpus")?;
    let validate = Validate {
        settings,
        measure: settings.path("measure")?,
        helper: settings.path("probe_helper")?,
        tool: std::env::current_exe()?,
        tl: settings.path("tl")?,
        peers: Peers::new(settings)?,
    };
    let files = files_of(&corpus)?;
    let mut results = Results::default();
    let usual = validate.corpus(&mut results, &files)?;
    let read = validate.large(&mut results)?;
    validate.many(&mut results, &files)?;
    validate.memory(&mut results, &usual, &files_of(&corpus.join("bombs"))?)?;
    let targets = targets(&results, read)?;
    let mut versions = validate.peers.versions(&["av"])?;
    versions.push(peers::version("ffprobe", "-version")?);
    Ok(Report {
        title: "Validate",
        notes: NOTES.to_vec(),
        versions,
        results,
        targets,
    })
}

impl Validate<'_> {
    fn list(&self, name: &str, files: &[PathBuf]) -> Result<PathBuf, Failure> {
        let lines: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let path = self.settings.folder.join(format!("{name}.txt"));
        std::fs::write(&path, lines.join("\n"))?;
        Ok(path)
    }

    /// The output of `measure` for a list.
    fn measured(&self, how: &str, list: &Path) -> Result<Value, Failure> {
        let mut words = vec![Path::new(how), list];
        if how == "worker" {
            words.push(&self.helper);
        }
        parse(&read(&self.measure, &words)?)
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

    /// Every contender, over one list.
    fn contenders(&self, list: &Path, files: &[PathBuf]) -> Vec<Contender<'_>> {
        let words = self.peers.words("probe", &[&list.display().to_string()]);
        let files = files.to_vec();
        vec![
            self.probing(IN_PROCESS, "in-process", list),
            self.probing(HELPERS, "worker", list),
            Contender::new(PYAV, move || {
                let times = parse(&read(self.peers.python(), &words)?)?;
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

    /// Measures the corpus, and returns the files up to full HD.
    fn corpus(&self, results: &mut Results, files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let list = self.list("corpus", files)?;
        results.compare(
            CORPUS,
            self.settings.rounds(21),
            &self.contenders(&list, files),
        )?;
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
            let (usual, all) = (usual.len(), files.len());
            return Err(
                format!("only {usual} of {all} files of the corpus are up to full HD").into(),
            );
        }
        Ok(usual)
    }

    /// Measures 1 GiB, and returns the MB read of it with the index first and last.
    fn large(&self, results: &mut Results) -> Result<[f64; 2], Failure> {
        let mut read = [0.0; 2];
        let mut made = None;
        for (at, (workload, name)) in LARGE.into_iter().zip(["first", "last"]).enumerate() {
            let file = self.large_file(name, &mut made)?;
            let alone = self.list(name, std::slice::from_ref(&file))?;
            read[at] = self.bytes_read(&alone, &file)? / 1e6;
            // Several times, so that the start of the process does not count.
            let files = vec![file; 5];
            let list = self.list(name, &files)?;
            results.compare(
                workload,
                self.settings.rounds(21),
                &self.contenders(&list, &files),
            )?;
        }
        Ok(read)
    }

    /// 8 Mbit/s for 18 minutes, about 1 GiB; 20 seconds of it in a quick run.
    fn large_file(&self, name: &str, clip: &mut Option<PathBuf>) -> Result<PathBuf, Failure> {
        let quick = if self.settings.quick { "-quick" } else { "" };
        let path = self
            .settings
            .folder
            .join(format!("large-{name}{quick}.mp4"));
        if path.exists() {
            return Ok(path);
        }
        let ffmpeg = |words: &[&str], to: &Path| {
            let to = to.display().to_string();
            let options = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y"];
            read(Path::new("ffmpeg"), &[&options, words, &[&to]].concat())
        };
        let clip = match clip {
            Some(clip) => clip,
            empty => {
                let to = self.settings.folder.join("large-clip.mp4");
                let source = "testsrc2=size=1920x1080:rate=25:duration=10";
                let encode = "-c:v libx264 -preset ultrafast -b:v 8M -minrate 8M -maxrate 8M -bufsize 1M -nal-hrd cbr -pix_fmt yuv420p -c:a aac -shortest";
                let inputs = format!("-f lavfi -i {source} -f lavfi -i sine=duration=10");
                let words: Vec<&str> = inputs.split(' ').chain(encode.split(' ')).collect();
                ffmpeg(&words, &to)?;
                empty.insert(to)
            }
        };
        let loops = if self.settings.quick { "1" } else { "106" };
        let clip = clip.display().to_string();
        let mut words = vec!["-stream_loop", loops, "-i", &clip, "-c", "copy"];
        if name == "first" {
            words.extend(["-movflags", "+faststart"]);
        }
        let draft = self.settings.folder.join(format!("draft-{name}.mp4"));
        ffmpeg(&words, &draft)?;
        std::fs::rename(&draft, &path)?;
        Ok(path)
    }

    fn bytes_read(&self, list: &Path, file: &Path) -> Result<f64, Failure> {
        let trace = self.settings.folder.join("trace.txt");
        let options = "-f -qq -y -e trace=read,pread64,readv,preadv,preadv2 -o";
        let mut words: Vec<&Path> = options.split(' ').map(Path::new).collect();
        words.extend([
            &trace,
            self.measure.as_path(),
            Path::new("in-process"),
            list,
        ]);
        read(Path::new("strace"), &words)?;
        let text = std::fs::read_to_string(&trace)?;
        let sum = read_of(&text, &file.display().to_string());
        if sum == 0 {
            return Err(format!("strace shows no read of {}", file.display()).into());
        }
        #[expect(clippy::cast_precision_loss, reason = "megabytes for a table")]
        Ok(sum as f64)
    }

    fn many(&self, results: &mut Results, files: &[PathBuf]) -> Result<(), Failure> {
        let count = if self.settings.quick { 100 } else { 1000 };
        let folder = self.settings.folder.join(format!("many-{count}"));
        if !folder.exists() {
            std::fs::create_dir_all(&folder)?;
            for number in 0..count {
                let file = &files[number % files.len()];
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                std::fs::hard_link(file, folder.join(format!("{number:04}-{name}")))?;
            }
        }
        let tl = format!(
            "{} validate --no-cache --format jsonl {} > {}",
            self.tl.display(),
            folder.display(),
            self.settings.folder.join("many.jsonl").display()
        );
        let xargs = format!(
            "find {} -type f -print0 | xargs -0 -P2 -n1 ffprobe -v error -show_format -show_streams -of json > /dev/null 2>&1",
            folder.display()
        );
        let shell = |name, line: String| {
            let words = Value::from(vec!["-c".to_owned(), line]).to_string();
            Contender::new(name, move || {
                let words = format!("words={words}");
                let all = ["exec", "program=/bin/sh", "exit=any", &words];
                Sample::parse(&read(&self.tool, &all)?)
            })
        };
        let contenders = [
            shell("tl validate", tl),
            shell("xargs -P2 ffprobe", xargs).at_most(1),
        ];
        results.compare(MANY, self.settings.rounds(3), &contenders)?;
        // A run that checked nothing would be fast.
        let checked = std::fs::read_to_string(self.settings.folder.join("many.jsonl"))?;
        let checked = checked.lines().count();
        if checked < count {
            return Err(format!("`tl validate` reported {checked} of {count} files").into());
        }
        Ok(())
    }

    fn memory(
        &self,
        results: &mut Results,
        usual: &[PathBuf],
        bombs: &[PathBuf],
    ) -> Result<(), Failure> {
        for (workload, name, files) in [(USUAL, "usual", usual), (BOMBS, "bombs", bombs)] {
            let list = self.list(name, files)?;
            let contender = [self.probing(HELPERS, "worker", &list)];
            results.compare(workload, self.settings.rounds(3), &contender)?;
        }
        Ok(())
    }
}

fn targets(results: &Results, read: [f64; 2]) -> Result<Vec<Target>, Failure> {
    use Bound::{AtLeast, AtMost};
    let mut targets = Targets::new(results);
    for ours in [IN_PROCESS, HELPERS] {
        targets.ratio(CORPUS, Metric::Wall, (FFPROBE, ours), AtLeast(40.0))?;
        targets.ratio(CORPUS, Metric::Wall, (PYAV, ours), AtLeast(1.0))?;
    }
    for (workload, read) in LARGE.into_iter().zip(read) {
        targets.ratio(workload, Metric::Wall, (PYAV, IN_PROCESS), AtLeast(1.0))?;
        targets.other(&format!("{workload}: bytes read"), read, AtMost(1.0), " MB");
    }
    let pair = ("xargs -P2 ffprobe", "tl validate");
    targets.ratio(MANY, Metric::Wall, pair, AtLeast(12.0))?;
    targets.value(USUAL, Metric::Peak, HELPERS, AtMost(64.0), (MB, " MB"))?;
    targets.value(BOMBS, Metric::Peak, HELPERS, AtMost(300.0), (MB, " MB"))?;
    Ok(targets.all)
}

/// The median over the files that were opened.
fn p50(times: impl Iterator<Item = Option<f64>>) -> Result<Sample, Failure> {
    let mut times: Vec<f64> = times.flatten().collect();
    times.sort_unstable_by(f64::total_cmp);
    let wall = times.get(times.len() / 2).ok_or("no file was measured")?;
    Ok(Sample {
        wall: *wall,
        cpu: None,
        peak: None,
    })
}

fn ffprobe(file: &Path) -> Result<f64, Failure> {
    let start = Instant::now();
    // A file that it refuses counts as well.
    let options = [
        "-v",
        "error",
        "-show_format",
        "-show_streams",
        "-of",
        "json",
    ];
    let mut words: Vec<&Path> = options.iter().map(Path::new).collect();
    words.push(file);
    output(Path::new("ffprobe"), &words)?;
    Ok(start.elapsed().as_secs_f64())
}

/// The files directly in a folder, sorted; without hidden files, such as lock files.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
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

/// The sum of the results of the traced calls on `file`.
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

fn parse(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text.trim()).map_err(|_| format!("not JSON: {text:?}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_of_the_file_are_summed() {
        let trace = "12 pread64(3</t/a.mp4>, \"\\0 = 7\"..., 4096, 0) = 4096\n\
                     12 read(4</etc/passwd>, \"x\"..., 100) = 100\n\
                     13 pread64(3</t/a.mp4>, \"\", 4096, 9) = 0\n\
                     13 pread64(3</t/a.mp4>, 0x7f, 4096, 9) = -1 EIO (Input/output error)\n";
        assert_eq!(read_of(trace, "/t/a.mp4"), 4096);
    }

    #[test]
    fn the_median_ignores_refused_files() {
        let sample = p50([Some(3.0), None, Some(1.0), Some(2.0)].into_iter()).unwrap();
        assert!((sample.wall - 2.0).abs() < f64::EPSILON);
        assert!(p50([None].into_iter()).is_err());
    }
}
