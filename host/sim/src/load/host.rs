//! Owns what is measured of the host from outside: its CPU time and memory by `/proc`. Must never
//! need anything of the host itself.

use std::fs;

/// Ticks in a second of `/proc/<pid>/stat`: fixed on Linux, whatever the kernel's own clock is.
const TICKS: u64 = 100;

/// CPU time of a process, user and system, in microseconds; none when there is no such process.
pub fn cpu_us(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold spaces: count from behind it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let user: u64 = fields.get(11)?.parse().ok()?;
    let system: u64 = fields.get(12)?.parse().ok()?;
    Some((user + system) * (1_000_000 / TICKS))
}

/// Resident memory of a process, in KiB; none when there is no such process.
pub fn resident_kib(pid: u32) -> Option<u64> {
    field_kib(pid, "VmRSS:")
}

fn field_kib(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_time_and_memory() {
        let pid = std::process::id();
        assert!(cpu_us(pid).is_some());
        assert!(resident_kib(pid).is_some_and(|kib| kib > 100));
        assert_eq!(cpu_us(u32::MAX), None);
    }
}
