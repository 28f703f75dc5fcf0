//! Ridge decoders fitted on real random networks approach their infinite-width prediction.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Sampler, normal};
use meanfield::{Ridge, RidgeTheory, Theory};
use ndarray::{Array2, Axis, s};
use network::{MlpParams, Network, Variances, WidthRule};
use tensor::Activation;

const N_TRAIN: usize = 120;
const N_PROBE: usize = 60;
const PIXELS: usize = 24;
const LAYERS: usize = 6;
const NOISE: f64 = 0.1;
const SIGMA_W2: f64 = 1.2;
const SIGMA_B2: f64 = 0.05;

/// Samples of a few hidden causes with falling strengths, training samples first.
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

/// `A^-1 b` by Gaussian elimination of a positive definite matrix.
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

/// What a ridge decoder from `h` to `y` makes of the activations `at`; the first rows of `h` and `y` are trained on.
fn decode(h: &Array2<f64>, y: &Array2<f64>, at: &Array2<f64>) -> Array2<f64> {
    let (h, y) = (h.slice(s![..N_TRAIN, ..]), y.slice(s![..N_TRAIN, ..]));
    let (mean_h, mean_y) = (h.mean_axis(Axis(0)).unwrap(), y.mean_axis(Axis(0)).unwrap());
    let (h, y) = (&h - &mean_h, &y - &mean_y);
    // The dual form: as many equations as samples.
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
        let parameters = network.parameters(index);
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

fn predicted(width: usize, implicit: bool) -> Vec<[f64; 2]> {
    let theory = Theory::new(Activation::Tanh, SIGMA_W2, SIGMA_B2).unwrap();
    let all = samples();
    let (train, probe) = all.view().split_at(Axis(0), N_TRAIN);
    let ridge = Ridge { noise: NOISE, width, implicit };
    let mut prediction = RidgeTheory::new(theory, ridge, train, probe).unwrap();
    let probe = probe.mapv(f64::from);
    (0..LAYERS)
        .map(|_| {
            let found = prediction.next_layer().unwrap();
            [found.direct, found.chained].map(|r| error(&probe, &r.mapv(f64::from)))
        })
        .collect()
}

/// Relative excess of the measured over the predicted error, direct and chained, averaged over layers and networks.
fn excess(width: usize, implicit: bool) -> [f64; 2] {
    const N_NETWORKS: u64 = 4;
    let prediction = predicted(width, implicit);
    let mut sums = [0.0; 2];
    for seed in 0..N_NETWORKS {
        for (found, expected) in measured(width, seed).iter().zip(&prediction) {
            for kind in 0..2 {
                sums[kind] += found[kind] / expected[kind] - 1.0;
            }
        }
    }
    sums.map(|sum| sum / (N_NETWORKS as f64 * LAYERS as f64))
}

/// Fluctuations of order one over the width make real decoders worse than predicted, less so the wider the network is;
/// the implicit ridge accounts for part of it.
#[test]
fn measured_errors_approach_the_prediction() {
    let (narrow, wide) = (excess(150, true), excess(600, true));
    for kind in 0..2 {
        assert!(narrow[kind] > 0.0 && wide[kind] > 0.0, "{narrow:?} {wide:?}");
        let fall = narrow[kind] / wide[kind];
        assert!((2.0..8.0).contains(&fall), "by the width's ratio of four: {narrow:?} {wide:?}");
    }
    assert!(wide[0] < 0.3 && wide[1] < 0.15, "{wide:?}");
    let plain = excess(150, false);
    assert!(plain[0] > narrow[0] && plain[1] > narrow[1], "{plain:?} {narrow:?}");
}
