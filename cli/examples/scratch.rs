use harness::*;
use perjury::assemble::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let n: u64 = a[4].parse().unwrap();
    let t = std::time::Instant::now();
    let mut counts = std::collections::BTreeMap::<String, (u32, u64)>::new();
    let (mut simt, mut acks) = (0.0, 0usize);
    let (mut ev, mut fl) = (0usize, 0usize);
    for seed in 1..=n {
        let r = Request { design: a[1].clone(), workload: a[2].clone(), nemesis: a[3].clone(), seed: Seed(seed), switches: a.get(5).map(|s| s.split(',').filter(|s| !s.is_empty()).map(String::from).collect()).unwrap_or_default(), ..Default::default() };
        let p = plan(&r).unwrap();
        let t = std::time::Instant::now();
        let run = carry_out(&p, std::path::Path::new("."), &mut (), &Default::default()).unwrap();
        simt += t.elapsed().as_secs_f64();
        ev += run.history.events.len(); fl += run.faults.len();
        acks += run.history.calls().iter().filter(|c| matches!(c.outcome, Some(Outcome::Ok(_)))).count();
        let j = judgement(&run);
        let k = match &j.verdict { Verdict::Held => "held".to_string(), Verdict::Violated(x) => format!("violated {} {}", x.property, x.class), Verdict::Unknown(w) => format!("unknown {w}"), Verdict::Vacuous(w) => format!("vacuous {w}") };
        if std::env::var("SHOW").is_ok() { if let Verdict::Violated(x) = &j.verdict { println!("{seed}: {:#?}", x.sentences); } for o in &j.opinions { println!("{} {:?} {:?}", o.checker, o.verdict.word(), o.notes); } }
        let c = counts.entry(k).or_default(); c.0 += 1; if c.1 == 0 { c.1 = seed; }
    }
    println!("{} {} {}: {:.2} ms/run, sim {:.2} ms, {} acks/run {} events/run {} faults", a[1], a[2], a[3], t.elapsed().as_secs_f64() * 1e3 / n as f64, simt * 1e3 / n as f64, acks / n as usize, ev / n as usize, fl);
    for (k, v) in counts { println!("  {:5} {} (first seed {})", v.0, k, v.1); }
}
