//! Range reads over the socket, so that a helper without network and file access can read a remote
//! source.

#[cfg(feature = "ffmpeg")]
use std::io;
use std::io::ErrorKind;
#[cfg(feature = "ffmpeg")]
use std::os::unix::net::UnixStream;

use super::protocol::{MAX_RANGE_BYTES, Refusal};
#[cfg(feature = "ffmpeg")]
use super::protocol::{Response, Served, receive_served, send_response};
use crate::remote::range::RangeRead;

/// The pool's side: reads ranges for the helper.
pub(super) struct RangeServer<'a> {
    source: &'a mut dyn RangeRead,
    buffer: Vec<u8>,
}

impl<'a> RangeServer<'a> {
    pub(super) fn new(source: &'a mut dyn RangeRead) -> Self {
        Self {
            source,
            buffer: Vec::new(),
        }
    }

    /// Reads a range and returns its bytes or the reason for a failure, and the remaining budget.
    /// Never reads more than the limit, regardless of the request.
    pub(super) fn serve(
        &mut self,
        offset: u64,
        length: u32,
    ) -> (Result<&[u8], Refusal>, Option<u64>) {
        self.buffer.resize(length.min(MAX_RANGE_BYTES) as usize, 0);
        let read = loop {
            match self.source.read_at(offset, &mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let bytes = match read {
            Ok(read) => Ok(&self.buffer[..read.min(self.buffer.len())]),
            Err(error) if error.kind() == ErrorKind::QuotaExceeded => Err(Refusal::BudgetSpent),
            Err(error) => Err(Refusal::Failed(error.to_string())),
        };
        (bytes, self.source.remaining())
    }
}

/// The helper's side: a source that requests its bytes from the pool.
#[cfg(feature = "ffmpeg")]
pub(super) struct PoolRanges<'a> {
    pub(super) socket: &'a UnixStream,
    pub(super) size: u64,
    pub(super) remaining: Option<u64>,
    pub(super) read_size: Option<usize>,
    /// The socket failed, so no response can be sent.
    pub(super) socket_error: Option<io::Error>,
}

#[cfg(feature = "ffmpeg")]
impl RangeRead for PoolRanges<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    fn read_size(&self) -> Option<usize> {
        self.read_size
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let length = u32::try_from(into.len()).map_or(MAX_RANGE_BYTES, |n| n.min(MAX_RANGE_BYTES));
        let exchange = send_response(self.socket, &Response::Read { offset, length })
            .and_then(|()| receive_served(self.socket, &mut into[..length as usize]));
        match exchange {
            Ok(Served { remaining, bytes }) => {
                self.remaining = remaining;
                match bytes {
                    Ok(read) => Ok(read as usize),
                    Err(Refusal::BudgetSpent) => Err(ErrorKind::QuotaExceeded.into()),
                    Err(Refusal::Failed(text)) => Err(io::Error::other(text)),
                }
            }
            Err(error) => {
                let text = error.to_string();
                self.socket_error = Some(error);
                Err(io::Error::other(text))
            }
        }
    }
}
