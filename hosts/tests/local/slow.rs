//! Links between local nodes that are slow or narrow. How long something takes is only ever compared with the least that it must take.

use crate::common::{eventually, read_line, round_trip, say};
use crate::{LONG, SHORT, dial, echoes, heard, nodes};
use hosts::Endpoint::{Clients, Node};
use hosts::{Daemon, Host, Slow};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

const BY: Duration = Duration::from_millis(200);
const SLOW: Slow = Slow { by: BY, up_to: Duration::ZERO, rate: None };
/// Longer than anybody waits.
const DAY: Slow = Slow { by: Duration::from_secs(86_400), up_to: Duration::ZERO, rate: None };

#[test]
fn a_slow_link_has_a_direction_and_no_other_is_slow() {
    let (_state, mut host) = nodes(3);
    let at = echoes(&mut host);
    let (mut slowed, mut other) = (dial(&host, Node(0), at[1]).unwrap(), dial(&host, Node(2), at[1]).unwrap());
    assert_eq!(host.slowed().unwrap().packets, 0);

    host.slow(&[(Node(1), Node(0), SLOW)]).unwrap();
    assert!(round_trip(&mut slowed, "one way") >= BY, "the answer is held");
    let one_way = host.slowed().unwrap();
    assert_eq!((one_way.packets, one_way.bytes, one_way.longest), (1, 52 + 8, BY), "the question was not");
    round_trip(&mut other, &"beside it ".repeat(5_000));
    for (from, to) in [(Node(0), at[2]), (Node(1), at[2]), (Clients, at[1]), (Node(1), at[1]), (Node(0), at[0])] {
        round_trip(&mut dial(&host, from, to).unwrap(), "beside it");
    }
    assert_eq!(host.slowed().unwrap(), one_way, "no other link is slow");

    host.slow(&[(Node(1), Node(0), SLOW), (Node(0), Node(1), SLOW)]).unwrap();
    assert!(round_trip(&mut slowed, "both ways") >= BY * 2);
    host.slow(&[]).unwrap();
    let healed = host.slowed().unwrap();
    round_trip(&mut slowed, "fast");
    assert_eq!(host.slowed().unwrap(), healed, "a link that is fast again holds nothing");
    assert_eq!((host.dropped().unwrap(), host.lost().unwrap(), healed.dropped), (0, 0, 0), "nothing was cut or lost");
}

#[test]
fn a_connection_is_opened_over_slow_links_as_late_as_over_a_slow_network() {
    let (_state, mut host) = nodes(2);
    let at = echoes(&mut host);
    host.slow(&[(Node(0), Node(1), SLOW), (Node(1), Node(0), SLOW)]).unwrap();
    let began = Instant::now();
    let mut stream = dial(&host, Node(0), at[1]).unwrap();
    assert!(began.elapsed() >= BY * 2, "there and back");
    let slowed = host.slowed().unwrap();
    assert_eq!((slowed.packets, slowed.bytes), (2, 104), "two packets without content");
    assert!(round_trip(&mut stream, "hello") >= BY * 2);

    // A program's own connection waits in the proxy, and what it says there is late besides.
    let line = format!("exec 3<>/dev/tcp/{}/{}; echo hello >&3; head -1 <&3", at[1].ip(), at[1].port());
    let began = Instant::now();
    host.start(0, &Daemon::new("caller", "bash", ["-c", &line])).unwrap();
    eventually("it is answered", || std::fs::read_to_string(host.log(0, "caller")).is_ok_and(|log| log == "hello\n"));
    assert!(began.elapsed() >= BY * 4);

    // Whoever dials gives up when it likes, and goes on when the links are fast again.
    host.slow(&[(Node(1), Node(0), DAY)]).unwrap();
    assert_eq!(host.connect(Node(0), at[1], SHORT).unwrap_err().kind(), io::ErrorKind::TimedOut);
    let (dialer, before) = (host.dialer(Node(0)), host.slowed().unwrap().packets);
    let waits = thread::spawn(move || dialer.connect(at[1], LONG));
    eventually("the answer is held", || host.slowed().unwrap().packets > before);
    assert!(!waits.is_finished());
    host.slow(&[]).unwrap();
    round_trip(&mut waits.join().unwrap().unwrap(), "at last");
}

#[test]
fn all_that_is_said_over_a_slow_link_arrives_in_order_with_its_end() {
    const LINES: usize = 40_000;
    let (_state, mut host) = nodes(2);
    let at = echoes(&mut host);
    let mut stream = dial(&host, Node(0), at[1]).unwrap();
    host.slow(&[(Node(0), Node(1), SLOW), (Node(1), Node(0), SLOW)]).unwrap();
    let said: String = (0..LINES).map(|number| format!("line {number:060}\n")).collect();
    let (began, mut speaks) = (Instant::now(), stream.try_clone().unwrap());
    let speaker = thread::spawn(move || {
        speaks.write_all(said.as_bytes()).unwrap();
        speaks.shutdown(Shutdown::Write).unwrap();
        said
    });
    let mut all = String::new();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.read_to_string(&mut all).unwrap();
    assert!(began.elapsed() >= BY * 2);
    // Nothing is said of where they differ: each has more than two megabytes.
    assert!(all == speaker.join().unwrap(), "{} bytes came back", all.len());
    let slowed = host.slowed().unwrap();
    assert!(slowed.bytes > 2 * all.len() as u64 && slowed.packets > 2 * all.len() as u64 / 1448, "{slowed:?}");
}

