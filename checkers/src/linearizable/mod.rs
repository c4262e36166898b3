//! placeholder
use harness::{Budget, Checker, Opinion, Run, Verdict};
/// x
pub const LINEARIZABLE: Checker = Checker {
    name: "linearizable",
    about: "reads, writes and compare-and-sets of each register look as if they happened one after the other",
    check,
    trap: || crate::script::run("0: read x -> 1"),
};
fn check(_: &Run, _: Budget) -> Opinion {
    Opinion::new("linearizable", Verdict::Unknown(String::new()))
}
