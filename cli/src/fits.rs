//! What can be run: every size, time and target that a person or a file names, checked before anything starts.
//!
//! A zero where a span is needed makes virtual time stand still, and a node that there is not is out of every table's
//! range, so both are bad input and not trouble.

use crate::assemble::Usage;
use crate::systems::real;
use harness::{Cut, Fault, MS, Motion, NodeId, SECOND, Settings, Strike, Target, Tier, Time};

/// How large a cluster and a run are.
pub struct Size {
    /// How many nodes.
    pub nodes: u8,
    /// How many clients.
    pub clients: u32,
    /// How long clients ask.
    pub time: Time,
    /// Requests a second of all clients together.
    pub rate: f64,
    /// From one fault's start to the next one's.
    pub every: Option<Time>,
}

/// Complains about sizes out of range.
pub fn size(size: &Size) -> Result<(), Usage> {
    let every = size.every.is_none_or(|every| every >= SECOND && every <= SECOND * 86_400);
    first_wrong(&[
        (size.nodes >= 1 && size.nodes <= 32, "--nodes takes 1 to 32"),
        (size.clients >= 1 && size.clients <= 1000, "--clients takes 1 to 1000"),
        (size.time >= SECOND && size.time <= SECOND * 86_400, "--time takes 1 second to 1 day"),
        (size.rate > 0.0 && size.rate <= 100_000.0, "--rate takes more than 0 and at most 100000 a second"),
        (every, "--every takes 1 second to 1 day"),
    ])
}

/// Complains about times of the system with which it could not work at all.
pub fn settings(settings: &Settings) -> Result<(), Usage> {
    let Settings { heartbeat, election_low, election_high, request_timeout, attempt_timeout, .. } = settings;
    let span = |time: &Time| *time >= MS && *time <= SECOND * 3600;
    first_wrong(&[
        (span(heartbeat), "settings: heartbeat takes 1 ms to 1 hour, in microseconds"),
        (span(election_low), "settings: election_low takes 1 ms to 1 hour, in microseconds"),
        (span(election_high), "settings: election_high takes 1 ms to 1 hour, in microseconds"),
        (span(request_timeout), "settings: request_timeout takes 1 ms to 1 hour, in microseconds"),
        (span(attempt_timeout), "settings: attempt_timeout takes 1 ms to 1 hour, in microseconds"),
        (election_low <= election_high, "settings: election_low is above election_high"),
        (settings.delay_low <= settings.delay_high, "settings: delay_low is above delay_high"),
        (settings.sync_low <= settings.sync_high, "settings: sync_low is above sync_high"),
        (settings.delay_high <= SECOND * 3600, "settings: delay_high takes at most 1 hour, in microseconds"),
        (settings.starting <= SECOND * 3600, "settings: starting takes at most 1 hour, in microseconds"),
        (settings.sync_high <= SECOND * 3600, "settings: sync_high takes at most 1 hour, in microseconds"),
        (settings.max_entries_per_append >= 1, "settings: max_entries_per_append takes at least 1"),
        (settings.snapshot_every >= 1, "settings: snapshot_every takes at least 1"),
    ])
}

/// Longer than any run.
const LONGEST: Time = Time(86_400 * SECOND.0);

/// Bytes a second that a link can be narrowed to. A packet takes a quarter of a minute at the lowest, and the controller, through which all
/// of them go, can carry no more than the highest.
const RATES: std::ops::RangeInclusive<u64> = 100..=10_000_000;

