//! CPU time used.

use std::time::Duration;

fn usage(who: libc::c_int) -> (Duration, Duration) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is writable memory of the right type; `who` is one of the RUSAGE constants.
    unsafe { libc::getrusage(who, usage.as_mut_ptr()) };
    // SAFETY: zeroed is a valid rusage, and the call can only have filled it in.
    let usage = unsafe { usage.assume_init() };
    let duration = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    (duration(usage.ru_utime), duration(usage.ru_stime))
}

/// User and system time of the whole process.
pub fn process_cpu_time() -> (Duration, Duration) {
    usage(libc::RUSAGE_SELF)
}

/// User and system time of the calling thread.
pub fn thread_cpu_time() -> (Duration, Duration) {
    usage(libc::RUSAGE_THREAD)
}
