//! Entropies of the reconstructions, their errors, and the published cut-offs.

use anyhow::{Context, Result, bail};
use isobath_entropy::{EstimatorSpec, Profile, cutoff::published_cutoffs};
use isobath_tensor::FullBackend;
use ndarray::Array2;

use super::{
    cascade::check_length,
    computation::{Computation, Cutoffs},
    line::{Allowed, Line, Tolerances},
};

/// Profiles of the reconstructions.
struct Profiles {
    relative: Profile,
    differential: Profile,
    gram: Profile,
    error: Profile,
}

/// Compares what the estimators make of `reconstructions`.
pub(super) fn compare<B: FullBackend>(
    computation: &Computation,
    backend: &B,
    reconstructions: &[Array2<f32>],
    tolerances: &Tolerances,
) -> Result<Vec<Line>> {
    let layers: Vec<_> = reconstructions.iter().map(|array| array.view()).collect();
    let profile = |name: &str| -> Result<Profile> {
        let spec: EstimatorSpec = name.parse()?;
        Ok(spec.build(backend.clone()).profile(computation.probe.view(), &layers)?)
    };
    let profiles = Profiles {
        relative: profile("relative")?,
        differential: profile("differential")?,
        gram: profile("gram")?,
        error: profile("reconstruction-error")?,
    };
    let mut lines = compare_samples(computation, &profiles, tolerances)?;
    lines.extend(compare_layers(computation, &profiles, tolerances)?);
    for (rtol, expected) in &computation.expected.cutoff {
        lines.push(compare_cutoffs(&profiles, rtol, expected)?);
    }
    Ok(lines)
}

/// Compares values per sample. Relative entropies must be stored, errors can be.
fn compare_samples(
    computation: &Computation,
    profiles: &Profiles,
    tolerances: &Tolerances,
) -> Result<Vec<Line>> {
    let shape = [computation.probe.nrows(), computation.layers()];
    let mut lines = Vec::new();
    for (title, name, profile, is_required) in [
        ("relative entropies", "relative_entropy", &profiles.relative, true),
        ("errors of samples", "reconstruction_error", &profiles.error, false),
    ] {
        let is_stored = is_required || computation.files.has(name)?;
        if let Some(per_sample) = profile.per_sample.as_ref().filter(|_| is_stored) {
            let stored = computation.files.tensor(name, &shape)?;
            let stored = Array2::from_shape_vec(shape, stored)?;
            let pairs = per_sample
                .indexed_iter()
                .map(|((layer, sample), &actual)| (actual, stored[[sample, layer]].into()));
            lines.push(Line::new(title, tolerances.relative, pairs));
        }
    }
    Ok(lines)
}

/// Compares values of whole layers, as far as the description has them.
fn compare_layers(
    computation: &Computation,
    Profiles { relative, differential, gram, error }: &Profiles,
    tolerances: &Tolerances,
) -> Result<Vec<Line>> {
    let expected = &computation.expected;
    let median = normalised_medians(relative).unwrap_or_default();
    let mut lines = Vec::new();
    for (title, field, actual, expected, allowed) in [
        (
            "mean relative entropies",
            "relative_entropy_mean",
            &relative.values,
            &expected.relative_entropy_mean,
            tolerances.relative,
        ),
        (
            "normalised medians",
            "relative_entropy_median_normalised",
            &median,
            &expected.relative_entropy_median_normalised,
            tolerances.relative,
        ),
        (
            "differential entropies",
            "differential_entropy",
            &differential.values,
            &expected.differential_entropy,
            tolerances.entropies,
        ),
        (
            "gram entropies",
            "gram_entropy",
            &gram.values,
            &expected.gram_entropy,
            tolerances.numbers,
        ),
        (
            "reconstruction errors",
            "reconstruction_error",
            &error.values,
            &expected.reconstruction_error,
            tolerances.relative,
        ),
    ] {
        if let Some(expected) = expected {
            check_length(field, expected, computation.layers())?;
            let pairs = actual.iter().copied().zip(expected.iter().copied());
            lines.push(Line::new(title, allowed, pairs));
        }
    }
    Ok(lines)
}

/// Medians over samples of `S_l / S_L`, the mean of the two middle ones for an even number of samples.
fn normalised_medians(profile: &Profile) -> Option<Vec<f64>> {
    let per_sample = profile.per_sample.as_ref()?;
    let last = per_sample.rows().into_iter().next_back()?;
    let median = |row: ndarray::ArrayView1<'_, f64>| {
        let mut ratios: Vec<f64> = row.iter().zip(last).map(|(s, last)| s / last).collect();
        ratios.sort_by(f64::total_cmp);
        let middle = ratios.len() / 2;
        if ratios.len().is_multiple_of(2) {
            f64::midpoint(ratios[middle - 1], ratios[middle])
        } else {
            ratios[middle]
        }
    };
    Some(per_sample.rows().into_iter().map(median).collect())
}

/// Compares the published cut-offs for one tolerance.
fn compare_cutoffs(profiles: &Profiles, rtol: &str, expected: &Cutoffs) -> Result<Line> {
    let Ok(tolerance) = rtol.parse() else {
        bail!("`cutoff` has a tolerance {rtol:?} that is no number")
    };
    let of_relative = published_cutoffs(&profiles.relative, tolerance)?;
    let of_differential = published_cutoffs(&profiles.differential, tolerance)?;
    let median = of_relative.of_median_normalised.context("relative entropies are per sample")?;
    let mean = of_relative.per_sample_mean.context("relative entropies are per sample")?;
    let pairs = [
        (median as f64, expected.of_median_normalised as f64),
        (mean, expected.per_sample_mean),
        (of_differential.of_values as f64, expected.differential as f64),
    ];
    Ok(Line::new(format!("cut-offs, rtol {rtol}"), Allowed::Equal, pairs))
}
