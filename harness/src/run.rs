//! The loop that runs one test: hurt, ask, listen, record. Synchronous and small.

use crate::cluster::{Cluster, FaultId, Happening, Trouble};
use crate::fault::When;
use crate::history::{Event, History, Phase, ProcessId, What};
use crate::node::NodeId;
use crate::op::Op;
use crate::outcome::Outcome;
use crate::plan::{Ask, Plan};
use crate::time::{MS, SECOND, Time};
use crate::verdict::Run;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long a cluster may take until it can serve its first client.
const WARM_UP: Time = Time(15 * SECOND.0);
/// How often a final read is asked before nobody knows.
const FINAL_ATTEMPTS: u32 = 5;

/// Sees every event as it happens: a file, a progress display.
pub trait Witness {
    /// `index` counts from zero.
    fn saw(&mut self, index: usize, event: &Event);
    /// True once it has seen enough: the chaos ends early.
    fn enough(&self) -> bool {
        false
    }
}

/// Nobody watches.
impl Witness for () {
    fn saw(&mut self, _: usize, _: &Event) {}
}

/// Carries out a plan on a cluster. `stop` ends the chaos early; the cluster is healed and read all the same.
pub fn run(
    plan: &Plan,
    cluster: &mut dyn Cluster,
    witness: &mut dyn Witness,
    stop: &AtomicBool,
) -> Result<Run, Trouble> {
    let mut test = Test::new(plan, cluster, witness, stop);
    test.warm_up()?;
    test.chaos()?;
    test.heal()?;
    test.finals()?;
    Ok(Run::new(plan.clone(), test.history))
}

struct Test<'a> {
    plan: &'a Plan,
    cluster: &'a mut dyn Cluster,
    witness: &'a mut dyn Witness,
    stop: &'a AtomicBool,
    history: History,
    /// When the chaos phase began, by the cluster's time; the history counts from here.
    start: Time,
    askers: Vec<Asker>,
    strikes: Vec<State>,
}

/// A client as the loop sees it.
struct Asker {
    process: ProcessId,
    asks: VecDeque<Ask>,
    open: Option<Op>,
}

/// Where a planned strike stands. Times are the history's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// It waits for the mark to be hit so many times more.
    Awaits(u32),
    /// It strikes then.
    Due(Time),
    /// It is in force until then.
    Active(FaultId, Time),
    Over,
}

