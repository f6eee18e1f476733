//! Asks a running core whether it serves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use gateway_proto::tls::{ClientTls, ServerTls, connector};
use tokio::time::timeout;
use tonic::transport::Endpoint;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::config::{ConfigError, ListenAddress};

/// A core that takes longer to answer is not well.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the core that listens there.
pub(super) async fn check(address: &ListenAddress, tls: Option<ServerTls>) -> Result<String, ConfigError> {
    let unwell = |what: String| ConfigError::new("GRPC_LISTEN", format!("the gateway at {address} {what}"));
    let url = match address {
        ListenAddress::Tcp(address) if address.port() == 0 => {
            return Err(unwell("is at a port that it picked itself".to_owned()));
        }
        ListenAddress::Tcp(address) => format!("http://{}", reachable(*address)),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    };
    let endpoint = Endpoint::from_shared(url).map_err(|error| unwell(format!("cannot be asked: {error}")))?;
    let channel = match tls {
        None => endpoint.connect_lazy(),
        Some(tls) => endpoint.connect_with_connector_lazy(connector(ClientTls::to_itself(&tls.identity, &[b"h2"]))),
    };
    let asking = async {
        let mut client = HealthClient::new(channel);
        client.check(HealthCheckRequest { service: String::new() }).await
    };
    let answer = timeout(PATIENCE, asking).await.map_err(|_| unwell("did not answer in time".to_owned()))?;
    let answer = answer.map_err(|status| unwell(format!("cannot be reached: {}", status.message())))?.into_inner();
    if answer.status == ServingStatus::Serving as i32 {
        return Ok(format!("the gateway at {address} serves\n"));
    }
    Err(unwell("says that it does not serve".to_owned()))
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
