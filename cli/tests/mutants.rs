use harness::{Seed, Shape, Tier, Verdict};
use perjury::assemble::{Request, plan, try_out};
use store::mutants::{MUTANTS, Mutant};

fn shape(mutant: &Mutant) -> Shape {
    let r = Request::default();
    Shape { nodes: mutant.nodes, clients: r.clients, time: r.time, rate: r.rate, every: None, settings: (mutant.settings)(), tier: Tier::Sim }
}
fn request(mutant: &Mutant, seed: u64, on: bool) -> Request {
    let seed = Seed(seed);
    Request {
        design: mutant.design.into(), workload: mutant.workload.into(), nemesis: "mixed".into(),
        switches: if on { vec![mutant.switch.into()] } else { vec![] },
        strikes: Some((mutant.strikes)(&shape(mutant), &mut seed.stream("nemesis/mutant"))),
        nodes: mutant.nodes, settings: (mutant.settings)(), seed, ..Request::default()
    }
}
#[test]
fn explore() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let n: u64 = std::env::var("N").map_or(50, |n| n.parse().unwrap());
    for m in MUTANTS.iter().filter(|m| m.switch.contains(&only)) {
        for on in [true, false] {
            let t = std::time::Instant::now();
            let mut counts = std::collections::BTreeMap::<String, (u32, u64)>::new();
            for seed in 1..=n {
                let (run, j) = try_out(&plan(&request(m, seed, on)).unwrap()).unwrap();
                for o in &j.opinions {
                    let k = match &o.verdict { Verdict::Violated(x) => {
                        if std::env::var("SHOW").is_ok() { println!("{seed} {:#?}", x.sentences); }
                        format!("{} {}", x.property, x.class) }, Verdict::Unknown(w) => format!("unknown {w}"), _ => continue };
                    let c = counts.entry(k).or_default(); c.0 += 1; if c.1 == 0 { c.1 = seed; }
                }
                let k = match &j.verdict { Verdict::Violated(_) => "~VIOLATED".to_string(), Verdict::Vacuous(w) => format!("~vacuous {}", &w[..w.len().min(40)]), v => format!("~{}", v.word()) };
                let c = counts.entry(k).or_default(); c.0 += 1; if c.1 == 0 { c.1 = seed; }
                let _ = run;
            }
            println!("{} {on}: {:.1} ms/run", m.switch, t.elapsed().as_secs_f64() * 1e3 / n as f64);
            for (k, v) in counts { println!("   {:5} {} (first {})", v.0, k, v.1); }
        }
    }
}
