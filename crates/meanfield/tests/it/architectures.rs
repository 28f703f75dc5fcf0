//! Architectures without an implementation in crate `network`, compared with random networks sampled here.
//!
//! Tolerances are four standard errors plus a bias of order `depth / width`, as in `finite_width.rs`.

use crate::common::{Estimate, Sampler, biases, gaussian, mean_product, normal, phi, slope};
use isobath_architecture::Activation;
use isobath_meanfield::{
    Branch, Dropout, PostActivation, Residual, SpatialVariance, StreamMoments, Theory, Weights,
    kernel::Kernel,
};
use ndarray::{Array1, Array2, Axis, s};

const WIDTH: usize = 200;
const BIAS: f64 = 3.0 / WIDTH as f64;

/// Two columns of inputs with mean squares one and a correlation of about one half.
fn inputs(sampler: &mut Sampler) -> Array2<f64> {
    let mut x = normal(sampler, [WIDTH, 2]);
    let shared = x.column(0).to_owned();
    x.column_mut(1).zip_mut_with(&shared, |b, a| *b = 0.5 * a + 0.75_f64.sqrt() * *b);
    x
}

#[test]
fn dropout_maps_match_networks_with_masks() {
    let (sigma_w2, sigma_b2, keep) = (1.5, 0.1, 0.7);
    for (i, activation) in [Activation::Tanh, Activation::Relu, Activation::Silu].iter().enumerate()
    {
        let dropout = Dropout::new(*activation, sigma_w2, sigma_b2, keep).unwrap();
        let [mut length, mut product] = [(); 2].map(|()| Estimate::default());
        for network in 0..60 {
            let mut sampler = Sampler::new(1000 * i + network);
            // Pre-activations have length one and correlation 1/2; the mask is independent for each input.
            let u = inputs(&mut sampler);
            let mask = normal(&mut sampler, [WIDTH, 2]).mapv(|z| {
                if libm::erf(z / 2_f64.sqrt()) < 2.0 * keep - 1.0 { keep.recip() } else { 0.0 }
            });
            let h = u.mapv(|u| phi(*activation, u)) * mask;
            let next = gaussian(&mut sampler, [WIDTH, WIDTH], sigma_w2).dot(&h)
                + biases(&mut sampler, WIDTH, sigma_b2);
            length.add(mean_product(&next, 0, 0));
            product.add(mean_product(&next, 0, 1));
        }
        let q = dropout.length_map(1.0).unwrap();
        length.check(&format!("length of {activation}"), q, BIAS);
        let expected = q * dropout.correlation_map(1.0, 0.5).unwrap();
        product.check(&format!("covariance of {activation}"), expected, BIAS);
    }
}

/// Residual block of a sampled network, with the quantities that gradients need.
struct Block {
    w: Array2<f64>,
    /// Values `phi'` of the pre-activations of the first input.
    slopes: Array1<f64>,
    /// Outer weights of a full branch.
    v: Option<Array2<f64>>,
}

impl Block {
    /// Draws a block and passes the stream `x`, one column per input, through it.
    fn forward(
        sampler: &mut Sampler,
        activation: Activation,
        branch: Branch,
        x: &mut Array2<f64>,
    ) -> Self {
        let w = gaussian(sampler, [WIDTH, WIDTH], RESIDUAL_W2);
        let h = w.dot(x) + biases(sampler, WIDTH, RESIDUAL_B2);
        let slopes = h.column(0).mapv(|h| slope(activation, h));
        let y = h.mapv(|h| phi(activation, h));
        let Branch::Full { sigma_v2, sigma_a2 } = branch else {
            *x += &y;
            return Self { w, slopes, v: None };
        };
        let v = gaussian(sampler, [WIDTH, WIDTH], sigma_v2);
        *x += &(v.dot(&y) + biases(sampler, WIDTH, sigma_a2));
        Self { w, slopes, v: Some(v) }
    }

