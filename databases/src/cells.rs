//! Cells of the harness's data ([`store::data`]) as keys and values of a key-value store, both of them text.

use store::data::{Cell, Content};

/// What the keys of all elements begin with.
pub const ELEMENTS: &str = "element/";
/// What comes right behind all of them: `0` comes behind `/`.
pub const BEHIND_ELEMENTS: &str = "element0";

/// The key of a cell.
pub fn key(cell: &Cell) -> String {
    match cell {
        Cell::Register(key) => format!("register/{key}"),
        Cell::Name(name) => format!("name/{name}"),
        Cell::Account(account) => format!("account/{account}"),
        Cell::Item(item) => format!("item/{item}"),
        Cell::Element(element) => format!("{ELEMENTS}{element}"),
    }
}

/// The cell of a key, if it is the key of one.
pub fn cell(key: &str) -> Option<Cell> {
    let (kind, rest) = key.split_once('/')?;
    Some(match kind {
        "register" => Cell::Register(rest.into()),
        "name" => Cell::Name(rest.into()),
        "account" => Cell::Account(rest.parse().ok()?),
        "item" => Cell::Item(rest.into()),
        "element" => Cell::Element(rest.parse().ok()?),
        _ => return None,
    })
}

/// The value of what a cell holds: a number, or a list of pairs as JSON.
pub fn value(content: &Content) -> String {
    match content {
        Content::Number(number) => number.to_string(),
        Content::Postings(postings) => serde_json::to_string(postings).expect("postings are plain data"),
    }
}

/// What a value says that a cell holds, if it is the value of something.
pub fn content(value: &str) -> Option<Content> {
    match value.parse() {
        Ok(number) => Some(Content::Number(number)),
        Err(_) => serde_json::from_str(value).ok().map(Content::Postings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_and_what_it_holds_come_back_from_their_key_and_value() {
        let cells = [
            (Cell::Register("x".into()), Content::Number(-3)),
            (Cell::Name("grace".into()), Content::Number(4)),
            (Cell::Account(7), Content::Postings(vec![(1, -5), (2, 9)].into())),
            (Cell::Item("tea".into()), Content::Postings(Vec::new().into())),
            (Cell::Element(12), Content::Number(1)),
        ];
        for (there, held) in cells {
            assert_eq!(cell(&key(&there)), Some(there));
            assert_eq!(content(&value(&held)), Some(held));
        }
        assert_eq!((cell("nonsense"), content("nonsense")), (None, None));
    }

    #[test]
    fn a_prefix_has_all_elements_and_nothing_else() {
        let inside = |name: &str| (ELEMENTS..BEHIND_ELEMENTS).contains(&name);
        assert!(inside("element/1") && inside("element/-9") && !inside("item/x") && !inside("name/element/"));
    }
}
