//! Compares the facts of two helpers over files, field by field, and explains the differences that
//! are allowed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::workspace::Workspace;

/// The version: one FFmpeg is that of the system, which its security updates change.
const VERSION: &str = "probed_with";
/// Precedes FFmpeg's own words in an error message.
const WORDS: &str = " FFmpeg: ";

/// Larger files are not damaged: most of their bytes are frames.
const DAMAGED_BYTES: u64 = 4 << 20;

/// Compares the built helper with `other` over files and folders. With `--damaged` before them, over
/// damaged copies of the files too.
///
/// # Errors
/// If a field differs that may not, or fewer than two files were compared.
pub(crate) fn run(workspace: &Workspace, other: &Path, arguments: &[&str]) -> Result<()> {
    let (with_damaged, paths) = match arguments {
        ["--damaged", paths @ ..] => (true, paths),
        paths => (false, paths),
    };
    let ours = workspace.folder.join("bin/tl-probe");
    ensure!(
        ours.is_file(),
        "there is no {}\n  hint: run `cargo run -p tl-dist -- build` first",
        ours.display()
    );
    let mut files = Vec::new();
    for path in paths {
        list(Path::new(path), &mut files)?;
    }
    files.sort();
    if with_damaged {
        let folder = workspace.fresh("damaged")?;
        files.extend(damaged_copies(&files, &folder)?);
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let difference = compare(&ours, other, file);
                    if let Ok(mut results) = results.lock() {
                        results.insert(file, difference);
                    }
                }
            });
        }
    });
    let results = results
        .into_inner()
        .map_err(|_| anyhow::anyhow!("a comparison panicked"))?;
    let (mut differing, mut allowed_only) = (0, 0);
    for (file, difference) in &results {
        let Differences { facts, allowed } = match difference {
            Ok(difference) => difference,
            Err(error) => bail!("{}: {error:#}", file.display()),
        };
        differing += usize::from(!facts.is_empty());
        allowed_only += usize::from(facts.is_empty() && !allowed.is_empty());
        if !facts.is_empty() || !allowed.is_empty() {
            let lines: Vec<&str> = facts.iter().chain(allowed).map(String::as_str).collect();
            println!("{}\n  {}", file.display(), lines.join("\n  "));
        }
    }
    println!(
        "{} files compared: {differing} differ in facts, {allowed_only} only as is allowed",
        results.len()
    );
    ensure!(results.len() >= 2, "fewer than two files were compared");
    ensure!(differing == 0, "{differing} files have other facts");
    Ok(())
}

/// Adds a file, or what is in a folder except hidden files, such as the locks of the corpus.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let metadata = std::fs::metadata(path).with_context(|| path.display().to_string())?;
    if !metadata.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            list(&entry.path(), files)?;
        }
    }
    Ok(())
}

/// Makes two copies of each file: one is cut off, the other has changed bytes, half of them near its
/// start, where the headers of most formats are. Equal in every run.
fn damaged_copies(files: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>> {
    let mut made = Vec::new();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |bound: usize| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 32).unwrap_or_default() % bound
    };
    for (number, file) in files.iter().enumerate() {
        if std::fs::metadata(file)?.len() > DAMAGED_BYTES {
            continue;
        }
        let mut bytes = std::fs::read(file)?;
        if bytes.is_empty() {
            continue;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let cut = folder.join(format!("{number}-cut-{name}"));
        std::fs::write(&cut, &bytes[..bytes.len() * 2 / 3])?;
        for change in 0..16 {
            let bound = if change % 2 == 0 {
                bytes.len().min(4096)
            } else {
                bytes.len()
            };
            bytes[below(bound)] = u8::try_from(below(256))?;
        }
        let changed = folder.join(format!("{number}-changed-{name}"));
        std::fs::write(&changed, bytes)?;
        made.extend([cut, changed]);
    }
    Ok(made)
}

/// The fields that differ.
#[derive(Debug, Default, PartialEq)]
struct Differences {
    facts: Vec<String>,
    /// Shown, see [`is_allowed`].
    allowed: Vec<String>,
}

fn compare(ours: &Path, other: &Path, file: &Path) -> Result<Differences> {
    Ok(differences(&facts(other, file)?, &facts(ours, file)?))
}

/// The facts as JSON, or the error message.
fn facts(probe: &Path, file: &Path) -> Result<Value> {
    let output = Command::new(probe)
        .arg(file)
        .output()
        .with_context(|| probe.display().to_string())?;
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout)?);
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(serde_json::json!({ "refused": text, "exit": output.status.code() }))
}

fn differences(theirs: &Value, ours: &Value) -> Differences {
    let mut found = Differences::default();
    walk("", theirs, ours, &mut found);
    found
}

/// Whether a difference follows from what this build leaves out: it does not decode frames for
/// parameters that headers state, and has its own decoder for AV1 instead of libdav1d.
///
/// - Words of decoders about damaged frames are missing in `warnings`, which no rule reads, and at the
///   end of an error message.
/// - FFmpeg learns how far the frames of an H.264 stream are reordered by decoding seven, and does not
///   know when a stream with fewer frames starts. This build takes it from the headers.
fn is_allowed(place: &str, theirs: &Value, ours: &Value) -> bool {
    let message = |value: &Value| value.as_str().map(without_words);
    match place.split('[').next() {
        Some("warnings") => true,
        Some("start_time_seconds") => theirs.is_null() && ours.is_number(),
        Some("refused") => ours.is_string() && message(theirs) == message(ours),
        _ => false,
    }
}

