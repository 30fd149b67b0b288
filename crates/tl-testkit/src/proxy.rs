//! A proxy that opens or refuses `CONNECT` tunnels, and records the requests.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use url::Url;

/// How the proxy responds to every `CONNECT`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ProxyBehavior {
    /// Opens a tunnel to this address, whatever the requested host.
    TunnelTo(SocketAddr),
    /// Responds with this status.
    Refuse(u16),
    /// Never responds.
    Silent,
}

/// The proxy; it stops on drop.
#[derive(Debug)]
pub struct TestProxy {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
}

impl TestProxy {
    /// Starts a proxy on a free loopback port.
    #[must_use]
    pub fn start(behavior: ProxyBehavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let (requests, stopped) = (
            Arc::<Mutex<Vec<String>>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let (noted, ended) = (Arc::clone(&requests), Arc::clone(&stopped));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let noted = Arc::clone(&noted);
                // The client sees how the connection ends.
                thread::spawn(move || drop(serve(stream, behavior, &noted)));
            }
        });
        Self {
            address,
            requests,
            stopped,
        }
    }

    /// Address as a proxy setting.
    #[must_use]
    pub fn url(&self) -> Url {
        format!("http://{}", self.address)
            .parse()
            .expect("an address makes a URL")
    }

    /// The `CONNECT` requests so far, with all headers.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

fn serve(
    stream: TcpStream,
    behavior: ProxyBehavior,
    requests: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(head.trim_end().replace("\r\n", "\n"));
    let mut client = stream;
    match behavior {
        ProxyBehavior::Silent => io::copy(&mut reader, &mut io::sink()).map(drop),
        ProxyBehavior::Refuse(status) => client.write_all(
            format!("HTTP/1.1 {status} Not for you\r\nContent-Length: 0\r\n\r\n").as_bytes(),
        ),
        ProxyBehavior::TunnelTo(address) => {
            let mut server = TcpStream::connect(address)?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            let (mut back, mut towards_client) = (server.try_clone()?, client.try_clone()?);
            let answers = thread::spawn(move || {
                let copied = io::copy(&mut back, &mut towards_client);
                drop(towards_client.shutdown(Shutdown::Write));
                copied
            });
            io::copy(&mut reader, &mut server)?;
            server.shutdown(Shutdown::Write)?;
            drop(answers.join());
            Ok(())
        }
    }
}
