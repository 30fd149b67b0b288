//! Inputs that are not paths: async readers, objects of an object store, open files and bytes,
//! through both clients.

use std::{
    fmt,
    fs::{self, File},
    io::{self, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_core::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, local::LocalFileSystem,
    path::Path as Location,
};
use tl_client::{
    Checker, Client, ErrorKind, FileSource, Input, NotChecked, blocking, protocol,
    protocol::{Body, Source},
    source::{AsyncSource, ObjectSource},
    validate::{Route, header::HeaderReader},
};
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};

use crate::{World, both, checker, examples::clip, good, poll_often, runtime};

/// The files of a folder as objects. Counts the GETs.
#[derive(Debug)]
struct CountingStore {
    inner: LocalFileSystem,
    gets: Mutex<Vec<Range<u64>>>,
}

impl CountingStore {
    fn new(folder: &Path) -> Arc<Self> {
        Arc::new(Self {
            inner: LocalFileSystem::new_with_prefix(folder).expect("a folder"),
            gets: Mutex::default(),
        })
    }

    /// The ranges requested since the last call.
    fn take_gets(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut self.gets.lock().expect("no panic before"))
    }
}

impl fmt::Display for CountingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait::async_trait]
impl ObjectStore for CountingStore {
    async fn get_opts(
        &self,
        location: &Location,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        let is_head = options.head;
        let result = self.inner.get_opts(location, options).await?;
        if !is_head {
            let mut gets = self.gets.lock().expect("no panic before");
            gets.push(result.range.clone());
        }
        Ok(result)
    }

    async fn put_opts(
        &self,
        location: &Location,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Location,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Location>>,
    ) -> BoxStream<'static, object_store::Result<Location>> {
        self.inner.delete_stream(locations)
    }

    fn list(
        &self,
        prefix: Option<&Location>,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(
        &self,
        prefix: Option<&Location>,
    ) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Location,
        to: &Location,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// Writes a video of `size` bytes with its index at the end: the clip, with zeros after its frames,
/// so that the offsets in the index stay valid. The file is sparse.
fn write_video(path: &Path, size: u64) {
    let bytes = fs::read(clip("640x360")).expect("a clip");
    let boxes = {
        let (mut boxes, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let length: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
            let length = usize::try_from(u32::from_be_bytes(length)).expect("small");
            boxes.push((&bytes[at + 4..at + 8], at..at + length));
            at += length;
        }
        boxes
    };
    let [.., (b"mdat", media), (b"moov", index)] = boxes.as_slice() else {
        panic!("ffmpeg writes the index last: {boxes:?}");
    };
    let index = &bytes[index.clone()];
    let index_at = size - index.len() as u64;
    let media_length = u32::try_from(index_at - media.start as u64).expect("less than 4 GiB");
    let mut file = File::create(path).expect("room for a file");
    file.write_all(&bytes[..media.end]).expect("room");
    write_at(&file, media.start as u64, &media_length.to_be_bytes());
    write_at(&file, index_at, index);
}

fn write_at(mut file: &File, offset: u64, bytes: &[u8]) {
    use std::io::Seek;
    file.seek(SeekFrom::Start(offset)).expect("a file");
    file.write_all(bytes).expect("room");
}

/// A source without its read size: how it was read before there was one.
#[derive(Debug)]
struct WithoutReadSize(ObjectSource);

impl Source for WithoutReadSize {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }
}

fn header_checker() -> Checker {
    Checker::new(Arc::new(HeaderReader::new()))
}

async fn open(store: &Arc<CountingStore>, name: &str) -> ObjectSource {
    let store = Arc::clone(store) as Arc<dyn ObjectStore>;
    ObjectSource::open(store, name).await.expect("an object")
}

/// The chunk size of the platform's examples.
const CHUNK: u64 = 5 << 20;

