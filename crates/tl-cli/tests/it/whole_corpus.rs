//! `tl fix` and `tl split` on files of the corpus, compared with what another program decodes: no
//! frame is lost, duplicated or changed by a cut, times are exact to the frame, and no kept stream
//! gets shorter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tl_corpus::{Entry, entries};
use tl_validate::split::{FrameReader, PacketReader};

use crate::tl::{Run, Running, Tl};

/// Rules under which the short files of the corpus are long enough to be split.
const CUTTING: &str = "[[rule]]\nid = \"marengo3.0.duration.min\"\nmin = 0.01\nmargin = 0\n\
                       [[rule]]\nid = \"marengo3.0.resolution.min\"\nmin = 2\n\
                       [[rule]]\nid = \"marengo3.0.aspect.max\"\nmax = 100\n";

/// Rules under which nearly every file of the corpus is too short and too small.
const FIXING: &str = "[[rule]]\nid = \"marengo3.0.duration.min\"\nmin = 6\n\
                      [[rule]]\nid = \"marengo3.0.resolution.min\"\nmin = 364\n";

/// Encoding an hour of video takes long on a busy machine.
const DEADLINE: Duration = Duration::from_secs(600);

/// Maximum difference in stream duration.
const TOLERANCE_SECONDS: f64 = 0.1;

/// One file for each way in which a cut or a copy can fail: container, codec, times, tracks,
/// damage.
const SAMPLE: &[&str] = &[
    "c-av1-sound.webm",
    "c-cover.m4v.mp4",
    "c-edit-list.mp4",
    "c-fragmented.mp4",
    "c-h264-bframes-sound.mp4",
    "c-h264-sound.avi",
    "c-h264-sound.flv",
    "c-h264-sound.ts",
    "c-hdr.mp4",
    "c-hevc-sound.mkv",
    "c-joined.ts",
    "c-late-start.ts",
    "c-long-sound.mp4",
    "c-mpeg2-sound.mpg",
    "c-negative-start.mp4",
    "c-prores-sound.mov",
    "c-raw.h264",
    "c-raw.hevc",
    "c-short-sound.mp4",
    "c-sound-only.m4a",
    "c-subtitled.mkv",
    "c-truncated.mp4",
    "c-two-sounds.mkv",
    "c-vfr.mkv",
    "c-wmv2-sound.asf",
];

/// The sample, or every file if `TL_WHOLE_CORPUS` is set, which takes many minutes.
fn is_tested(entry: &Entry) -> bool {
    SAMPLE.contains(&entry.name.as_str()) || is_whole()
}

fn is_whole() -> bool {
    std::env::var_os("TL_WHOLE_CORPUS").is_some()
}

fn corpus() -> (PathBuf, Vec<Entry>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clips");
    fs::create_dir_all(&folder).unwrap();
    let all = entries();
    for name in SAMPLE {
        assert!(
            all.iter().any(|entry| entry.name == *name),
            "{name} is in the corpus"
        );
    }
    for entry in all.iter().filter(|entry| is_tested(entry)) {
        entry
            .path_in(&folder)
            .unwrap_or_else(|failure| panic!("{failure}"));
    }
    (folder, all)
}

/// Output of ffmpeg for these arguments.
fn ffmpeg(before: &[&str], file: &Path, behind: &[&str]) -> String {
    let run = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(before)
        .arg("-i")
        .arg(file)
        .args(behind)
        .arg("-")
        .output()
        .unwrap();
    String::from_utf8_lossy(&run.stdout).into_owned()
}

/// Time and hash of every frame that a player shows.
pub(crate) fn frames(file: &Path) -> Vec<(f64, String)> {
    let text = ffmpeg(
        &[],
        file,
        &[
            "-map",
            "0:V:0",
            // Times are relative to the start of all streams that are read.
            "-map",
            "0:a?",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1:90000",
            "-f",
            "framehash",
            "-hash",
            "md5",
        ],
    );
    let mut reader = FrameReader::new();
    text.lines().for_each(|line| reader.line(line));
    reader.frames().to_vec()
}

/// Duration of each decoded video and audio stream in seconds.
pub(crate) fn lengths(file: &Path) -> Vec<f64> {
    let text = ffmpeg(
        &[],
        file,
        &["-map", "0:V:0?", "-map", "0:a?", "-f", "framecrc"],
    );
    let mut reader = PacketReader::new();
    text.lines().for_each(|line| reader.line(line));
    reader
        .streams()
        .values()
        .map(|stream| stream.seconds())
        .collect()
}

/// Runs `work` on every entry in parallel and collects the errors.
fn over_corpus(work: impl Fn(&Path, &Path, &Tally) -> Result<(), String> + Sync) -> Tally {
    let (folder, all) = corpus();
    let (next, tally) = (AtomicUsize::new(0), Tally::default());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(entry) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !is_tested(entry) {
                        continue;
                    }
                    let out = tempfile::tempdir().unwrap();
                    if let Err(what) = work(&folder.join(&entry.name), out.path(), &tally) {
                        tally
                            .complaints
                            .lock()
                            .unwrap()
                            .push(format!("{}: {what}", entry.name));
                    }
                }
            });
        }
    });
    tally
}

/// Result for all files.
#[derive(Default)]
struct Tally {
    counts: Mutex<BTreeMap<String, u64>>,
    complaints: Mutex<Vec<String>>,
}

impl Tally {
    fn add(&self, what: &str, count: usize) {
        *self
            .counts
            .lock()
            .unwrap()
            .entry(what.to_owned())
            .or_default() += count as u64;
    }

    fn count(&self, what: &str) -> u64 {
        self.counts
            .lock()
            .unwrap()
            .get(what)
            .copied()
            .unwrap_or_default()
    }

