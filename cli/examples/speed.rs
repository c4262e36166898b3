use harness::*;
use perjury::assemble::*;
fn main() {
    let n: u64 = std::env::args().nth(1).and_then(|x| x.parse().ok()).unwrap_or(500);
    for seed in 1..=n {
        let strike = |at, fault, lasts| Strike { when: When::At(SECOND * at), fault, lasts: SECOND * lasts };
        let r = Request { workload: "register".into(), strikes: Some(vec![strike(5, Fault::Partition(Cut::Isolate(Target::Leader)), 6), strike(18, Fault::Kill(Target::Leader), 4)]), seed: Seed(seed), rate: 200.0 / 30.0, ..Request::default() };
        try_out(&plan(&r).unwrap()).unwrap();
    }
}
