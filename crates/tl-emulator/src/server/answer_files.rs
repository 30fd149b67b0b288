//! Reads supplied answers from directories, and hashes media files.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use ring::digest;

use super::StartError;
use crate::platform::Answers;

/// Files above this size are hashed only if an answer is looked up by content.
const ALWAYS_HASHED: u64 = 64 << 20;
/// Maximum depth of directories.
const MAX_DEPTH: usize = 16;
/// Suffixes of the files with answers.
const SIDECAR: &str = ".tl.json";
const FIXTURES: &str = ".fixtures.json";
const SUBTITLES: [&str; 2] = [".srt", ".vtt"];
/// Extensions that subtitles without a whole media name belong to: `match.srt` to `match.mp4`.
const MEDIA: [&str; 9] = [
    "mp4", "mov", "mkv", "webm", "m4v", "mp3", "wav", "m4a", "ts",
];

impl Answers {
    /// Reads the answers in a directory and its subdirectories:
    ///
    /// - `match.mp4.tl.json`, `match.mp4.srt`, `match.srt` and the same with `.vtt` belong to the
    ///   media file `match.mp4`: to its content if the file is beside them, and to its name
    ///   otherwise;
    /// - `anything.fixtures.json` has fixtures.
    ///
    /// # Errors
    /// If the directory cannot be read, or a file in it is invalid.
    pub fn read_dir(&mut self, dir: &Path) -> Result<(), StartError> {
        let mut files = Vec::new();
        list(dir, 0, &mut files).map_err(|error| {
            StartError(format!(
                "the answers in {} cannot be read ({error})",
                dir.display()
            ))
        })?;
        // The same order on every machine: the first fixture that matches is used.
        files.sort();
        for path in &files {
            self.read_file(path)?;
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path) -> Result<(), StartError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let failed =
            |error: &dyn std::fmt::Display| StartError(format!("{}: {error}", path.display()));
        let read = || fs::read_to_string(path).map_err(|error| failed(&error));
        if name.ends_with(FIXTURES) {
            return self.add_fixtures(&read()?).map_err(|error| failed(&error));
        }
        if let Some(media) = name.strip_suffix(SIDECAR) {
            let content = sha256(&path.with_file_name(media), true);
            let added = self.add_sidecar(media, content.as_deref(), &read()?);
            return added.map_err(|error| failed(&error));
        }
        let stem = SUBTITLES
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix));
        let Some(stem) = stem else { return Ok(()) };
        let media = media_of(path, stem);
        let content = sha256(&path.with_file_name(&media), true);
        let added = self.add_subtitles(&media, content.as_deref(), &read()?);
        added.map_err(|error| failed(&error))
    }
}

/// The media file that subtitles belong to.
fn media_of(path: &Path, stem: &str) -> String {
    let has_extension = MEDIA.iter().any(|extension| {
        let suffix = format!(".{extension}");
        stem.len() > suffix.len() && stem.to_ascii_lowercase().ends_with(&suffix)
    });
    if has_extension {
        return stem.to_owned();
    }
    let mut names = MEDIA.iter().map(|extension| format!("{stem}.{extension}"));
    names
        .find(|name| path.with_file_name(name).is_file())
        .unwrap_or_else(|| format!("{stem}.mp4"))
}

fn list(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, depth + 1, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The SHA-256 of a file in hexadecimal. `None` if it cannot be read, or if it is large and the
/// hash is not `needed`.
pub(super) fn sha256(path: &Path, needed: bool) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || (metadata.len() > ALWAYS_HASHED && !needed) {
        return None;
    }
    let mut context = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut piece).ok()?;
        if read == 0 {
            break;
        }
        context.update(&piece[..read]);
    }
    let digest = context.finish();
    Some(
        digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::answers::MediaRef;

    #[test]
    fn answers_are_found_by_content_or_name() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        fs::create_dir(dir.path().join("deep")).unwrap();
        write("a.mp4", "abc");
        write(
            "a.mp4.tl.json",
            r#"{"answers": [{"prompt": "*", "text": "of a"}]}"#,
        );
        write("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nHello\n");
        write(
            "deep/b.mov.tl.json",
            r#"{"answers": [{"prompt": "*", "text": "of b"}]}"#,
        );
        write(
            "x.fixtures.json",
            r#"{"fixtures": [{"when": {"prompt": "x"}, "answer": "of x"}]}"#,
        );
        write("notes.txt", "ignored");
        let mut answers = Answers::new();
        answers.read_dir(dir.path()).unwrap();
        assert!(answers.need_contents());
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let find = |filename, content, prompt: &str| {
            let media = [MediaRef {
                filename,
                content,
                duration: 1.0,
            }];
            let request = serde_json::json!({ "prompt": prompt });
            answers
                .fixture("analyze", &request, &media)
                .and_then(|text| text.as_str())
        };
        assert_eq!(find("renamed.mp4", Some(abc), "y"), Some("of a"));
        assert_eq!(find("a.mp4", None, "y"), None);
        assert_eq!(find("b.mov", None, "y"), Some("of b"));
        assert_eq!(find("renamed.mp4", Some(abc), "x"), Some("of x"));
        let media = MediaRef {
            filename: "",
            content: Some(abc),
            duration: 1.0,
        };
        assert_eq!(answers.sidecar(media).unwrap().transcript[0].text, "Hello");
    }

    #[test]
    fn an_invalid_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.mp4.tl.json"), "{").unwrap();
        let error = Answers::new().read_dir(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("a.mp4.tl.json: the sidecar is invalid"),
            "{error}"
        );
        assert!(Answers::new().read_dir(&dir.path().join("none")).is_err());
    }
}
