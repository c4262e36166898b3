//! The cells in which the deliberate bugs of the designs are caught: a bug that nothing catches says that something is
//! missing, in the workloads, the faults or the checkers.
//!
//! Most of these bugs stay hidden from faults that strike at random times. Each cell says where to look: which fault at
//! which moment, with which magnitudes. With the switch off the same cell must be clean.

mod hurt;

use crate::{About, Design, Setup, Visitor};
use harness::files::Malformed;
use harness::script;
use harness::{Rng, Run, Settings, Shape, Strike};

/// What a node marks when it first does what only a deliberate bug does: a bug that nothing catches was reached or was not.
pub const STRAYED: &str = "strayed";

/// A deliberate bug and the cell that catches it.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The deliberate bug.
    pub switch: &'static str,
    /// The design that has it.
    pub design: &'static str,
    /// What clients ask.
    pub workload: &'static str,
    /// The cell in words.
    pub about: &'static str,
    /// How many nodes.
    pub nodes: u8,
    /// Magnitudes of the system's own times.
    pub settings: fn() -> Settings,
    /// How the cluster is hurt.
    pub strikes: fn(&Shape, &mut Rng) -> Vec<Strike>,
    /// Seeds, from 1 on, within which it is caught.
    pub seeds: u64,
    /// A schedule that leads there without any chance, as [`harness::script`] reads it.
    pub script: Option<Script>,
}

/// A scripted schedule.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// The file's name, for complaints.
    pub name: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// How a deliberate bug was caught.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caught {
    /// The deliberate bug.
    pub switch: &'static str,
    /// The design that has it.
    pub design: &'static str,
    /// The cell in words.
    pub about: &'static str,
    /// What clients asked.
    pub workload: &'static str,
    /// Who must find it: the model, the simulator or both.
    pub finders: &'static str,
    /// The first seed that was violated; seeds count from 1.
    pub first: u64,
    /// How many seeds were tried, and how many of them were violated.
    pub seeds: (u64, u64),
    /// What was seen: checker, class, and in how many of the seeds.
    pub seen: Vec<(String, String, u64)>,
    /// What was seen when the script was played: checker and class.
    pub scripted: Vec<(String, String)>,
}

/// How deliberate bugs were caught, as a table in Markdown.
pub fn table(caught: &[Caught]) -> String {
    let row = |caught: &Caught| {
        let seen: Vec<String> =
            caught.seen.iter().map(|(checker, class, seeds)| format!("{checker}: {class} ({seeds})")).collect();
        let scripted: Vec<String> =
            caught.scripted.iter().map(|(checker, class)| format!("{checker}: {class}")).collect();
        let Caught { switch, design, about, workload, finders, first, seeds: (tried, violated), .. } = caught;
        let (seen, scripted) = (seen.join(", "), scripted.join(", "));
        format!(
            "| `{switch}` of `{design}` | {finders} | {workload}: {about} | {first} | {violated} of {tried} | {seen} | {scripted} |\n"
        )
    };
    let head = "| switch | must be found by | cell | first seed | seeds violated | seen by (seeds) | by its script |\n|---|---|---|---|---|---|---|\n";
    head.to_string() + &caught.iter().map(row).collect::<String>()
}

impl Script {
    /// Plays the script on its design, with these deliberate bugs on.
    ///
    /// # Errors
    /// The first line that cannot be read or done, or a design that does not exist.
    pub fn play(&self, switches: &[String]) -> Result<Run, Malformed> {
        play(self.name, self.text, switches)
    }
}

/// Plays a script on the design that it names, with these deliberate bugs on. `name` is the file's, for complaints.
///
/// # Errors
/// The first line that cannot be read or done, or a design that does not exist.
pub fn play(name: &str, text: &str, switches: &[String]) -> Result<Run, Malformed> {
    let script = script::Script::read(name, text)?;
    crate::with(&script.design, Play { script: &script, switches }).unwrap_or_else(|| {
        let known: Vec<&str> = crate::designs().map(|design| design.name).collect();
        Err(Malformed::new(name, format!("the design \"{}\"", script.design), known.join(", ")))
    })
}

struct Play<'a> {
    script: &'a script::Script,
    switches: &'a [String],
}

impl Visitor for Play<'_> {
    type Out = Result<Run, Malformed>;
    fn visit<D: Design>(self, design: &'static About) -> Self::Out {
        let Play { script, switches } = self;
        let setup = Setup {
            design: design.name,
            nodes: script.nodes,
            settings: script.settings.clone(),
            switches: switches.to_vec(),
        };
        script.play::<D>(D::config(&setup), switches)
    }
}

macro_rules! script {
    ($name:literal) => {
        Some(Script { name: $name, text: include_str!(concat!("../../scripts/", $name)) })
    };
}

