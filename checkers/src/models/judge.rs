//! Judges recorded calls by a model: splits them into objects, decides each by itself (which linearizability allows), and
//! makes one verdict of all answers.
//!
//! Objects are judged in parallel, the largest first. Nothing depends on the number of threads: each object has the whole
//! budget, and the violation that is told is that of the first object by name.

use super::Spec;
use super::reading::{Call, Misfit, Told};
use super::story;
use super::values::Values;
use crate::engine::Tuning;
use crate::model::{Answer, Called, Limits, Model, Refutation, Unknown};
use crate::monitors::Ruling;
use crate::{engine, plain, words};
use harness::Verdict;
use harness::records::{Datum, Record};
use rayon::prelude::*;

/// How calls are judged.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What every object holds at first; the model says what if it is not given.
    pub initial: Option<Datum>,
    /// True if values are `[key, value]`, and each key is an object by itself.
    pub independent: bool,
    /// What may be spent on each object.
    pub limits: Limits,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The answer for all objects together.
    pub verdict: Verdict,
    /// How many calls were judged: without those that certainly did not happen, and those that say nothing.
    pub operations: usize,
    /// How many objects there were.
    pub parts: usize,
    /// Steps spent on all of them.
    pub steps: u64,
    /// An order that explains every answer, as events of invocations, if there is one. It was replayed.
    pub order: Option<Vec<usize>>,
    /// If violated: whether a plain search without any shortcut came to the same end.
    pub confirmed: Option<bool>,
    /// If violated: the first and the last event of the window in which calls contradict each other.
    pub window: Option<(usize, usize)>,
    /// Figures worth reading, one sentence each.
    pub notes: Vec<String>,
}

/// Judges recorded calls by a model.
///
/// # Errors
/// For the first call in the file that the model does not know; for an initial value that it cannot hold.
pub fn judge(spec: &Spec, records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    (spec.judge)(records, options)
}

/// A model that files are judged by.
pub trait Object: Model<State: Send, Op: Send + Sync, Reply: Send + Sync> + Sized + Send + Sync {
    /// Decides the calls on one object: by a special monitor where there is one, else by the engine.
    fn decide(&self, calls: &[Called<Self::Op, Self::Reply>], limits: &mut Limits) -> Answer<Self::State> {
        engine::search(self, calls, limits, &Tuning::default())
    }
    /// Checks an order, in time linear in the calls; see [`plain::replay`].
    ///
    /// # Errors
    /// The index of the first call that does not fit.
    fn replay(&self, calls: &[Called<Self::Op, Self::Reply>], order: &[usize]) -> Result<(), usize> {
        plain::replay(self, calls, order)
    }
    /// True for a register that holds nothing at first: what is wrong with it may have a name.
    fn is_register(&self) -> bool {
        false
    }
    /// A state as people read it.
    fn show(&self, state: &Self::State) -> String;
    /// Every state that it can be in; none if nobody can list them.
    fn states(&self) -> Vec<Self::State> {
        Vec::new()
    }
}

/// One object, typed.
pub struct Part<M: Model> {
    /// What it does.
    pub model: M,
    /// The calls on it, in order of invocation.
    pub calls: Vec<Called<M::Op, M::Reply>>,
    /// The index of each call among the records.
    pub indexes: Vec<usize>,
}

/// Calls that belong to one object, not typed yet.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// What names the object, from the outside in: `key 3`, `element 5`.
    pub name: Vec<(&'static str, Datum)>,
    /// In order of invocation.
    pub calls: Vec<Call<'a>>,
}

/// Calls as a model sees them, and the index of each among the records.
pub type Typed<Op, Reply> = (Vec<Called<Op, Reply>>, Vec<usize>);

/// All calls on one object.
///
/// # Errors
/// None: it stands where others split.
pub fn whole(calls: Vec<Call>) -> Result<Vec<Group>, Misfit> {
    Ok(vec![Group { name: Vec::new(), calls }])
}

/// The calls for each key, by key. `noun` says what keys are.
///
/// # Errors
/// What `key` complains of.
pub fn split<'a, 'k>(
    calls: Vec<Call<'a>>,
    noun: &'static str,
    mut key: impl FnMut(&Call<'a>) -> Result<&'k Datum, Misfit>,
) -> Result<Vec<Group<'a>>, Misfit> {
    let mut keys = Values::default();
    let mut groups: Vec<Group> = Vec::new();
    for call in calls {
        let key = key(&call)?;
        let number = keys.number(key) as usize;
        if number == groups.len() {
            groups.push(Group { name: vec![(noun, key.clone())], calls: Vec::new() });
        }
        groups[number].calls.push(call);
    }
    groups.sort_by(|one, other| one.name.partial_cmp(&other.name).expect("values have an order"));
    Ok(groups)
}

