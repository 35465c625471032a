//! The ring: submission, completion, one enter a turn.

use crate::{Cqe, SetupError, Sqe};
use io_uring::{CompletionQueue, EnterFlags, IoUring, SubmissionQueue, Submitter, squeue, types};
use std::{
    collections::VecDeque,
    fmt, io,
    marker::PhantomData,
    os::fd::{AsRawFd, RawFd},
    time::Duration,
};

/// Sizes of a ring to be built; see [`Ring::builder`].
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    sq_entries: u32,
    cq_entries: u32,
}

/// An io_uring that belongs to the thread that built it.
pub struct Ring {
    // The three parts point into `uring` and are declared before it, so they are dropped first.
    submitter: Submitter<'static>,
    sq: SubmissionQueue<'static>,
    cq: CompletionQueue<'static>,
    uring: Box<IoUring>,
    /// Operations that did not fit the submission queue; almost always empty.
    backlog: VecDeque<squeue::Entry>,
    enters: u64,
    no_sqarray: bool,
    registered_fd: bool,
    /// `SINGLE_ISSUER`: only the thread that built the ring may enter it.
    not_send: PhantomData<*mut ()>,
}

impl Builder {
    /// Operations that fit into one submission (power of two). When more are pushed, the ring submits early.
    pub fn sq_entries(mut self, entries: u32) -> Self {
        self.sq_entries = entries;
        self
    }

    /// Completions that fit before the kernel has to keep an overflow list (power of two).
    pub fn cq_entries(mut self, entries: u32) -> Self {
        self.cq_entries = entries;
        self
    }

    /// Builds the ring on this thread.
    ///
    /// From Linux 6.14 on a ring counts against `RLIMIT_MEMLOCK`; when that is too small the queues are halved
    /// and tried again, down to 64 and 256 entries. `NO_SQARRAY` (6.6) is dropped where it is unknown.
    pub fn build(self) -> Result<Ring, SetupError> {
        let (mut sq_entries, mut cq_entries) = (self.sq_entries, self.cq_entries);
        loop {
            let error = match Self::try_build(sq_entries, cq_entries) {
                Ok(ring) => return Ok(ring),
                Err(error) => error,
            };
            if error.raw_os_error() != Some(libc::ENOMEM) || (sq_entries <= 64 && cq_entries <= 256)
            {
                return Err(SetupError::from_setup(error));
            }
            cq_entries = (cq_entries / 2).max(256);
            sq_entries = (sq_entries / 2).max(64);
            // Memory of a ring that was just dropped is given back asynchronously.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn try_build(sq_entries: u32, cq_entries: u32) -> io::Result<Ring> {
        let build = |no_sqarray: bool| {
            let mut builder = IoUring::builder();
            builder
                .setup_single_issuer()
                .setup_defer_taskrun()
                .setup_coop_taskrun()
                .setup_submit_all()
                .setup_clamp()
                .setup_cqsize(cq_entries.max(sq_entries));
            if no_sqarray {
                builder.setup_no_sqarray();
            }
            builder.build(sq_entries)
        };
        match build(true) {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Ok(Ring::new(build(false)?, false)),
            uring => Ok(Ring::new(uring?, true)),
        }
    }
}

impl Ring {
    /// Starts from 256 submission and 2048 completion entries: about 70 KiB, so that 64 rings fit into the
    /// common 8 MiB of locked memory.
    pub fn builder() -> Builder {
        Builder {
            sq_entries: 256,
            cq_entries: 2048,
        }
    }

    fn new(uring: IoUring, no_sqarray: bool) -> Self {
        let mut uring = Box::new(uring);
        let pointer: *mut IoUring = &raw mut *uring;
        // SAFETY: the box keeps the ring at one address for as long as `Self` lives, nothing else uses
        // `uring` but for its descriptor, and the three parts are dropped before it (field order).
        let (mut submitter, sq, cq) = unsafe { (*pointer).split() };
        // The crate keeps the registered index in this one `Submitter`, which is why the split parts are held.
        let registered_fd = submitter.register_ring_fd().is_ok();
        // A guard, not a tuning: nothing here should ever reach io-wq, and a mistake must not spawn hundreds
        // of kernel threads. Failing to set it changes nothing.
        let _ = submitter.register_iowq_max_workers(&mut [1, 1]);
        Self {
            submitter,
            sq,
            cq,
            uring,
            backlog: VecDeque::new(),
            enters: 0,
            no_sqarray,
            registered_fd,
            not_send: PhantomData,
        }
    }

    /// Queues an operation for the next [`enter`](Self::enter). When the submission queue is full it submits
    /// early (without running completions), so an operation is never lost.
    #[inline]
    pub fn push(&mut self, sqe: Sqe) {
        // SAFETY: whoever made an operation that carries a pointer promised, in the unsafe constructor, that
        // the memory stays valid until its last completion.
        if !self.backlog.is_empty() || unsafe { self.sq.push(&sqe.entry) }.is_err() {
            self.push_slow(sqe);
        }
    }

    #[cold]
    fn push_slow(&mut self, sqe: Sqe) {
        self.backlog.push_back(sqe.entry);
        self.sq.sync();
        // A refusal (EBUSY while completions overflow) leaves the queue as it is; the backlog holds the rest.
        let _ = self.submitter.submit();
        self.sq.sync();
        self.drain_backlog();
    }

