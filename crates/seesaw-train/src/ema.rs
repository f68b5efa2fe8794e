//! Exponential moving average (EMA) of a net's weights, which is usually more accurate than the
//! weights of the last step.

use crate::layout::State;

/// Exponential moving average of a [`State`], running statistics included.
///
/// The update after the first `t` keeps `min(decay, (1 + t) / (10 + t))` of the average, so that the
/// weights of the first steps are soon forgotten.
#[derive(Debug, Clone, PartialEq)]
pub struct Ema {
    decay: f64,
    updates: u64,
    state: State,
}

impl Ema {
    /// An average that starts as `state`.
    pub fn new(decay: f64, state: State) -> Self {
        Self { decay, updates: 0, state }
    }

    /// An average restored to `state`, which it had after `updates` updates.
    pub fn restore(decay: f64, updates: u64, state: State) -> Self {
        Self { decay, updates, state }
    }

    /// Updates the average with the state after a step.
    ///
    /// # Panics
    /// When `state` belongs to another net.
    pub fn update(&mut self, state: &State) {
        let t = self.updates as f64;
        let keep = self.decay.min((1.0 + t) / (10.0 + t));
        let share = (1.0 - keep) as f32;
        let follow = |mean: &mut [f32], now: &[f32]| {
            assert_eq!(mean.len(), now.len(), "a state of the same net");
            mean.iter_mut().zip(now).for_each(|(mean, now)| *mean += share * (now - *mean));
        };
        follow(&mut self.state.parameters, &state.parameters);
        follow(&mut self.state.statistics, &state.statistics);
        self.updates += 1;
    }

    /// The average.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many updates there have been.
    pub fn updates(&self) -> u64 {
        self.updates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(value: f32) -> State {
        State { parameters: vec![value], statistics: vec![-value] }
    }

    #[test]
    fn keeps_little_at_first_and_the_decay_in_the_end() {
        let mut ema = Ema::new(0.5, state(0.0));
        // 1/10, 2/11 and 3/12 of the average are kept.
        let mut expected = 0.0f64;
        for keep in [1.0 / 10.0, 2.0 / 11.0, 3.0 / 12.0] {
            ema.update(&state(1.0));
            expected = keep * expected + (1.0 - keep);
            assert!((f64::from(ema.state().parameters[0]) - expected).abs() < 1e-6);
            assert_eq!(ema.state().statistics[0], -ema.state().parameters[0]);
        }
        let mut late = Ema::restore(0.5, 1_000, state(0.0));
        late.update(&state(1.0));
        assert_eq!((late.state().parameters[0], late.updates()), (0.5, 1_001));
    }
}
