//! The folder of one gateway.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Only the gateway's own user may read what is in the folder.
const FOLDER_MODE: u32 = 0o700;
const SECRET_MODE: u32 = 0o600;

/// The folder of one gateway, known to exist.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} '{path}'")]
pub struct DataFolderError {
    action: &'static str,
    path: String,
    source: io::Error,
}

impl DataFolder {
    /// Opens the folder; makes it, readable for its owner alone, where it is not there.
    pub fn open(path: &Path) -> Result<Self, DataFolderError> {
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
        made.map_err(|source| error("make the folder", path, source))?;
        Ok(Self(path.to_owned()))
    }

    /// The text kept under this name; what `make` yields the first time, readable for its owner alone and on disk
    /// before this returns. Of two processes that come at once, both get the text of one.
    pub fn text_or_make(&self, name: &str, make: impl FnOnce() -> String) -> Result<String, DataFolderError> {
        let path = self.0.join(name);
        if let Some(text) = read(&path)? {
            return Ok(text);
        }
        // Written whole under another name first: a process that dies half way leaves no half of a text.
        let draft = self.0.join(format!("{name}.{}", std::process::id()));
        write(&draft, &make()).map_err(|source| error("write", &draft, source))?;
        let linked = std::fs::hard_link(&draft, &path);
        std::fs::remove_file(&draft).map_err(|source| error("remove", &draft, source))?;
        match linked {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(error("write", &path, source)),
            _ => read(&path)?.ok_or_else(|| error("read", &path, io::ErrorKind::NotFound.into())),
        }
    }
}

fn error(action: &'static str, path: &Path, source: io::Error) -> DataFolderError {
    DataFolderError { action, path: path.display().to_string(), source }
}

fn read(path: &Path) -> Result<Option<String>, DataFolderError> {
    let mut text = String::new();
    match File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(error("read", path, source)),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(SECRET_MODE).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_text_is_made_once_and_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = DataFolder::open(&path).unwrap();
        assert_eq!(folder.text_or_make("token", || "first".to_owned()).unwrap(), "first");
        assert_eq!(folder.text_or_make("token", || "second".to_owned()).unwrap(), "first");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("token"))), (0o700, 0o600));
        assert_eq!(path.read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = DataFolder::open(Path::new("/proc/nowhere")).unwrap_err();
        assert_eq!(error.to_string(), "cannot make the folder '/proc/nowhere'");
    }
}
