//! After every fault clients are served again, and how long that took: the one checker that judges by times.
//!
//! A run is told off only where there is enough to judge by: requests asked later than three election time-outs after a
//! fault has ended (and what a process takes to start, where the fault had ended one), while no other fault is there, must
//! nearly all be answered. What happens while a fault lasts is measured and never judged, because a cut or killed side cannot be
//! served. Whoever sits beside a node whose files were damaged is left out: it may have gone for good.

use crate::{calls, script, words};
use harness::unserved::{self, Unserved};
use harness::{Budget, Call, Checker, Fault, FaultInterval, NodeId, Opinion, Run, Time, Verdict};

/// See the head of this file.
pub const AVAILABILITY: Checker = Checker {
    name: "availability",
    about: "once a fault is over, clients are served again within three election time-outs",
    check,
    trap,
};

/// Fewer requests than this prove nothing.
const ENOUGH: usize = 20;
/// Of 100 requests so many must be answered.
const PERCENT: usize = 95;
/// Election time-outs, the shortest that there are, that a system has to recover.
const GRACE: u64 = 3;

/// How long after the end of a fault nobody need be served.
fn grace(run: &Run, fault: &FaultInterval) -> Time {
    let settings = &run.plan.settings;
    settings.election_low * GRACE + if fault.fault.restarts() { settings.starting } else { Time::ZERO }
}

fn check(run: &Run, _: Budget) -> Opinion {
    let finals = run.finals();
    let calls: Vec<Call> = run.history.calls().into_iter().filter(|call| call.invoked < finals).collect();
    let windows: Vec<Option<Share>> = run.faults.iter().map(|fault| recovery(run, fault, &calls)).collect();
    let verdict = match run.faults.is_empty() {
        true => calm(run, &Share::of(calls.iter())),
        false => worst(run, &windows),
    };
    Opinion { notes: notes(run, &calls, &windows), ..Opinion::new(AVAILABILITY.name, verdict) }
}

/// How many requests were answered, of how many.
#[derive(Clone, Debug, Default)]
struct Share {
    asked: usize,
    answered: usize,
    /// Events of the first requests that were not answered.
    failed: Vec<usize>,
}

impl Share {
    fn of<'a>(calls: impl Iterator<Item = &'a Call<'a>>) -> Share {
        let mut share = Share::default();
        for call in calls {
            share.asked += 1;
            if calls::answer(call).is_some() {
                share.answered += 1;
            } else if share.failed.len() < 5 {
                share.failed.push(call.invoked);
            }
        }
        share
    }
    fn enough(&self) -> bool {
        self.asked >= ENOUGH
    }
    fn low(&self) -> bool {
        self.enough() && self.answered * 100 < self.asked * PERCENT
    }
    fn percent(&self) -> String {
        match self.asked {
            0 => "none asked".to_string(),
            asked => format!("{} % of {asked}", self.answered * 100 / asked),
        }
    }
}

/// The requests by which recovery from a fault is judged; `None` where another fault leaves no time to judge.
fn recovery(run: &Run, fault: &FaultInterval, calls: &[Call]) -> Option<Share> {
    if fault.ended == Time::NEVER {
        return None;
    }
    let from = fault.ended + grace(run, fault);
    let others = || run.faults.iter().filter(|other| other.strike != fault.strike);
    let next = others().map(|other| other.began).filter(|began| *began >= fault.ended).min();
    let to = next.unwrap_or(Time::NEVER).min(run.chaos().1);
    let disturbed = others().any(|other| other.began < from && from < other.ended);
    if to <= from || disturbed {
        return None;
    }
    // A request that was still open when the window closed was caught by what came next and says nothing.
    let decided = |call: &&Call| calls::answer(call).is_some() || call.answered <= to;
    let bereft = |call: &&Call| run.damaged(run.plan.home(run.client(call.process)));
    let asked = calls.iter().filter(|call| from <= call.asked && call.asked < to && !bereft(call));
    Some(Share::of(asked.filter(decided)))
}

