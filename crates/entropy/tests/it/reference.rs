//! Estimators and published cut-offs against an independent double-precision implementation.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use isobath_entropy::{
    EstimatorSpec, Profile,
    cutoff::{PublishedCutoffs, published_cutoffs},
};
use isobath_tensor::{Backend, ColumnMoments, Cpu, Divergence, Gemm, Reference};
use isobath_testkit::{Tolerance, assert_close};
use ndarray::{Array2, ArrayView2};
use safetensors::SafeTensors;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    relative_entropy_mean: Vec<f64>,
    differential_entropy: Vec<f64>,
    cutoff: BTreeMap<String, Cutoffs>,
}

#[derive(Deserialize)]
struct Cutoffs {
    of_median_normalised: usize,
    per_sample_mean: f64,
    differential: usize,
}

struct Case {
    expected: Expected,
    inputs: Array2<f32>,
    layers: Vec<Array2<f32>>,
    relative_entropy: Array2<f32>,
}

/// Folder with the reference data; `None` if this machine has none.
#[expect(clippy::print_stderr, reason = "a skipped test must be visible")]
fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let folder = env::var_os("ISOBATH_SHARED").map_or_else(beside, PathBuf::from).join("reference");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no reference data at {}; set ISOBATH_SHARED", folder.display());
    None
}

fn load(stem: &str) -> Option<Case> {
    let folder = folder()?;
    let json = fs::read(folder.join(stem).with_extension("json")).unwrap();
    let expected: Expected = serde_json::from_slice(&json).unwrap();
    let bytes = fs::read(folder.join(stem).with_extension("safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let matrix = |name: &str| {
        let tensor = tensors.tensor(name).unwrap();
        let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
        let numbers = tensor.data().chunks_exact(4).map(number).collect();
        Array2::from_shape_vec((tensor.shape()[0], tensor.shape()[1]), numbers).unwrap()
    };
    let depth = expected.relative_entropy_mean.len();
    let layers = (1..=depth).map(|l| matrix(&format!("reconstruction.{l}"))).collect();
    let (inputs, relative_entropy) = (matrix("test_inputs"), matrix("relative_entropy"));
    Some(Case { expected, inputs, layers, relative_entropy })
}

fn profile<B>(case: &Case, name: &str, backend: B) -> Profile
where
    B: Backend + Divergence + ColumnMoments + Gemm,
{
    let layers: Vec<ArrayView2<'_, f32>> = case.layers.iter().map(|layer| layer.view()).collect();
    let estimator = name.parse::<EstimatorSpec>().unwrap().build(backend);
    estimator.profile(case.inputs.view(), &layers).unwrap()
}

fn check(stem: &str) {
    let Some(case) = load(stem) else { return };
    for (relative, differential) in [
        (profile(&case, "relative", Cpu::new()), profile(&case, "differential", Cpu::new())),
        (profile(&case, "relative", Reference), profile(&case, "differential", Reference)),
    ] {
        // The stored reconstructions are rounded to f32, and the minimum pixel of a sample amplifies the rounding.
        let per_sample = relative.per_sample.as_ref().unwrap().t().to_owned();
        let stored = case.relative_entropy.as_slice().unwrap();
        let found = per_sample.as_standard_layout();
        let tolerance = Tolerance { absolute: 1e-6, relative: 1e-4 };
        assert_close(found.as_slice().unwrap(), stored, tolerance);
        let means = &case.expected.relative_entropy_mean;
        assert_close(&relative.values, means, Tolerance::relative(1e-5));
        let entropies = &case.expected.differential_entropy;
        assert_close(&differential.values, entropies, Tolerance::absolute(1e-5));
        assert_eq!(differential.floored, vec![0; case.layers.len()]);
        check_cutoffs(&case.expected, &relative, &differential);
    }
}

fn check_cutoffs(expected: &Expected, relative: &Profile, differential: &Profile) {
    assert!(!expected.cutoff.is_empty(), "the file has no cut-offs");
    for (rtol, cutoffs) in &expected.cutoff {
        let rtol = rtol.parse().unwrap();
        let found = published_cutoffs(relative, rtol).unwrap();
        assert_eq!(found.of_median_normalised, Some(cutoffs.of_median_normalised), "{rtol}");
        let mean = found.per_sample_mean.unwrap();
        assert!((mean - cutoffs.per_sample_mean).abs() < 1e-9, "{rtol}: {mean}");
        let of_values = cutoffs.differential;
        let expected =
            PublishedCutoffs { of_median_normalised: None, per_sample_mean: None, of_values };
        assert_eq!(published_cutoffs(differential, rtol).unwrap(), expected, "{rtol}");
    }
}

#[test]
fn critical_network_matches_the_reference() {
    check("cascade_critical");
}

#[test]
fn ordered_network_matches_the_reference() {
    check("cascade_ordered");
}