    fn backward(&self, gradient: &mut Array1<f64>) {
        let inner = self.v.as_ref().map_or_else(|| gradient.clone(), |v| v.t().dot(gradient));
        *gradient += &self.w.t().dot(&(inner * &self.slopes));
    }
}

const RESIDUAL_W2: f64 = 1.2;
const RESIDUAL_B2: f64 = 0.1;

#[test]
fn residual_profiles_match_networks() {
    const DEPTH: usize = 4;
    let full = Branch::Full { sigma_v2: 0.6, sigma_a2: 0.2 };
    let cases = [(Activation::Tanh, Branch::Reduced), (Activation::Relu, Branch::Reduced)]
        .into_iter()
        .chain([Activation::Tanh, Activation::Relu, Activation::Selu].map(|a| (a, full)));
    for (i, (activation, branch)) in cases.enumerate() {
        let theory = Residual::new(activation, RESIDUAL_W2, RESIDUAL_B2, branch).unwrap();
        let layers = theory.profile(StreamMoments::centred(1.0, 0.5), DEPTH).unwrap();
        let [mut square, mut product, mut gradients] = [(); 3].map(|()| Estimate::default());
        for network in 0..50 {
            let mut sampler = Sampler::new(5000 * i + network);
            let mut x = inputs(&mut sampler);
            let blocks: Vec<_> = (0..DEPTH)
                .map(|_| Block::forward(&mut sampler, activation, branch, &mut x))
                .collect();
            square.add(mean_product(&x, 0, 0));
            product.add(mean_product(&x, 0, 1));
            let mut gradient = normal(&mut sampler, [WIDTH, 1]).remove_axis(Axis(1));
            let last = gradient.dot(&gradient);
            blocks.iter().rev().for_each(|block| block.backward(&mut gradient));
            gradients.add(gradient.dot(&gradient) / last);
        }
        let last = layers[DEPTH - 1];
        let label = |name: &str| format!("{name} of {activation}, {branch:?}");
        let bias = BIAS * DEPTH as f64;
        square.check(&label("length"), last.p[0], bias);
        product.check(&label("product"), last.e * last.p[0], bias);
        let gain: f64 = layers.iter().map(|layer| layer.chi).product();
        gradients.check(&label("gradient"), gain, bias);
    }
}

#[test]
fn post_activation_networks_converge_to_the_fixed_point() {
    let (sigma_w2, sigma_b2, depth) = (0.8, 0.3, 25);
    let blocks = PostActivation::new(Activation::Tanh, sigma_w2, sigma_b2).unwrap();
    let point = blocks.fixed_point();
    let [mut square, mut growth] = [(); 2].map(|()| Estimate::default());
    for network in 0..16 {
        let mut sampler = Sampler::new(network);
        let mut x = normal(&mut sampler, [WIDTH, 1]);
        let mut tangent = normal(&mut sampler, [WIDTH, 1]);
        let mut before = 0.0;
        for layer in 0..depth {
            let w = [(); 2].map(|()| gaussian(&mut sampler, [WIDTH, WIDTH], sigma_w2));
            let h = w[0].dot(&x) + biases(&mut sampler, WIDTH, sigma_b2);
            let u = &x + &w[1].dot(&h.mapv(f64::tanh)) + biases(&mut sampler, WIDTH, sigma_b2);
            let inner = h.mapv(|h| slope(Activation::Tanh, h)) * w[0].dot(&tangent);
            tangent = u.mapv(|u| slope(Activation::Tanh, u)) * (&tangent + &w[1].dot(&inner));
            x = u.mapv(f64::tanh);
            if layer + 1 == depth - 15 {
                before = mean_product(&tangent, 0, 0);
            }
        }
        square.add(mean_product(&x, 0, 0));
        growth.add((mean_product(&tangent, 0, 0) / before).ln() / 15.0);
    }
    square.check("the stream's mean square", point.p_star, BIAS);
    // The logarithm of a mean with relative variance depth / width is lower by half of it, per layer.
    growth.check("the growth of differences", point.chi.ln(), 0.0);
}

