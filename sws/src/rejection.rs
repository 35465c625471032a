//! Why a request is not served, as an error that `?` can hand on.

use crate::reply::{IntoReply, Reply};
use std::{borrow::Cow, fmt};

/// An error with a status: what handlers return with `?`, answered as one line of `text/plain`.
///
/// ```
/// use sws::{Answered, Rejection, Request, Response};
///
/// fn double(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
///     let n: u32 = request.param_as("n")?;
///     let twice = n.checked_mul(2).ok_or(Rejection::new(422, "too large"))?;
///     Ok(response.text(twice.to_string()))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    status: u16,
    reason: Cow<'static, str>,
}

impl Rejection {
    /// A rejection with a status (400 to 599; anything else becomes 500) and a reason that the client may know.
    pub fn new(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: if (400..600).contains(&status) {
                status
            } else {
                500
            },
            reason: reason.into(),
        }
    }

    /// 400: the request makes no sense.
    pub fn bad_request(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, reason)
    }

    /// 404: there is no such thing.
    pub fn not_found() -> Self {
        Self::new(404, "not found")
    }

    /// 500. What went wrong is not the client's business: it goes to standard error, the client learns that it failed.
    pub fn internal(error: impl fmt::Display) -> Self {
        eprintln!("sws: a handler failed: {error}");
        Self::new(500, "the handler failed")
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What the client is told.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.reason)
    }
}

impl std::error::Error for Rejection {}

impl IntoReply for Rejection {
    fn into_reply(self) -> Reply {
        Reply::text(format!("{}\n", self.reason)).status(self.status)
    }
}

/// What can go wrong on the way to an answer is answered like the [`Rejection`] that it becomes.
macro_rules! answered_as_rejections {
    ($($error:ty),+) => {$(
        impl IntoReply for $error {
            fn into_reply(self) -> Reply {
                Rejection::from(self).into_reply()
            }
        }
    )+};
}

answered_as_rejections!(
    crate::next::SubmitError,
    crate::next::TooManyTasks,
    crate::next::JoinError,
    crate::time::Elapsed,
    crate::Stopped,
    crate::BodyError
);

impl From<crate::next::SubmitError> for Rejection {
    fn from(error: crate::next::SubmitError) -> Self {
        Self::of_server(error.status(), &error)
    }
}

impl From<crate::next::TooManyTasks> for Rejection {
    fn from(error: crate::next::TooManyTasks) -> Self {
        Self::of_server(error.status(), &error)
    }
}

impl From<crate::next::JoinError> for Rejection {
    fn from(error: crate::next::JoinError) -> Self {
        Self::of_server(error.status(), &error)
    }
}

impl From<crate::Stopped> for Rejection {
    fn from(error: crate::Stopped) -> Self {
        Self::of_server(503, &error)
    }
}

/// 400, which hardly anybody sees: whose body cannot be read has gone, or has been answered already.
impl From<crate::BodyError> for Rejection {
    fn from(error: crate::BodyError) -> Self {
        Self::new(400, error.to_string())
    }
}

/// 504 Gateway Timeout is for others' timeouts: what this server did not manage in time is 503.
impl From<crate::time::Elapsed> for Rejection {
    fn from(_: crate::time::Elapsed) -> Self {
        Self::new(503, "it took too long")
    }
}

impl Rejection {
    /// A fault of the server's that the client may come back after (503), or that it need not know (500).
    fn of_server(status: u16, error: &dyn fmt::Display) -> Self {
        match status {
            503 => Self::new(503, "the server is busy"),
            _ => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_answers_with_their_status() {
        assert_eq!(
            crate::next::SubmitError::QueueFull
                .into_reply()
                .status_code(),
            503
        );
        assert_eq!(
            crate::next::SubmitError::NoPool.into_reply().status_code(),
            500
        );
        assert_eq!(
            crate::next::JoinError::Cancelled.into_reply().status_code(),
            503
        );
        let both: Result<&str, crate::next::SubmitError> = Err(crate::next::SubmitError::Stopped);
        assert_eq!(both.into_reply().status_code(), 503);
        assert_eq!(Rejection::new(200, "no error").status(), 500);
    }
}
