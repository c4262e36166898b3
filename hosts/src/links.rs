//! Links between nodes: their ends, how slow they may be, and what slow ones have done.

use std::time::Duration;

/// One side of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// A node, counted from 0, and whoever sits beside it: what is dialled from there comes from the node's own address.
    Node(usize),
    /// Clients that sit beside no node: the controller's own side.
    Clients,
}

/// How much slower, or narrower, a link is than it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slow {
    /// Each packet takes longer by this much; they keep their order.
    pub by: Duration,
    /// Each packet takes longer by a time drawn up to this much, so that they overtake each other. It takes the ability to `reorder`.
    pub up_to: Duration,
    /// It carries so many bytes a second, in order. What comes faster waits, and what would have to wait for longer than a second is
    /// dropped, as a router does whose queue is full, or not read from who says it, where links are proxies. Not zero: that is a cut.
    pub rate: Option<u64>,
}

/// What slow links have done to packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slowed {
    /// Packets that were held back.
    pub packets: u64,
    /// Their bytes, from the IP header on.
    pub bytes: u64,
    /// Packets that were dropped, since too much waited for a narrow link already.
    pub dropped: u64,
    /// The longest that any was held since links became slow.
    pub longest: Duration,
}

impl Slowed {
    /// What these and those links did together.
    #[cfg(feature = "ssh")]
    pub(crate) fn and(self, other: Slowed) -> Slowed {
        Slowed {
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
            dropped: self.dropped + other.dropped,
            longest: self.longest.max(other.longest),
        }
    }

    /// What came since then.
    #[must_use]
    pub fn since(self, before: Slowed) -> Slowed {
        Slowed {
            packets: self.packets - before.packets,
            bytes: self.bytes - before.bytes,
            dropped: self.dropped - before.dropped,
            longest: self.longest,
        }
    }
}
