//! A certificate with its key, as it stands in the files now.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{SettingFile, TlsError, certificates, provider};

/// How often the files are looked at. What changed is taken once it is the same for two looks, so that a certificate is
/// not taken while its key is still being written.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A certificate with its key.
#[derive(Debug)]
pub struct Identity {
    certificate: SettingFile,
    key: SettingFile,
    current: ArcSwap<CertifiedKey>,
    /// What the files held just before they were first read.
    loaded: Option<[u8; 32]>,
}

impl Identity {
    pub(super) fn load([certificate, key]: [SettingFile; 2]) -> Result<Self, TlsError> {
        let loaded = look(&certificate, &key);
        let current = ArcSwap::from_pointee(read(&certificate, &key)?);
        Ok(Self { certificate, key, current, loaded })
    }

    /// The setting that names the certificate's file.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.certificate.setting
    }

    /// The setting of the key's file, if others than its owner can read that.
    #[must_use]
    pub fn open_key(&self) -> Option<&'static str> {
        let mode = fs::metadata(&self.key.path).ok()?.permissions().mode();
        (mode & 0o007 != 0).then_some(self.key.setting)
    }

    pub(super) fn current(&self) -> Arc<CertifiedKey> {
        self.current.load_full()
    }

    /// Reads the files again whenever they change, and tells what came of it; never ends.
    pub async fn follow(self: Arc<Self>, tell: impl Fn(Result<(), TlsError>)) {
        let mut settled = self.loaded;
        let mut last = settled;
        loop {
            sleep(LOOK_EVERY).await;
            let now = Arc::clone(&self).look().await;
            let is_at_rest = now == last;
            last = now;
            if is_at_rest && now != settled {
                settled = now;
                let identity = Arc::clone(&self);
                let Ok(read) = spawn_blocking(move || read(&identity.certificate, &identity.key)).await else {
                    continue;
                };
                tell(read.map(|key| self.current.store(Arc::new(key))));
            }
        }
    }

    /// A file system can hang, and must not hang the process.
    async fn look(self: Arc<Self>) -> Option<[u8; 32]> {
        spawn_blocking(move || look(&self.certificate, &self.key)).await.ok().flatten()
    }
}

/// What the files hold, as a digest; none if they cannot be read.
fn look(certificate: &SettingFile, key: &SettingFile) -> Option<[u8; 32]> {
    let mut digest = Sha256::new();
    for file in [certificate, key] {
        digest.update(fs::read(&file.path).ok()?);
    }
    Some(digest.finalize().into())
}

fn read(certificate: &SettingFile, key: &SettingFile) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(certificate)?;
    // The error of a key's file is never repeated: it may hold some of it.
    let of_key = |reason: &str| TlsError::new(key.setting, reason);
    let private = PrivateKeyDer::from_pem_file(&key.path)
        .map_err(|_| of_key("the file cannot be read, or holds no private key in PEM, 'BEGIN PRIVATE KEY'"))?;
    CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => of_key(&format!("the key is not that of {}", certificate.setting)),
        rustls::Error::InvalidCertificate(_) => TlsError::new(certificate.setting, error),
        _ => of_key("the key is of no kind that can be used; ECDSA P-256, Ed25519 and RSA can"),
    })
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
