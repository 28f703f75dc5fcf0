//! Lengths, covariances and gradients of every architecture with every activation, compared with random networks.
//!
//! The test averages over many narrow networks. For a single layer the means are exact at any width, and the tolerance
//! is four standard errors. For several layers it includes a bias of order `depth / width`, as in `finite_width.rs`.

use crate::common::{Estimate, Sampler, biases, gaussian, mean_product, normal, phi, slope};
use isobath_architecture::Activation;
use isobath_meanfield::{
    Branch, Dropout, PostActivation, Residual, StreamMoments, Theory, Weights, kernel::Kernel,
};
use ndarray::{Array1, Array2, Axis, s};

const WIDTH: usize = 64;
/// Below the limit of every activation, so that all activations have a fixed point.
const SIGMA_W2: f64 = 0.6;
const SIGMA_B2: f64 = 0.1;

/// Two columns of units with variance `q` and correlation `c`.
fn pair(sampler: &mut Sampler, q: f64, c: f64) -> Array2<f64> {
    let mut x = normal(sampler, [WIDTH, 2]) * q.sqrt();
    let shared = x.column(0).to_owned();
    x.column_mut(1).zip_mut_with(&shared, |b, a| *b = c * a + (1.0 - c * c).sqrt() * *b);
    x
}

fn column(sampler: &mut Sampler, width: usize) -> Array1<f64> {
    normal(sampler, [width, 1]).remove_axis(Axis(1))
}

/// At the fixed point a layer preserves lengths and covariances, multiplies squared gradients by `chi_1`, and
/// multiplies products of the gradients of two inputs by the slope of the correlation map.
#[test]
fn dropout_preserves_its_fixed_point() {
    const KEEP: f64 = 0.7;
    for (i, activation) in Activation::ALL.into_iter().enumerate() {
        let point =
            Dropout::new(activation, SIGMA_W2, SIGMA_B2, KEEP).unwrap().fixed_point().unwrap();
        let (q, c) = (point.q_star.unwrap(), point.c_star);
        let [mut length, mut product, mut gradient, mut slopes] =
            [(); 4].map(|()| Estimate::default());
        for network in 0..150 {
            let mut sampler = Sampler::new(1000 * i + network);
            let u = pair(&mut sampler, q, c);
            let mask = normal(&mut sampler, [WIDTH, 2]).mapv(|z| {
                if libm::erf(z / 2_f64.sqrt()) < 2.0 * KEEP - 1.0 { KEEP.recip() } else { 0.0 }
            });
            let w = gaussian(&mut sampler, [WIDTH, WIDTH], SIGMA_W2);
            let h = u.mapv(|u| phi(activation, u)) * &mask;
            let next = w.dot(&h) + biases(&mut sampler, WIDTH, SIGMA_B2);
            length.add(mean_product(&next, 0, 0));
            product.add(mean_product(&next, 0, 1));
            let above = column(&mut sampler, WIDTH);
            let back = w.t().dot(&above).insert_axis(Axis(1))
                * &(u.mapv(|u| slope(activation, u)) * &mask);
            gradient.add(mean_product(&back, 0, 0));
            slopes.add(mean_product(&back, 0, 1));
        }
        let label = |name: &str| format!("{name} of {activation}");
        length.check(&label("length"), q, 0.0);
        product.check(&label("covariance"), q * c, 0.0);
        gradient.check(&label("chi_1"), point.chi_1, 0.0);
        slopes.check(&label("chi at c*"), point.chi_c_star, 0.0);
    }
}

