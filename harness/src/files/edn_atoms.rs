//! The smallest parts of EDN: numbers, keywords, symbols, and characters written by their code.

use crate::records::Datum;

/// What is wrong, and what was expected.
pub(super) type Complaint = (String, &'static str);

/// A token that is neither tagged nor bracketed: a number, a keyword, a symbol.
pub(super) fn atom(token: &str) -> Result<Datum, Complaint> {
    match token {
        "nil" => return Ok(Datum::Nil),
        "true" => return Ok(Datum::Bool(true)),
        "false" => return Ok(Datum::Bool(false)),
        _ => {}
    }
    if let Some(keyword) = token.strip_prefix(':') {
        // `::a` is an abbreviation that only a Clojure reader can expand.
        let good = named(keyword);
        return if good { Ok(Datum::Word(keyword.to_string())) } else { Err(wrong(token, "keyword", ":name or :a/b")) };
    }
    let unsigned = token.trim_start_matches(['+', '-']);
    if unsigned.starts_with(|c: char| c.is_ascii_digit()) && token.len() - unsigned.len() <= 1 {
        return number(token).ok_or_else(|| wrong(token, "number", "one such as 7, -7, 7N, 7.5, 7.5e3, 7.5M or 1/3"));
    }
    if named(token) { Ok(Datum::Word(token.to_string())) } else { Err(wrong(token, "symbol", "name or a/b")) }
}

fn wrong(token: &str, kind: &str, expected: &'static str) -> Complaint {
    (format!("`{token}` is no {kind}"), expected)
}

/// Whether this may name something: letters, digits and a few signs, with at most one slash between two names.
pub(super) fn named(token: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || ".*+!-_?$%&=<>:#'|".contains(c));
    let good = token == "/" || token.splitn(2, '/').all(part);
    good && !token.starts_with([':', '#', '\'']) && !token.ends_with(':')
}

/// A whole number that fits is a number, whether or not it is marked as big: Clojure calls `1` and `1N` equal too.
fn number(token: &str) -> Option<Datum> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A leading zero means octal to some, so EDN forbids it.
    let whole = |text: &str| digits(text) && (text == "0" || !text.starts_with('0'));
    let plain = token.strip_prefix('+').unwrap_or(token);
    let unsigned = plain.strip_prefix('-').unwrap_or(plain);
    let integer = plain.strip_suffix('N').unwrap_or(plain);
    if whole(integer.strip_prefix('-').unwrap_or(integer)) {
        return Some(integer.parse().map_or_else(|_| Datum::Number(format!("{integer}N")), Datum::Int));
    }
    if let Some((over, under)) = unsigned.split_once('/') {
        return (whole(over) && whole(under) && under != "0").then(|| Datum::Number(plain.to_string()));
    }
    let decimal = unsigned.strip_suffix('M').unwrap_or(unsigned);
    let (mantissa, exponent) = decimal.split_once(['e', 'E']).map_or((decimal, None), |(m, e)| (m, Some(e)));
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let good = whole(before) && (after.is_empty() || digits(after)) && exponent.is_none_or(digits);
    good.then(|| Datum::Number(plain.to_string()))
}

/// `u0041` at the beginning of a text, or two of them that make one character; and how many bytes they take.
pub(super) fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |text: &str| {
        let hex = text.strip_prefix('u')?.get(..4)?;
        hex.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(hex, 16).ok())?
    };
    let first = unit(text)?;
    if let Some(meant) = char::from_u32(first.into()) {
        return Some((meant, 5));
    }
    let second = unit(text.get(5..)?.strip_prefix('\\')?)?;
    let meant = char::decode_utf16([first, second]).next()?.ok()?;
    Some((meant, 11))
}

/// One to three octal digits, up to 377.
pub(super) fn octal_character(digits: &str) -> Option<char> {
    let good = digits.len() <= 3 && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    u8::from_str_radix(digits, 8).ok().filter(|_| good).map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_equal_are_read_as_equal() {
        use Datum::{Int, Number};
        let exactly = |number: &str| Some(Number(number.to_string()));
        let cases = [
            ("0", Some(Int(0))),
            ("-0", Some(Int(0))),
            ("+7", Some(Int(7))),
            ("7N", Some(Int(7))),
            ("9223372036854775807", Some(Int(i64::MAX))),
            ("-9223372036854775808N", Some(Int(i64::MIN))),
            ("9223372036854775808", exactly("9223372036854775808N")),
            ("9223372036854775808N", exactly("9223372036854775808N")),
            ("2.5", exactly("2.5")),
            ("-2.", exactly("-2.")),
            ("2e3", exactly("2e3")),
            ("2.5E-3", exactly("2.5E-3")),
            ("+1.5M", exactly("1.5M")),
            ("7M", exactly("7M")),
            ("1/3", exactly("1/3")),
            ("-1/3", exactly("-1/3")),
            ("007", None),
            ("1/0", None),
            ("1/", None),
            ("1.2.3", None),
            ("1e", None),
            ("1x", None),
            ("1NN", None),
            ("-", None),
            (".5", None),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn names_have_at_most_one_slash() {
        for name in ["a", "a/b", "a.b/c-d?", "1", "/", "-", "->x", ".5x", "a:b", "é"] {
            assert!(named(name), "{name}");
        }
        for name in ["", "a/", "/a", "a/b/c", ":a", "a:", "@a", "^", "a~"] {
            assert!(!named(name), "{name}");
        }
    }
}
