//! How the cells of the deliberate bugs are hurt, and with which magnitudes: each function says where its bug hides.

use harness::simulator::WROTE;
use harness::{Cut, Fault, MS, NodeId, Rng, SECOND, Settings, Shape, Strike, Target, Time, When};

/// What a client does is everywhere before the next one asks.
pub(super) fn fast() -> Settings {
    let (low, high) = (Time(1), Time(10));
    Settings { delay_low: low, delay_high: high, sync_low: low, sync_high: high, ..Settings::default() }
}

/// Some hear of a write long after others.
pub(super) fn uneven() -> Settings {
    Settings { delay_high: MS * 40, ..Settings::default() }
}

pub(super) fn none(_: &Shape, _: &mut Rng) -> Vec<Strike> {
    Vec::new()
}

/// What is not lost arrives twice: some nodes hear of a write twice and others not at all, until replicas are compared.
pub(super) fn doubling_links(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let doubling = |start| Strike {
        when: When::At(start),
        fault: Fault::Links { loss: 50, duplicate: 100, delay: MS * 10, late: Time::ZERO },
        lasts: SECOND * 3,
    };
    starts(shape, rng, SECOND * 6).into_iter().map(doubling).collect()
}

/// A minority is cut off for longer than it takes to remove something and to forget it.
pub(super) fn long_halves(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let cut = |start| Strike {
        when: When::At(start),
        fault: Fault::Partition(Cut::Minority(Target::Leader)),
        lasts: SECOND * 6,
    };
    let mut start = SECOND * 3 + rng.between(Time::ZERO, SECOND);
    let mut cuts = Vec::new();
    while start + SECOND * 8 < shape.time {
        cuts.push(cut(start));
        start += SECOND * 9;
    }
    cuts
}

pub(super) fn narrow() -> Settings {
    let (election_low, election_high) = (MS * 200, MS * 250);
    Settings { election_low, election_high, delay_high: MS * 20, sync_high: MS * 2, ..Settings::default() }
}

pub(super) fn one_entry() -> Settings {
    let (heartbeat, election_low, election_high) = (MS * 30, MS * 150, MS * 300);
    Settings { max_entries_per_append: 1, heartbeat, election_low, election_high, ..Settings::default() }
}

pub(super) fn impatient() -> Settings {
    Settings { attempt_timeout: MS * 100, ..Settings::default() }
}

pub(super) fn compacting() -> Settings {
    let (heartbeat, election_low, election_high) = (MS * 30, MS * 150, MS * 300);
    let (attempt_timeout, snapshot_every) = (MS * 60, 2);
    Settings { heartbeat, election_low, election_high, attempt_timeout, snapshot_every, ..Settings::default() }
}

/// The leader dies for a moment, so that the others ask for votes at almost the same time; the voter whom both ask dies
/// for a millisecond between the two questions.
pub(super) fn kill_who_voted(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let mut strikes = Vec::new();
    for start in starts(shape, rng, SECOND * 2) {
        strikes.push(Strike { when: When::At(start), fault: Fault::Kill(Target::Leader), lasts: MS });
        let delay = MS * 2 + rng.between(Time::ZERO, MS * 4);
        let when = When::OnMark { mark: "voted".to_string(), from: start, nth: 3, delay };
        strikes.push(Strike { when, fault: Fault::Kill(Target::Marked), lasts: MS });
    }
    strikes
}

/// Leader after leader dies before its first entry is everywhere, so that logs end in different terms.
pub(super) fn kill_who_was_elected(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let mut start = SECOND * 2;
    let unordered = Fault::Links { loss: 0, duplicate: 0, late: Time::ZERO, delay: MS * 10 };
    let mut strikes = vec![Strike { when: When::At(start), fault: unordered, lasts: shape.time - SECOND * 4 }];
    while start + SECOND * 2 < shape.time {
        strikes.push(Strike { when: When::At(start), fault: Fault::Kill(Target::Leader), lasts: MS * 300 });
        for election in 0..3 {
            let (from, delay) = (start + MS * 330 * election, rng.between(Time::ZERO, MS * 100));
            let when = When::OnMark { mark: "elected".to_string(), from, nth: 1, delay };
            let lasts = rng.between(MS * 50, MS * 1200);
            strikes.push(Strike { when, fault: Fault::Kill(Target::Leader), lasts });
        }
        start += SECOND;
    }
    strikes
}

/// Slow disks everywhere, and now and then nobody has power.
pub(super) fn power_loss_of_all(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    dark(shape, rng, &[Target::All])
}

