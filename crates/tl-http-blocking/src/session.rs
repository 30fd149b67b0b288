//! The TLS session of a connection. In a build without the feature `tls` there is none.

#[cfg(not(feature = "tls"))]
pub(crate) use self::absent::Session;
#[cfg(feature = "tls")]
pub(crate) use self::present::Session;

#[cfg(feature = "tls")]
mod present {
    use std::{
        io::{self, Read, Write},
        net::TcpStream,
    };

    use rustls::ClientConnection;

    use crate::peek::Peek;

    /// A TLS session after its handshake.
    pub(crate) struct Session(ClientConnection);

    impl Session {
        pub(crate) fn new(connection: ClientConnection) -> Self {
            Self(connection)
        }

        pub(crate) fn wants_write(&self) -> bool {
            self.0.wants_write()
        }

        /// Encrypts what it can take of `bytes`, and writes to the socket. Returns how much it
        /// took, and the result of the write.
        pub(crate) fn write(
            &mut self,
            mut socket: &TcpStream,
            bytes: &[u8],
        ) -> (usize, io::Result<usize>) {
            let taken = self.0.writer().write(bytes).unwrap_or(0);
            (taken, self.0.write_tls(&mut socket))
        }

        pub(crate) fn read(
            &mut self,
            mut socket: &TcpStream,
            buffer: &mut [u8],
        ) -> io::Result<usize> {
            loop {
                match self.0.reader().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other,
                }
                // Skip pending writes: now the response matters.
                if self.0.read_tls(&mut socket)? > 0 {
                    self.0.process_new_packets().map_err(io::Error::other)?;
                }
            }
        }

        /// Reads pending TLS records. Session tickets and the like do not count as a response.
        pub(crate) fn has_input(&mut self, mut peek: Peek<'_>) -> bool {
            loop {
                match self.0.read_tls(&mut peek) {
                    Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
                    Ok(0) => return true,
                    Ok(_) => match self.0.process_new_packets() {
                        Ok(state)
                            if state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed() => {
                        }
                        _ => return true,
                    },
                }
            }
        }

        /// Whether TLS failed, as opposed to the socket below it.
        pub(crate) fn is_failure(error: &io::Error) -> bool {
            error
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>())
        }
    }
}

#[cfg(not(feature = "tls"))]
mod absent {
    use std::{io, net::TcpStream};

    use crate::peek::Peek;

    /// No session exists.
    pub(crate) enum Session {}

    impl Session {
        pub(crate) fn wants_write(&self) -> bool {
            match *self {}
        }

        pub(crate) fn write(&mut self, _: &TcpStream, _: &[u8]) -> (usize, io::Result<usize>) {
            match *self {}
        }

        pub(crate) fn read(&mut self, _: &TcpStream, _: &mut [u8]) -> io::Result<usize> {
            match *self {}
        }

        pub(crate) fn has_input(&mut self, _: Peek<'_>) -> bool {
            match *self {}
        }

        pub(crate) fn is_failure(_: &io::Error) -> bool {
            false
        }
    }
}
