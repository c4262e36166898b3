//! What nodes and clients of a cluster of processes say, and what follows from it.

use super::{LocalCluster, Waiter};
use crate::bundled::clients::{Conversation, Deed};
use crate::bundled::life::Event;
use crate::bundled::wire::{Notice, Request};
use harness::cluster::Happening;
use harness::invariants::NO_PANIC;
use harness::{Cluster, NodeId, Outcome, Reply, Trouble};
use std::borrow::Cow;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

impl LocalCluster {
    /// What an event means for the cluster.
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Said(node, life, notice) if self.lives_on(node, life) => self.said(node, notice),
            Event::Silent(node, life) if self.lives_on(node, life) => self.ended(node),
            // What an earlier life said has no meaning for this one.
            Event::Said(..) | Event::Silent(..) => {}
            Event::Answer(node, id, outcome) => {
                let (_, home) = self.clients.asker(id);
                if let (Outcome::Ok(reply), Some(op)) = (&outcome, self.clients.open(id)) {
                    self.seen.answered(node, self.truth.now(), !op.is_read() && *reply != Reply::No);
                }
                if self.mesh.passes(node, home) {
                    let deed = self.clients.answered(self.truth.now(), node, id, outcome);
                    deed.into_iter().for_each(|deed| self.perform(deed));
                }
            }
        }
    }

    pub(super) fn lives_on(&self, node: NodeId, life: u32) -> bool {
        let now = &self.lives[node.index()];
        now.child.is_some() && now.number == life
    }

    fn said(&mut self, node: NodeId, notice: Notice) {
        let now = self.now();
        let life = &mut self.lives[node.index()];
        match notice {
            Notice::Ready { port, .. } => {
                self.mesh.aim(node, Some(port));
                if self.begun {
                    self.tell_to_start(node);
                }
            }
            Notice::View(view) => {
                life.view = Some(view);
                let found = self.invariants.see(node, view);
                self.happen(found.map(|(name, sentence)| Happening::Found(name, sentence)));
            }
            Notice::Mark { name, waits } => {
                self.seen.marked(node, &name);
                let waiter = waits.then_some(Waiter { node, life: life.number });
                self.happenings.push_back((Happening::Marked(node, Cow::Owned(name)), waiter));
            }
            Notice::Wall(wall) => life.wall = Some((wall, now)),
            Notice::Slowed => life.slowed += 1,
            Notice::Digest(digest) => life.digest = Some(digest),
            Notice::Panicked(words) => {
                drop(self.bury(node));
                self.happen(Some(Happening::Found(NO_PANIC, format!("{node} panicked: {words}"))));
            }
            Notice::Trouble(what, why, mend) => self.trouble = Some(Trouble::new(format!("{node}: {what}"), why, mend)),
        }
    }

    fn happen(&mut self, happening: Option<Happening>) {
        self.happenings.extend(happening.map(|happening| (happening, None)));
    }

    /// A node's process ended though nobody killed it and its design did not panic.
    fn ended(&mut self, node: NodeId) {
        let log = self.place.log(node);
        let Some(mut child) = self.bury(node) else { return };
        let why = match child.wait(Duration::from_secs(1)) {
            Ok(Some(status)) => status.to_string(),
            Ok(None) => "it closed its output".to_string(),
            Err(error) => error.to_string(),
        };
        let trouble = Trouble::new(format!("{node} ended by itself"), why, format!("read its log, {}", log.display()));
        self.trouble.get_or_insert(trouble);
    }

    /// What clients want done.
    pub(super) fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Done(process, outcome) => self.happen(Some(Happening::Answered(process, outcome))),
            Deed::Send(node, request) => {
                let (client, home) = self.clients.asker(request.0);
                if self.mesh.passes(home, node) {
                    let lives = &self.lives;
                    self.seen.asked(node, request.0, |node| lives[node.index()].view);
                    // The task that takes it ends with the runtime only.
                    let _ = self.conversation(client, node).send(request);
                }
            }
        }
    }

    fn conversation(&mut self, client: u32, node: NodeId) -> &UnboundedSender<Request> {
        self.conversations.entry((client, node)).or_insert_with(|| {
            let (address, events) = (self.mesh.address(node), self.tell.clone());
            let (sender, requests) = unbounded_channel();
            let conversation = Conversation { run: self.run, client, node, address, events };
            self.runtime.as_ref().expect("it runs until it is dropped").spawn(conversation.hold(requests));
            sender
        })
    }
}
