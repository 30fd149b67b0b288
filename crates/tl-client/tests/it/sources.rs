//! Inputs that are neither paths nor objects: async readers, open files, bytes, and links in place of
//! paths, through both clients.

use std::{
    fs,
    io::{self, SeekFrom},
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tl_client::{
    Client, ErrorKind, FileSource, Input, NotChecked, blocking, protocol::Source,
    source::AsyncSource, validate::Route,
};
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};

use crate::{World, both, checker, good, objects::header_checker, poll_often, runtime};

/// A reader in memory. It yields at most 1000 bytes at a time, after a turn of the scheduler, and
/// never again from byte `hangs_at`.
#[derive(Debug)]
struct Reader {
    bytes: io::Cursor<Vec<u8>>,
    hangs_at: u64,
    has_yielded: bool,
    /// The number of seeks, and whether the reader was dropped.
    seeks: Arc<AtomicU32>,
    dropped: Arc<AtomicBool>,
}

impl Reader {
    fn new(len: u32) -> Self {
        let bytes = (0..len).map(|at| at.to_le_bytes()[0]).collect();
        Self {
            bytes: io::Cursor::new(bytes),
            hangs_at: u64::MAX,
            has_yielded: false,
            seeks: Arc::default(),
            dropped: Arc::default(),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.position() >= self.hangs_at {
            return Poll::Pending;
        }
        if !std::mem::replace(&mut self.has_yielded, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_yielded = false;
        let mut piece = [0; 1000];
        let count = buffer.remaining().min(piece.len());
        let count = io::Read::read(&mut self.bytes, &mut piece[..count])?;
        buffer.put_slice(&piece[..count]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for Reader {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.seeks.fetch_add(1, Ordering::SeqCst);
        io::Seek::seek(&mut self.bytes, position).map(drop)
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.bytes.position()))
    }
}

#[test]
fn async_reader_does_not_block_the_only_worker() {
    let world = World::new(good);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        // Counts turns of the only worker while the upload runs.
        let turns = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&turns);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        for route in [Route::Asset, Route::Multipart] {
            let reader = Reader::new(300_000);
            let source = AsyncSource::new("match.mp4", reader)
                .await
                .expect("it seeks");
            let source = source.with_timeout(Duration::from_secs(20));
            turns.store(0, Ordering::SeqCst);
            let client = Client::new(&world.config).expect("a client");
            let uploaded = client
                .with_checker(checker(good))
                .upload(source)
                .route(route)
                .wait(poll_often())
                .run()
                .await
                .expect("an asset");
            assert_eq!(
                uploaded.details.not_checked,
                Some(NotChecked::ProberReadsFiles)
            );
            assert!(turns.load(Ordering::SeqCst) > 5, "the worker was blocked");
        }
    });
    let stored: Vec<u64> = world
        .requests("storage")
        .iter()
        .map(|entry| entry.bytes_received)
        .collect();
    assert_eq!(stored.iter().sum::<u64>(), 300_000, "{stored:?}");
}

#[test]
fn both_clients_send_an_async_reader() {
    let world = World::new(good);
    let reading = runtime();
    let reader = Reader::new(2_500);
    let seeks = Arc::clone(&reader.seeks);
    let source = reading
        .block_on(AsyncSource::new("match.mp4", reader))
        .expect("it seeks");
    let input = Input::from(source);
    for (result, _) in both!(&world.config, good, |client, events| client
        .upload(input.clone())
        .route(Route::Asset)
        .observe(events.listener()))
    {
        result.expect("an asset");
    }
    // One to find the length, one for each upload: sequential reads do not seek.
    assert_eq!(seeks.load(Ordering::SeqCst), 3);
}

