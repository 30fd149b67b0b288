//! The helper's side: give up what is not needed, then one file after the other until the pool closes the socket.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::protocol::{Answer, Request, receive_request, send_answer};
use super::ranges::FromPool;
use super::sandbox;
use crate::Prober;
use crate::ffmpeg::InProcess;

/// Answers requests on standard input, which must be the pool's socket, until it is closed.
///
/// This is the whole work of a helper program: call it from `main` when the first argument is
/// [`super::SERVE_ARGUMENT`]. It restricts the whole process for good: limits on memory and files, no access to the
/// file system or the network, and only the system calls that reading needs.
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
    let protections = sandbox::enter();
    while let Some((request, file)) = receive_request(&socket)? {
        let answer = match (request, file) {
            (Request::Protections, _) => Answer::Protections(protections.clone()),
            (Request::Probe { options }, Some(file)) => Answer::Probed(
                InProcess::with_options(options)
                    .probe_file(file, "")
                    .map(Box::new),
            ),
            (
                Request::ProbeRanges {
                    options,
                    size,
                    remaining,
                },
                _,
            ) => {
                let mut source = FromPool {
                    socket: &socket,
                    size,
                    remaining,
                    broken: None,
                };
                let answer = InProcess::with_options(options).probe_ranges(&mut source, "");
                if let Some(error) = source.broken {
                    return Err(error);
                }
                Answer::Probed(answer.map(Box::new))
            }
            (Request::Probe { .. }, None) => {
                return Err(io::Error::other(
                    "the request came without a file descriptor",
                ));
            }
        };
        send_answer(&socket, &answer)?;
    }
    Ok(())
}