    #[expect(clippy::print_stderr, reason = "the figures are read by people")]
    fn finish(&self) {
        let (counts, complaints) = (self.counts.lock().unwrap(), self.complaints.lock().unwrap());
        eprintln!("{counts:#?}");
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

fn tl(file: &Path, out: &Path, rules: &str, words: &[&str]) -> Run {
    fs::write(out.join("rules.toml"), rules).unwrap();
    let (file, result) = (file.to_string_lossy(), out.join("out"));
    let mut all = vec![
        words[0],
        &file,
        "--rules",
        "rules.toml",
        "--json",
        "--probe-timeout",
        "2m",
        "--out",
    ];
    let result = result.to_string_lossy();
    all.push(&result);
    all.extend(&words[1..]);
    let mut tl = Tl::new(&all).in_folder(out);
    let command = tl.command().stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::start(command).finish_within(DEADLINE)
}

fn kind(run: &Run) -> String {
    run.json()["error"]["kind"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

/// The maximum duration that splits this file into two or three parts.
fn half(file: &Path) -> Option<String> {
    let seconds = lengths(file).into_iter().fold(0.0, f64::max);
    (seconds > 2.0).then(|| format!("{}ms", (seconds * 600.0) as u64))
}

/// Compares parts with their source.
fn check_parts(file: &Path, out: &Path, run: &Run, tally: &Tally) -> Result<(), String> {
    let result = run.json();
    let parts = result["timeline"]["parts"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let reencoded = result["reencoded"] == Value::Bool(true);
    let source = frames(file);
    let (mut shown, mut sound) = (Vec::new(), BTreeMap::<usize, f64>::new());
    for part in &parts {
        let path = out.join("out").join(part["name"].as_str().unwrap());
        let start = part["start_seconds"].as_f64().unwrap();
        shown.extend(
            frames(&path)
                .into_iter()
                .map(|(time, hash)| (time + start, hash)),
        );
        for (stream, seconds) in lengths(&path).into_iter().enumerate() {
            *sound.entry(stream).or_default() += seconds;
        }
    }
    tally.add("frames of sources", source.len());
    tally.add("frames of parts", shown.len());
    if source.len() != shown.len() {
        return Err(format!(
            "{} frames in the source, {} in the parts",
            source.len(),
            shown.len()
        ));
    }
    for (number, ((time, hash), (part_time, part_hash))) in source.iter().zip(&shown).enumerate() {
        if !reencoded && hash != part_hash {
            return Err(format!("frame {number} at {time} differs"));
        }
        if (time - part_time).abs() > 0.0015 {
            return Err(format!(
                "frame {number} is shown at {part_time}, at {time} in the source"
            ));
        }
    }
    // The last frame of a part has its own duration; the audio duration is compared.
    let has_picture = usize::from(!source.is_empty());
    for (stream, seconds) in lengths(file).into_iter().enumerate().skip(has_picture) {
        let parts = sound.get(&stream).copied().unwrap_or_default();
        if parts < seconds - TOLERANCE_SECONDS {
            return Err(format!(
                "sound {stream} lasts {parts} s in the parts, {seconds} s in the source"
            ));
        }
    }
    Ok(())
}

#[test]
fn parts_of_every_file_contain_every_frame_once() {
    let tally = over_corpus(|file, out, tally| {
        let Some(most) = half(file) else {
            tally.add("too short to be cut", 1);
            return Ok(());
        };
        let words = ["split", "--max-duration", &most];
        let plain = tl(file, out, CUTTING, &words);
        if plain.code == 0 {
            tally.add("cut as it is", 1);
            return check_parts(file, out, &plain, tally);
        }
        let refusal = kind(&plain);
        let again = tl(file, out, CUTTING, &[&words[..], &["--reencode"]].concat());
        if again.code == 0 {
            tally.add(&format!("encoded again ({refusal})"), 1);
            return check_parts(file, out, &again, tally);
        }
        match kind(&again).as_str() {
            "not_fixable" => tally.add("refused by other rules", 1),
            _ => return Err(again.text()),
        }
        match out
            .join("out")
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_none())
        {
            true => Ok(()),
            false => Err("something was left behind".to_owned()),
        }
    });
    tally.finish();
    let (cut, refused) = if is_whole() { (10, 40) } else { (3, 4) };
    assert!(tally.count("cut as it is") >= cut && tally.count("refused by other rules") <= refused);
}

#[test]
fn copies_of_every_file_are_not_shorter() {
    let tally = over_corpus(|file, out, tally| {
        let run = tl(file, out, FIXING, &["fix"]);
        if run.code != 0 {
            return match kind(&run).as_str() {
                reason @ ("not_fixable" | "would_cut") => {
                    tally.add(reason, 1);
                    Ok(())
                }
                _ => Err(run.text()),
            };
        }
        let Some(output) = run.json()["output"].as_str().map(PathBuf::from) else {
            tally.add("passes as it is", 1);
            return Ok(());
        };
        tally.add("fixed", 1);
        let (before, after) = (frames(file).len(), frames(&output).len());
        tally.add("frames of sources", before);
        tally.add("frames of copies", after);
        if after < before {
            return Err(format!("{after} of {before} frames"));
        }
        let (before, after) = (lengths(file), lengths(&output));
        for (stream, seconds) in before.iter().enumerate() {
            if after
                .get(stream)
                .is_none_or(|after| *after < seconds - TOLERANCE_SECONDS)
            {
                return Err(format!("streams last {after:?}, {before:?} in the source"));
            }
        }
        Ok(())
    });
    tally.finish();
    let (fixed, refused) = if is_whole() { (60, 30) } else { (15, 4) };
    assert!(tally.count("fixed") > fixed && tally.count("not_fixable") < refused);
}
