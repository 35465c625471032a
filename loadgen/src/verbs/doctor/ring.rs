//! The kernel and its io_uring.

use super::Finding;
use crate::machine::{limits, line};
use sws_ring::{Features, Ring, SetupError};

/// What `sws-ring` needs.
const KERNEL_MIN: (u32, u32) = (6, 1);

pub(super) fn check() -> Vec<Finding> {
    let release = line("/proc/sys/kernel/osrelease").unwrap_or_default();
    vec![kernel(&release), ring(), features()]
}

fn kernel(release: &str) -> Finding {
    match limits::kernel(release) {
        None => Finding::unknown("kernel"),
        Some(version) if version >= KERNEL_MIN => Finding::ok("kernel", format!("Linux {release}")),
        Some(_) => Finding::bad(
            "kernel",
            format!("Linux {release}"),
            format!("use Linux {}.{} or later", KERNEL_MIN.0, KERNEL_MIN.1),
        ),
    }
}

fn ring() -> Finding {
    match Ring::builder().build() {
        Ok(ring) => Finding::ok("io_uring", format!("available, {}", ring.setup_summary())),
        Err(error) => refused(
            &error,
            line("/proc/sys/kernel/io_uring_disabled").as_deref(),
        ),
    }
}

/// Why there is no ring, and what to do.
fn refused(error: &SetupError, disabled: Option<&str>) -> Finding {
    let fix = match (error, disabled) {
        (SetupError::Forbidden(_), Some("1" | "2")) => "sudo sysctl -w kernel.io_uring_disabled=0",
        (SetupError::Forbidden(_), _) => {
            "docker run --security-opt seccomp=unconfined … (a seccomp profile blocks io_uring_setup)"
        }
        (SetupError::Memory(_), _) => "ulimit -l unlimited (Docker: --ulimit memlock=-1:-1)",
        _ => "use Linux 6.1 or later",
    };
    Finding::bad("io_uring", error.to_string(), fix)
}

fn features() -> Finding {
    match Features::detect() {
        Ok(features) if features.fire_and_forget => {
            Finding::ok("features", format!("{features}, tried on a socket pair"))
        }
        Ok(features) => Finding::warn(
            "features",
            format!(
                "{features}: this kernel failed the test of untracked ones, so requests cost more"
            ),
            "use the newest kernel that there is",
        ),
        Err(_) => Finding::unknown("features"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::doctor::Level;
    use std::io;

    #[test]
    fn old_kernels_are_bad() {
        assert_eq!(kernel("6.1.0").level, Level::Ok);
        assert_eq!(kernel("7.0-rc1").level, Level::Ok);
        assert_eq!(kernel("5.15.0-91-generic").level, Level::Bad);
        assert_eq!(kernel("").level, Level::Unknown);
    }

    #[test]
    fn each_refusal_has_its_own_cure() {
        let fix = |error: SetupError, disabled| refused(&error, disabled).fix.unwrap();
        let os = |errno| io::Error::from_raw_os_error(errno);
        let forbidden = || SetupError::Forbidden(os(libc::EPERM));
        assert!(fix(forbidden(), Some("2")).contains("sysctl -w kernel.io_uring_disabled=0"));
        assert!(fix(forbidden(), Some("0")).contains("seccomp"));
        assert!(fix(forbidden(), None).contains("seccomp"));
        assert!(fix(SetupError::Memory(os(libc::ENOMEM)), None).contains("ulimit -l"));
        assert!(fix(SetupError::TooOld("x"), None).contains("6.1"));
    }
}
