//! Reconstructions by ridge decoders from an infinitely wide network.
//!
//! A ridge decoder is linear in the activations and is trained on `n` samples. Its prediction is therefore a linear
//! combination of the training targets, whose weights depend on the activations only through their kernel `A_l`. Let
//! `C` be the projection that subtracts means, `K_l = C A_l C`, and `s` the standard deviation of the noise on each of
//! `w` units. The ridge `||V h + c - y||^2 + n s^2 ||V||^2` then has the dual weights
//!
//! ```text
//! alpha_l(h) = (K_l + lambda)^-1 C (a_l(h) - A_l 1 / n),   lambda = n s^2 / w
//! y(h) = mean(y) + sum_i alpha_i (y_i - mean(y))
//! ```
//!
//! where `a_l(h)` are the kernels of `h` with the training samples. *Direct* reconstructions use the input as target
//! `y`. *Chained* reconstructions use the layer before as target. Their outputs are again combinations of training
//! activations and have the kernels `A_(l-1) alpha` with them. The decoders below therefore multiply the weights by the
//! smoothers `M_k = (K_k + lambda)^-1 K_k`,
//!
//! ```text
//! r_l(h) = mean(x) + (x - mean(x))^T M_1 M_2 ... M_(l-1) alpha_l(h)
//! ```
//!
//! The width enters only through `lambda`: channel noise averages out over infinitely many units. At finite width
//! random kernels also fluctuate; see [`Ridge::fluctuations`].

mod fluctuations;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use self::fluctuations::{DecoderStage, EffectiveRidge};
use crate::{Error, LayerKernels, Result, Theory, cholesky::Cholesky, theory::check};

/// Noise and width of ridge decoders.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ridge {
    /// Standard deviation `s` of the noise on each activation, in `[1e-8, 1e8]`.
    pub noise: f64,
    /// Number of units `w` of every layer.
    pub width: usize,
    /// True to add the first-order effect in one over the width of random kernel fluctuations: a larger ridge on
    /// average (Jacot et al. arXiv:2002.08404), and a variance around the average. This takes about five times as long.
    pub fluctuations: bool,
}

/// Predicted reconstructions, layer by layer.
#[derive(Debug)]
pub struct RidgeTheory {
    kernels: LayerKernels,
    ridge: Ridge,
    n_train: usize,
    /// `mean(x)`, `[D]`
    mean: Array1<f64>,
    /// `x - mean(x)` of the training samples, `[n, D]`
    centred: Array2<f64>,
    /// `M_(l-1) ... M_1 (x - mean(x))`, `[n, D]`
    smoothed: Array2<f64>,
    /// Contribution of the decoders below to the variance of a reconstruction, as a quadratic form in its weights,
    /// `[n, n]`.
    variance: Option<Array2<f64>>,
}

/// Reconstructions of the probe samples from one layer, `[m, D]` each.
#[derive(Clone, Debug, PartialEq)]
pub struct RidgeReconstruction {
    /// Index of the decoded layer.
    pub layer: usize,
    /// Reconstructions by one decoder from the layer to the input.
    pub direct: Array2<f32>,
    /// Reconstructions by the chain of decoders from layer to layer.
    pub chained: Array2<f32>,
    /// Squared error that the variance over random networks adds to each direct reconstruction, summed over pixels,
    /// `[m]`. It includes the units of the last layer only and is zero without fluctuations.
    pub direct_variance: Array1<f64>,
    /// Squared error that the variance over random networks adds to each chained reconstruction; includes all decoders.
    pub chained_variance: Array1<f64>,
    /// Ridge of the decoder: `lambda`, or the larger effective ridge with fluctuations.
    pub lambda: f64,
}

impl RidgeTheory {
    /// Creates decoders that learn from `train` `[n, D]` and reconstruct `probe` `[m, D]`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if a setting or sample is outside its range, [`Error::NoInputs`] without samples,
    /// [`Error::InputWidths`] if `train` and `probe` differ in width.
    pub fn new(
        theory: Theory,
        ridge: Ridge,
        train: ArrayView2<'_, f32>,
        probe: ArrayView2<'_, f32>,
    ) -> Result<Self> {
        check("noise", ridge.noise, 1e-8, 1e8, "from 1e-8 to 1e8")?;
        check("width", ridge.width as f64, 1.0, 1e15, "at least 1")?;
        if train.is_empty() || probe.is_empty() {
            return Err(Error::NoInputs);
        }
        let all = ndarray::concatenate(Axis(0), &[train, probe])
            .map_err(|_| Error::InputWidths { train: train.ncols(), probe: probe.ncols() })?;
        let kernels = LayerKernels::new(theory, all.view())?;
        let train = train.mapv(f64::from);
        let mean = train.sum_axis(Axis(0)) / train.nrows() as f64;
        let centred = &train - &mean;
        let (n_train, smoothed) = (train.nrows(), centred.clone());
        let variance = ridge.fluctuations.then(|| Array2::zeros((n_train, n_train)));
        Ok(Self { kernels, ridge, n_train, mean, centred, smoothed, variance })
    }

