//! The commands of the documents that are marked with `<!-- run: NAME -->` run against the emulator,
//! on real files with sidecars.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tl_emulator::{Answers, Schedule};

use crate::clips;
use crate::platform::Platform;
use crate::tl::Run;
use crate::whole_corpus::lengths;

/// What the first recording shows, as the cookbook has it.
fn sidecar(cookbook: &str) -> &str {
    let (_, from) = cookbook.split_once("```json\n{\"segments\"").unwrap();
    let start = cookbook.len() - from.len() - "{\"segments\"".len();
    let (json, _) = cookbook[start..].split_once("```").unwrap();
    json
}

/// What the second recording shows: no goal but the last scene.
const SECOND: &str = r#"{"segments": [
    {"start": 0, "end": 2, "labels": ["interview"], "text": "The mayor speaks."},
    {"start": 3, "end": 4.2, "labels": ["goal"], "text": "The last goal."}
]}"#;

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    fs::read_to_string(path).unwrap()
}

/// The commands of the marked blocks.
fn commands(text: &str, name: &str) -> Vec<String> {
    let mark = format!("<!-- run: {name} -->\n```console\n");
    let blocks = text.split(&mark).skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    lines
        .map(|line| line.strip_prefix("$ tl ").expect(line).to_owned())
        .collect()
}

/// A folder with `footage`, and an emulator that knows what the recordings show.
fn footage() -> (Platform, TempDir) {
    let folder = clips::folder(&["good.mp4"]);
    let footage = folder.path().join("footage");
    fs::create_dir(&footage).unwrap();
    let first = footage.join("first-half.mp4");
    fs::rename(folder.path().join("good.mp4"), &first).unwrap();
    // The same pictures in a file with other bytes.
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(&first)
        .args(["-c", "copy", "-metadata", "title=second"])
        .arg(footage.join("second-half.mp4"))
        .status()
        .unwrap();
    assert!(made.success());
    let mut answers = Answers::new();
    let cookbook = document("cookbook.md");
    for (name, sidecar) in [
        ("first-half.mp4", sidecar(&cookbook)),
        ("second-half.mp4", SECOND),
    ] {
        answers.add_sidecar(name, None, sidecar).unwrap();
    }
    let platform = Platform::with(|builder| builder.answers(answers).schedule(Schedule::INSTANT));
    (platform, folder)
}

/// Runs a command, with its output in a file if it ends with `> FILE`.
fn run(platform: &Platform, folder: &Path, command: &str) -> Run {
    let (command, file) = match command.split_once(" > ") {
        Some((command, file)) => (command, Some(file)),
        None => (command, None),
    };
    let words = words(command);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let run = platform.tl(&words).in_folder(folder).code(0);
    if let Some(file) = file {
        fs::write(folder.join(file), &run.stdout).unwrap();
    }
    run
}

/// Splits at spaces outside of quotes.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for letter in command.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            (' ', None) => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words
}

#[test]
fn cookbook_cuts_clips_of_every_goal() {
    let (platform, folder) = footage();
    let commands = commands(&document("cookbook.md"), "goals");
    assert_eq!(commands.len(), 6, "{commands:?}");
    for command in &commands {
        run(&platform, folder.path(), command);
    }
    // The goal and its replay are one clip: 0.5 s to 3 s, with half a second at both ends.
    let mut clips: Vec<_> = fs::read_dir(folder.path().join("goals"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    clips.sort();
    let seconds: Vec<f64> = clips
        .iter()
        .map(|clip| lengths(clip).into_iter().fold(0.0, f64::max))
        .collect();
    assert_eq!(clips.len(), 2, "{clips:?}");
    let close = |expected: f64| seconds.iter().any(|found| (found - expected).abs() < 0.1);
    assert!(close(3.5) && close(2.2), "{clips:?}: {seconds:?}");
    let page = fs::read_to_string(folder.path().join("goals.html")).unwrap();
    assert_eq!(page.matches("data:image/jpeg;base64,/9j/").count(), 2);
    let cuts = fs::read_to_string(folder.path().join("goals.edl")).unwrap();
    let parts = ["00:00:00:00 00:00:03:13", "FROM CLIP NAME: second-half.mp4"];
    assert!(parts.iter().all(|part| cuts.contains(part)), "{cuts}");
    // Nothing is indexed again.
    let uploads = platform.uploads().len();
    run(&platform, folder.path(), &commands[1]);
    assert_eq!(platform.uploads().len(), uploads);
}

#[test]
fn guide_searches() {
    let (platform, folder) = footage();
    let ingest = "ingest footage --index matches --create-index marengo3.0:visual,audio --wait";
    run(&platform, folder.path(), ingest);
    let commands = commands(&document("guide.md"), "search");
    assert!(commands.len() > 5, "{commands:?}");
    let outputs: Vec<Run> = commands
        .iter()
        .map(|command| run(&platform, folder.path(), command))
        .collect();
    assert!(outputs[0].stdout.contains("first-half.mp4"));
    assert!(
        outputs[3].stdout.contains(",second-half.mp4,3.000,4.200"),
        "{}",
        outputs[3].stdout
    );
    assert!(folder.path().join("hits.html").exists());
    assert!(fs::read_dir(folder.path().join("clips")).unwrap().count() >= 3);
}
