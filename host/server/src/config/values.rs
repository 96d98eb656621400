//! Owns how single values are written in a configuration: spans of time, sizes, networks.
//! Must never know a key.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A network of addresses, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Every IPv4 address.
    pub const ALL_V4: Self = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix: 0 };
    /// Every IPv6 address.
    pub const ALL_V6: Self = Self { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix: 0 };

    /// Reads `10.1.0.0/16`, `fd00::/8` or one address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a network: write it as 10.1.0.0/16");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix) => prefix.parse().ok().filter(|n| *n <= bits).ok_or_else(wrong)?,
        };
        let network = Self { address, prefix };
        let (value, mask) = (numeric(address), network.mask());
        if value & !mask != 0 {
            return Err(format!("{text:?} has bits set beyond its prefix of {prefix}"));
        }
        Ok(network)
    }

    /// Whether an address is in it. An IPv4 address that came through an IPv6 socket is taken
    /// for what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && numeric(address) & self.mask() == numeric(self.address)
    }

    fn mask(&self) -> u128 {
        let bits = if self.address.is_ipv4() { 32 } else { 128 };
        let all = if bits == 32 { u128::from(u32::MAX) } else { u128::MAX };
        all.checked_shl(u32::from(bits - self.prefix)).unwrap_or(0) & all
    }
}

fn numeric(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Reads a span of time: `250ms`, `5s`, `15m`, `1h`, `2d`.
///
/// # Errors
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a span of time: write it as 250ms, 5s, 15m, 1h or 2d");
    let (digits, unit) = split_unit(text);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let span = number.checked_mul(millis).filter(|span| *span <= 3_660 * 86_400_000);
    span.map(Duration::from_millis).ok_or_else(|| format!("{text:?} is longer than ten years"))
}

/// Reads a size in bytes: `512KiB`, `64MiB`, `2GiB`, or a plain number.
///
/// # Errors
/// What is wrong with it.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size: write it as 512KiB, 64MiB, 2GiB or in bytes");
    let (digits, unit) = split_unit(text);
    let bytes: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(bytes).ok_or_else(wrong)
}

fn split_unit(text: &str) -> (&str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits);
    (digits, unit.trim_start())
}

#[cfg(test)]
mod tests;
