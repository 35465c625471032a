//! What the command line says about TLS, checked and read.

use super::{Fault, Session, session::Rustls, tickets::Tickets, trust};
use crate::{
    args::tls::{TlsOptions, Version},
    error::Failure,
};
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring,
    pki_types::{PrivateKeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use std::{path::Path, sync::Arc};

/// Tickets that are kept for each connection: servers give two at a time, most of them.
const TICKETS_PER_CONNECTION: usize = 2;

/// Makes sessions with one server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    resumes: bool,
    checks: bool,
}

impl Client {
    /// Reads the files that `options` name. `host` is what the URL says, an address or a name.
    pub(crate) fn new(options: &TlsOptions, host: &str) -> Result<Self, Failure> {
        let asked = options.sni.as_deref();
        let name = ServerName::try_from(asked.unwrap_or(host).to_owned());
        let name = name.map_err(|_| {
            Failure::Usage(match asked {
                Some(name) => format!("--sni: `{name}` is no name of a server"),
                None => format!(
                    "`{host}` is no name that a certificate can have; give it with --sni NAME"
                ),
            })
        })?;
        let mut config = config(options)?;
        config.alpn_protocols = options
            .protocols()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            name,
            resumes: options.resumes(),
            checks: !options.insecure,
        })
    }

    /// For the connections of one thread, which share what sessions can be resumed from.
    pub(crate) fn for_thread(&self, connections: u32) -> Self {
        let mut client = self.clone();
        if self.resumes {
            let tickets = Tickets::new(connections as usize * TICKETS_PER_CONNECTION);
            let mut config = ClientConfig::clone(&self.config);
            config.resumption = Resumption::store(Arc::new(tickets));
            client.config = Arc::new(config);
        }
        client
    }

    /// Begins a handshake.
    pub(crate) fn session(&self) -> Result<Box<dyn Session>, Fault> {
        let session = Rustls::new(self.config.clone(), self.name.clone())?;
        Ok(Box::new(session))
    }

    /// The name that is asked for and expected.
    pub(crate) fn name(&self) -> String {
        self.name.to_str().into_owned()
    }

    /// Whether certificates are checked.
    pub(crate) fn checks(&self) -> bool {
        self.checks
    }

    /// Whether sessions are resumed.
    pub(crate) fn resumes(&self) -> bool {
        self.resumes
    }
}

fn config(options: &TlsOptions) -> Result<ClientConfig, Failure> {
    let broken = |error: rustls::Error| Failure::Machine(format!("TLS cannot be used: {error}"));
    let provider = Arc::new(ring::default_provider());
    let versions: &[_] = match options.tls {
        None => &[&TLS13, &TLS12],
        Some(Version::V12) => &[&TLS12],
        Some(Version::V13) => &[&TLS13],
    };
    let verifier: Arc<dyn ServerCertVerifier> = if options.insecure {
        Arc::new(trust::Anyone::new(&provider))
    } else {
        let roots: RootCertStore = match &options.cacert {
            Some(path) => trust::from_file(path)?,
            None => trust::of_the_system()?,
        };
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| Failure::Machine(format!("TLS cannot be used: {error}")))?
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(broken)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let (Some(cert), Some(key)) = (&options.cert, &options.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = trust::certificates(cert)
        .map_err(|why| Failure::Usage(format!("--cert: {}: {why}", cert.display())))?;
    builder
        .with_client_auth_cert(chain, private_key(key)?)
        .map_err(|error| {
            Failure::Usage(format!(
                "--cert {} with --key {}: {error}",
                cert.display(),
                key.display()
            ))
        })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        Failure::Usage(format!(
            "--key: {}: no private key in PEM form could be read: {error}",
            path.display()
        ))
    })
}