/// Complains about the first strike that cannot be carried out on a cluster of `nodes` in this tier.
pub fn strikes(strikes: &[Strike], nodes: u8, tier: Tier) -> Result<(), Usage> {
    for (number, Strike { fault, lasts, .. }) in (1..).zip(strikes) {
        let wrong = |why: String| Err(Usage(format!("strike {number} cannot be done: {why}")));
        if *lasts > LONGEST {
            return wrong("it lasts longer than a day".to_string());
        }
        if let Some(node) = named(fault).into_iter().find(|node| node.0 >= nodes) {
            let last = nodes.saturating_sub(1);
            return wrong(format!("there is no node {}; a cluster of {nodes} has nodes 0 to {last}", node.0));
        }
        if tier == Tier::Url && *fault != Fault::Nothing {
            return wrong("what runs already is never touched".to_string());
        }
        match fault {
            Fault::Clock { rate, .. } if !(1..=10_000).contains(rate) => {
                return wrong(format!("a clock's rate of {rate} %; 1 to 10000 can be set"));
            }
            Fault::Clock { offset, .. } if offset.unsigned_abs() > LONGEST.0 => {
                return wrong("a clock can be at most a day off".to_string());
            }
            Fault::Clock { motion: Motion::Strobe(every), .. } if *every < MS * 50 || *every > LONGEST => {
                return wrong("a clock can jump every 50 ms to a day".to_string());
            }
            Fault::Clock { offset: 0, motion: Motion::Strobe(_), .. } => {
                return wrong("a clock that jumps needs an offset".to_string());
            }
            Fault::Clock { motion: Motion::Drift(percent), .. }
                if !(-100..=1000).contains(percent) || *percent == 0 =>
            {
                return wrong(format!("a clock that gains {percent} %; -100 to 1000 can be had, without 0"));
            }
            Fault::SlowDisk { by, .. } | Fault::Delay { by, .. } if *by > LONGEST => {
                return wrong("a delay of more than a day".to_string());
            }
            Fault::Links { delay, late, .. } if *delay > LONGEST || *late > LONGEST => {
                return wrong("a delay of more than a day".to_string());
            }
            Fault::Retry { after } if *after < MS || *after > LONGEST => {
                return wrong("clients can ask again after 1 ms to a day".to_string());
            }
            Fault::Links { loss, duplicate, .. } if *loss > 100 || *duplicate > 100 => {
                return wrong("more than 100 % of the messages".to_string());
            }
            Fault::Bandwidth { rate, .. } if !RATES.contains(rate) => {
                let (low, high) = (RATES.start(), RATES.end());
                return wrong(format!("a link of {rate} bytes a second; {low} to {high} can be set"));
            }
            Fault::Bandwidth { .. } if !real(tier) => {
                return wrong("messages of the bundled store have no size: use a delay, or --database".to_string());
            }
            Fault::CpuLimit { percent, .. } if !(1..=99).contains(percent) => {
                return wrong(format!("{percent} % of the time; 1 to 99 can be left to a process"));
            }
            Fault::CpuLimit { period, .. } if *period < MS * 10 || *period > SECOND * 60 => {
                return wrong("a process can be stopped and continued every 10 ms to 1 minute".to_string());
            }
            Fault::MemoryLimit { spare, .. } if *spare > 1 << 40 => {
                return wrong("a process can be left 1 TiB more than it has, and not more".to_string());
            }
            Fault::Truncate { bytes, .. } if !(1..=1 << 30).contains(bytes) => {
                return wrong("a file can lose 1 byte to 1 GiB".to_string());
            }
            fault if fault.real_only() && !real(tier) => {
                return wrong(format!("\"{fault}\" is for real databases: use --database, or another fault"));
            }
            Fault::PowerLoss(_) if tier == Tier::Local => {
                return wrong("a loss of power cannot be done to real processes: use --tier sim".to_string());
            }
            Fault::Rebalance(_) if tier == Tier::Local => {
                return wrong(
                    "the members of a cluster of real processes cannot be changed: use --tier sim".to_string(),
                );
            }
            Fault::Clock { rate, .. } if real(tier) && *rate != 100 => {
                return wrong(format!(
                    "a real database's timers do not run at {rate} %: use a rate of 100, or --tier sim"
                ));
            }
            Fault::Links { duplicate, .. } if real(tier) && *duplicate > 0 => {
                return wrong(
                    "TCP hides from real nodes what comes twice: leave out \"duplicate\", or use --tier sim"
                        .to_string(),
                );
            }
            fault if real(tier) && !databases::real::known(fault) => {
                return wrong(format!(
                    "\"{fault}\" is for the bundled store; real nodes can be cut off, killed, paused, short of processor or memory, have links that lose packets, are slow or narrow, a clock that is off, jumps or drifts, and damaged files"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Complains about cuts into more parts than there are nodes.
pub fn parts(strikes: &[Strike], nodes: u8) -> Result<(), Usage> {
    let parts = |fault: &Fault| matches!(fault, Fault::Partition(Cut::Thirds | Cut::MajoritiesRing));
    match strikes.iter().find(|strike| nodes < 3 && parts(&strike.fault)) {
        None => Ok(()),
        Some(Strike { fault, .. }) => {
            Err(Usage(format!("\"{fault}\" takes three nodes or more, and there are {nodes}")))
        }
    }
}

/// The nodes that a fault names by number.
fn named(fault: &Fault) -> Vec<NodeId> {
    let target = match fault {
        Fault::Partition(Cut::Isolate(target) | Cut::Minority(target) | Cut::Mute(target) | Cut::Bridge(target)) => {
            Some(target)
        }
        Fault::Partition(Cut::Links(links)) => return links.iter().flat_map(|(from, to)| [*from, *to]).collect(),
        fault => fault.target(),
    };
    match target {
        Some(Target::Node(node) | Target::AllBut(node)) => vec![*node],
        Some(Target::Leader | Target::Follower | Target::Marked | Target::All | Target::Others) | None => Vec::new(),
    }
}

fn first_wrong(limits: &[(bool, &str)]) -> Result<(), Usage> {
    limits.iter().find(|(fits, _)| !fits).map_or(Ok(()), |(_, why)| Err(Usage((*why).to_string())))
}
