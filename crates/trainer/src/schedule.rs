use serde::{Deserialize, Serialize};

/// Schedule of the learning rate over a training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// After the warm-up.
    pub decay: Decay,
    /// Steps over which the rate rises linearly from nearly nothing to the optimiser's; 0 for none.
    pub warmup: usize,
}

/// Decay of the learning rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Not at all.
    #[default]
    Constant,
    /// Along half a cosine to nothing at the last step (Loshchilov and Hutter, arXiv:1608.03983, equation 5, without
    /// restarts).
    Cosine,
}

impl Schedule {
    /// Factor of the optimiser's learning rate at `step` of `steps`, counted from 0; in `[0, 1]`.
    pub fn factor(&self, step: usize, steps: usize) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / self.warmup as f64;
        }
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Cosine => {
                let length = steps.saturating_sub(self.warmup).max(1) as f64;
                let done = ((step - self.warmup) as f64 / length).min(1.0);
                0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use isobath_testkit::{Tolerance, assert_close};
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(schedule: Schedule, steps: usize, expected: &[f64]) {
        let factors: Vec<f64> = (0..steps).map(|step| schedule.factor(step, steps)).collect();
        assert_close(&factors, expected, Tolerance::absolute(1e-15));
    }

    #[test]
    fn constant() {
        check(Schedule::default(), 3, &[1.0, 1.0, 1.0]);
    }

    #[test]
    fn warmup_is_linear() {
        let schedule = Schedule { warmup: 4, ..Schedule::default() };
        check(schedule, 6, &[0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn cosine_halves_in_the_middle() {
        let schedule = Schedule { decay: Decay::Cosine, warmup: 0 };
        let root = 0.5_f64.sqrt();
        check(schedule, 4, &[1.0, 0.5 * (1.0 + root), 0.5, 0.5 * (1.0 - root)]);
        let schedule = Schedule { decay: Decay::Cosine, warmup: 2 };
        check(schedule, 4, &[0.5, 1.0, 1.0, 0.5]);
    }

    proptest! {
        #[test]
        fn factors_stay_between_zero_and_one(
            step in 0_usize..300, steps in 0_usize..200, warmup in 0_usize..300
        ) {
            for decay in [Decay::Constant, Decay::Cosine] {
                let factor = Schedule { decay, warmup }.factor(step, steps);
                prop_assert!((0.0..=1.0).contains(&factor), "{factor}");
            }
        }
    }
}
