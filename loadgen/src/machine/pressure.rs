//! Pressure stall information (PSI, Linux 4.20): /proc/pressure/* and *.pressure of control groups.

/// The line of times in which at least one task waited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pressure {
    /// Percent of the last ten seconds.
    pub average: f64,
    /// Microseconds since the begin.
    pub total: u64,
}

impl Pressure {
    /// Reads such a file.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
        let field = |name: &str| {
            let mut fields = some.split_whitespace();
            fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        Some(Self {
            average: field("avg10")?.parse().ok()?,
            total: field("total")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_waited() {
        let text =
            "some avg10=49.31 avg60=68.34 avg300=31.13 total=3\nfull avg10=0.00 avg60=0 total=9\n";
        let pressure = Pressure {
            average: 49.31,
            total: 3,
        };
        assert_eq!(Pressure::parse(text), Some(pressure));
        for bad in [
            "",
            "full avg10=1.0 total=1",
            "some avg10=1.0",
            "some total=1",
        ] {
            assert_eq!(Pressure::parse(bad), None, "{bad}");
        }
    }
}
