//! Clients: a thread each, with a session that is dialled from beside its home node.

use super::cluster::Event;
use super::{Session, System};
use harness::{NodeId, Op, Plan, ProcessId};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

/// A question for a client's thread.
struct Order {
    process: ProcessId,
    op: Op,
    first: Option<NodeId>,
}

/// Every client of a run.
pub struct Clients(Vec<(Sender<Order>, JoinHandle<()>)>);

impl Clients {
    /// Idle ones. What they are answered goes to `tell`.
    pub fn new(plan: &Plan, system: &Arc<dyn System>, tell: &Sender<Event>) -> std::io::Result<Clients> {
        let clients = (0..plan.clients).map(|client| {
            let home = plan.home(harness::ClientId(client));
            let (orders, queue) = channel::<Order>();
            let (system, tell) = (system.clone(), tell.clone());
            let thread = thread::Builder::new().name(format!("client {client}")).spawn(move || {
                let mut session: Box<dyn Session> = system.session(home.index());
                for Order { process, op, first } in queue {
                    let outcome = session.ask(&op, first);
                    let trouble = session.trouble().map(Event::Trouble);
                    let answer = Event::Answer(process, first.unwrap_or(home), outcome);
                    if trouble.into_iter().chain([answer]).any(|event| tell.send(event).is_err()) {
                        break;
                    }
                }
            })?;
            Ok((orders, thread))
        });
        clients.collect::<std::io::Result<_>>().map(Clients)
    }

    /// A process asks.
    pub fn ask(&self, process: ProcessId, op: &Op, first: Option<NodeId>) {
        let (orders, _) = &self.0[process.0 as usize % self.0.len()];
        // A client's thread ends before its cluster only if its session panicked, and joining it says so.
        let _ = orders.send(Order { process, op: op.clone(), first });
    }

    /// Waits for answers that are under way, no longer than their deadlines.
    pub fn end(&mut self) {
        let (orders, threads): (Vec<_>, Vec<_>) = self.0.drain(..).unzip();
        drop(orders);
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}