/// Gives each call its type; `read` gives none for a call that says nothing. The reply of a call without answer is dropped.
///
/// # Errors
/// What `read` complains of.
pub fn typed<Op, Reply>(
    calls: &[Call],
    mut read: impl FnMut(&Call) -> Result<Option<(Op, Reply)>, Misfit>,
) -> Result<Typed<Op, Reply>, Misfit> {
    let (mut typed, mut indexes) = (Vec::with_capacity(calls.len()), Vec::with_capacity(calls.len()));
    for call in calls {
        if let Some((op, reply)) = read(call)? {
            let answer = call.returned().map(|returned| (returned, reply));
            typed.push(Called { op, invoked: call.record.invoked, answer });
            indexes.push(call.index);
        }
    }
    Ok((typed, indexes))
}

/// A monitor's ruling as an answer. It knows no states, and so cannot say what would have been possible instead.
pub fn ruled<Op, Reply, State>(calls: &[Called<Op, Reply>], ruling: Ruling) -> Answer<State> {
    match ruling {
        Ruling::Linearizable(order) => Answer::Linearizable(order),
        Ruling::Impossible { calls: few, wrong } => {
            let returns = few.iter().filter(|call| calls[**call].answer.is_some()).map(|call| calls[*call].returned());
            let until = returns.max().expect("calls without answers contradict nothing");
            Answer::Impossible(Refutation { from: None, until, calls: few, wrong, survivors: vec![], confirmed: false })
        }
    }
}

/// Splits calls into objects, types those of each with `read`, and judges them all.
///
/// # Errors
/// What `split` and `read` complain of, the first in the file.
pub fn judge_objects<'a, M: Object>(
    records: &'a [Record],
    options: &Options,
    split: impl Fn(Vec<Call<'a>>) -> Result<Vec<Group<'a>>, Misfit>,
    read: impl Fn(&[Call], Option<&Datum>) -> Result<Part<M>, Misfit> + Sync,
) -> Result<Judged, Misfit> {
    let calls = Call::all(records);
    let groups = match options.independent {
        true => each_independent(calls, split)?,
        false => split(calls)?,
    };
    let judge = |group: &Group| {
        let part = read(&group.calls, options.initial.as_ref())?;
        Ok(found(&part, group, options))
    };
    let mut parts = Vec::with_capacity(groups.len());
    let mut misfits = Vec::new();
    for result in largest_first(&groups, judge) {
        result.map_or_else(|misfit| misfits.push(misfit), |found| parts.push(found));
    }
    match misfits.into_iter().min_by_key(|misfit: &Misfit| (misfit.line, misfit.column)) {
        Some(misfit) => Err(misfit),
        None => Ok(together(records, &groups, parts, options.limits)),
    }
}

/// Splits by key, takes the key off every value, and splits each key's calls as the model does.
fn each_independent<'a>(
    calls: Vec<Call<'a>>,
    split_inner: impl Fn(Vec<Call<'a>>) -> Result<Vec<Group<'a>>, Misfit>,
) -> Result<Vec<Group<'a>>, Misfit> {
    const SHAPE: &str = "[key, value], as --independent says";
    let mut groups = Vec::new();
    for outer in split(calls, "key", |call| Ok(call.pair(call.asked, SHAPE)?.0))? {
        let inner = |call: Call<'a>| {
            let told = match call.told {
                Told::Ok(answer) => Told::Ok(call.pair(answer, SHAPE)?.1),
                other => other,
            };
            Ok(Call { asked: call.pair(call.asked, SHAPE)?.1, told, ..call })
        };
        let calls = outer.calls.into_iter().map(inner).collect::<Result<Vec<Call>, Misfit>>()?;
        let name = outer.name;
        let named = |group: Group<'a>| Group { name: [name.clone(), group.name].concat(), ..group };
        groups.extend(split_inner(calls)?.into_iter().map(named));
    }
    Ok(groups)
}

/// The result for each group, in the order of the groups. One by itself needs no other thread.
fn largest_first<'a, T: Send>(groups: &[Group<'a>], judge: impl Fn(&Group<'a>) -> T + Sync) -> Vec<T> {
    if let [group] = groups {
        return vec![judge(group)];
    }
    let mut by_size: Vec<usize> = (0..groups.len()).collect();
    by_size.sort_by_key(|index| std::cmp::Reverse(groups[*index].calls.len()));
    let judged = by_size.par_iter().with_max_len(1).map(|index| (*index, judge(&groups[*index])));
    let mut judged: Vec<(usize, T)> = judged.collect();
    judged.sort_unstable_by_key(|(index, _)| *index);
    judged.into_iter().map(|(_, result)| result).collect()
}

/// What became of one object.
struct Found {
    operations: usize,
    steps: u64,
    outcome: Outcome,
}

enum Outcome {
    /// Places of invocations in the order that explains everything.
    Held(Vec<usize>),
    Broken(Box<story::Broken>),
    Undecided(Unknown),
}

