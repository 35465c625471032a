//! What the running kernel does, found out by trying.

use crate::{BufRing, Cqe, Ring, SetupError, Token, op};
use std::{
    fmt, io,
    os::{fd::AsRawFd, unix::net::UnixStream},
    time::Duration,
};

const GROUP: u16 = u16::MAX;
const RECV: Token = Token::new(1, 1, 1);
const SEND: Token = Token::new(1, 2, 1);
const CANCEL: Token = Token::new(1, 3, 1);
/// Longer than any of it takes; only a kernel that behaves unlike all known ones reaches it.
const PATIENCE: Duration = Duration::from_millis(500);

/// What may be used. The base (multishot accept and receive, mapped buffer ring, `DEFER_TASKRUN`) is not
/// listed: without it [`Features::detect`] is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// [`op::send_fire`] reports every short send in the enter that submits it.
    pub fire_and_forget: bool,
}

impl Features {
    /// Builds a small ring on this thread and tries each feature on a socket pair; takes well under a
    /// millisecond. The answer holds for the process: call it once.
    pub fn detect() -> Result<Self, SetupError> {
        let mut ring = Ring::builder().sq_entries(16).cq_entries(64).build()?;
        if !ring.feature_bits_present() {
            return Err(SetupError::TooOld("EXT_ARG, CQE_SKIP or NODROP"));
        }
        multishot_receive(&mut ring)?;
        let fire_and_forget = fire_and_forget(&mut ring).unwrap_or(false);
        Ok(Self { fire_and_forget })
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.fire_and_forget {
            "fire-and-forget sends"
        } else {
            "tracked sends"
        })
    }
}

fn next(ring: &mut Ring) -> io::Result<Option<Cqe>> {
    if let Some(cqe) = ring.next_cqe() {
        return Ok(Some(cqe));
    }
    ring.enter(1, Some(PATIENCE))?;
    Ok(ring.next_cqe())
}

/// Two messages must give two completions that both leave the receive armed.
fn multishot_receive(ring: &mut Ring) -> Result<(), SetupError> {
    let too_old = || SetupError::TooOld("multishot receive");
    let (near, far) = UnixStream::pair().map_err(SetupError::Other)?;
    let mut buffers = BufRing::new(ring, GROUP, 4, 64)?;
    ring.push(op::recv_multishot(near.as_raw_fd(), GROUP).token(RECV));
    for text in [b"one", b"two"] {
        io::Write::write_all(&mut &far, text).map_err(SetupError::Other)?;
        let cqe = next(ring).map_err(SetupError::Other)?.ok_or_else(too_old)?;
        let lease = cqe.lease().ok_or_else(too_old)?;
        let same = buffers.open(&lease) == text;
        buffers.recycle(lease);
        buffers.publish();
        if !same || !cqe.more() {
            return Err(too_old());
        }
    }
    // The group may go only when the receive has ended.
    ring.push(op::cancel(RECV).token(CANCEL));
    let mut open = 2;
    while open > 0 {
        let cqe = next(ring).map_err(SetupError::Other)?.ok_or_else(too_old)?;
        open -= u32::from(!cqe.more());
    }
    buffers.unregister(ring).map_err(SetupError::Other)
}

/// A send that fits gives no completion; one that does not gives its count, and the next one `EAGAIN`, each
/// in the enter that submits it.
fn fire_and_forget(ring: &mut Ring) -> io::Result<bool> {
    let (near, _far) = UnixStream::pair()?;
    let data = vec![b'x'; 4 << 20];
    let mut fire = |len: usize| -> io::Result<Option<i32>> {
        // SAFETY: `data` outlives the ring's use of it: a send with MSG_DONTWAIT is over when enter returns.
        ring.push(
            unsafe { op::send_fire(near.as_raw_fd(), data.as_ptr(), len as u32) }.token(SEND),
        );
        ring.enter(0, None)?;
        let result = ring.next_cqe().map(|cqe| cqe.result);
        let second = ring.next_cqe().is_some();
        Ok(if second { Some(i32::MIN) } else { result })
    };
    let whole = fire(100)?;
    let part = fire(data.len())?;
    let none = fire(data.len())?;
    let part_is_short = part.is_some_and(|sent| sent > 0 && (sent as usize) < data.len());
    Ok(whole.is_none() && part_is_short && none == Some(-libc::EAGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_is_understood() {
        match Features::detect() {
            Ok(features) => println!("features: {features}"),
            Err(error @ (SetupError::Forbidden(_) | SetupError::Memory(_))) => {
                println!("skipped: {error}");
                assert!(std::env::var_os("SWS_REQUIRE_URING").is_none(), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}