/// An error message without the sentence in FFmpeg's words.
fn without_words(message: &str) -> String {
    match message.split_once(WORDS) {
        Some((reason, rest)) => {
            let hint = rest.rsplit_once(". ").map_or("", |(_, hint)| hint);
            format!("{reason} {hint}")
        }
        None => message.to_owned(),
    }
}

fn walk(place: &str, theirs: &Value, ours: &Value, found: &mut Differences) {
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for name in names {
                if place.is_empty() && name == VERSION {
                    continue;
                }
                let inner = if place.is_empty() {
                    name.clone()
                } else {
                    format!("{place}.{name}")
                };
                let of = |map: &serde_json::Map<String, Value>| {
                    map.get(name).cloned().unwrap_or(Value::Null)
                };
                walk(&inner, &of(a), &of(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                walk(&format!("{place}[{at}]"), a, b, found);
            }
        }
        _ if theirs == ours => {}
        _ => {
            let line = format!("{place}: {theirs} there, {ours} here");
            if is_allowed(place, theirs, ours) {
                found.allowed.push(line);
            } else {
                found.facts.push(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Differences, damaged_copies, differences, list};
    use serde_json::json;

    #[test]
    fn damaged_copies_are_shorter_or_changed_and_equal_in_every_run() {
        let temporary = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let file = temporary.path().join("a.mp4");
        std::fs::write(&file, [7; 9000]).unwrap();
        let empty = temporary.path().join("empty.mp4");
        std::fs::write(&empty, "").unwrap();
        let files = [file, empty];
        let read = || {
            let made = damaged_copies(&files, temporary.path()).unwrap();
            let bytes = made.iter().map(|path| std::fs::read(path).unwrap());
            bytes.collect::<Vec<_>>()
        };
        let [cut, changed] = read().try_into().unwrap();
        assert_eq!(cut, [7; 6000]);
        let differing = changed.iter().filter(|byte| **byte != 7).count();
        assert!(
            changed.len() == 9000 && (8..=16).contains(&differing),
            "{differing}"
        );
        assert_eq!(read(), [cut, changed]);
    }

    #[test]
    fn hidden_files_of_a_folder_are_not_compared() {
        let temporary = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let folder = temporary.path();
        std::fs::create_dir_all(folder.join("inner")).unwrap();
        for name in [".a.mp4.lock", "a.mp4", "inner/b.mp4", "inner/.b.mp4.lock"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let mut found = Vec::new();
        list(folder, &mut found).unwrap();
        found.sort();
        assert_eq!(
            found,
            ["a.mp4", "inner/b.mp4"].map(|name| folder.join(name))
        );
    }

    #[test]
    fn each_field_is_compared() {
        let a = json!({"warnings": [1], "v": [{"width": 1, "codec": "h264"}], "w": []});
        let b = json!({"warnings": [2], "v": [{"width": 2, "codec": "h264"}], "w": ["x"]});
        let found = differences(&a, &b);
        assert_eq!(
            found.facts,
            ["v[0].width: 1 there, 2 here", "w: [] there, [\"x\"] here"]
        );
        assert_eq!(found.allowed, ["warnings[0]: 1 there, 2 here"]);
        assert_eq!(differences(&a, &a), Differences::default());
    }

    #[test]
    fn a_start_that_only_this_build_knows_is_allowed() {
        let with = |start: serde_json::Value| json!({ "start_time_seconds": start });
        let facts = |theirs, ours| differences(&with(theirs), &with(ours)).facts;
        assert_eq!(facts(json!(null), json!(0.0)), Vec::<String>::new());
        assert_eq!(
            facts(json!(0.0), json!(null)),
            ["start_time_seconds: 0.0 there, null here"]
        );
        assert_eq!(
            facts(json!(0.0), json!(1.5)),
            ["start_time_seconds: 0.0 there, 1.5 here"]
        );
    }

    #[test]
    fn words_of_decoders_are_allowed_in_an_error_and_nothing_else() {
        let refused = |text: &str| json!({ "refused": text, "exit": 1 });
        let theirs = refused("a.mkv: no data. FFmpeg: error at MB 21 16. Copy it again.");
        for (ours, allowed) in [
            ("a.mkv: no data. Copy it again.", true),
            ("a.mkv: no data. FFmpeg: no frame. Copy it again.", true),
            ("a.mkv: no data. Convert it.", false),
            ("a.mkv: damaged. Copy it again.", false),
        ] {
            let found = differences(&theirs, &refused(ours));
            assert_eq!(found.facts.is_empty(), allowed, "{ours}");
            assert_eq!(found.allowed.len(), usize::from(allowed), "{ours}");
        }
    }

    #[test]
    fn a_missing_field_differs_from_a_set_one() {
        assert_eq!(
            differences(&json!({"refused": "damaged"}), &json!({})).facts,
            ["refused: \"damaged\" there, null here"]
        );
    }
}
