//! A custom helper program for `ProbePool` and `Ffmpeg::confined_by`: it needs only a call to
//! `serve` and one to `exec`. Pass its path as `WorkerOptions::program`. With a file as argument,
//! it probes the file in its own process and prints the result.

use std::io::{self, Write};

use tl_validate::ffmpeg::InProcess;
use tl_validate::{Prober, worker};

fn main() -> io::Result<()> {
    match std::env::args_os().nth(1) {
        Some(word) if word == worker::SERVE_ARGUMENT => worker::serve(),
        Some(word) if word == worker::EXEC_ARGUMENT => {
            let arguments: Vec<_> = std::env::args_os().skip(1).collect();
            let (code, reason) = worker::exec(&arguments);
            writeln!(io::stderr(), "{reason}")?;
            std::process::exit(code.into())
        }
        Some(file) => match InProcess::new().probe(file.as_ref()) {
            Ok(facts) => writeln!(io::stdout(), "{}", serde_json::to_string(&facts)?),
            Err(error) => writeln!(io::stdout(), "{error}"),
        },
        None => Err(io::Error::other("usage: probe_helper FILE")),
    }
}
