//! Daemons that are short of something, on local nodes and, where the machine allows them, in namespaces.
#![allow(clippy::disallowed_methods)] // A real machine keeps real time.

mod common;

use common::{eventually, role};
use hosts::local::Local;
use hosts::netns::Netns;
use hosts::{Daemon, Host, Share, State, process};
use std::thread;
use std::time::Duration;

/// A node of each kind, in turn.
fn on_each(test: fn(&mut dyn Host)) {
    let state = tempfile::tempdir().unwrap();
    let mut local = Local::up(1, state.path(), &[env!("CARGO_BIN_EXE_perjury-keep").into()]).unwrap();
    test(&mut local);
    if !common::skipped() {
        test(&mut Netns::up(1, state.path()).unwrap());
    }
}

/// A shell that has forked another one.
fn family() -> Daemon {
    Daemon::new("family", "sh", ["-c", "setsid sleep 600 & sleep 600"])
}

/// Whether all its processes are seen as this.
fn all(host: &dyn Host, wanted: State) -> bool {
    let pids = host.pids(0, "family").unwrap();
    !pids.is_empty() && pids.iter().all(|pid| process::state(*pid) == wanted)
}

/// Whether it stays so for some periods.
fn stays(host: &dyn Host, wanted: State) -> bool {
    (0..40).all(|_| {
        thread::sleep(SHARE.period / 8);
        all(host, wanted)
    })
}

const SHARE: Share = Share { period: Duration::from_millis(100), percent: 50 };

#[test]
fn a_throttled_daemon_runs_and_is_held_by_turns_until_it_is_let_go() {
    on_each(|host| {
        assert!(!host.throttle(0, "family", Some(SHARE)).unwrap(), "nobody runs yet");
        host.start(0, &family()).unwrap();
        eventually("all are there", || host.pids(0, "family").unwrap().len() == 3);
        assert!(host.throttle(0, "family", Some(SHARE)).unwrap());
        for _ in 0..3 {
            eventually("it is held", || all(host, State::Stopped));
            eventually("it runs", || all(host, State::Running));
        }
        eventually("it was seen stopped", || host.held(0, "family") > SHARE.period);

        assert!(host.pause(0, "family").unwrap());
        assert!(stays(host, State::Stopped), "a pause holds it all the time");
        assert!(host.resume(0, "family").unwrap());
        eventually("it runs", || all(host, State::Running));
        eventually("and is held again", || all(host, State::Stopped));

        assert!(host.throttle(0, "family", None).unwrap());
        let held = host.held(0, "family");
        assert!(stays(host, State::Running), "nobody holds it any more");
        assert_eq!(host.held(0, "family"), held);

        assert!(host.throttle(0, "family", Some(SHARE)).unwrap());
        assert!(host.kill(0, "family").unwrap().is_some());
        assert!(!host.throttle(0, "family", None).unwrap(), "it is dead");
        host.start(0, &family()).unwrap();
        eventually("all are there", || host.pids(0, "family").unwrap().len() == 3);
        assert!(stays(host, State::Running), "a new one is not held");
        host.close().unwrap();
    });
}

#[test]
fn what_a_daemon_asks_for_beyond_its_limit_is_refused_until_it_is_lifted() {
    on_each(|host| {
        host.start(0, &role("grow", &[])).unwrap();
        let said = |host: &dyn Host, word: &str| {
            let log = std::fs::read_to_string(host.log(0, "grow")).unwrap_or_default();
            log.lines().last() == Some(word)
        };
        eventually("it grows", || said(host, "granted"));
        let limited = host.limit_memory(0, "grow", Some(1 << 20)).unwrap();
        assert!(!limited.is_empty() && limited.iter().all(|one| one.may_have == one.had + (1 << 20)), "{limited:?}");
        let again = host.limit_memory(0, "grow", Some(1 << 30)).unwrap();
        assert!(again.iter().all(|one| one.may_have < 1 << 30), "who is limited is left alone: {again:?}");
        eventually("it is refused", || said(host, "refused"));
        assert_eq!(host.limit_memory(0, "grow", None).unwrap(), []);
        eventually("it grows again", || said(host, "granted"));
        assert!(host.alive(0, "grow").unwrap());
        host.close().unwrap();
    });
}
