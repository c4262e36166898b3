//! A cluster as a value: nodes, and disks with what is synced and what is not.
//!
//! A driver (the simulator, a script, the explorer) owns the network, the clocks and the order of things. A step that panics
//! is a finding about the node, not a crash of the harness. A copy of a world shares with it every node that neither steps.

use crate::node::{Input, LocalClock, Node, NodeId, Outbox, View};
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Every node of a cluster with its disk.
#[derive(Clone, Debug)]
pub struct World<N: Node> {
    config: N::Config,
    slots: Vec<Arc<Slot<N>>>,
}

/// A place where a node runs, or would if it were not dead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot<N: Node> {
    node: Option<N>,
    synced: N::Durable,
    unsynced: VecDeque<N::Record>,
}

/// Two worlds are equal if their nodes and disks are. The configuration never changes.
impl<N: Node> PartialEq for World<N> {
    fn eq(&self, other: &World<N>) -> bool {
        self.slots == other.slots
    }
}

/// A step panicked; the node is dead now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked(pub String);

impl<N: Node> World<N> {
    /// A cluster of `nodes` dead nodes with empty disks.
    pub fn new(config: N::Config, nodes: u8) -> World<N> {
        let slot = || Arc::new(Slot { node: None, synced: N::Durable::default(), unsynced: VecDeque::new() });
        World { config, slots: (0..nodes).map(|_| slot()).collect() }
    }
    /// How many nodes there are, dead ones included.
    pub fn len(&self) -> usize {
        self.slots.len()
    }
    /// True for a cluster of none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
    /// The node, if it lives.
    pub fn node(&self, id: NodeId) -> Option<&N> {
        self.slots[id.index()].node.as_ref()
    }
    /// What an observer may know of the node, if it lives.
    pub fn view(&self, id: NodeId) -> Option<View> {
        self.node(id).map(Node::view)
    }
    /// Records written and not yet synced.
    pub fn unsynced(&self, id: NodeId) -> usize {
        self.slots[id.index()].unsynced.len()
    }

    /// Feeds a node and its disk to a hasher: equal ones give the same.
    pub fn hash_node<H: Hasher>(&self, id: NodeId, hasher: &mut H) {
        self.slots[id.index()].hash(hasher);
    }

    fn slot(&mut self, id: NodeId) -> &mut Slot<N> {
        Arc::make_mut(&mut self.slots[id.index()])
    }

    /// Starts a dead node from its disk. Opening the disk syncs what a killed process had written.
    pub fn start(&mut self, id: NodeId, clock: LocalClock, out: &mut Outbox<N>) -> Result<(), Panicked> {
        let node = N::new(&self.config, id);
        let slot = self.slot(id);
        assert!(slot.node.is_none(), "{id} runs already");
        for record in slot.unsynced.drain(..) {
            N::fold(&mut slot.synced, record);
        }
        slot.node = Some(node);
        let durable = slot.synced.clone();
        self.step(id, clock, Input::Start(durable), out)
    }
    /// One step of a node; nothing if it is dead.
    pub fn step(
        &mut self,
        id: NodeId,
        clock: LocalClock,
        input: Input<N>,
        out: &mut Outbox<N>,
    ) -> Result<(), Panicked> {
        self.at(id, |node| node.step(clock, input, out))
    }
    /// An operator tells a node whom it wants to leave ([`Node::dismiss`]); nothing if it is dead.
    pub fn dismiss(
        &mut self,
        id: NodeId,
        clock: LocalClock,
        leaving: &[(NodeId, u64)],
        out: &mut Outbox<N>,
    ) -> Result<(), Panicked> {
        self.at(id, |node| node.dismiss(clock, leaving, out))
    }
    fn at(&mut self, id: NodeId, step: impl FnOnce(&mut N)) -> Result<(), Panicked> {
        if self.node(id).is_none() {
            return Ok(());
        }
        let slot = self.slot(id);
        let node = slot.node.as_mut().expect("it lives");
        let stepped = quiet::catch(|| catch_unwind(AssertUnwindSafe(|| step(node))));
        stepped.map_err(|panic| {
            slot.node = None;
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Panicked(text.unwrap_or("a panic without words").to_string())
        })
    }
    /// Puts a record on its way to the disk.
    pub fn write(&mut self, id: NodeId, record: N::Record) {
        self.slot(id).unsynced.push_back(record);
    }
    /// The oldest unsynced record is durable now.
    pub fn sync(&mut self, id: NodeId) {
        let slot = self.slot(id);
        let record = slot.unsynced.pop_front().expect("something was written");
        N::fold(&mut slot.synced, record);
    }
    /// The process dies, the disk stays. True if it lived.
    pub fn kill(&mut self, id: NodeId) -> bool {
        self.slot(id).node.take().is_some()
    }
    /// The process dies and its disk is emptied. True if it lived.
    pub fn wipe(&mut self, id: NodeId) -> bool {
        let slot = self.slot(id);
        (slot.synced, slot.unsynced) = (N::Durable::default(), VecDeque::new());
        slot.node.take().is_some()
    }
    /// The machine of a node that was dismissed under this number is replaced: the process dies, and the new disk holds what a newcomer
    /// knows. False, and nothing happens, if the members of the design never change.
    pub fn replace(&mut self, id: NodeId, number: u64) -> bool {
        let Some(record) = N::newcomer(number) else { return false };
        self.wipe(id);
        N::fold(&mut self.slot(id).synced, record);
        true
    }
    /// The process dies, and what was not synced is lost: how many records.
    pub fn power_loss(&mut self, id: NodeId) -> usize {
        let slot = self.slot(id);
        slot.node = None;
        let lost = slot.unsynced.len();
        slot.unsynced.clear();
        lost
    }
}

/// Panics of a node's step are caught and reported, so the default hook must not print them too.
mod quiet {
    use std::cell::Cell;
    use std::sync::Once;

    thread_local! {
        static CATCHING: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();

    pub fn catch<T>(step: impl FnOnce() -> T) -> T {
        HOOK.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if !CATCHING.get() {
                    usual(panic);
                }
            }));
        });
        CATCHING.set(true);
        let result = step();
        CATCHING.set(false);
        result
    }
}
