//! Objects of an object store: the number of GETs, and objects that change, through both clients.

use std::{
    fmt,
    fs::{self, File},
    io::{self, SeekFrom, Write},
    ops::Range,
    path::Path,
    sync::{Arc, Mutex},
};

use futures_core::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, local::LocalFileSystem,
    path::Path as Location,
};
use tl_client::{
    Checker, Client, ErrorKind, Input, blocking,
    protocol::{Body, Source},
    source::ObjectSource,
    validate::{Route, header::HeaderReader},
};

use crate::{World, both, examples::clip, good, runtime};

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

pub(crate) fn header_checker() -> Checker {
    Checker::new(Arc::new(HeaderReader::new()))
}

async fn open(store: &Arc<CountingStore>, name: &str) -> ObjectSource {
    let store = Arc::clone(store) as Arc<dyn ObjectStore>;
    ObjectSource::open(store, name).await.expect("an object")
}

/// The chunk size of the platform's examples.
const CHUNK: u64 = 5 << 20;

#[test]
fn object_takes_one_get_per_block_in_every_route_and_client() {
    const SIZE: u64 = 30_000_000;
    let world = World::with(good, |builder| builder.chunk_size(CHUNK));
    let folder = tempfile::tempdir().expect("a folder");
    write_video(&folder.path().join("match.mp4"), SIZE);
    let store = CountingStore::new(folder.path());
    let reading = runtime();
    let source = || reading.block_on(open(&store, "match.mp4"));
    // The check takes two: the start, and the end, where the index is.
    for (route, most) in [
        (Route::Multipart, 2 + SIZE.div_ceil(CHUNK)),
        (Route::Asset, 2 + SIZE.div_ceil(8 << 20)),
    ] {
        let blocking = |input: Input| {
            let client = blocking::Client::new(&world.config).expect("a client");
            let client = client.with_checker(header_checker());
            client.upload(input).route(route).observe(|_| {}).run()
        };
        let in_async = |input: Input| {
            runtime().block_on(async {
                let client = Client::new(&world.config).expect("a client");
                let client = client.with_checker(header_checker());
                let upload = client.upload(input).route(route);
                upload.observe(|_| {}).run().await
            })
        };
        let clients: [&dyn Fn(Input) -> Result<_, _>; 2] = [&blocking, &in_async];
        for send in clients {
            let gets = |input| {
                let uploaded = send(input).expect("an asset");
                let why = uploaded.details.not_checked;
                assert!(uploaded.details.report.is_some(), "{why:?}");
                store.take_gets()
            };
            let before = gets(Input::source(WithoutReadSize(source()))).len();
            let after = gets(Input::from(source()));
            eprintln!("{route}: {before} GETs before, {} after", after.len());
            assert!(after.len() as u64 <= most, "{route}: {after:?}");
            assert!(before > 100, "{route}: {before}");
            // No byte is read twice, except those of the check.
            let read: u64 = after.iter().map(|range| range.end - range.start).sum();
            assert!(read <= SIZE + (8 << 20), "{route}: {after:?}");
        }
    }
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
            let failed = ErrorKind::SourceFailed;
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