/// A run without faults: nearly all requests must be answered.
fn calm(run: &Run, all: &Share) -> Verdict {
    if !all.low() {
        return Verdict::Held;
    }
    let sentence = format!("without any fault only {} requests were answered, {PERCENT} % are expected", all.percent());
    words::violated(AVAILABILITY.name, "unavailable", vec![sentence], all.failed.clone(), table(run, &[]))
}

/// The fault after which the smallest share was answered, if that is too small.
fn worst(run: &Run, windows: &[Option<Share>]) -> Verdict {
    let judged = run.faults.iter().zip(windows).filter_map(|(fault, share)| Some((fault, share.as_ref()?)));
    let low = judged.clone().filter(|(_, share)| share.low());
    let Some((fault, share)) = low.min_by_key(|(_, share)| share.answered * 1000 / share.asked) else {
        return Verdict::Held;
    };
    let sentence = format!(
        "{} ended at {}, but of the requests asked later than {} after that only {} were answered, {PERCENT} % are expected",
        named(run, fault),
        fault.ended,
        grace(run, fault),
        share.percent()
    );
    let rows: Vec<(&FaultInterval, &Share)> = judged.collect();
    words::violated(AVAILABILITY.name, "no-recovery", vec![sentence], share.failed.clone(), table(run, &rows))
}

fn table(run: &Run, judged: &[(&FaultInterval, &Share)]) -> Vec<Vec<String>> {
    if judged.is_empty() {
        return Vec::new();
    }
    let mut table = vec![["fault", "began", "ended", "answered afterwards"].map(str::to_string).to_vec()];
    table.extend(judged.iter().map(|(fault, share)| {
        vec![named(run, fault), fault.began.to_string(), fault.ended.to_string(), share.percent()]
    }));
    table
}

/// What was measured around one fault.
struct Measured {
    /// From its beginning until somebody whom it does not concern was served.
    served: Option<Time>,
    /// From its end until anybody was served.
    recovered: Option<Time>,
    /// Requests of clients beside the nodes that it hit, asked and decided while it lasted.
    hit: Share,
    /// The same of all others.
    spared: Share,
}

fn measure(run: &Run, fault: &FaultInterval, calls: &[Call]) -> Measured {
    let nodes = fault.fault.nodes(usize::from(run.plan.nodes));
    let hit = |call: &&Call| nodes.contains(&run.plan.home(run.client(call.process)));
    let lasted = |call: &&Call| fault.began <= call.asked && call.asked < fault.ended && call.answered <= fault.ended;
    let first = |from: Time, spared: bool| {
        let served = calls.iter().filter(|call| call.asked >= from && calls::answer(call).is_some());
        served.filter(|call| !spared || !hit(call)).map(|call| call.answered.since(from)).min()
    };
    Measured {
        served: first(fault.began, true),
        recovered: (fault.ended != Time::NEVER).then(|| first(fault.ended, false)).flatten(),
        hit: Share::of(calls.iter().filter(lasted).filter(hit)),
        spared: Share::of(calls.iter().filter(lasted).filter(|call| !hit(call))),
    }
}

fn notes(run: &Run, calls: &[Call], windows: &[Option<Share>]) -> Vec<String> {
    if run.faults.is_empty() {
        let all = Share::of(calls.iter());
        let few = if all.enough() { "" } else { ", too few to judge by" };
        return vec![format!("answered without any fault: {}{few}", all.percent())];
    }
    let measured: Vec<Measured> = run.faults.iter().map(|fault| measure(run, fault, calls)).collect();
    let mut notes: Vec<String> = summary(run, &measured).into_iter().collect();
    for ((fault, measured), window) in run.faults.iter().zip(&measured).zip(windows) {
        notes.push(note(run, fault, measured, window.as_ref()));
    }
    if !windows.iter().flatten().any(Share::enough) {
        notes.push(format!("recovery was not judged: after no fault were there {ENOUGH} requests before the next one"));
    }
    notes.extend(cut_side(run));
    notes
}

