//! A PostgreSQL server of a test's own, run by `tests/postgres`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A PostgreSQL server; it ends when this is dropped, or the process ends.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    parameters: String,
    _folder: TempDir,
}

impl Postgres {
    /// Starts a server, and waits until it accepts connections.
    #[must_use]
    pub fn start() -> Self {
        // The path of a socket must be short.
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres");
        let mut command = Command::new(script);
        let mut child = command.arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // It says itself why not.
        let parameters = line.trim_end().strip_prefix("ready ").unwrap().replace(' ', "&");
        Self { child, parameters, _folder: folder }
    }

    /// The address of its one database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?{}", self.parameters)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // With its input the server ends.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
