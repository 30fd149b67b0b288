//! Request bodies for ureq: reads full buffers, and stops reading the source once the server has
//! responded.

use std::{
    io::{self, Read},
    rc::Rc,
};

use tl_http::{Body, Delivery, TransportError, TransportErrorKind};

use crate::progress::Progress;

/// Reads the body of one request.
pub(crate) struct Upload<R> {
    reader: R,
    left: u64,
    progress: Rc<Progress>,
}

/// Creates the reader of `body`.
pub(crate) fn upload(body: &Body, progress: &Rc<Progress>) -> Upload<impl Read + use<>> {
    Upload {
        reader: body.reader(),
        left: body.len(),
        progress: Rc::clone(progress),
    }
}

impl<R: Read> Read for Upload<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        // ureq reads the body to its end even if it is discarded. Leave the buffer as it is in that
        // case.
        if !self.progress.is_discarding() {
            self.reader
                .read_exact(&mut buffer[..count])
                .map_err(|error| {
                    let failed =
                        TransportError::new(TransportErrorKind::SourceFailed, Delivery::NotSent);
                    self.progress.record(failed.with_source(error)).into_io()
                })?;
        }
        self.left -= count as u64;
        Ok(count)
    }
}
