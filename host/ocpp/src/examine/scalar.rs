//! The slow pass over scalars.
//!
//! Owns the rules of texts, dates, enumerations and numbers. Must hold the same rules as the types
//! in `values`. Must never mend a value.

use super::{Decimal, Integer, Reading};
use super::{Dialect, Kind, Rule, TOLERATED_GROWTH, Walk, Walked, values};
use std::borrow::Cow;

impl<'a> Walk<'a> {
    pub(super) fn text(&mut self, kind: Kind, max: usize) -> Walked {
        if kind != Kind::String {
            let borne = kind == Kind::Number && self.dialect().numbers_as_text;
            return self.wrong_type(borne, "not a text");
        }
        let Some(text) = self.sound_text()? else { return Ok(()) };
        // The fast pass counts the same way: by characters, not bytes.
        if text.len() > max {
            let length = text.chars().count();
            if length > max {
                let borne = length <= max.saturating_mul(TOLERATED_GROWTH);
                self.violation(Rule::MaxLength, borne, format!("{length} characters, not {max}"));
            }
        }
        Ok(())
    }

    pub(super) fn time(&mut self, kind: Kind, absent: bool) -> Walked {
        let Some(text) = self.scalar_text(kind, "not a date and time")? else { return Ok(()) };
        match values::read_time(&text) {
            Reading::Sound(_) => {}
            Reading::Borne(_) => self.violation(Rule::Format, true, "no full zone"),
            Reading::Unreadable => {
                let borne = absent && text.is_empty();
                self.violation(Rule::Format, borne, "not a date and time");
            }
        }
        Ok(())
    }

    pub(super) fn choice(
        &mut self,
        kind: Kind,
        values: &[&str],
        open: bool,
        absent: bool,
    ) -> Walked {
        let Some(text) = self.scalar_text(kind, "not a text")? else { return Ok(()) };
        if !values.contains(&&*text) {
            let borne = open || (absent && text.is_empty());
            self.violation(Rule::Enum, borne, "not one of the enumeration");
        }
        Ok(())
    }

    pub(super) fn integer(&mut self, kind: Kind, min: i64, max: i64, absent: bool) -> Walked {
        let Some((text, borne)) = self.number_text(kind, absent)? else { return Ok(()) };
        let (value, plain) = match Integer::of(&text) {
            Integer::Held { value, plain } => (value, plain),
            Integer::TooBig { negative } => {
                let rule = if negative { Rule::Minimum } else { Rule::Maximum };
                self.violation(rule, false, "beyond 64 bits");
                return Ok(());
            }
            Integer::Fraction => {
                self.violation(Rule::Type, false, "not an integer");
                return Ok(());
            }
        };
        if !plain && !borne && !self.dialect().integral_decimals {
            let borne = self.dialect().numbers_as_text;
            self.violation(Rule::Type, borne, "an integer written as decimal");
        }
        self.range(value < min, value > max);
        Ok(())
    }

    pub(super) fn number(
        &mut self,
        kind: Kind,
        (min, max): (i64, i64),
        tenths: bool,
        absent: bool,
    ) -> Walked {
        let Some((text, _)) = self.number_text(kind, absent)? else { return Ok(()) };
        let number = Decimal::of(&text);
        if tenths && !number.is_multiple_of_power(-1) {
            self.violation(Rule::MultipleOf, false, "more than one decimal place");
        }
        self.range(
            min != i64::MIN && number.compare(min).is_lt(),
            max != i64::MAX && number.compare(max).is_gt(),
        );
        Ok(())
    }

    fn range(&mut self, too_small: bool, too_big: bool) {
        if too_small {
            self.violation(Rule::Minimum, false, "too small");
        }
        if too_big {
            self.violation(Rule::Maximum, false, "too big");
        }
    }

    fn dialect(&self) -> Dialect {
        self.reader.dialect
    }

    /// A text without half a surrogate pair; `None` when that was said.
    fn sound_text(&mut self) -> Result<Option<Cow<'a, str>>, super::Stop> {
        let lossy = self.reader.lossy_string()?;
        if lossy.sound {
            return Ok(Some(lossy.text));
        }
        self.violation(Rule::Encoding, false, "half a surrogate pair");
        Ok(None)
    }

    fn scalar_text(
        &mut self,
        kind: Kind,
        wanted: &'static str,
    ) -> Result<Option<Cow<'a, str>>, super::Stop> {
        if kind == Kind::String {
            return self.sound_text();
        }
        self.wrong_type(false, wanted).map(|()| None)
    }

    /// The text of a number, and whether it stood in a string, which is borne and said.
    fn number_text(
        &mut self,
        kind: Kind,
        absent: bool,
    ) -> Result<Option<(Cow<'a, str>, bool)>, super::Stop> {
        if kind == Kind::Number {
            return Ok(Some((Cow::Borrowed(self.reader.number()?), false)));
        }
        if kind != Kind::String {
            return self.wrong_type(false, "not a number").map(|()| None);
        }
        let Some(text) = self.sound_text()? else { return Ok(None) };
        let is_number = self.dialect().numbers_as_text && values::is_number(&text);
        let borne = is_number || (absent && text.is_empty());
        self.violation(Rule::Type, borne, "a text for a number");
        Ok(is_number.then_some((text, true)))
    }
}