/// Covariance map of a one-dimensional convolution with circular padding.
fn ring_map(theory: &Theory, shares: &[f64], covariance: &Array2<f64>) -> Array2<f64> {
    let n = covariance.nrows();
    let kernel = Kernel::new(isobath_meanfield::Phi::new(theory.activation()));
    let after = Array2::from_shape_fn((n, n), |(i, j)| {
        let (q_a, q_b) = (covariance[[i, i]], covariance[[j, j]]);
        kernel.covariance(q_a, q_b, (covariance[[i, j]] / (q_a * q_b).sqrt()).clamp(-1.0, 1.0))
    });
    Array2::from_shape_fn((n, n), |(i, j)| {
        let moved = |(b, share): (usize, &f64)| share * after[[(i + b) % n, (j + b) % n]];
        theory.sigma_w2() * shares.iter().enumerate().map(moved).sum::<f64>() + theory.sigma_b2()
    })
}

#[test]
fn convolution_covariances_match_networks() {
    const N: usize = 6;
    const CHANNELS: usize = 80;
    let theory = Theory::new(Activation::Tanh, 1.6, 0.1).unwrap();
    let shares = [0.5, 0.3, 0.2];
    let mut estimates = vec![Estimate::default(); N * N];
    let mut expected = None;
    for network in 0..60 {
        let mut sampler = Sampler::new(network);
        // Positions have different lengths, and neighbours are correlated.
        let draw = normal(&mut sampler, [CHANNELS, N]);
        let mut x = Array2::from_shape_fn((CHANNELS, N), |(channel, i)| {
            (0.5 + 0.2 * i as f64) * (draw[[channel, i]] + draw[[channel, (i + 1) % N]])
        });
        for _ in 0..2 {
            let y = x.mapv(f64::tanh);
            x = Array2::zeros((CHANNELS, N)) + biases(&mut sampler, CHANNELS, theory.sigma_b2());
            for (b, share) in shares.iter().enumerate() {
                let w = gaussian(&mut sampler, [CHANNELS, CHANNELS], share * theory.sigma_w2());
                let moved =
                    ndarray::concatenate![Axis(1), y.slice(s![.., b..]), y.slice(s![.., ..b])];
                x += &w.dot(&moved);
            }
        }
        for ((i, j), estimate) in (0..N * N).map(|k| (k / N, k % N)).zip(&mut estimates) {
            estimate.add(mean_product(&x, i, j));
        }
        expected.get_or_insert_with(|| {
            let start = Array2::from_shape_fn((N, N), |(i, j)| {
                let scale = (0.5 + 0.2 * i as f64) * (0.5 + 0.2 * j as f64);
                let shared = f64::from(i == j) * 2.0
                    + f64::from((i + 1) % N == j)
                    + f64::from((j + 1) % N == i);
                scale * shared
            });
            let once = ring_map(&theory, &shares, &start);
            ring_map(&theory, &shares, &once)
        });
    }
    let expected = expected.unwrap();
    for (k, estimate) in estimates.iter().enumerate() {
        let label = format!("covariance of positions {} and {}", k / N, k % N);
        estimate.check(&label, expected[[k / N, k % N]], 6.0 / CHANNELS as f64);
    }
}

