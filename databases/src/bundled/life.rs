//! One node's machine as the controller knows it: the process that runs now, if one does, and what outlives it.

use super::clock::Clock;
use super::wire::{Command, Notice};
use harness::{NodeId, Time, View};
use hosts::Child;
use std::io::{BufRead, BufReader};
use std::process::ChildStdout;
use std::sync::mpsc::Sender;
use std::thread;

/// A node's machine.
pub struct Life {
    /// Counts the processes, from 1.
    pub number: u32,
    /// The process. `None` while the node is dead.
    pub child: Option<Child>,
    /// It has read its disk and was told to start.
    pub started: bool,
    /// What it showed last; nothing while it is dead.
    pub view: Option<View>,
    /// How many faults keep it stopped.
    pub paused: u32,
    /// What its clocks should read.
    pub clock: Clock,
    /// What its wall clock really read, last, and when that was heard.
    pub wall: Option<(Time, Time)>,
    /// Added to every sync.
    pub slow_disk: Time,
    /// Syncs slowed so far.
    pub slowed: u64,
    /// The digest that it was asked for.
    pub digest: Option<u64>,
}

impl Life {
    /// A machine on which nothing has run yet.
    pub fn new() -> Life {
        Life {
            number: 0,
            child: None,
            started: false,
            view: None,
            paused: 0,
            clock: Clock::default(),
            wall: None,
            slow_disk: Time::ZERO,
            slowed: 0,
            digest: None,
        }
    }

    /// Says a line to the process, if one runs. One that has just died does not hear it; its end is noticed apart.
    pub fn say(&mut self, command: &Command) {
        let line = serde_json::to_string(command).expect("a command is plain data");
        if let Some(child) = &mut self.child {
            let _ = child.say(&line);
        }
    }

    /// Nothing runs here any more.
    pub fn dead(&mut self) -> Option<Child> {
        (self.started, self.view) = (false, None);
        self.child.take()
    }

    /// It runs and nobody keeps it from answering.
    pub fn answers(&self) -> bool {
        self.started && self.paused == 0
    }
}

/// Something that the controller's thread is told.
#[derive(Debug)]
pub enum Event {
    /// A node said something, in this life of it.
    Said(NodeId, u32, Notice),
    /// A node's output ended, in this life of it.
    Silent(NodeId, u32),
    /// A node answered a client, or nobody listened there.
    Answer(NodeId, harness::RequestId, harness::Outcome),
}

/// Reads what a process says until it says no more.
pub fn listen(node: NodeId, life: u32, stdout: ChildStdout, events: Sender<Event>) {
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let notice = serde_json::from_str(&line).unwrap_or_else(|error| {
                let what = format!("{node} said \"{line}\", which is no notice");
                Notice::Trouble(what, error.to_string(), "use one build for the controller and its nodes".into())
            });
            if events.send(Event::Said(node, life, notice)).is_err() {
                return;
            }
        }
        let _ = events.send(Event::Silent(node, life));
    });
}
