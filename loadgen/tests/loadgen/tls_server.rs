//! Certificates that are made when the tests run, and a server that speaks TLS by another's implementation of its side.

use crate::server::{Connection, Server};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tempfile::NamedTempFile;

type Versions = &'static [&'static SupportedProtocolVersion];

pub(crate) const TLS12: Versions = &[&rustls::version::TLS12];
pub(crate) const TLS13: Versions = &[&rustls::version::TLS13];
const BOTH: Versions = &[&rustls::version::TLS12, &rustls::version::TLS13];

/// Somebody whose signature is trusted.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(crate) struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    /// With a name of its own.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// For --cacert.
    pub(crate) fn file(&self) -> NamedTempFile {
        file(&self.0.pem())
    }

    pub(crate) fn issue(&self, names: &[&str]) -> Identity {
        self.issue_as(names, IsCa::NoCa)
    }

    pub(crate) fn issue_as(&self, names: &[&str], is_ca: IsCa) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = is_ca;
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate, key }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }
}

impl Identity {
    pub(crate) fn certificate_file(&self) -> NamedTempFile {
        file(&self.certificate.pem())
    }

    pub(crate) fn key_file(&self) -> NamedTempFile {
        file(&self.key.serialize_pem())
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// What a server does in its handshakes.
pub(crate) struct Settings<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) versions: Versions,
    pub(crate) alpn: &'a [&'a str],
    /// Demands certificates of this authority from clients.
    pub(crate) clients: Option<&'a Authority>,
    /// Lengths of the pieces that ciphertext is written in, in turn.
    pub(crate) pieces: &'static [usize],
}

impl<'a> Settings<'a> {
    pub(crate) fn new(identity: &'a Identity) -> Self {
        Self {
            identity,
            versions: BOTH,
            alpn: &["http/1.1"],
            clients: None,
            pieces: &[usize::MAX],
        }
    }

    fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(self.versions)
            .unwrap();
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(authority.roots(), provider)
                    .build()
                    .unwrap(),
            ),
        };
        let mut config = builder
            .with_single_cert(self.identity.chain(), self.identity.private_key())
            .unwrap();
        config.alpn_protocols = self
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config.ticketer = ring::Ticketer::new().unwrap();
        Arc::new(config)
    }

    /// Runs `script` for each connection; it closes without close_notify when that returns.
    pub(crate) fn start(
        &self,
        script: impl Fn(&mut Secured<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        Server::start(self.secured(script))
    }

    /// The same as a script of a plain server.
    pub(crate) fn secured(
        &self,
        script: impl Fn(&mut Secured<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static {
        let (config, pieces) = (self.config(), self.pieces);
        move |connection| {
            let mut secured = Secured {
                tls: ServerConnection::new(config.clone()).unwrap(),
                socket: Pieces {
                    stream: connection.stream(),
                    lengths: pieces.iter().cycle(),
                },
                unread: Vec::new(),
            };
            let done = script(&mut secured);
            // An alert, if there is one.
            let _ = secured.write_out();
            done
        }
    }

    /// Answers every request with the same bytes.
    pub(crate) fn answering(&self, answer: &[u8]) -> Server {
        let answer = answer.to_vec();
        self.start(move |connection| {
            loop {
                connection.request()?;
                connection.write_all(&answer)?;
            }
        })
    }
}

/// How the load generator names this server.
pub(crate) fn url(server: &Server) -> String {
    format!("https://localhost:{}/", server.address().port())
}

/// One connection, seen above TLS.
#[derive(Debug)]
pub(crate) struct Secured<'c> {
    pub(crate) tls: ServerConnection,
    socket: Pieces<'c>,
    unread: Vec<u8>,
}

/// Writes in pieces.
#[derive(Debug)]
struct Pieces<'c> {
    stream: &'c TcpStream,
    lengths: std::iter::Cycle<std::slice::Iter<'static, usize>>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.lengths.next().map_or(bytes.len(), |length| *length);
        self.stream.write(&bytes[..length.min(bytes.len())])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Secured<'_> {
    /// Reads one request without a body.
    pub(crate) fn request(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let end = self
                .unread
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            if let Some(at) = end {
                return Ok(self.unread.drain(..at + 4).collect());
            }
            let mut buffer = [0; 16384];
            match self.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.unread.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Sends close_notify and FIN.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.write_out()?;
        self.socket.stream.shutdown(Shutdown::Write)
    }

    /// Sends bytes past TLS.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_out()?;
        self.socket.stream.write_all(bytes)
    }

    /// Sends what TLS itself has to say.
    pub(crate) fn write_out(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    /// Reads until the client ends the connection; whether it said so.
    pub(crate) fn wait_for_end(&mut self) -> bool {
        loop {
            match self.read(&mut [0; 4096]) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }
}

impl Read for Secured<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        rustls::Stream::new(&mut self.tls, &mut self.socket).read(buffer)
    }
}

impl Write for Secured<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        rustls::Stream::new(&mut self.tls, &mut self.socket).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        rustls::Stream::new(&mut self.tls, &mut self.socket).flush()
    }
}
