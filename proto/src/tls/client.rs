//! The client's end.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::util::{ServiceFn, service_fn};

use super::{Identity, SettingFile, TlsError, authorities, provider, versions};

/// How a client speaks TLS; cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTls {
    /// What connections are made with.
    pub config: Arc<ClientConfig>,
    /// The name that the server's certificate must have, if not that of the address.
    pub server_name: Option<ServerName<'static>>,
    /// What is shown to a server that asks for it.
    pub identity: Option<Arc<Identity>>,
}

impl ClientTls {
    /// Reads the files: the authorities that a server's certificate must be of, and what the client shows.
    pub fn new(
        authorities_file: &SettingFile,
        files: Option<[SettingFile; 2]>,
        server_name: Option<ServerName<'static>>,
        protocols: &[&[u8]],
    ) -> Result<Self, TlsError> {
        let identity = files.map(Identity::load).transpose()?.map(Arc::new);
        let builder = versions(ClientConfig::builder_with_provider(provider()));
        let builder = builder.with_root_certificates(authorities(authorities_file)?);
        let config = match &identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::clone(identity) as _),
            None => builder.with_no_client_auth(),
        };
        Ok(Self { config: Arc::new(offering(config, protocols)), server_name, identity })
    }

    /// For a program that asks itself whether it serves: trusts the very certificate that it shows, whatever its name and
    /// age, and shows it.
    #[must_use]
    pub fn to_itself(identity: &Arc<Identity>, protocols: &[&[u8]]) -> Self {
        let config = versions(ClientConfig::builder_with_provider(provider()))
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Itself(Arc::clone(identity))))
            .with_client_cert_resolver(Arc::clone(identity) as _);
        // Who it is does not depend on a name.
        let server_name = ServerName::try_from("localhost").ok();
        Self { config: Arc::new(offering(config, protocols)), server_name, identity: Some(Arc::clone(identity)) }
    }

    /// Makes a connection to a host, `[::1]` in brackets or not.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TlsStream<TcpStream>> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
        };
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }
}

fn offering(mut config: ClientConfig, protocols: &[&[u8]]) -> ClientConfig {
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// How long the server's first word is waited for.
const GREETING_PATIENCE: Duration = Duration::from_secs(1);
/// It only has to be looked at; larger reads go past it.
const GREETING_BYTES: usize = 64;

type Greeted = BufReader<TlsStream<TcpStream>>;
type Connecting = Pin<Box<dyn Future<Output = io::Result<TokioIo<Greeted>>> + Send>>;

/// Makes the connections of a gRPC channel.
///
/// In TLS 1.3 a client hears only after its handshake that the server does not take its certificate, and would have sent a
/// call by then. A server of HTTP/2 speaks first, as this gateway's does, so its first word is waited for: who is turned away
/// has no connection, and nothing was sent.
#[must_use]
pub fn connector(tls: ClientTls) -> ServiceFn<impl Fn(Uri) -> Connecting + Clone> {
    service_fn(move |uri: Uri| {
        let tls = tls.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            let stream = tls.connect(host, uri.port_u16().unwrap_or(443)).await?;
            greeted(stream).await.map(TokioIo::new)
        }) as Connecting
    })
}

async fn greeted(stream: TlsStream<TcpStream>) -> io::Result<Greeted> {
    let mut stream = BufReader::with_capacity(GREETING_BYTES, stream);
    // One that lets its client speak first is taken at its word.
    if let Ok(greeting) = timeout(GREETING_PATIENCE, stream.fill_buf()).await
        && greeting?.is_empty()
    {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(stream)
}

/// Trusts one certificate.
#[derive(Debug)]
struct Itself(Arc<Identity>);

impl ServerCertVerifier for Itself {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_own = self.0.current().cert.first().is_some_and(|own| own.as_ref() == end_entity.as_ref());
        let foreign = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        if is_own { Ok(ServerCertVerified::assertion()) } else { Err(foreign) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
