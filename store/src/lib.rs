//! The bundled replicated store: right by default, wrong on request. One file a family of designs.

pub mod data;
pub mod design;
pub mod expected;
mod hold;
mod leaderless;
pub mod machine;
mod multi_leader;
pub mod mutants;
mod raft;
mod replica;
mod single_leader;

pub use design::{Design, Setup, Switch, Wire};

/// A design as data, for lists and tables.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// As on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Its deliberate bugs.
    pub switches: &'static [Switch],
}

/// Something to be done with a design whose type is only known by its name.
pub trait Visitor {
    /// What comes of it.
    type Out;
    /// Does it.
    fn visit<D: Design>(self) -> Self::Out;
}

macro_rules! designs {
    ($($design:ty),* $(,)?) => {
        /// Every design of the store.
        pub const DESIGNS: &[About] =
            &[$(About { name: <$design>::NAME, about: <$design>::ABOUT, switches: <$design>::SWITCHES }),*];

        /// Calls the visitor with the design of this name; `None` if there is none.
        pub fn with<V: Visitor>(name: &str, visitor: V) -> Option<V::Out> {
            match name {
                $(_ if name == <$design>::NAME => Some(visitor.visit::<$design>()),)*
                _ => None,
            }
        }
    };
}

designs! {
    raft::Raft,
    single_leader::SingleLeader,
    multi_leader::MultiLeader,
    leaderless::Leaderless,
}
