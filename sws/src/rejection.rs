//! Why a request is not served, as an error that `?` can hand on.

use crate::reply::{IntoReply, Reply};
use serde::Serialize;
use std::{borrow::Cow, fmt};

/// An error with a status: what handlers return with `?`, answered as one line of `text/plain`, or as JSON.
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
    /// The reason is JSON.
    json: bool,
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
            json: false,
        }
    }

    /// A rejection that is answered with `value` as `application/json`; the status is as with [`new`](Self::new). A value that cannot be serialised
    /// makes it an [`internal`](Self::internal) one.
    ///
    /// ```
    /// use serde::Serialize;
    /// use sws::Rejection;
    ///
    /// #[derive(Serialize)]
    /// struct Problem {
    ///     field: &'static str,
    ///     problem: String,
    /// }
    ///
    /// let problem = Problem { field: "age", problem: "-3 is not between 0 and 150".to_owned() };
    /// let rejection = Rejection::json(422, &problem);
    /// assert_eq!(rejection.reason(), r#"{"field":"age","problem":"-3 is not between 0 and 150"}"#);
    /// ```
    pub fn json(status: u16, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_string(value) {
            Ok(text) => Self {
                json: true,
                ..Self::new(status, text)
            },
            Err(error) => Self::internal(error),
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
        let reply = if self.json {
            Reply::text(self.reason).content_type("application/json")
        } else {
            Reply::text(format!("{}\n", self.reason))
        };
        reply.status(self.status)
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

    #[test]
    fn json_is_answered_as_such() {
        let reply = Rejection::json(422, &["a", "b"]).into_reply();
        assert_eq!(reply.status_code(), 422);
        assert_eq!(
            reply.get_header("content-type"),
            Some(&b"application/json"[..])
        );
        assert_eq!(reply.body(), Some(&br#"["a","b"]"#[..]));
        let keys = std::collections::BTreeMap::from([([1, 2], 3)]);
        let impossible = Rejection::json(422, &keys);
        assert_eq!(impossible, Rejection::new(500, "the handler failed"));
        assert_eq!(Rejection::json(200, "no error").status(), 500);
    }
}
