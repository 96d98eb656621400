//! Owns how a report reads for people. Must never leave out what was missed.

use super::Report;

impl Report {
    /// A table for people, with what was missed below it.
    pub fn table(&self) -> String {
        let [v16, v201, v21] = self.stations;
        let mut text = format!(
            "{} stations with an EVSE each (OCPP 1.6: {v16}, 2.0.1: {v201}, 2.1: {v21}), scenario \
             {}, {} s, {} looks at what their cars draw\n\n| | |\n|---|---:|\n",
            v16 + v201 + v21,
            self.scenario,
            self.seconds,
            self.samples,
        );
        let mut row = |what: &str, value: String| {
            text.push_str(&format!("| {what} | {value} |\n"));
        };
        let [least, most] = self.limit_a;
        let limit =
            if least < most { format!("{most} A, cut to {least} A") } else { format!("{most} A") };
        row("limit of each line", limit);
        row("largest load of a line, base load and cars", format!("{:.1} A", self.load_a_max));
        row("largest draw of all cars on a line", format!("{:.1} A", self.draw_a_max));
        let place = self.excess_at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
        row(
            "largest excess of any limit, outside of reactions",
            format!("{:.1} A for {:.1} s{place}", self.excess_a, self.excess_s),
        );
        for cut in &self.cuts {
            let told = if cut.lead_s > 0.0 {
                format!("{} s before", cut.lead_s)
            } else {
                "unannounced".to_owned()
            };
            let reaction = if cut.reaction_s > 0.0 {
                format!("over for {:.1} s, by {:.1} A at most", cut.reaction_s, cut.excess_a)
            } else {
                "never over".to_owned()
            };
            row(&format!("cut to {} A at {} s, {told}", cut.to_a, cut.at_s), reaction);
        }
        if let Some([l1, l2, l3]) = self.share_percent {
            let shares = format!("{l1:.0} %, {l2:.0} %, {l3:.0} %");
            row("drawn of limit less base load in the busy time, L1, L2, L3", shares);
        }
        for outage in &self.outages {
            let away = (outage.ready_ms - outage.at_ms) as f64 / 1e3;
            let at = outage.at_ms as f64 / 1e3;
            row(&format!("host killed at {at:.1} s"), format!("ready again after {away:.1} s"));
        }
        row("limits told per EVSE-hour", format!("{:.0}", self.limits_per_evse_hour));
        let paused =
            self.pauses.iter().map(|pause| format!(", {} at {:.1} s", pause.station, pause.at_s));
        row("cars paused", format!("{}{}", self.pauses.len(), paused.collect::<String>()));
        row("energy", format!("{:.1} kWh", self.energy_kwh));
        text.push('\n');
        self.verdicts.iter().for_each(|verdict| text.push_str(&verdict.line()));
        text
    }
}
