//! CPU time used.

use std::{io, time::Duration};

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

/// CPU time of all threads, also of those that have ended, of the process with this id. It may be somebody else's.
///
/// # Errors
///
/// There is no such process.
pub fn cpu_time_of(process: u32) -> io::Result<Duration> {
    let process =
        libc::pid_t::try_from(process).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` is writable for the call.
    let error = unsafe { libc::clock_getcpuclockid(process, &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is writable for the call; a clock that is gone is an error.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_processes_have_a_clock_too() {
        let own = cpu_time_of(std::process::id()).unwrap();
        assert!(own > Duration::ZERO);
        assert!(cpu_time_of(std::process::id()).unwrap() >= own);
        assert!(cpu_time_of(u32::MAX).is_err());
        // Above the largest pid_max.
        assert!(cpu_time_of(1 << 23).is_err());
    }
}
