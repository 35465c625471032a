//! Flags of https:// and wss://.

use std::path::PathBuf;

const HEADING: &str = "TLS (https:// and wss://)";
/// What is offered where --alpn says nothing.
const ALPN_DEFAULT: &str = "http/1.1";
/// What offers nothing.
const ALPN_NONE: &str = "none";

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct TlsOptions {
    /// Accept any certificate of the server
    #[arg(help_heading = HEADING, short = 'k', long, conflicts_with = "cacert")]
    pub insecure: bool,

    /// Trust the authorities in this file (PEM) and no others; by default those of the system
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// Certificate of this client, and those that lead to its authority (PEM)
    #[arg(help_heading = HEADING, long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// Private key of --cert (PEM)
    #[arg(help_heading = HEADING, long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Name to ask for and to expect in the certificate; by default the URL's host
    #[arg(help_heading = HEADING, long, value_name = "NAME")]
    pub sni: Option<String>,

    /// Protocols to offer, the best first; what is spoken is HTTP/1.1 whatever the server chooses. Default: http/1.1;
    /// none offers nothing
    #[arg(help_heading = HEADING, long, value_name = "LIST", value_delimiter = ',', value_parser = parse_protocol)]
    pub alpn: Vec<String>,

    /// Offer this version only; by default 1.3 and 1.2
    #[arg(help_heading = HEADING, long, value_name = "VERSION", value_enum)]
    pub tls: Option<Version>,

    /// Resume earlier sessions when connections are opened again. Default: on
    #[arg(help_heading = HEADING, long, value_name = "on|off", value_enum)]
    pub tls_resume: Option<Switch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Version {
    #[value(name = "1.2")]
    V12,
    #[value(name = "1.3")]
    V13,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

impl TlsOptions {
    /// The first that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--insecure", self.insecure),
            ("--cacert", self.cacert.is_some()),
            ("--cert", self.cert.is_some()),
            ("--sni", self.sni.is_some()),
            ("--alpn", !self.alpn.is_empty()),
            ("--tls", self.tls.is_some()),
            ("--tls-resume", self.tls_resume.is_some()),
        ];
        flags
            .into_iter()
            .find_map(|(flag, given)| given.then_some(flag))
    }

    /// Protocols to offer.
    pub(crate) fn protocols(&self) -> impl Iterator<Item = &str> {
        let default = self.alpn.is_empty().then_some(ALPN_DEFAULT);
        let asked = self.alpn.iter().map(String::as_str);
        default
            .into_iter()
            .chain(asked)
            .filter(|name| *name != ALPN_NONE)
    }

    /// Whether sessions are resumed.
    pub(crate) fn resumes(&self) -> bool {
        self.tls_resume != Some(Switch::Off)
    }
}

fn parse_protocol(text: &str) -> Result<String, String> {
    match text {
        "h2" | "h3" => Err(format!(
            "{text} cannot be spoken by this version; http/1.1 can"
        )),
        // RFC 7301 §3.1.
        _ if matches!(text.len(), 1..=255) => Ok(text.into()),
        _ => Err("names of protocols have 1 to 255 bytes".into()),
    }
}
