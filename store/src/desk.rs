//! What the designs have in common in which every node takes writes: a client is answered, and the other nodes are told,
//! once the node's own disk has what the answer and the news rest on.

use crate::gossip::{Gossip, Rounds, peers};
use crate::hold::Hold;
use crate::requests::{Requests, Seen};
use harness::{Node, NodeId, Outbox, Outcome, Reply, RequestId};

/// Where clients and peers of one node are served; `T` is what nodes tell each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Desk<T> {
    id: NodeId,
    nodes: u8,
    requests: Requests,
    rounds: Rounds,
    hold: Hold<Held<T>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Held<T> {
    Answer(RequestId, Reply),
    Tell(Vec<NodeId>, Gossip<T>),
}

impl<T: Clone> Desk<T> {
    /// The desk of node `id` among so many.
    pub fn new(id: NodeId, nodes: u8) -> Desk<T> {
        Desk { id, nodes, requests: Requests::default(), rounds: Rounds::new(id), hold: Hold::default() }
    }

    /// True if a request is to be carried out; one that was carried out already is answered as it was.
    pub fn takes<N: Node<Message = Gossip<T>>>(&mut self, id: RequestId, out: &mut Outbox<N>) -> bool {
        let seen = self.requests.ask(id);
        if let Seen::Answered(reply) = &seen {
            out.reply(id, Outcome::Ok(reply.clone()));
        }
        seen == Seen::New
    }

    /// Answers a client that changed nothing. What it saw and is not synced yet may still vanish, so the answer waits for it.
    pub fn answer<N: Node<Message = Gossip<T>>>(&mut self, id: RequestId, reply: Reply, out: &mut Outbox<N>) {
        self.after_writes(Held::Answer(id, reply), out);
    }

    /// Writes what a client did; then the client is answered and everybody is told.
    pub fn write<N: Node<Message = Gossip<T>>>(
        &mut self,
        record: N::Record,
        (id, reply): (RequestId, Reply),
        news: T,
        out: &mut Outbox<N>,
    ) {
        out.persist(record);
        let everybody = peers(self.id, self.nodes).collect();
        self.hold.write(vec![Held::Answer(id, reply), Held::Tell(everybody, Gossip::Tell(news))]);
    }

    /// Writes what a peer told.
    pub fn keep<N: Node<Message = Gossip<T>>>(&mut self, record: N::Record, out: &mut Outbox<N>) {
        out.persist(record);
        self.hold.write(Vec::new());
    }

    /// Tells a peer what may rest on writes that are under way.
    pub fn tell<N: Node<Message = Gossip<T>>>(&mut self, to: NodeId, news: Gossip<T>, out: &mut Outbox<N>) {
        self.after_writes(Held::Tell(vec![to], news), out);
    }

    /// Asks the next peer whether it holds the same.
    pub fn compare<N: Node<Message = Gossip<T>>>(&mut self, digest: u64, out: &mut Outbox<N>) {
        if let Some(peer) = self.rounds.next(self.id, self.nodes) {
            out.send(peer, Gossip::Compare { digest });
        }
    }

    /// So many more writes are durable.
    pub fn persisted<N: Node<Message = Gossip<T>>>(&mut self, records: usize, out: &mut Outbox<N>) {
        for held in self.hold.persisted(records) {
            self.release(held, out);
        }
    }

    fn after_writes<N: Node<Message = Gossip<T>>>(&mut self, held: Held<T>, out: &mut Outbox<N>) {
        if let Some(held) = self.hold.after_writes(held) {
            self.release(held, out);
        }
    }

    fn release<N: Node<Message = Gossip<T>>>(&mut self, held: Held<T>, out: &mut Outbox<N>) {
        match held {
            Held::Answer(id, reply) => {
                self.requests.answered(id, &reply);
                out.reply(id, Outcome::Ok(reply));
            }
            Held::Tell(peers, message) => peers.into_iter().for_each(|peer| out.send(peer, message.clone())),
        }
    }
}
