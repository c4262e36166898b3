//! From names to a plan, from a plan to a run, from a run to a judgement.

use crate::fits::{self, Size};
use crate::systems::{self, GivenTexts, bears, real};
use checkers::linearizable::Online;
use databases::real::choose;
use harness::plan::FORMAT;
use harness::run::{Witness, run};
use harness::simulator::Simulator;
use harness::verdict::judge;
use harness::{
    Budget, Checker, Cluster, Event, Fault, Judgement, Needs, Nemesis, Plan, Run, SECOND, Seed, Settings, Shape,
    Strike, Tier, Time, Trouble, Workload,
};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use store::{About, Design, Setup};

/// What somebody wants tested, by names.
#[derive(Clone, Debug)]
pub struct Request {
    /// A design of the store, or a database with what is chosen of it.
    pub design: String,
    /// Deliberate bugs to switch on in it.
    pub switches: Vec<String>,
    /// Where its nodes live.
    pub tier: Tier,
    /// What real systems need besides names.
    pub given: GivenTexts,
    /// What clients ask.
    pub workload: String,
    /// How the cluster is hurt; parts are joined by `+`.
    pub nemesis: String,
    /// Strikes that somebody wrote, in place of drawn ones.
    pub strikes: Option<Vec<Strike>>,
    /// From one fault's start to the next one's.
    pub every: Option<Time>,
    /// What everything is drawn from.
    pub seed: Seed,
    /// How many nodes.
    pub nodes: u8,
    /// How many clients.
    pub clients: u32,
    /// How long clients ask.
    pub time: Time,
    /// Requests a second of all clients together.
    pub rate: f64,
    /// Magnitudes of the system's own times.
    pub settings: Settings,
}

impl Default for Request {
    fn default() -> Self {
        Request {
            design: "raft".to_string(),
            switches: Vec::new(),
            tier: Tier::Sim,
            given: GivenTexts::new(),
            workload: "registration".to_string(),
            nemesis: "isolate-leader".to_string(),
            strikes: None,
            every: None,
            seed: Seed(1),
            nodes: 5,
            clients: 10,
            time: SECOND * 30,
            rate: 30.0,
            settings: Settings::default(),
        }
    }
}

/// Somebody asked for what there is not: what, and what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Usage {}

/// Complains about a name that nobody has, and shows the table of those that somebody has.
pub fn unknown(kind: &str, name: &str, known: &[(&str, &str)]) -> Usage {
    if known.is_empty() {
        return Usage(format!("there is no {kind} \"{name}\", and no other one"));
    }
    let width = known.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let rows: String = known.iter().map(|(name, about)| format!("\n  {name:width$}  {about}")).collect();
    Usage(format!("there is no {kind} \"{name}\"; there are:{rows}"))
}

/// Names and sentences of a table.
pub fn rows<'a, T>(table: &'a [T], row: impl Fn(&'a T) -> (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    table.iter().map(row).collect()
}

/// The design of this name.
pub fn design(name: &str) -> Result<&'static store::About, Usage> {
    let known = || store::designs().map(|design| (design.name, design.about)).collect::<Vec<_>>();
    store::find(name).ok_or_else(|| unknown("design", name, &known()))
}

/// Whom a write of this system needs, where it runs in this tier.
fn needs(name: &str, tier: Tier, given: &GivenTexts) -> Result<Needs, Usage> {
    if real(bears(name, tier, given)) {
        if store::find(name).is_some() && given.is_empty() {
            let mend = "use --tier sim or --tier local, or --database with another name";
            return Err(Usage(format!(
                "{name} is a design of the bundled store, which does not run in namespaces: {mend}"
            )));
        }
        return systems::needs(name, given);
    }
    if choose(name).is_some() || !given.is_empty() {
        return Err(Usage(format!(
            "{name} is a real system and runs on real nodes: use --database {name} with --tier netns or local, or without --tier"
        )));
    }
    design(name).map(|design| store::needs(design.name).expect("the design is known"))
}

/// The workload of this name.
pub fn workload(name: &str) -> Result<&'static Workload, Usage> {
    let all: Vec<&Workload> = workloads::WORKLOADS.iter().chain(workloads::CLAIMS).collect();
    let known = || all.iter().map(|workload| (workload.name, workload.about)).collect::<Vec<_>>();
    workloads::find(name).ok_or_else(|| unknown("workload", name, &known()))
}

/// The nemesis of this name.
pub fn nemesis(name: &str) -> Result<&'static Nemesis, Usage> {
    let known = || rows(nemesis::NEMESES, |nemesis| (nemesis.name, nemesis.about));
    nemesis::find(name).ok_or_else(|| unknown("nemesis", name, &known()))
}

