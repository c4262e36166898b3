//! Clients with sockets: the store's client beside its home node, and its connections to nodes.
//!
//! What a client concludes is decided on the controller's thread; here requests are written and answers read, one
//! connection for each client and node. Only a connection that could not be made says for certain that nothing was
//! asked.

use super::life::Event;
use super::mesh::Address;
use super::wire::{Answer, Hello, Request, Speaker, frame, next};
use harness::client::{Client, Move, Style};
use harness::{ClientId, NodeId, Op, Outcome, Plan, ProcessId, Reason, RequestId, Settings, Time};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::Sender;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::UnboundedReceiver;

/// Every client of a run, without sockets.
pub struct Clients {
    clients: Vec<Client>,
    /// Requests asked so far, by client, within its current process.
    asked: Vec<(ProcessId, u32)>,
    settings: Settings,
    /// What to do when, in order of time and then of planning.
    alarms: BTreeMap<(Time, u64), (RequestId, Alarm)>,
    planned: u64,
}

#[derive(Clone, Copy, Debug)]
enum Alarm {
    Deadline,
    GiveUp(u32),
    AskAgain(u32),
}

/// What the driver is to do for a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Send this request to the node.
    Send(NodeId, Request),
    /// The process's operation is over.
    Done(ProcessId, Outcome),
}

impl Clients {
    /// Idle ones.
    pub fn new(plan: &Plan, style: Style) -> Clients {
        let client = |client| Client::new(style, plan.nodes, plan.home(ClientId(client)));
        Clients {
            clients: (0..plan.clients).map(client).collect(),
            asked: (0..plan.clients).map(|client| (ProcessId(client), 0)).collect(),
            settings: plan.settings.clone(),
            alarms: BTreeMap::new(),
            planned: 0,
        }
    }

    /// From now on everybody asks again after this long.
    pub fn hurry(&mut self, after: Time) {
        self.clients.iter_mut().for_each(|client| client.hurry(after));
    }
    /// They no longer do.
    pub fn relax(&mut self, after: Time) {
        self.clients.iter_mut().for_each(|client| client.relax(after));
    }
    /// Requests that were asked again for hurry.
    pub fn hurried(&self) -> u64 {
        self.clients.iter().map(Client::hurried).sum()
    }
    /// What this request asks for, while somebody waits for its answer.
    pub fn open(&self, id: RequestId) -> Option<&Op> {
        self.clients[self.index(id)].open().filter(|open| open.id == id).map(|open| &open.op)
    }

    fn index(&self, id: RequestId) -> usize {
        id.session as usize % self.clients.len()
    }
    /// Which client's request this is, and the node that it sits beside.
    pub fn asker(&self, id: RequestId) -> (u32, NodeId) {
        let index = self.index(id);
        (index as u32, self.clients[index].home())
    }

    /// A process asks.
    pub fn begin(&mut self, now: Time, process: ProcessId, op: Op, first: Option<NodeId>) -> Option<Deed> {
        let index = process.0 as usize % self.clients.len();
        let (session, number) = &mut self.asked[index];
        if *session != process {
            (*session, *number) = (process, 0);
        }
        *number += 1;
        let id = RequestId { session: process.0, number: *number };
        let next = self.clients[index].begin(now, id, op, first, &self.settings);
        self.plan(now + self.settings.request_timeout, id, Alarm::Deadline);
        self.go_on(id, next)
    }

    /// A node answered. Answers to requests that are over say nothing new.
    pub fn answered(&mut self, now: Time, node: NodeId, id: RequestId, outcome: Outcome) -> Option<Deed> {
        let index = self.index(id);
        if self.clients[index].open().is_none_or(|open| open.id != id) {
            return None;
        }
        let next = self.clients[index].answered(now, node, outcome);
        self.go_on(id, next)
    }

    /// When something is to be done next.
    pub fn next_alarm(&self) -> Time {
        self.alarms.first_key_value().map_or(Time::NEVER, |((time, _), _)| *time)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) -> Vec<Deed> {
        let mut deeds = Vec::new();
        while let Some(entry) = self.alarms.first_entry().filter(|entry| entry.key().0 <= now) {
            let (id, alarm) = entry.remove();
            let index = self.index(id);
            let client = &mut self.clients[index];
            let next = match alarm {
                Alarm::Deadline => client.deadline(id),
                Alarm::GiveUp(attempt) => client.attempt_timed_out(now, id, attempt, &self.settings),
                Alarm::AskAgain(attempt) => client.ask_again(now, id, attempt, &self.settings),
            };
            deeds.extend(self.go_on(id, next));
        }
        deeds
    }

    fn plan(&mut self, time: Time, id: RequestId, alarm: Alarm) {
        self.planned += 1;
        self.alarms.insert((time, self.planned), (id, alarm));
    }

    fn go_on(&mut self, id: RequestId, next: Move) -> Option<Deed> {
        match next {
            Move::Ask { node, attempt, give_up } => {
                if give_up < Time::NEVER {
                    self.plan(give_up, id, Alarm::GiveUp(attempt));
                }
                let open = self.clients[self.index(id)].open().expect("it asks because a request is open");
                Some(Deed::Send(node, (id, open.op.clone())))
            }
            Move::Pause { until, attempt } => {
                self.plan(until, id, Alarm::AskAgain(attempt));
                None
            }
            Move::Done(outcome) => Some(Deed::Done(ProcessId(id.session), outcome)),
            Move::Wait => None,
        }
    }
}

/// One client's way to one node.
pub struct Conversation {
    /// Names the run.
    pub run: u64,
    /// Who asks.
    pub client: u32,
    /// Whom.
    pub node: NodeId,
    /// Where that listens.
    pub address: Address,
    /// Who is told.
    pub events: Sender<Event>,
}

/// A connection, and whether it still carries answers.
struct Line {
    port: u16,
    write: OwnedWriteHalf,
    open: Arc<AtomicBool>,
}

impl Conversation {
    /// Sends requests as they come, over one connection as long as the node listens at one port.
    pub async fn hold(self, mut requests: UnboundedReceiver<Request>) {
        let mut line: Option<Line> = None;
        while let Some(request) = requests.recv().await {
            let port = *self.address.borrow();
            line = line.filter(|line| Some(line.port) == port && line.open.load(SeqCst));
            if line.is_none() {
                line = match port {
                    Some(port) => self.connect(port).await.ok(),
                    None => None,
                };
            }
            let Some(to) = &mut line else {
                let refused = Outcome::Failed(Reason::Refused);
                let _ = self.events.send(Event::Answer(self.node, request.0, refused));
                continue;
            };
            // Once a byte may have been sent nobody knows what became of it: the attempt runs out of time.
            if to.write.write_all(&frame(&request)).await.is_err() {
                line = None;
            }
        }
    }

    async fn connect(&self, port: u16) -> io::Result<Line> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (read, mut write) = stream.into_split();
        let hello = Hello { run: self.run, to: self.node, from: Speaker::Client(self.client) };
        write.write_all(&frame(&hello)).await?;
        let open = Arc::new(AtomicBool::new(true));
        tokio::spawn(hear(self.node, read, open.clone(), self.events.clone()));
        Ok(Line { port, write, open })
    }
}

async fn hear(node: NodeId, read: OwnedReadHalf, open: Arc<AtomicBool>, events: Sender<Event>) {
    let mut read = BufReader::new(read);
    while let Ok(Some((id, outcome))) = next::<Answer>(&mut read).await {
        if events.send(Event::Answer(node, id, outcome)).is_err() {
            break;
        }
    }
    open.store(false, SeqCst);
}
