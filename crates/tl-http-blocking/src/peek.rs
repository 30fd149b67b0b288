//! Non-blocking reads of a socket.

use std::{
    io::{self, Read},
    net::TcpStream,
};

/// Reads only what has already arrived; otherwise the error has the kind `WouldBlock`.
pub(crate) struct Peek<'s>(pub(crate) &'s TcpStream);

#[cfg(unix)]
impl Peek<'_> {
    /// Whether there is data to read, or the server has closed the connection.
    pub(crate) fn is_readable(&self) -> bool {
        let peeked = receive(self.0, &mut [0], rustix::net::RecvFlags::PEEK);
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

#[cfg(unix)]
impl Read for Peek<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        receive(self.0, buffer, rustix::net::RecvFlags::empty())
    }
}

/// One non-blocking system call; the socket itself stays blocking.
#[cfg(unix)]
fn receive(
    socket: &TcpStream,
    buffer: &mut [u8],
    flags: rustix::net::RecvFlags,
) -> io::Result<usize> {
    let (_, count) = rustix::net::recv(socket, buffer, flags | rustix::net::RecvFlags::DONTWAIT)?;
    Ok(count)
}

#[cfg(not(unix))]
impl Peek<'_> {
    /// Whether there is data to read, or the server has closed the connection.
    pub(crate) fn is_readable(&self) -> bool {
        let peeked = without_waiting(self.0, |socket| socket.peek(&mut [0]));
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

#[cfg(not(unix))]
impl Read for Peek<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        without_waiting(self.0, |mut socket| socket.read(buffer))
    }
}

#[cfg(not(unix))]
fn without_waiting(
    socket: &TcpStream,
    look: impl FnOnce(&TcpStream) -> io::Result<usize>,
) -> io::Result<usize> {
    socket.set_nonblocking(true)?;
    let seen = look(socket);
    socket.set_nonblocking(false)?;
    seen
}
