//! Whoever is not root has such nodes too, as root of a user namespace of their own.

use crate::binary::folder;
use crate::skipped;
use std::fs::{Permissions, copy, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// `nobody`, whom every machine has.
const NOBODY: &str = "65534";

#[test]
fn an_ordinary_user_cuts_a_leader_off_and_finds_two_owners() {
    if skipped("redis") {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        // Then all other tests of this program have been an ordinary user's.
        return;
    }
    let dir = folder();
    set_permissions(dir.path(), Permissions::from_mode(0o777)).expect("its own folder");
    let program = dir.path().join("perjury");
    copy(env!("CARGO_BIN_EXE_perjury"), &program).expect("there is room");
    for seed in 1..=3 {
        let words = format!("run --database redis --nemesis isolate-leader --time 40s --seed {seed}");
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(&program).args(words.split(' '));
        let output = command.current_dir(dir.path()).output().expect("setpriv is there");
        let out = String::from_utf8_lossy(&output.stdout);
        if output.status.code() == Some(1) {
            assert!(out.contains("double-ack") && out.contains("packets stopped"), "{out}");
            return;
        }
        println!("seed {seed}: {out}{}", String::from_utf8_lossy(&output.stderr));
    }
    panic!("none of three runs found it");
}
