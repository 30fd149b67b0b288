//! Makes a connection: the address, the tunnel through a proxy, and TLS. Sending over it is the client's business.

use std::{error::Error, io, sync::Arc, time::Duration};

use http::Uri;
use hyper::client::conn::http1;
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{ClientConfig, pki_types::ServerName};
use tl_protocol::{
    Delivery, HttpSettings, SetupError, TransportError, TransportErrorKind,
    proxy::{ProxyRules, ProxyServer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::{
    failure::{is_tls, root_cause},
    line::{Watched, Wire},
    pool::{Line, Origin},
    tls,
};

/// Makes connections as the settings say.
#[derive(Debug)]
pub(crate) struct Connector {
    tcp: HttpConnector,
    tls: Arc<ClientConfig>,
    proxies: ProxyRules,
    limit: Duration,
}

impl Connector {
    pub(crate) fn new(settings: &HttpSettings) -> Result<Self, SetupError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.connect_timeout));
        Ok(Self {
            tcp,
            tls: tls::client_config(settings)?,
            proxies: ProxyRules::new(&settings.proxy, |name| std::env::var(name).ok())?,
            limit: settings.connect_timeout,
        })
    }

    /// A connection to the host of `uri` that is ready for a request, within the time limit.
    pub(crate) async fn connect(&self, uri: &Uri, origin: &Origin) -> Result<Line, TransportError> {
        match timeout(self.limit, self.establish(uri, origin)).await {
            Ok(result) => result,
            Err(_) => Err(unreachable(format!(
                "{origin}: no connection within {:?}",
                self.limit
            ))),
        }
    }

    async fn establish(&self, uri: &Uri, origin: &Origin) -> Result<Line, TransportError> {
        let tcp = match self.proxies.server_for(uri) {
            None => self.tcp(&origin.host, origin.port).await?,
            Some(proxy) => {
                let mut tcp = self.tcp(proxy.host(), proxy.port()).await?;
                open_tunnel(&mut tcp, proxy, origin).await?;
                tcp
            }
        };
        let lost = |error: io::Error| unreachable(format!("{origin}: {error}"));
        let tcp = tcp.into_std().map_err(lost)?;
        let socket = tcp.try_clone().map_err(lost)?;
        let tcp = TcpStream::from_std(tcp).map_err(lost)?;
        if !origin.tls {
            return handshake(tcp, socket, origin).await;
        }
        let bare = origin
            .host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(bare)
            .map_err(|error| failed(TransportErrorKind::Tls, format!("{origin}: {error}")))?;
        let stream = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, tcp)
            .await
            .map_err(|error| {
                let kind = if is_tls(&error) {
                    TransportErrorKind::Tls
                } else {
                    TransportErrorKind::Unreachable
                };
                failed(kind, format!("{origin}: {}", root_cause(&error)))
            })?;
        handshake(stream, socket, origin).await
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, TransportError> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(format!("{host}:{port}"))
            .path_and_query("/")
            .build()
            .map_err(|error| unreachable(format!("{host}:{port}: {error}")))?;
        let stream = self.tcp.clone().call(uri).await;
        stream
            .map(TokioIo::into_inner)
            .map_err(|error| unreachable(format!("{host}:{port}: {}", root_cause(&error))))
    }
}

async fn open_tunnel(
    tcp: &mut TcpStream,
    proxy: &ProxyServer,
    origin: &Origin,
) -> Result<(), TransportError> {
    let lost = |error: io::Error| {
        unreachable(format!(
            "the proxy {}:{}: {error}",
            proxy.host(),
            proxy.port()
        ))
    };
    tcp.write_all(&proxy.connect_request(&origin.host, origin.port))
        .await
        .map_err(lost)?;
    let mut received = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let count = tcp.read(&mut buffer).await.map_err(lost)?;
        if count == 0 {
            return Err(lost(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it closed the connection",
            )));
        }
        received.extend_from_slice(&buffer[..count]);
        if proxy.tunnel_stands(&received)? {
            return Ok(());
        }
    }
}

async fn handshake<S>(
    stream: S,
    socket: std::net::TcpStream,
    origin: &Origin,
) -> Result<Line, TransportError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let wire = Wire::new();
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&wire)));
    // Pieces go out as they are: collecting them in one buffer would copy every byte of a body.
    let (sender, connection) = http1::Builder::new()
        .writev(true)
        .handshake(io)
        .await
        .map_err(|error| unreachable(format!("{origin}: {error}")))?;
    let task = tokio::spawn(async move {
        // How the connection ends is told to the exchange that uses it.
        drop(connection.await);
    });
    Ok(Line::new(sender, wire, task, socket))
}

fn unreachable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> TransportError {
    failed(TransportErrorKind::Unreachable, cause)
}

fn failed(
    kind: TransportErrorKind,
    cause: impl Into<Box<dyn Error + Send + Sync>>,
) -> TransportError {
    TransportError::new(kind, Delivery::NotSent).because(cause)
}
