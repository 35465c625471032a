//! Why a command ends early, and with which exit code.

use std::fmt;

/// A command that could not do its work. Failed checks are results, not errors:
/// they have exit code 1 and never travel as this type.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usage,
    Environment,
    Skip,
}

impl Error {
    /// The caller asked for something that does not exist (exit code 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Usage,
            message: message.into(),
        }
    }

    /// Something could not be built, started, read or written (exit code 3).
    pub fn environment(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Environment,
            message: message.into(),
        }
    }

    /// The machine lacks something that only one entry needs (exit code 3).
    pub fn skip(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Skip,
            message: message.into(),
        }
    }

    /// Whether the others may go on as if this one had not been asked for.
    pub fn is_skip(&self) -> bool {
        self.kind == Kind::Skip
    }

    /// The process exit code that stands for this error.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::Environment | Kind::Skip => 3,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Adds what was being done to an error of the operating system or a library.
pub(crate) trait Context<T> {
    /// `doing` reads after "cannot", as in "write data/dataset.json".
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| Error::environment(format!("cannot {}: {error}", doing())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_fixed() {
        assert_eq!(Error::usage("x").exit_code(), 2);
        assert_eq!(Error::environment("x").exit_code(), 3);
    }

    #[test]
    fn context_names_the_act() {
        let failed: Result<(), _> = Err(std::io::Error::other("disk on fire"));
        let error = failed.context(|| "write a file".into()).unwrap_err();
        assert_eq!(error.to_string(), "cannot write a file: disk on fire");
    }
}
