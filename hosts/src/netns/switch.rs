//! The switch: a bridge in a network namespace of its own, to which every node has a cable, and the table that says what passes.
//!
//! A cut is a set of ordered pairs of addresses, which the kernel replaces in one moment. The rule knows no connections, so those
//! that stand are cut like new ones. Questions for hardware addresses (ARP) always pass: an answer that is held back by a cut in
//! one direction would soon silence the other direction too.

use super::space::Space;
use crate::error::{Error, Result};
use crate::packets::Link;
use std::fmt::Write;
use std::net::Ipv4Addr;

const TABLE: &str = "
table bridge perjury {
  counter dropped { }
  counter lost { }
  set cut { type ipv4_addr . ipv4_addr; }
  chain loss { }
  # Packets are held, by slow.rs, before it is seen what is cut and lost: where a bridge shows them to iptables, at 0.
  chain passing {
    type filter hook forward priority 10;
    ip saddr . ip daddr @cut counter name dropped drop
    jump loss
  }
}
";

/// The switch and its table.
#[derive(Debug)]
pub(super) struct Switch(pub Space);

impl Switch {
    /// Builds the bridge, a cable to each space, and the table in `space`. Cables are given as their name on the bridge, the far
    /// space, and its address.
    pub fn build(space: Space, cables: &[(String, &Space, Ipv4Addr)]) -> Result<Switch> {
        let mut lines =
            "link set lo up\nlink add bridge0 type bridge forward_delay 0 mcast_snooping 0\nlink set bridge0 up\n"
                .to_string();
        for (name, far, _) in cables {
            lines += &format!(
                "link add {name} type veth peer name eth0 netns {}\nlink set {name} master bridge0 up\n",
                far.pid
            );
        }
        space.call("ip", &["-batch", "-"], &lines)?;
        for (_, far, address) in cables {
            let lines = format!("link set lo up\naddr add {address}/24 dev eth0\nlink set eth0 up\n");
            far.call("ip", &["-batch", "-"], &lines)?;
        }
        space.call("nft", &["-f", "-"], TABLE)?;
        Ok(Switch(space))
    }

    /// Cuts these links and no others.
    pub fn cut(&self, links: &[Link]) -> Result<()> {
        let mut lines = "flush set bridge perjury cut\n".to_string();
        if !links.is_empty() {
            let pairs: Vec<String> = links.iter().map(|(from, to)| format!("{from} . {to}")).collect();
            let _ = writeln!(lines, "add element bridge perjury cut {{ {} }}", pairs.join(", "));
        }
        self.0.call("nft", &["-f", "-"], &lines).map(drop)
    }

    /// Loses a share of the packets on these links, in percent, and on no others.
    pub fn lose(&self, links: &[(Link, u8)]) -> Result<()> {
        let mut lines = "flush chain bridge perjury loss\n".to_string();
        for ((from, to), percent) in links {
            // The kernel refuses a comparison that is always true.
            let share = if *percent < 100 { format!("numgen random mod 100 < {percent}") } else { String::new() };
            let _ = writeln!(
                lines,
                "add rule bridge perjury loss ip saddr {from} ip daddr {to} {share} counter name lost drop"
            );
        }
        self.0.call("nft", &["-f", "-"], &lines).map(drop)
    }

    /// Packets dropped by cuts so far.
    pub fn dropped(&self) -> Result<u64> {
        self.count("dropped")
    }

    /// Packets dropped by loss so far.
    pub fn lost(&self) -> Result<u64> {
        self.count("lost")
    }

    fn count(&self, counter: &str) -> Result<u64> {
        let told = self.0.call("nft", &["list", "counter", "bridge", "perjury", counter], "")?;
        packets(&told).ok_or_else(|| {
            Error::new(
                "cannot read how much was dropped",
                format!("nft told: {told}"),
                "tell the authors which version of nft this is",
            )
        })
    }
}

/// The number in `packets 12 bytes 1008`.
pub(crate) fn packets(told: &str) -> Option<u64> {
    told.split_whitespace().skip_while(|word| *word != "packets").nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::packets;

    #[test]
    fn the_counter_is_read() {
        assert_eq!(packets("table bridge perjury {\n counter dropped {\n packets 12 bytes 1008\n }\n}"), Some(12));
        assert_eq!(packets("table bridge perjury { }"), None);
    }
}
