//! Certificates, and where they are needed.

use std::path::PathBuf;

use gateway_proto::tls::{ClientTls, ServerTls, SettingFile, TlsError, identity_files};
use rustls::pki_types::ServerName;

use super::CoreAddress;

/// Over HTTP/2 where the client can.
const HTTP_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
const GRPC_PROTOCOLS: [&[u8]; 1] = [b"h2"];

/// How HTTP is encrypted.
#[derive(Clone, Debug, clap::Args)]
pub struct HttpTlsSettings {
    /// A PEM file of the certificate for HTTPS, its chain behind it; with it only HTTPS is served. Default: none.
    #[arg(long, env = "HTTP_TLS_CERT_FILE")]
    http_tls_cert_file: Option<PathBuf>,
    /// The PEM file of its key.
    #[arg(long, env = "HTTP_TLS_KEY_FILE")]
    http_tls_key_file: Option<PathBuf>,
}

impl HttpTlsSettings {
    /// Reads the files.
    pub fn load(&self) -> Result<Option<ServerTls>, TlsError> {
        let files = identity_files(
            ("HTTP_TLS_CERT_FILE", self.http_tls_cert_file.as_deref()),
            ("HTTP_TLS_KEY_FILE", self.http_tls_key_file.as_deref()),
        )?;
        files.map(|files| ServerTls::new(files, None, &HTTP_PROTOCOLS)).transpose()
    }
}

/// How the way to the core is encrypted.
#[derive(Clone, Debug, clap::Args)]
pub struct CoreTlsSettings {
    /// A PEM file of the authorities that the core's certificate must be of; turns TLS on. Default: none.
    #[arg(long, env = "CORE_TLS_CA_FILE")]
    core_tls_ca_file: Option<PathBuf>,
    /// A PEM file of the certificate that the edge shows to the core, its chain behind it. Default: none.
    #[arg(long, env = "CORE_TLS_CERT_FILE")]
    core_tls_cert_file: Option<PathBuf>,
    /// The PEM file of its key.
    #[arg(long, env = "CORE_TLS_KEY_FILE")]
    core_tls_key_file: Option<PathBuf>,
    /// The name that the core's certificate must have. Default: the host of CORE_URL.
    #[arg(long, env = "CORE_TLS_SERVER_NAME", value_parser = server_name)]
    core_tls_server_name: Option<ServerName<'static>>,
}

impl CoreTlsSettings {
    /// Reads the files, and checks that they fit the address.
    pub fn load(&self, address: &CoreAddress) -> Result<Option<ClientTls>, TlsError> {
        let error = |setting, reason: &str| TlsError { setting, reason: reason.to_owned() };
        let files = identity_files(
            ("CORE_TLS_CERT_FILE", self.core_tls_cert_file.as_deref()),
            ("CORE_TLS_KEY_FILE", self.core_tls_key_file.as_deref()),
        )?;
        let is_https = matches!(address, CoreAddress::Url(url) if url.scheme_str() == Some("https"));
        let Some(path) = &self.core_tls_ca_file else {
            let needs_it = is_https || files.is_some() || self.core_tls_server_name.is_some();
            let missing = "must be set: it says which authorities the core's certificate must be of";
            return if needs_it { Err(error("CORE_TLS_CA_FILE", missing)) } else { Ok(None) };
        };
        let name = match address {
            CoreAddress::Url(_) if is_https => None,
            CoreAddress::Dns { name, .. } => Some(server_name(name).map_err(|reason| error("CORE_URL", &reason))?),
            _ => {
                return Err(error(
                    "CORE_URL",
                    "must be https://host:port or dns:///name:port, as CORE_TLS_CA_FILE is set",
                ));
            }
        };
        let authorities = SettingFile { setting: "CORE_TLS_CA_FILE", path: path.clone() };
        ClientTls::new(&authorities, files, self.core_tls_server_name.clone().or(name), &GRPC_PROTOCOLS).map(Some)
    }
}

fn server_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned()).map_err(|_| "must be a DNS name or an IP address".to_owned())
}
