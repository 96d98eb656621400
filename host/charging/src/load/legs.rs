//! Owns how an EVSE hangs on the lines of its circuit, and which of its legs a car uses.
//! Must never guess a rotation: what is not known is counted at its worst.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A line of a three-phase circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Line {
    /// The first.
    L1,
    /// The second.
    L2,
    /// The third.
    L3,
}

impl Line {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::L1, Self::L2, Self::L3];
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", *self as u8 + 1)
    }
}

/// Where one conductor of an EVSE is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// Between a line and the neutral.
    Neutral(Line),
    /// From a line to the next: `L12`, `L23`, `L31`.
    Between(Line),
}

impl Leg {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "L1" => Self::Neutral(Line::L1),
            "L2" => Self::Neutral(Line::L2),
            "L3" => Self::Neutral(Line::L3),
            "L12" => Self::Between(Line::L1),
            "L23" => Self::Between(Line::L2),
            "L31" => Self::Between(Line::L3),
            _ => return None,
        })
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neutral(line) => line.fmt(f),
            Self::Between(line) => {
                let first = *line as u8;
                write!(f, "L{}{}", first + 1, (first + 1) % 3 + 1)
            }
        }
    }
}

/// The legs of an EVSE in the order of its connector, written as `"L2 L3 L1"`, `"L1"` or
/// `"L12 L23 L31"`: what an electrician wrote on the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rotation(Vec<Leg>);

impl Rotation {
    /// Reads one, two or three legs.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut legs = Vec::new();
        for word in text.split([' ', ',', '-']).filter(|word| !word.is_empty()) {
            let leg = Leg::parse(word).ok_or_else(|| {
                format!("phases {text:?}: {word:?} is none of L1, L2, L3, L12, L23, L31")
            })?;
            if legs.contains(&leg) {
                return Err(format!("phases {text:?}: {leg} stands there twice"));
            }
            legs.push(leg);
        }
        let between = legs.iter().filter(|leg| matches!(leg, Leg::Between(_))).count();
        match legs.len() {
            0 => Err("phases: at least one is needed, as \"L1 L2 L3\"".into()),
            1..=3 if between == 0 || between == legs.len() => Ok(Self(legs)),
            1..=3 => Err(format!("phases {text:?} mixes legs to the neutral and between lines")),
            _ => Err(format!("phases {text:?}: an EVSE has at most three")),
        }
    }

    /// The legs, first the one that a single-phase car uses.
    pub fn legs(&self) -> &[Leg] {
        &self.0
    }
}

impl Default for Rotation {
    /// `L1 L2 L3`.
    fn default() -> Self {
        Self(Line::ALL.map(Leg::Neutral).to_vec())
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, leg) in self.0.iter().enumerate() {
            write!(f, "{}{leg}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Rotation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Rotation> for String {
    fn from(rotation: Rotation) -> Self {
        rotation.to_string()
    }
}

/// Which legs of its EVSE a car uses, as measured: bit 0 is the first leg of the connector.
/// While that is not known, every row counts the car at its worst.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Legs(u8);

impl Legs {
    /// Not known yet.
    pub const UNKNOWN: Self = Self(0);
    /// The first leg alone: a single-phase car.
    pub const ONE: Self = Self(1);
    /// The first two.
    pub const TWO: Self = Self(3);
    /// All three.
    pub const THREE: Self = Self(7);

    /// The first `count` legs; not known for anything but one to three.
    pub const fn first(count: usize) -> Self {
        match count {
            1 => Self::ONE,
            2 => Self::TWO,
            3 => Self::THREE,
            _ => Self::UNKNOWN,
        }
    }

    /// Those of the three that `uses` names.
    pub const fn of(uses: [bool; 3]) -> Self {
        Self(uses[0] as u8 | (uses[1] as u8) << 1 | (uses[2] as u8) << 2)
    }

    /// How many; zero when it is not known.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Where the coefficients for it stand in a table of eight.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether the leg is used, or may be.
    pub const fn uses(self, leg: usize) -> bool {
        self.0 == 0 || self.0 >> leg & 1 == 1
    }
}
