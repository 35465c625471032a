//! Building an entry.

use super::Mode;
use crate::cleanup::Process;
use crate::entries::Entry;
use crate::error::{Context, Error};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A `run.sh build` that ends with this has said what the machine has not got.
const SKIPPED: i32 = 77;

/// What to know about a native run of an entry that means to use io_uring on a
/// machine that forbids it: it may fall back to something else unseen.
pub fn caution(entry: &Entry, mode: &Mode) -> Option<String> {
    if entry.meta.engine != "io_uring" || !matches!(mode, Mode::Native) {
        return None;
    }
    let value = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok()?;
    let value = value.trim();
    (value != "0").then(|| {
        format!(
            "caution: kernel.io_uring_disabled is {value}: {} is built for io_uring and may run on something else",
            entry.name
        )
    })
}

/// Builds an entry with its own script or with Docker; output goes to the
/// terminal.
///
/// # Errors
/// When there is nothing to build with or the build fails. Apart from that
/// ([`Error::is_skip`]) when the entry says that this machine lacks what it needs.
pub fn build(entry: &Entry, mode: &Mode) -> Result<(), Error> {
    let mut command = match mode {
        Mode::Native => {
            runnable(&entry.script)?;
            let mut command = Command::new(&entry.script);
            command.arg("build").current_dir(&entry.folder);
            command
        }
        Mode::Docker(docker) => docker.build_command(entry),
    };
    println!("building {} ...", entry.name);
    if let Some(caution) = caution(entry, mode) {
        println!("{caution}");
    }
    // The report's lines and the builder's must not overtake each other.
    let _ = std::io::stdout().flush();
    let mut process = Process::spawn(command.stdin(Stdio::null()), None)
        .context(|| format!("start the build of {}", entry.name))?;
    let status = process.wait(Duration::MAX);
    if status.is_some_and(|status| status.success()) {
        return Ok(());
    }
    if status.is_some_and(|status| status.code() == Some(SKIPPED)) {
        return Err(Error::skip(format!(
            "skipped: this machine lacks what {} needs",
            entry.name
        )));
    }
    let status = status.map_or_else(|| "no status".into(), |status| status.to_string());
    Err(Error::environment(format!(
        "{} could not be built ({status})",
        entry.name
    )))
}

/// Whether a script is there and may be run.
pub(super) fn runnable(script: &Path) -> Result<(), Error> {
    let found = std::fs::metadata(script)
        .map_err(|error| Error::environment(format!("{} is missing: {error}", script.display())))?;
    if found.permissions().mode() & 0o111 == 0 {
        return Err(Error::environment(format!(
            "{} is not executable",
            script.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::scripts::entry;

    #[test]
    fn only_io_uring_entries_can_be_cautioned() {
        let folder = tempfile::tempdir().unwrap();
        let mut entry = entry(folder.path(), "");
        assert_eq!(caution(&entry, &Mode::Native), None);
        entry.meta.engine = "io_uring".into();
        let forbidden = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
            .is_ok_and(|value| value.trim() != "0");
        assert_eq!(caution(&entry, &Mode::Native).is_some(), forbidden);
    }

    #[test]
    fn a_failing_build_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = build(&entry(folder.path(), "exit 1"), &Mode::Native).unwrap_err();
        assert_eq!((error.exit_code(), error.is_skip()), (3, false));
        let error = build(&entry(folder.path(), "exit 77"), &Mode::Native).unwrap_err();
        assert_eq!((error.exit_code(), error.is_skip()), (3, true));
        assert!(error.to_string().starts_with("skipped: "), "{error}");
        std::fs::remove_file(folder.path().join("run.sh")).unwrap();
        let mut missing = entry(folder.path(), "");
        missing.script = folder.path().join("absent.sh");
        assert!(
            build(&missing, &Mode::Native)
                .unwrap_err()
                .to_string()
                .contains("is missing")
        );
    }
}