#[test]
fn object_takes_one_get_per_chunk() {
    let size = 30_000_000;
    let world = World::with(good, |builder| builder.chunk_size(CHUNK));
    let folder = tempfile::tempdir().expect("a folder");
    write_video(&folder.path().join("match.mp4"), size);
    let store = CountingStore::new(folder.path());
    let reading = runtime();
    let sources = || {
        let source = reading.block_on(open(&store, "match.mp4"));
        let plain = WithoutReadSize(reading.block_on(open(&store, "match.mp4")));
        [Input::source(plain), Input::from(source)]
    };
    let chunks = usize::try_from(size.div_ceil(CHUNK)).expect("few");
    let counts = |clients: &str, send: &dyn Fn(Input)| {
        let [before, after] = sources().map(|input| {
            let started = Instant::now();
            send(input);
            (store.take_gets(), started.elapsed())
        });
        eprintln!(
            "{clients}, {size} bytes: {} GETs in {:?} before, {} in {:?} after",
            before.0.len(),
            before.1,
            after.0.len(),
            after.1
        );
        let covered: u64 = after.0.iter().map(|range| range.end - range.start).sum();
        // Two for the check: the start, and the end, where the index is.
        assert!(after.0.len() <= chunks + 2, "{clients}: {:?}", after.0);
        assert!(covered <= size + (8 << 20), "{clients}: {covered}");
        assert!(before.0.len() > 10 * chunks, "{clients}: {before:?}");
    };
    counts("blocking", &|input| {
        let client = blocking::Client::new(&world.config).expect("a client");
        let client = client.with_checker(header_checker());
        let uploaded = client.upload(input).route(Route::Multipart).run();
        let uploaded = uploaded.expect("an asset");
        assert!(
            uploaded.details.report.is_some(),
            "{:?}",
            uploaded.details.not_checked
        );
    });
    counts("async", &|input| {
        let uploaded = runtime().block_on(async {
            let client = Client::new(&world.config).expect("a client");
            let client = client.with_checker(header_checker());
            client.upload(input).route(Route::Multipart).run().await
        });
        let uploaded = uploaded.expect("an asset");
        assert!(
            uploaded.details.report.is_some(),
            "{:?}",
            uploaded.details.not_checked
        );
    });
}

#[test]
fn large_object_takes_98_gets_instead_of_thousands() {
    const SIZE: u64 = 500_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    write_video(&folder.path().join("match.mp4"), SIZE);
    let store = CountingStore::new(folder.path());
    let runtime = runtime();
    let source = || runtime.block_on(open(&store, "match.mp4"));
    let check = |source: &dyn Source| {
        let checked = header_checker()
            .check_source(source, "match.mp4", Route::Multipart)
            .expect("it can be read");
        assert!(!checked.report.is_refused(), "{}", checked.report);
        store.take_gets()
    };
    for bytes in [256 << 10, 1 << 20, 8 << 20] {
        let gets = check(&source().with_read_size(bytes));
        assert_eq!(gets.len(), 2, "{gets:?}");
        let largest = gets.iter().map(|range| range.end - range.start).max();
        assert_eq!(largest, Some(bytes.min(4 << 20) as u64), "{gets:?}");
    }
    // The chunks as the transports read them: pieces of 128 KiB.
    let send = |source: Arc<dyn Source>| {
        let mut piece = vec![0; 128 << 10];
        for start in (0..SIZE).step_by(usize::try_from(CHUNK).expect("small")) {
            let len = CHUNK.min(SIZE - start);
            let mut reader = Body::from_range(Arc::clone(&source), start, len).reader();
            while io::Read::read(&mut reader, &mut piece).expect("it can be read") > 0 {}
        }
        store.take_gets().len()
    };
    let plain = WithoutReadSize(source());
    let before = check(&plain).len() + send(Arc::new(plain));
    let after = check(&source()).len() + send(Arc::new(source()));
    eprintln!("{SIZE} bytes: {before} GETs before, {after} after");
    assert_eq!((before, after), (2 + 3815, 2 + 96));
}

#[test]
fn replaced_object_is_an_error() {
    let world = World::new(good);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("match.mp4");
    let store = CountingStore::new(folder.path());
    let reading = runtime();
    for (replacement, part) in [
        (
            Some(&b"other bytes"[..]),
            "it was replaced while it was being sent",
        ),
        (
            Some(&b"a longer content"[..]),
            "it was replaced while it was being sent",
        ),
        (None, "it was deleted while it was being sent"),
    ] {
        fs::write(&path, b"first bytes").expect("room");
        let source = Input::from(reading.block_on(open(&store, "match.mp4")));
        match replacement {
            Some(bytes) => {
                // Another inode, as in a store: the old object is replaced and not modified.
                fs::write(folder.path().join("new"), bytes).expect("room");
                fs::rename(folder.path().join("new"), &path).expect("one file system");
            }
            None => fs::remove_file(&path).expect("it is there"),
        }
        for (result, _) in both!(&world.config, good, |client, events| client
            .upload(source.clone())
            .observe(events.listener()))
        {
            let error = result.expect_err("it is another object");
            let failed = ErrorKind::Api(protocol::ErrorKind::SourceFailed);
            assert_eq!(error.kind(), failed, "{error}");
            let text = error.to_string();
            assert!(
                text.contains(part) && text.contains("`match.mp4`"),
                "{text}"
            );
        }
    }
}

#[test]
fn missing_object_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn ObjectStore> = CountingStore::new(folder.path());
    let opened = runtime().block_on(ObjectSource::open(Arc::clone(&store), "a/gone.mp4"));
    let error = opened.expect_err("it is not there");
    assert_eq!(error.kind(), ErrorKind::File, "{error}");
    assert!(error.to_string().contains("`a/gone.mp4`"), "{error}");
}

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
        let failed = ErrorKind::Api(protocol::ErrorKind::SourceFailed);
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
