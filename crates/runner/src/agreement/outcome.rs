use crate::error::Result;
use isobath_cascade::{CascadeValidParams, Decoder, Job, Silent};
use isobath_entropy::{
    EstimatorSpec, Profile,
    cutoff::{self, CutoffRule, Depth},
};
use isobath_tensor::{BackendTask, FullBackend};
use ndarray::Array2;

/// Results of a case on one backend.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Decoders, first layer first.
    pub(super) decoders: Vec<Decoder>,
    /// Reconstructions from every depth, each `[samples, w_0]`.
    pub(super) reconstructions: Vec<Array2<f32>>,
    /// Profile of relative entropies, by the published estimator.
    pub(super) profile: Profile,
    /// Cut-off by the saturation rule.
    pub(super) cutoff: Depth,
}

/// Backend task that computes a case, including its entropies.
pub(super) struct Compute<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) params: CascadeValidParams,
}

impl BackendTask for Compute<'_> {
    type Output = Result<Outcome>;

    fn run<B: FullBackend>(self, backend: B) -> Result<Outcome> {
        let Self { job, params } = self;
        let cascade = params.build(backend.clone()).reconstruct(job, &Silent)?;
        let decoders = (0..cascade.decoders.len()).map(|index| cascade.decoders.get(index));
        let decoders = decoders.collect::<isobath_cascade::Result<_>>()?;
        let reconstructions = cascade.reconstructions;
        let layers: Vec<_> = reconstructions.iter().map(|array| array.view()).collect();
        let estimator = EstimatorSpec::RELATIVE.build(backend);
        let profile = estimator.profile(job.probe, &layers)?;
        let cutoff = cutoff::find(&CutoffRule::default(), &profile)?.depth;
        Ok(Outcome { decoders, reconstructions, profile, cutoff })
    }
}
