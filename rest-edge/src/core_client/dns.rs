//! Cores behind a name: looked up again and again, and balanced over.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tonic::transport::channel::Change;
use tonic::transport::{Channel, Endpoint};

use super::channel::configure;

/// How often the name is looked up.
const LOOKUP: Duration = Duration::from_secs(5);
/// How many changes wait at most for the balancer to take them.
const CHANGES: usize = 64;

/// A channel over all addresses of a name.
pub(super) fn channel(name: String, port: u16) -> Channel {
    let (channel, changes) = Channel::balance_channel(CHANGES);
    tokio::spawn(follow(name, port, changes));
    channel
}

/// Keeps the channel's addresses those of the name, until the channel is gone.
async fn follow(name: String, port: u16, changes: Sender<Change<SocketAddr, Endpoint>>) {
    let mut known = HashSet::new();
    loop {
        match tokio::net::lookup_host((name.as_str(), port)).await {
            // A name that stands for nothing is more likely a fault of the lookup than the end of every core.
            Ok(found) => {
                let found: HashSet<SocketAddr> = found.collect();
                if !found.is_empty() && update(&known, &found, &changes).await.is_err() {
                    return;
                }
                known = found;
            }
            Err(error) => tracing::warn!(%error, "the cores' name '{name}' could not be looked up"),
        }
        tokio::time::sleep(LOOKUP).await;
    }
}

async fn update(
    known: &HashSet<SocketAddr>,
    found: &HashSet<SocketAddr>,
    changes: &Sender<Change<SocketAddr, Endpoint>>,
) -> Result<(), ()> {
    for gone in known.difference(found) {
        changes.send(Change::Remove(*gone)).await.map_err(drop)?;
    }
    for new in found.difference(known) {
        // An address always makes a URL.
        let Ok(endpoint) = Endpoint::from_shared(format!("http://{new}")) else { continue };
        changes.send(Change::Insert(*new, configure(endpoint))).await.map_err(drop)?;
    }
    Ok(())
}
