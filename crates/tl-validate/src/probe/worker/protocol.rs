//! Messages between pool and helper over their socket: a length, then JSON. A request carries one
//! file descriptor.
//!
//! ```text
//! pool ──► Probe + descriptor ──► helper ──► Probed
//! pool ──► ProbeRanges        ──► helper ──► Read ──► pool ──► Served, bytes ──► helper … ──► Probed
//! pool ──► Protections        ──► helper ──► Protections
//! ```

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::facts::MediaFacts;
use crate::probe::{ProbeError, ProbeOptions};
use crate::sandbox::restrict::Protections;

/// The argument that starts a helper.
pub const SERVE_ARGUMENT: &str = "serve";

/// Maximum size of a message: facts of 64 streams take about 50 KB.
const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;

/// Maximum size of a range read.
pub(super) const MAX_RANGE_BYTES: u32 = 4 * 1024 * 1024;

/// A request from the pool.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Request {
    /// Probe the descriptor sent with this message.
    Probe { options: ProbeOptions },
    /// Probe a source whose bytes the pool provides on request.
    ProbeRanges {
        options: ProbeOptions,
        size: u64,
        remaining: Option<u64>,
        #[serde(default)]
        read_size: Option<usize>,
    },
    /// Report the active protections.
    Protections,
}

/// The response to a request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Response {
    Probed(Result<Box<MediaFacts>, ProbeError>),
    /// Intermediate message: requests a range.
    Read {
        offset: u64,
        length: u32,
    },
    Protections(Protections),
}

/// The pool's reply to [`Response::Read`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Served {
    pub(super) remaining: Option<u64>,
    pub(super) bytes: Result<u32, Refusal>,
}

/// Why a range is not provided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    BudgetSpent,
    Failed(String),
}

/// Sends the result of a range read, followed by its bytes.
pub(super) fn send_served(
    mut socket: &UnixStream,
    remaining: Option<u64>,
    bytes: Result<&[u8], Refusal>,
) -> io::Result<()> {
    let length = |bytes: &[u8]| {
        u32::try_from(bytes.len()).map_err(|_| io::Error::other("the range is too long"))
    };
    let (bytes, content): (_, &[u8]) = match bytes {
        Ok(content) => (Ok(length(content)?), content),
        Err(refusal) => (Err(refusal), &[]),
    };
    socket.write_all(&frame(&Served { remaining, bytes })?)?;
    socket.write_all(content)
}

/// Receives the result of a range read and stores its bytes at the start of `into`.
#[cfg_attr(
    not(feature = "ffmpeg"),
    expect(dead_code, reason = "only the helper asks for ranges")
)]
pub(super) fn receive_served(mut socket: &UnixStream, into: &mut [u8]) -> io::Result<Served> {
    let mut length = [0u8; 4];
    socket.read_exact(&mut length)?;
    let served: Served = body(socket, length)?;
    if let Ok(length) = served.bytes {
        let place = into
            .get_mut(..length as usize)
            .ok_or_else(|| io::Error::other("the response is longer than the requested range"))?;
        socket.read_exact(place)?;
    }
    Ok(served)
}

/// Sends a request, with its file if it has one.
pub(super) fn send_request(
    socket: &UnixStream,
    request: Request,
    file: Option<&File>,
) -> io::Result<()> {
    let message = frame(&request)?;
    let descriptors: Vec<_> = file.iter().map(|file| file.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for the file descriptor"));
    }
    let sent = loop {
        match sendmsg(socket, &[IoSlice::new(&message)], &mut control, no_signal()) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    // The descriptor is sent with the first byte; the rest is plain data.
    (&*socket).write_all(&message[sent..])
}

#[cfg(any(target_os = "macos", target_os = "ios"))]
fn no_signal() -> SendFlags {
    SendFlags::empty()
}

#[cfg(not(any(target_os = "macos", target_os = "ios")))]
fn no_signal() -> SendFlags {
    SendFlags::NOSIGNAL
}

/// Receives a request, with its file if it has one; `None` if the pool has closed the socket.
#[cfg_attr(
    not(feature = "ffmpeg"),
    expect(dead_code, reason = "only the helper receives requests")
)]
pub(super) fn receive_request(socket: &UnixStream) -> io::Result<Option<(Request, Option<File>)>> {
    let mut length = [0u8; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut length)],
            &mut control,
            close_on_exec(),
        ) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    if received == 0 {
        return Ok(None);
    }
    let mut file = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            file = descriptors.into_iter().next().map(File::from);
        }
    }
    (&*socket).read_exact(&mut length[received..])?;
    let request = body(socket, length)?;
    Ok(Some((request, file)))
}

#[cfg(any(target_os = "macos", target_os = "ios"))]
fn close_on_exec() -> RecvFlags {
    RecvFlags::empty()
}

#[cfg(not(any(target_os = "macos", target_os = "ios")))]
fn close_on_exec() -> RecvFlags {
    RecvFlags::CMSG_CLOEXEC
}

/// Sends a response.
#[cfg_attr(
    not(feature = "ffmpeg"),
    expect(dead_code, reason = "only the helper answers")
)]
pub(super) fn send_response(mut socket: &UnixStream, response: &Response) -> io::Result<()> {
    socket.write_all(&frame(response)?)
}

/// Receives a response from a reader of the socket.
pub(super) fn receive_response(mut socket: impl Read) -> io::Result<Response> {
    let mut length = [0u8; 4];
    socket.read_exact(&mut length)?;
    body(socket, length)
}

fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0u8; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length =
        u32::try_from(bytes.len() - 4).map_err(|_| io::Error::other("the message is too long"))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

fn body<T: DeserializeOwned>(mut socket: impl Read, length: [u8; 4]) -> io::Result<T> {
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE_BYTES {
        return Err(io::Error::other("the message is too long"));
    }
    let mut bytes = vec![0u8; length];
    socket.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}
