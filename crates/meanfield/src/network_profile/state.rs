use isobath_architecture::Activation;

use super::{
    gradient::Slopes,
    moments::Moments,
    population::{Population, Sample},
};
use crate::{Phi, kernel::Kernel};

/// Outputs of a layer: moments over channels, and the law that they belong to.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) moments: Moments,
    pub(super) law: Law,
}

/// Law of a channel's values at all positions.
#[derive(Clone, Debug)]
pub(super) enum Law {
    /// Normal with mean zero and the moments as covariances.
    Normal,
    /// An activation of normal numbers with these covariances.
    Activated { covariances: Moments, activation: Activation },
    /// That of these channels.
    Sampled(Population),
    /// Not tracked; no later layer needs more than the moments.
    Unknown,
}

impl State {
    /// Normal channels.
    pub(super) const fn normal(moments: Moments) -> Self {
        Self { moments, law: Law::Normal }
    }

    /// Draws channels; `None` if the law is unknown.
    pub(super) fn draw(&self, sample: Sample) -> Option<Population> {
        match &self.law {
            Law::Normal => Some(Population::draw(&self.moments, sample)),
            Law::Activated { covariances, activation } => {
                let mut population = Population::draw(covariances, sample);
                population.activate(*activation, covariances);
                Some(population)
            }
            Law::Sampled(population) => Some(population.clone()),
            Law::Unknown => None,
        }
    }

    /// Applies an activation, if any. Returns the squared slopes for the first input, and `None` if the law is unknown.
    ///
    /// Only an activation of normal numbers has closed forms; others are applied to a sample of channels.
    pub(super) fn activated(
        self,
        activation: Option<Activation>,
        sample: Sample,
    ) -> Option<(Self, Slopes)> {
        let Some(activation) = activation.filter(|phi| *phi != Activation::Linear) else {
            let slopes = Slopes::Mean(vec![1.0; self.moments.pixels()]);
            return Some((self, slopes));
        };
        if matches!(self.law, Law::Normal) {
            return Some(activated_normal(self.moments, activation));
        }
        let mut population = self.draw(sample)?;
        let slopes = population.activate(activation, &self.moments);
        let moments = population.moments(&self.moments);
        Some((Self { moments, law: Law::Sampled(population) }, Slopes::PerChannel(slopes)))
    }

    /// Moves to the level at which numbers are neither too large nor too small.
    pub(super) fn change_to_usable_level(&mut self) {
        self.change_level(self.moments.usable_level());
    }

    /// Changes the unit of all numbers.
    pub(super) fn change_level(&mut self, level: i32) {
        let before = self.moments.level;
        self.moments.change_level(level);
        match &mut self.law {
            Law::Normal | Law::Unknown => {}
            Law::Activated { covariances, .. } => covariances.change_level(level),
            Law::Sampled(population) => population.scale(Moments::unit(level - before).sqrt()),
        }
    }
}

/// Activation of normal numbers with these covariances.
fn activated_normal(covariances: Moments, activation: Activation) -> (State, Slopes) {
    let phi = Phi::new(activation);
    let kernel = Kernel::new(phi);
    let slope = |pixel| kernel.gradient_square(covariances.at([0, 0], pixel).max(0.0));
    let slopes = Slopes::Mean((0..covariances.pixels()).map(slope).collect());
    let moments = covariances.activated(phi);
    (State { moments, law: Law::Activated { covariances, activation } }, slopes)
}
