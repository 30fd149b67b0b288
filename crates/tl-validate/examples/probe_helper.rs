//! A helper program of one's own for `ProbePool`: all it takes is a call to `serve`.
//! Pass its path as `WorkerOptions::program`.

use std::io;

fn main() -> io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some(tl_validate::worker::SERVE_ARGUMENT) => tl_validate::worker::serve(),
        _ => Err(io::Error::other("this program is started by a ProbePool")),
    }
}
