//! Measurements of a cell, and the conclusions drawn from them.

use isobath_entropy::{
    EstimatorSpec, Evidence, Profile, bootstrap_means, conclude,
    cutoff::{CutoffRule, Depth},
};
use isobath_experiment::{CellId, EntropySection};

use crate::{
    CellRecord, CostRecord, CutoffRecord, FitRecord, GalleryRecord, LayerRecord, ProfileRecord,
};

/// Everything measured on one cell. Cut-offs, intervals and pictures are conclusions, drawn by
/// [`conclude`](Self::conclude) without computing any network again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurement {
    /// Reason for a missing result, such as a diverged decoder; `None` on success.
    pub failure: Option<String>,
    /// Profiles of all estimators; empty after a failure.
    pub profiles: Vec<Profile>,
    /// Profiles by the decoders after half of their steps; empty for decoders in closed form.
    pub half: Vec<Profile>,
    /// `1 - R^2` of the best linear decoder of the first layer on the probe samples; `None` if unknown.
    pub linear_error: Option<f64>,
    /// Depths and `1 - R^2` of the best linear decoders from there to the input on the probe samples.
    pub linear_profile: Vec<(usize, f64)>,
    /// Decoder trainings, first layer first.
    pub fits: Vec<FitRecord>,
    /// Remark on an early stop.
    pub note: Option<String>,
    /// Reconstructions of a few probe samples, for the first initialisation of a point.
    pub gallery: Vec<GalleryRecord>,
    /// Cost of the cell.
    pub cost: CostRecord,
}

/// An estimator that a run did not measure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "estimator `{estimator}` was not measured in this run; add it to `estimators` in [entropy] and run the experiment again"
)]
pub struct NotMeasured {
    /// The estimator.
    pub estimator: String,
}

/// Error of [`Measurement::conclude`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConclusionError {
    /// An estimator was not measured.
    #[error(transparent)]
    NotMeasured(#[from] NotMeasured),
    /// A rule does not fit its profile.
    #[error(transparent)]
    Entropy(#[from] isobath_entropy::Error),
}

impl Measurement {
    /// Concludes profiles with intervals and cut-offs by the estimators and rules of `section`. `seed` is the seed of the
    /// bootstrap, `gallery` the number of samples to keep.
    ///
    /// # Errors
    /// When an estimator of `section` was not measured or a rule does not fit its profile.
    pub fn conclude(
        &self,
        cell: CellId,
        section: &EntropySection,
        seed: u64,
        gallery: usize,
    ) -> Result<CellRecord, ConclusionError> {
        let mut record = CellRecord {
            cell,
            failure: self.failure.clone(),
            profiles: Vec::new(),
            cutoffs: Vec::new(),
            fits: self.fits.clone(),
            linear_error: self.linear_error,
            gallery: self.gallery.iter().filter(|one| one.sample < gallery).cloned().collect(),
            cost: self.cost.clone(),
        };
        if self.failure.is_some() {
            return Ok(record);
        }
        for &estimator in &section.estimators {
            let profile = self.profile(estimator)?;
            for rule in section.cutoff.as_slice() {
                if rule.applies_to(&estimator) {
                    record.cutoffs.push(self.cutoff(rule, profile, section.bootstrap, seed)?);
                }
            }
            record.profiles.push(profile_record(profile, section.bootstrap, seed)?);
        }
        Ok(record)
    }

    fn profile(&self, estimator: EstimatorSpec) -> Result<&Profile, NotMeasured> {
        let found = self.profiles.iter().find(|profile| profile.estimator == estimator);
        found.ok_or_else(|| NotMeasured { estimator: estimator.to_string() })
    }

    fn cutoff(
        &self,
        rule: &CutoffRule,
        profile: &Profile,
        resamples: usize,
        seed: u64,
    ) -> Result<CutoffRecord, ConclusionError> {
        let fitted = self.fits.first().filter(|fit| fit.steps == 0);
        // Equal training samples leave nothing to explain.
        let unexplained = |fit: &FitRecord| {
            if fit.first_loss > 0.0 { fit.last_loss / fit.first_loss } else { 0.0 }
        };
        let evidence = Evidence {
            error: self.profile(EstimatorSpec::RECONSTRUCTION_ERROR)?,
            half: &self.half,
            linear_error: self.linear_error,
            linear_profile: &self.linear_profile,
            fitted_error: fitted.map(unexplained),
        };
        let conclusion = conclude(rule, profile, &evidence, resamples, seed)?;
        let depth = conclusion.cutoff.depth;
        Ok(CutoffRecord {
            estimator: profile.estimator,
            rule: *rule,
            depth: depth.layer(),
            beyond: matches!(depth, Depth::Beyond(_)),
            is_lower_bound: conclusion.is_lower_bound,
            interval: conclusion.interval,
            half: conclusion.half.and_then(Depth::at_least),
            note: join(conclusion.note, self.note.as_deref()),
        })
    }
}

fn join(first: Option<String>, second: Option<&str>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second.map(ToOwned::to_owned)),
    }
}

fn profile_record(
    profile: &Profile,
    resamples: usize,
    seed: u64,
) -> Result<ProfileRecord, isobath_entropy::Error> {
    let intervals = if resamples == 0 { None } else { bootstrap_means(profile, resamples, seed)? };
    let layer = |index: usize| LayerRecord {
        value: profile.values[index],
        interval: intervals.as_ref().map(|intervals| intervals[index]),
        floored: profile.floored.get(index).copied().unwrap_or(0),
    };
    Ok(ProfileRecord {
        estimator: profile.estimator,
        layers: (0..profile.depth()).map(layer).collect(),
    })
}
