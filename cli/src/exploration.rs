//! From names to an exploration, and from a counterexample back to a run that everybody can judge.

use crate::assemble::{Usage, design, switches, workload};
use checkers::{AVAILABILITY, CONVERGENCE, INVARIANTS};
use explorer::table::Row;
use explorer::{Bounds, End, Explored, LINEARIZABLE, Space};
use harness::files::Malformed;
use harness::history::Phase;
use harness::verdict::judge;
use harness::{Budget, Checker, Exit, Judgement, Run, Settings, Verdict};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use store::{About, Design, Setup, Visitor};

/// What is to be explored.
#[derive(Clone, Debug)]
pub struct Question {
    /// A design of the store.
    pub design: &'static About,
    /// Deliberate bugs to switch on in it.
    pub switches: Vec<String>,
    /// How much may happen.
    pub bounds: Bounds,
    /// Magnitudes of the system's own times; only those that are not times matter.
    pub settings: Settings,
}

/// A counterexample, replayed.
pub struct Replayed {
    /// The script.
    pub text: String,
    /// What it did.
    pub run: Run,
    /// What checkers say of it, who share no code with the explorer.
    pub judgement: Judgement,
}

impl Question {
    /// The question that a row of the table asks.
    pub fn of(row: &Row) -> Result<Question, Usage> {
        Question::new(row.design, row.switch.into_iter().map(str::to_string).collect(), row)
    }

    /// A question about a design with these bugs on; what else is asked is that of a row.
    pub fn new(name: &str, on: Vec<String>, row: &Row) -> Result<Question, Usage> {
        switches(name, &on)?;
        let bounds = row.bounds().map_err(|malformed| Usage(malformed.to_string()))?;
        Ok(Question { design: design(name)?, switches: on, bounds, settings: row.settings() })
    }

    /// Tries every order, and stops after about `most` steps or when it is told to.
    ///
    /// # Errors
    /// Bounds that make no sense for the design.
    pub fn explore(&self, most: usize, stop: &Arc<AtomicBool>) -> Result<Explored, Malformed> {
        self.visit(Search { question: self, most, stop: stop.clone() })
    }

    /// Shows the space in a browser on this machine until somebody ends the program.
    ///
    /// # Errors
    /// Bounds that make no sense for the design.
    pub fn serve(&self, port: u16) -> Result<(), Malformed> {
        self.visit(Serve { question: self, port })
    }

    fn visit<V: Visitor>(&self, visitor: V) -> V::Out {
        store::with(self.design.name, visitor).expect("the design is in the table")
    }

    fn space<D: Design>(&self, stop: Arc<AtomicBool>) -> Result<Space<D>, Malformed> {
        self.bounds.check(&Space::<D>::timers())?;
        let Question { design, switches, bounds, settings } = self;
        let (settings, switches) = (settings.clone(), switches.clone());
        let config = D::config(&Setup { design: design.name, nodes: bounds.nodes, settings, switches });
        Ok(Space::new(config, design.style, bounds.clone(), stop))
    }

    /// Plays the way to a broken promise as a script. `None` if no promise was broken.
    ///
    /// # Errors
    /// A script that cannot be played, or does not break the same promise: then one of us is wrong.
    pub fn replay(&self, explored: &Explored) -> Result<Option<Replayed>, String> {
        let End::Broken { broken, lines } = &explored.end else { return Ok(None) };
        let Bounds { nodes, .. } = self.bounds;
        let head = harness::script::head(self.design.name, self.bounds.workload(), nodes, &self.settings);
        let text = explorer::script(&head, &self.bounds, broken, lines);
        let run = store::mutants::play("counterexample", &text, &self.switches)
            .map_err(|malformed| format!("the counterexample cannot be replayed: {malformed}\n{text}"))?;
        let judgement = judged(&run);
        let seen = |opinion: &harness::Opinion| {
            matches!(opinion.verdict, Verdict::Violated(_))
                && (broken.property == LINEARIZABLE) == (opinion.checker != INVARIANTS.name)
        };
        if judgement.opinions.iter().any(seen) {
            return Ok(Some(Replayed { text, run, judgement }));
        }
        Err(format!(
            "the explorer says: {}: {}; but no checker sees it in the replay\n{text}",
            broken.property, broken.sentence
        ))
    }
}

/// What judges the end of a run and says nothing about its middle.
const OF_THE_END: [&str; 2] = [CONVERGENCE.name, AVAILABILITY.name];

/// What may be said of a played script: all that its workload promises, or, if it ends in the middle of things, only what
/// must be true at every moment.
pub fn judged(run: &Run) -> Judgement {
    let checkers = workload(&run.plan.workload).map_or(&[][..], |workload| workload.checkers);
    if run.history.phase(Phase::Final) < run.history.events.len() {
        return judge(run, checkers, Budget::default());
    }
    let promise: Vec<Checker> =
        checkers.iter().filter(|checker| !OF_THE_END.contains(&checker.name)).copied().collect();
    judge(run, &promise, Budget::default())
}

/// What an exploration amounts to.
pub fn exit(explored: &Explored) -> Exit {
    match explored.end {
        End::Broken { .. } => Exit::Violated,
        End::Stopped => Exit::Unknown,
        End::Exhausted if explored.reached.iter().all(|(_, reached)| *reached) => Exit::Held,
        End::Exhausted => Exit::Vacuous,
    }
}

struct Search<'a> {
    question: &'a Question,
    most: usize,
    stop: Arc<AtomicBool>,
}

impl Visitor for Search<'_> {
    type Out = Result<Explored, Malformed>;
    fn visit<D: Design>(self, _: &'static About) -> Self::Out {
        let Search { question, most, stop } = self;
        question.space::<D>(stop.clone())?;
        Ok(explorer::explore(|| question.space::<D>(stop.clone()).expect("it was checked"), most))
    }
}

struct Serve<'a> {
    question: &'a Question,
    port: u16,
}

impl Visitor for Serve<'_> {
    type Out = Result<(), Malformed>;
    fn visit<D: Design>(self, _: &'static About) -> Self::Out {
        explorer::serve(self.question.space::<D>(Arc::default())?, self.port);
        Ok(())
    }
}
