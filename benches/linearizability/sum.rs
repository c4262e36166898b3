//! What the table comes to: totals, losses, and the targets that were set.

use crate::table::{Ratio, Row, report, span, time_or_end};

/// Prints totals, losses and targets.
pub fn print(rows: &[Row]) {
    println!();
    let etcd = Sum::of(rows.iter().filter(|row| row.name.starts_with("etcd/")));
    print_totals("the logs of etcd", etcd.as_ref());
    print_totals("everything", Sum::of(rows.iter()).as_ref());
    println!();
    print_losses(rows);
    println!();
    print_targets(rows, etcd.as_ref());
}

/// A group of files. Those that only one side was asked about or that the engine did not decide are left out.
struct Sum<'a> {
    /// By ratio.
    compared: Vec<(Ratio, &'a Row)>,
    left_out: usize,
    ours: f64,
    peer: f64,
    total: Ratio,
    /// Of an even number, the lower of the two in the middle.
    median: Ratio,
    worst: Ratio,
}

impl<'a> Sum<'a> {
    /// `None` where nothing can be compared.
    fn of(rows: impl Iterator<Item = &'a Row> + Clone) -> Option<Sum<'a>> {
        let mut compared: Vec<(Ratio, &Row)> = rows.clone().filter_map(|row| Some((row.ratio()?, row))).collect();
        compared.sort_by(|left, right| left.0.times.total_cmp(&right.0.times));
        let worst = compared.first()?.0;
        let median = compared[(compared.len() - 1) / 2].0;
        let (ours, peer, total) = total(compared.iter().map(|(_, row)| *row));
        Some(Sum { left_out: rows.count() - compared.len(), compared, ours, peer, total, median, worst })
    }

    /// Those that take the peer longest first.
    fn by_weight(&self) -> Vec<&'a Row> {
        let weight = |row: &Row| row.peer_time().map_or(0.0, |(time, _)| time);
        let mut rows: Vec<&Row> = self.compared.iter().map(|(_, row)| *row).collect();
        rows.sort_by(|left, right| weight(right).total_cmp(&weight(left)));
        rows
    }
}

/// Nanoseconds of both sides, and the ratio.
fn total<'a>(rows: impl Iterator<Item = &'a Row> + Clone) -> (f64, f64, Ratio) {
    let ours: f64 = rows.clone().filter_map(Row::ours).map(|ours| ours.check).sum();
    let peer: f64 = rows.clone().filter_map(Row::peer_time).map(|(time, _)| time).sum();
    let at_least = rows.filter_map(Row::peer_time).any(|(_, killed)| killed);
    (ours, peer, Ratio { times: peer / ours, at_least })
}

fn print_totals(name: &str, sum: Option<&Sum>) {
    let Some(sum) = sum else { return println!("{name}: nothing to compare") };
    let Sum { compared, left_out, ours, peer, total: all, median, worst } = sum;
    println!(
        "{name}: {} files ({left_out} left out), engine {}, porcupine-rs {}",
        compared.len(),
        span(*ours),
        span(*peer)
    );
    println!("  {all} in total, {median} in the median, {worst} at worst ({})", compared[0].1.name);
    let by_weight = sum.by_weight();
    if let Some((heavy, rest)) = by_weight.split_at_checked(3).filter(|(_, rest)| !rest.is_empty()) {
        let heavy: Vec<&str> = heavy.iter().map(|row| row.name.as_str()).collect();
        println!(
            "  {} in total without the three that dominate it: {}",
            total(rest.iter().copied()).2,
            heavy.join(", ")
        );
    }
}

fn print_losses(rows: &[Row]) {
    let lost: Vec<&Row> = rows.iter().filter(|row| row.lost()).collect();
    match lost.len() {
        0 => println!("losses: none"),
        several => println!("losses: {several} of {} files", rows.len()),
    }
    for row in lost {
        let ratio = row.ratio().map_or("the engine has no answer".to_string(), |ratio| ratio.to_string());
        let peer = row.peer.as_ref().map_or(String::new(), time_or_end);
        println!("  {:<52} engine {:>9}, porcupine-rs {peer:>9}: {ratio}", row.name, time_or_end(&row.ours));
    }
}

fn print_targets(rows: &[Row], etcd: Option<&Sum>) {
    println!("targets");
    // A file that the engine does not decide is no ratio that could be left out.
    let etcd = |figure: fn(&Sum) -> f64| etcd.map(|sum| if sum.left_out == 0 { figure(sum) } else { 0.0 });
    at_least("etcd, total", 1000.0, "x", etcd(|sum| sum.total.times));
    at_least("etcd, median", 25.0, "x", etcd(|sum| sum.median.times));
    at_least("etcd, worst file", 5.0, "x", etcd(|sum| sum.worst.times));
    let losses = rows.iter().filter(|row| row.lost()).count() as f64;
    at_most("files slower than porcupine-rs", 0.0, "", rows.iter().any(|row| row.peer.is_some()).then_some(losses));

    let figure = |name: &str, figure: fn(&Row) -> Option<f64>| {
        let row = rows.iter().find(|row| row.name.split('.').next() == Some(name))?;
        Some(figure(row).unwrap_or(f64::INFINITY))
    };
    let passes = |row: &Row| Some(row.ours()?.check / row.pass);
    let megabytes = |row: &Row| Some(report(&row.ours)?.peak as f64 * 1024.0 / 1e6);
    let milliseconds = |row: &Row| Some(row.ours()?.check / 1e6);
    let wrong = |row: &Row| Some(f64::from(u8::from(row.ours()?.verdict != Some(row.stated))));
    at_most("reg_c5_v5_n100000_ok, linear passes", 6.0, "", figure("generated/reg_c5_v5_n100000_ok", passes));
    at_most("10^6 operations, whole process", 100.0, "MB", figure("made/reg_c5_v5_n1000000_ok", megabytes));
    at_most("crash20_badend", 1.0, "ms", figure("generated/reg_c5_v5_n1000_crash20_badend", milliseconds));
    at_most("crash60_badend", 10.0, "ms", figure("generated/reg_c5_v5_n1000_crash60_badend", milliseconds));
    for name in ["reg_c10_v5_n10000_crash100_badend", "reg_c100_v5_n2000_hot_badend"] {
        at_most(&format!("{name}, wrong answers"), 0.0, "", figure(&format!("generated/{name}"), wrong));
    }
    at_most("queue_c8_n20000_ok", 5.0, "ms", figure("generated/queue_c8_n20000_ok", milliseconds));
}

fn at_least(name: &str, wanted: f64, unit: &str, seen: Option<f64>) {
    print_target(name, &format!("at least {wanted}"), unit, seen.map(|seen| (seen, seen >= wanted)));
}

fn at_most(name: &str, wanted: f64, unit: &str, seen: Option<f64>) {
    print_target(name, &format!("at most {wanted}"), unit, seen.map(|seen| (seen, seen <= wanted)));
}

/// `seen` is the figure, and whether that is enough.
fn print_target(name: &str, wanted: &str, unit: &str, seen: Option<(f64, bool)>) {
    let (seen, word) = match seen {
        None => ("-".to_string(), "not measured"),
        Some((seen, true)) => (format!("{seen:.2}"), "reached"),
        Some((seen, false)) if seen.is_finite() => (format!("{seen:.2}"), "NOT REACHED"),
        Some(_) => ("no answer".to_string(), "NOT REACHED"),
    };
    println!("  {name:<52} {wanted:<13} {unit:<3} seen {seen:>9} {unit:<3} {word}");
}