/// What stands for the nemesis in a plan whose strikes somebody wrote.
pub const WRITTEN: &str = "written";

/// Draws the plan of a run.
pub fn plan(request: &Request) -> Result<Plan, Usage> {
    check(request)?;
    let shape = shape(request);
    let workload = workload(&request.workload)?;
    let asks = (workload.plan)(&shape, &mut request.seed.stream("workload"));
    let strikes = match &request.strikes {
        Some(strikes) => strikes.clone(),
        None => nemesis::plan(&request.nemesis, &shape, request.seed).map_err(|name| nemesis_error(&name))?,
    };
    let plan = Plan {
        format: FORMAT,
        build: crate::build::hash().to_string(),
        design: request.design.clone(),
        needs: needs(&request.design, request.tier, &request.given)?,
        switches: request.switches.clone(),
        tier: request.tier,
        given: request.given.clone(),
        workload: request.workload.clone(),
        nemesis: request.strikes.as_ref().map_or(&*request.nemesis, |_| WRITTEN).to_string(),
        seed: request.seed,
        nodes: request.nodes,
        clients: request.clients,
        time: request.time,
        settings: request.settings.clone(),
        finals: (workload.finals)(&asks),
        asks,
        strikes,
    };
    may_be_done(&plan)?;
    Ok(plan)
}

fn nemesis_error(name: &str) -> Usage {
    nemesis(name).map_or_else(|usage| usage, |_| Usage(format!("the nemesis \"{name}\" could not be planned")))
}

/// The size of what is asked for.
pub fn shape(request: &Request) -> Shape {
    Shape {
        nodes: request.nodes,
        clients: request.clients,
        time: request.time,
        rate: request.rate,
        every: request.every,
        settings: request.settings.clone(),
        tier: bears(&request.design, request.tier, &request.given),
    }
}

/// Complains about what cannot be run.
pub fn check(request: &Request) -> Result<(), Usage> {
    needs(&request.design, request.tier, &request.given)?;
    let tier = bears(&request.design, request.tier, &request.given);
    switches_of(&request.design, tier, &request.switches)?;
    let drawn = if request.strikes.is_none() { request.nemesis.as_str() } else { harness::gate::CALM };
    for part in drawn.split('+').map(str::trim) {
        let tiers = nemesis(part)?.tiers;
        if !tiers.contains(&tier) {
            let whom = match tier {
                Tier::Sim | Tier::Local if !tiers.contains(&Tier::Sim) => "the bundled store: it is for real databases",
                Tier::Sim | Tier::Local => "real processes: use --tier sim",
                Tier::Netns => "a real database",
                Tier::Ssh => "machines that are reached by SSH",
                Tier::Url => "what runs already, which is never touched",
            };
            let can =
                nemesis::NEMESES.iter().filter(|nemesis| nemesis.tiers.contains(&tier)).map(|nemesis| nemesis.name);
            let can = can.collect::<Vec<_>>().join(", ");
            return Err(Usage(format!("{part} cannot be done to {whom}; there can be {can}")));
        }
    }
    systems::place(request.tier, request.nodes, &request.given)?;
    let Request { nodes, clients, time, rate, every, .. } = *request;
    fits::size(&Size { nodes, clients, time, rate, every })?;
    fits::settings(&request.settings)?;
    fits::strikes(request.strikes.as_deref().unwrap_or_default(), request.nodes, tier)
}

/// Complains about a plan that somebody changed until it cannot be carried out.
pub fn check_plan(plan: &Plan) -> Result<(), Usage> {
    needs(&plan.design, plan.tier, &plan.given)?;
    let tier = bears(&plan.design, plan.tier, &plan.given);
    switches_of(&plan.design, tier, &plan.switches)?;
    workload(&plan.workload)?;
    systems::place(plan.tier, plan.nodes, &plan.given)?;
    let Plan { nodes, clients, time, .. } = *plan;
    fits::size(&Size { nodes, clients, time, rate: 1.0, every: None })?;
    fits::settings(&plan.settings)?;
    fits::strikes(&plan.strikes, plan.nodes, tier)?;
    may_be_done(plan)
}

/// Complains about strikes that this design, or these machines, cannot have.
fn may_be_done(plan: &Plan) -> Result<(), Usage> {
    members_may_change(&plan.design, &plan.strikes)?;
    fits::parts(&plan.strikes, plan.nodes)?;
    systems::strikes(plan)
}

