//! Nobody sells what is not there: at every moment the acknowledged sales of an item, less what may have been given back,
//! are at most its opening stock.
//!
//! Judged from acknowledgements alone. A refund counts back from the moment at which it is asked, unless it certainly did
//! nothing: it may take effect at any time from then on. A sale of unknown outcome counts nothing, and neither does its refund.

use crate::{calls, script, words};
use harness::op::OPENING_STOCK;
use harness::{Budget, Call, Checker, Key, Op, Opinion, Run, Value, Verdict};
use std::collections::BTreeMap;

/// See the head of this file.
pub const OVERSOLD: Checker = Checker {
    name: "oversold",
    about: "of no item was more sold than there was; what was given back counts again",
    check,
    trap,
};

/// All that concerns one item.
#[derive(Default)]
struct Item<'a> {
    /// What was asked for in all.
    wanted: Value,
    /// Acknowledged sales with what each took, in order of acknowledgement.
    sales: Vec<(Value, Value, &'a Call<'a>)>,
    /// Refunds that may have taken effect, by the sale that each is about.
    refunds: BTreeMap<Value, &'a Call<'a>>,
}

fn check(run: &Run, _: Budget) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(OVERSOLD.name, unknown);
    }
    let items = items(&calls);
    let over: Vec<(&Key, Vec<&Call>)> =
        items.iter().filter_map(|(name, item)| Some((*name, item.too_many()?))).collect();
    let verdict = match over.iter().min_by_key(|(_, sales)| sales.last().map(|sale| sale.returned)) {
        Some((name, sales)) => violated(run, name, sales),
        None => unneeded(&items),
    };
    Opinion { notes: notes(&items, over.len()), ..Opinion::new(OVERSOLD.name, verdict) }
}

fn items<'a>(calls: &'a [Call<'a>]) -> BTreeMap<&'a Key, Item<'a>> {
    let mut items: BTreeMap<&Key, Item> = BTreeMap::new();
    for call in calls {
        match call.op {
            Op::Sell { item, id, count } => {
                let seen = items.entry(item).or_default();
                seen.wanted += count;
                if calls::done(call) {
                    seen.sales.push((*id, *count, call));
                }
            }
            Op::Refund { item, id } if !calls::void(call) => {
                items.entry(item).or_default().refunds.insert(*id, call);
            }
            _ => {}
        }
    }
    items.values_mut().for_each(|seen| seen.sales.sort_by_key(|(.., call)| call.returned));
    items
}

impl<'a> Item<'a> {
    /// The sales that stood when the first one too many was acknowledged, that one last.
    fn too_many(&self) -> Option<Vec<&'a Call<'a>>> {
        let stand = |last: usize| {
            let now = self.sales[last].2.returned;
            let back = move |id: &Value| self.refunds.get(id).is_some_and(|refund| Some(refund.invoked) < now);
            self.sales[..=last].iter().filter(move |(id, ..)| !back(id))
        };
        let sold = |last: &usize| stand(*last).map(|(_, count, _)| count).sum::<Value>();
        let last = (0..self.sales.len()).find(|last| sold(last) > OPENING_STOCK)?;
        Some(stand(last).map(|(.., call)| *call).collect())
    }
}

fn violated(run: &Run, item: &Key, sales: &[&Call]) -> Verdict {
    let count = |call: &&&Call| if let Op::Sell { count, .. } = call.op { *count } else { 0 };
    let sold: Value = sales.iter().map(|call| count(&call)).sum();
    let last = sales.last().expect("one sale is too many");
    let sentences = vec![
        format!("there were {OPENING_STOCK} of `{item}`"),
        format!(
            "{} were sold by {}, when {} was told so{}; nobody had given any of these back",
            sold,
            words::told_at(run, last).trim_start_matches("at "),
            words::who(run, last.process),
            words::by_cut_node(run, last)
        ),
    ];
    words::violated(OVERSOLD.name, "oversold", sentences, words::events(sales), words::table(run, sales))
}

