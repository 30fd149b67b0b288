//! Threads index the files of a folder with the blocking client: `batch_resume FOLDER INDEX STATE`.
//! A line on standard input cancels all of them; the same command resumes from the checkpoints in
//! the folder STATE. The API key comes from the environment.
#![allow(clippy::print_stdout, reason = "the results are printed")]

use std::{env, error::Error, fs, io, process::ExitCode, sync::Mutex, thread};

use tl_client::{CancelHandle, ErrorKind, blocking::Client};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, index, state] = arguments.as_slice() else {
        return Err("usage: batch_resume FOLDER INDEX STATE".into());
    };
    let files = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let (client, cancel) = (Client::from_env()?, CancelHandle::new());
    let from_input = cancel.clone();
    thread::spawn(move || {
        if io::stdin()
            .read_line(&mut String::new())
            .is_ok_and(|bytes| bytes > 0)
        {
            from_input.cancel();
        }
    });
    let (queue, unfinished) = (Mutex::new(files), Mutex::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(file) = { queue.lock().expect("no panics").pop() } {
                    let ingest = client.ingest(file.path()).into_index(index.as_str());
                    match ingest.checkpoint(state).cancel_by(&cancel).run() {
                        Ok(video) => println!("done: {:?}", video.video_id),
                        Err(error) => {
                            *unfinished.lock().expect("no panics") += 1;
                            let canceled = error.kind() == ErrorKind::Canceled;
                            println!("{}: {error}", if canceled { "canceled" } else { "failed" });
                        }
                    }
                }
            });
        }
    });
    Ok(ExitCode::from(u8::from(unfinished.into_inner()? > 0)))
}
