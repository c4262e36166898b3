//! The search, by stateright, on one thread, so that it comes out the same each time.
//!
//! It begins breadth first, because what is found so is as near as can be. But all states at the border of such a search are held in
//! memory; so after [`NEAR`] steps it begins anew, depth first, and holds no more than digests of states and one way. A counterexample that
//! is found far away is shortened.

use crate::bounds::Bounds;
use crate::space::{Action, LINEARIZABLE, Space};
use crate::state::{Broken, State};
use harness::Node;
use harness::invariants::{NO_PANIC, ONE_LEADER, PREFIXES_AGREE};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::net::Ipv4Addr;

/// Steps of the search breadth first.
pub const NEAR: usize = 1_000_000;

/// Without an acknowledged operation nothing was promised.
pub const ACKNOWLEDGED: &str = "an operation was acknowledged";
/// Who never sees a write cannot miss one.
pub const READ: &str = "a read saw what was written";

/// A protocol whose values may go from thread to thread.
pub trait Explorable:
    Node<Config: Send + Sync, Message: Send + Sync, Record: Send + Sync, Durable: Send + Sync> + Send + Sync
{
}
impl<N> Explorable for N where
    N: Node<Config: Send + Sync, Message: Send + Sync, Record: Send + Sync, Durable: Send + Sync> + Send + Sync
{
}

/// What came of an exploration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// How it ended.
    pub end: End,
    /// Different states.
    pub states: usize,
    /// Steps tried, those that led to a known state included.
    pub steps: usize,
    /// What must happen somewhere, or the exploration says nothing: and whether it did.
    pub reached: Vec<(&'static str, bool)>,
}

/// How an exploration ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every order within the bounds was tried, and no promise was broken.
    Exhausted,
    /// A promise was broken.
    Broken {
        /// Which one, and how.
        broken: Broken,
        /// The way there, as lines of a script.
        lines: Vec<String>,
    },
    /// It was stopped before.
    Stopped,
}

/// Tries every order; stops after about `most` steps.
pub fn explore<N: Explorable>(space: impl Fn() -> Space<N>, most: usize) -> Explored {
    let near = most.min(NEAR);
    let search =
        |space: Space<N>, most| space.checker().finish_when(HasDiscoveries::AnyFailures).target_state_count(most);
    let explored = explored(&search(space(), near).spawn_bfs().join(), near);
    let far = explored.end == End::Stopped && explored.steps >= near && near < most;
    if !far {
        return explored;
    }
    self::explored(&search(space(), most).spawn_dfs().join(), most)
}

/// What came of a search that was told to stop after `most` steps.
fn explored<N: Explorable>(search: &impl Checker<Space<N>>, most: usize) -> Explored {
    let space = search.model();
    space.search_is_over();
    let mut found = search.discoveries();
    let path = PROMISES.iter().find_map(|promise| found.remove(promise));
    let end = match path {
        Some(path) => {
            let actions = shorten(space, path.into_actions());
            let (broken, lines) = follow(space, &actions).expect("it still breaks the promise");
            End::Broken { broken, lines }
        }
        None if space.cut() || search.state_count() >= most => End::Stopped,
        None => End::Exhausted,
    };
    let reached = [(ACKNOWLEDGED, true), (READ, space.reads())].into_iter().filter(|(_, asked)| *asked);
    Explored {
        end,
        states: search.unique_state_count(),
        steps: search.state_count(),
        reached: reached.map(|(name, _)| (name, found.contains_key(name))).collect(),
    }
}

/// Leaves every action out without which the same promise is still broken.
fn shorten<N: Node>(space: &Space<N>, mut actions: Vec<Action>) -> Vec<Action> {
    let breaks = |actions: &[Action]| follow(space, actions).map(|(broken, _)| broken.property);
    let property = breaks(&actions);
    let mut place = actions.len();
    while place > 0 {
        place -= 1;
        let mut fewer = actions.clone();
        fewer.remove(place);
        if breaks(&fewer) == property {
            // What needed this one may go too.
            (actions, place) = (fewer.clone(), fewer.len());
        }
    }
    actions
}

/// The promise that these actions break, and every line of a script that does the same, with what happens by itself. `None` if they
/// break none, or one of them cannot be done.
fn follow<N: Node>(space: &Space<N>, actions: &[Action]) -> Option<(Broken, Vec<String>)> {
    let mut state = space.beginning();
    let mut lines = Vec::new();
    for action in actions {
        if !space.possible(&state).contains(action) {
            return None;
        }
        let (next, did) = space.after(&state, *action);
        lines.extend(did.into_iter().map(|did| space.line(did)));
        if !space.contains(&next) {
            return None;
        }
        state = next;
    }
    Some((state.broken()?.clone(), lines))
}

/// Shows the space in a browser on this machine, and never returns.
pub fn serve<N: Explorable>(space: Space<N>, port: u16) {
    let _ = space.checker().serve((Ipv4Addr::LOCALHOST, port));
}

/// A script that leads to a broken promise.
pub fn script(head: &str, bounds: &Bounds, broken: &Broken, lines: &[String]) -> String {
    let Broken { property, sentence } = broken;
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("# Found by trying every order. {property}: {sentence}\n# Bounds: {bounds}\n{head}\n{lines}")
}

/// What must always be true.
const PROMISES: [&str; 4] = [ONE_LEADER, PREFIXES_AGREE, NO_PANIC, LINEARIZABLE];

impl<N: Explorable> Model for Space<N> {
    type State = State<N>;
    type Action = Action;

    fn init_states(&self) -> Vec<State<N>> {
        vec![self.beginning()]
    }
    fn actions(&self, state: &State<N>, actions: &mut Vec<Action>) {
        if !self.enough() {
            actions.extend(self.possible(state));
        }
    }
    fn next_state(&self, state: &State<N>, action: Action) -> Option<State<N>> {
        Some(self.after(state, action).0)
    }
    fn within_boundary(&self, state: &State<N>) -> bool {
        self.contains(state)
    }
    fn format_action(&self, action: &Action) -> String {
        self.line(*action)
    }
    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(ONE_LEADER, |space: &Self, state| space.keeps(state, ONE_LEADER)),
            Property::always(PREFIXES_AGREE, |space: &Self, state| space.keeps(state, PREFIXES_AGREE)),
            Property::always(NO_PANIC, |space: &Self, state| space.keeps(state, NO_PANIC)),
            Property::always(LINEARIZABLE, |space: &Self, state| space.keeps(state, LINEARIZABLE)),
            Property::sometimes(ACKNOWLEDGED, Space::acknowledged),
        ];
        properties.extend(self.reads().then(|| Property::sometimes(READ, Space::was_read)));
        properties
    }
}
