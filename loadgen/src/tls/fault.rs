//! What can go wrong, by kind.

use rustls::{AlertDescription, CertificateError, Error};

/// The server shows a certificate that is there to sign others.
const AUTHORITY: &str = "certificate: that of an authority";

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Faults are counted by this.
    pub kind: &'static str,
    /// What is known about this one, and what may help; may be empty.
    pub detail: String,
}

impl Fault {
    /// The server closed the connection before the handshake was over.
    pub(crate) const CLOSED: &'static str = "closed in the handshake";
    /// The connection broke before that.
    pub(crate) const BROKEN: &'static str = "broken in the handshake";
    /// Nothing moved for too long before that.
    pub(crate) const SILENT: &'static str = "timed out in the handshake";

    /// With nothing more to say.
    pub(crate) fn of_kind(kind: &'static str) -> Self {
        Self {
            kind,
            detail: String::new(),
        }
    }

    pub(super) fn new(error: &Error) -> Self {
        let (kind, advice) = match error {
            Error::InvalidCertificate(error) => certificate(error),
            Error::AlertReceived(alert) => (name(*alert), advice(*alert)),
            Error::NoCertificatesPresented => ("certificate: none presented", ""),
            Error::InvalidMessage(_) => (
                "malformed message",
                "the server may not speak TLS on this port",
            ),
            Error::DecryptError => ("a record that does not decrypt", ""),
            Error::PeerSentOversizedRecord => ("oversized record", ""),
            Error::PeerIncompatible(_) => ("no common ground", ""),
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                ("unexpected message", "")
            }
            Error::PeerMisbehaved(_) => ("protocol violation", ""),
            _ => ("other", ""),
        };
        let said = match error {
            // Its name says it all.
            Error::AlertReceived(_) => String::new(),
            _ if kind == AUTHORITY => String::new(),
            error => error.to_string(),
        };
        let parts = [said.as_str(), advice];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Self {
            kind,
            detail: parts.join("; "),
        }
    }
}

fn certificate(error: &CertificateError) -> (&'static str, &'static str) {
    match error {
        CertificateError::UnknownIssuer => (
            "certificate: unknown issuer",
            "trust its issuer with --cacert FILE, or do not check it with -k",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "certificate: not for this name",
            "expect another name with --sni NAME, or do not check it with -k",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("certificate: expired", "")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("certificate: not valid yet", "")
        }
        CertificateError::Revoked => ("certificate: revoked", ""),
        CertificateError::BadSignature => ("certificate: bad signature", ""),
        CertificateError::BadEncoding => ("certificate: malformed", ""),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            ("certificate: not for servers", "")
        }
        // The verifier's own errors come as text only.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            AUTHORITY,
            "`openssl req -x509` makes such ones unless it is told -addext basicConstraints=critical,CA:FALSE; do not check \
             it with -k",
        ),
        _ => ("certificate: not acceptable", ""),
    }
}

/// What may help against an alert.
fn advice(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server demands a certificate: give --cert FILE --key FILE"
        }
        AlertDescription::NoApplicationProtocol => "the server speaks none of --alpn",
        AlertDescription::ProtocolVersion => "the server does not speak the version of --tls",
        AlertDescription::UnrecognisedName => "the server does not know this name: see --sni",
        _ => "",
    }
}

/// Alerts by their names in RFC 8446 §6 and RFC 5246 §7.2.
fn name(alert: AlertDescription) -> &'static str {
    match u8::from(alert) {
        10 => "alert unexpected_message",
        20 => "alert bad_record_mac",
        22 => "alert record_overflow",
        40 => "alert handshake_failure",
        42 => "alert bad_certificate",
        43 => "alert unsupported_certificate",
        44 => "alert certificate_revoked",
        45 => "alert certificate_expired",
        46 => "alert certificate_unknown",
        47 => "alert illegal_parameter",
        48 => "alert unknown_ca",
        49 => "alert access_denied",
        50 => "alert decode_error",
        51 => "alert decrypt_error",
        70 => "alert protocol_version",
        71 => "alert insufficient_security",
        80 => "alert internal_error",
        86 => "alert inappropriate_fallback",
        90 => "alert user_canceled",
        100 => "alert no_renegotiation",
        109 => "alert missing_extension",
        110 => "alert unsupported_extension",
        112 => "alert unrecognized_name",
        113 => "alert bad_certificate_status_response",
        115 => "alert unknown_psk_identity",
        116 => "alert certificate_required",
        120 => "alert no_application_protocol",
        _ => "alert of another kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_say_what_helps() {
        let fault = Fault::new(&Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert_eq!(fault.kind, "certificate: unknown issuer");
        assert!(fault.detail.contains("--cacert"), "{fault:?}");
        let fault = Fault::new(&Error::AlertReceived(AlertDescription::CertificateRequired));
        assert_eq!(fault.kind, "alert certificate_required");
        assert!(fault.detail.contains("--cert FILE"), "{fault:?}");
        let fault = Fault::new(&Error::AlertReceived(AlertDescription::Unknown(250)));
        assert_eq!(fault.kind, "alert of another kind");
        assert_eq!(fault.detail, "");
    }
}
