//! Fast decisions for objects whose values are unique: read/write registers, queues, stacks and priority queues.
//!
//! Where no value is written or put twice, an answer names the one call it came from, and a question that is NP-complete in
//! general (Gibbons and Korach 1997) takes a sort. Each monitor checks its premises itself and says `None` where one fails;
//! otherwise its ruling is exact, and carries an order that a few lines can replay, or a few calls that contradict each other.
//!
//! All of them work with moments instead of orders. A call takes effect at one moment between its invocation and its return; an
//! order by moments respects real time by itself. For the three collections the one fact that matters most is when a value
//! *must* be inside: strictly between the return of its put and the invocation of its take.
//!
//! ```text
//! put 7   |--------|
//! take 7                       |------|
//! inside           (xxxxxxxxxxx)          nobody can find the collection empty here
//! ```

pub mod priority_queue;
pub mod queue;
pub mod stack;
pub mod zones;

use rustc_hash::FxHashMap;

/// What a monitor found out. Calls are given as indexes into what it was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// This order explains every answer. It has every answered call once, and a call of unknown outcome only where it must
    /// have taken effect.
    Linearizable(Vec<usize>),
    /// No order does.
    Impossible {
        /// Calls that contradict each other even if there were no others, ascending.
        calls: Vec<usize>,
        /// The one among them whose answer is the wrong one.
        wrong: usize,
    },
}

/// One call on a queue, a stack or a priority queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handling {
    /// Where the question stands in the one order of all questions and answers.
    pub invoked: usize,
    /// Where the answer stands in that order; `usize::MAX` if nobody knows what became of it.
    pub returned: usize,
    /// What it did, or tried to do.
    pub deed: Deed,
}

/// What a call did to a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It put this value in: enqueue, push, insert.
    Put(i64),
    /// It took this value out: dequeue, pop, delete-min.
    Took(i64),
    /// It wanted to take something and was told that nothing is there.
    FoundEmpty,
    /// It wanted to take something and nobody knows what became of it. Its `returned` is not looked at.
    Asked,
}

/// No call: the put or the take that is missing.
const NOBODY: u32 = u32::MAX;

/// A value's stay in the collection. Moments are small numbers, at most the scene's `end`. The intervals are as tight as the
/// value alone makes them: its put took effect before its take returned, its take after its put was invoked.
#[derive(Clone, Copy, Debug)]
struct Stay {
    value: i64,
    put: u32,
    /// [`NOBODY`] if it was never taken; then it is taken at the very end.
    took: u32,
    put_from: u32,
    put_until: u32,
    took_from: u32,
    took_until: u32,
}

impl Stay {
    /// True if there is a time at which it must be inside; otherwise put and take may be one moment.
    fn has_gap(&self) -> bool {
        self.put_until < self.took_from
    }
    /// Its calls.
    fn calls(&self) -> impl Iterator<Item = usize> {
        [self.put, self.took].into_iter().filter(|call| *call != NOBODY).map(|call| call as usize)
    }
}

/// A call that found the collection empty.
#[derive(Clone, Copy, Debug)]
struct Void {
    call: usize,
    from: u32,
    until: u32,
}

/// What happened to one collection, value by value.
struct Scene {
    stays: Vec<Stay>,
    voids: Vec<Void>,
    /// Later than every call.
    end: u32,
    /// True if somebody asked for a value and nobody knows whether one was taken.
    asked: bool,
}

/// Gathers the scene and rules on it with `solve`, which knows nothing of takes of unknown outcome.
///
/// Such a take may have done nothing: an order without it is an order. It may have taken a value that is seen nowhere else: a
/// contradiction among the values that were seen taken stands all the same. Between the two nothing is decided.
fn rule(calls: &[Handling], solve: fn(Scene) -> Ruling) -> Option<Ruling> {
    let scene = match gather(calls)? {
        Ok(scene) => scene,
        Err(ruling) => return Some(ruling),
    };
    let asked = scene.asked;
    let ruling = solve(scene);
    if !asked || matches!(ruling, Ruling::Linearizable(_)) {
        return Some(ruling);
    }
    let mut seen_taken = gather(calls)?.ok()?;
    seen_taken.stays.retain(|stay| stay.took != NOBODY);
    Some(solve(seen_taken)).filter(|ruling| matches!(ruling, Ruling::Impossible { .. }))
}

