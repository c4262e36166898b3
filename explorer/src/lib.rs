//! Tries every order of events of a small cluster: the third driver of [`harness::world::World`].
//!
//! A simulated run goes one way through a space of schedules, and chance chooses it. Here every way is gone, within bounds
//! that are stated: so many nodes, operations, terms, crashes and lost messages. What hides from a million seeds because it
//! needs six things in one order is found; and where nothing is found, nothing is there, within the bounds.
//! The search is that of the model checker stateright.

mod bounds;
mod order;
mod search;
mod space;
mod state;
pub mod table;

pub use bounds::{Bounds, Disks, Fires, MOST_NODES, MOST_OPS, clients, fires};
pub use search::{ACKNOWLEDGED, End, Explorable, Explored, READ, explore, script, serve};
pub use space::{Action, LINEARIZABLE, Space};
pub use state::{Broken, State};