#[test]
fn a_narrow_link_carries_its_rate_for_all_connections_together_and_throws_nothing_away() {
    const RATE: u64 = 32_000;
    let (_state, mut host) = nodes(3);
    let at = echoes(&mut host);
    let mut narrow = [0, 1].map(|_| dial(&host, Node(0), at[1]).unwrap());
    let mut other = dial(&host, Node(2), at[1]).unwrap();
    host.slow(&[(Node(0), Node(1), Slow { rate: Some(RATE), ..Slow::default() })]).unwrap();
    let lines: Vec<String> = (0..5).map(|number| format!("{number:010000}")).collect();
    let began = Instant::now();
    narrow.iter_mut().for_each(|stream| lines.iter().for_each(|line| say(stream, line)));
    for stream in &mut narrow {
        lines.iter().for_each(|line| assert_eq!(read_line(stream, LONG).unwrap(), *line));
    }
    let least = Duration::from_secs_f64(100_000.0 / RATE as f64);
    assert!(began.elapsed() >= least, "100 kB came in {:?}", began.elapsed());
    let slowed = host.slowed().unwrap();
    assert!(slowed.bytes > 100_000 && slowed.packets > 60, "packets are as small as on a wire: {slowed:?}");
    assert!(slowed.dropped == 0 && slowed.longest > Duration::from_millis(500), "{slowed:?}");
    // By the times that packets were given, not by when they were seen to go.
    assert!(slowed.longest < Duration::from_millis(1100), "what waits is sent within a second: {slowed:?}");
    round_trip(&mut other, &"beside it ".repeat(5_000));
    assert_eq!(host.slowed().unwrap(), slowed, "no other link is narrow");

    host.slow(&[]).unwrap();
    host.slow(&[(Node(0), Node(1), SLOW)]).unwrap();
    round_trip(&mut narrow[0], "slow");
    assert_eq!(host.slowed().unwrap().longest, BY, "the longest since links became slow");
}

#[test]
fn what_is_held_for_a_link_that_is_fast_again_goes_on_at_once() {
    let (_state, mut host) = nodes(2);
    let at = echoes(&mut host);
    let mut stream = dial(&host, Node(0), at[1]).unwrap();
    let crawls = Slow { rate: Some(1), ..Slow::default() };
    for slow in [DAY, crawls] {
        let before = host.slowed().unwrap().packets;
        host.slow(&[(Node(0), Node(1), slow)]).unwrap();
        let words = "held ".repeat(4_000);
        say(&mut stream, &words);
        eventually("it is held", || host.slowed().unwrap().packets > before);
        // Another link that becomes slow changes nothing.
        host.slow(&[(Node(0), Node(1), slow), (Clients, Node(0), slow)]).unwrap();
        assert!(read_line(&mut stream, SHORT).is_err() && !heard(&host, 1, "held"));
        host.slow(&[(Clients, Node(0), slow)]).unwrap();
        assert_eq!(read_line(&mut stream, LONG).unwrap(), words);
        let log = host.log(1, "echo");
        std::fs::write(log, "").unwrap();
        host.slow(&[]).unwrap();
    }
    // A host that is closed waits for nothing.
    host.slow(&[(Node(0), Node(1), DAY)]).unwrap();
    say(&mut stream, "never");
    host.close().unwrap();
    assert!(read_line(&mut stream, LONG).is_err());
    assert!(host.slow(&[]).unwrap_err().why.contains("closed") && host.slowed().is_err());
}

#[test]
fn what_is_held_when_a_cut_begins_is_cut() {
    let (_state, mut host) = nodes(2);
    let at = echoes(&mut host);
    let mut stream = dial(&host, Node(0), at[1]).unwrap();
    host.slow(&[(Node(0), Node(1), DAY)]).unwrap();
    say(&mut stream, "held");
    eventually("it is held", || host.slowed().unwrap().packets > 0);
    host.cut(&[(Node(0), Node(1))]).unwrap();
    assert_eq!(host.dropped().unwrap(), 0, "it has not come to the cut yet");
    host.slow(&[]).unwrap();
    eventually("it comes to the cut", || host.dropped().unwrap() > 0);
    assert!(read_line(&mut stream, SHORT).is_err() && !heard(&host, 1, "held"));
    host.cut(&[]).unwrap();
    assert_eq!(read_line(&mut stream, LONG).unwrap(), "held");
}

#[test]
fn packets_that_overtake_each_other_are_refused() {
    let (_state, mut host) = nodes(2);
    let error = host.slow(&[(Node(0), Node(1), Slow { up_to: BY, ..SLOW })]).unwrap_err();
    assert!(error.what.contains("overtake") && error.mend.contains("netns"), "{error}");
    host.slow(&[(Node(0), Node(1), SLOW)]).unwrap();
}
