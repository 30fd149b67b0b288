//! A helper for tests: it reports protections, but stalls or crashes on a probe request. The last
//! argument selects which: `stall` or `die`.

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    let mut socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let dies = std::env::args()
        .next_back()
        .is_some_and(|word| word == "die");
    loop {
        // Each message is its length, then JSON.
        let mut length = [0; 4];
        socket.read_exact(&mut length)?;
        let mut request = vec![0; u32::from_le_bytes(length) as usize];
        socket.read_exact(&mut request)?;
        if request == b"\"Protections\"" {
            let protections = tl_validate::worker::Protections::default();
            let answer = serde_json::to_vec(&serde_json::json!({"Protections": protections}))?;
            let length = u32::try_from(answer.len()).map_err(std::io::Error::other)?;
            socket.write_all(&length.to_le_bytes())?;
            socket.write_all(&answer)?;
        } else if dies {
            std::process::abort();
        } else {
            std::thread::park();
        }
    }
}

#[cfg(not(unix))]
fn main() {}