#[test]
fn residual_streams_and_gradients_grow_as_predicted() {
    const DEPTH: usize = 2;
    let full = Branch::Full { sigma_v2: 0.6, sigma_a2: 0.2 };
    let cases = Activation::ALL.into_iter().flat_map(|a| [(a, Branch::Reduced), (a, full)]);
    for (i, (activation, branch)) in cases.enumerate() {
        let theory = Residual::new(activation, SIGMA_W2, SIGMA_B2, branch).unwrap();
        let layers = theory.profile(StreamMoments::centred(1.0, 0.5), DEPTH).unwrap();
        let [mut square, mut product, mut gradients] = [(); 3].map(|()| Estimate::default());
        for network in 0..80 {
            let mut sampler = Sampler::new(5000 * i + network);
            let mut x = pair(&mut sampler, 1.0, 0.5);
            // The product of the transposed Jacobians of all blocks at the first input, applied to a random gradient,
            // has the same mean square as the forward product applied to a random tangent.
            let mut tangent = normal(&mut sampler, [WIDTH, 1]);
            let before = mean_product(&tangent, 0, 0);
            for _ in 0..DEPTH {
                let w = gaussian(&mut sampler, [WIDTH, WIDTH], SIGMA_W2);
                let h = w.dot(&x) + biases(&mut sampler, WIDTH, SIGMA_B2);
                let slopes = h.column(0).mapv(|h| slope(activation, h)).insert_axis(Axis(1));
                let (mut step, mut moved) =
                    (h.mapv(|h| phi(activation, h)), slopes * w.dot(&tangent));
                if let Branch::Full { sigma_v2, sigma_a2 } = branch {
                    let v = gaussian(&mut sampler, [WIDTH, WIDTH], sigma_v2);
                    step = v.dot(&step) + biases(&mut sampler, WIDTH, sigma_a2);
                    moved = v.dot(&moved);
                }
                x += &step;
                tangent += &moved;
            }
            square.add(mean_product(&x, 0, 0));
            product.add(mean_product(&x, 0, 1));
            gradients.add(mean_product(&tangent, 0, 0) / before);
        }
        let label = |name: &str| format!("{name} of {activation}, {branch:?}");
        let bias = 3.0 * DEPTH as f64 / WIDTH as f64;
        square.check(&label("length"), layers[DEPTH - 1].p[0], bias);
        product.check(&label("product"), layers[DEPTH - 1].e * layers[DEPTH - 1].p[0], bias);
        let gain: f64 = layers.iter().map(|layer| layer.chi).product();
        gradients.check(&label("gradient"), gain, bias);
    }
}

/// One convolution over a ring of positions with equal lengths and two correlations.
#[test]
fn convolutions_average_over_neighbours() {
    const POSITIONS: usize = 4;
    const SHARES: [f64; 3] = [0.5, 0.3, 0.2];
    const Q: f64 = 1.3;
    for (i, activation) in Activation::ALL.into_iter().enumerate() {
        let kernel = Kernel::new(isobath_meanfield::Phi::new(activation));
        // Neighbours share half of their variance.
        let covariance =
            |apart: usize| kernel.covariance(Q, Q, [1.0, 0.5, 0.0, 0.5][apart % POSITIONS]);
        let mut estimates = vec![Estimate::default(); POSITIONS];
        for network in 0..150 {
            let mut sampler = Sampler::new(1000 * i + network);
            let draw = normal(&mut sampler, [WIDTH, POSITIONS]) * (0.5 * Q).sqrt();
            let y = Array2::from_shape_fn((WIDTH, POSITIONS), |(channel, place)| {
                phi(activation, draw[[channel, place]] + draw[[channel, (place + 1) % POSITIONS]])
            });
            let mut next =
                Array2::zeros((WIDTH, POSITIONS)) + biases(&mut sampler, WIDTH, SIGMA_B2);
            for (b, share) in SHARES.iter().enumerate() {
                let w = gaussian(&mut sampler, [WIDTH, WIDTH], share * SIGMA_W2);
                let moved =
                    ndarray::concatenate![Axis(1), y.slice(s![.., b..]), y.slice(s![.., ..b])];
                next += &w.dot(&moved);
            }
            for (apart, estimate) in estimates.iter_mut().enumerate() {
                estimate.add(mean_product(&next, 0, apart));
            }
        }
        // Both positions move together, so that all taps have the same distance between them.
        for (apart, estimate) in estimates.iter().enumerate() {
            let expected = SIGMA_W2 * covariance(apart) + SIGMA_B2;
            estimate.check(&format!("{activation}, {apart} positions apart"), expected, 0.0);
        }
    }
}

