//! Owns what people configure of the planner: when energy is cheap where no price curve says so,
//! what a surplus would earn, and how long starts are spread. Must never hold what changes with
//! time.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::units::{Micros, Timestamp};

/// Nobody asks for longer (the UK for ten minutes, at most thirty).
const DELAY_SECONDS_MOST: u32 = 1_800;

const DAY_MINUTES: u16 = 24 * 60;

/// How the load of a site is planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSettings {
    /// When energy is cheap, where no price curve says what it costs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub off_peak: Vec<OffPeak>,
    /// What a kWh of a surplus would earn if no car took it, in millionths of the currency.
    #[serde(default)]
    pub feed_in: Micros,
    /// Starts are spread at random over so many seconds; 0 spreads none. The UK asks for 600.
    #[serde(default)]
    pub start_delay_seconds: u32,
}

/// A time of day at which energy is cheap, by the site's clock. One that ends before it begins
/// ends on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffPeak {
    /// On which days it begins; every day where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// `"23:00"`.
    pub from: DayTime,
    /// `"07:00"`.
    pub until: DayTime,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

const WEEK: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

/// A time of day in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayTime(u16);

impl TryFrom<String> for DayTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten();
        let parts = text.split_once(':').and_then(|(h, m)| Some((number(h)?, number(m)?)));
        match parts {
            Some((hour, minute)) if minute < 60 && hour * 60 + minute <= DAY_MINUTES => {
                Ok(Self(hour * 60 + minute))
            }
            _ => Err(format!("{text:?} is not a time of day: write it as \"23:00\"")),
        }
    }
}

impl From<DayTime> for String {
    fn from(time: DayTime) -> Self {
        format!("{:02}:{:02}", time.0 / 60, time.0 % 60)
    }
}

impl PlanSettings {
    /// What is wrong with it, if anything is.
    pub fn problem(&self) -> Option<String> {
        if self.start_delay_seconds > DELAY_SECONDS_MOST {
            let (asked, most) = (self.start_delay_seconds, DELAY_SECONDS_MOST);
            return Some(format!("start_delay_seconds: {asked} is more than {most}"));
        }
        let empty = self.off_peak.iter().find(|window| window.from == window.until)?;
        let at = String::from(empty.from);
        Some(format!("off_peak: a window from {at} until {at} is none"))
    }
}

/// Says when it is off-peak at a site.
#[derive(Debug)]
pub struct Clock<'a> {
    windows: &'a [OffPeak],
    zone: TimeZone,
}

impl<'a> Clock<'a> {
    /// None where no window is configured. A time zone that is not known is taken for UTC.
    pub fn of(settings: &'a PlanSettings, zone: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap_or(TimeZone::UTC);
        (!settings.off_peak.is_empty()).then_some(Self { windows: &settings.off_peak, zone })
    }

    /// Whether energy is cheap.
    pub fn is_off_peak(&self, at: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else { return false };
        let local = self.zone.to_datetime(instant);
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute()));
        let today = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0) % 7;
        let (minute, yesterday) = (minute.unwrap_or(0), (today + 6) % 7);
        self.windows.iter().any(|OffPeak { days, from, until }| {
            let on = |day: usize| days.is_empty() || days.contains(&WEEK[day]);
            if from < until {
                on(today) && from.0 <= minute && minute < until.0
            } else {
                (on(today) && from.0 <= minute) || (on(yesterday) && minute < until.0)
            }
        })
    }
}