/// The premises: every call returns after it was invoked, no value is put twice. `Err` is a contradiction within one value.
fn gather(calls: &[Handling]) -> Option<Result<Scene, Ruling>> {
    let (spans, end) = small_moments(calls.iter().map(|call| (call.invoked, call.returned)))?;
    let mut numbers = Numbers::new(calls.iter().filter_map(|call| match call.deed {
        Deed::Put(value) => Some(value),
        _ => None,
    }));
    let mut scene = Scene { stays: Vec::new(), voids: Vec::new(), end, asked: false };
    for (put, (call, (from, until))) in (0u32..).zip(calls.iter().zip(&spans)) {
        let Deed::Put(value) = call.deed else { continue };
        if !numbers.give(value, scene.stays.len() as u32) {
            return None;
        }
        let (put_from, put_until) = (*from, *until);
        scene.stays.push(Stay { value, put, took: NOBODY, put_from, put_until, took_from: end, took_until: end });
    }
    for (index, (call, (from, until))) in calls.iter().zip(&spans).enumerate() {
        match call.deed {
            Deed::Put(_) => {}
            Deed::Asked => scene.asked = true,
            Deed::Took(_) | Deed::FoundEmpty if call.returned == usize::MAX => return None,
            Deed::FoundEmpty => scene.voids.push(Void { call: index, from: *from, until: *until }),
            Deed::Took(value) => {
                let Some(stay) = numbers.of(value).map(|stay| &mut scene.stays[stay as usize]) else {
                    return Some(Err(impossible(vec![index], index)));
                };
                if stay.took != NOBODY || *until < stay.put_from {
                    return Some(Err(impossible(stay.calls().chain([index]).collect(), index)));
                }
                (stay.took, stay.took_from, stay.took_until) = (index as u32, stay.put_from.max(*from), *until);
                stay.put_until = stay.put_until.min(*until);
            }
        }
    }
    // A put of unknown outcome whose value nobody saw: without it every order is still an order.
    scene.stays.retain(|stay| stay.took != NOBODY || calls[stay.put as usize].returned != usize::MAX);
    Some(Ok(scene))
}

/// A ruling against these calls.
fn impossible(mut calls: Vec<usize>, wrong: usize) -> Ruling {
    calls.sort_unstable();
    Ruling::Impossible { calls, wrong }
}

/// The same moments in small numbers, in the same order, and one that is later than all; it stands for `usize::MAX` too.
/// `None` if a call returns before it was invoked, or if there are too many.
fn small_moments(calls: impl Iterator<Item = (usize, usize)> + Clone) -> Option<(Vec<(u32, u32)>, u32)> {
    let (mut count, mut low, mut high) = (0, usize::MAX, 0);
    for (invoked, returned) in calls.clone() {
        if invoked > returned || invoked == usize::MAX {
            return None;
        }
        count += 1;
        low = low.min(invoked);
        high = high.max(if returned == usize::MAX { invoked } else { returned });
    }
    if count > u32::MAX as usize / 16 {
        return None;
    }
    if count == 0 || high - low < 8 * count + 64 {
        let end = high.saturating_sub(low) as u32 + 1;
        let small = |moment: usize| if moment == usize::MAX { end } else { (moment - low) as u32 };
        return Some((calls.map(|(invoked, returned)| (small(invoked), small(returned))).collect(), end));
    }
    // Far apart, as where an object is one of many: only the order counts.
    let mut moments: Vec<(usize, u32)> = Vec::with_capacity(2 * count);
    for (call, (invoked, returned)) in (0u32..).zip(calls) {
        moments.extend([(invoked, 2 * call), (returned, 2 * call + 1)]);
    }
    moments.sort_unstable();
    let mut spans = vec![(0, 0); count];
    let (mut small, mut last) = (0, moments[0].0);
    for (moment, slot) in moments {
        if moment != last {
            (small, last) = (small + 1, moment);
        }
        let span = &mut spans[slot as usize / 2];
        *(if slot % 2 == 0 { &mut span.0 } else { &mut span.1 }) = small;
    }
    Some((spans, if last == usize::MAX { small } else { small + 1 }))
}

/// Small numbers for values: a table where the values lie close together, a hash map where they do not.
enum Numbers {
    Close { low: i64, table: Vec<u32> },
    Far(FxHashMap<i64, u32>),
}

