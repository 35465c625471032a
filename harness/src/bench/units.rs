//! Numbers as the arena's files and people write them.

/// `122us`, `2.73ms`, `1.20s`.
pub fn latency(us: f64) -> String {
    if us < 1000.0 {
        format!("{us:.0}us")
    } else if us < 1_000_000.0 {
        format!("{:.2}ms", us / 1e3)
    } else {
        format!("{:.2}s", us / 1e6)
    }
}

/// `72.36MB/s`, in steps of 1024.
pub fn bandwidth(bytes_per_second: f64) -> String {
    let steps = [
        (1_073_741_824.0, "GB/s"),
        (1_048_576.0, "MB/s"),
        (1024.0, "KB/s"),
    ];
    steps
        .iter()
        .find(|(step, _)| bytes_per_second >= *step)
        .map_or_else(
            || format!("{bytes_per_second:.0}B/s"),
            |(step, unit)| format!("{:.2}{unit}", bytes_per_second / step),
        )
}

/// `298MiB`, `1.2GiB`.
pub fn memory(bytes: u64) -> String {
    let mib = bytes as f64 / 1_048_576.0;
    if mib < 1024.0 {
        format!("{mib:.0}MiB")
    } else {
        format!("{:.1}GiB", mib / 1024.0)
    }
}

/// `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies() {
        assert_eq!(
            [122.4, 2730.0, 1_200_000.0].map(latency),
            ["122us", "2.73ms", "1.20s"]
        );
    }

    #[test]
    fn bandwidths() {
        assert_eq!(bandwidth(72.36 * 1_048_576.0), "72.36MB/s");
        assert_eq!(bandwidth(500.0), "500B/s");
    }

    #[test]
    fn memories() {
        assert_eq!([298 << 20, 1229 << 20].map(memory), ["298MiB", "1.2GiB"]);
    }

    #[test]
    fn groups_of_three() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
