//! Owns the grammar of RFC 8259. Must never recurse deeper than `DEEPEST`: a guest's stack is
//! small.

use super::Value;
use crate::Error;

const DEEPEST: usize = 32;

pub(super) fn document(text: &str) -> Result<Value, Error> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0).and_then(|value| {
        parser.space();
        match parser.at == text.len() {
            true => Ok(value),
            false => Err("nothing more was expected"),
        }
    });
    value.map_err(|why| parser.error(why))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

type Parsed<T> = Result<T, &'static str>;

impl<'a> Parser<'a> {
    fn error(&self, why: &str) -> Error {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        Error::configuration("", format!("not JSON: line {line}, column {column}: {why}"))
    }

    fn value(&mut self, depth: usize) -> Parsed<Value> {
        self.space();
        match self.peek() {
            Some(b'{' | b'[') if depth >= DEEPEST => Err("nested too deep"),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Boolean(true)),
            Some(b'f') => self.word("false", Value::Boolean(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err("a value was expected"),
            None => Err("the text ends early"),
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Value> {
        let mut fields: Vec<(String, Value)> = vec![];
        self.at += 1;
        self.space();
        if self.take(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err("a name in quotes was expected");
            }
            let start = self.at;
            let name = self.string()?;
            if fields.iter().any(|(known, _)| *known == name) {
                self.at = start;
                return Err("this name comes twice");
            }
            self.space();
            if !self.take(b':') {
                return Err("a colon was expected");
            }
            let value = self.value(depth + 1)?;
            fields.push((name, value));
            self.space();
            if self.take(b'}') {
                return Ok(Value::Object(fields));
            }
            if !self.take(b',') {
                return Err("a comma or } was expected");
            }
        }
    }

    fn array(&mut self, depth: usize) -> Parsed<Value> {
        let mut items = vec![];
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            if !self.take(b',') {
                return Err("a comma or ] was expected");
            }
        }
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err("a digit was expected");
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err("a digit was expected");
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'-') || self.take(b'+');
            if self.digits() == 0 {
                return Err("a digit was expected");
            }
        }
        Ok(Value::Number(self.text[start..self.at].into()))
    }

    fn string(&mut self) -> Parsed<String> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b != b'"' && b != b'\\' && b >= 0x20) {
                self.at += 1;
            }
            text.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err("a control character must be escaped"),
                None => return Err("the text ends early"),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        self.at += 1;
        let byte = self.peek().ok_or("the text ends early")?;
        let escaped = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err("this escape is unknown"),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode(&mut self) -> Parsed<char> {
        const LONE: &str = "half of a surrogate pair";
        let first = self.hex()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or(LONE);
        }
        if !self.text[self.at..].starts_with("\\u") {
            return Err(LONE);
        }
        self.at += 1;
        let second = self.hex()?;
        if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
            return Err(LONE);
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(LONE)
    }

    /// The four digits after the `u` at which the parser stands.
    fn hex(&mut self) -> Parsed<u32> {
        const FOUR: &str = "four hexadecimal digits were expected";
        let digits = self.text.get(self.at + 1..self.at + 5).ok_or(FOUR)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(FOUR);
        }
        self.at += 5;
        u32::from_str_radix(digits, 16).map_err(|_| FOUR)
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        if !self.text[self.at..].starts_with(word) {
            return Err("a value was expected");
        }
        self.at += word.len();
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