/// Complains about nodes that are to move to new machines where their design has no way for it.
fn members_may_change(design: &str, strikes: &[Strike]) -> Result<(), Usage> {
    let moves = strikes.iter().any(|strike| matches!(strike.fault, Fault::Rebalance(_)));
    if !moves || store::changes_members(design) != Some(false) {
        return Ok(());
    }
    let able: Vec<&str> =
        store::designs().map(|design| design.name).filter(|name| store::changes_members(name) == Some(true)).collect();
    Err(Usage(format!("the members of {design} never change, so none can be moved: those of {} can", able.join(", "))))
}

/// The same for any tier: a real system has no switches.
fn switches_of(name: &str, tier: Tier, on: &[String]) -> Result<(), Usage> {
    match on.first().filter(|_| real(tier)) {
        Some(switch) => {
            let why = format!("{name} is a real system, whose bugs are its own");
            Err(Usage(format!("there is no switch \"{switch}\": {why}")))
        }
        None if real(tier) => Ok(()),
        None => switches(name, on),
    }
}

/// Complains about a design that there is not, or a switch that it has not.
pub fn switches(name: &str, switches: &[String]) -> Result<(), Usage> {
    let design = design(name)?;
    let known = |switch: &&String| design.switches.iter().any(|known| known.name == **switch);
    match switches.iter().find(|switch| !known(switch)) {
        None => Ok(()),
        Some(switch) => {
            let known = rows(design.switches, |switch| (switch.name, switch.about));
            Err(unknown(&format!("{} switch", design.name), switch, &known))
        }
    }
}

/// The cluster of a plan. `dir` is where real nodes keep their files.
pub fn cluster(plan: &Plan, dir: &Path) -> Result<Box<dyn Cluster>, Trouble> {
    match plan.tier {
        Tier::Sim => Ok(store::with(&plan.design, Simulate(plan)).expect("a plan names a known design")),
        Tier::Local if !real(bears(&plan.design, plan.tier, &plan.given)) => {
            let executable = std::env::current_exe()
                .map_err(|error| Trouble::new("finding this program's own file", error, "start it by its full path"))?;
            Ok(Box::new(databases::bundled::start(plan, &executable, dir)?))
        }
        Tier::Local | Tier::Netns | Tier::Ssh | Tier::Url => systems::start(plan, dir),
    }
}

struct Simulate<'a>(&'a Plan);

impl store::Visitor for Simulate<'_> {
    type Out = Box<dyn Cluster>;
    fn visit<D: Design>(self, design: &'static About) -> Box<dyn Cluster> {
        let plan = self.0;
        let (settings, switches) = (plan.settings.clone(), plan.switches.clone());
        let config = D::config(&Setup { design: design.name, nodes: plan.nodes, settings, switches });
        Box::new(Simulator::<D>::new(plan, config, design.style))
    }
}

/// Carries out a plan.
pub fn carry_out(plan: &Plan, dir: &Path, witness: &mut dyn Witness, stop: &AtomicBool) -> Result<Run, Trouble> {
    let mut cluster = cluster(plan, dir)?;
    if !plan.settings.online {
        return run(plan, &mut *cluster, witness, stop);
    }
    run(plan, &mut *cluster, &mut Watched { witness, online: Online::default() }, stop)
}

/// A run that ends at the first answer that cannot be explained.
struct Watched<'a> {
    witness: &'a mut dyn Witness,
    online: Online,
}

impl Witness for Watched<'_> {
    fn saw(&mut self, index: usize, event: &Event) {
        self.witness.saw(index, event);
        self.online.saw(index, event);
    }
    fn enough(&self) -> bool {
        self.witness.enough() || self.online.violated().is_some()
    }
}

/// What the checkers of a run's workload say of it.
pub fn judgement(run: &Run) -> Judgement {
    judge(run, checkers(&run.plan.workload), Budget::default())
}

/// Who judges a workload or claim.
pub fn checkers(name: &str) -> &'static [Checker] {
    workloads::find(name).map_or(&[], |workload| workload.checkers)
}

/// Carries out a plan of the simulator, without leaving a file.
pub fn simulate(plan: &Plan) -> Result<Run, Trouble> {
    carry_out(plan, Path::new("."), &mut (), &AtomicBool::new(false))
}

/// Simulates and judges in one go, without leaving a file.
pub fn try_out(plan: &Plan) -> Result<(Run, Judgement), Trouble> {
    let run = simulate(plan)?;
    let judgement = judgement(&run);
    Ok((run, judgement))
}
