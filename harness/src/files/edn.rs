//! EDN, the notation in which Jepsen writes histories: all of it, read into [`Datum`].
//!
//! After the description at github.com/edn-format/edn. What Clojure prints beyond it is read too: ratios, `##Inf`, maps
//! whose keys share a namespace (`#:jepsen{:f :read}`), and records, of which the class is dropped:
//!
//! ```text
//! #jepsen.history.Op{:index 0, :process 3, :type :invoke, :f :cas, :value [1 2]}   a map with five keys
//! #inst "2026-01-01"                                                              Datum::Tagged("inst", …)
//! ```

use super::Malformed;
use super::edn_atoms::{atom, named, octal_character, unicode};
use crate::records::Datum;

/// Forms within forms may be this deep. Deeper ones are refused, so that no file can use up the stack.
pub const DEPTH: usize = 128;

/// A line and a column, both counted from 1; columns in characters.
pub type Place = (usize, usize);

/// Reads one form after the other.
pub struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    /// Where the next character stands, in bytes.
    at: usize,
    places: Places,
}

impl<'a> Reader<'a> {
    /// Reads `text`. `name` is the file's, for complaints.
    pub fn new(name: &'a str, text: &'a str) -> Reader<'a> {
        Reader { name, text, at: 0, places: Places::default() }
    }

    /// The next form and where it begins; `None` at the end of the text.
    ///
    /// # Errors
    /// Where the text is no EDN.
    pub fn form(&mut self) -> Result<Option<(Place, Datum)>, Malformed> {
        if !self.skip_blanks(0)? {
            return Ok(None);
        }
        let place = self.places.of(self.text, self.at);
        Ok(Some((place, self.datum(0)?)))
    }

    /// Goes into the list or vector that comes next, so that its forms can be read one by one. Returns what closes it;
    /// `None` if something else comes next.
    ///
    /// # Errors
    /// Where the text is no EDN.
    pub fn enter(&mut self) -> Result<Option<char>, Malformed> {
        self.skip_blanks(0)?;
        let closing = match self.peek() {
            Some('[') => ']',
            Some('(') => ')',
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(closing))
    }

    /// The next form of a list that was entered, or `None` where it is closed.
    ///
    /// # Errors
    /// Where the text is no EDN, or ends before the list does.
    pub fn element(&mut self, closing: char) -> Result<Option<(Place, Datum)>, Malformed> {
        if self.skip_blanks(1)? && self.peek() == Some(closing) {
            self.at += 1;
            return Ok(None);
        }
        let place = self.places.of(self.text, self.at);
        Ok(Some((place, self.datum(1)?)))
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// A complaint about what stands at this byte.
    fn wrong(&self, at: usize, wrong: impl ToString, expected: &str) -> Malformed {
        let (line, column) = Places::default().of(self.text, at);
        Malformed::new(format!("{}:{line}:{column}", self.name), wrong, expected)
    }

    /// Goes on to the next form, over blanks, commas, comments and discarded forms. False: the text ends.
    fn skip_blanks(&mut self, depth: usize) -> Result<bool, Malformed> {
        loop {
            let rest = &self.text[self.at..];
            match rest.chars().next() {
                None => return Ok(false),
                Some(c) if c == ',' || c.is_whitespace() => self.at += c.len_utf8(),
                Some('\u{feff}') if self.at == 0 => self.at += '\u{feff}'.len_utf8(),
                Some(';') => self.at += rest.find('\n').unwrap_or(rest.len()),
                Some('#') if rest.starts_with("#_") => {
                    let start = self.at;
                    self.at += 2;
                    if !self.skip_blanks(self.deeper(start, depth)?)? {
                        return Err(self.wrong(start, "`#_` has nothing to discard", "a form after it"));
                    }
                    self.datum(depth + 1)?;
                }
                Some(_) => return Ok(true),
            }
        }
    }

    fn deeper(&self, at: usize, depth: usize) -> Result<usize, Malformed> {
        if depth < DEPTH {
            return Ok(depth + 1);
        }
        let expected = format!("at most {DEPTH} forms within each other");
        Err(self.wrong(at, "the nesting is too deep", &expected))
    }

    /// The form that begins here.
    fn datum(&mut self, depth: usize) -> Result<Datum, Malformed> {
        let (start, depth) = (self.at, self.deeper(self.at, depth)?);
        let Some(first) = self.peek() else {
            return Err(self.wrong(start, "the text ends too early", "a form and all closing brackets"));
        };
        match first {
            '(' => Ok(Datum::List(self.forms(1, ')', depth)?)),
            '[' => Ok(Datum::List(self.forms(1, ']', depth)?)),
            '{' => self.map(1, depth).map(Datum::Map),
            '"' => self.string().map(Datum::Text),
            '\\' => self.character().map(|c| Datum::Text(c.to_string())),
            '#' => self.dispatched(depth),
            ')' | ']' | '}' => Err(self.wrong(start, format!("`{first}` closes nothing"), "a form")),
            _ => {
                let token = self.token();
                atom(token).map_err(|(wrong, expected)| self.wrong(start, wrong, expected))
            }
        }
    }

    /// What stands between brackets; the opening one is `width` bytes long.
    fn forms(&mut self, width: usize, closing: char, depth: usize) -> Result<Vec<Datum>, Malformed> {
        let start = self.at;
        self.at += width;
        let mut forms = Vec::new();
        while self.skip_blanks(depth)? {
            if self.peek() == Some(closing) {
                self.at += 1;
                return Ok(forms);
            }
            forms.push(self.datum(depth)?);
        }
        let opening = &self.text[start..start + width];
        Err(self.wrong(start, format!("`{opening}` is never closed"), &format!("a `{closing}` before the end")))
    }

    fn map(&mut self, width: usize, depth: usize) -> Result<Vec<(Datum, Datum)>, Malformed> {
        let start = self.at;
        let forms = self.forms(width, '}', depth)?;
        if forms.len() % 2 == 1 {
            return Err(self.wrong(start, "a map has a key without a value", "keys and values in turn"));
        }
        let mut pairs = Vec::with_capacity(forms.len() / 2);
        let mut forms = forms.into_iter();
        while let (Some(key), Some(value)) = (forms.next(), forms.next()) {
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    /// What begins with `#`: sets, symbolic numbers, maps with a namespace, tagged literals.
    fn dispatched(&mut self, depth: usize) -> Result<Datum, Malformed> {
        let (start, rest) = (self.at, &self.text[self.at..]);
        if rest.starts_with("#{") {
            return Ok(Datum::Set(self.forms(2, '}', depth)?));
        }
        if rest.starts_with("##") {
            self.at += 2;
            let symbolic = self.token();
            if ["Inf", "-Inf", "NaN"].contains(&symbolic) {
                return Ok(Datum::Number(format!("##{symbolic}")));
            }
            return Err(self.wrong(start, format!("`##{symbolic}` is no number"), "##Inf, ##-Inf or ##NaN"));
        }
        self.at += 1;
        let tag = self.token();
        if let Some(namespace) = tag.strip_prefix(':') {
            if self.peek() != Some('{') || !named(namespace) {
                return Err(self.wrong(start, format!("`#{tag}` is no namespace of a map"), "`#:name{`"));
            }
            return Ok(Datum::Map(within(namespace, self.map(1, depth)?)));
        }
        if !tag.starts_with(char::is_alphabetic) || !named(tag) {
            return Err(self.wrong(start, format!("`#{tag}` is no tag"), "#{, #_, or a tag such as #inst"));
        }
        if !self.skip_blanks(depth)? {
            return Err(self.wrong(start, format!("`#{tag}` has no value"), "a form after the tag"));
        }
        let datum = self.datum(depth)?;
        // Clojure writes a record as the name of its class, which has a dot, before a map.
        if tag.contains('.') && !tag.contains('/') && matches!(datum, Datum::Map(_)) {
            return Ok(datum);
        }
        Ok(Datum::Tagged(tag.to_string(), Box::new(datum)))
    }

    /// All up to the next blank, bracket or quote.
    fn token(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || ",;\"()[]{}\\".contains(c);
        let token = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += token.len();
        token
    }

    fn string(&mut self) -> Result<String, Malformed> {
        let start = self.at;
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.find(['"', '\\']) else {
                return Err(self.wrong(start, "a string is never closed", "a `\"` before the end"));
            };
            string.push_str(&rest[..end]);
            self.at += end;
            if rest[end..].starts_with('"') {
                self.at += 1;
                return Ok(string);
            }
            string.push(self.escape()?);
        }
    }

    /// What a backslash in a string stands for.
    fn escape(&mut self) -> Result<char, Malformed> {
        let (start, rest) = (self.at, &self.text[self.at + 1..]);
        let plain = [('t', '\t'), ('r', '\r'), ('n', '\n'), ('b', '\u{8}'), ('f', '\u{c}'), ('\\', '\\'), ('"', '"')];
        let first = rest.chars().next();
        if let Some((_, meant)) = plain.iter().find(|(written, _)| Some(*written) == first) {
            self.at += 2;
            return Ok(*meant);
        }
        if let Some((meant, length)) = unicode(rest) {
            self.at += 1 + length;
            return Ok(meant);
        }
        let octal = rest.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        if let Some(meant) = octal_character(&rest[..octal]) {
            self.at += 1 + octal;
            return Ok(meant);
        }
        let expected = r#"\t, \r, \n, \b, \f, \\, \", \u with four hexadecimal digits, or three octal digits"#;
        Err(self.wrong(start, format!("`\\{}` means nothing in a string", first.unwrap_or(' ')), expected))
    }

    /// `\a`, `\newline`, `\u0041`, `\o101`.
    fn character(&mut self) -> Result<char, Malformed> {
        let start = self.at;
        self.at += 1;
        let Some(first) = self.peek().filter(|first| !first.is_whitespace()) else {
            return Err(self.wrong(start, "`\\` has no character", "one such as \\a or \\space"));
        };
        // The first may be a bracket, which would end a token.
        self.at += first.len_utf8();
        self.token();
        let written = &self.text[start + 1..self.at];
        let names = [("newline", '\n'), ("return", '\r'), ("space", ' '), ("tab", '\t')];
        let more = [("backspace", '\u{8}'), ("formfeed", '\u{c}')];
        let name = names.iter().chain(&more).find(|(name, _)| *name == written);
        let by_code = || unicode(written).filter(|(_, length)| *length == written.len()).map(|(meant, _)| meant);
        let by_octal = || written.strip_prefix('o').and_then(octal_character);
        match name {
            Some((_, meant)) => Ok(*meant),
            None if written.len() == first.len_utf8() => Ok(first),
            None => by_code().or_else(by_octal).ok_or_else(|| {
                self.wrong(start, format!("`\\{written}` is no character"), "one such as \\a, \\newline or \\u0041")
            }),
        }
    }
}

/// Turns bytes into places. Asked in ascending order it looks at each byte once.
#[derive(Clone, Copy)]
pub struct Places {
    line: usize,
    start: usize,
    seen: usize,
}

impl Default for Places {
    fn default() -> Self {
        Places { line: 1, start: 0, seen: 0 }
    }
}

impl Places {
    /// The place of the byte `at` of `text`, which must not lie before one that was asked for earlier.
    pub fn of(&mut self, text: &str, at: usize) -> Place {
        for (byte, _) in text[self.seen..at].match_indices('\n') {
            (self.line, self.start) = (self.line + 1, self.seen + byte + 1);
        }
        self.seen = at;
        (self.line, text[self.start..at].chars().count() + 1)
    }
}

/// Puts keys that have no namespace into this one, as `#:name{…}` says.
fn within(namespace: &str, pairs: Vec<(Datum, Datum)>) -> Vec<(Datum, Datum)> {
    let full = |key: Datum| match key {
        Datum::Word(word) if !word.contains('/') => Datum::Word(format!("{namespace}/{word}")),
        // `:_/name` opts out of it.
        Datum::Word(word) => Datum::Word(word.strip_prefix("_/").unwrap_or(&word).to_string()),
        other => other,
    };
    pairs.into_iter().map(|(key, value)| (full(key), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Datum>, Malformed> {
        let mut reader = Reader::new("h", text);
        let mut forms = Vec::new();
        while let Some((_, form)) = reader.form()? {
            forms.push(form);
        }
        Ok(forms)
    }

    fn word(word: &str) -> Datum {
        Datum::Word(word.to_string())
    }
    fn text(text: &str) -> Datum {
        Datum::Text(text.to_string())
    }
    fn exactly(number: &str) -> Datum {
        Datum::Number(number.to_string())
    }
    fn list(forms: &[Datum]) -> Datum {
        Datum::List(forms.to_vec())
    }

    #[test]
    fn every_kind_of_form_is_read() {
        use Datum::{Bool, Int, Map, Nil, Set, Tagged};
        let one = || Int(1);
        let cases: Vec<(&str, Vec<Datum>)> = vec![
            ("nil true, false", vec![Nil, Bool(true), Bool(false)]),
            ("7 -7N 1/3 2.5e3", vec![Int(7), Int(-7), exactly("1/3"), exactly("2.5e3")]),
            ("##Inf ##-Inf ##NaN", ["##Inf", "##-Inf", "##NaN"].map(exactly).to_vec()),
            (
                r#""a\t\"\\\u00e9\ud83d\ude00\101" "" "é
b""#,
                vec![text("a\t\"\\é😀A"), text(""), text("é\nb")],
            ),
            (
                r"\a \newline \space \u0041 \o101 \( \\ \é",
                ["a", "\n", " ", "A", "A", "(", "\\", "é"].map(text).to_vec(),
            ),
            (r"[\[ \]]\a", vec![list(&[text("["), text("]")]), text("a")]),
            (":a :a/b :a.b/c-d? :1 a/b / - + ->x .5x", {
                ["a", "a/b", "a.b/c-d?", "1", "a/b", "/", "-", "+", "->x", ".5x"].map(word).to_vec()
            }),
            ("(1 [1] ()) [] {}", vec![list(&[one(), list(&[one()]), list(&[])]), list(&[]), Map(vec![])]),
            ("{:a 1, \"b\" [1]}", vec![Map(vec![(word("a"), one()), (text("b"), list(&[one()]))])]),
            ("#{1 :a} #{}", vec![Set(vec![one(), word("a")]), Set(vec![])]),
            ("1;2 [\n 1 #_2 #_ #_ 3 [4] ;", vec![one(), one()]),
            ("[1 #_2] [#_ #a.b.C{:d 1}]", vec![list(&[one()]), list(&[])]),
            (
                "#inst \"x\" #a/b 1",
                vec![Tagged("inst".to_string(), Box::new(text("x"))), Tagged("a/b".to_string(), Box::new(one()))],
            ),
            (
                "#jepsen.history.Op{:f :read} #a.b.C[1]",
                vec![Map(vec![(word("f"), word("read"))]), Tagged("a.b.C".to_string(), Box::new(list(&[one()])))],
            ),
            (
                "#:a{:b 1 :c/d 1 :_/e 1 1 1}",
                vec![Map(vec![(word("a/b"), one()), (word("c/d"), one()), (word("e"), one()), (one(), one())])],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(all(text), Ok(expected), "{text}");
        }
        assert_eq!(all("\u{feff}nil"), Ok(vec![Nil]), "a mark of the byte order");
    }

    #[test]
    fn what_is_no_edn_is_refused_with_its_place() {
        let deep = "[".repeat(DEPTH + 1);
        let tags = "#a ".repeat(DEPTH + 1) + "1";
        let discards = "#_ ".repeat(DEPTH + 1) + "1";
        let nothing = "the nesting is too deep";
        let cases = [
            ("1\n [2", "h:2:2: `[` is never closed"),
            ("é {:a", "h:1:3: `{` is never closed"),
            ("{:a}", "h:1:1: a map has a key without a value"),
            ("(1]", "h:1:3: `]` closes nothing"),
            ("}", "h:1:1: `}` closes nothing"),
            ("\n\"a", "h:2:1: a string is never closed"),
            (r#""a\q""#, "h:1:3: `\\q` means nothing"),
            (r#""\u00g1""#, "h:1:2: `\\u` means nothing"),
            (r#""\ud83d""#, "h:1:2: `\\u` means nothing"),
            (r#""\777""#, "h:1:2: `\\7` means nothing"),
            (r"\newlin", "h:1:1: `\\newlin` is no character"),
            ("\\ a", "h:1:1: `\\` has no character"),
            ("1.2.3", "h:1:1: `1.2.3` is no number"),
            ("::a", "h:1:1: `::a` is no keyword"),
            (":", "h:1:1: `:` is no keyword"),
            ("a/", "h:1:1: `a/` is no symbol"),
            ("@a", "h:1:1: `@a` is no symbol"),
            ("^{:a 1} b", "h:1:1: `^` is no symbol"),
            ("##Infinity", "h:1:1: `##Infinity` is no number"),
            ("#(1)", "h:1:1: `#` is no tag"),
            ("#inst", "h:1:1: `#inst` has no value"),
            ("[#inst]", "h:1:7: `]` closes nothing"),
            ("#:a [1]", "h:1:1: `#:a` is no namespace of a map"),
            ("1 #_", "h:1:3: `#_` has nothing to discard"),
            ("[#_]", "h:1:4: `]` closes nothing"),
            (&deep, nothing),
            (&tags, nothing),
            (&discards, nothing),
        ];
        for (text, expected) in cases {
            let complaint = all(text).expect_err(text).to_string();
            assert!(complaint.contains(expected), "{text}: {complaint}");
        }
        assert!(all(&("[".repeat(DEPTH - 1) + &"]".repeat(DEPTH - 1))).is_ok());
    }

    #[test]
    fn a_list_is_entered_and_each_form_has_its_place() {
        let mut reader = Reader::new("h", "; head\n(1\n  é 2) 3");
        let closing = reader.enter().expect("EDN").expect("a list");
        let mut places = Vec::new();
        while let Some((place, _)) = reader.element(closing).expect("EDN") {
            places.push(place);
        }
        assert_eq!(places, [(2, 2), (3, 3), (3, 5)]);
        assert_eq!(reader.form().expect("EDN"), Some(((3, 8), Datum::Int(3))));
        assert_eq!(reader.form(), Ok(None));
        let mut reader = Reader::new("h", "[1");
        let closing = reader.enter().expect("EDN").expect("a vector");
        assert!(reader.element(closing).is_ok());
        let complaint = reader.element(closing).expect_err("it is never closed").to_string();
        assert!(complaint.starts_with("h:1:3: the text ends too early"), "{complaint}");
    }
}
