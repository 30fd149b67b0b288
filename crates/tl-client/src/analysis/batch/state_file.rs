//! The state of a run of batches in a file: one line of JSON per change, the newest last. The file
//! is locked while a run uses it, so that two processes do not create the same batches.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{BatchJournal, BatchRun, BatchState};
use crate::{Error, ErrorKind};

/// A file that is locked until the last clone of its journal is dropped.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl StateFile {
    /// The file beside the answers.
    pub(crate) fn beside(answers: &Path) -> PathBuf {
        let mut name = answers.file_name().unwrap_or_default().to_owned();
        name.push(".batches.json");
        answers.with_file_name(name)
    }

    /// Opens or creates the file, and reads the state that an earlier run left there.
    ///
    /// # Errors
    /// [`ErrorKind::Checkpoint`] if another process uses the file, or if it belongs to other rows or
    /// settings than those of `run`.
    pub(crate) fn open(path: &Path, run: &BatchRun) -> Result<(Self, Option<BatchState>), Error> {
        let failed = |error: io::Error| {
            let message = format!("the state file {} cannot be used", path.display());
            Error::new(ErrorKind::Checkpoint, message).with_source(error)
        };
        let Some((mut file, text)) = lock(path).map_err(failed)? else {
            let message = format!("another run uses the state file {}", path.display());
            return Err(Error::new(ErrorKind::Checkpoint, message));
        };
        // A line that a crash cut off was not acted upon: the one before it counts.
        let mut lines = text.lines().rev();
        let saved: Option<BatchState> = lines.find_map(|line| serde_json::from_str(line).ok());
        let is_own = match &saved {
            Some(saved) => run.is_own(saved),
            None => text.trim().is_empty(),
        };
        if !is_own {
            let message = format!(
                "the state file {} belongs to other rows or other settings",
                path.display()
            );
            return Err(Error::new(ErrorKind::Checkpoint, message));
        }
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(failed)?;
        }
        let file = Self {
            path: path.to_owned(),
            file: Arc::new(Mutex::new(file)),
        };
        Ok((file, saved))
    }

    /// Appends each state, and returns when it is on the disk.
    pub(crate) fn journal(&self) -> BatchJournal {
        let file = Arc::clone(&self.file);
        BatchJournal::new(move |state| {
            let save = || -> io::Result<()> {
                let mut line = serde_json::to_vec(state)?;
                line.push(b'\n');
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.write_all(&line)?;
                file.sync_data()
            };
            save().map_err(|error| error.to_string())
        })
    }

    /// Removes the file: the answers are saved elsewhere.
    pub(crate) fn remove(self) {
        let Self { path, file } = self;
        // Another run that opens the file now reads a complete state, which creates nothing.
        drop(file);
        let _ = fs::remove_file(path);
    }
}

/// Opens and locks the file. `None` if another run has locked it.
fn lock(path: &Path) -> io::Result<Option<(File, String)>> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    let mut file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Some((file, text)))
}

#[cfg(test)]
mod tests {
    use tl_model::AnalyzeRequest;

    use super::*;
    use crate::analysis::batch::Row;

    fn run(prompt: &str) -> BatchRun {
        let mut request = AnalyzeRequest::default();
        request.prompt = Some(prompt.to_owned());
        BatchRun::new(&request, vec![Row::new("a"), Row::new("b")]).unwrap()
    }

    #[test]
    fn newest_complete_line_counts_and_the_file_is_locked() {
        let folder = tempfile::tempdir().unwrap();
        let path = StateFile::beside(&folder.path().join("r.jsonl"));
        assert_eq!(path.file_name().unwrap(), "r.jsonl.batches.json");
        let run = run("Why?");
        let (file, saved) = StateFile::open(&path, &run).unwrap();
        assert_eq!(saved, None);
        let busy = StateFile::open(&path, &run).unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Checkpoint);
        assert!(busy.to_string().contains("another run uses"), "{busy}");
        drop(file);
        // A crash cut the second line off.
        let mut state = run.start();
        state.intend(0);
        let whole = serde_json::to_string(&state).unwrap();
        fs::write(&path, format!("{whole}\n{}", &whole[..20])).unwrap();
        let (file, saved) = StateFile::open(&path, &run).unwrap();
        assert_eq!(saved, Some(state));
        drop(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with('\n'), "{text}");
    }

    #[test]
    fn file_of_another_run_or_of_something_else_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let other = serde_json::to_string(&run("How?").start()).unwrap();
        for text in [other.as_str(), "notes"] {
            fs::write(&path, text).unwrap();
            let refused = StateFile::open(&path, &run("Why?")).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Checkpoint);
            assert!(refused.to_string().contains("other rows"), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
