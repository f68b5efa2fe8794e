//! Which channel goes to which place: the assignment with the largest sum of gains.
//!
//! Places are alike if they have the same connections, so there are few kinds of them. Channels are
//! first given to kinds greedily. Then as long as moving some channels around in a circle of kinds
//! gains anything, they are moved; without such a circle, the assignment is the best there is (Klein,
//! "A primal method for minimal cost flows", Management Science 14, 1967).

use std::collections::BTreeMap;

use super::Slot;

/// For each place, its channel; `gain` is what a channel is worth at a place.
pub(super) fn assign(slots: &[Slot], gain: &dyn Fn(usize, &Slot) -> f64) -> Vec<usize> {
    let mut kinds: BTreeMap<&Slot, Vec<usize>> = BTreeMap::new();
    for (place, slot) in slots.iter().enumerate() {
        kinds.entry(slot).or_default().push(place);
    }
    let gains: Vec<Vec<f64>> = (0..slots.len())
        .map(|channel| kinds.keys().map(|slot| gain(channel, slot)).collect())
        .collect();
    let room: Vec<usize> = kinds.values().map(Vec::len).collect();
    let mut kind_of = greedy(&gains, &room);
    while let Some(moves) = improving_moves(&gains, &kind_of, room.len()) {
        for (channel, kind) in moves {
            kind_of[channel] = kind;
        }
    }
    let mut channels = vec![0; slots.len()];
    for (kind, places) in kinds.values().enumerate() {
        let members = (0..slots.len()).filter(|channel| kind_of[*channel] == kind);
        places.iter().zip(members).for_each(|(place, channel)| channels[*place] = channel);
    }
    channels
}

/// For each channel a kind; those that lose most by their second choice choose first.
fn greedy(gains: &[Vec<f64>], room: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..gains.len()).collect();
    let regret = |channel: usize| {
        let mut sorted = gains[channel].clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        sorted[0] - sorted.get(1).copied().unwrap_or(0.0)
    };
    order.sort_by(|a, b| regret(*b).total_cmp(&regret(*a)));
    let (mut room, mut kinds) = (room.to_vec(), vec![0; gains.len()]);
    for channel in order {
        let free = (0..room.len()).filter(|kind| room[*kind] > 0);
        let best = free.max_by(|a, b| gains[channel][*a].total_cmp(&gains[channel][*b]));
        kinds[channel] = best.expect("as much room as channels");
        room[kinds[channel]] -= 1;
    }
    kinds
}

/// Channels with their new kinds: a circle of moves that leaves each kind as full as it is, and
/// gains something.
fn improving_moves(
    gains: &[Vec<f64>],
    kind_of: &[usize],
    kinds: usize,
) -> Option<Vec<(usize, usize)>> {
    // From each kind to each other one, the best move of a single channel.
    let mut best = vec![vec![(f64::NEG_INFINITY, 0); kinds]; kinds];
    for (channel, from) in kind_of.iter().enumerate() {
        for to in (0..kinds).filter(|to| to != from) {
            let change = gains[channel][to] - gains[channel][*from];
            if change > best[*from][to].0 {
                best[*from][to] = (change, channel);
            }
        }
    }
    let largest = gains.iter().flatten().fold(0.0f64, |max, gain| max.max(gain.abs()));
    let circle = positive_circle(&best, 1e-12 * largest)?;
    let next = circle.iter().cycle().skip(1);
    Some(circle.iter().zip(next).map(|(from, to)| (best[*from][*to].1, *to)).collect())
}

/// A circle of kinds whose moves together gain more than rounding: Bellman and Ford's longest paths.
fn positive_circle(best: &[Vec<(f64, usize)>], rounding: f64) -> Option<Vec<usize>> {
    let kinds = best.len();
    let (mut length, mut before) = (vec![0.0; kinds], vec![None; kinds]);
    let mut changed = None;
    for _ in 0..=kinds {
        changed = None;
        for from in 0..kinds {
            for to in (0..kinds).filter(|to| *to != from) {
                if length[from] + best[from][to].0 > length[to] + rounding {
                    length[to] = length[from] + best[from][to].0;
                    before[to] = Some(from);
                    changed = Some(to);
                }
            }
        }
        changed?;
    }
    // A path that still grows has run through a circle; go back far enough to be on it.
    let mut on = changed?;
    for _ in 0..kinds {
        on = before[on]?;
    }
    let mut circle = vec![on];
    let mut kind = before[on]?;
    while kind != on {
        circle.push(kind);
        kind = before[kind]?;
    }
    circle.reverse();
    Some(circle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: usize) -> Slot {
        Slot { inputs: vec![number], outputs: vec![number] }
    }

    /// The best sum over all permutations.
    fn exhaustive(gains: &[Vec<f64>], kinds: &[usize], from: usize, used: &mut Vec<bool>) -> f64 {
        if from == kinds.len() {
            return 0.0;
        }
        let mut best = f64::NEG_INFINITY;
        for channel in 0..kinds.len() {
            if !used[channel] {
                used[channel] = true;
                let sum = gains[channel][kinds[from]] + exhaustive(gains, kinds, from + 1, used);
                best = best.max(sum);
                used[channel] = false;
            }
        }
        best
    }

    #[test]
    fn no_permutation_is_better() {
        let mut state = 3;
        let mut random =
            || (seesaw_arch::splitmix64::next(&mut state) >> 11) as f64 / (1u64 << 53) as f64;
        for kinds in [vec![0, 0, 1, 1, 1, 2, 2], vec![0, 1, 2, 3, 0, 1, 2], vec![0; 5], vec![0, 1]]
        {
            for _ in 0..30 {
                let gains: Vec<Vec<f64>> =
                    kinds.iter().map(|_| (0..4).map(|_| random()).collect()).collect();
                let slots: Vec<Slot> = kinds.iter().map(|kind| slot(*kind)).collect();
                let channels = assign(&slots, &|channel, slot| gains[channel][slot.inputs[0]]);
                let mut sorted = channels.clone();
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..kinds.len()), "a permutation: {channels:?}");
                let sum: f64 = channels.iter().zip(&kinds).map(|(c, kind)| gains[*c][*kind]).sum();
                let best = exhaustive(&gains, &kinds, 0, &mut vec![false; kinds.len()]);
                assert!((sum - best).abs() < 1e-9, "{sum} instead of {best}");
            }
        }
    }
}
