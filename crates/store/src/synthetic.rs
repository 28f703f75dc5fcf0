//! Synthetic runs with realistic profiles, for tests.

use isobath_entropy::{Differential, EstimatorSpec, cutoff::CutoffRule};
use isobath_trainer::Outcome;

use isobath_experiment::{CellId, GridPoint, NetworkKind, Overlay, TrainingId};

use crate::{
    CellRecord, CostRecord, CutoffRecord, FitRecord, GalleryRecord, LayerRecord, OverlayRecord,
    ProfileRecord, RunRecord, SliceTheory, TheoryRecord, TrainingRecord, VariantRecord,
};

/// Critical weight variance of the synthetic theory.
pub const CRITICAL: f64 = 1.76;

/// Settings of a synthetic run.
pub struct Options {
    /// Number of networks.
    pub variants: usize,
    /// Variances of the weights.
    pub sigma_w2: Vec<f64>,
    /// Variances of the biases.
    pub sigma_b2: Vec<f64>,
    /// Initialisations of each point.
    pub seeds: usize,
    /// Number of layers with reconstructions.
    pub layers: usize,
    /// Channels, height and width of a sample.
    pub shape: [usize; 3],
    /// Estimators.
    pub estimators: Vec<EstimatorSpec>,
    /// Cut-off rules.
    pub rules: Vec<CutoffRule>,
    /// Every `fail_every`-th cell fails; 0 for none.
    pub fail_every: usize,
    /// Samples in the gallery.
    pub gallery: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            variants: 1,
            sigma_w2: (1..=20).map(|step| f64::from(step) * 0.2).collect(),
            sigma_b2: vec![0.05],
            seeds: 1,
            layers: 30,
            shape: [1, 8, 8],
            estimators: vec![
                EstimatorSpec::RELATIVE,
                EstimatorSpec::Differential(Differential::Published),
            ],
            rules: vec![CutoffRule::default(), CutoffRule::Decay],
            fail_every: 0,
            gallery: 2,
        }
    }
}

/// Returns a run with an ordered and a chaotic phase, noise, and cut-offs beyond the network near the critical point.
pub fn run(options: &Options) -> RunRecord {
    let mut cells = Vec::new();
    let mut theory = Vec::new();
    let slices = (0..options.variants)
        .flat_map(|variant| options.sigma_b2.iter().map(move |&sigma_b2| (variant, sigma_b2)));
    for (variant, sigma_b2) in slices.clone() {
        for &sigma_w2 in &options.sigma_w2 {
            let point = GridPoint { variant, sigma_w2, sigma_b2 };
            theory.push(TheoryRecord {
                point,
                first_stage: Some(1),
                xi_c: xi_c(sigma_w2),
                chi_1: Some(chi_1(sigma_w2)),
                growth: None,
            });
            for seed_index in 0..options.seeds {
                let id = CellId { index: cells.len(), point, seed_index };
                cells.push(cell(options, id));
            }
        }
    }
    let fine: Vec<_> = (1..=400).map(|step| f64::from(step) * 0.01).collect();
    let overlay = |factor: f64| OverlayRecord {
        overlay: Overlay::uniform(factor),
        first_stage: 1,
        points: fine
            .iter()
            .map(|&sigma_w2| (sigma_w2, xi_c(sigma_w2).map(|depth| factor * depth)))
            .collect(),
    };
    let overlays = vec![overlay(1.0), overlay(6.0)];
    RunRecord {
        name: "made-up".into(),
        description: "Reconstruction entropy of tanh MLPs over weight variance and depth".into(),
        dataset: "mnist".into(),
        shape: options.shape,
        variants: (0..options.variants).map(|index| variant(options, index)).collect(),
        kind: NetworkKind::Mlp,
        depth: options.layers,
        layers: options.layers,
        train_samples: 60_000,
        noise: None,
        probe_samples: 100,
        seeds: options.seeds,
        estimators: options.estimators.clone(),
        rules: options.rules.clone(),
        cells_planned: cells.len(),
        success: None,
        recipes: Vec::new(),
        train_depths: Vec::new(),
        trainings: Vec::new(),
        scores: Vec::new(),
        cells,
        theory,
        curves: slices
            .map(|(variant, sigma_b2)| SliceTheory {
                variant,
                sigma_b2,
                critical: Some(CRITICAL),
                overlays: overlays.clone(),
            })
            .collect(),
        stages: Vec::new(),
        experiment_toml: "name = \"made-up\"\nseed = 1\n\n[network]\nkind = \"mlp\"\ndepth = 30\n"
            .into(),
        environment: vec![("version".into(), "0.1.0".into()), ("threads".into(), "2".into())],
        command: "cargo xtask run experiments/made-up.toml".into(),
    }
}

fn variant(options: &Options, index: usize) -> VariantRecord {
    let width = 784 + index;
    let name = if options.variants > 1 { format!("width {width}") } else { String::new() };
    let description = format!("tanh MLP, width {width}, {} hidden layers", options.layers);
    let activation = "tanh".into();
    VariantRecord { name, activation, scheme: None, description, theory_gap: None }
}

fn chi_1(sigma_w2: f64) -> f64 {
    (sigma_w2 / CRITICAL).powf(0.7)
}

fn xi_c(sigma_w2: f64) -> Option<f64> {
    Some(1.0 / chi_1(sigma_w2).ln().abs()).filter(|depth| depth.is_finite())
}

