//! Helper that links libavformat, so that `tl` does not. The implementation is in `tl-validate`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use tl_validate::ffmpeg::{self, InProcess};
use tl_validate::{ProbeOptions, Prober, open_media, worker};

const USAGE: &str = "\
usage: tl-probe [--thorough] FILE   print the media facts of FILE as JSON
       tl-probe --version           print the version and that of libavformat
       tl-probe serve               serve requests on standard input (started by `tl`)
       tl-probe exec BOUNDS -- PROGRAM [ARGUMENT]...
                                    run PROGRAM in the sandbox (started by `tl`)";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = arguments.iter().filter_map(|a| a.to_str()).collect();
    match (words.as_slice(), arguments.as_slice()) {
        ([worker::SERVE_ARGUMENT], _) => match worker::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(1, &format!("tl-probe: {error}")),
        },
        ([worker::EXEC_ARGUMENT, ..], arguments) => {
            let (code, reason) = worker::exec(arguments);
            fail(code, &format!("tl-probe: {reason}"))
        }
        (["--version" | "-V"], _) => print(&format!(
            "tl-probe {} (libavformat {})",
            env!("CARGO_PKG_VERSION"),
            ffmpeg::version()
        )),
        (["--help" | "-h"], _) => print(USAGE),
        (["--thorough", ..], [_, file]) => probe(Path::new(file), true),
        (_, [file]) => probe(Path::new(file), false),
        _ => fail(2, USAGE),
    }
}

fn probe(file: &Path, thorough: bool) -> ExitCode {
    let options = ProbeOptions::default().with_thorough(thorough);
    let name = file.to_string_lossy();
    let facts = open_media(file).and_then(|opened| {
        worker::restrict(options);
        InProcess::with_options(options).probe_file(opened, &name)
    });
    match facts {
        Ok(facts) => match serde_json::to_string_pretty(&facts) {
            Ok(text) => print(&text),
            Err(error) => fail(
                1,
                &format!("tl-probe: failed to serialize the facts ({error})"),
            ),
        },
        Err(error) => fail(1, &format!("tl-probe: {error}")),
    }
}

fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has closed the pipe, as in `tl-probe FILE | head`.
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(code: u8, text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(code)
}
