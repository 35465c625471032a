//! Flags that say what is sent.

use crate::{rotation::Rotate, template::FeedFlag};
use std::path::PathBuf;

/// A request made from flags, and how requests follow each other.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Requests {
    /// Method of the request. By default GET, or POST with a body
    #[arg(short, long, value_name = "METHOD", conflicts_with_all = ["raw", "ws", "ws_msg"])]
    pub method: Option<String>,

    /// A header field, like 'Accept: text/html'; may be given several times. Host takes the place of the URL's. With
    /// WebSocket it is one of the opening handshake. Result files do not have the values of Authorization and Cookie
    #[arg(
        short = 'H',
        long = "header",
        value_name = "FIELD",
        conflicts_with = "raw"
    )]
    pub headers: Vec<String>,

    /// Body of the request, sent with its Content-Length; @FILE reads it from a file. Placeholders as in templates
    #[arg(short = 'B', long, value_name = "TEXT|@FILE", conflicts_with_all = ["raw", "ws", "ws_msg", "body_file"])]
    pub body: Option<String>,

    /// The same, always from a file
    #[arg(short = 'D', long, value_name = "FILE", conflicts_with_all = ["raw", "ws", "ws_msg"])]
    pub body_file: Option<PathBuf>,

    /// Content-Type of the request
    #[arg(short = 'T', long, value_name = "TYPE", conflicts_with_all = ["raw", "ws", "ws_msg"])]
    pub content_type: Option<String>,

    /// User and password, sent with every request or opening handshake (Basic). Result files do not have the password
    #[arg(short, long, value_name = "USER:PASSWORD", conflicts_with = "raw")]
    pub auth: Option<String>,

    /// Let Content-Length of every template say how long its body is; it is added where it is missing. Without it that
    /// is done only where placeholders let a body with a Content-Length vary
    #[arg(long, conflicts_with_all = ["ws", "ws_msg"])]
    pub fix_length: bool,

    /// When a connection goes on to the next template: as it is opened again, after every request, or every request
    /// draws one. By default conn, and request with --urls and --targets
    #[arg(long, value_name = "WHEN", value_enum, conflicts_with_all = ["ws", "ws_msg"])]
    pub rotate: Option<Rotate>,

    /// Rows of a CSV file for requests, like users=users.csv. Its first line names the columns, and {users.id} stands for
    /// that column; all of one request are of one row. seq: one after the other, over all threads and workers; rand; or
    /// zipf:S, so that the k-th is drawn with a weight of 1/k^S. May be given several times
    #[arg(long = "feed", value_name = "NAME=FILE[,seq|rand|zipf:S]")]
    pub feeds: Vec<FeedFlag>,

    /// Request the URLs of this file, one a line, all of one host, as -m, -H and so on say. Paths will do when a URL is
    /// given, which also says where to connect to
    #[arg(long, value_name = "FILE", conflicts_with_all = ["raw", "ws", "ws_msg", "targets"])]
    pub urls: Option<PathBuf>,

    /// Send the requests of this file, as vegeta reads them: METHOD URL, lines of header fields, @FILE for a body, and an
    /// empty line after each
    #[arg(long, value_name = "FILE", conflicts_with_all = ["raw", "ws", "ws_msg", "method", "body", "body_file"])]
    pub targets: Option<PathBuf>,
}

impl Requests {
    /// The first flag that was given and means nothing with WebSocket.
    pub(crate) fn only_for_http(&self) -> Option<&'static str> {
        let flags = [
            (self.method.is_some(), "--method"),
            (self.body.is_some(), "--body"),
            (self.body_file.is_some(), "--body-file"),
            (self.content_type.is_some(), "--content-type"),
            (self.fix_length, "--fix-length"),
            (self.rotate.is_some(), "--rotate"),
            (self.urls.is_some(), "--urls"),
            (self.targets.is_some(), "--targets"),
        ];
        flags
            .into_iter()
            .find_map(|(given, flag)| given.then_some(flag))
    }
}