fn found<M: Object>(part: &Part<M>, group: &Group, options: &Options) -> Found {
    let mut left = options.limits;
    let answer = part.model.decide(&part.calls, &mut left);
    let outcome = match answer {
        Answer::Linearizable(order) => {
            // The one assertion that every "held" rests on.
            assert_eq!(part.model.replay(&part.calls, &order), Ok(()), "the order explains every answer");
            Outcome::Held(order.into_iter().map(|index| part.calls[index].invoked).collect())
        }
        Answer::Impossible(refutation) => {
            let confirmed = refutation.confirmed || {
                let call = |index: usize| part.calls[index].clone();
                plain::confirm(&part.model, call, &refutation, &part.model.states())
            };
            Outcome::Broken(Box::new(broken(part, group, refutation, confirmed, options.independent)))
        }
        Answer::Unknown(unknown) => Outcome::Undecided(unknown),
    };
    Found { operations: part.calls.len(), steps: options.limits.steps - left.steps, outcome }
}

fn broken<M: Object>(
    part: &Part<M>,
    group: &Group,
    refutation: Refutation<M::State>,
    confirmed: bool,
    keyed: bool,
) -> story::Broken {
    let records = |calls: &[usize]| calls.iter().map(|call| part.indexes[*call]).collect::<Vec<usize>>();
    let survivor = |survivor: &crate::model::Survivor<M::State>| {
        let holds = part.model.show(&survivor.state);
        story::Survivor { holds, taken: records(&survivor.taken) }
    };
    story::Broken {
        name: group.name.clone(),
        keyed,
        register: part.model.is_register(),
        from: refutation.from,
        until: refutation.until,
        calls: records(&refutation.calls),
        wrong: part.indexes[refutation.wrong],
        survivors: refutation.survivors.iter().map(survivor).collect(),
        confirmed,
    }
}

fn together(records: &[Record], groups: &[Group], parts: Vec<Found>, limits: Limits) -> Judged {
    let operations = parts.iter().map(|found| found.operations).sum();
    let steps = parts.iter().map(|found| found.steps).sum();
    let mut judged = Judged {
        verdict: Verdict::Held,
        operations,
        parts: parts.len(),
        steps,
        order: None,
        confirmed: None,
        window: None,
        notes: notes(groups, &parts, operations, steps),
    };
    let first_broken = parts.iter().find_map(|found| match &found.outcome {
        Outcome::Broken(broken) => Some(broken),
        _ => None,
    });
    if let Some(broken) = first_broken {
        judged.verdict = Verdict::Violated(Box::new(story::tell(records, broken)));
        judged.confirmed = Some(broken.confirmed);
        judged.window = Some(broken.window(records));
        return judged;
    }
    if operations == 0 {
        judged.verdict = Verdict::Vacuous("no call was made that could tell anything".to_string());
        return judged;
    }
    for (found, group) in parts.iter().zip(groups) {
        if let Outcome::Undecided(unknown) = &found.outcome {
            let name = story::name(&group.name);
            judged.verdict = Verdict::Unknown(story::undecided(records, &name, found.operations, unknown, limits));
            return judged;
        }
    }
    judged.order = Some(merged(parts));
    judged
}

fn notes(groups: &[Group], parts: &[Found], operations: usize, steps: u64) -> Vec<String> {
    let objects = match parts.len() {
        1 => String::new(),
        several => format!(" on {}", words::count(several, "object")),
    };
    let operations = words::count(operations, "operation");
    let mut notes = vec![format!("{operations}{objects} judged in {}", words::count(steps as usize, "step"))];
    let broken = |(found, group): (&Found, &Group)| {
        matches!(found.outcome, Outcome::Broken(_)).then(|| story::name(&group.name))
    };
    let broken: Vec<String> = parts.iter().zip(groups).filter_map(broken).collect();
    if parts.len() > 1 && !broken.is_empty() {
        const NAMED: usize = 10;
        let more = if broken.len() > NAMED { ", …" } else { "" };
        let named = broken[..broken.len().min(NAMED)].join(", ");
        notes.push(format!("{} of {} are violated: {named}{more}", broken.len(), parts.len()));
    }
    notes
}

/// One order of the orders of all objects: each call stands where the latest invocation up to it in its own order does.
/// Calls of one object keep their order, and every call stands between its invocation and its return.
fn merged(parts: Vec<Found>) -> Vec<usize> {
    let mut placed: Vec<(usize, usize)> = Vec::new();
    for found in parts {
        let Outcome::Held(order) = found.outcome else { unreachable!("only where all objects held") };
        let mut now = 0;
        placed.extend(order.into_iter().map(|invoked| {
            now = now.max(invoked);
            (now, invoked)
        }));
    }
    placed.sort_by_key(|(now, _)| *now);
    placed.into_iter().map(|(_, invoked)| invoked).collect()
}
