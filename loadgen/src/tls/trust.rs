//! Which certificates of servers are accepted.

use crate::error::Failure;
use rustls::{
    DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::path::Path;

/// The authorities in a file; only these are trusted.
pub(super) fn from_file(path: &Path) -> Result<RootCertStore, Failure> {
    let refused = |why: String| Failure::Usage(format!("--cacert: {}: {why}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path).map_err(refused)? {
        roots
            .add(certificate)
            .map_err(|error| refused(format!("a certificate cannot be used: {error}")))?;
    }
    Ok(roots)
}

/// The authorities that this system trusts.
pub(super) fn of_the_system() -> Result<RootCertStore, Failure> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some systems carry one that cannot be parsed; the others are none the worse.
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable > 0 {
        return Ok(roots);
    }
    let why = match found.errors.first() {
        Some(error) => error.to_string(),
        None => "none are installed".into(),
    };
    Err(Failure::Usage(format!(
        "this system has no certificates of authorities ({why}); name a file of them with --cacert FILE, or do not \
         check the server's with -k"
    )))
}

/// The certificates of a PEM file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let all: Vec<_> = read.map_err(|error| error.to_string())?;
    if all.is_empty() {
        return Err("it has no certificate in PEM form (-----BEGIN CERTIFICATE-----)".into());
    }
    Ok(all)
}

/// Accepts every certificate, and signatures unseen: with a certificate of anybody's they prove nothing.
#[derive(Debug)]
pub(super) struct Anyone {
    schemes: Vec<SignatureScheme>,
}

impl Anyone {
    pub(super) fn new(provider: &CryptoProvider) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self {
            schemes: algorithms.supported_schemes(),
        }
    }
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
