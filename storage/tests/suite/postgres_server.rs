//! A PostgreSQL server for the tests, by `tests/postgres`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

/// The server of all tests of this process; it ends with the process.
pub(crate) static SHARED: LazyLock<Server> = LazyLock::new(|| {
    let folder = new_folder().keep();
    let ended = "\"$0\" \"$1\"; rm -rf -- \"$1\"";
    Server::start(Command::new("bash").args(["-c", ended]).arg(script()).arg(&folder))
});

/// A server that runs for as long as its standard input is open.
pub(crate) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    parameters: String,
}

/// A folder with a path short enough for a socket.
pub(crate) fn new_folder() -> TempDir {
    tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap()
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/postgres")
}

impl Server {
    /// Starts a server on the cluster in this folder, which is made if there is none.
    pub(crate) fn start_in(folder: &Path) -> Self {
        Self::start(Command::new(script()).arg(folder))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(parameters) = line.trim_end().strip_prefix("ready ") else {
            panic!("tests/postgres could not start PostgreSQL; it says why above");
        };
        let parameters = parameters.replace(' ', "&");
        Self { input: child.stdin.take(), child, parameters }
    }

    /// The address of a database on this server.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?{}", self.parameters)
    }

    /// Stops the server, and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
