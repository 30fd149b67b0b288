//! A video of any size: a short clip followed by a box that players skip. The box contains bytes
//! that never repeat, so that a chunk in the wrong place is detected.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::StepResult;

/// The file and its hash.
pub(crate) struct LargeFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl LargeFile {
    /// Writes a video of `bytes` bytes that starts with `clip`.
    pub(crate) fn make(path: PathBuf, clip: &Path, bytes: u64) -> StepResult<Self> {
        let clip = std::fs::read(clip)?;
        let rest = bytes
            .checked_sub(clip.len() as u64)
            .filter(|rest| *rest > 16)
            .ok_or("the clip is larger than the file that is asked for")?;
        let mut out = Hashing {
            out: BufWriter::with_capacity(1 << 20, File::create(&path)?),
            hasher: Sha256::new(),
        };
        out.write_all(&clip)?;
        // ISO/IEC 14496-12, 4.2: a size of 1 means that a 64-bit size follows; `free` boxes are
        // skipped.
        out.write_all(&1_u32.to_be_bytes())?;
        out.write_all(b"free")?;
        out.write_all(&rest.to_be_bytes())?;
        io::copy(&mut Numbers(1).take(rest - 16), &mut out)?;
        out.flush()?;
        Ok(Self {
            path,
            bytes,
            sha256: hex(&out.hasher.finalize()),
        })
    }
}

/// SHA-256 of a file.
pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Hashing<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.out.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A counter multiplied by a constant: cheap, and never repeats.
struct Numbers(u64);

impl Read for Numbers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for piece in buffer.chunks_mut(8) {
            self.0 += 1;
            let number = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            piece.copy_from_slice(&number[..piece.len()]);
        }
        Ok(buffer.len())
    }
}
