//! Incoming bytes: heads are read, bodies are dropped.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};
use rustls::{ServerConnection, StreamOwned};

/// Bytes per read or drop.
const INPUT: usize = 256 << 10;

/// Pause of a connection that has dropped everything that was received. On one machine, waking the
/// reader costs the writer time, and on a virtual machine more than the write itself.
const PAUSE: Duration = Duration::from_micros(100);

/// A stream that can drop what it receives.
pub(super) trait Input: BufRead {
    /// Drops this many bytes.
    fn discard(&mut self, mut left: u64) -> io::Result<()> {
        while left > 0 {
            let there = self.fill_buf()?.len();
            if there == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= drop_from(self, there, left);
        }
        Ok(())
    }
}

/// Drops up to `left` of the `there` bytes that are buffered, and returns their number.
fn drop_from<R: BufRead + ?Sized>(input: &mut R, there: usize, left: u64) -> u64 {
    let taken = usize::try_from(left).map_or(there, |left| left.min(there));
    input.consume(taken);
    taken as u64
}

impl Input for StreamOwned<ServerConnection, Plain> {}

/// A socket whose input is read in large pieces: rustls alone reads 4 KiB at a time.
pub(super) struct Plain {
    reader: BufReader<TcpStream>,
    /// A buffer that stays empty: the system drops the input.
    room: Vec<u8>,
}

impl Plain {
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self {
            reader: BufReader::with_capacity(INPUT, socket),
            room: vec![0; INPUT],
        })
    }
}

impl Input for Plain {
    /// The system drops what it has received without a copy, as if it were on another machine.
    fn discard(&mut self, mut left: u64) -> io::Result<()> {
        let there = self.reader.buffer().len();
        left -= drop_from(&mut self.reader, there, left);
        while left > 0 {
            let room = usize::try_from(left).map_or(INPUT, |left| left.min(INPUT));
            match recv(
                self.reader.get_ref(),
                &mut self.room[..room],
                RecvFlags::TRUNC,
            ) {
                Ok((_, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((_, dropped)) => {
                    left -= dropped as u64;
                    if dropped < room && left > 0 {
                        thread::sleep(PAUSE);
                    }
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for Plain {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reader.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.reader.get_mut().flush()
    }
}