impl<'a> Test<'a> {
    fn new(
        plan: &'a Plan,
        cluster: &'a mut dyn Cluster,
        witness: &'a mut dyn Witness,
        stop: &'a AtomicBool,
    ) -> Test<'a> {
        let asker = |client| Asker { process: ProcessId(client), asks: VecDeque::new(), open: None };
        let mut askers: Vec<Asker> = (0..plan.clients).map(asker).collect();
        for ask in &plan.asks {
            askers[ask.client.0 as usize].asks.push_back(ask.clone());
        }
        let state = |when: &When| match when {
            When::At(time) => State::Due(*time),
            When::OnMark { nth, .. } => State::Awaits((*nth).max(1)),
        };
        let strikes = plan.strikes.iter().map(|strike| state(&strike.when)).collect();
        let (history, start) = (History::default(), Time::ZERO);
        Test { plan, cluster, witness, stop, history, start, askers, strikes }
    }

    fn now(&self) -> Time {
        self.cluster.now().since(self.start)
    }

    fn record(&mut self, what: What) {
        let event = Event { time: self.now(), what };
        self.witness.saw(self.history.events.len(), &event);
        self.history.events.push(event);
    }

    /// Waits until somebody can serve. A cluster that never can is not spared the test.
    fn warm_up(&mut self) -> Result<(), Trouble> {
        // Until the chaos begins the history's clock stands at zero.
        self.start = Time::NEVER;
        while !self.cluster.ready() && self.cluster.now() < WARM_UP && !self.stopped() {
            self.advance_raw(self.cluster.now() + MS * 10)?;
        }
        self.start = self.cluster.now();
        Ok(())
    }

    fn chaos(&mut self) -> Result<(), Trouble> {
        self.watch();
        self.record(What::Phase(Phase::Chaos));
        while self.now() < self.plan.time && !self.stopped() {
            self.strike_due()?;
            self.lift_due()?;
            self.ask_due()?;
            let next = self.next_deed().min(self.plan.time);
            self.advance(next)?;
        }
        Ok(())
    }

    /// Lifts every fault and waits until every request has ended and replicas have had time to agree.
    fn heal(&mut self) -> Result<(), Trouble> {
        self.record(What::Phase(Phase::Heal));
        for strike in 0..self.strikes.len() {
            if let State::Active(id, _) = self.strikes[strike] {
                self.lift(strike, id)?;
            }
            self.strikes[strike] = State::Over;
        }
        self.watch();
        let settings = &self.plan.settings;
        let (closed, quiet) = (settings.request_timeout * 3, settings.election_high * 4);
        self.wait_until(self.now() + closed, |test| test.idle())?;
        self.wait_until(self.now() + quiet, |_| false)
    }

    /// The home clients of every node read everything; what is not answered is asked again a few times.
    fn finals(&mut self) -> Result<(), Trouble> {
        self.record(What::Phase(Phase::Final));
        let readers = self.askers.len().min(self.plan.nodes.into());
        let mut left: Vec<VecDeque<(Op, u32)>> =
            (0..readers).map(|_| self.plan.finals.iter().map(|op| (op.clone(), FINAL_ATTEMPTS)).collect()).collect();
        while left.iter().any(|ops| !ops.is_empty()) {
            for (reader, ops) in left.iter().enumerate() {
                if let (Some((op, _)), None) = (ops.front(), &self.askers[reader].open) {
                    self.ask(reader, op.clone(), None)?;
                }
            }
            let deadline = self.now() + self.plan.settings.request_timeout * 3;
            let asked = self.history.events.len();
            let reading: Vec<usize> = (0..readers).filter(|reader| !left[*reader].is_empty()).collect();
            self.wait_until(deadline, |test| reading.iter().any(|reader| test.askers[*reader].open.is_none()))?;
            self.tick_off(asked, &mut left);
        }
        for (node, digest) in self.cluster.digests()? {
            self.record(What::Digest { node, digest });
        }
        Ok(())
    }

    /// Takes answered reads off the lists of those who asked them.
    fn tick_off(&mut self, from: usize, left: &mut [VecDeque<(Op, u32)>]) {
        for event in &self.history.events[from..] {
            let What::Return { process, outcome, .. } = &event.what else { continue };
            let reader = (process.0 % self.plan.clients) as usize;
            let Some(attempts) = left[reader].front_mut().map(|(_, attempts)| attempts) else { continue };
            *attempts -= 1;
            if *attempts == 0 || matches!(outcome, Outcome::Ok(_)) {
                left[reader].pop_front();
            }
        }
    }

    fn idle(&self) -> bool {
        self.askers.iter().all(|asker| asker.open.is_none())
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.witness.enough()
    }

    /// When the loop next has something to do by itself.
    fn next_deed(&self) -> Time {
        let asks = self.askers.iter().filter(|asker| asker.open.is_none());
        let asks = asks.filter_map(|asker| asker.asks.front().map(|ask| ask.at));
        let strikes = self.strikes.iter().filter_map(|state| match state {
            State::Due(time) | State::Active(_, time) => Some(*time),
            State::Awaits(_) | State::Over => None,
        });
        asks.chain(strikes).min().unwrap_or(Time::NEVER)
    }

    fn strike_due(&mut self) -> Result<(), Trouble> {
        for strike in 0..self.strikes.len() {
            if matches!(self.strikes[strike], State::Due(time) if time <= self.now()) {
                self.strike(strike)?;
            }
        }
        Ok(())
    }

    fn strike(&mut self, strike: usize) -> Result<(), Trouble> {
        let planned = &self.plan.strikes[strike];
        let (id, fault) = self.cluster.inject(&planned.fault)?;
        self.strikes[strike] = State::Active(id, self.now() + planned.lasts);
        self.record(What::Began { strike, fault });
        Ok(())
    }

    fn lift_due(&mut self) -> Result<(), Trouble> {
        for strike in 0..self.strikes.len() {
            if let State::Active(id, time) = self.strikes[strike]
                && time <= self.now()
            {
                self.lift(strike, id)?;
            }
        }
        Ok(())
    }

    fn lift(&mut self, strike: usize, id: FaultId) -> Result<(), Trouble> {
        let effect = self.cluster.lift(id)?;
        self.strikes[strike] = State::Over;
        self.record(What::Ended { strike, effect });
        Ok(())
    }

    fn ask_due(&mut self) -> Result<(), Trouble> {
        for client in 0..self.askers.len() {
            let asker = &mut self.askers[client];
            let due = asker.open.is_none()
                && asker.asks.front().is_some_and(|ask| ask.at <= self.cluster.now().since(self.start));
            if let Some(ask) = asker.asks.pop_front_if(|_| due) {
                self.ask(client, ask.op, ask.node)?;
            }
        }
        Ok(())
    }

    fn ask(&mut self, client: usize, op: Op, first: Option<NodeId>) -> Result<(), Trouble> {
        let process = self.askers[client].process;
        self.record(What::Invoke { process, op: op.clone() });
        self.cluster.submit(process, &op, first)?;
        self.askers[client].open = Some(op);
        Ok(())
    }

    fn wait_until(&mut self, until: Time, done: impl Fn(&Test) -> bool) -> Result<(), Trouble> {
        while self.now() < until && !done(self) {
            self.advance(until)?;
        }
        Ok(())
    }

    /// Lets time pass until something happens. `until` is in the history's time.
    fn advance(&mut self, until: Time) -> Result<(), Trouble> {
        let until = self.start + until;
        self.advance_raw(until)
    }

    fn advance_raw(&mut self, until: Time) -> Result<(), Trouble> {
        match self.cluster.advance(until)? {
            None => {}
            Some(Happening::Answered(process, outcome)) => self.answered(process, outcome),
            Some(Happening::Marked(node, mark)) => {
                self.record(What::Mark { node, mark: mark.clone() });
                self.await_no_more(&mark)?;
            }
            Some(Happening::Found(invariant, sentence)) => {
                self.record(What::Finding { invariant: Cow::Borrowed(invariant), sentence });
            }
        }
        Ok(())
    }

    fn answered(&mut self, process: ProcessId, outcome: Outcome) {
        let client = (process.0 % self.plan.clients) as usize;
        let asker = &mut self.askers[client];
        assert_eq!(asker.process, process, "only the process that asked is answered");
        let op = asker.open.take().expect("an answer to an open request");
        if matches!(outcome, Outcome::Unknown(_)) {
            asker.process = ProcessId(process.0 + self.plan.clients);
        }
        self.record(What::Return { process, op, outcome });
    }

    /// A mark was hit: strikes that waited for it strike now or soon.
    fn await_no_more(&mut self, mark: &str) -> Result<(), Trouble> {
        if self.start == Time::NEVER {
            return Ok(());
        }
        let now = self.now();
        let mut struck = false;
        for strike in 0..self.strikes.len() {
            let State::Awaits(left) = self.strikes[strike] else { continue };
            let When::OnMark { mark: awaited, from, delay, .. } = &self.plan.strikes[strike].when else { continue };
            if awaited != mark || now < *from {
                continue;
            }
            self.strikes[strike] = if left > 1 { State::Awaits(left - 1) } else { State::Due(now + *delay) };
            struck |= left == 1;
        }
        if struck {
            self.strike_due()?;
            self.watch();
        }
        Ok(())
    }

    /// Tells the cluster which marks somebody still waits for.
    fn watch(&mut self) {
        let waits = |(strike, state): (usize, &State)| match (state, &self.plan.strikes[strike].when) {
            (State::Awaits(_), When::OnMark { mark, .. }) => Some(mark.clone()),
            _ => None,
        };
        let marks: Vec<String> = self.strikes.iter().enumerate().filter_map(waits).collect();
        self.cluster.watch(&marks);
    }
}
