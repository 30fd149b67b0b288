//! A file that may have changed between two runs: one asset never mixes two versions of it.

use std::{fs, time::Duration};

use tl_client::ErrorKind;

use crate::{
    Events, World, good,
    resume::{LONG, MODES, Mode, files, ingest, interrupt, never},
};

/// A world with a file most of whose bytes are not sampled.
fn large_world() -> World {
    let world = World::with(good, |builder| builder.chunk_size(200_000));
    let bytes: Vec<u8> = (0..2_000_000_u32)
        .map(|at| (at / 7).to_le_bytes()[0])
        .collect();
    fs::write(world.file.path(), bytes).expect("room");
    world
}

/// Changes the byte at `offset` and sets the modification time back.
fn change_silently(world: &World, offset: u64) {
    use std::io::{Seek, SeekFrom, Write};
    let file = fs::OpenOptions::new()
        .write(true)
        .open(world.file.path())
        .expect("it can be written");
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    let mut writer = &file;
    writer.seek(SeekFrom::Start(offset)).expect("it is a file");
    writer.write_all(b"\xee").expect("room");
    file.set_modified(modified.expect("a time"))
        .expect("the time can be set");
}

#[cfg(unix)]
#[test]
fn two_versions_of_a_file_are_never_mixed() {
    for mode in MODES {
        let world = large_world();
        interrupt(&world, mode, 4);
        // Between the first two sampled blocks, in the first chunk.
        change_silently(&world, 100_000);
        let error = ingest(&world, mode, &Events::default(), LONG, never)
            .expect_err("a chunk of the old version was sent");
        assert_eq!(error.kind(), ErrorKind::SourceChanged, "{error}");
        assert!(
            error
                .to_string()
                .contains("chunk 1 was sent with other bytes"),
            "{error}"
        );
        assert_eq!(world.requests("multipart_upload.create").len(), 1);
        assert_eq!(files(&world).len(), 1, "the checkpoint stays");
    }
}

#[test]
fn touched_file_resumes() {
    for mode in MODES {
        let world = large_world();
        interrupt(&world, mode, 4);
        world
            .file
            .as_file()
            .set_modified(std::time::SystemTime::now() + Duration::from_secs(60))
            .expect("the time can be set");
        let events = Events::default();
        let video = ingest(&world, mode, &events, LONG, never).expect("it goes on");
        let resumed = video.upload.map_or(0, |upload| upload.resumed);
        assert!(resumed >= 4, "{resumed}: {:?}", events.lines());
        assert_eq!(world.requests("multipart_upload.create").len(), 1);
    }
}

#[cfg(unix)]
#[test]
fn change_in_unsent_bytes_resumes() {
    let world = large_world();
    interrupt(&world, Mode::Blocking, 4);
    // In the last chunk, between the last two sampled blocks.
    change_silently(&world, 1_910_000);
    let events = Events::default();
    let video = ingest(&world, Mode::Blocking, &events, LONG, never).expect("it goes on");
    let resumed = video.upload.map_or(0, |upload| upload.resumed);
    assert!(resumed >= 4, "{resumed}: {:?}", events.lines());
}