#[test]
fn canceled_upload_drops_a_hanging_reader() {
    let world = World::new(good);
    let runtime = runtime();
    let mut reader = Reader::new(300_000);
    reader.hangs_at = 100_000;
    let dropped = Arc::clone(&reader.dropped);
    runtime.block_on(async {
        let source = AsyncSource::new("match.mp4", reader)
            .await
            .expect("it seeks");
        let source = source
            .with_read_size(10_000)
            .with_timeout(Duration::from_millis(800));
        let client = Client::new(&world.config).expect("a client");
        let upload = client.upload(source).route(Route::Asset).skip_check().run();
        let started = Instant::now();
        let result = tokio::time::timeout(Duration::from_millis(300), upload).await;
        assert!(result.is_err(), "it hangs");
        assert!(
            started.elapsed() < Duration::from_millis(600),
            "canceled at once"
        );
        while !dropped.load(Ordering::SeqCst) {
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "the reader leaked"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn hanging_reader_fails_after_its_timeout() {
    let world = World::new(good);
    let reading = runtime();
    let mut reader = Reader::new(300_000);
    reader.hangs_at = 100_000;
    let source = reading
        .block_on(AsyncSource::new("match.mp4", reader))
        .expect("it seeks");
    let source = source
        .with_read_size(10_000)
        .with_timeout(Duration::from_millis(200));
    let input = Input::from(source);
    for (result, _) in both!(&world.config, good, |client, events| client
        .upload(input.clone())
        .route(Route::Asset)
        .observe(events.listener()))
    {
        let error = result.expect_err("it hangs");
        let failed = ErrorKind::SourceFailed;
        assert_eq!(error.kind(), failed, "{error}");
        let text = error.to_string();
        assert!(text.contains("no bytes arrived within 200ms"), "{text}");
    }
}

#[test]
fn source_of_a_stopped_runtime_is_an_error() {
    let reading = runtime();
    let source = reading
        .block_on(AsyncSource::new("match.mp4", Reader::new(100)))
        .expect("it seeks");
    reading.shutdown_background();
    let error = source.read_at(0, &mut [0; 10]).expect_err("nobody reads");
    assert!(
        error.to_string().contains("its runtime was shut down"),
        "{error}"
    );
}

#[test]
fn dropping_the_runtime_ends_a_hanging_read() {
    use tokio::runtime::Builder;
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.enable_all().build().expect("a runtime");
        let mut reader = Reader::new(100);
        reader.hangs_at = 50;
        let source = runtime
            .block_on(AsyncSource::new("match.mp4", reader))
            .expect("it seeks");
        let started = Instant::now();
        // On a thread of the runtime, as an upload reads; dropping the runtime waits for it.
        let read = runtime.spawn_blocking(move || source.read_at(60, &mut [0; 10]));
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
        assert!(!read.is_finished(), "it hangs");
        drop(runtime);
        assert!(started.elapsed() < Duration::from_secs(10), "it waited");
    }
}

#[test]
fn async_source_needs_a_runtime() {
    let future = AsyncSource::new("match.mp4", io::Cursor::new(vec![0; 10]));
    let mut future = std::pin::pin!(future);
    let polled = future
        .as_mut()
        .poll(&mut Context::from_waker(std::task::Waker::noop()));
    let Poll::Ready(Err(error)) = polled else {
        panic!("it cannot work: {polled:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
}

#[test]
fn open_file_is_checked_and_sent_as_a_file() {
    let world = World::new(good);
    let path = PathBuf::from(world.file.path());
    for (result, _) in both!(&world.config, good, |client, events| client
        .upload(FileSource::open(&path).expect("it is there"))
        .checkpoint(world.state.path())
        .observe(events.listener()))
    {
        // The prober of these tests reads only files.
        let uploaded = result.expect("an asset");
        assert!(uploaded.details.report.is_some());
    }
}

#[test]
fn link_in_place_of_a_path_names_the_right_call() {
    let world = World::new(good);
    let link = "https://example.com/match.mp4?signature=SECRET";
    for (result, _) in both!(&world.config, good, |client, events| client
        .upload(link)
        .observe(events.listener()))
    {
        let error = result.expect_err("it is no path");
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("`Input::parse`") && !text.contains("SECRET"),
            "{text}"
        );
    }
    let client = blocking::Client::new(&world.config).expect("a client");
    let error = client.check(link).expect_err("it is no path");
    assert!(
        error.to_string().contains("is a URL and not a path"),
        "{error}"
    );
    assert_eq!(world.sent(), 0);
}

#[test]
fn unsupported_format_is_not_sent_as_unchecked() {
    let world = World::new(good);
    let client = blocking::Client::new(&world.config).expect("a client");
    let client = client.with_checker(header_checker());
    // As a file, so as bytes: the prober was asked and could not tell.
    let avi = b"RIFF\0\0\0\0AVI LIST".to_vec();
    let path = world.state.path().join("a.avi");
    fs::write(&path, &avi).expect("room");
    for input in [Input::from(path), Input::from(("a.avi", avi))] {
        let error = client.upload(input).run().expect_err("it was not checked");
        assert_eq!(error.kind(), ErrorKind::CheckFailed, "{error}");
    }
    assert_eq!(world.sent(), 0);
}