    /// Advances to the next layer and reconstructs from it.
    ///
    /// # Errors
    /// [`Error::LengthOverflow`] if lengths become too large to compute, [`Error::NotPositiveDefinite`] if the noise is
    /// too small for the rounding errors of the kernel.
    pub fn next_layer(&mut self) -> Result<RidgeReconstruction> {
        self.kernels.advance()?;
        let (kernel, cross, own) = self.centred_kernels();
        let ridge = self.effective_ridge(&kernel)?;
        let decoder = factorise(&kernel, ridge.lambda)?;
        let mut alpha = cross.clone();
        decoder.solve(&mut alpha);
        let direct = self.combine(&alpha, &self.centred);
        let chained = self.combine(&alpha, &self.smoothed);
        let mut solved = self.smoothed.clone();
        decoder.solve(&mut solved);
        let width = self.ridge.width as f64;
        let stage = DecoderStage { kernel: &kernel, ridge, decoder: &decoder, width };
        let none = || Array1::zeros(own.len());
        let (mut direct_variance, mut chained_variance) = (none(), none());
        if let Some(below) = &mut self.variance {
            let kernels = [&cross, &alpha];
            let mut direct = self.centred.clone();
            decoder.solve(&mut direct);
            let t = stage.target_variance(&self.centred, &direct);
            direct_variance = stage.variance(kernels, &own, &direct, t);
            let t = stage.target_variance(&self.smoothed, &solved);
            chained_variance = stage.variance(kernels, &own, &solved, t)
                + (&alpha * &below.dot(&alpha)).sum_axis(Axis(0));
            *below = stage.propagate(below, &self.smoothed, t);
        }
        // M S = S - lambda (K + lambda)^-1 S
        self.smoothed.scaled_add(-ridge.lambda, &solved);
        let (layer, lambda) = (self.kernels.layer(), ridge.lambda);
        Ok(RidgeReconstruction {
            layer,
            direct,
            chained,
            direct_variance,
            chained_variance,
            lambda,
        })
    }

    /// Computes `C A C` of the training samples, `C (a - A 1 / n)` of the probe samples with them, and the kernels of
    /// the probe samples with themselves about the mean of the training samples.
    fn centred_kernels(&self) -> (Array2<f64>, Array2<f64>, Array1<f64>) {
        let (n, all) = (self.n_train, self.kernels.kernel());
        let mut kernel = all.slice(s![..n, ..n]).to_owned();
        let mut cross = all.slice(s![..n, n..]).to_owned();
        let rows = kernel.sum_axis(Axis(1)) / n as f64;
        let total = rows.sum() / n as f64;
        let probe = cross.sum_axis(Axis(0)) / n as f64;
        for ((i, j), entry) in kernel.indexed_iter_mut() {
            *entry += total - rows[i] - rows[j];
        }
        for ((i, j), entry) in cross.indexed_iter_mut() {
            *entry += total - rows[i] - probe[j];
        }
        let own = all.slice(s![n.., n..]).diag().to_owned() - &(probe * 2.0) + total;
        (kernel, cross, own)
    }

    fn effective_ridge(&self, kernel: &Array2<f64>) -> Result<EffectiveRidge> {
        let Ridge { noise, width, fluctuations } = self.ridge;
        let lambda = self.n_train as f64 * noise * noise / width as f64;
        if fluctuations {
            EffectiveRidge::new(kernel, lambda, width as f64)
        } else {
            Ok(EffectiveRidge { lambda, derivative: 1.0 })
        }
    }

    /// Computes the reconstructions with the weights `alpha` `[n, m]` on the `targets` of the training samples.
    fn combine(&self, alpha: &Array2<f64>, targets: &Array2<f64>) -> Array2<f32> {
        (alpha.t().dot(targets) + &self.mean).mapv(|x| x as f32)
    }
}

