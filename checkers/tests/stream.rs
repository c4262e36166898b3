//! The engine fed event by event against the plain search on every prefix: what is impossible is seen at the very event that makes
//! it so, and not before.

use checkers::engine::{Sight, Stream, Ticket};
use checkers::linearizable::Register;
use checkers::model::Called;
use checkers::plain;
use harness::{Op, Reply, Rng, Seed, Value};

const HISTORIES: u64 = 30_000;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Answered,
    Unknown,
    Failed,
}

struct Open {
    ticket: Ticket,
    index: usize,
    applied: Option<Reply>,
}

/// One history of a register, drawn while it is fed: an atomic register answers, and some answers are then replaced.
struct Drawn {
    rng: Rng,
    register: Option<Value>,
    calls: Vec<Called<Op, Reply>>,
    open: Vec<Open>,
    places: usize,
    values: u64,
}

impl Drawn {
    fn new(seed: u64) -> Drawn {
        let mut rng = Seed(seed).stream("online");
        let values = 1 + rng.below(3);
        Drawn { rng, register: None, calls: Vec::new(), open: Vec::new(), places: 0, values }
    }

    fn value(&mut self) -> Value {
        self.rng.below(self.values) as Value
    }

    fn place(&mut self) -> usize {
        self.places += 1;
        self.places
    }

    fn ask(&mut self, stream: &mut Stream<Register>) {
        let key = "x".into();
        let op = match self.rng.below(10) {
            0..4 => Op::Read { key },
            4..7 => Op::Write { key, value: self.value() },
            _ => Op::Cas { key, from: self.value(), to: self.value() },
        };
        let ticket = stream.invoked(op.clone());
        let invoked = self.place();
        self.open.push(Open { ticket, index: self.calls.len(), applied: None });
        self.calls.push(Called { op, invoked, answer: None });
    }

    /// The register takes a call, if it has not yet.
    fn apply(&mut self, at: usize) -> Reply {
        let Open { index, applied, .. } = &mut self.open[at];
        if let Some(reply) = applied {
            return reply.clone();
        }
        let reply = match &self.calls[*index].op {
            Op::Read { .. } => Reply::Value(self.register),
            Op::Write { value, .. } => {
                self.register = Some(*value);
                Reply::Done
            }
            Op::Cas { from, to, .. } if self.register == Some(*from) => {
                self.register = Some(*to);
                Reply::Done
            }
            _ => Reply::No,
        };
        *applied = Some(reply.clone());
        reply
    }

    /// Ends a call; true if what is known may have changed.
    fn end(&mut self, stream: &mut Stream<Register>, lies: u64) -> Sight {
        let at = self.rng.below(self.open.len() as u64) as usize;
        for _ in 0..self.rng.below(3) {
            let other = self.rng.below(self.open.len() as u64) as usize;
            self.apply(other);
        }
        let end = match self.rng.below(20) {
            0 | 1 => End::Unknown,
            2 if self.open[at].applied.is_none() => End::Failed,
            _ => End::Answered,
        };
        let reply = if end == End::Answered { Some(self.apply(at)) } else { None };
        let Open { ticket, index, .. } = self.open.swap_remove(at);
        match (end, reply) {
            (End::Answered, Some(mut reply)) => {
                if self.rng.below(100) < lies {
                    reply = match reply {
                        Reply::Value(_) => Reply::Value(Some(self.value())),
                        Reply::No => Reply::Done,
                        other => other,
                    };
                }
                let returned = self.place();
                self.calls[index].answer = Some((returned, reply.clone()));
                stream.answered(ticket, reply)
            }
            (End::Failed, _) => {
                // It says nothing: a read without an answer.
                self.calls[index].op = Op::Read { key: "x".into() };
                stream.failed(ticket)
            }
            _ => stream.unknown(ticket),
        }
    }
}

#[test]
fn the_first_impossible_event_is_seen_when_it_happens() {
    let (mut possible, mut impossible, mut unknown) = (0, 0, 0);
    for seed in 0..HISTORIES {
        let mut drawn = Drawn::new(seed);
        let mut stream = Stream::new(&Register);
        let (clients, total, lies) =
            (2 + drawn.rng.below(3) as usize, 3 + drawn.rng.below(7) as usize, drawn.rng.below(3) * 20);
        while drawn.calls.len() < total || !drawn.open.is_empty() {
            let may_ask = drawn.open.len() < clients && drawn.calls.len() < total;
            let sight = if may_ask && (drawn.open.is_empty() || drawn.rng.below(2) == 0) {
                drawn.ask(&mut stream);
                stream.sight()
            } else {
                drawn.end(&mut stream, lies)
            };
            let plain = plain::search(&Register, &[None], &drawn.calls, &mut u64::MAX.clone());
            let expected = if plain == Some(true) { Sight::Possible } else { Sight::Impossible };
            assert_eq!(sight, expected, "seed {seed}: {:?}", drawn.calls);
            if sight == Sight::Impossible {
                break;
            }
        }
        match stream.sight() {
            Sight::Possible => possible += 1,
            _ => impossible += 1,
        }
        unknown += u64::from(drawn.calls.iter().any(|call| call.answer.is_none()));
    }
    println!("{possible} possible, {impossible} impossible, {unknown} with calls that never returned");
    assert!(impossible > HISTORIES / 5 && possible > HISTORIES / 5 && unknown > HISTORIES / 5);
}

#[test]
fn a_long_history_keeps_little_and_is_still_judged() {
    let mut stream = Stream::new(&Register);
    let (key, mut most) = (harness::Key::from("x"), 0);
    let given_up = stream.invoked(Op::Write { key: key.clone(), value: -1 });
    stream.unknown(given_up);
    for n in 0..20_000 {
        let (write, read) =
            (stream.invoked(Op::Write { key: key.clone(), value: n }), stream.invoked(Op::Read { key: key.clone() }));
        let failing = stream.invoked(Op::Write { key: key.clone(), value: -2 });
        assert_eq!(stream.failed(failing), Sight::Possible);
        assert_eq!(stream.answered(write, Reply::Done), Sight::Possible);
        assert_eq!(stream.answered(read, Reply::Value(Some(n))), Sight::Possible);
        most = most.max(stream.kept());
    }
    assert!(most < 2_000, "{most} events were kept of 100,000");
    let read = stream.invoked(Op::Read { key: key.clone() });
    assert_eq!(
        stream.answered(read, Reply::Value(Some(-1))),
        Sight::Possible,
        "the write that was given up may come late"
    );
    let read = stream.invoked(Op::Read { key });
    assert_eq!(stream.answered(read, Reply::Value(Some(7))), Sight::Impossible);
}
