//! Keeps a second core away from a SQLite file, and remembers that there was a database.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::beside;
use crate::error::OpenError;

/// What the file says once the database exists.
const MARK: &[u8] = b"a database belongs to this file\n";

/// The lock of a database file, until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct FileLock {
    file: File,
    path: PathBuf,
    is_marked: bool,
}

impl FileLock {
    /// Takes the lock. A database that was there and is gone is not replaced by an empty one.
    pub(super) fn take(database: &Path) -> Result<Self, OpenError> {
        let path = beside(database, ".lock");
        let failed = |source: io::Error| OpenError::File { path: path.display().to_string(), source };
        if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = opened.map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { path: database.display().to_string() },
            TryLockError::Error(source) => failed(source),
        })?;
        let mut mark = Vec::new();
        file.read_to_end(&mut mark).map_err(failed)?;
        if mark == MARK && !database.exists() {
            return Err(OpenError::FileGone {
                path: database.display().to_string(),
                marker: path.display().to_string(),
            });
        }
        Ok(Self { file, path, is_marked: mark == MARK })
    }

    /// Whether a database was made beside this file before.
    pub(super) fn was_there_before(&self) -> bool {
        self.is_marked
    }

    /// Remembers that the database exists now.
    pub(super) fn mark(&self) -> Result<(), OpenError> {
        if self.is_marked {
            return Ok(());
        }
        let written = (&self.file).write_all(MARK).and_then(|()| self.file.sync_all());
        written.map_err(|source| OpenError::File { path: self.path.display().to_string(), source })
    }
}