impl Numbers {
    /// Room for these values.
    fn new(values: impl Iterator<Item = i64>) -> Numbers {
        let (mut count, mut low, mut high) = (0, i64::MAX, i64::MIN);
        for value in values {
            (count, low, high) = (count + 1, low.min(value), high.max(value));
        }
        if count == 0 || high.abs_diff(low) < 8 * count + 64 {
            let length = if count == 0 { 0 } else { high.abs_diff(low) as usize + 1 };
            return Numbers::Close { low, table: vec![u32::MAX; length] };
        }
        Numbers::Far(FxHashMap::with_capacity_and_hasher(count as usize, Default::default()))
    }
    /// Gives a number to one of the values; false if it has one.
    fn give(&mut self, value: i64, number: u32) -> bool {
        match self {
            Numbers::Close { low, table } => {
                std::mem::replace(&mut table[value.abs_diff(*low) as usize], number) == u32::MAX
            }
            Numbers::Far(map) => map.insert(value, number).is_none(),
        }
    }
    /// The value's number.
    fn of(&self, value: i64) -> Option<u32> {
        match self {
            Numbers::Close { low, .. } if value < *low => None,
            Numbers::Close { low, table } => {
                table.get(value.abs_diff(*low) as usize).copied().filter(|number| *number != u32::MAX)
            }
            Numbers::Far(map) => map.get(&value).copied(),
        }
    }
}

/// The indexes of `keys` by ascending key, equal keys as they came. No key is above `end`, which is about as large as there
/// are keys: one pass to count, one to place.
fn in_order(keys: impl Iterator<Item = u32> + Clone, end: u32) -> Vec<u32> {
    let mut starts = vec![0u32; end as usize + 2];
    for key in keys.clone() {
        starts[key as usize + 1] += 1;
    }
    for key in 0..=end as usize {
        starts[key + 1] += starts[key];
    }
    let mut order = vec![0; starts[end as usize + 1] as usize];
    for (index, key) in (0u32..).zip(keys) {
        let place = &mut starts[key as usize];
        order[*place as usize] = index;
        *place += 1;
    }
    order
}

/// The calls by moment, equal moments as they came.
fn by_moment(moments: &[(u32, u32)], end: u32) -> Vec<usize> {
    in_order(moments.iter().map(|(moment, _)| *moment), end)
        .into_iter()
        .map(|index| moments[index as usize].1 as usize)
        .collect()
}

/// A moment for every call that found nothing: the first at which no value must be inside. A stack and a queue can always be
/// arranged so that they are empty then, since each value can be kept out of the way on the side where its gap is.
fn empty_moments(scene: &Scene) -> Result<Vec<u32>, Ruling> {
    if scene.voids.is_empty() {
        return Ok(Vec::new());
    }
    let inside = gaps_over(&scene.stays, scene.end);
    let mut free = vec![scene.end; inside.len()];
    for moment in (0..scene.end as usize).rev() {
        free[moment] = if inside[moment] == 0 { moment as u32 } else { free[moment + 1] };
    }
    let mut moments = Vec::with_capacity(scene.voids.len());
    for void in &scene.voids {
        let moment = free[void.from as usize];
        if moment > void.until {
            let chain = chain(&scene.stays, scene.end, void.from, void.until);
            return Err(impossible(chain.into_iter().chain([void.call]).collect(), void.call));
        }
        moments.push(moment);
    }
    Ok(moments)
}

/// How many values must be inside at each moment, `end` included.
fn gaps_over(stays: &[Stay], end: u32) -> Vec<u32> {
    let mut inside = vec![0u32; end as usize + 1];
    for stay in stays.iter().filter(|stay| stay.has_gap()) {
        inside[stay.put_until as usize + 1] = inside[stay.put_until as usize + 1].wrapping_add(1);
        inside[stay.took_from as usize] = inside[stay.took_from as usize].wrapping_sub(1);
    }
    let mut now = 0u32;
    for count in &mut inside {
        now = now.wrapping_add(*count);
        *count = now;
    }
    inside
}

/// The calls of as few stays as possible whose gaps together leave no moment from `from` to `until`. There must be such.
fn chain<'a>(stays: impl IntoIterator<Item = &'a Stay>, end: u32, from: u32, until: u32) -> Vec<usize> {
    // For each moment, the stay that keeps it and as many later ones as possible.
    let mut best: Vec<Option<&Stay>> = vec![None; end as usize + 2];
    let longer =
        |a: Option<&'a Stay>, b: Option<&'a Stay>| if a.map(|s| s.took_from) < b.map(|s| s.took_from) { b } else { a };
    for stay in stays.into_iter().filter(|stay| stay.has_gap()) {
        let first = &mut best[stay.put_until as usize + 1];
        *first = longer(*first, Some(stay));
    }
    for moment in 1..best.len() {
        best[moment] = longer(best[moment], best[moment - 1]);
    }
    let (mut calls, mut moment) = (Vec::new(), from);
    while moment <= until {
        let stay = best[moment as usize].filter(|stay| stay.took_from > moment).expect("the gaps leave no moment");
        calls.extend(stay.calls());
        moment = stay.took_from;
    }
    calls
}

#[cfg(test)]
mod tests;