fn cell(options: &Options, cell: CellId) -> CellRecord {
    let failed =
        options.fail_every > 0 && cell.index % options.fail_every == options.fail_every - 1;
    let cost = CostRecord {
        cascade_seconds: if failed { 0.25 } else { 4.5 },
        entropy_seconds: 0.125,
        flops: 4_400_000_000,
        backend: "cpu (avx512)".into(),
    };
    if failed {
        let failure = Some("the decoder of layer 3 diverged at step 17 (loss <nan>)".into());
        let (profiles, cutoffs, fits, gallery) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let linear_error = None;
        return CellRecord { cell, failure, profiles, cutoffs, fits, linear_error, gallery, cost };
    }
    let scale = xi_c(cell.point.sigma_w2).unwrap_or(1e3) * (1.0 + 0.1 * noise(cell.index, 0));
    let profiles = options
        .estimators
        .iter()
        .map(|&estimator| profile(options, cell, estimator, scale))
        .collect();
    let cutoffs = options.estimators.iter().flat_map(|&estimator| {
        options.rules.iter().map(move |&rule| cutoff(estimator, rule, scale, options.layers))
    });
    let cutoffs = cutoffs.collect();
    let fit = |layer| FitRecord { first_loss: 1.0, last_loss: 0.01 * f64::from(layer), steps: 938 };
    let gallery = if cell.seed_index == 0 { gallery(options, scale) } else { Vec::new() };
    let fits = (1..=options.layers as u32).map(fit).collect();
    let linear_error = Some(0.01);
    CellRecord { cell, failure: None, profiles, cutoffs, fits, linear_error, gallery, cost }
}

fn profile(options: &Options, cell: CellId, estimator: EstimatorSpec, scale: f64) -> ProfileRecord {
    let falls = matches!(estimator, EstimatorSpec::Differential(_));
    let (start, end) = if falls { (-4.0, -9.0) } else { (0.95, 1.27) };
    let layer = |depth: usize| {
        let kept = (-(depth as f64) / scale).exp();
        let value = end - (end - start) * kept + 0.01 * (end - start) * noise(cell.index, depth);
        let half = 0.02 * f64::abs(end - start);
        LayerRecord { value, interval: Some((value - half, value + half)), floored: depth % 3 }
    };
    ProfileRecord { estimator, layers: (1..=options.layers).map(layer).collect() }
}

fn cutoff(estimator: EstimatorSpec, rule: CutoffRule, scale: f64, layers: usize) -> CutoffRecord {
    let is_scale = rule.descriptor().is_scale;
    let depth = if is_scale { scale } else { (6.0 * scale).round() };
    let beyond = depth > layers as f64;
    CutoffRecord {
        estimator,
        rule,
        depth: (!beyond).then_some(depth),
        beyond,
        is_lower_bound: false,
        half: None,
        interval: (!beyond).then_some((depth * 0.9, depth * 1.1)),
        note: is_scale.then(|| "residual 0.01".into()),
    }
}

fn gallery(options: &Options, scale: f64) -> Vec<GalleryRecord> {
    let depths =
        [0, 1, 2, 3, 5, 8, 13, 21, 34].into_iter().filter(|depth| *depth <= options.layers);
    let image = |depth: usize, sample: usize| {
        let kept = if depth == 0 { 1.0 } else { (-(depth as f64) / scale).exp() };
        GalleryRecord { depth, sample, pixels: pixels(options.shape, sample, kept) }
    };
    depths.flat_map(|depth| (0..options.gallery).map(move |sample| image(depth, sample))).collect()
}

/// Image of a ring that fades into a blur as `kept` falls from 1 to 0.
fn pixels([channels, height, width]: [usize; 3], sample: usize, kept: f64) -> Vec<f32> {
    let at = |index: usize| {
        let (channel, y, x) = (index / (height * width), index / width % height, index % width);
        let offset = |place: usize, size: usize| (place as f64 + 0.5) / size as f64 - 0.5;
        let radius = offset(x, width).hypot(offset(y, height));
        let ring = (-((radius - 0.3 + 0.05 * sample as f64) / 0.08).powi(2)).exp()
            / (1.0 + channel as f64);
        let blur = 0.4 * (-(radius / 0.3).powi(2)).exp();
        (kept * ring + (1.0 - kept) * blur) as f32
    };
    (0..channels * height * width).map(at).collect()
}

/// Deterministic pseudorandom number in `[-1, 1)` for each cell and depth.
pub fn noise(cell: usize, depth: usize) -> f64 {
    let mixed = (cell as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (depth as u64 + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// Adds synthetic trainings to `run`.
///
/// Each entry of `points` is `(sigma_w2, frontiers)`, with one initialisation per frontier. A training succeeds if its depth
/// is at most the frontier.
pub fn train(run: &mut RunRecord, depths: &[usize], points: &[(f64, &[usize])]) {
    run.success = Some(0.8);
    run.recipes = vec!["sgd 0.1".into()];
    run.train_depths = depths.to_vec();
    for &(sigma_w2, frontiers) in points {
        for (seed_index, &frontier) in frontiers.iter().enumerate() {
            let training = |&depth: &usize| {
                let succeeded = depth <= frontier;
                let step = 10 * depth;
                TrainingRecord {
                    id: TrainingId {
                        point: GridPoint::new(sigma_w2, 0.05),
                        seed_index,
                        depth,
                        recipe: 0,
                    },
                    outcome: if succeeded {
                        Outcome::Succeeded { step }
                    } else {
                        Outcome::Exhausted { step }
                    },
                    accuracy: if succeeded { 0.9 } else { 0.125 },
                    succeeded,
                    evaluations: Vec::new(),
                    losses: vec![2.5; step],
                    seconds: 0.5 * depth as f64,
                    flops: 1_000_000 * depth as u64,
                }
            };
            run.trainings.extend(depths.iter().map(training));
        }
    }
}
