//! Bringing nets to a cost by their width.

use super::SpaceError;
use crate::Net;

/// The widths that are tried, and by what share one is above the last. Layers are rounded at
/// different widths, so that steps much finer than a layer's give nets of many costs.
const WIDTHS: std::ops::RangeInclusive<f64> = 0.1..=6.0;
const STEP: f64 = 1.004;
/// Of how many nets one stage is changed where no width comes near enough.
const NEIGHBORS: usize = 8;

/// The nets that widths make of one net, by their multiply-adds.
#[derive(Debug, Clone)]
pub struct Ladder(Vec<(u64, Net)>);

impl Ladder {
    /// All nets that differ from `net` in nothing but their width.
    ///
    /// # Errors
    /// When the net breaks a rule at every width.
    pub fn new(net: &Net) -> Result<Self, SpaceError> {
        let mut rungs: Vec<(u64, Net)> = Vec::new();
        let mut width = *WIDTHS.start();
        let mut broken = None;
        while width <= *WIDTHS.end() {
            match net.clone().with_width(width) {
                Ok(mut scaled) => {
                    scaled.name.clone_from(&net.name);
                    if rungs.last().is_none_or(|(_, last)| *last != scaled) {
                        rungs.push((scaled.cost(scaled.input_size)?.madds, scaled));
                    }
                }
                Err(error) => broken = Some(error),
            }
            width *= STEP;
        }
        // Steps of layers do not all come at the same width, but each makes a net larger.
        rungs.sort_by_key(|(madds, _)| *madds);
        match (rungs.is_empty(), broken) {
            (true, Some(error)) => Err(error.into()),
            _ => Ok(Self(rungs)),
        }
    }

    /// The net whose multiply-adds are nearest to these, and its multiply-adds; the smaller of two.
    ///
    /// # Panics
    /// Never: there is a net.
    pub fn nearest(&self, madds: u64) -> (u64, &Net) {
        let nearest = self.0.iter().min_by_key(|(own, _)| own.abs_diff(madds));
        let (own, net) = nearest.expect("a ladder has a rung");
        (*own, net)
    }

    /// The same of the nets in which one stage is a step wider or narrower than their width makes it.
    pub fn nearest_uneven(&self, madds: u64) -> Option<(u64, Net)> {
        let mut rungs: Vec<&(u64, Net)> = self.0.iter().collect();
        rungs.sort_by_key(|(own, _)| own.abs_diff(madds));
        let variants = rungs.iter().take(NEIGHBORS).flat_map(|(_, net)| one_stage_changed(net));
        let costs = variants.filter_map(|net| Some((net.cost(net.input_size).ok()?.madds, net)));
        costs.min_by_key(|(own, _)| own.abs_diff(madds))
    }
}

/// The nets with one stage wider or narrower by the unit that all channel counts are multiples of.
fn one_stage_changed(net: &Net) -> impl Iterator<Item = Net> {
    let unit = net.channel_unit();
    (0..net.stages.len()).flat_map(move |stage| {
        let channels = net.stages[stage].channels;
        let changed = [channels + unit, channels.saturating_sub(unit)];
        changed.map(|channels| {
            let mut net = net.clone();
            net.stages[stage].channels = channels;
            net
        })
    })
}

/// The net at the width where its multiply-adds for one image are nearest to `goal`. If they miss it
/// by more than the share `tolerance` at every width, one stage becomes a step wider or narrower than
/// the others.
///
/// # Errors
/// [`SpaceError::Unreachable`] when they miss it even so.
pub fn fit_width(net: &Net, goal: u64, tolerance: f64) -> Result<Net, SpaceError> {
    let ladder = Ladder::new(net)?;
    let fits = |madds: u64| madds.abs_diff(goal) as f64 <= tolerance * goal as f64;
    let (nearest, fitted) = ladder.nearest(goal);
    if fits(nearest) {
        return Ok(fitted.clone());
    }
    match ladder.nearest_uneven(goal) {
        Some((madds, net)) if fits(madds) => Ok(net),
        _ => Err(SpaceError::Unreachable { goal, nearest, tolerance }),
    }
}
