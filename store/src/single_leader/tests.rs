//! Small schedules, and what their clients are told.

use crate::mutants::Script;
use harness::{Outcome, Reason, Reply};

/// What each request came to, in the order of asking; `None` for one that nobody has answered.
fn outcomes(design: &str, workload: &str, nodes: u8, lines: &str) -> Vec<Option<Outcome>> {
    let text = format!("design {design}\nworkload {workload}\nnodes {nodes}\n{lines}");
    let script = Script { name: "t.txt", text: Box::leak(text.into_boxed_str()) };
    let run = script.play(&[]).unwrap_or_else(|error| panic!("{error}"));
    run.history.calls().iter().map(|call| call.outcome.cloned()).collect()
}

/// How often a mark was hit.
fn marks(design: &str, lines: &str, name: &str) -> usize {
    let text = format!("design {design}\nworkload set\nnodes 3\n{lines}");
    let script = Script { name: "t.txt", text: Box::leak(text.into_boxed_str()) };
    let run = script.play(&[]).unwrap_or_else(|error| panic!("{error}"));
    run.history.marks().filter(|(_, _, mark)| *mark == name).count()
}

fn done() -> Option<Outcome> {
    Some(Outcome::Ok(Reply::Done))
}

fn value(value: Option<i64>) -> Option<Outcome> {
    Some(Outcome::Ok(Reply::Value(value)))
}

fn unavailable() -> Option<Outcome> {
    Some(Outcome::Failed(Reason::Unavailable("not every follower has the whole log yet".to_string())))
}

#[test]
fn asynchronous_copies_wait_for_nobody_and_for_the_own_disk() {
    let lines = "settle\nclient 0 n1 write x 1\nclient 1 n1 read x\nsync n1\nclient 1 n1 read x\nclient 2 n2 read x";
    let hint = Some(Outcome::Failed(Reason::NotLeader { hint: Some(harness::NodeId(0)) }));
    assert_eq!(outcomes("sl-async", "register", 3, lines), [done(), value(None), value(Some(1)), hint]);
    assert_eq!(
        outcomes("sl-async-fr", "register", 3, lines),
        [done(), value(None), value(Some(1)), value(None)],
        "the follower answers from its copy"
    );
}

#[test]
fn synchronous_copies_wait_for_everybody_and_show_nothing_before() {
    let lines = "settle\nclient 0 n1 write x 1\nsync n1\ndeliver n1 n2\nsync n2\ndeliver n2 n1\nclient 1 n1 read x\n";
    assert_eq!(outcomes("sl-sync", "register", 3, lines), [None, value(None)]);
    let settled = format!("{lines}settle\nclient 1 n1 read x");
    assert_eq!(outcomes("sl-sync", "register", 3, &settled), [done(), value(None), value(Some(1))]);
}

#[test]
fn a_follower_shows_and_confirms_only_what_it_has_synced() {
    let lines = "settle\nclient 0 n1 write x 1\nsync n1\ndeliver n1 n2\ndeliver n1 n3\nsync n3\nclient 1 n2 read x\n\
                 deliver n3 n1 all\ndeliver n2 n1 all\nclient 2 n1 read x\nsync n2\nclient 1 n2 read x\nsettle";
    let seen = outcomes("sl-sync-fr", "register", 3, lines);
    assert_eq!(seen, [done(), value(None), value(None), value(Some(1))]);
}

#[test]
fn a_restarted_leader_serves_nothing_before_everybody_has_its_whole_log() {
    let dead = "settle\nclient 0 n1 write x 1\nsettle\nclient 0 n1 write x 2\nsync n1\ndrop n1 n3\n\
                settle n1 n2\nkill n1\nstart n1\n";
    let lines =
        format!("{dead}settle n1 n2\nclient 1 n1 read x\nsettle\nfire n1 heartbeat\nsettle\nclient 1 n1 read x");
    let seen = outcomes("sl-sync", "register", 3, &lines);
    assert_eq!(seen, [done(), None, unavailable(), value(Some(2))]);
    let lines =
        format!("{dead}client 1 n1 write x 3\nsettle\nfire n1 heartbeat\nsettle\nclient 1 n1 write x 3\nsettle");
    assert_eq!(outcomes("sl-sync", "register", 3, &lines), [done(), None, unavailable(), done()]);
}

#[test]
fn a_leader_that_is_never_replaced_has_followers_without_a_time_out() {
    for design in ["sl-async", "sl-async-fr", "sl-sync", "sl-sync-fr"] {
        let text = format!("design {design}\nworkload set\nnodes 3\nfire n2 failover");
        let error = Script { name: "t.txt", text: Box::leak(text.into_boxed_str()) }.play(&[]).expect_err(design);
        assert_eq!(error.expected, "one that is: none is", "{design}");
    }
}

const LEADS: &str = "fire n1 failover\nsettle\nfire n1 counted\nsettle\n";

#[test]
fn semi_synchronous_copies_wait_for_one_or_a_time_out_until_one_has_caught_up() {
    let lines = format!("{LEADS}client 0 n1 add 1\nsync n1\nclient 1 n1 members\nsettle n1 n3\n");
    let none = Some(Outcome::Ok(Reply::Elements(Vec::new())));
    assert_eq!(outcomes("sl-semi", "set", 3, &lines), [done(), none.clone()]);
    let alone = format!("{LEADS}client 0 n1 add 1\nsync n1\nclient 1 n1 members\nfire n1 fallback\n");
    assert_eq!(outcomes("sl-semi", "set", 3, &alone), [done(), none]);
    let again = format!("{alone}settle\nclient 0 n1 add 2\nsync n1\n");
    assert_eq!(outcomes("sl-semi", "set", 3, &again)[2], None, "it waits again");
    assert_eq!(marks("sl-semi", &again, "caught-up"), 1);
    // While it is alone it does not.
    let still = format!("{alone}client 0 n1 add 2\nsync n1\n");
    assert_eq!(outcomes("sl-semi", "set", 3, &still)[2], done());
}

#[test]
fn the_longest_log_that_answers_is_promoted_whoever_asks() {
    // n3 alone has confirmed the element, and n2 is the one who misses the leader.
    let lines = format!(
        "{LEADS}client 0 n1 add 1\nsync n1\ndrop n1 n2\nsettle n1 n3\nkill n1\nfire n2 failover\nsettle n2 n3\n\
         fire n2 counted\nsettle n2 n3\nclient 1 n2 members\nclient 1 n3 members\n"
    );
    let hint = Some(Outcome::Failed(Reason::NotLeader { hint: Some(harness::NodeId(2)) }));
    let one = Some(Outcome::Ok(Reply::Elements(vec![1])));
    assert_eq!(outcomes("sl-semi", "set", 3, &lines), [done(), hint, one]);
}

#[test]
fn who_asks_twice_is_answered_once_its_command_may_be_seen() {
    let lines = "settle\nclient 0 n1 add 1\nagain 0 n1\nsync n1\nagain 0 n1\nsettle\nclient 0 n1 members";
    let one = Some(Outcome::Ok(Reply::Elements(vec![1])));
    assert_eq!(outcomes("sl-sync", "set", 3, lines), [done(), one]);
}
