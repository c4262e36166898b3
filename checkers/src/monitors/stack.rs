//! Stacks: last in, first out, each value put once.
//!
//! A value whose put and take overlap may come and go in one moment and hinders nobody: it is left out. Of the others, some value
//! lies at the bottom: at a moment of its put, and again at a moment of its take, no other value must be inside. Whichever value
//! has two such moments can lie at the bottom, because every other one must be inside before, between or after the two, and can
//! be kept there. So values are taken away from the bottom, in any order; the history is linearizable if and only if
//! none is left in the end (Lee and Mathur, OOPSLA 2025). What is left contradicts itself; here each lies across the other:
//!
//! ```text
//! put 1  |---|
//! put 2         |---|
//! take 1               |---|
//! take 2                       |---|
//! ```
//!
//! Taking away a value frees moments, and each moment is freed once. One tree counts the gaps over every moment and finds those
//! that become free, another finds the puts and takes that had waited for them: n log n.

use super::{Handling, NOBODY, Ruling, Scene, Stay, by_moment, empty_moments, gaps_over, impossible, in_order, rule};

/// Decides whether calls on a stack that is empty at first are linearizable, in n log n (an answer of `Impossible` looks
/// further for a small set of calls, within a bound). `None` if a value is put twice, or where a take of unknown outcome could
/// tip the scales.
///
/// Method: Lee and Mathur, "Efficient decrease-and-conquer linearizability monitoring", OOPSLA 2025.
pub fn stack(calls: &[Handling]) -> Option<Ruling> {
    rule(calls, solve)
}

fn solve(scene: Scene) -> Ruling {
    let voids = match empty_moments(&scene) {
        Ok(moments) => moments,
        Err(ruling) => return ruling,
    };
    let (long, brief): (Vec<Stay>, Vec<Stay>) = scene.stays.iter().partition(|stay| stay.has_gap());
    let (close, points) = squeeze(&long, scene.end);
    let layers = match peel(&close, points.len() as u32) {
        Ok(layers) => layers,
        Err(left) => return refuse(left.iter().map(|stay| long[*stay as usize]).collect(), scene.end),
    };
    // Within a moment: takes from the top down, then what comes and goes and what finds nothing, then puts from the bottom up.
    let mut calls = Vec::with_capacity(2 * scene.stays.len() + voids.len());
    let takes = layers.iter().rev().map(|layer| (points[layer.taken as usize], long[layer.stay as usize].took));
    calls.extend(takes.filter(|(_, call)| *call != NOBODY));
    calls.extend(brief.iter().flat_map(|stay| [(stay.took_from, stay.put), (stay.took_from, stay.took)]));
    calls.extend(scene.voids.iter().zip(voids).map(|(void, moment)| (moment, void.call as u32)));
    calls.extend(layers.iter().map(|layer| (points[layer.put as usize], long[layer.stay as usize].put)));
    Ruling::Linearizable(by_moment(&calls, scene.end))
}

/// The same stays where only the moments at which gaps begin and end exist; and those moments. Of the free moments of a call, the
/// nearest to its gap is one of them: it is where that gap or another one begins or ends.
fn squeeze(stays: &[Stay], end: u32) -> (Vec<Stay>, Vec<u32>) {
    let mut below = vec![0u32; end as usize + 2];
    let ends = stays.iter().flat_map(|stay| [stay.put_until, stay.took_from]);
    ends.for_each(|moment| below[moment as usize + 1] = 1);
    let mut points = Vec::with_capacity(2 * stays.len());
    for moment in 0..=end as usize {
        points.extend((below[moment + 1] == 1).then_some(moment as u32));
        below[moment + 1] = points.len() as u32;
    }
    let (from, until) = (|moment: u32| below[moment as usize], |moment: u32| below[moment as usize + 1] - 1);
    let close = stays.iter().map(|stay| Stay {
        put_from: from(stay.put_from),
        put_until: until(stay.put_until),
        took_from: from(stay.took_from),
        took_until: until(stay.took_until),
        ..*stay
    });
    (close.collect(), points)
}

/// A value at the bottom of all that were taken away after it, and its moments.
struct Layer {
    stay: u32,
    put: u32,
    taken: u32,
}

