//! Files of users: manifests, lists, templates, checkpoints, exports of ledgers.

use std::cell::RefCell;
use std::fs;

use jiff::Timestamp;
use tempfile::TempDir;
use tl_bulk::source::{List, Location, Manifest, ManifestFormat, Template, Walk, WalkOptions};
use tl_client::Checkpoints;
use tl_ledger::{Ledger, NewRun, Record, RunId};
use tl_protocol::embed::{self, npy};

use crate::input;

/// No row is larger than the limit, every error names a line or the file, and reading ends.
pub(crate) fn manifest(data: &[u8]) {
    let (_memory, path) = input::file(data);
    for format in [None, Some(ManifestFormat::Csv), Some(ManifestFormat::Jsonl)] {
        let manifest = Manifest::new(&path).with_format(format);
        let Ok(rows) = manifest.rows() else {
            continue;
        };
        let mut count = 0;
        for row in rows {
            count += 1;
            if let Err(error) = row {
                assert!(!error.to_string().is_empty());
            }
        }
        assert!(
            count <= data.len() + 1,
            "{count} rows in {} bytes",
            data.len()
        );
    }
}

/// A matrix, then two line feeds and the lines beside it. Both are also read alone. What was read has as
/// many numbers as its rows need.
pub(crate) fn matrix(data: &[u8]) {
    let end = data.windows(2).rposition(|pair| pair == b"\n\n");
    let (bytes, lines) = data.split_at(end.map_or(data.len(), |at| at + 1));
    let lines = String::from_utf8_lossy(lines);
    if let Ok(matrix) = npy::read(bytes) {
        let (rows, columns) = (matrix.rows, matrix.columns);
        assert_eq!(matrix.values.len(), rows * columns);
        for text in [None, Some(&*lines)] {
            if let Ok(joined) = embed::join(matrix.clone(), text) {
                assert_eq!(
                    (joined.len(), joined.values().len()),
                    (rows, rows * columns)
                );
            }
        }
    }
    if let Ok(read) = embed::read_lines(&lines) {
        assert_eq!(read.values().len(), read.len() * read.dimension());
    }
}

/// The paths of a list are those in the file. A directory in a list is searched, so that no path may
/// lead to one: slashes are replaced, except those of https URLs, and lines of dots are not tried.
pub(crate) fn list(data: &[u8]) {
    let is_name = |line: &[u8]| line.iter().any(|byte| !b". \t\r".contains(byte));
    let mut lines = data.split(|byte| b"\n\0".contains(byte));
    if !lines.all(|line| line.is_empty() || is_name(line)) {
        return;
    }
    let mut names = data.to_vec();
    for at in 0..names.len() {
        let is_of_url = names[..at].ends_with(b"https:") || names[..at].ends_with(b"https:/");
        if names[at] == b'/' && !is_of_url {
            names[at] = b'_';
        }
    }
    let (_memory, path) = input::file(&names);
    for list in [List::lines(&path), List::nul_separated(&path)] {
        let walk = Walk::new(Vec::<String>::new(), WalkOptions::new());
        let Ok(walk) = walk.and_then(|walk| walk.with_list(list)) else {
            continue;
        };
        let count = walk.paths().count();
        assert!(
            count <= data.len() + 1,
            "{count} paths in {} bytes",
            data.len()
        );
    }
}

/// A template, then NUL and a path or URL.
pub(crate) fn template(data: &[u8]) {
    let (text, name) = input::split(data);
    let name = String::from_utf8_lossy(name);
    let Ok(template) = Template::parse(&String::from_utf8_lossy(text)) else {
        return;
    };
    drop(template.render(&Location::File(name.as_ref().into())));
    drop(template.render(&Location::Url(name.into_owned())));
}

/// A checkpoint is listed, usable or with the reason why not, and can be abandoned.
pub(crate) fn checkpoint(data: &[u8]) {
    thread_local!(static FOLDER: TempDir = folder());
    FOLDER.with(|folder| {
        let path = folder.path().join("fuzz.json");
        fs::write(&path, data).expect("a file");
        let checkpoints = Checkpoints::in_folder(folder.path());
        let list = checkpoints.list().expect("a folder");
        let [found] = &list[..] else {
            panic!("one checkpoint: {list:?}");
        };
        match &found.upload {
            Ok(info) => assert!(info.sent_chunks <= info.total_chunks || info.total_chunks == 0),
            Err(reason) => assert!(!reason.is_empty()),
        }
        let abandoned = checkpoints.abandon(&found.id);
        assert!(abandoned.is_ok(), "{abandoned:?}");
        for entry in fs::read_dir(folder.path()).expect("a folder").flatten() {
            let _ = fs::remove_file(entry.path());
        }
    });
}

/// A folder in memory, if the system has one.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .expect("a folder")
}

struct Place {
    ledger: Ledger,
    run: RunId,
    left: u32,
    _folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = folder();
        let mut ledger = Ledger::open(folder.path().join("ledger")).expect("a ledger");
        let run = ledger.begin_run(Timestamp::UNIX_EPOCH, &NewRun::new("fuzz", 1));
        Self {
            run: run.expect("a run"),
            ledger,
            left: 500,
            _folder: folder,
        }
    }
}

/// Records in JSON Lines: an import succeeds or changes nothing, and leaves a ledger without faults.
pub(crate) fn ledger(data: &[u8]) {
    thread_local!(static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) });
    let lines = data.split(|byte| *byte == b'\n');
    let records = lines.filter_map(|line| serde_json::from_slice::<Record>(line).ok());
    let records: Vec<Record> = records.collect();
    if records.is_empty() {
        return;
    }
    PLACE.with_borrow_mut(|place| {
        let used = place.get_or_insert_with(Place::new);
        if let Err(error) = used
            .ledger
            .import(Timestamp::UNIX_EPOCH, used.run, &records)
        {
            assert!(!error.to_string().is_empty());
        }
        let problems = used.ledger.verify().expect("a ledger");
        assert!(problems.is_empty(), "{problems:?}");
        used.left -= 1;
        if used.left == 0 {
            *place = None;
        }
    });
}