    fn drain_backlog(&mut self) {
        while let Some(entry) = self.backlog.front() {
            // SAFETY: as in `push`.
            if unsafe { self.sq.push(entry) }.is_err() {
                break;
            }
            self.backlog.pop_front();
        }
    }

    /// Submits what was pushed, then waits until `want` completions are there or `timeout` has passed (`None`:
    /// no limit). With `want` 0 it runs the completions that are ready and returns.
    ///
    /// Interruption by a signal, the timeout and a full completion queue are not errors: the caller goes on by
    /// reaping completions.
    #[inline]
    pub fn enter(&mut self, want: u32, timeout: Option<Duration>) -> io::Result<()> {
        if !self.backlog.is_empty() {
            self.drain_backlog();
        }
        self.sq.sync();
        self.enters += 1;
        let timeout = if want == 0 || !self.backlog.is_empty() {
            Some(Duration::ZERO)
        } else {
            timeout
        };
        // DEFER_TASKRUN runs completions only in an enter that asks for events, so `want` is at least one; a
        // zero timeout makes that return at once.
        let entered = match timeout {
            Some(timeout) => {
                let timespec = types::Timespec::from(timeout);
                self.submitter.submit_with_args(
                    want.max(1) as usize,
                    &types::SubmitArgs::new().timespec(&timespec),
                )
            }
            None => self.submitter.submit_and_wait(want as usize),
        };
        self.after(entered.map(drop))
    }

    #[inline]
    fn after(&mut self, entered: io::Result<()>) -> io::Result<()> {
        self.sq.sync();
        self.cq.sync();
        match entered {
            Ok(()) => Ok(()),
            Err(e) => match e.raw_os_error() {
                Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY) => Ok(()),
                _ => Err(e),
            },
        }
    }

    /// As [`enter`](Self::enter), waiting until an instant of the monotonic clock ([`sys::monotonic`](crate::sys::monotonic)).
    /// What submitting takes does not add to it, and the timer has no slack.
    ///
    /// Before Linux 6.12 waits are relative, so there an enter that submits and one that waits are made.
    #[inline]
    pub fn enter_until(&mut self, want: u32, until: Duration) -> io::Result<()> {
        if !self.uring.params().is_feature_min_timeout() {
            if !self.sq.is_empty() || !self.backlog.is_empty() {
                self.enter(0, None)?;
            }
            let left = until.saturating_sub(crate::sys::monotonic());
            return self.enter(want, Some(left));
        }
        if !self.backlog.is_empty() {
            return self.enter(want, None);
        }
        self.sq.sync();
        self.enters += 1;
        let timespec = types::Timespec::from(until);
        let arguments = types::SubmitArgs::new().timespec(&timespec);
        let flags = EnterFlags::EXT_ARG | EnterFlags::GETEVENTS | EnterFlags::ABS_TIMER;
        let count = self.sq.len() as u32;
        // SAFETY: the flags say what the argument is, and it and the time live through the call.
        let entered = unsafe {
            self.submitter
                .enter(count, want.max(1), flags.bits(), Some(&arguments))
        };
        self.after(entered.map(drop))
    }

    /// The next completion; `None` gives the places of those taken back to the kernel.
    #[inline]
    pub fn next_cqe(&mut self) -> Option<Cqe> {
        match self.cq.next() {
            Some(entry) => Some(entry.into()),
            None => {
                // Without this the kernel sees a queue that is never emptied and every wait returns at once.
                self.cq.sync();
                None
            }
        }
    }

    /// Whether the kernel has taken every operation and no completion waits in its overflow list. Memory of
    /// fire-and-forget sends may be reused only then.
    #[inline]
    pub fn settled(&self) -> bool {
        self.backlog.is_empty() && self.sq.is_empty() && !self.sq.cq_overflow()
    }

    /// Calls of [`enter`](Self::enter) so far.
    pub fn enters(&self) -> u64 {
        self.enters
    }

    /// Completions that the kernel dropped because it had no memory for its overflow list. Anything but 0
    /// means that the state of some operation is unknown.
    pub fn dropped_cqes(&self) -> u32 {
        self.cq.overflow()
    }

    /// What this ring was set up with, as text for a start-up line, added to what [`Features`](crate::Features) says.
    pub fn setup_summary(&self) -> &'static str {
        match (self.no_sqarray, self.registered_fd) {
            (true, true) => "defer_taskrun, no_sqarray, registered ring",
            (true, false) => "defer_taskrun, no_sqarray",
            (false, true) => "defer_taskrun, registered ring",
            (false, false) => "defer_taskrun",
        }
    }

    pub(crate) fn submitter(&self) -> &Submitter<'static> {
        &self.submitter
    }

    pub(crate) fn feature_bits_present(&self) -> bool {
        let parameters = self.uring.params();
        parameters.is_feature_ext_arg()
            && parameters.is_feature_skip_cqe_on_success()
            && parameters.is_feature_nodrop()
    }
}

impl AsRawFd for Ring {
    fn as_raw_fd(&self) -> RawFd {
        self.uring.as_raw_fd()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The kernel's table of registered ring descriptors has 16 places a task and outlives the ring.
        if self.registered_fd {
            let _ = self.submitter.unregister_ring_fd();
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("fd", &self.as_raw_fd())
            .field("enters", &self.enters)
            .finish_non_exhaustive()
    }
}
