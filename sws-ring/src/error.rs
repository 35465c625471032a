//! Why a ring could not be had, and what to do about it.

use std::{error::Error, fmt, io};

/// A ring could not be set up. `Display` names the cause and the cure in one sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// `EPERM` or `ENOSYS`: a seccomp profile or a sysctl forbids io_uring.
    Forbidden(io::Error),
    /// `ENOMEM`, even for the smallest ring: the limit on locked memory is too small.
    Memory(io::Error),
    /// The kernel lacks something that the floor (6.1) has.
    TooOld(&'static str),
    /// Anything else.
    Other(io::Error),
}

impl SetupError {
    pub(crate) fn from_setup(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::ENOSYS | libc::EACCES) => Self::Forbidden(error),
            Some(libc::ENOMEM) => Self::Memory(error),
            Some(libc::EINVAL) => Self::TooOld("SINGLE_ISSUER | DEFER_TASKRUN"),
            _ => Self::Other(error),
        }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(e) => {
                write!(f, "io_uring is forbidden here ({e}): ")?;
                match std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
                    .as_deref()
                    .map(str::trim)
                {
                    Ok(level @ ("1" | "2")) => write!(
                        f,
                        "the sysctl kernel.io_uring_disabled is {level}; set it with `sysctl kernel.io_uring_disabled=0`"
                    ),
                    _ => write!(
                        f,
                        "a seccomp profile blocks it (in Docker run with `--security-opt seccomp=unconfined`) \
                         or the sysctl kernel.io_uring_disabled is set"
                    ),
                }
            }
            Self::Memory(e) => write!(
                f,
                "no memory for an io_uring ({e}): the limit on locked memory is too small; raise it \
                 (`ulimit -l`, in Docker `--ulimit memlock=-1:-1`) or run fewer reactors"
            ),
            Self::TooOld(what) => {
                write!(
                    f,
                    "this kernel's io_uring lacks {what}; Linux 6.1 or later is needed"
                )
            }
            Self::Other(e) => write!(f, "io_uring could not be set up: {e}"),
        }
    }
}

impl Error for SetupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Forbidden(e) | Self::Memory(e) | Self::Other(e) => Some(e),
            Self::TooOld(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(errno: i32) -> String {
        SetupError::from_setup(io::Error::from_raw_os_error(errno)).to_string()
    }

    #[test]
    fn each_error_names_its_cure() {
        assert!(text(libc::EPERM).contains("kernel.io_uring_disabled"));
        assert!(text(libc::ENOSYS).contains("io_uring_disabled"));
        assert!(text(libc::ENOMEM).contains("--ulimit memlock=-1:-1"));
        assert!(text(libc::EINVAL).contains("6.1"));
    }
}