/// The fault after which it took longest until the others were served, and the median of all.
fn summary(run: &Run, measured: &[Measured]) -> Option<String> {
    let mut times: Vec<(Time, usize)> =
        measured.iter().enumerate().filter_map(|(index, measured)| Some((measured.served?, index))).collect();
    times.sort();
    let (longest, index) = *times.last()?;
    let (median, _) = times[times.len() / 2];
    Some(format!(
        "clients whom it did not cut off were answered again {longest} after \"{}\" began (median of {}: {median})",
        named(run, &run.faults[index]),
        words::count(times.len(), "fault")
    ))
}

/// How writes fared of clients whom faults parted from what they need: what a cell is judged by in which they cannot be served.
fn cut_side(run: &Run) -> Option<String> {
    let Unserved { during, after } = unserved::measure(run);
    (during.tried > 0).then(|| {
        format!("of clients parted from what they need, {during} while faults lasted, {after} once they were over")
    })
}

fn note(run: &Run, fault: &FaultInterval, measured: &Measured, window: Option<&Share>) -> String {
    let span = |span: Option<Time>| span.map_or("never".to_string(), |span| format!("after {span}"));
    let hit = match measured.hit.asked {
        0 => String::new(),
        _ => format!("{} on the side that it hit, ", measured.hit.percent()),
    };
    let window = match window {
        Some(share) => format!("; answered later on: {}", share.percent()),
        None => "; too little time to judge recovery before the next fault or the end".to_string(),
    };
    format!(
        "\"{}\" from {} to {}: others served again {}; while it lasted, answered were {hit}{} elsewhere; \
         first answer once it was over: {}{window}",
        named(run, fault),
        fault.began,
        if fault.ended == Time::NEVER { "the end".to_string() } else { fault.ended.to_string() },
        span(measured.served),
        measured.spared.percent(),
        span(measured.recovered),
    )
}

/// The fault in few words: a partition is named by the side that it cuts off.
fn named(run: &Run, fault: &FaultInterval) -> String {
    let nodes: Vec<NodeId> = fault.fault.nodes(usize::from(run.plan.nodes));
    match &fault.fault {
        Fault::Partition(_) if !nodes.is_empty() => {
            let nodes: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
            format!("cut off {}", nodes.join(", "))
        }
        other => other.to_string(),
    }
}

