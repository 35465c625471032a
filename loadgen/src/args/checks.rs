//! What answers must be beside their status and framing.

use crate::checks::{HeaderRule, Validate};
use std::path::PathBuf;

/// Checks of heads and bodies.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Checks {
    /// Expected body of every answer, byte for byte; @FILE reads it from a file, sha256:HEX says only what its hash is
    #[arg(long, value_name = "TEXT|@FILE|sha256:HEX", conflicts_with_all = ["ws", "ws_msg", "golden"])]
    pub expect_body: Option<String>,

    /// Expected size of every body, in bytes and without its framing
    #[arg(long, value_name = "BYTES", conflicts_with_all = ["ws", "ws_msg"])]
    pub expect_size: Option<u64>,

    /// A field that every answer must have, with this value or with any; may be given several times. The name may be in
    /// any case, the value counts byte for byte
    #[arg(long, value_name = "NAME[: VALUE]", conflicts_with_all = ["ws", "ws_msg"], value_parser = HeaderRule::parse)]
    pub expect_header: Vec<HeaderRule>,

    /// Expected bodies, one for each template and in their order: files, sha256:HEX, or - where any body will do. Or one
    /// directory, in which the body for the template x.raw is in x.body
    #[arg(long, value_name = "FILES|DIR", allow_hyphen_values = true, value_delimiter = ',', conflicts_with_all = ["ws", "ws_msg"])]
    pub golden: Vec<PathBuf>,

    /// Which bodies are compared with what they should be: all, 1/N (about one in N, at random distances), first:N (the
    /// first N of each template), off. Status, fields and framing of every answer are checked in any case [default: all]
    #[arg(long, value_name = "WHICH", conflicts_with_all = ["ws", "ws_msg"], value_parser = Validate::parse)]
    pub validate: Option<Validate>,
}
impl Checks {
    /// The first flag that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            (self.expect_body.is_some(), "--expect-body"),
            (self.expect_size.is_some(), "--expect-size"),
            (!self.expect_header.is_empty(), "--expect-header"),
            (!self.golden.is_empty(), "--golden"),
            (self.validate.is_some(), "--validate"),
        ];
        flags
            .into_iter()
            .find_map(|(given, flag)| given.then_some(flag))
    }
}
