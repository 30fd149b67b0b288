//! Hashes a file while it is uploaded in chunks. Chunks are read in parallel, so the file is read
//! once more in order, behind the upload: what was sent a moment ago is still in the page cache.

use std::io;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tl_protocol::Source;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes per read, which is all the memory that a lane needs.
const BUFFER: usize = 1 << 20;

/// Bytes that are read without a look at whether the upload goes on.
const PART: u64 = 64 << 20;

/// The hash of a file that is being uploaded. Dropping it ends the reads.
#[derive(Debug)]
pub(crate) struct HashLane {
    sent: Arc<watch::Sender<u64>>,
    task: JoinHandle<io::Result<Option<[u8; 32]>>>,
}

impl HashLane {
    /// Starts to hash a file of which `sent` bytes were uploaded before. Needs a tokio runtime.
    pub(crate) fn start(source: Arc<dyn Source>, sent: u64) -> Self {
        let (sent, receiver) = watch::channel(sent);
        Self {
            sent: Arc::new(sent),
            task: tokio::spawn(hash(source, receiver)),
        }
    }

    /// To be called with the number of bytes that were uploaded.
    pub(crate) fn progress(&self) -> impl Fn(u64) + Send + Sync + 'static {
        let sent = Arc::clone(&self.sent);
        move |bytes| {
            sent.send_if_modified(|sent| {
                let is_more = bytes > *sent;
                *sent = bytes.max(*sent);
                is_more
            });
        }
    }

    /// Hashes the rest. `None` if the file cannot be read any more.
    pub(crate) async fn finish(mut self) -> Option<[u8; 32]> {
        self.sent.send_replace(u64::MAX);
        (&mut self.task).await.ok()?.ok().flatten()
    }
}

impl Drop for HashLane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hashes the bytes that were uploaded, and waits for more. `None` if the upload ends before.
async fn hash(
    source: Arc<dyn Source>,
    mut sent: watch::Receiver<u64>,
) -> io::Result<Option<[u8; 32]>> {
    let total = source.len();
    let (mut hasher, mut at) = (Sha256::new(), 0);
    while at < total {
        let until = (*sent.borrow_and_update()).min(total);
        if until <= at {
            if sent.changed().await.is_err() {
                return Ok(None);
            }
            continue;
        }
        let until = until.min(at.saturating_add(PART));
        let source = Arc::clone(&source);
        let read = tokio::task::spawn_blocking(move || {
            hash_part(source.as_ref(), &mut hasher, at, until)?;
            Ok::<_, io::Error>(hasher)
        });
        hasher = read.await.map_err(io::Error::other)??;
        at = until;
    }
    Ok(Some(hasher.finalize().into()))
}

/// Adds the bytes of a source from `at` to `until`.
fn hash_part(source: &dyn Source, hasher: &mut Sha256, mut at: u64, until: u64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    while at < until {
        let left = usize::try_from(until - at).unwrap_or(BUFFER).min(BUFFER);
        let buffer = buffer.get_mut(..left).unwrap_or_default();
        let count = match source.read_at(at, buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count.min(left),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(buffer.get(..count).unwrap_or_default());
        at += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use tl_protocol::BytesSource;

    use super::*;

    /// A source that remembers how far it was read.
    #[derive(Debug)]
    struct Watched(BytesSource, AtomicU64);

    impl Source for Watched {
        fn name(&self) -> &str {
            self.0.name()
        }

        fn len(&self) -> u64 {
            self.0.len()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read_at(offset, buffer)?;
            self.1.fetch_max(offset + count as u64, Ordering::SeqCst);
            Ok(count)
        }
    }

    fn source(len: usize) -> (Arc<Watched>, [u8; 32]) {
        let bytes: Vec<u8> = (0..len).map(|n| (n / 7) as u8).collect();
        let hash = Sha256::digest(&bytes).into();
        let source = Watched(BytesSource::new("a", bytes), AtomicU64::new(0));
        (Arc::new(source), hash)
    }

    async fn read_up_to(source: &Watched, at: u64) {
        while source.1.load(Ordering::SeqCst) < at {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn hash_follows_the_upload() {
        let (source, expected) = source(5 * BUFFER + 1);
        let lane = HashLane::start(Arc::clone(&source) as Arc<dyn Source>, BUFFER as u64);
        // The part that an earlier process has sent.
        read_up_to(&source, BUFFER as u64).await;
        let sent = lane.progress();
        sent(3 * BUFFER as u64);
        // Reports of chunks that ended at the same time arrive in any order.
        sent(2 * BUFFER as u64);
        read_up_to(&source, 3 * BUFFER as u64).await;
        assert_eq!(
            source.1.load(Ordering::SeqCst),
            3 * BUFFER as u64,
            "it does not read ahead of the upload"
        );
        assert_eq!(lane.finish().await, Some(expected));
    }

    #[tokio::test]
    async fn files_that_shrink_have_no_hash() {
        #[derive(Debug)]
        struct Short;
        impl Source for Short {
            fn name(&self) -> &str {
                "short"
            }
            fn len(&self) -> u64 {
                10
            }
            fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
                Ok(0)
            }
        }
        assert_eq!(HashLane::start(Arc::new(Short), 0).finish().await, None);
    }
}