/// Takes values away from the bottom. All of them have gaps. `Err` has those of which none can lie at the bottom.
///
/// The moments are the free ones nearest to the gap, so they lie within whatever was peeled before.
fn peel(stays: &[Stay], end: u32) -> Result<Vec<Layer>, Vec<u32>> {
    let mut gaps = Gaps::new(&gaps_over(stays, end)[..end as usize]);
    let mut waiting = Waiting::new(stays, end);
    let mut lacks = vec![2u8; stays.len()];
    let (mut ready, mut layers) = (Vec::new(), Vec::with_capacity(stays.len()));
    let (mut freed, mut woken) = (Vec::new(), Vec::new());
    gaps.free(gaps.root(), 0, end, &mut freed);
    loop {
        // What lies side by side is waited for together.
        freed
            .chunk_by(|one, next| one + 1 == *next)
            .for_each(|run| waiting.wake(run[0], run[run.len() - 1], &mut woken));
        freed.clear();
        for stay in woken.drain(..) {
            lacks[stay as usize] -= 1;
            ready.extend((lacks[stay as usize] == 0).then_some(stay));
        }
        let Some(stay) = ready.pop() else { break };
        let Stay { put_until, took_from, .. } = stays[stay as usize];
        let put = gaps.nearest(gaps.root(), true, put_until).expect("its put has a free moment");
        let taken = gaps.nearest(gaps.root(), false, took_from).expect("its take has a free moment");
        layers.push(Layer { stay, put, taken });
        // No moment under its gap was free, so those that are free now are new.
        if put_until + 1 < took_from {
            gaps.lift(put_until + 1, took_from);
            gaps.free(gaps.root(), put_until + 1, took_from, &mut freed);
        }
    }
    if layers.len() == stays.len() {
        return Ok(layers);
    }
    let mut left = vec![true; stays.len()];
    layers.iter().for_each(|layer| left[layer.stay as usize] = false);
    Err((0..stays.len() as u32).filter(|stay| left[*stay as usize]).collect())
}

/// Rules against stays that are stuck, or fewer of them: whole values are dropped as long as the rest gets stuck as well, first
/// many at a time, then one by one. There is no bound on how many values it may take to contradict each other.
fn refuse(mut core: Vec<Stay>, mut end: u32) -> Ruling {
    let (mut chunk, mut start, mut shrunk) = (core.len().div_ceil(2), 0, false);
    // Bounded, since a history whose core is long would take quadratic time otherwise. A core that is not the smallest is one too.
    let mut work = 20 * core.len() + 100_000;
    loop {
        if start >= core.len() {
            if chunk == 1 && !shrunk {
                break;
            }
            (chunk, start, shrunk) = (chunk.div_ceil(2), 0, false);
        }
        let kept = core.iter().enumerate().filter(|(index, _)| !(start..start + chunk).contains(index));
        let (rest, points) = squeeze(&kept.map(|(_, stay)| *stay).collect::<Vec<_>>(), end);
        let Some(left) = work.checked_sub(core.len()) else { break };
        work = left;
        match peel(&rest, points.len() as u32) {
            Ok(_) => start += chunk,
            Err(left) => {
                core = left.into_iter().map(|stay| rest[stay as usize]).collect();
                (end, shrunk) = (points.len() as u32, true);
            }
        }
    }
    let wrong = core.iter().filter(|stay| stay.took != NOBODY).max_by_key(|stay| stay.took_until);
    let wrong = wrong.expect("values that are never taken lie in the order of their puts").took;
    impossible(core.iter().flat_map(Stay::calls).collect(), wrong as usize)
}

/// How many gaps lie over each moment, as a tree: the count is the sum on the way from the root to the leaf. Of two children
/// at least one is zero, the rest being carried by the parent, so whoever follows zeros arrives at a moment without a gap.
struct Gaps {
    width: usize,
    nodes: Vec<i32>,
}

impl Gaps {
    fn new(counts: &[u32]) -> Gaps {
        let width = counts.len().next_power_of_two();
        // What is beyond the last moment is never free.
        let mut nodes = vec![i32::MAX / 2; 2 * width];
        nodes[1..width].fill(0);
        nodes[width..].iter_mut().zip(counts).for_each(|(node, count)| *node = *count as i32);
        let mut gaps = Gaps { width, nodes };
        (1..width).rev().for_each(|node| gaps.balance(node));
        gaps
    }

