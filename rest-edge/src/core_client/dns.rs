//! Cores behind a name: looked up again and again, and balanced over.

use std::net::SocketAddr;
use std::time::Duration;

use gateway_proto::tls::ClientTls;
use tonic::transport::{Channel, Endpoint};

use super::balance::Cores;
use super::channel::connect;

/// How often the name is looked up.
const LOOKUP: Duration = Duration::from_secs(5);

/// All cores of a name, from when it was looked up first.
pub(super) fn cores(name: String, port: u16, tls: Option<ClientTls>) -> Cores {
    let cores = Cores::new();
    tokio::spawn(follow(name, port, tls, cores.clone()));
    cores
}

/// Keeps the cores those of the name, for as long as the process runs.
async fn follow(name: String, port: u16, tls: Option<ClientTls>, cores: Cores) {
    loop {
        match tokio::net::lookup_host((name.as_str(), port)).await {
            // A name that stands for nothing is more likely a fault of the lookup than the end of every core.
            Ok(found) => {
                let mut found = found.peekable();
                if found.peek().is_some() {
                    cores.set(found, |address| to(address, tls.clone()));
                }
            }
            Err(error) => tracing::warn!(%error, "the cores' name '{name}' could not be looked up"),
        }
        tokio::time::sleep(LOOKUP).await;
    }
}

fn to(address: SocketAddr, tls: Option<ClientTls>) -> Option<Channel> {
    // An address always makes a URL.
    Endpoint::from_shared(format!("http://{address}")).ok().map(|endpoint| connect(endpoint, tls))
}
