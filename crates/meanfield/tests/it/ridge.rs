//! Ridge decoders fitted to random networks converge to the infinite-width prediction.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use crate::common::{Sampler, normal};
use isobath_architecture::Activation;
use isobath_architecture::{MlpParams, Variances, WidthRule};
use isobath_meanfield::{Ridge, RidgeTheory, Theory};
use isobath_network::{LayerParameters, Network};
use ndarray::{Array2, Axis, s};

const N_TRAIN: usize = 120;
const N_PROBE: usize = 60;
const PIXELS: usize = 24;
const LAYERS: usize = 6;
const NOISE: f64 = 0.1;
const SIGMA_W2: f64 = 1.2;
const SIGMA_B2: f64 = 0.05;

/// Samples of a few latent variables with decreasing strengths, training samples first.
fn samples() -> Array2<f32> {
    let mut sampler = Sampler::new(3);
    let mut causes = normal(&mut sampler, [N_TRAIN + N_PROBE, 8]);
    for (k, mut cause) in causes.columns_mut().into_iter().enumerate() {
        cause /= 1.0 + k as f64;
    }
    let pixels = causes.dot(&normal(&mut sampler, [8, PIXELS])) * 0.2;
    pixels.mapv(|x| (0.5 + x).clamp(0.0, 1.0) as f32)
}

/// `1 - R^2` over the probe samples.
fn error(x: &Array2<f64>, reconstruction: &Array2<f64>) -> f64 {
    let (missed, all) = (x - reconstruction, x - &x.mean_axis(Axis(0)).unwrap());
    missed.mapv(|x| x * x).sum() / all.mapv(|x| x * x).sum()
}

/// Solves `A x = b` for positive definite `A` by Gaussian elimination.
fn solve(mut a: Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    for pivot in 0..n {
        for row in pivot + 1..n {
            let factor = a[[row, pivot]] / a[[pivot, pivot]];
            let (above, mut below) = a.view_mut().split_at(Axis(0), row);
            below.row_mut(0).scaled_add(-factor, &above.row(pivot));
            let (above, mut below) = b.view_mut().split_at(Axis(0), row);
            below.row_mut(0).scaled_add(-factor, &above.row(pivot));
        }
    }
    for row in (0..n).rev() {
        for after in row + 1..n {
            let (mut above, below) = b.view_mut().split_at(Axis(0), after);
            above.row_mut(row).scaled_add(-a[[row, after]], &below.row(0));
        }
        b.row_mut(row).mapv_inplace(|x| x / a[[row, row]]);
    }
    b
}

/// Output of a ridge decoder from `h` to `y` for the activations `at`; the first rows of `h` and `y` are training
/// samples.
fn decode(h: &Array2<f64>, y: &Array2<f64>, at: &Array2<f64>) -> Array2<f64> {
    let (h, y) = (h.slice(s![..N_TRAIN, ..]), y.slice(s![..N_TRAIN, ..]));
    let (mean_h, mean_y) = (h.mean_axis(Axis(0)).unwrap(), y.mean_axis(Axis(0)).unwrap());
    let (h, y) = (&h - &mean_h, &y - &mean_y);
    // The dual form has one equation per sample.
    let gram = h.dot(&h.t()) + Array2::<f64>::eye(N_TRAIN) * (N_TRAIN as f64 * NOISE * NOISE);
    (at - &mean_h).dot(&h.t()).dot(&solve(gram, y)) + &mean_y
}

/// Errors of the direct and the chained reconstruction from each layer of one random network.
fn measured(width: usize, seed: u64) -> Vec<[f64; 2]> {
    let params = MlpParams::new(LAYERS + 1, WidthRule::Fixed(width), Activation::Tanh);
    let spec = params.check(PIXELS, 10).unwrap().spec();
    let network = Network::random(spec, Variances::new(SIGMA_W2, SIGMA_B2).unwrap(), seed);
    let mut layers = vec![samples().mapv(f64::from)];
    for index in 0..LAYERS {
        let LayerParameters::Dense(parameters) = network.parameters(index) else {
            panic!("a dense layer")
        };
        let u = layers[index].dot(&parameters.weights.mapv(f64::from).t())
            + &parameters.bias.mapv(f64::from);
        layers.push(u.mapv(f64::tanh));
    }
    let probe = layers[0].slice(s![N_TRAIN.., ..]).to_owned();
    (1..=LAYERS)
        .map(|l| {
            let from = layers[l].slice(s![N_TRAIN.., ..]).to_owned();
            let direct = decode(&layers[l], &layers[0], &from);
            let chained = (1..=l).rev().fold(from, |at, k| decode(&layers[k], &layers[k - 1], &at));
            [error(&probe, &direct), error(&probe, &chained)]
        })
        .collect()
}

fn predicted(width: usize, fluctuations: bool) -> Vec<[f64; 2]> {
    let theory = Theory::new(Activation::Tanh, SIGMA_W2, SIGMA_B2).unwrap();
    let all = samples();
    let (train, probe) = all.view().split_at(Axis(0), N_TRAIN);
    let ridge = Ridge { noise: NOISE, width, fluctuations };
    let mut prediction = RidgeTheory::new(theory, ridge, train, probe).unwrap();
    let probe = probe.mapv(f64::from);
    let deviation = (&probe - &probe.mean_axis(Axis(0)).unwrap()).mapv(|x| x * x).sum();
    (0..LAYERS)
        .map(|_| {
            let found = prediction.next_layer().unwrap();
            let error = |r: &Array2<f32>, spread: &ndarray::Array1<f64>| {
                error(&probe, &r.mapv(f64::from)) + spread.sum() / deviation
            };
            [
                error(&found.direct, &found.direct_variance),
                error(&found.chained, &found.chained_variance),
            ]
        })
        .collect()
}

/// Relative excess of the measured error over the predicted one, `[layer][direct, chained]`.
fn excess(width: usize, fluctuations: bool) -> Vec<[f64; 2]> {
    const N_NETWORKS: u64 = 4;
    let networks: Vec<_> = (0..N_NETWORKS).map(|seed| measured(width, seed)).collect();
    let prediction = predicted(width, fluctuations);
    let mean = |l: usize, kind: usize| {
        networks.iter().map(|errors| errors[l][kind]).sum::<f64>() / N_NETWORKS as f64
    };
    (0..LAYERS).map(|l| [0, 1].map(|kind| mean(l, kind) / prediction[l][kind] - 1.0)).collect()
}

/// Decoders of finite networks have larger errors than those of infinitely wide ones, and the excess decreases with the
/// width. The prediction includes the first-order term in one over the width from the units of the last layer, which is
/// complete for the first layer. It omits the fluctuations of the kernels of the layers before.
#[test]
fn measured_errors_approach_the_prediction() {
    let mean = |excess: &[[f64; 2]], kind: usize| {
        excess.iter().map(|e| e[kind]).sum::<f64>() / LAYERS as f64
    };
    let (plain, narrow, wide) = (excess(150, false), excess(150, true), excess(600, true));
    for kind in [0, 1] {
        let [plain, narrow, wide] = [&plain, &narrow, &wide].map(|e| mean(e, kind));
        assert!(plain > 1.3 * narrow && narrow > wide && wide > 0.0, "{plain} {narrow} {wide}");
    }
    assert!(narrow[0][0].abs() < 0.15 && wide[0][0].abs() < 0.05, "{narrow:?} {wide:?}");
    assert!(mean(&wide, 0) < 0.25 && mean(&wide, 1) < 0.15, "{wide:?}");
}
