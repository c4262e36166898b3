//! What each design must do under each fault, claim by claim: the specification of the store, and the self-test of the harness.
//!
//! A row is a design and what it is asked to keep, a workload or a claim; its signs stand under the faults of [`FAULTS`]. Where faults
//! lead to different classes, a design and a claim have several rows, each with the faults that are its own:
//!
//! - `H` must never be reported violated.
//! - `V` must be found, in one of the row's classes; `v` may be found, luck decides.
//! - `U` must hold, and whom the fault parts from what their writes need must not be served while it lasts, but again afterwards.
//! - `.` is not run. Where what breaks a claim needs no fault, the last ten faults are run for one claim of the design only, and where
//!   no promise of a design rests on a clock, a cut beside a wrong clock is not run again beside the plain cut: such cells would repeat others.
//!   Nor is a fault run where nothing measures whether it met anything that it could have harmed.
//!
//! The cells are argued for in `docs/verdicts.md`.

use harness::campaign::Expected;

/// The columns: every nemesis of the grid.
pub const FAULTS: &str = "calm isolate-leader halves one-way kill pause clock-slow clock-fast power-loss slow-disk mixed \
     bridge isolate-slow-leader isolate-fast-leader isolate-beside-fast power-loss-all wipe reorder delay duplicate retry \
     rebalance rebalance-halves";

/// One line of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The system under test.
    pub design: &'static str,
    /// A workload or a claim.
    pub claim: &'static str,
    /// A sign for each column.
    signs: &'static str,
    /// How it may be violated.
    classes: &'static str,
}

const fn row(design: &'static str, claim: &'static str, signs: &'static str, classes: &'static str) -> Row {
    Row { design, claim, signs, classes }
}

const REGISTER: &str = "stale-after-ack lost-update dirty-then-vanished new-then-old";
const OWNER: &str = "double-ack owner-changed owner-lost";
const MONEY: &str = "lost torn read-skew torn-transfer";
/// What may come of a voter that was wiped and keeps its id: what is promised to clients, and what must be true inside.
const FORGOT: &str = "stale-after-ack lost-update new-then-old dirty-then-vanished double-ack owner-changed owner-lost lost resurrected \
                      two-leaders prefixes-differ panic";
const SESSION: &str = "ryw mr mw wfr";

