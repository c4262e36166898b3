//! Numbers for values: equal values get equal numbers, counted from 0 in the order in which they are first met.

use super::reading::show;
use harness::records::Datum;
use rustc_hash::FxHashMap;

/// The values of one object.
#[derive(Clone, Debug, Default)]
pub struct Values {
    whole: FxHashMap<i64, u32>,
    texts: FxHashMap<String, u32>,
    /// All others, by a spelling that no two of them share.
    others: FxHashMap<String, u32>,
    all: Vec<Datum>,
}

impl Values {
    /// The number of this value.
    pub fn number(&mut self, value: &Datum) -> u32 {
        let next = u32::try_from(self.all.len()).expect("fewer than 2^32 values");
        let number = match value {
            Datum::Int(whole) => *self.whole.entry(*whole).or_insert(next),
            Datum::Text(text) => match self.texts.get(text) {
                Some(number) => *number,
                None => *self.texts.entry(text.clone()).or_insert(next),
            },
            other => *self.others.entry(format!("{other:?}")).or_insert(next),
        };
        if number == next {
            self.all.push(value.clone());
        }
        number
    }

    /// All values, by number.
    pub fn all(&self) -> &[Datum] {
        &self.all
    }

    /// The value of this number, as people read it.
    pub fn show(&self, number: u32) -> String {
        self.all.get(number as usize).map_or_else(|| "something that nobody was told of".to_string(), show)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_numbers() {
        let (text, word) = (Datum::Text("1".to_string()), Datum::Word("1".to_string()));
        let list = Datum::List(vec![Datum::Int(1), Datum::Nil]);
        let mut values = Values::default();
        let met = [&Datum::Nil, &Datum::Int(1), &text, &word, &list, &Datum::Int(1), &list.clone(), &Datum::Nil, &text];
        let numbers: Vec<u32> = met.into_iter().map(|value| values.number(value)).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 1, 4, 0, 2]);
        assert_eq!(values.all(), [Datum::Nil, Datum::Int(1), text, word, list]);
        assert_eq!((values.show(4), values.show(9)), ("[1, null]".into(), "something that nobody was told of".into()));
    }
}
