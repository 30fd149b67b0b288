//! `tl-corpus DIR` creates the missing files of the corpus in DIR and lists all of them by kind.
//! `tl-corpus --clips DIR` creates the clips of the demo.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks to its terminal"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use tl_corpus::{Entry, Failure, Kind, bombs, bytes, demo_clips, entries};

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let made = match arguments.as_slice() {
        [flag, folder] if flag.as_os_str() == "--clips" => demo_clips(folder).map_err(Into::into),
        [folder] => make(folder),
        _ => {
            eprintln!("usage: tl-corpus [--clips] DIR");
            return ExitCode::from(2);
        }
    };
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tl-corpus: {failure}");
            if let Some(cause) = failure.source() {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn make(folder: &PathBuf) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let folder = &folder.canonicalize()?;
    let start = Instant::now();
    let all = entries();
    let missing = all
        .iter()
        .filter(|entry| !folder.join(&entry.name).exists())
        .count();
    // Derived files come last, because their sources must exist.
    create_in_parallel(&all, folder, |entry| !entry.is_derived())?;
    create_in_parallel(&all, folder, Entry::is_derived)?;
    let mut kinds: BTreeMap<Kind, Vec<&Entry>> = BTreeMap::new();
    for entry in &all {
        kinds.entry(entry.kind).or_default().push(entry);
    }
    for (kind, entries) in &kinds {
        println!("{kind}: {}", entries.len());
        for entry in entries {
            let size = folder.join(&entry.name).metadata()?.len();
            println!("  {} ({size} bytes)", entry.name);
        }
    }
    let bombs_folder = folder.join("bombs");
    std::fs::create_dir_all(&bombs_folder)?;
    println!("bombs, below bombs/: {}", bombs().len());
    for (name, bomb) in bombs() {
        bytes(&bombs_folder, &format!("{name}.mp4"), &bomb)?;
    }
    println!(
        "{} files in {}, {missing} of them made now, in {:.1} s",
        all.len(),
        folder.display(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Creates entries on one thread per processor. The selected entries must not depend on each other.
fn create_in_parallel(
    all: &[Entry],
    folder: &std::path::Path,
    which: fn(&Entry) -> bool,
) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(entry) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !which(entry) {
                        continue;
                    }
                    if let Err(failure) = entry.path_in(folder)
                        && let Ok(mut first) = failed.lock()
                    {
                        first.get_or_insert(failure);
                        return;
                    }
                }
            });
        }
    });
    match failed.into_inner() {
        Ok(Some(failure)) => Err(failure),
        _ => Ok(()),
    }
}