    /// Lets a node carry what both children have.
    fn balance(&mut self, node: usize) {
        let both = self.nodes[2 * node].min(self.nodes[2 * node + 1]);
        self.nodes[2 * node] -= both;
        self.nodes[2 * node + 1] -= both;
        self.nodes[node] += both;
    }

    /// Takes away a gap over `from..until`, which is not empty.
    fn lift(&mut self, from: u32, until: u32) {
        let (first, last) = (from as usize + self.width, until as usize - 1 + self.width);
        let (mut left, mut right) = (first, last + 1);
        while left < right {
            if left % 2 == 1 {
                self.nodes[left] -= 1;
                left += 1;
            }
            if right % 2 == 1 {
                right -= 1;
                self.nodes[right] -= 1;
            }
            (left, right) = (left / 2, right / 2);
        }
        let (mut left, mut right) = (first / 2, last / 2);
        while left > 0 {
            self.balance(left);
            if right != left {
                self.balance(right);
            }
            (left, right) = (left / 2, right / 2);
        }
    }

    /// The free moments in `from..until`, below this node, which begins at `low` and has `size` leaves.
    fn free(&self, (node, low, size): (usize, u32, u32), from: u32, until: u32, free: &mut Vec<u32>) {
        if self.nodes[node] != 0 || low >= until || low + size <= from {
            return;
        }
        if size == 1 {
            return free.push(low);
        }
        let half = size / 2;
        self.free((2 * node, low, half), from, until, free);
        self.free((2 * node + 1, low + half, half), from, until, free);
    }

    /// The last free moment up to `until`, or the first from `until` on, below this node.
    fn nearest(&self, (node, low, size): (usize, u32, u32), before: bool, until: u32) -> Option<u32> {
        if self.nodes[node] != 0 || if before { low > until } else { low + size <= until } {
            return None;
        }
        if size == 1 {
            return Some(low);
        }
        let half = size / 2;
        let (near, far) = ((2 * node, low, half), (2 * node + 1, low + half, half));
        let (near, far) = if before { (far, near) } else { (near, far) };
        self.nearest(near, before, until).or_else(|| self.nearest(far, before, until))
    }

    fn root(&self) -> (usize, u32, u32) {
        (1, 0, self.width as u32)
    }
}

/// The puts and takes that wait for a free moment: sorted by where they begin, and a tree of where they end (one more, so that
/// zero is nobody).
struct Waiting {
    stays: Vec<u32>,
    begins: Vec<u32>,
    width: usize,
    ends: Vec<u32>,
}

impl Waiting {
    fn new(stays: &[Stay], end: u32) -> Waiting {
        let spans = stays.iter().flat_map(|s| [(s.put_from, s.put_until), (s.took_from, s.took_until)]);
        let spans: Vec<(u32, u32)> = spans.collect();
        let order = in_order(spans.iter().map(|span| span.0), end);
        let width = order.len().next_power_of_two();
        let mut ends = vec![0; 2 * width];
        ends[width..].iter_mut().zip(&order).for_each(|(node, span)| *node = spans[*span as usize].1 + 1);
        for node in (1..width).rev() {
            ends[node] = ends[2 * node].max(ends[2 * node + 1]);
        }
        let begins = order.iter().map(|span| spans[*span as usize].0).collect();
        Waiting { stays: order.into_iter().map(|span| span / 2).collect(), begins, width, ends }
    }

    /// Every value one of whose waiting calls has a moment in `first..=last`; that call no longer waits.
    fn wake(&mut self, first: u32, last: u32, woken: &mut Vec<u32>) {
        let begun = self.begins.partition_point(|begin| *begin <= last);
        self.wake_below((1, 0, self.width), begun, first, woken);
    }

    fn wake_below(&mut self, (node, low, size): (usize, usize, usize), begun: usize, first: u32, woken: &mut Vec<u32>) {
        if low >= begun || self.ends[node] <= first {
            return;
        }
        if size == 1 {
            self.ends[node] = 0;
            return woken.push(self.stays[low]);
        }
        let half = size / 2;
        self.wake_below((2 * node, low, half), begun, first, woken);
        self.wake_below((2 * node + 1, low + half, half), begun, first, woken);
        self.ends[node] = self.ends[2 * node].max(self.ends[2 * node + 1]);
    }
}
