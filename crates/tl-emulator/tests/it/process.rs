//! The emulator as a process of its own, which can be killed and weighed: this test program, started once more.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use tl_emulator::EmulatorBuilder;

use crate::raw::builder;

/// Tells the program that it is the emulator, and where its state is.
const STATE: &str = "TL_EMULATOR_TEST_STATE";

/// In the process that [`Process::start`] began, the emulator until it is killed; elsewhere nothing.
#[expect(
    clippy::print_stdout,
    reason = "it is how the other process learns the port"
)]
pub(crate) fn serve_where_asked(settings: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) {
    let Some(folder) = std::env::var_os(STATE) else {
        return;
    };
    let started = settings(builder().state_dir(Path::new(&folder))).start_blocking();
    let emulator = started.unwrap();
    println!("PORT {}", emulator.base_url().port().unwrap());
    // Where the other process ends in another way than by killing this one, this ends, too.
    _ = std::io::stdin().read_to_end(&mut Vec::new());
    drop(emulator);
    std::process::exit(0);
}

/// It is killed with this value.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

impl Process {
    /// Starts the test of that name as the emulator; it must begin with [`serve_where_asked`].
    pub(crate) fn start(test: &str, folder: &Path) -> Self {
        Self::run(Command::new(std::env::current_exe().unwrap()), test, folder)
    }

    /// As [`start`](Self::start), with at most so many blocks of 512 bytes in a file: more fails as on a full disk.
    #[cfg(unix)]
    pub(crate) fn start_on_small_disk(test: &str, folder: &Path, blocks: u32) -> Self {
        // Without the trap, the signal of the limit would end the process.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap());
        Self::run(command, test, folder)
    }

    fn run(mut command: Command, test: &str, folder: &Path) -> Self {
        let mut child = command
            .args(["--exact", test, "--nocapture"])
            .env(STATE, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("PORT ")?.1.trim().parse().unwrap()))
            .expect("the emulator says its port");
        Self { child, port }
    }

    /// The most memory that it has had so far, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
