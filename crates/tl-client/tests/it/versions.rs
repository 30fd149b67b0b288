//! A file that may have changed between two runs: one asset never mixes two versions of it.

use std::{fs, time::Duration};

use tl_client::ErrorKind;

use crate::{
    Told, World, good,
    resume::{BOTH, Colour, LONG, cut_off, files, ingest, never},
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
fn change_unseen(world: &World, offset: u64) {
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
    for colour in BOTH {
        let world = large_world();
        cut_off(&world, colour, 4);
        // Between the first two sampled blocks, in the first chunk.
        change_unseen(&world, 100_000);
        let error = ingest(&world, colour, &Told::default(), LONG, never)
            .expect_err("a chunk of the old version was sent");
        assert_eq!(error.kind(), ErrorKind::SourceChanged, "{error}");
        assert!(
            error
                .to_string()
                .contains("chunk 1 was sent with other bytes"),
            "{error}"
        );
        assert_eq!(world.asked("multipart_upload.create").len(), 1);
        assert_eq!(files(&world).len(), 1, "the checkpoint stays");
    }
}

#[test]
fn touched_file_resumes() {
    for colour in BOTH {
        let world = large_world();
        cut_off(&world, colour, 4);
        world
            .file
            .as_file()
            .set_modified(std::time::SystemTime::now() + Duration::from_secs(60))
            .expect("the time can be set");
        let told = Told::default();
        let video = ingest(&world, colour, &told, LONG, never).expect("it goes on");
        let resumed = video.upload.map_or(0, |upload| upload.resumed);
        assert!(resumed >= 4, "{resumed}: {:?}", told.lines());
        assert_eq!(world.asked("multipart_upload.create").len(), 1);
    }
}

#[cfg(unix)]
#[test]
fn change_in_unsent_bytes_resumes() {
    let world = large_world();
    cut_off(&world, Colour::Blocking, 4);
    // In the last chunk, between the last two sampled blocks.
    change_unseen(&world, 1_910_000);
    let told = Told::default();
    let video = ingest(&world, Colour::Blocking, &told, LONG, never).expect("it goes on");
    let resumed = video.upload.map_or(0, |upload| upload.resumed);
    assert!(resumed >= 4, "{resumed}: {:?}", told.lines());
}
