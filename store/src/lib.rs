//! The bundled replicated store: right by default, wrong on request. One file a family of designs.

mod causal;
mod crdt;
pub mod data;
pub mod design;
mod desk;
mod gossip;
pub mod grid;
mod hold;
mod leaderless;
pub mod machine;
mod multi_leader;
pub mod mutants;
mod raft;
mod replica;
mod requests;
pub mod scripts;
mod single_leader;

use harness::Needs;

pub use design::{About, Design, Setup, Switch, Wire};

/// Something to be done with a design whose type is only known by its name.
pub trait Visitor {
    /// What comes of it.
    type Out;
    /// Does it. `D` is the family, `design` which of its modes.
    fn visit<D: Design>(self, design: &'static About) -> Self::Out;
}

macro_rules! families {
    ($($family:ty),* $(,)?) => {
        /// Every design of the store, by family.
        const FAMILIES: &[&[About]] = &[$(<$family>::MODES),*];

        /// Calls the visitor with the design of this name; `None` if there is none.
        pub fn with<V: Visitor>(name: &str, visitor: V) -> Option<V::Out> {
            $(if let Some(design) = <$family>::MODES.iter().find(|mode| mode.name == name) {
                return Some(visitor.visit::<$family>(design));
            })*
            None
        }
    };
}

families! {
    raft::Raft,
    single_leader::SingleLeader,
    multi_leader::MultiLeader,
    leaderless::Leaderless,
    causal::Causal,
    crdt::Crdt,
}

/// Every design of the store.
pub fn designs() -> impl Iterator<Item = &'static About> + Clone {
    FAMILIES.iter().copied().flatten()
}

/// Whom the design of this name needs for a write.
pub fn needs(name: &str) -> Option<Needs> {
    struct Ask;
    impl Visitor for Ask {
        type Out = Needs;
        fn visit<D: Design>(self, design: &'static About) -> Needs {
            D::needs(design)
        }
    }
    with(name, Ask)
}

/// Whether nodes of the design of this name may leave and join; `None` if there is no such design.
pub fn changes_members(name: &str) -> Option<bool> {
    struct Ask;
    impl Visitor for Ask {
        type Out = bool;
        fn visit<D: Design>(self, _: &'static About) -> bool {
            D::newcomer(0).is_some()
        }
    }
    with(name, Ask)
}

/// The design of this name.
pub fn find(name: &str) -> Option<&'static About> {
    designs().find(|design| design.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_each_design_says_what_it_is_and_where_it_comes_from() {
        let names: BTreeSet<&str> = designs().map(|design| design.name).collect();
        assert_eq!(names.len(), designs().count());
        assert!(designs().all(|design| !design.about.is_empty() && !design.source.is_empty()));
    }
}
