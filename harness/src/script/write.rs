//! Writes what [`super::parse`] reads: the head of a script, and operations.

use crate::op::Op;
use crate::plan::Settings;

/// The head of a script, with every setting that is not the default.
pub fn head(design: &str, workload: &str, nodes: u8, settings: &Settings) -> String {
    let fields = |settings: &Settings| match serde_json::to_value(settings) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => unreachable!("settings are plain data with fields"),
    };
    let usual = fields(&Settings::default());
    let changed = fields(settings).into_iter().filter(|(name, value)| usual.get(name) != Some(value));
    let with: String = changed.map(|(name, value)| format!("with {name} {value}\n")).collect();
    format!("design {design}\nworkload {workload}\nnodes {nodes}\n{with}")
}

/// An operation as scripts spell it.
pub fn spelt(op: &Op) -> String {
    match op {
        Op::Read { key } => format!("read {key}"),
        Op::Write { key, value } => format!("write {key} {value}"),
        Op::Cas { key, from, to } => format!("cas {key} {from} {to}"),
        Op::Claim { name, owner } => format!("claim {name} {owner}"),
        Op::Owner { name } => format!("owner {name}"),
        Op::Transfer { id, from, to, amount } => format!("transfer {id} {from} {to} {amount}"),
        Op::Balances { accounts } => format!("balances {accounts}"),
        Op::Ledger { accounts } => format!("ledger {accounts}"),
        Op::Add { element } => format!("add {element}"),
        Op::Remove { element } => format!("remove {element}"),
        Op::Members => "members".to_string(),
        Op::Sell { item, id, count } => format!("sell {item} {id} {count}"),
        Op::Refund { item, id } => format!("refund {item} {id}"),
        Op::Stock { item } => format!("stock {item}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Script, operation};
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let spellings = [
            "read x",
            "write x 5",
            "cas x 1 -2",
            "claim a 3",
            "owner a",
            "transfer 1 0 2 30",
            "balances 3",
            "ledger 3",
            "sell a 1 2",
            "refund a 1",
            "stock a",
            "add 7",
            "remove 7",
            "members",
        ];
        for spelling in spellings {
            let words: Vec<&str> = spelling.split(' ').collect();
            assert_eq!(spelt(&operation(&words).expect("an operation")), spelling);
        }
        let settings = Settings { max_entries_per_append: 1, ..Settings::default() };
        let text = head("raft", "register", 3, &settings);
        assert_eq!(text, "design raft\nworkload register\nnodes 3\nwith max_entries_per_append 1\n");
        assert_eq!(Script::read("a.txt", &text).expect("a head").settings, settings);
    }
}
