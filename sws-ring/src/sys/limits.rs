//! Resource limits.

use std::io;

/// Open files that the process may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NofileLimit {
    /// The limit in force.
    pub soft: u64,
    /// What it can be raised to.
    pub hard: u64,
}

fn get(resource: libc::__rlimit_resource_t) -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit for the call to fill.
    match unsafe { libc::getrlimit(resource, &raw mut limit) } {
        0 => Ok(limit),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Raises the soft limit on open files to the hard one and says what is in force then.
pub fn raise_nofile() -> io::Result<NofileLimit> {
    let mut limit = get(libc::RLIMIT_NOFILE)?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is a valid rlimit.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            limit = get(libc::RLIMIT_NOFILE)?;
        }
    }
    Ok(NofileLimit {
        soft: limit.rlim_cur,
        hard: limit.rlim_max,
    })
}

/// Bytes of memory that may be locked; `None` is no limit.
pub fn memlock_limit() -> Option<u64> {
    match get(libc::RLIMIT_MEMLOCK) {
        Ok(limit) if limit.rlim_cur != libc::RLIM_INFINITY => Some(limit.rlim_cur),
        _ => None,
    }
}
