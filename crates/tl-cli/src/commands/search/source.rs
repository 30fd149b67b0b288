//! Local files of videos: found by name in a directory, also if the video is a part that `tl split`
//! has cut.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tl_validate::timeline::Timeline;

use super::ranges::Range;
use crate::failure::Failure;

/// Maximum depth of directories.
const MAX_DEPTH: usize = 16;
/// A larger JSON file is not a map of parts.
const MAX_MAP: u64 = 16 << 20;

/// The local files.
#[derive(Debug, Default)]
pub(super) struct Sources {
    origin: String,
    files: BTreeMap<String, Vec<PathBuf>>,
    maps: Vec<Timeline>,
}

impl Sources {
    /// Reads a directory with its subdirectories, one file, or one map of parts.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let mut sources = Self {
            origin: path.display().to_string(),
            ..Self::default()
        };
        let unreadable = |error: std::io::Error| {
            Failure::usage(format!("failed to read `{}`", path.display()))
                .with_source(&error)
                .hint("pass a directory, a video, or a map of tl split to --source")
        };
        if path.is_dir() {
            sources.add_folder(path, 0).map_err(unreadable)?;
        } else {
            path.metadata().map_err(unreadable)?;
            sources.add_file(path);
            // The source of a map is beside it.
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            if !sources.maps.is_empty() {
                let folder = folder.unwrap_or(Path::new("."));
                sources.add_folder(folder, MAX_DEPTH).map_err(unreadable)?;
            }
        }
        Ok(sources)
    }

    fn add_folder(&mut self, folder: &Path, depth: usize) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() && depth < MAX_DEPTH {
                self.add_folder(&path, depth + 1)?;
            } else if !kind.is_dir() {
                self.add_file(&path);
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path) {
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let is_small = path.metadata().is_ok_and(|data| data.len() <= MAX_MAP);
            let text = is_small.then(|| fs::read(path).ok()).flatten();
            if let Some(map) = text.and_then(|text| serde_json::from_slice(&text).ok()) {
                self.maps.push(map);
            }
            return;
        }
        if let Some(name) = path.file_name() {
            let name = name.to_string_lossy().into_owned();
            self.files.entry(name).or_default().push(path.to_owned());
        }
    }

    /// The file of a range, and the seconds to add to times of its video.
    pub(super) fn locate(&self, range: &Range) -> Result<(PathBuf, f64), Failure> {
        let Some(name) = range.file.as_deref() else {
            return Err(Failure::usage(format!(
                "the file name of video {} is unknown: it was deleted after the search",
                range.video_id
            ))
            .hint("search again"));
        };
        // A part may still exist beside the source; the source has the better picture.
        for map in &self.maps {
            let inside = map.parts.iter().find(|part| part.name == name);
            if let Some(part) = inside
                && let Some(path) = self.only(&file_name(&map.source))?
            {
                return Ok((path, part.start_seconds));
            }
        }
        match self.only(name)? {
            Some(path) => Ok((path, 0.0)),
            None => Err(Failure::usage(format!(
                "no file `{name}` in `{}`, and no map of tl split that names it",
                self.origin
            ))
            .hint("pass the directory with the uploaded files to --source")),
        }
    }

    fn only(&self, name: &str) -> Result<Option<PathBuf>, Failure> {
        match self.files.get(name).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([path]) => Ok(Some(path.clone())),
            Some(several) => {
                let paths: Vec<_> = several
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                Err(Failure::usage(format!(
                    "{} files have the name `{name}`: {}",
                    several.len(),
                    paths.join(", ")
                ))
                .hint("pass the directory of one of them to --source"))
            }
        }
    }
}

fn file_name(path: &str) -> String {
    path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(file: &str) -> Range {
        let mut range = Range::of(&tl_model::SearchHit::new("v"), None);
        range.file = Some(file.to_owned());
        range
    }

    #[test]
    fn parts_lead_to_their_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("one/two")).unwrap();
        for name in [
            "one/match.mp4",
            "one/two/other.mp4",
            "twice.mp4",
            "one/twice.mp4",
            "notes.json",
        ] {
            fs::write(path(name), "").unwrap();
        }
        let mut map = Timeline::new("/elsewhere/match.mp4");
        map.push("match-1.mp4", 0.0, 100.0);
        map.push("match-2.mp4", 100.0, 50.0);
        fs::write(
            path("one/match.map.json"),
            serde_json::to_string(&map).unwrap(),
        )
        .unwrap();
        let sources = Sources::read(folder.path()).unwrap();
        let locate = |name: &str| sources.locate(&range(name));
        assert_eq!(
            locate("match-2.mp4").unwrap(),
            (path("one/match.mp4"), 100.0)
        );
        assert_eq!(
            locate("other.mp4").unwrap(),
            (path("one/two/other.mp4"), 0.0)
        );
        let twice = locate("twice.mp4").unwrap_err();
        assert!(twice.message().contains("2 files have the name"));
        assert!(
            locate("gone.mp4")
                .unwrap_err()
                .message()
                .contains("no file `gone.mp4`")
        );

        let by_map = Sources::read(&path("one/match.map.json")).unwrap();
        assert_eq!(
            by_map.locate(&range("match-1.mp4")).unwrap().0,
            path("one/match.mp4")
        );
        let by_file = Sources::read(&path("one/two/other.mp4")).unwrap();
        assert!(by_file.locate(&range("other.mp4")).is_ok());
        assert!(Sources::read(&path("gone")).is_err());
    }
}