/// Every deliberate bug that has a cell.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        switch: "vote-not-persisted",
        design: "raft",
        workload: "set",
        about: "3 nodes with election time-outs of 200 to 250 ms and links of up to 20 ms; the leader is killed for a moment, and 2 to 6 ms after the third vote so is who gave it",
        nodes: 3,
        settings: hurt::narrow,
        strikes: hurt::kill_who_voted,
        seeds: 20,
        script: script!("raft-vote-not-persisted.txt"),
    },
    Mutant {
        switch: "ack-before-fsync",
        design: "raft",
        workload: "set",
        about: "5 nodes with disks that are 120 ms slow; all of them lose power at a write",
        nodes: 5,
        settings: Settings::default,
        strikes: hurt::power_loss_of_all,
        seeds: 10,
        script: script!("raft-ack-before-fsync.txt"),
    },
    Mutant {
        switch: "commit-old-term",
        design: "raft",
        workload: "set",
        about: "3 nodes, one entry a message, messages overtake each other; every second the leader is killed, and its successors within 100 ms of their election",
        nodes: 3,
        settings: hurt::one_entry,
        strikes: hurt::kill_who_was_elected,
        seeds: 50,
        script: script!("raft-commit-old-term.txt"),
    },
    Mutant {
        switch: "read-before-noop",
        design: "raft",
        workload: "register",
        about: "3 nodes, two of them with disks that are 120 ms slow; all of them lose power at a write",
        nodes: 3,
        settings: Settings::default,
        strikes: hurt::power_loss_with_one_fast_disk,
        seeds: 50,
        script: script!("raft-read-before-noop.txt"),
    },
    Mutant {
        switch: "no-dedup",
        design: "raft",
        workload: "bank",
        about: "3 nodes whose links lose 25 % of all messages; clients ask again after 100 ms",
        nodes: 3,
        settings: hurt::impatient,
        strikes: hurt::lossy_links,
        seeds: 10,
        script: script!("raft-no-dedup.txt"),
    },
    Mutant {
        switch: "count-twice",
        design: "ll-abd",
        workload: "read-write",
        about: "5 nodes; half of the messages are lost, and those that arrive do so twice",
        nodes: 5,
        settings: Settings::default,
        strikes: hurt::doubling_links,
        seeds: 20,
        script: script!("ll-abd-count-twice.txt"),
    },
    Mutant {
        switch: "short-write",
        design: "ll-abd",
        workload: "read-write",
        about: "5 nodes; half of the messages are lost, and those that arrive do so twice",
        nodes: 5,
        settings: Settings::default,
        strikes: hurt::doubling_links,
        seeds: 20,
        script: script!("ll-abd-short-write.txt"),
    },
    Mutant {
        switch: "no-tie-break",
        design: "ml-lww",
        workload: "agreement",
        about: "5 nodes, no fault; clocks tick once a second, links of 1 to 40 ms",
        nodes: 5,
        settings: hurt::uneven,
        strikes: hurt::none,
        seeds: 20,
        script: script!("ml-lww-no-tie-break.txt"),
    },
    Mutant {
        switch: "adding-join",
        design: "ml-crdt",
        workload: "bank",
        about: "5 nodes, no fault; links and disks so fast that nobody overdraws an account",
        nodes: 5,
        settings: hurt::fast,
        strikes: hurt::none,
        seeds: 10,
        script: script!("ml-crdt-adding-join.txt"),
    },
    Mutant {
        switch: "collect-early",
        design: "ml-dvv",
        workload: "set",
        about: "5 nodes; two of them are cut off for 6 s, again and again",
        nodes: 5,
        settings: Settings::default,
        strikes: hurt::long_halves,
        seeds: 10,
        script: script!("ml-dvv-collect-early.txt"),
    },
    Mutant {
        switch: "vote-for-any-log",
        design: "raft",
        workload: "set",
        about: "5 nodes on links that lose 25 % of all messages; the leader is isolated, again and again",
        nodes: 5,
        settings: Settings::default,
        strikes: hurt::isolated_after_losses,
        seeds: 20,
        script: script!("raft-vote-for-any-log.txt"),
    },
    Mutant {
        switch: "read-uncommitted",
        design: "raft",
        workload: "register",
        about: "5 nodes; the leader is isolated",
        nodes: 5,
        settings: Settings::default,
        strikes: hurt::isolated,
        seeds: 10,
        script: script!("raft-read-uncommitted.txt"),
    },
    Mutant {
        switch: "snapshot-without-sessions",
        design: "raft",
        workload: "bank",
        about: "3 nodes that compact after every second entry, on links that lose 25 %; clients ask again after 60 ms, and the leader is killed every second",
        nodes: 3,
        settings: hurt::compacting,
        strikes: hurt::leaders_die_on_lossy_links,
        seeds: 50,
        script: script!("raft-snapshot-without-sessions.txt"),
    },
    Mutant {
        switch: "two-at-once",
        design: "raft",
        workload: "register",
        about: "5 nodes; a minority with the leader is cut off, and 3 s later two nodes are to move to new machines",
        nodes: 5,
        settings: Settings::default,
        strikes: hurt::two_move_beside_a_deposed_leader,
        seeds: 20,
        script: script!("raft-two-at-once.txt"),
    },
    Mutant {
        switch: "rejoins-as-voter",
        design: "raft",
        workload: "register",
        about: "3 nodes, links of one are 300 ms slow; a follower is to move to a new machine, and 5 ms later the leader is killed",
        nodes: 3,
        settings: Settings::default,
        strikes: hurt::a_follower_moves_before_the_leader_dies,
        seeds: 20,
        script: script!("raft-rejoins-as-voter.txt"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use harness::NodeId;
    use harness::{Outcome, Reason, Reply};

    #[test]
    fn every_switch_has_a_cell_and_every_cell_a_switch() {
        for mutant in MUTANTS {
            let design = crate::find(mutant.design).expect("a known design");
            assert!(design.switches.iter().any(|switch| switch.name == mutant.switch), "{}", mutant.switch);
        }
        for design in crate::designs() {
            for switch in design.switches {
                let has = |mutant: &Mutant| (mutant.design, mutant.switch) == (design.name, switch.name);
                assert!(MUTANTS.iter().any(has), "{} of {} has no cell", switch.name, design.name);
            }
        }
    }

    fn play(lines: &str) -> Result<Run, Malformed> {
        let text = format!("design raft\nworkload register\nnodes 3\n{lines}");
        Script { name: "t.txt", text: Box::leak(text.into_boxed_str()) }.play(&[])
    }

    #[test]
    fn a_line_that_cannot_be_done_is_told_with_what_could() {
        for (lines, place, expected) in [
            ("fire n1 heartbeat", "t.txt:4", "one that is: election"),
            ("fire n1 election\ndeliver n1 n2", "t.txt:5", "at most 0: so many messages are on the way from n1 to n2"),
            ("sync n2", "t.txt:4", "at most 0: so many writes of n2 are not synced"),
            ("start n1", "t.txt:4", "a node that was killed"),
            ("replace n1", "t.txt:4", "a node that is to leave"),
            ("kill n1\nkill n1", "t.txt:5", "a node that lives"),
            ("again 0 n1", "t.txt:4", "a client that waits for an answer"),
            ("heal", "t.txt:4", "a cut before"),
        ] {
            let error = play(lines).expect_err(lines);
            assert_eq!((error.place.as_str(), error.expected.as_str()), (place, expected), "{lines}");
        }
        let error =
            Script { name: "t.txt", text: "design rift\nworkload set\nnodes 1" }.play(&[]).expect_err("no design");
        assert!(error.expected.contains("raft"), "{error}");
    }

    #[test]
    fn clients_are_answered_as_they_can_be_and_faults_are_recorded() {
        let lines = "fire n1 election\nsettle\nclient 0 n2 write x 1\nclient 1 n1 write x 2\nclient 1 n1 write x 3\n\
                     cut n1 n3\nsettle\nheal\npower n3\nclient 2 n3 read x\nstart n3\nfinal\nclient 2 n1 read x\nsettle";
        let run = play(lines).expect("it can be done");
        assert_eq!(run.history.check(), Ok(()));
        let calls = run.history.calls();
        let outcomes: Vec<&Outcome> = calls.iter().filter_map(|call| call.outcome).collect();
        let hint = Outcome::Failed(Reason::NotLeader { hint: Some(NodeId(0)) });
        let (unknown, refused) = (Outcome::Unknown(Reason::TimedOut), Outcome::Failed(Reason::Refused));
        let (done, three) = (Outcome::Ok(Reply::Done), Outcome::Ok(Reply::Value(Some(3))));
        assert_eq!(outcomes, [&hint, &unknown, &done, &refused, &three]);
        let clients: Vec<u32> = calls.iter().map(|call| run.client(call.process).0).collect();
        assert_eq!((clients, calls[2].process.0), (vec![0, 1, 1, 2, 2], 4));
        assert_eq!(run.faults.len(), 2);
        assert!(run.faults.iter().all(|fault| fault.effect.is_some()));
        assert_eq!(run.findings().count(), 0);
    }

    #[test]
    fn messages_are_overtaken_doubled_and_lost() {
        let voted = |run: Run| run.history.marks().filter(|(_, _, mark)| *mark == "voted").count();
        let asked = "fire n1 election\nsync n1\n";
        assert_eq!(voted(play(&format!("{asked}twice n1 n2\ndeliver n1 n2")).expect("twice")), 2);
        assert!(play(&format!("{asked}drop n1 n2\ndeliver n1 n2")).is_err());
        let again = "fire n1 election\nfire n1 election\nsync n1 all\nlate n1 n2\ndeliver n1 n2 2\nsync n2\n";
        let run = play(again).expect("the older question comes last");
        assert_eq!(voted(run), 3);
        assert!(play(&format!("{again}sync n2")).is_err(), "the older question is refused without a write");
    }
}
