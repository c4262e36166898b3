//! What a host can do, each ability with a reason where it is not there.

/// Whether a host can do something; where not, why not and what would mend it, in a sentence.
pub type Ability = std::result::Result<(), String>;

/// What a host can do, tried when it was set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Links are cut for connections that stand as well as for new ones.
    pub cut: Ability,
    /// A link may be cut one way only.
    pub one_way: Ability,
    /// A link may lose a share of its packets.
    pub loss: Ability,
    /// Links may be slow, or narrow.
    pub delay: Ability,
    /// Each packet may be late by a time of its own, so that they overtake each other.
    pub reorder: Ability,
    /// Daemons are killed with all that they have forked.
    pub kill: Ability,
    /// Daemons are paused with all that they have forked.
    pub pause: Ability,
    /// A daemon's clock on the wall may be wrong: no other one with it, but where nodes are whole machines all of its machine's.
    pub clock: Ability,
    /// A daemon may be let run for a share of the time.
    pub cpu: Ability,
    /// The memory of a daemon's processes may be limited.
    pub memory: Ability,
    /// A node's files may be damaged.
    pub files: Ability,
}

impl Abilities {
    /// Each with its name, for printing.
    pub fn each(&self) -> [(&'static str, &Ability); 11] {
        [
            ("cut", &self.cut),
            ("one-way", &self.one_way),
            ("loss", &self.loss),
            ("delay", &self.delay),
            ("reorder", &self.reorder),
            ("kill", &self.kill),
            ("pause", &self.pause),
            ("clock", &self.clock),
            ("cpu-limit", &self.cpu),
            ("memory-limit", &self.memory),
            ("files", &self.files),
        ]
    }
}