fn factorise(kernel: &Array2<f64>, lambda: f64) -> Result<Cholesky> {
    let mut shifted = kernel.clone();
    shifted.diag_mut().mapv_inplace(|x| x + lambda);
    Cholesky::new(shifted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal_rng::NormalRng;
    use isobath_architecture::Activation;
    use ndarray::Zip;

    fn samples(n: usize, width: usize, seed: u64) -> Array2<f32> {
        let mut normal = NormalRng::new(seed);
        Array2::from_shape_simple_fn((n, width), || (0.5 + 0.3 * normal.draw()) as f32)
    }

    fn theory(activation: Activation, sigma_w2: f64) -> Theory {
        Theory::new(activation, sigma_w2, 0.05).unwrap()
    }

    fn largest_difference(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
        Zip::from(a).and(b).fold(0.0, |worst, a, b| (a - b).abs().max(worst))
    }

    fn error(x: &Array2<f32>, reconstruction: &Array2<f32>) -> f32 {
        let mean = x.mean_axis(Axis(0)).unwrap();
        let (missed, all) = (x - reconstruction, x - &mean);
        (&missed * &missed).sum() / (&all * &all).sum()
    }

    #[test]
    fn chain_of_the_first_layer_is_direct() {
        let (train, probe) = (samples(60, 5, 1), samples(10, 5, 2));
        let ridge = Ridge { noise: 0.03, width: 100, fluctuations: false };
        let mut prediction =
            RidgeTheory::new(theory(Activation::Tanh, 1.5), ridge, train.view(), probe.view())
                .unwrap();
        let first = prediction.next_layer().unwrap();
        assert!(largest_difference(&first.direct, &first.chained) < 1e-6);
        let second = prediction.next_layer().unwrap();
        assert!(largest_difference(&second.direct, &second.chained) > 1e-4);
    }

    /// With a linear activation and an infinitely wide network, a layer is the input in other coordinates, and the
    /// chain of two decoders is the square of one ridge: in the eigenbasis of the inputs' covariance, each decoder
    /// multiplies a component of variance `v` per unit of kernel by `v / (v + lambda / n)`.
    #[test]
    fn linear_networks_shrink_each_component() {
        // A single varying pixel has a single component.
        let train = Array2::from_shape_fn((40, 1), |(i, _)| if i % 2 == 0 { 0.0 } else { 1.0 });
        let probe = Array2::from_elem((1, 1), 1.0_f32);
        let ridge = Ridge { noise: 0.4, width: 1, fluctuations: false };
        let linear = Theory::new(Activation::Linear, 1.0, 0.0).unwrap();
        let mut prediction = RidgeTheory::new(linear, ridge, train.view(), probe.view()).unwrap();
        let share = 0.25 / (0.25 + 0.16);
        for layer in 1..5 {
            let found = prediction.next_layer().unwrap();
            let expected = 0.5 + 0.5 * f64::powi(share, layer);
            assert!((f64::from(found.chained[[0, 0]]) - expected).abs() < 1e-6, "{layer}");
            assert!((f64::from(found.direct[[0, 0]]) - 0.5 - 0.5 * share).abs() < 1e-6, "{layer}");
        }
    }

    #[test]
    fn errors_rise_with_depth_and_noise() {
        let (train, probe) = (samples(150, 6, 3), samples(40, 6, 4));
        let errors = |noise| {
            let ridge = Ridge { noise, width: 200, fluctuations: false };
            let mut prediction =
                RidgeTheory::new(theory(Activation::Tanh, 1.0), ridge, train.view(), probe.view())
                    .unwrap();
            (0..6)
                .map(|_| error(&probe, &prediction.next_layer().unwrap().chained))
                .collect::<Vec<_>>()
        };
        let (quiet, loud) = (errors(0.01), errors(1.0));
        assert!(quiet.windows(2).all(|pair| pair[0] < pair[1]), "{quiet:?}");
        assert!(quiet.iter().zip(&loud).all(|(quiet, loud)| quiet < loud), "{quiet:?} {loud:?}");
        assert!(loud[5] > 0.5 && loud[5] < 1.1 && quiet[0] < 0.001, "{quiet:?} {loud:?}");
    }

    #[test]
    fn bad_settings_are_errors() {
        let good = Ridge { noise: 0.1, width: 10, fluctuations: false };
        let (train, probe) = (samples(5, 3, 1), samples(4, 2, 1));
        let tanh = theory(Activation::Tanh, 1.0);
        let error = RidgeTheory::new(tanh, good, train.view(), probe.view()).unwrap_err();
        assert_eq!(error, Error::InputWidths { train: 3, probe: 2 });
        for ridge in [Ridge { noise: 0.0, ..good }, Ridge { width: 0, ..good }] {
            assert!(RidgeTheory::new(tanh, ridge, train.view(), train.view()).is_err());
        }
    }
}
