//! Flags for connections that are held open for their own sake.

/// What to do with connections that are not kept busy.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Hold {
    /// Hold the connections and send nothing but what --rate asks for, on one connection after the other, so that all are
    /// used in turn. Connections that the server ends are counted and named, and make the exit status 1
    #[arg(long, conflicts_with_all = ["requests", "think", "requests_per_connection"])]
    pub idle: bool,

    /// What is done on WebSocket connections; implies --ws. With push and connect-only connections are upgraded and held as
    /// with --idle, and no message is sent
    #[arg(long, value_name = "MODE", value_enum, conflicts_with_all = ["raw", "expect_status", "expect_body"])]
    pub ws_mode: Option<WsMode>,
}

/// What WebSocket connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WsMode {
    /// Send messages, and expect each to come back (the default)
    Echo,
    /// Count the messages that the server sends by itself
    Push,
    /// Nothing; a message from the server is an error
    ConnectOnly,
}
