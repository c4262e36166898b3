//! A tiny history as people draw it: a line for each process, a bar for each call.

use crate::objects::Said;
use crate::oracle::{Call, NEVER};
use std::fmt::Write as _;

/// Draws the calls, each with its index. A bar that ends in `?` never returned.
///
/// ```text
/// 0  |-0 Write(1)--|              |-2 Read = 1-|
/// 1         |-1 Swap(1, 2)--------------------------?
/// ```
pub fn picture(calls: &[Call]) -> String {
    let end = 2 * calls.len() as u8 + 1;
    let until = |call: &Call| if call.returned == NEVER { end } else { call.returned };
    let wide = |call: &Call| (label(call).len() + 6).div_ceil(usize::from(until(call) - call.invoked));
    let width = calls.iter().map(wide).max().unwrap_or(1);
    let mut processes: Vec<u8> = calls.iter().map(|call| call.process).collect();
    processes.sort_unstable();
    processes.dedup();
    let mut picture = String::new();
    for process in processes {
        let mut line = format!("{process:<3}");
        for call in calls.iter().filter(|call| call.process == process) {
            let (left, right) = (3 + usize::from(call.invoked) * width, 3 + usize::from(until(call)) * width);
            let bar = format!("|-{}", indexed(calls, call));
            let close = if call.returned == NEVER { '?' } else { '|' };
            write!(line, "{:left$}{bar:-<bars$}{close}", "", left = left - line.len(), bars = right - left - 1)
                .expect("writing to a string");
        }
        writeln!(picture, "{line}").expect("writing to a string");
    }
    picture
}

fn indexed(calls: &[Call], call: &Call) -> String {
    let index = calls.iter().position(|other| other == call).expect("one of them");
    format!("{index} {}", label(call))
}

fn label(call: &Call) -> String {
    match call.said {
        None | Some(Said::Done) => format!("{:?}", call.ask),
        Some(Said::Value(value)) => format!("{:?} = {value}", call.ask),
        Some(other) => format!("{:?} = {other:?}", call.ask),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Ask;

    #[test]
    fn bars_begin_and_end_where_their_events_are() {
        let call = |process, ask, said, invoked, returned| Call { process, ask, said, invoked, returned };
        let calls = [
            call(0, Ask::Write(1), Some(Said::Done), 0, 2),
            call(1, Ask::Write(2), None, 1, NEVER),
            call(0, Ask::Read, Some(Said::Nothing), 3, 4),
        ];
        let picture = picture(&calls);
        let lines: Vec<&str> = picture.lines().collect();
        assert_eq!(lines.len(), 2);
        let place = |line: &str, of: &str| line.find(of).unwrap_or_else(|| panic!("{picture}"));
        assert!(place(lines[0], "|-0") < place(lines[1], "|-1") && place(lines[1], "|-1") < place(lines[0], "|-2"));
        assert!(lines[0].ends_with('|') && lines[1].ends_with('?') && lines[0].contains("Read = Nothing"), "{picture}");
    }
}