fn trap() -> Run {
    let mut text = "at 100\nkill n1\nat 1000\nmend\nat 6000\n".to_string();
    for request in 0..20 {
        // Two of twenty are too many.
        let outcome = if request < 2 { "failed" } else { "1" };
        text.push_str(&format!("{}: read x -> {outcome}\n", request % 6));
    }
    script::run(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Opinion {
        check(&script::run(text), Budget::default())
    }

    fn reads(answered: usize, failed: usize) -> String {
        let lines = (0..answered + failed).map(|n| {
            let outcome = if n < answered { "1" } else { "failed" };
            format!("{}: read x -> {outcome}\n", n % 6)
        });
        lines.collect()
    }

    #[test]
    fn who_is_not_served_again_after_a_fault_is_found() {
        let text = format!("at 100\nkill n1\nat 1000\nmend\nat 4100\n{}", reads(18, 2));
        let Verdict::Violated(anomaly) = judge(&text).verdict else { panic!() };
        assert_eq!(anomaly.class, "no-recovery");
        assert_eq!(
            anomaly.sentences,
            ["kill n1 ended at 1.000 s, but of the requests asked later than 1.500 s after that \
              only 90 % of 20 were answered, 95 % are expected"]
        );
        assert_eq!(anomaly.events.len(), 2);
    }

    #[test]
    fn a_process_that_was_killed_has_time_to_start() {
        let judged = |fault: &str| {
            let mut run = script::run(&format!("at 100\n{fault} n1\nat 1000\nmend\nat 4100\n{}", reads(0, 20)));
            run.plan.settings.starting = harness::SECOND * 4;
            check(&run, Budget::default()).verdict
        };
        assert_eq!(judged("kill"), Verdict::Held);
        assert_eq!(judged("cut").word(), "violated");
    }

    #[test]
    fn legal_neighbours_are_not_reported() {
        let struck = "at 100\nkill n1\nat 1000\nmend\n";
        for text in [
            format!("{struck}at 4100\n{}", reads(19, 1)),
            // Too few to say.
            format!("{struck}at 4100\n{}", reads(10, 9)),
            // While the fault lasts and in the grace time after it nobody is told off.
            format!("at 100\nkill n1\nat 1000\n{}at 9000\nmend\n", reads(0, 30)),
            format!("{struck}at 1100\n{}at 4100\n{}", reads(0, 6), reads(20, 0)),
            // The next fault is there before the grace time is over.
            format!("{struck}at 2000\ncut n2\nat 4100\n{}mend", reads(0, 20)),
            // Another fault lasts on.
            format!("at 0\ncut n2\nat 100\nkill n1\nat 1000\nmend\nat 4100\n{}mend", reads(0, 20)),
            // A node whose files were damaged may have gone for good, and nobody else has.
            format!("at 100\ndamage n1\nat 1000\nmend\nat 4100\n{}{}", reads(20, 0), "0: read x -> failed\n".repeat(9)),
            // Nobody expects an answer when the run heals.
            format!("{struck}at 2000\nheal\nat 4100\n{}", reads(0, 20)),
        ] {
            assert_eq!(judge(&text).verdict, Verdict::Held, "{text}");
        }
    }

    #[test]
    fn a_request_that_the_next_fault_caught_says_nothing() {
        let caught = "0: read x\n1: read x\n2: read x\ncut n1\n0: -> unknown\n1: -> unknown\n2: -> unknown\nmend";
        let text = format!("at 100\nkill n1\nat 1000\nmend\nat 4100\n{}{caught}", reads(20, 0));
        assert_eq!(judge(&text).verdict, Verdict::Held);
        let failed = "3: read x -> unknown\n4: read x -> unknown\ncut n1\nmend";
        let text = format!("at 100\nkill n1\nat 1000\nmend\nat 4100\n{}{failed}", reads(20, 0));
        assert_eq!(judge(&text).verdict.word(), "violated");
    }

    #[test]
    fn a_run_without_faults_must_answer_nearly_all() {
        assert_eq!(judge(&reads(95, 5)).verdict, Verdict::Held);
        assert_eq!(judge(&reads(94, 6)).verdict.word(), "violated");
        assert_eq!(judge(&reads(0, 19)).verdict, Verdict::Held);
        assert_eq!(judge(&reads(0, 19)).notes, ["answered without any fault: 0 % of 19, too few to judge by"]);
    }

    #[test]
    fn writes_on_the_cut_side_are_told() {
        let text = "at 1000\ncut n1\nat 2100\n0: write x 1 -> failed\n1: write x 2 -> done\nat 3000\nmend\nat 4700\n0: write x 3 -> done\nat 9000\nheal";
        assert_eq!(
            judge(text).notes.last().map(String::as_str),
            Some(
                "of clients parted from what they need, 0 of 1 writes were answered while faults lasted, \
                 1 of 1 writes were answered once they were over"
            )
        );
    }

    #[test]
    fn what_is_measured_is_told() {
        let text = "at 1000\ncut n1\n0: read x\nat 1500\n1: read x -> 1\nat 2000\n0: -> unknown\nat 3000\nmend\n\
                    at 3400\n1: read x -> 1";
        let notes = judge(text).notes;
        assert_eq!(
            notes[0],
            "clients whom it did not cut off were answered again 0.600 s after \"cut off n1\" began \
             (median of 1 fault: 0.600 s)"
        );
        assert_eq!(
            notes[1],
            "\"cut off n1\" from 1.000 s to 3.000 s: others served again after 0.600 s; while it lasted, answered were \
             0 % of 1 on the side that it hit, 100 % of 1 elsewhere; first answer once it was over: after 0.500 s; \
             too little time to judge recovery before the next fault or the end"
        );
        assert_eq!(notes.len(), 3, "nobody wrote");
        assert_eq!(notes[2], "recovery was not judged: after no fault were there 20 requests before the next one");
    }
}
