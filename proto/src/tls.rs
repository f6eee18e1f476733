//! TLS for both ends of the wire: a certificate and its key from PEM files, read again when they change.
//!
//! Certificates are replaced without a restart: whoever renews them writes the files, and new connections use what they
//! hold a moment later. What cannot be used is told of, and changes nothing.

mod client;
mod identity;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{ConfigBuilder, ConfigSide, RootCertStore, ServerConfig, WantsVerifier, WantsVersions};

pub use client::{ClientTls, connector};
pub use identity::Identity;

/// A setting that cannot be used. The text names it, what is wrong and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct TlsError {
    /// The setting.
    pub setting: &'static str,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl TlsError {
    fn new(setting: &'static str, reason: impl ToString) -> Self {
        Self { setting, reason: reason.to_string() }
    }
}

/// A file that a setting names.
#[derive(Clone, Debug)]
pub struct SettingFile {
    /// The setting.
    pub setting: &'static str,
    /// The file.
    pub path: PathBuf,
}

/// A certificate's file and its key's, of which both or none must be set.
pub fn identity_files(
    (certificate_setting, certificate): (&'static str, Option<&Path>),
    (key_setting, key): (&'static str, Option<&Path>),
) -> Result<Option<[SettingFile; 2]>, TlsError> {
    let file = |setting, path: &Path| SettingFile { setting, path: path.to_owned() };
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some([file(certificate_setting, certificate), file(key_setting, key)])),
        (Some(_), None) => Err(TlsError::new(key_setting, format!("must be set as well, as {certificate_setting} is"))),
        (None, Some(_)) => Err(TlsError::new(certificate_setting, format!("must be set as well, as {key_setting} is"))),
        (None, None) => Ok(None),
    }
}

/// How a server speaks TLS; cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// What it shows.
    pub identity: Arc<Identity>,
    /// With what connections are accepted.
    pub config: Arc<ServerConfig>,
}

impl ServerTls {
    /// Reads the files. `client_authorities` names those whose certificates clients must show; `protocols` are offered by
    /// ALPN, the preferred one first.
    pub fn new(
        files: [SettingFile; 2],
        client_authorities: Option<&SettingFile>,
        protocols: &[&[u8]],
    ) -> Result<Self, TlsError> {
        let identity = Arc::new(Identity::load(files)?);
        let builder = versions(ServerConfig::builder_with_provider(provider()));
        let builder = match client_authorities {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let roots = Arc::new(authorities(file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| TlsError::new(file.setting, error))?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&identity) as _);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Self { identity, config: Arc::new(config) })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// TLS 1.2 and 1.3.
fn versions<S: ConfigSide>(builder: ConfigBuilder<S, WantsVersions>) -> ConfigBuilder<S, WantsVerifier> {
    let builder = builder.with_safe_default_protocol_versions();
    builder.unwrap_or_else(|_| unreachable!("the provider supports the default versions"))
}

/// The authorities in a file.
fn authorities(file: &SettingFile) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        let added = roots.add(certificate);
        added.map_err(|error| TlsError::new(file.setting, format!("it holds a certificate of no use: {error}")))?;
    }
    Ok(roots)
}

/// The certificates in a file, of which there must be one.
fn certificates(file: &SettingFile) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(&file.path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found =
        read.map_err(|error| TlsError::new(file.setting, format!("the file cannot be read as PEM: {error}")))?;
    if found.is_empty() {
        return Err(TlsError::new(file.setting, "the file holds no certificate in PEM, 'BEGIN CERTIFICATE'"));
    }
    Ok(found)
}