/// Every row.
#[rustfmt::skip]
pub const GRID: &[Row] = &[
    //                                           calm P1 P2 Pa K  Z  C- C+ L  slow mixed  Pb Cs Cf Cb La W  D1 D2 Du T  R  R2
    // A wiped voter keeps its id and has no memory: it may vote twice, and what it had acknowledged has a copy less.
    row("raft", "registration",                  "H   U  U  U  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft", "registration",                  ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft", "register",                      "H   U  U  U  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft", "register",                      ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft", "bank",                          "H   U  U  U  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft", "bank",                          ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft", "set",                           "H   U  U  U  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft", "set",                           ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft", "inventory",                     "H   U  U  U  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    row("raft", "sessions",                      "H   U  U  U  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    row("raft", "sessions-roaming",              "H   U  U  U  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    row("raft", "consistent-prefix",             "H   U  U  U  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    // Whoever was deposed without knowing answers from an old copy. Only reads differ between the modes.
    row("raft-localread", "register",            "H   V  V  v  H  v  v  v  H  H    v      v  V  V  V  H  .  H  V  H  H  H  V", "stale-after-ack"),
    row("raft-localread", "register",            ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft-localread", "registration",        "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft-localread", "registration",        ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft-localread", "bank",                "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft-localread", "bank",                ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft-localread", "set",                 "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft-localread", "set",                 ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    // A lease holds as long as the leader's clock is not slow beside the others'.
    row("raft-lease", "register",                "H   H  H  H  H  H  v  v  H  H    v      H  V  H  v  H  .  H  H  H  H  H  H", "stale-after-ack"),
    row("raft-lease", "register",                ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft-lease", "registration",            "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft-lease", "registration",            ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft-lease", "bank",                    "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft-lease", "bank",                    ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft-lease", "set",                     "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft-lease", "set",                     ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    // A copy is some milliseconds behind, and nobody asks whether.
    row("raft-fr", "register",                   "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  .  V  V  V  V  V  V", "stale-after-ack new-then-old"),
    row("raft-fr", "register",                   ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", FORGOT),
    row("raft-fr", "registration",               "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft-fr", "registration",               ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft-fr", "bank",                       "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft-fr", "bank",                       ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    row("raft-fr", "set",                        "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  H  H", ""),
    row("raft-fr", "set",                        ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", FORGOT),
    // One log, and nobody else ever leads. Where the leader is away nobody writes, and that is no violation. Loss of power seldom meets
    // it: the victim is whoever has just written.
    row("sl-async", "registration",              "H   U  U  U  U  U  H  H  H  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-async", "registration",              ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", OWNER),
    row("sl-async", "register",                  "H   U  U  U  U  U  H  H  H  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-async", "register",                  ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", REGISTER),
    row("sl-async", "bank",                      "H   U  U  U  U  U  H  H  H  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-async", "bank",                      ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost torn"),
    row("sl-async", "set",                       "H   U  U  U  U  U  H  H  H  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-async", "set",                       ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost resurrected"),
    row("sl-async", "inventory",                 "H   U  U  U  U  U  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    // What was acknowledged reaches the followers with the next heartbeat, and they answer reads before it does, from a prefix.
    row("sl-async-fr", "register",               "V   V  V  V  V  V  V  V  V  V    V      V  .  .  .  V  V  V  V  V  V  .  .", "stale-after-ack"),
    row("sl-async-fr", "registration",           "H   U  U  U  U  U  H  H  H  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-async-fr", "registration",           ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", OWNER),
    row("sl-async-fr", "bank",                   "H   U  U  U  U  U  H  H  H  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-async-fr", "bank",                   ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost torn"),
    row("sl-async-fr", "set",                    "H   U  U  U  U  U  H  H  H  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-async-fr", "set",                    ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost resurrected"),
    row("sl-async-fr", "consistent-prefix",      "H   U  U  U  U  U  H  H  H  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-async-fr", "consistent-prefix",      ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "gap"),
    // Every follower must have it: any cut, and anybody dead or stopped, stops all writes.
    row("sl-sync", "registration",               "H   U  U  U  U  U  H  H  U  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-sync", "registration",               ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", OWNER),
    row("sl-sync", "register",                   "H   U  U  U  U  U  H  H  U  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-sync", "register",                   ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", REGISTER),
    row("sl-sync", "bank",                       "H   U  U  U  U  U  H  H  U  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-sync", "bank",                       ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost torn"),
    row("sl-sync", "set",                        "H   U  U  U  U  U  H  H  U  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-sync", "set",                        ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost resurrected"),
    // What is not acknowledged yet may be here and not there: for milliseconds, or as long as a follower does not answer.
    row("sl-sync-fr", "register",                "v   .  .  .  .  .  v  v  .  v    .      .  .  .  .  .  .  .  .  v  v  .  .", "new-then-old"),
    row("sl-sync-fr", "register",                ".   V  V  v  V  V  .  .  V  .    V      V  .  .  .  v  .  V  V  .  .  .  .", "new-then-old dirty-then-vanished"),
    row("sl-sync-fr", "register",                ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", REGISTER),
    row("sl-sync-fr", "registration",            "H   U  U  U  U  U  H  H  U  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-sync-fr", "registration",            ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", OWNER),
    row("sl-sync-fr", "bank",                    "H   U  U  U  U  U  H  H  U  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-sync-fr", "bank",                    ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost torn"),
    row("sl-sync-fr", "set",                     "H   U  U  U  U  U  H  H  U  H    H      U  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("sl-sync-fr", "set",                     ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost resurrected"),
    // What one follower has confirmed survives the leader, as long as the leader does not go on alone.
    row("sl-semi", "registration",               "H   V  V  V  H  v  H  H  H  H    V      v  V  V  V  H  .  H  V  H  H  .  .", OWNER),
    row("sl-semi", "registration",               ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", OWNER),
    row("sl-semi", "register",                   "H   V  V  V  H  v  H  H  H  H    V      v  V  V  V  H  .  H  V  H  H  .  .", REGISTER),
    row("sl-semi", "register",                   ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", REGISTER),
    row("sl-semi", "bank",                       "H   V  V  V  H  v  H  H  H  H    V      v  V  V  V  H  .  H  V  H  H  .  .", "lost"),
    row("sl-semi", "total",                      "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("sl-semi", "bank",                       ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "lost torn"),
    row("sl-semi", "set",                        "H   V  V  V  H  v  H  H  H  H    V      v  V  V  V  H  .  H  V  H  H  .  .", "lost resurrected"),
    row("sl-semi", "set",                        ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "lost resurrected"),
    // Whatever makes the followers promote one of them loses what the old leader had acknowledged and not shipped. Clocks move
    // no failover: at twice the rate five heartbeats still fit into a time-out.
    row("sl-async-fo", "registration",           "H   V  V  V  V  V  H  H  V  H    V      V  V  V  V  V  V  H  V  H  H  .  .", OWNER),
    row("sl-async-fo", "register",               "H   V  V  V  V  V  H  H  V  H    V      V  V  V  V  V  V  H  V  H  H  .  .", REGISTER),
    // The total stays right all the time: each log is serial, and a surviving log is a prefix. Only the ledger sees the loss.
    row("sl-async-fo", "bank",                   "H   V  V  V  V  V  H  H  V  H    V      V  V  V  V  V  V  H  V  H  H  .  .", "lost"),
    row("sl-async-fo", "total",                  "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  H  H  H  H  H  .  .", ""),
    row("sl-async-fo", "ledger",                 "H   V  V  V  V  V  H  H  V  H    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("sl-async-fo", "set",                    "H   V  V  V  V  V  H  H  V  H    V      V  V  V  V  V  V  H  V  H  H  .  .", "lost resurrected"),
    row("sl-async-fo", "no-silent-loss",         "H   V  V  V  V  V  H  H  V  H    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("sl-async-fo", "inventory",              "H   V  V  V  V  V  H  H  V  H    V      .  .  .  .  .  .  .  .  .  .  .  .", "oversold"),
    row("sl-async-fo", "sessions",               "H   V  V  V  v  v  H  H  v  H    V      .  .  .  .  .  .  .  .  .  .  .  .", SESSION),
    row("sl-async-fo", "consistent-prefix",      "H   V  V  V  V  V  H  H  V  H    V      .  .  .  .  .  .  .  .  .  .  .  .", "gap"),
    row("sl-async-fo", "agreement",              "H   H  H  H  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    row("ml-lww", "registration",                "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", OWNER),
    row("ml-lww", "register",                    "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", REGISTER),
    // Many writes and reads of one burst may contradict each other only all together.
    row("ml-lww", "read-write",                  "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack dirty-then-vanished new-then-old not-linearizable"),
    row("ml-lww", "no-claim-lost",               "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("ml-lww", "bank",                        "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", MONEY),
    // Each element has a cell of its own, so adds never meet. A remove that is stamped by a clock that went back loses
    // against the add that it follows.
    row("ml-lww", "set",                         "H   H  H  H  H  H  V  V  H  H    v      H  H  H  H  H  .  H  H  H  H  .  .", "resurrected"),
    row("ml-lww", "set",                         ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "lost resurrected"),
    row("ml-lww", "no-silent-loss",              "H   H  H  H  U  U  H  H  U  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    row("ml-lww", "inventory",                   "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "oversold"),
    // Clocks that nobody sets run apart by themselves, half a percent at most, and that is enough.
    row("ml-lww", "read-your-writes",            "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", "ryw"),
    row("ml-lww", "monotonic-reads",             "v   v  V  v  v  v  v  v  v  v    v      .  .  .  .  .  .  .  .  .  .  .  .", "mr"),
    row("ml-lww", "monotonic-writes",            "v   v  v  v  v  v  v  V  v  v    v      .  .  .  .  .  .  .  .  .  .  .  .", "mw"),
    row("ml-lww", "writes-follow-reads",         "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "wfr"),
    row("ml-lww", "sessions-roaming",            "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", SESSION),
    row("ml-lww", "consistent-prefix",           "v   V  V  V  v  v  v  v  v  v    V      .  .  .  .  .  .  .  .  .  .  .  .", "gap"),
    row("ml-lww", "agreement",                   "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  H  H  H  H  H  .  .", ""),
    // A wiped node counts its dots again from one, and whoever hears of them has seen those. A conflict is kept and shown, so no claim is lost; but both clients were told that they own the name.
    row("ml-dvv", "registration",                "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", OWNER),
    row("ml-dvv", "no-claim-lost",               "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ml-dvv", "no-claim-lost",               ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost diverged"),
    row("ml-dvv", "register",                    "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack lost-update dirty-then-vanished new-then-old not-linearizable siblings"),
    row("ml-dvv", "read-write",                  "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack dirty-then-vanished new-then-old not-linearizable siblings"),
    row("ml-dvv", "bank",                        "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", MONEY),
    row("ml-dvv", "set",                         "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ml-dvv", "set",                         ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost resurrected diverged"),
    row("ml-dvv", "agreement",                   "H   H  H  H  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    // One vector entry a node: who saw the same at one node overwrites the other.
    row("ml-vv-naive", "registration",           "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", OWNER),
    row("ml-vv-naive", "no-claim-lost",          "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("ml-vv-naive", "register",               "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack lost-update dirty-then-vanished new-then-old not-linearizable siblings"),
    row("ml-vv-naive", "read-write",             "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack dirty-then-vanished new-then-old not-linearizable siblings"),
    row("ml-vv-naive", "bank",                   "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", MONEY),
    row("ml-vv-naive", "set",                    "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", "lost resurrected"),
    row("ml-vv-naive", "agreement",              "H   H  H  H  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    // A wiped node counts again from nothing, and a join keeps the larger count. Every state is made of whole transfers; only that there is enough money nobody can promise alone.
    row("ml-crdt", "registration",               "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", OWNER),
    row("ml-crdt", "no-claim-lost",              "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("ml-crdt", "register",                   "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack lost-update dirty-then-vanished new-then-old not-linearizable"),
    row("ml-crdt", "read-write",                 "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack dirty-then-vanished new-then-old not-linearizable"),
    row("ml-crdt", "bank",                       "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "overdrawn"),
    row("ml-crdt", "ledger",                     "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ml-crdt", "ledger",                     ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost torn"),
    row("ml-crdt", "inventory",                  "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", "oversold"),
    row("ml-crdt", "set",                        "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ml-crdt", "set",                        ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "lost resurrected diverged"),
    row("ml-crdt", "agreement",                  "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ml-crdt", "agreement",                  ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "diverged"),
    // One copy read, one written.
    row("ll-weak", "registration",               "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", OWNER),
    row("ll-weak", "no-claim-lost",              "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("ll-weak", "register",                   "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack lost-update dirty-then-vanished new-then-old not-linearizable"),
    row("ll-weak", "read-write",                 "v   V  V  V  V  V  v  v  V  v    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack dirty-then-vanished new-then-old not-linearizable"),
    row("ll-weak", "bank",                       "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", MONEY),
    row("ll-weak", "set",                        "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ll-weak", "set",                        ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "lost resurrected"),
    row("ll-weak", "agreement",                  "H   H  H  H  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    // Stamps are taken from clocks, which are never quite right.
    row("ll-quorum-wall", "registration",        "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", OWNER),
    row("ll-quorum-wall", "no-claim-lost",       "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("ll-quorum-wall", "register",            "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", REGISTER),
    row("ll-quorum-wall", "read-write",          "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack dirty-then-vanished new-then-old"),
    row("ll-quorum-wall", "bank",                "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", MONEY),
    row("ll-quorum-wall", "set",                 "H   H  H  H  H  H  V  V  H  H    v      H  H  H  H  H  .  H  H  H  H  .  .", "resurrected"),
    row("ll-quorum-wall", "set",                 ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "lost resurrected"),
    row("ll-quorum-wall", "agreement",           "H   H  H  H  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    // Whoever reads leaves a majority behind that knows what was read; to look and then to write are two steps all the same.
    row("ll-abd", "registration",                "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", OWNER),
    row("ll-abd", "no-claim-lost",               "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("ll-abd", "register",                    "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost-update new-then-old dirty-then-vanished"),
    row("ll-abd", "read-write",                  "H   U  U  U  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ll-abd", "read-write",                  ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "stale-after-ack dirty-then-vanished new-then-old not-linearizable"),
    row("ll-abd", "bank",                        "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", MONEY),
    row("ll-abd", "set",                         "H   U  U  U  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ll-abd", "set",                         ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "lost resurrected"),
    row("ll-abd", "agreement",                   "H   H  H  H  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    // All have what was acknowledged, so any one of them may be asked; one who is dead, stopped or cut off stops all writes but those of a
    // bridge, which reaches everybody. A compare-and-set that finds another value writes nothing and is answered from the own copy.
    row("ll-rowa", "register",                   "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost-update new-then-old dirty-then-vanished"),
    row("ll-rowa", "no-stale-after-ack",         "H   H  H  H  H  H  H  H  H  H    H      H  .  .  .  U  .  H  H  H  H  .  .", ""),
    row("ll-rowa", "no-stale-after-ack",         ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  V  .  .  .  .  .  .", "stale-after-ack"),
    row("ll-rowa", "set",                        "H   U  U  U  U  U  H  H  U  H    H      H  .  .  .  U  .  H  H  H  H  .  .", ""),
    // A coordinator stands in for home nodes that it does not hear.
    row("ll-sloppy", "registration",             "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", OWNER),
    row("ll-sloppy", "no-claim-lost",            "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("ll-sloppy", "register",                 "V   .  .  .  .  .  V  V  .  V    .      .  .  .  .  .  .  .  .  .  .  .  .", "lost-update dirty-then-vanished new-then-old"),
    row("ll-sloppy", "register",                 ".   V  V  V  V  V  .  .  V  .    V      .  .  .  .  .  .  .  .  .  .  .  .", REGISTER),
    row("ll-sloppy", "read-write",               "v   .  .  .  .  .  v  v  .  v    .      .  .  .  .  .  .  .  .  .  .  .  .", "dirty-then-vanished new-then-old"),
    row("ll-sloppy", "read-write",               ".   V  V  V  v  v  .  .  v  .    v      .  .  .  .  .  .  .  .  .  .  .  .", "stale-after-ack dirty-then-vanished new-then-old"),
    row("ll-sloppy", "read-write",               ".   .  .  .  .  .  .  .  .  .    .      v  V  V  V  v  v  v  V  v  v  .  .", "stale-after-ack dirty-then-vanished new-then-old not-linearizable"),
    row("ll-sloppy", "bank",                     "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", MONEY),
    row("ll-sloppy", "set",                      "H   H  H  H  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ll-sloppy", "set",                      ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "lost resurrected"),
    row("ll-sloppy", "agreement",                "H   H  H  H  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    row("ll-quorum", "registration",             "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", "double-ack owner-changed"),
    // Never stale after an acknowledgement: every read quorum meets every acknowledged write.
    row("ll-quorum", "register",                 "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", "lost-update new-then-old dirty-then-vanished"),
    row("ll-quorum", "read-write",               "v   v  v  v  v  v  v  v  v  v    v      .  .  .  .  .  .  .  .  .  .  .  .", "dirty-then-vanished new-then-old"),
    row("ll-quorum", "no-claim-lost",            "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "lost"),
    row("ll-quorum", "no-stale-after-ack",       "H   U  U  U  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ll-quorum", "no-stale-after-ack",       ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "stale-after-ack"),
    row("ll-quorum", "bank",                     "V   V  V  V  V  V  V  V  V  V    V      V  V  V  V  V  V  V  V  V  V  .  .", MONEY),
    row("ll-quorum", "set",                      "H   U  U  U  H  H  H  H  H  H    H      H  H  H  H  H  .  H  H  H  H  .  .", ""),
    row("ll-quorum", "set",                      ".   .  .  .  .  .  .  .  .  .    .      .  .  .  .  .  v  .  .  .  .  .  .", "lost resurrected"),
    row("ll-quorum", "inventory",                "V   V  V  V  V  V  V  V  V  V    V      .  .  .  .  .  .  .  .  .  .  .  .", "oversold"),
    row("ll-quorum", "read-your-writes",         "H   U  U  U  H  H  H  H  H  H    H      .  .  .  .  .  .  .  .  .  .  .  .", ""),
    // To see new, then old, takes two reads within the few milliseconds in which a write spreads: a matter for scripts.
    row("ll-quorum", "monotonic-reads",          "v   v  v  v  v  v  v  v  v  v    v      .  .  .  .  .  .  .  .  .  .  .  .", "mr"),
];

/// Claims whose clients often ask a node that they cannot reach: twice as many ask, so that enough are served.
pub const CROWDED: &[&str] = &["sessions-roaming", "read-your-writes-roaming", "monotonic-reads-roaming"];

/// What must come out of a cell; `None` where it is not run.
pub fn expected(design: &str, claim: &str, fault: &str) -> Option<Expected> {
    let mut rows = GRID.iter().filter(|row| (row.design, row.claim) == (design, claim));
    let (row, sign) = rows.find_map(|row| Some((row, row.cells().find(|(of, _)| *of == fault)?.1)))?;
    let classes = || row.classes.split_whitespace().map(String::from).collect();
    match sign {
        "H" => Some(Expected::Held),
        "V" => Some(Expected::Violated(classes())),
        "v" => Some(Expected::Maybe(classes())),
        "U" => Some(Expected::Unavailable),
        other => unreachable!("{other} is no sign"),
    }
}

impl Row {
    /// Each fault with its sign, but for those that are not run.
    pub fn cells(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.all().filter(|(_, sign)| *sign != ".")
    }
    fn all(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        FAULTS.split_whitespace().zip(self.signs.split_whitespace())
    }
}

/// The grid in Markdown.
pub fn table() -> String {
    let faults: Vec<&str> = FAULTS.split_whitespace().collect();
    let row = |row: &Row| {
        let signs: Vec<&str> = row.all().map(|(_, sign)| sign).collect();
        let classes: Vec<String> = row.classes.split_whitespace().map(|class| format!("`{class}`")).collect();
        format!("| `{}` | {} | {} | {} |\n", row.design, row.claim, signs.join(" | "), classes.join(" "))
    };
    let head = format!("| design | claim | {} | classes |\n|{}\n", faults.join(" | "), "---|".repeat(faults.len() + 3));
    head + &GRID.iter().map(row).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_is_whole_and_every_cell_stands_once() {
        let cells = || GRID.iter().flat_map(|row| row.cells().map(|(fault, _)| (row.design, row.claim, fault)));
        assert_eq!(cells().collect::<BTreeSet<_>>().len(), cells().count());
        for row in GRID {
            let signs: Vec<&str> = row.signs.split_whitespace().collect();
            let named = format!("{} {}", row.design, row.claim);
            assert_eq!(signs.len(), FAULTS.split_whitespace().count(), "{named}");
            assert!(signs.iter().all(|sign| ["H", "V", "v", "U", "."].contains(sign)), "{named}");
            let violated = signs.iter().any(|sign| sign.eq_ignore_ascii_case("v"));
            assert_eq!(violated, !row.classes.is_empty(), "{named}: classes are for rows that are violated");
        }
        let designs: BTreeSet<&str> = GRID.iter().map(|row| row.design).collect();
        assert_eq!(designs, crate::designs().map(|design| design.name).collect());
    }

    #[test]
    fn the_page_about_verdicts_shows_the_grid() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verdicts.md")).expect("a page");
        let table = table();
        assert!(page.contains(&table), "docs/verdicts.md does not show the grid; this is it:\n{table}");
    }

    #[test]
    fn a_cell_is_found_by_its_names() {
        assert_eq!(expected("raft", "register", "kill"), Some(Expected::Held));
        assert_eq!(expected("raft", "register", "halves"), Some(Expected::Unavailable));
        let gap = || vec!["gap".to_string()];
        assert_eq!(expected("sl-async-fo", "consistent-prefix", "one-way"), Some(Expected::Violated(gap())));
        assert_eq!(expected("ml-lww", "consistent-prefix", "calm"), Some(Expected::Maybe(gap())));
        assert_eq!(expected("raft", "register", "meteor"), None);
        assert_eq!(expected("raft", "total", "kill"), None);
    }
}