/// A small wave on the fixed point decays at the rate of its mode: lengths by `xi_q(k)`, covariances of positions at a
/// fixed distance by `xi_c(k)`.
#[test]
fn waves_decay_at_the_rate_of_their_mode() {
    const N: usize = 8;
    let theory = Theory::new(Activation::Erf, 2.5, 0.05).unwrap();
    let point = theory.fixed_point().unwrap();
    let q = point.q_star.unwrap();
    let shares = [0.3, 0.5, 0.2];
    let scales = point.mode_scales(&SpatialVariance::new([1, 3], shares.to_vec()).unwrap(), [1, N]);
    for (waves, distance) in (0..=N / 2).flat_map(|waves| [(waves, 0), (waves, 3)]) {
        let angle = |i: usize| std::f64::consts::TAU * (waves * i) as f64 / N as f64;
        let stable = if distance == 0 { q } else { q * point.c_star };
        let mut covariance = Array2::from_shape_fn((N, N), |(i, j)| {
            let wave = |i: usize| 1e-5 * angle(i).cos();
            match (j + N - i) % N {
                0 => q + if distance == 0 { wave(i) } else { 0.0 },
                apart if apart == distance => q * point.c_star + wave(i),
                apart if apart == N - distance => q * point.c_star + wave(j),
                _ => q * point.c_star,
            }
        });
        // The amplitude is invariant under the shift of the wave by an asymmetric kernel.
        let amplitude = |covariance: &Array2<f64>| {
            let wave = (0..N).fold([0.0; 2], |[x, y], i| {
                let excess = covariance[[i, (i + distance) % N]] - stable;
                [x + excess * angle(i).cos(), y + excess * angle(i).sin()]
            });
            f64::hypot(wave[0], wave[1])
        };
        let before = amplitude(&covariance);
        covariance = ring_map(&theory, &shares, &covariance);
        let scale = if distance == 0 { scales[waves].xi_q } else { scales[waves].xi_c };
        let (found, expected) = (amplitude(&covariance) / before, (-1.0 / scale).exp());
        assert!((found - expected).abs() < 1e-3, "{waves} {distance}: {found} {expected}");
    }
}

/// Orthogonal matrix: Gaussian columns made orthonormal, twice to remove rounding errors.
fn orthogonal(sampler: &mut Sampler, n: usize) -> Array2<f64> {
    let mut q = normal(sampler, [n, n]);
    for j in 0..n {
        for _ in 0..2 {
            let (before, mut rest) = q.view_mut().split_at(Axis(1), j);
            let mut column = rest.column_mut(0);
            let shares = before.t().dot(&column);
            column -= &before.dot(&shares);
        }
        let length = q.column(j).dot(&q.column(j)).sqrt();
        q.column_mut(j).mapv_inplace(|x| x / length);
    }
    q
}

#[test]
fn singular_values_match_random_networks() {
    const DEPTH: usize = 4;
    const N: usize = 120;
    for (activation, sigma_w2, sigma_b2) in [
        (Activation::Tanh, 1.3, 0.05),
        (Activation::Relu, 1.5, 0.2),
        (Activation::HardTanh, 1.2, 0.05),
    ] {
        let theory = Theory::new(activation, sigma_w2, sigma_b2).unwrap();
        let point = theory.fixed_point().unwrap();
        for weights in [Weights::Gaussian, Weights::Orthogonal] {
            let spectrum = theory.jacobian_at(&point, weights, DEPTH);
            let [mut mean, mut spread] = [(); 2].map(|()| Estimate::default());
            for network in 0..12 {
                let mut sampler = Sampler::new(network);
                let mut u = normal(&mut sampler, [N, 1]) * point.q_star.unwrap().sqrt();
                let mut jacobian = Array2::<f64>::eye(N);
                for _ in 0..DEPTH {
                    let w = match weights {
                        Weights::Gaussian => gaussian(&mut sampler, [N, N], sigma_w2),
                        Weights::Orthogonal => orthogonal(&mut sampler, N) * sigma_w2.sqrt(),
                    };
                    jacobian = w.dot(&(u.mapv(|u| slope(activation, u)) * &jacobian));
                    u = w.dot(&u.mapv(|u| phi(activation, u))) + biases(&mut sampler, N, sigma_b2);
                }
                let squared = jacobian.dot(&jacobian.t());
                let first = squared.diag().sum() / N as f64;
                let second = squared.iter().map(|x| x * x).sum::<f64>() / N as f64;
                mean.add(first);
                spread.add(second / (first * first) - 1.0);
            }
            let label = |name: &str| format!("{name}, {activation}, {weights:?}");
            let bias = 3.0 * DEPTH as f64 / N as f64;
            mean.check(&label("mean"), spectrum.ln_mean.exp(), bias);
            spread.check(&label("spread"), spectrum.relative_variance, bias);
        }
    }
}