/// Mean square of the stream from block to block, for every bounded activation.
#[test]
fn post_activation_profiles_match_networks() {
    const DEPTH: usize = 4;
    let bounded = Activation::ALL.into_iter().filter_map(|activation| {
        Some((activation, PostActivation::new(activation, SIGMA_W2, SIGMA_B2).ok()?))
    });
    let mut n_bounded = 0;
    for (i, (activation, blocks)) in bounded.enumerate() {
        n_bounded += 1;
        let profile = blocks.profile(1.0, DEPTH).unwrap();
        let mut squares = vec![Estimate::default(); DEPTH];
        for network in 0..80 {
            let mut sampler = Sampler::new(1000 * i + network);
            let mut x = normal(&mut sampler, [WIDTH, 1]);
            for square in &mut squares {
                let w = [(); 2].map(|()| gaussian(&mut sampler, [WIDTH, WIDTH], SIGMA_W2));
                let h = w[0].dot(&x) + biases(&mut sampler, WIDTH, SIGMA_B2);
                let inner = h.mapv(|h| phi(activation, h));
                let u = &x + &w[1].dot(&inner) + biases(&mut sampler, WIDTH, SIGMA_B2);
                x = u.mapv(|u| phi(activation, u));
                square.add(mean_product(&x, 0, 0));
            }
        }
        // The population is itself a sample of 4,000 units, as precise as 60 networks of this width.
        for (l, square) in squares.iter().enumerate() {
            let bias = 3.0 * (l + 1) as f64 / WIDTH as f64;
            square.check(&format!("block {} of {activation}", l + 1), profile[l], bias);
        }
    }
    assert!(n_bounded >= 5, "{n_bounded}");
}

/// Mean and variance of the squared singular values of two layers with Gaussian weights.
#[test]
fn jacobian_moments_match_random_networks() {
    const DEPTH: usize = 2;
    for (i, activation) in Activation::ALL.into_iter().enumerate() {
        let theory = Theory::new(activation, SIGMA_W2, SIGMA_B2).unwrap();
        let point = theory.fixed_point().unwrap();
        let spectrum = theory.jacobian_at(&point, Weights::Gaussian, DEPTH);
        let [mut mean, mut spread] = [(); 2].map(|()| Estimate::default());
        for network in 0..40 {
            let mut sampler = Sampler::new(1000 * i + network);
            let mut u = normal(&mut sampler, [WIDTH, 1]) * point.q_star.unwrap().sqrt();
            let mut jacobian = Array2::<f64>::eye(WIDTH);
            for _ in 0..DEPTH {
                let w = gaussian(&mut sampler, [WIDTH, WIDTH], SIGMA_W2);
                jacobian = w.dot(&(u.mapv(|u| slope(activation, u)) * &jacobian));
                u = w.dot(&u.mapv(|u| phi(activation, u))) + biases(&mut sampler, WIDTH, SIGMA_B2);
            }
            let squared = jacobian.dot(&jacobian.t());
            let first = squared.diag().sum() / WIDTH as f64;
            let second = squared.iter().map(|x| x * x).sum::<f64>() / WIDTH as f64;
            mean.add(first);
            spread.add(second / (first * first) - 1.0);
        }
        let bias = 3.0 * DEPTH as f64 / WIDTH as f64;
        mean.check(&format!("mean, {activation}"), spectrum.ln_mean.exp(), bias);
        spread.check(&format!("spread, {activation}"), spectrum.relative_variance, bias);
    }
}
