//! Owns how tidy reads Rust: with comments and texts blanked out, so that only code is searched.
//! Must never be cleverer than its rules need.

/// The code of a file: comments, texts and characters replaced by spaces, line by line the same.
pub(super) fn code_of(source: &str) -> String {
    let mut scanner = Scanner { text: source.chars().collect(), at: 0, out: String::new() };
    while scanner.at < scanner.text.len() {
        scanner.step();
    }
    scanner.out
}

/// Each function of some code: its name, its first line (from 1) and its lines.
pub(super) fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, String, usize)> = Vec::new();
    let (mut depth, mut waiting): (usize, Option<(String, usize)>) = (0, None);
    let (mut brackets, mut word) = (0_usize, String::new());
    let mut was_fn = false;
    for (number, line) in code.lines().enumerate() {
        for c in line.chars().chain(Some(' ')) {
            if c.is_alphanumeric() || c == '_' {
                word.push(c);
                continue;
            }
            let ended = std::mem::take(&mut word);
            if was_fn && !ended.is_empty() {
                waiting = Some((ended.clone(), number + 1));
            }
            was_fn = ended == "fn" || (was_fn && ended.is_empty() && c == ' ');
            match c {
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets = brackets.saturating_sub(1),
                '{' => {
                    depth += 1;
                    if let Some((name, first)) = waiting.take() {
                        open.push((depth, name, first));
                    }
                }
                '}' => {
                    if open.last().is_some_and(|(at, _, _)| *at == depth) {
                        let (_, name, first) = open.pop().unwrap();
                        found.push((name, first, number + 2 - first));
                    }
                    depth = depth.saturating_sub(1);
                }
                ';' if brackets == 0 => waiting = None,
                _ => {}
            }
        }
    }
    found
}

/// Whether a word stands in some code as a word of its own.
pub(super) fn has_word(code: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].chars().next_back().is_some_and(is_word)
            && !code[at + word.len()..].chars().next().is_some_and(is_word)
    })
}

struct Scanner {
    text: Vec<char>,
    at: usize,
    out: String,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> char {
        self.text.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count {
            let Some(&c) = self.text.get(self.at) else { return };
            self.out.push(if c == '\n' { '\n' } else { ' ' });
            self.at += 1;
        }
    }

    fn keep(&mut self) {
        self.out.push(self.text[self.at]);
        self.at += 1;
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => {
                while self.at < self.text.len() && self.peek(0) != '\n' {
                    self.blank(1);
                }
            }
            ('/', '*') => self.block_comment(),
            ('"', _) => self.plain_text(),
            ('r', '"' | '#') if self.starts_raw() => self.raw_text(),
            ('\'', _) => self.quote(),
            (c, _) if c.is_alphanumeric() || c == '_' => self.word(),
            _ => self.keep(),
        }
    }

    /// A word, kept whole: so that the `r` of `for"` is not taken for a raw text.
    fn word(&mut self) {
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            let raw_bytes = self.peek(0) == 'b' && self.peek(1) == 'r' && self.peek(2) != 'e';
            self.keep();
            if raw_bytes && self.starts_raw() {
                return self.raw_text();
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.text.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.blank(1);
                    continue;
                }
            }
            self.blank(2);
            if depth == 0 {
                return;
            }
        }
    }

    fn plain_text(&mut self) {
        self.blank(1);
        while self.at < self.text.len() && self.peek(0) != '"' {
            self.blank(if self.peek(0) == '\\' { 2 } else { 1 });
        }
        self.blank(1);
    }

    fn starts_raw(&self) -> bool {
        let hashes = (1..).take_while(|&ahead| self.peek(ahead) == '#').count();
        self.peek(0) == 'r' && self.peek(1 + hashes) == '"'
    }

    fn raw_text(&mut self) {
        let hashes = (1..).take_while(|&ahead| self.peek(ahead) == '#').count();
        self.blank(2 + hashes);
        while self.at < self.text.len() {
            let ends = self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#');
            if ends {
                return self.blank(1 + hashes);
            }
            self.blank(1);
        }
    }

    /// A character, or the mark of a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == '\\' {
            self.blank(3);
            while self.at < self.text.len() && self.peek(0) != '\'' {
                self.blank(1);
            }
            self.blank(1);
        } else if self.peek(2) == '\'' {
            self.blank(3);
        } else {
            self.keep();
        }
    }
}

#[test]
fn texts_and_comments_are_not_code() {
    let code =
        code_of("a(\"}{\\\"\"); // }\n/* { /* } */ */ 'x' '\\'' b'{' r#\"{\"# <'a> b\"{\" br\"{\"");
    assert!(!code.contains('{') && !code.contains('}'), "{code}");
    assert!(code.contains("<'a>"));
    assert_eq!(code.lines().count(), 2);
}

#[test]
fn functions_are_counted_from_their_name_to_their_last_brace() {
    let code = "impl A {\nfn a(&self) -> [u8; 3] {\nif b {\n}\n}\nfn c();\n}\n";
    assert_eq!(functions(code), [("a".to_owned(), 2, 4)]);
}
