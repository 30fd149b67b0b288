//! The helper's main loop: restricts the process, then responds to requests until the pool closes
//! the socket.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::protocol::{Request, Response, receive_request, send_response};
use super::ranges::PoolRanges;
use crate::probe::ffmpeg::{self, InProcess};
use crate::probe::{ProbeOptions, Prober};
use crate::sandbox::restrict::{self, Protections};

/// Responds to requests on standard input, which must be the pool's socket, until it is closed.
///
/// This is the entire implementation of a helper program: call it from `main` if the first argument
/// is [`super::SERVE_ARGUMENT`]. It permanently restricts the process: limits on memory and files,
/// no access to the file system or the network, and only the system calls needed for reading.
///
/// # Errors
/// Standard input is not a socket, or the pool closes it in the middle of a message.
pub fn serve() -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr().map_err(|_| {
        io::Error::other(
            "standard input is not the socket of a pool; run `tl-probe FILE` by hand instead",
        )
    })?;
    close_inherited()?;
    let protections = restrict::enter(ffmpeg::version(), false);
    while let Some((request, file)) = receive_request(&socket)? {
        let response = match (request, file) {
            (Request::Protections, _) => Response::Protections(protections.clone()),
            (Request::Probe { options }, Some(file)) => {
                restrict::grant_cpu(options.deadline)?;
                Response::Probed(
                    InProcess::with_options(options)
                        .probe_file(file, "")
                        .map(Box::new),
                )
            }
            (
                Request::ProbeRanges {
                    options,
                    size,
                    remaining,
                    read_size,
                },
                _,
            ) => {
                restrict::grant_cpu(options.deadline)?;
                let mut source = PoolRanges {
                    socket: &socket,
                    size,
                    remaining,
                    read_size,
                    socket_error: None,
                };
                let response = InProcess::with_options(options).probe_ranges(&mut source, "");
                if let Some(error) = source.socket_error {
                    return Err(error);
                }
                Response::Probed(response.map(Box::new))
            }
            (Request::Probe { .. }, None) => {
                return Err(io::Error::other("the request has no file descriptor"));
            }
        };
        send_response(&socket, &response)?;
    }
    Ok(())
}

/// Permanently restricts this process like a helper, before it reads one open file. Standard output
/// still works.
///
/// For programs that read a single untrusted file in their own process: open it with
/// [`open_media`](crate::open_media), call this, and probe the open file.
pub fn restrict(options: ProbeOptions) -> Protections {
    let protections = restrict::enter(ffmpeg::version(), true);
    // Without it, only the CPU time for startup is available.
    let granted = restrict::grant_cpu(options.deadline).is_ok();
    Protections {
        limits: protections.limits && granted,
        ..protections
    }
}

/// Environment variable set in a helper that has re-executed itself.
#[cfg(target_os = "linux")]
const RESTARTED: &str = "TL_PROBE_RESTARTED";

/// Closes descriptors that the pool's process inherited without close-on-exec, for example from a
/// shell: marks them close-on-exec and re-executes the helper. They have no owner here, so safe
/// code cannot close them individually.
#[cfg(target_os = "linux")]
fn close_inherited() -> io::Result<()> {
    if std::env::var_os(RESTARTED).is_some() || !has_inherited()? {
        return Ok(());
    }
    restrict::close_inherited();
    Err(std::os::unix::process::CommandExt::exec(
        std::process::Command::new(std::env::current_exe()?)
            .args(std::env::args_os().skip(1))
            .env(RESTARTED, "1"),
    ))
}

#[cfg(not(target_os = "linux"))]
fn close_inherited() -> io::Result<()> {
    Ok(())
}

/// Whether a descriptor other than the standard streams stays open across `exec`: see
/// proc_pid_fdinfo(5).
#[cfg(target_os = "linux")]
fn has_inherited() -> io::Result<bool> {
    for entry in std::fs::read_dir("/proc/self/fdinfo")? {
        let entry = entry?;
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok());
        if number.is_none_or(|number| number < 3) {
            continue;
        }
        // The descriptor of this listing is already closed, or is close-on-exec itself.
        let Ok(info) = std::fs::read_to_string(entry.path()) else {
            continue;
        };
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
        if flags.is_some_and(|flags| flags & libc::O_CLOEXEC == 0) {
            return Ok(true);
        }
    }
    Ok(false)
}
