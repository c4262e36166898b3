//! Every class with the neighbouring histories that are right, and the search on its own.

use super::*;
use harness::Value;

fn judged(text: &str) -> Opinion {
    check(&script::run(text), Budget::default())
}

fn class(text: &str) -> String {
    match judged(text).verdict {
        Verdict::Violated(anomaly) => anomaly.class,
        other => other.word().to_string(),
    }
}

fn sentences(text: &str) -> Vec<String> {
    match judged(text).verdict {
        Verdict::Violated(anomaly) => anomaly.sentences,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_read_of_what_an_acknowledged_write_had_overwritten_is_stale() {
    assert_eq!(class("0: write x 1 -> done\n1: write x 2 -> done\n2: read x -> 1"), "stale-after-ack");
    assert_eq!(class("1: write x 2 -> done\n2: read x -> nothing"), "stale-after-ack");
    assert_eq!(class("0: write x 1 -> done\n1: cas x 1 2 -> done\n2: read x -> 1"), "stale-after-ack");
    // A compare-and-set that does not find what was acknowledged is stale too.
    assert_eq!(class("0: write x 1 -> done\n2: cas x 1 3 -> no"), "stale-after-ack");
    // A write was under way beside the old one, but all was acknowledged before the two reads that disagree.
    assert_eq!(
        class("0: write x 1\n1: write x 2\n0: -> done\n1: -> done\n2: read x -> 1\n2: read x -> 2"),
        "stale-after-ack"
    );
}

#[test]
fn an_inversion_while_the_write_is_under_way_is_not_stale() {
    let reads = "2: read x -> 2\n3: read x -> 1\n";
    assert_eq!(class(&format!("0: write x 1 -> done\n1: write x 2\n{reads}1: -> done")), "new-then-old");
    assert_eq!(class(&format!("0: write x 1 -> done\n1: write x 2\n{reads}1: -> unknown")), "new-then-old");
    assert_eq!(class(&format!("0: write x 1 -> done\n1: write x 2\n{reads}")), "new-then-old");
    assert_eq!(class("1: write x 2\n2: read x -> 2\n3: read x -> nothing\n1: -> done"), "new-then-old");
    // An answer that `x` is not 1 counts like a read of something newer.
    assert_eq!(
        class("0: write x 1 -> done\n1: write x 2\n2: cas x 1 5 -> no\n3: read x -> 1\n1: -> done"),
        "new-then-old"
    );
    // The write may come after both, or before both, or between them the right way round.
    for reads in ["2: read x -> 1\n3: read x -> 1", "2: read x -> 2\n3: read x -> 2", "2: read x -> 1\n3: read x -> 2"]
    {
        assert_eq!(class(&format!("0: write x 1 -> done\n1: write x 2\n{reads}\n1: -> done")), "held", "{reads}");
    }
    // Reads that overlap have no order.
    assert_eq!(class("0: write x 1 -> done\n1: write x 2\n2: read x\n3: read x\n2: -> 2\n3: -> 1\n1: -> done"), "held");
    // Somebody wrote the old value again.
    assert_eq!(class(&format!("0: write x 1 -> done\n1: write x 2\n0: write x 1\n{reads}")), "held");
}

#[test]
fn a_value_that_only_a_refused_request_asked_for_is_dirty() {
    assert_eq!(class("0: write x 1 -> done\n1: cas x 5 2 -> no\n2: read x -> 2"), "dirty-then-vanished");
    assert_eq!(class("0: write x 1 -> done\n1: write x 2 -> failed\n2: read x -> 2"), "dirty-then-vanished");
    assert_eq!(class("0: write x 1 -> done\n2: read x -> 2"), "not-linearizable");
}

#[test]
fn a_write_lost_beneath_a_compare_and_set_is_a_lost_update() {
    let beside = "0: write x 1 -> done\n1: cas x 1 2\n2: write x 3\n1: -> done\n2: -> done\n";
    assert_eq!(class(&format!("{beside}4: cas x 3 9 -> no")), "lost-update");
    // The write may have come last, or first where nobody says that the compare-and-set found what it looked for.
    assert_eq!(class(&format!("{beside}4: cas x 3 9 -> done")), "held");
    assert_eq!(class(&format!("{beside}4: cas x 2 9 -> no")), "held");
}

#[test]
fn compare_and_sets_that_lose_an_update_are_found() {
    // One after the other, from the same value.
    assert_eq!(class("0: write x 1 -> done\n1: cas x 1 2 -> done\n2: cas x 1 3 -> done"), "lost-update");
    // At the same time.
    let both = "1: cas x 1 2\n2: cas x 1 3\n1: -> done\n2: -> done";
    assert_eq!(class(&format!("0: write x 1 -> done\n{both}")), "lost-update");
    assert_eq!(class(&format!("0: write x 1 -> done\n0: write x 1\n{both}")), "held");
    assert_eq!(class("0: write x 1 -> done\n1: cas x 1 2\n2: cas x 1 3\n1: -> done\n2: -> no"), "held");
    assert_eq!(class("0: write x 1 -> done\n1: cas x 1 2\n2: cas x 1 3\n1: -> unknown\n2: -> done"), "held");
    // A write is acknowledged, and a compare-and-set that did not see it stands above it.
    let beneath = "0: write x 1 -> done\n1: cas x 1 2\n2: write x 9\n2: -> done\n1: -> done\n";
    assert_eq!(class(&format!("{beneath}3: read x -> 2")), "lost-update");
    assert_eq!(class(&format!("{beneath}3: read x -> 9")), "held");
    // The compare-and-set succeeded although a newer value had been read.
    assert_eq!(
        class("0: write x 1 -> done\n1: write x 9\n2: read x -> 9\n3: cas x 1 2 -> done\n1: -> done"),
        "lost-update"
    );
}

#[test]
fn values_of_uncertain_writes_that_vanish_are_dirty() {
    for fate in ["failed", "unknown"] {
        let write = format!("0: write x 1 -> done\n1: write x 2\n2: read x -> 2\n1: -> {fate}\n");
        assert_eq!(class(&format!("{write}3: read x -> 1")), "dirty-then-vanished", "{fate}");
        assert_eq!(class(&format!("{write}3: cas x 1 5 -> done")), "dirty-then-vanished", "{fate}");
    }
    // It may happen late, and stay.
    assert_eq!(class("0: write x 1 -> done\n1: write x 2 -> unknown\n2: read x -> 1\n3: read x -> 2"), "held");
    assert_eq!(class("0: write x 1 -> done\n1: write x 2 -> unknown\n2: read x -> 2\n3: read x -> 2"), "held");
}

#[test]
fn what_fits_no_class_is_called_by_the_general_name() {
    assert_eq!(class("2: read x -> 7"), "not-linearizable");
    assert_eq!(class("2: read x -> 7\n0: write x 7 -> done"), "not-linearizable");
    // Neither is stale: nothing has overwritten a value that was never there.
    assert_eq!(class("0: write x 1 -> done\n2: read x -> 7"), "not-linearizable");
    assert_eq!(class("0: write x 1 -> done\n2: cas x 7 8 -> done"), "not-linearizable");
}

#[test]
fn changes_that_only_together_are_too_many_lose_an_update() {
    let text = "0: write x 1 -> done\n1: cas x 1 2\n2: cas x 2 1\n3: cas x 1 2\n4: cas x 2 1\n5: cas x 1 3\n0: cas x 1 3\n\
                1: -> done\n2: -> done\n3: -> done\n4: -> done\n5: -> done\n0: -> done";
    assert_eq!(class(text), "lost-update");
    let told = sentences(text);
    let said = |start: &str| told.iter().any(|sentence| sentence.starts_with(start));
    assert!(said("no order of these on `x` explains every answer"), "{told:?}");
    assert!(said("they would be explained if a compare-and-set among them had been a plain write"), "{told:?}");
}

#[test]
fn an_inversion_that_only_three_reads_show_has_its_name() {
    let text = "0: write x 1\n1: write x 2\n2: read x -> 1\n2: read x -> 2\n2: read x -> 1\n0: -> done\n1: -> done";
    assert_eq!(class(text), "new-then-old");
    let told = sentences(text);
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told[4].starts_with("each of these reads is possible by itself"), "{told:?}");
}

#[test]
fn the_sentences_say_who_was_told_what() {
    assert_eq!(
        sentences("0: write x 2 -> done\ncut n1\n3: write x 5 -> done\n7: read x -> 2"),
        [
            "client 3 was told at 0.500 s that `x` is 5 (write), by a node that had been cut off; \
             client 1 read 2 at 0.700 s, which had been overwritten at 0.500 s",
            "2 had been written by client 0, which was told so at 0.200 s"
        ]
    );
    assert_eq!(
        sentences("0: write x 1 -> done\n1: write x 2\n2: read x -> 2\n3: read x -> 1"),
        [
            "client 2 read 2 from `x` at 0.500 s; client 3 read 1 at 0.700 s, which is older, and nobody had put it back",
            "1 had been written by client 0, which was told so at 0.200 s",
            "client 1 had asked at 0.300 s to write 2 and never learnt how that ended"
        ]
    );
    assert_eq!(
        sentences("0: write x 1 -> failed\n2: read x -> 1"),
        ["client 2 read 1 at 0.400 s (`x`), but client 0 was told at 0.200 s that its write of it did not happen"]
    );
}

#[test]
fn the_events_are_those_of_the_few_calls() {
    let text = "4: read x -> nothing\n0: write x 1 -> done\n4: read x -> 1\n1: write x 2 -> done\n4: read y -> nothing\n\
                2: read x -> 1";
    let Verdict::Violated(anomaly) = judged(text).verdict else { panic!() };
    assert_eq!(anomaly.events, [3, 4, 7, 8, 11, 12]);
    assert_eq!(anomaly.table.len(), 4);
}

#[test]
fn registers_are_judged_apart_and_the_worst_class_is_named() {
    let new_then_old = "0: write x 1 -> done\n1: write x 2\n2: read x -> 2\n3: read x -> 1\n";
    let stale = "4: write y 1 -> done\n5: read y -> nothing\n";
    let opinion = judged(&format!("{new_then_old}{stale}"));
    let Verdict::Violated(anomaly) = opinion.verdict else { panic!() };
    assert_eq!(anomaly.class, "stale-after-ack");
    assert_eq!(opinion.notes[1..], ["stale-after-ack: 1 register", "new-then-old: 1 register"]);
    // 1 of `x` does not excuse 1 of `y`.
    assert_eq!(class("0: write x 1 -> done\n1: read y -> 1"), "not-linearizable");
}

#[test]
fn a_spent_budget_is_unknown_but_a_plain_contradiction_is_seen_without_any() {
    let hard = "0: write x 1\n1: write x 2\n2: write x 3\n0: -> done\n1: -> done\n2: -> done\n3: read x -> 2";
    let opinion = check(&script::run(hard), Budget { steps: 2 });
    assert_eq!(
        opinion.verdict,
        Verdict::Unknown(
            "the budget of 2 steps was spent before `x` with its 4 operations (0 of unknown outcome) was decided"
                .to_string()
        )
    );
    assert_eq!(check(&trap(), Budget { steps: 0 }).verdict.word(), "violated");
    assert_eq!(class(""), "vacuous");
}

#[test]
fn histories_without_times_are_told_by_their_events() {
    let mut run = trap();
    run.history.events.iter_mut().for_each(|event| event.time = harness::Time::ZERO);
    let Verdict::Violated(anomaly) = check(&run, Budget::default()).verdict else { panic!() };
    assert!(anomaly.sentences[0].starts_with("client 1 was told at event 4 that `x` is 2 (write)"), "{anomaly:?}");
}

fn call(act: Act, invoked: usize, returned: Option<usize>) -> RegisterCall {
    RegisterCall { act, invoked, returned }
}

#[test]
fn a_replay_rejects_what_is_no_order() {
    let calls = [
        call(Act::Write(1), 0, Some(1)),
        call(Act::Write(2), 2, None),
        call(Act::Read(Some(1)), 3, Some(4)),
        call(Act::Missed { from: 1, to: 3 }, 5, Some(6)),
    ];
    assert_eq!(replay(&calls, None, &[0, 2, 1, 3]), Ok(()));
    assert_eq!(replay(&calls, None, &[0, 1, 2, 3]), Err(2), "the read does not see 1");
    assert_eq!(replay(&calls, None, &[0, 2, 3]), Err(3), "the register still holds 1");
    assert_eq!(replay(&calls, None, &[0, 2, 1]), Err(3), "an answered call is missing");
    assert_eq!(replay(&calls, None, &[2, 0, 1, 3]), Err(2), "nobody wrote before the read");
    assert_eq!(replay(&calls[..1], Some(5), &[0, 0]), Err(0), "twice the same");
    let sequential = [call(Act::Write(1), 0, Some(1)), call(Act::Write(2), 2, Some(3))];
    assert_eq!(replay(&sequential, None, &[1, 0]), Err(0), "the first was over before the second began");
}

#[test]
fn many_calls_that_never_return_do_not_drown_the_search() {
    // 60 writes of 6 values that may all still happen, then reads that only some of them explain, and at the end one that
    // nothing explains. A memo of whole sets would need some 2 to the 60 configurations.
    let mut calls: Vec<RegisterCall> = (0..60).map(|n| call(Act::Write(n % 6), n as usize, None)).collect();
    for n in 0..40 {
        let at = 100 + 2 * n as usize;
        calls.push(call(Act::Read(Some((n * 5) % 6)), at, Some(at + 1)));
    }
    let mut budget = 1_000_000;
    assert!(matches!(check_calls(&calls, None, &mut budget), Answer::Linearizable(order) if order.len() == 80));
    calls.push(call(Act::Read(Some(99)), 500, Some(501)));
    let mut budget = 1_000_000;
    assert_eq!(check_calls(&calls, None, &mut budget), Answer::Impossible);
}

#[test]
fn a_long_history_is_judged_in_time_that_grows_with_its_length() {
    let steps = |length: usize| {
        let mut calls = Vec::new();
        for n in 0..length {
            let at = 4 * n;
            calls.push(call(Act::Write(n as Value % 7), at, Some(at + 6)));
            calls.push(call(Act::Read(Some(n as Value % 7)), at + 1, Some(at + 3)));
        }
        let mut budget = u64::MAX;
        assert!(matches!(check_calls(&calls, None, &mut budget), Answer::Linearizable(_)));
        u64::MAX - budget
    };
    let (short, long) = (steps(1_000), steps(20_000));
    assert!(long < 25 * short, "{short} steps for 1,000 and {long} for 20,000");
}
