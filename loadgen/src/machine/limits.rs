//! Limits of processes and of the network.

/// The soft and the hard limit of a resource in /proc/self/limits; `None` is no limit.
pub(crate) fn resource(limits: &str, name: &str) -> Option<(Option<u64>, Option<u64>)> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut fields = rest.split_whitespace();
    let mut limit = || match fields.next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some((limit()?, limit()?))
}

/// How many ports net.ipv4.ip_local_port_range has.
pub(crate) fn ports(range: &str) -> Option<u64> {
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    (first <= last).then(|| last - first + 1)
}

/// A value of /proc/meminfo, in bytes.
pub(crate) fn memory(meminfo: &str, name: &str) -> Option<u64> {
    let rest = meminfo
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The first two numbers of a kernel's version.
pub(crate) fn kernel(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max cpu time              unlimited            unlimited            seconds   \n\
                    Max open files            1024                 524288               files     \n\
                    Max locked memory         8388608              unlimited            bytes     \n";
        assert_eq!(
            resource(text, "Max open files"),
            Some((Some(1024), Some(524_288)))
        );
        assert_eq!(
            resource(text, "Max locked memory"),
            Some((Some(8_388_608), None))
        );
        assert_eq!(resource(text, "Max nice priority"), None);
        assert_eq!(
            resource("Max open files  x  y files", "Max open files"),
            None
        );
    }

    #[test]
    fn port_ranges() {
        assert_eq!(ports("32768\t60999\n"), Some(28_232));
        assert_eq!(ports("5 5"), Some(1));
        for bad in ["", "5", "9 5", "a b"] {
            assert_eq!(ports(bad), None, "{bad}");
        }
    }

    #[test]
    fn memory_and_version() {
        let text =
            "MemTotal:       24683520 kB\nMemAvailable:    1024 kB\nHugePages_Total:       0\n";
        assert_eq!(memory(text, "MemAvailable"), Some(1 << 20));
        assert_eq!(memory(text, "Mem"), None);
        assert_eq!(memory(text, "HugePages_Total"), None);
        assert_eq!(kernel("6.18.44-fc-v669"), Some((6, 18)));
        assert_eq!(kernel("6.1-rc3"), Some((6, 1)));
        assert_eq!(kernel("unknown"), None);
    }
}
