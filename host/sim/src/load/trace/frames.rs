//! Owns one direction of a connection as a trace shows it: bytes in, texts out, each with the call
//! that carried its first byte and the one that carried its last. Must never take part in OCPP.

/// A text of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    /// Numbers of the calls with its first and its last byte.
    pub(super) first: usize,
    pub(super) last: usize,
}

/// One direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    /// Bytes with the number of their call, as runs.
    bytes: Vec<u8>,
    runs: Vec<(usize, usize)>,
    begun: bool,
    /// Not a WebSocket, or no longer legible.
    pub(super) is_lost: bool,
}

impl Stream {
    /// Takes what a call carried.
    pub(super) fn feed(&mut self, bytes: &[u8], call: usize) -> Vec<Text> {
        let mut texts = Vec::new();
        if self.is_lost || bytes.is_empty() {
            return texts;
        }
        self.bytes.extend_from_slice(bytes);
        self.runs.push((self.bytes.len(), call));
        if !self.begun && !self.skip_handshake() {
            return texts;
        }
        while let Some((size, text)) = frame(&self.bytes) {
            let first = self.runs.first().map_or(call, |(_, call)| *call);
            self.drop_bytes(size);
            if let Some(text) = text {
                texts.push(Text { text, first, last: call });
            }
        }
        texts
    }

    /// What begins as HTTP is the upgrade to a WebSocket, or none at all.
    fn skip_handshake(&mut self) -> bool {
        let is_head = self.bytes.first().is_some_and(u8::is_ascii_uppercase);
        if is_head {
            let head = String::from_utf8_lossy(&self.bytes);
            if !head.starts_with("GET /ocpp/") && !head.starts_with("HTTP/1.1 101") {
                self.is_lost = true;
                return false;
            }
            let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                return false;
            };
            self.drop_bytes(end + 4);
        }
        self.begun = true;
        true
    }

    fn drop_bytes(&mut self, count: usize) {
        self.bytes.drain(..count);
        for (end, _) in &mut self.runs {
            *end = end.saturating_sub(count);
        }
        self.runs.retain(|(end, _)| *end > 0);
    }
}

/// The first whole frame: its size, and its text if it is one.
fn frame(bytes: &[u8]) -> Option<(usize, Option<String>)> {
    let [first, second, ..] = bytes else { return None };
    let (masked, short) = (second & 0x80 != 0, usize::from(second & 0x7F));
    let (length, mut at) = match short {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => {
            let long = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (usize::try_from(long).ok()?, 10)
        }
        short => (short, 2),
    };
    let mask = if masked {
        at += 4;
        bytes.get(at - 4..at)?.to_vec()
    } else {
        vec![0; 4]
    };
    let body = bytes.get(at..at.checked_add(length)?)?;
    let plain = body.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let is_text = first & 0x0F == 1;
    Some((at + length, if is_text { String::from_utf8(plain).ok() } else { None }))
}
