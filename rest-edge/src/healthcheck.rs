//! Asks a running edge whether it serves, as a client of its own `/healthz`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::BoxFuture;
use gateway_proto::tls::{ClientTls, ServerTls};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An edge that takes longer to answer is not well.
const PATIENCE: Duration = Duration::from_secs(3);
/// The route that never touches the core.
const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// How it answers.
const ALIVE: &[u8] = b"HTTP/1.1 200 ";

/// An edge that is not well. The text names the setting and what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("HTTP_LISTEN: the gateway at {address} {what}")]
pub struct Unwell {
    address: SocketAddr,
    what: &'static str,
}

/// Asks the edge that listens there; the text is for standard output.
#[must_use]
pub fn healthcheck(address: SocketAddr, tls: Option<ServerTls>) -> BoxFuture<'static, Result<String, Unwell>> {
    Box::pin(asked(address, tls))
}

async fn asked(address: SocketAddr, tls: Option<ServerTls>) -> Result<String, Unwell> {
    let unwell = |what| Unwell { address, what };
    if address.port() == 0 {
        return Err(unwell("is at a port that it picked itself"));
    }
    let asking = async {
        let address = reachable(address);
        match tls {
            None => is_alive(TcpStream::connect(address).await?).await,
            Some(tls) => {
                let tls = ClientTls::to_itself(&tls.identity, &[b"http/1.1"]);
                is_alive(tls.connect(&address.ip().to_string(), address.port()).await?).await
            }
        }
    };
    match timeout(PATIENCE, asking).await {
        Ok(Ok(true)) => Ok(format!("the gateway at {address} serves\n")),
        Ok(Ok(false)) => Err(unwell("says that it does not serve")),
        Ok(Err(_)) => Err(unwell("cannot be reached")),
        Err(_) => Err(unwell("did not answer in time")),
    }
}

async fn is_alive(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<bool> {
    stream.write_all(REQUEST).await?;
    let mut answer = [0; ALIVE.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer == ALIVE)
}

/// Where a listener on this machine is reached: one on every address, on its own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(loopback, address.port())
}
