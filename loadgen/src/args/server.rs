//! Flags that say where the server runs, so that its side is measured as well.

use std::path::PathBuf;

/// The server, when it runs on this machine.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(id = "server", multiple = false)]
pub(crate) struct Server {
    /// Measure the process with this id over the window as well, with its threads and child processes: CPU time per
    /// answer, memory, context switches. May be given several times
    #[arg(long, value_name = "PID", value_parser = super::number::whole::<u32>(1..))]
    pub server_pid: Vec<u32>,

    /// The same for all processes of this cgroup: a directory under /sys/fs/cgroup, or its path from there
    #[arg(long, value_name = "PATH")]
    pub server_cgroup: Option<PathBuf>,

    /// The same for a container, by the name or id that docker or podman on this machine know it by
    #[arg(long, value_name = "NAME")]
    pub server_container: Option<String>,
}
