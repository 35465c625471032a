//! Numbers as the arena's scripts expect them: a unit follows without a space.

use crate::clock::Nanos;

/// A latency in us, ms or s.
pub(crate) fn latency(nanos: Nanos) -> String {
    let micros = nanos / 1000;
    match micros {
        0..1000 => format!("{micros}us"),
        1000..1_000_000 => format!("{:.2}ms", micros as f64 / 1e3),
        _ => format!("{:.2}s", micros as f64 / 1e6),
    }
}

/// A count with K or M.
pub(crate) fn count(count: f64) -> String {
    if count >= 1e6 {
        format!("{:.2}M", count / 1e6)
    } else if count >= 1e3 {
        format!("{:.2}K", count / 1e3)
    } else {
        format!("{}", count as u64)
    }
}

/// Bytes per second in powers of 1024. Never plain B/s, which the arena's site cannot read.
pub(crate) fn bandwidth(bytes_per_second: f64) -> String {
    const KIB: f64 = 1024.0;
    if bytes_per_second >= KIB * KIB * KIB {
        format!("{:.2}GB/s", bytes_per_second / KIB / KIB / KIB)
    } else if bytes_per_second >= KIB * KIB {
        format!("{:.2}MB/s", bytes_per_second / KIB / KIB)
    } else {
        format!("{:.2}KB/s", bytes_per_second / KIB)
    }
}

/// Bytes in powers of 1024.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..1_048_576 => format!("{:.1}KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1}MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.2}GiB", bytes as f64 / 1_073_741_824.0),
    }
}

/// A quotient, 0 when there is nothing to divide by.
pub(crate) fn per(value: f64, by: f64) -> f64 {
    if by > 0.0 { value / by } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_without_a_space() {
        assert_eq!(latency(999_999), "999us");
        assert_eq!(latency(1_000_000), "1.00ms");
        assert_eq!(latency(1_500_000_000), "1.50s");
        assert_eq!(count(999.7), "999");
        assert_eq!(count(4_152_851.0), "4.15M");
        assert_eq!(bandwidth(10.0), "0.01KB/s");
        assert_eq!(bandwidth(75_874_304.0), "72.36MB/s");
        assert_eq!(bandwidth(3e9), "2.79GB/s");
        assert_eq!(bytes(1023), "1023B");
        assert_eq!(bytes(1536), "1.5KiB");
        assert_eq!(bytes(3 << 20), "3.0MiB");
        assert_eq!(bytes(3_000_000_000), "2.79GiB");
        assert_eq!(per(1.0, 0.0), 0.0);
    }
}
