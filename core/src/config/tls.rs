//! Certificates of the gRPC port.

use std::path::PathBuf;

use gateway_proto::tls::{ServerTls, SettingFile, TlsError, identity_files};

use super::{ConfigError, ListenAddress};

const PROTOCOLS: [&[u8]; 1] = [b"h2"];

/// How gRPC is encrypted.
#[derive(Clone, Debug, clap::Args)]
pub struct GrpcTlsSettings {
    /// A PEM file of the certificate for gRPC, its chain behind it; with it only TLS is served. Default: none.
    #[arg(long, env = "GRPC_TLS_CERT_FILE")]
    grpc_tls_cert_file: Option<PathBuf>,
    /// The PEM file of its key.
    #[arg(long, env = "GRPC_TLS_KEY_FILE")]
    grpc_tls_key_file: Option<PathBuf>,
    /// A PEM file of authorities; clients must then show a certificate of one of them. Default: they need none.
    #[arg(long, env = "GRPC_TLS_CLIENT_CA_FILE")]
    grpc_tls_client_ca_file: Option<PathBuf>,
}

impl GrpcTlsSettings {
    /// Reads the files, and checks that they fit the address.
    pub(crate) fn load(&self, listen: &ListenAddress) -> Result<Option<ServerTls>, ConfigError> {
        let files = identity_files(
            ("GRPC_TLS_CERT_FILE", self.grpc_tls_cert_file.as_deref()),
            ("GRPC_TLS_KEY_FILE", self.grpc_tls_key_file.as_deref()),
        )?;
        let client_authorities = self.grpc_tls_client_ca_file.clone();
        let Some(files) = files else {
            if client_authorities.is_some() {
                let reason = "must be set as well, as GRPC_TLS_CLIENT_CA_FILE is";
                return Err(ConfigError::new("GRPC_TLS_CERT_FILE", reason));
            }
            return Ok(None);
        };
        if matches!(listen, ListenAddress::Unix(_)) {
            return Err(ConfigError::new(
                "GRPC_TLS_CERT_FILE",
                "a Unix socket is not encrypted; leave it out, or listen on TCP",
            ));
        }
        let file = client_authorities.map(|path| SettingFile { setting: "GRPC_TLS_CLIENT_CA_FILE", path });
        Ok(Some(ServerTls::new(files, file.as_ref(), &PROTOCOLS)?))
    }
}

impl From<TlsError> for ConfigError {
    fn from(TlsError { setting, reason }: TlsError) -> Self {
        Self { setting, reason }
    }
}
