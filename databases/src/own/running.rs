//! Systems that run already: nothing of them is started, and where nobody knows what they are, nothing is asked about them.

use crate::real::{Observer, Session, Stamp, Subject, System};
use crate::wire::Lost;
use harness::{NodeId, Op, Outcome, View};
use hosts::Daemon;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A known one, of which nothing is started.
pub fn untouched(subject: Subject) -> Subject {
    let make = subject.make.clone();
    Subject { make: Arc::new(move |setup| Box::new(Untouched(make(setup)))), ..subject }
}

/// One of which nothing is known: whoever asks it must be somebody's program.
pub fn unknown(name: &str) -> Subject {
    Subject {
        name: name.to_string(),
        ports: Vec::new(),
        panics: Arc::from([]),
        choices: BTreeMap::new(),
        make: Arc::new(|_| Box::new(Unknown)),
    }
}

struct Untouched(Box<dyn System>);

impl System for Untouched {
    fn has_leaders(&self) -> bool {
        self.0.has_leaders()
    }
    fn daemons(&self, _: usize) -> Vec<Daemon> {
        Vec::new()
    }
    fn ready(&self) -> Result<(), String> {
        self.0.ready()
    }
    fn clock(&self, node: usize) -> Result<Stamp, Lost> {
        self.0.clock(node)
    }
    fn observer(&self, node: usize) -> Observer {
        self.0.observer(node)
    }
    fn session(&self, home: usize) -> Box<dyn Session> {
        self.0.session(home)
    }
}

struct Unknown;

impl System for Unknown {
    fn has_leaders(&self) -> bool {
        false
    }
    fn daemons(&self, _: usize) -> Vec<Daemon> {
        Vec::new()
    }
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }
    fn observer(&self, _: usize) -> Observer {
        Box::new(|| Ok(View::default()))
    }
    fn session(&self, _: usize) -> Box<dyn Session> {
        Box::new(Nobody)
    }
}

/// Whoever is asked through somebody's program has no client of ours.
pub(super) struct Nobody;

impl Session for Nobody {
    fn ask(&mut self, _: &Op, _: Option<NodeId>) -> Outcome {
        panic!("a system that nobody knows is asked through --adapter, which is looked at before");
    }
}
