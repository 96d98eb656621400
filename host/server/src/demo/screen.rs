//! Owns how the demo looks: a table that is drawn anew in a terminal, plain lines elsewhere. Must
//! never ask anybody anything.

use std::io::{self, Write};

use busbar_sim::station::PlugView;
use busbar_sim::words::Status;

use super::Seat;
use super::watch::{Bill, News, Watcher};

/// Plain lines: a summary each so many frames.
const SUMMARY_EACH: u64 = 10;

/// The screen.
pub(super) struct Screen {
    terminal: bool,
    help: Vec<String>,
    frame: u64,
    told_verify: bool,
}

impl Screen {
    pub(super) fn new(terminal: bool) -> Self {
        Self { terminal, help: Vec::new(), frame: 0, told_verify: false }
    }

    /// Shows what to open and try.
    ///
    /// # Errors
    /// Nobody can see it any more.
    pub(super) fn open(&mut self, help: &[String]) -> Result<(), String> {
        self.help = help.to_vec();
        if self.terminal {
            // The other screen of the terminal, without a cursor.
            return write("\x1b[?1049h\x1b[?25l");
        }
        write(&(help.join("\n") + "\n"))
    }

    /// Gives the terminal back as it was, and says how it ended.
    ///
    /// # Errors
    /// Nobody can see it any more.
    pub(super) fn close(&mut self, seats: &[Seat], watcher: &Watcher) -> Result<(), String> {
        self.restore()?;
        line(&summary(seats, watcher))
    }

    fn restore(&mut self) -> Result<(), String> {
        if self.terminal {
            self.terminal = false;
            return write("\x1b[?25h\x1b[?1049l");
        }
        Ok(())
    }

    /// Shows how things stand.
    ///
    /// # Errors
    /// Nobody can see it any more.
    pub(super) fn draw(
        &mut self,
        seats: &[Seat],
        watcher: &Watcher,
        news: &News,
        verify: Option<&str>,
    ) -> Result<(), String> {
        self.frame += 1;
        if self.terminal {
            return write(&self.picture(seats, watcher, verify));
        }
        write(&self.lines(seats, watcher, news, verify))
    }

    fn picture(&self, seats: &[Seat], watcher: &Watcher, verify: Option<&str>) -> String {
        let mut out = String::from("\x1b[H\x1b[J");
        out.push_str("Busbar demo, Ctrl-C ends it\n");
        for line in &self.help {
            out.push_str(&format!("{line}\n"));
        }
        out.push('\n');
        let half = seats.len().div_ceil(2);
        for row in 0..half {
            let right = seats.get(row + half).map(cell).unwrap_or_default();
            let left = seats.get(row).map(cell).unwrap_or_default();
            out.push_str(&format!("{left:<40}{right}\n"));
        }
        out.push_str(&format!("\n{}\n", summary(seats, watcher)));
        if let Some(bill) = watcher.last() {
            out.push_str(&format!("\nLast CDR  {}\n", headline(bill)));
            for line in &bill.lines {
                out.push_str(&format!("          {line}\n"));
            }
        }
        if let Some(verify) = verify {
            out.push_str(&format!("Prove it  {verify}\n"));
        }
        out
    }

    fn lines(
        &mut self,
        seats: &[Seat],
        watcher: &Watcher,
        news: &News,
        verify: Option<&str>,
    ) -> String {
        let mut out = String::new();
        for bill in &news.bills {
            out.push_str(&format!("CDR {}\n", headline(bill)));
            for line in &bill.lines {
                out.push_str(&format!("    {line}\n"));
            }
        }
        if let (Some(verify), false) = (verify, self.told_verify) {
            self.told_verify = true;
            out.push_str(&format!("Prove it: {verify}\n"));
        }
        if self.frame % SUMMARY_EACH == 1 {
            out.push_str(&format!("{}\n", summary(seats, watcher)));
        }
        out
    }
}

/// Ends the show properly whatever happens.
impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.restore();
    }
}

/// Prints a line.
///
/// # Errors
/// Nobody can see it any more.
pub(super) fn line(text: &str) -> Result<(), String> {
    write(&format!("{text}\n"))
}

fn write(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| format!("standard output: {error}"))
}

fn cell(seat: &Seat) -> String {
    let view = seat.view.borrow();
    let power_w: i64 = view.plugs.iter().map(|plug| plug.power_w).sum();
    let energy_mwh: i64 = view.plugs.iter().map(|plug| plug.tx_mwh).sum();
    let busiest = view.plugs.iter().max_by_key(|plug| (plug.power_w, plug.occupied));
    let state = match busiest {
        _ if !view.online => "offline",
        Some(plug) => word(plug),
        None => "",
    };
    format!(
        "{:<5}{:<6}{:<10}{:>5} kW{:>6} kWh",
        seat.identity,
        seat.version,
        state,
        tenths(power_w / 100),
        hundredths(energy_mwh / 10_000),
    )
}

fn word(plug: &PlugView) -> &'static str {
    match plug.status {
        Status::Available => "free",
        Status::Preparing => "preparing",
        Status::Charging => "charging",
        Status::SuspendedEv => "full",
        Status::SuspendedEvse => "paused",
        Status::Finishing => "leaving",
        Status::Reserved => "reserved",
        Status::Unavailable => "off",
        Status::Faulted => "faulted",
    }
}

fn summary(seats: &[Seat], watcher: &Watcher) -> String {
    let (mut online, mut power_w, mut queued) = (0, 0, 0);
    for seat in seats {
        let view = seat.view.borrow();
        online += usize::from(view.online);
        queued += view.queued;
        power_w += view.plugs.iter().map(|plug| plug.power_w).sum::<i64>();
    }
    let waiting = match queued {
        0 => String::new(),
        1 => ", 1 message still to come".to_owned(),
        queued => format!(", {queued} messages still to come"),
    };
    let s = if watcher.open == 1 { "" } else { "s" };
    let held = if watcher.held > 0 { format!(", {} held", watcher.held) } else { String::new() };
    let currency = watcher.last().map_or_else(String::new, |bill| format!(" {}", bill.currency));
    format!(
        "{online} of {} stations online, {} kW, {} session{s} open{held}, {} CDRs for {}.{:02}\
         {currency}{waiting}",
        seats.len(),
        tenths(power_w / 100),
        watcher.open,
        watcher.count,
        watcher.sum / 10_000,
        watcher.sum % 10_000 / 100,
    )
}

fn headline(bill: &Bill) -> String {
    format!(
        "{} at {}: {} Wh from {} for {} {}",
        bill.id, bill.station, bill.energy_wh, bill.started, bill.total, bill.currency
    )
}

fn tenths(tenths: i64) -> String {
    format!("{}.{}", tenths / 10, (tenths % 10).abs())
}

fn hundredths(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, (hundredths % 100).abs())
}
