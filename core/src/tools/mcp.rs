//! Tools of servers that speak the Model Context Protocol over streamable HTTP.
//!
//! The operator alone says which servers there are and which of their tools are taken; no redirect is followed, no proxy
//! taken from the environment, and no address comes from a caller or from a server. [`server`] keeps a session with one,
//! [`listing`] makes tools of its list, [`output`] makes an output of what one of them gave. What a server says, of its
//! tools or by them, is data: it is never a reason for the gateway to do anything.

mod listing;
mod output;
mod reason;
mod server;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::{McpEndpoint, Tool};
use crate::shared::Shared;
use server::McpServer;

/// How often a list is read again.
const REFRESH: Duration = Duration::from_secs(60);
/// How soon a list that could not be read is asked for again.
const RETRY: Duration = Duration::from_secs(10);
/// How soon a list is read again of a server that says that it changed, however often it says so.
const AT_MOST_EACH: Duration = Duration::from_secs(1);

/// The tools of each server, by its place among them.
type Lists = Mutex<Vec<Vec<Arc<dyn Tool>>>>;

/// Begins to follow the lists of these servers, and waits for so long for the first of each.
pub(crate) async fn begin(shared: &Shared, endpoints: &[McpEndpoint], patience: Duration) {
    let lists: Arc<Lists> = Arc::new(Mutex::new(vec![Vec::new(); endpoints.len()]));
    let mut servers = Vec::new();
    for (place, endpoint) in endpoints.iter().enumerate() {
        match McpServer::new(endpoint.clone()) {
            Ok(server) => servers.push((place, Arc::new(server))),
            Err(error) => {
                let cause = crate::causes::causes(&error);
                tracing::error!(server = endpoint.name, %error, cause, "no client for MCP server '{}'", endpoint.name);
            }
        }
    }
    let firsts = servers.iter().map(|(place, server)| read_once(shared, &lists, *place, server));
    // A server that is down must not keep the gateway from starting.
    drop(timeout(patience, join_all(firsts)).await);
    for (place, server) in servers {
        tokio::spawn(follow(shared.clone(), Arc::clone(&lists), place, server));
    }
}

/// Keeps the tools of one server true to its list; never ends.
async fn follow(shared: Shared, lists: Arc<Lists>, place: usize, server: Arc<McpServer>) {
    loop {
        let pause = if read_once(&shared, &lists, place, &server).await { REFRESH } else { RETRY };
        sleep(AT_MOST_EACH).await;
        drop(timeout(pause - AT_MOST_EACH, server.list_changed()).await);
    }
}

/// Reads the list once; false when it could not be read, and the last one stays.
async fn read_once(shared: &Shared, lists: &Lists, place: usize, server: &Arc<McpServer>) -> bool {
    let name = server.name();
    match server.list().await {
        Ok(list) => {
            let tools = listing::tools(server, list);
            tracing::debug!(server = name, "MCP server '{name}' offers {} tools", tools.len());
            let mut lists = lists.lock().unwrap_or_else(PoisonError::into_inner);
            lists[place] = tools;
            // Under the lock, so that no older list of all comes after a newer one.
            shared.tools().set_of_servers(lists.concat());
            true
        }
        Err(reason) => {
            tracing::warn!(server = name, reason, "the tools of MCP server '{name}' could not be listed; trying again");
            false
        }
    }
}
