//! A raw connection, plain or TLS, with just enough HTTP to read a response.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use tl_http::{HttpSettings, SetupError, tls};

use crate::{Failure, arguments::Arguments};

/// Bytes per write: the same as in the async transport.
pub(crate) const PIECE: usize = 256 << 10;

/// The address of the sink and the certificate to trust.
#[derive(Clone)]
pub(crate) struct Address {
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

impl Address {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let tls = match arguments.optional("ca") {
            None => None,
            Some(path) => Some(Arc::new(client_config(std::fs::read(path)?)?)),
        };
        Ok(Self {
            port: arguments.number("port")?,
            tls,
        })
    }

    pub(crate) fn connect(&self) -> Result<Connection, Failure> {
        let socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Duplex> = match &self.tls {
            None => Box::new(socket),
            Some(config) => {
                let name = ServerName::try_from("127.0.0.1")?;
                let mut tls = ClientConnection::new(Arc::clone(config), name)?;
                tls.set_buffer_limit(Some(2 * PIECE));
                Box::new(StreamOwned::new(tls, socket))
            }
        };
        Ok(Connection(BufReader::with_capacity(16 << 10, stream)))
    }
}

/// The TLS settings of the product: rustls, ring, HTTP/1.1.
pub(crate) fn client_config(pem: Vec<u8>) -> Result<ClientConfig, SetupError> {
    tls::client_config(&HttpSettings::default().with_extra_roots(vec![pem.into()]))
}

trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

/// A connection.
pub(crate) struct Connection(BufReader<Box<dyn Duplex>>);

impl Connection {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Sends a request with a JSON body and reads the response.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Response, Failure> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: tlk_bench\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.write(head.as_bytes())?;
        self.response()
    }

    /// Reads one response.
    pub(crate) fn response(&mut self) -> Result<Response, Failure> {
        let mut response = Response::default();
        let mut text = String::new();
        self.0.read_line(&mut text)?;
        let status = text.split(' ').nth(1).unwrap_or_default();
        if !status.starts_with('2') {
            return Err(format!("the sink responded `{}`", text.trim_end()).into());
        }
        let mut length = 0;
        loop {
            text.clear();
            if self.0.read_line(&mut text)? == 0 {
                return Err("the sink closed the connection within a response".into());
            }
            match text.trim_end().split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse()?,
                Some(("etag", value)) => response.etag = value.trim_matches('"').to_owned(),
                Some(_) => {}
            }
        }
        response.body.resize(length, 0);
        self.0.read_exact(&mut response.body)?;
        Ok(response)
    }
}

/// A response of the sink.
#[derive(Debug, Default)]
pub(crate) struct Response {
    pub(crate) etag: String,
    pub(crate) body: Vec<u8>,
}