/// Without a violation: held, unless no item was ever scarce.
fn unneeded(items: &BTreeMap<&Key, Item>) -> Verdict {
    if items.values().all(|item| item.sales.is_empty()) {
        return Verdict::Vacuous("no sale was acknowledged".to_string());
    }
    match items.values().any(|item| item.wanted > OPENING_STOCK) {
        true => Verdict::Held,
        false => Verdict::Vacuous("of no item was more wanted than there was".to_string()),
    }
}

fn notes(items: &BTreeMap<&Key, Item>, over: usize) -> Vec<String> {
    let sales: usize = items.values().map(|item| item.sales.len()).sum();
    let scarce = items.values().filter(|item| item.wanted > OPENING_STOCK).count();
    let mut notes = vec![format!(
        "{} of {} acknowledged; of {scarce} more was wanted than there was",
        words::count(sales, "sale"),
        words::count(items.len(), "item")
    )];
    if over > 0 {
        notes.push(format!("oversold: {}", words::count(over, "item")));
    }
    notes
}

fn trap() -> Run {
    script::run(
        "
        0: sell tea 1 15 -> done
        1: sell tea 2 6 -> done
        ",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> String {
        script::class(&OVERSOLD, text)
    }

    #[test]
    fn one_too_many_is_found_with_the_sales_that_stood() {
        let text = "0: sell tea 1 15 -> done\n0: sell oil 2 3 -> done\ncut n2\n1: sell tea 3 6 -> done";
        let Verdict::Violated(anomaly) = check(&script::run(text), Budget::default()).verdict else { panic!() };
        assert_eq!(anomaly.class, "oversold");
        assert_eq!(anomaly.sentences[0], "there were 20 of `tea`");
        assert_eq!(
            anomaly.sentences[1],
            "21 were sold by 0.700 s, when client 1 was told so, by a node that had been cut off; \
             nobody had given any of these back"
        );
        assert_eq!(anomaly.events, [1, 2, 6, 7]);
    }

    #[test]
    fn what_was_given_back_counts_again_but_only_once_it_was_asked_back() {
        let full = "0: sell tea 1 15 -> done\n1: sell tea 2 5 -> done\n";
        assert_eq!(class(&format!("{full}0: refund tea 1 -> done\n2: sell tea 3 15 -> done")), "held");
        assert_eq!(class(&format!("{full}0: refund tea 1 -> unknown\n2: sell tea 3 15 -> done")), "held");
        assert_eq!(class(&format!("{full}0: refund tea 1\n2: sell tea 3 15 -> done\n0: -> done")), "held");
        // It came too late, it did nothing, or it gave back less.
        assert_eq!(class(&format!("{full}2: sell tea 3 15 -> done\n0: refund tea 1 -> done")), "oversold");
        assert_eq!(class(&format!("{full}0: refund tea 1 -> no\n2: sell tea 3 15 -> done")), "oversold");
        assert_eq!(class(&format!("{full}0: refund tea 1 -> failed\n2: sell tea 3 15 -> done")), "oversold");
        assert_eq!(class(&format!("{full}0: refund tea 2 -> done\n2: sell tea 3 6 -> done")), "oversold");
    }

    #[test]
    fn legal_neighbours_are_not_reported() {
        for text in [
            "0: sell tea 1 20 -> done\n1: sell tea 2 1 -> no",
            "0: sell tea 1 20 -> unknown\n1: sell tea 2 1 -> done",
            "0: sell tea 1 20 -> done\n1: sell tea 2 1 -> failed\n2: sell oil 3 20 -> done",
            // A sale of unknown outcome that was given back changed nothing in the end.
            "0: sell tea 1 20 -> unknown\n1: refund tea 1 -> done\n1: sell tea 2 20 -> done",
        ] {
            assert_eq!(class(text), "held", "{text}");
        }
    }

    #[test]
    fn without_scarcity_nothing_is_said() {
        assert_eq!(class("0: sell tea 1 20 -> done"), "vacuous");
        assert_eq!(class("0: sell tea 1 21 -> no"), "vacuous");
    }
}
