//! Addresses that connections come from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use sws_ring::sys::SocketAddress;

/// More are not needed: each has some 28,000 ports.
const ADDRESSES_MAX: u128 = 1 << 16;

/// Where connections come from, in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sources(Vec<IpAddr>);

impl Sources {
    /// Reads addresses, CIDRs and ranges, with commas between them: `10.0.0.1`, `10.0.0.0/28`, `10.0.0.10-10.0.1.17`, or
    /// short `10.0.0.10-17`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut all = Vec::new();
        for part in text.split(',') {
            let (first, last) = range(part).ok_or_else(|| {
                format!(
                    "`{part}` is no address; write it like 10.0.0.1, 10.0.0.0/28 or 10.0.0.10-17"
                )
            })?;
            let (low, high) = (number(first), number(last));
            let count = high.saturating_sub(low).saturating_add(1);
            if high < low {
                return Err(format!("`{part}`: the first address is the higher one"));
            }
            if count + all.len() as u128 > ADDRESSES_MAX {
                return Err(format!("`{part}`: more than {ADDRESSES_MAX} addresses"));
            }
            all.extend((low..=high).map(|number| address(number, first.is_ipv4())));
        }
        Ok(Self(all))
    }

    /// One that is of the other family than `target`.
    pub(crate) fn misfit(&self, target: IpAddr) -> Option<IpAddr> {
        let mut all = self.0.iter().copied();
        all.find(|source| source.is_ipv4() != target.is_ipv4())
    }

    /// As the kernel reads them.
    pub(crate) fn addresses(&self) -> Vec<SocketAddress> {
        let all = self.0.iter().map(|source| (*source, 0).into());
        all.map(|source: std::net::SocketAddr| SocketAddress::from(source))
            .collect()
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

fn address(number: u128, is_v4: bool) -> IpAddr {
    if is_v4 {
        Ipv4Addr::from(number as u32).into()
    } else {
        Ipv6Addr::from(number).into()
    }
}

/// The first and the last address that a text stands for; both are of one family.
fn range(text: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((network, bits)) = text.split_once('/') {
        let (network, bits): (IpAddr, u32) = (network.parse().ok()?, bits.parse().ok()?);
        let width: u32 = if network.is_ipv4() { 32 } else { 128 };
        let hosts = match width.checked_sub(bits)? {
            128 => u128::MAX,
            free => (1 << free) - 1,
        };
        let low = number(network) & !hosts;
        let of = |number| address(number, network.is_ipv4());
        return Some((of(low), of(low | hosts)));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let from: IpAddr = first.parse().ok()?;
    let to = match (from, last.parse::<u8>()) {
        (IpAddr::V4(v4), Ok(octet)) => {
            let [a, b, c, _] = v4.octets();
            Ipv4Addr::new(a, b, c, octet).into()
        }
        _ => last.parse::<IpAddr>().ok()?,
    };
    (from.is_ipv4() == to.is_ipv4()).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Vec<String> {
        let Sources(all) = Sources::parse(text).unwrap();
        all.iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn lists_networks_and_ranges_are_read() {
        assert_eq!(sources("10.0.0.9"), ["10.0.0.9"]);
        assert_eq!(sources("10.0.0.9-10,::1"), ["10.0.0.9", "10.0.0.10", "::1"]);
        assert_eq!(sources("10.0.0.255-10.0.1.0"), ["10.0.0.255", "10.0.1.0"]);
        assert_eq!(sources("10.0.0.7/30").len(), 4);
        assert_eq!(sources("10.0.0.7/30")[0], "10.0.0.4");
        assert_eq!(sources("fd00::/127"), ["fd00::", "fd00::1"]);
        for bad in [
            "",
            "x",
            "10.0.0.9-3",
            "10.0.0.1-::1",
            "10.0.0.0/33",
            "10.0.0.0/8",
            "::/0",
            "1.2.3.4,",
        ] {
            assert!(Sources::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn families_have_to_fit() {
        let sources = Sources::parse("10.0.0.1,::1").unwrap();
        assert_eq!(
            sources.misfit("127.0.0.1".parse().unwrap()),
            Some("::1".parse().unwrap())
        );
        assert_eq!(sources.addresses().len(), 2);
    }
}
