//! The helper's side: limits first, then one file after the other until the pool closes the socket.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::protocol::{receive_request, send_response};
use crate::Prober;
use crate::ffmpeg::InProcess;

/// Private memory of the helper, in bytes. The worst of the measured bombs takes 300 MB.
const MAX_DATA_BYTES: u64 = 512 * 1024 * 1024;

/// Open files: the socket, the file, the standard streams, and what libraries open at start.
const MAX_OPEN_FILES: u64 = 32;

/// Answers requests on standard input, which must be the pool's socket, until it is closed.
///
/// This is the whole work of a helper program: call it from `main` when the first argument is
/// [`super::SERVE_ARGUMENT`].
///
/// # Errors
/// When standard input is no socket, or the pool breaks off in the middle of a message.
pub fn serve() -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr().map_err(|_| {
        io::Error::other(
            "standard input is not the socket of a pool; run `tl-probe FILE` by hand instead",
        )
    })?;
    limit()?;
    while let Some((request, file)) = receive_request(&socket)? {
        let answer = InProcess::with_options(request.options).probe_file(file, "");
        send_response(&socket, &answer)?;
    }
    Ok(())
}

fn limit() -> io::Result<()> {
    let at_most = |resource, value| {
        let limit = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(resource, limit)
    };
    at_most(Resource::Core, 0)?;
    at_most(Resource::Fsize, 0)?;
    at_most(Resource::Nofile, MAX_OPEN_FILES)?;
    at_most(Resource::Data, MAX_DATA_BYTES)?;
    Ok(())
}