/// The same with slow disks on a majority only: one fast follower confirms at once who leads, and what a new leader writes
/// first is committed much later.
pub(super) fn power_loss_with_one_fast_disk(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    dark(shape, rng, &[Target::Node(NodeId(0)), Target::Node(NodeId(1))])
}

pub(super) fn dark(shape: &Shape, rng: &mut Rng, slow: &[Target]) -> Vec<Strike> {
    let slow = slow.iter().map(|target| Strike {
        when: When::At(SECOND * 2),
        fault: Fault::SlowDisk { target: target.clone(), by: MS * 120 },
        lasts: shape.time - SECOND * 4,
    });
    let mut strikes: Vec<Strike> = slow.collect();
    for start in starts(shape, rng, SECOND * 4) {
        let nth = 1 + rng.below(8) as u32;
        let when = When::OnMark { mark: WROTE.to_string(), from: start, nth, delay: MS * rng.below(40) };
        strikes.push(Strike { when, fault: Fault::PowerLoss(Target::All), lasts: MS * 300 });
    }
    strikes
}

/// Links lose messages half of the time.
pub(super) fn lossy_links(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let lossy = |start| Strike {
        when: When::At(start),
        fault: Fault::Links { loss: 25, duplicate: 0, late: Time::ZERO, delay: Time::ZERO },
        lasts: SECOND * 3,
    };
    starts(shape, rng, SECOND * 6).into_iter().map(lossy).collect()
}

/// The leader is alone with its clients for two seconds.
pub(super) fn isolated(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let isolate = |start| Strike {
        when: When::At(start),
        fault: Fault::Partition(Cut::Isolate(Target::Leader)),
        lasts: SECOND * 2,
    };
    starts(shape, rng, SECOND * 4).into_iter().map(isolate).collect()
}

/// The same while losses keep some of the others behind.
pub(super) fn isolated_after_losses(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let mut strikes = vec![always_lossy(shape)];
    strikes.extend(isolated(shape, rng));
    strikes
}

/// Whoever leads has been in a minority for so long that it has a successor, when both are told that two nodes are to leave.
pub(super) fn two_move_beside_a_deposed_leader(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let mut strikes = Vec::new();
    let mut start = SECOND * 2 + rng.between(Time::ZERO, SECOND);
    while start + SECOND * 10 < shape.time {
        let fault = Fault::Partition(Cut::Minority(Target::Leader));
        strikes.push(Strike { when: When::At(start), fault, lasts: SECOND * 5 });
        let mut nodes: Vec<NodeId> = shape.node_ids().collect();
        rng.shuffle(&mut nodes);
        for node in nodes.into_iter().take(2) {
            let (when, fault) = (When::At(start + SECOND * 3), Fault::Rebalance(Target::Node(node)));
            strikes.push(Strike { when, fault, lasts: SECOND * 5 });
        }
        start += SECOND * 10;
    }
    strikes
}

/// One node hears everything late, so what is acknowledged is on two for a while: the leader that dies, and whoever moves.
pub(super) fn a_follower_moves_before_the_leader_dies(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let late = Fault::Delay { target: Target::Node(NodeId(2)), by: MS * 300 };
    let mut strikes = vec![Strike { when: When::At(SECOND * 2), fault: late, lasts: shape.time - SECOND * 4 }];
    for start in starts(shape, rng, SECOND * 4).into_iter().filter(|start| *start > SECOND * 3) {
        let moves = Fault::Rebalance(Target::Follower);
        strikes.push(Strike { when: When::At(start), fault: moves, lasts: SECOND * 3 });
        let dies = Fault::Kill(Target::Leader);
        strikes.push(Strike { when: When::At(start + MS * 5), fault: dies, lasts: SECOND * 2 });
    }
    strikes
}

pub(super) fn leaders_die_on_lossy_links(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let mut strikes = vec![always_lossy(shape)];
    let kill = |start| Strike { when: When::At(start), fault: Fault::Kill(Target::Leader), lasts: MS * 200 };
    strikes.extend(starts(shape, rng, SECOND).into_iter().skip(2).map(kill));
    strikes
}

pub(super) fn always_lossy(shape: &Shape) -> Strike {
    let fault = Fault::Links { loss: 25, duplicate: 0, late: Time::ZERO, delay: Time::ZERO };
    Strike { when: When::At(SECOND * 2), fault, lasts: shape.time - SECOND * 4 }
}

/// Moments about `every` apart, none close to the end.
pub(super) fn starts(shape: &Shape, rng: &mut Rng, every: Time) -> Vec<Time> {
    let mut starts = Vec::new();
    let mut start = every + rng.between(Time::ZERO, every / 2);
    while start + every < shape.time {
        starts.push(start);
        start += every / 2 + rng.between(Time::ZERO, every);
    }
    starts
}
