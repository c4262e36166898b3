//! The table of a run on one machine: what comes in from which peers is dropped. No other table is touched.
//!
//! A link is cut where it arrives. What belongs to SSH, by which the controller comes, passes before anything is asked.

use super::node::Node;
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

/// Makes the table. `ports` are those of the SSH servers of all machines.
pub(super) fn make(node: &Node, ports: &BTreeSet<u16>) -> Result<()> {
    let (table, own) = (&node.run, node.hello.port);
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let text = format!(
        "table inet {table} {{\n counter dropped {{ }}\n counter lost {{ }}\n chain cut {{ }}\n chain loss {{ }}\n chain incoming {{\n  \
         type filter hook input priority -5; policy accept;\n  tcp dport {own} accept\n  tcp sport {{ {} }} accept\n  \
         jump cut\n  jump loss\n }}\n}}",
        ports.join(", ")
    );
    node.ask(&["rules", &text]).map(drop)
}

/// Drops what comes from these peers and from no others.
pub(super) fn cut(node: &Node, peers: &[IpAddr]) -> Result<()> {
    let rule = |peer: &IpAddr| format!("{} counter name dropped drop", link(peer, &node.address));
    replace(node, "cut", &peers.iter().map(rule).collect::<Vec<_>>())
}

/// Loses a share of what comes from these peers, in percent, and from no others.
pub(super) fn lose(node: &Node, peers: &[(IpAddr, u8)]) -> Result<()> {
    let rule = |(peer, percent): &(IpAddr, u8)| {
        // What is always true nft refuses to compare.
        let share = if *percent < 100 { format!("numgen random mod 100 < {percent} ") } else { String::new() };
        format!("{} {share}counter name lost drop", link(peer, &node.address))
    };
    replace(node, "loss", &peers.iter().map(rule).collect::<Vec<_>>())
}

/// What passes from there to here. Both are said, since a machine may have several nodes.
fn link(peer: &IpAddr, own: &IpAddr) -> String {
    let family = |address: &IpAddr| if address.is_ipv4() { "ip" } else { "ip6" };
    format!("{} saddr {peer} {} daddr {own}", family(peer), family(own))
}

/// The kernel takes all of it in one moment.
fn replace(node: &Node, chain: &str, rules: &[String]) -> Result<()> {
    let table = &node.run;
    let mut text = format!("flush chain inet {table} {chain}\n");
    for rule in rules {
        let _ = writeln!(text, "add rule inet {table} {chain} {rule}");
    }
    node.ask(&["rules", &text]).map(drop)
}

/// Packets that a counter has counted so far.
pub(super) fn count(node: &Node, counter: &str) -> Result<u64> {
    let told = node.ask(&["nft", "list", "counter", "inet", &node.run, counter])?.join("\n");
    crate::netns::packets(&told).ok_or_else(|| {
        Error::new(
            "cannot read how much was dropped",
            format!("nft told: {told}"),
            "tell the authors which version of nft this is",
        )
    })
}
