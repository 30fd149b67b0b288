//! The socket of a connection, which the request that uses it can shut down.

use std::{
    net::{Shutdown, TcpStream},
    sync::{Mutex, PoisonError},
};

/// The socket of a connection, and the request that uses it.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    current_request: Mutex<u64>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            current_request: Mutex::new(0),
        }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Assigns the connection to the request with this number. Returns whether it was its already.
    pub(crate) fn assign(&self, request: u64) -> bool {
        let mut current_request = self
            .current_request
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current_request, request) == request
    }

    /// Shuts the connection down, unless another request uses it by now: a late cancel must not
    /// affect that one.
    pub(crate) fn shut_down_for(&self, request: u64) {
        let current_request = self
            .current_request
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *current_request == request {
            // Fails if the connection is already closed.
            drop(self.stream.shutdown(Shutdown::Both));
        }
    }
}
