//! What ridge decoders reconstruct from an infinitely wide network.
//!
//! A ridge decoder is linear in the activations and trained on `n` samples, so its prediction is a combination of the
//! training targets that depends on the activations only through their kernel `A_l`. With `C` the projection that takes
//! means away, `K_l = C A_l C`, and noise of standard deviation `s` on each of `w` units, the ridge
//! `||V h + c - y||^2 + n s^2 ||V||^2` has the dual weights
//!
//! ```text
//! alpha_l(h) = (K_l + lambda)^-1 C (a_l(h) - A_l 1 / n),   lambda = n s^2 / w
//! y(h) = mean(y) + sum_i alpha_i (y_i - mean(y))
//! ```
//!
//! where `a_l(h)` are the kernels of `h` with the training samples. *Direct*: `y` is the input. *Chained*: `y` is the
//! layer before, whose reconstruction is again a combination of training activations and has the kernels `A_(l-1) alpha`
//! with them; the decoders below therefore multiply the weights by the smoothers `M_k = (K_k + lambda)^-1 K_k`,
//!
//! ```text
//! r_l(h) = mean(x) + (x - mean(x))^T M_1 M_2 ... M_(l-1) alpha_l(h)
//! ```
//!
//! The width enters through `lambda` alone: channel noise averages out over infinitely many units. At finite width
//! random kernels fluctuate as well; see [`Ridge::fluctuations`].

mod fluctuations;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use self::fluctuations::{ImplicitRidge, Stage};
use crate::{Error, LayerKernels, Result, Theory, cholesky::Cholesky, theory::check};

/// The noise on the channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ridge {
    /// The standard deviation `s` of the noise on each activation, in `[1e-8, 1e8]`.
    pub noise: f64,
    /// The number of units `w` of every layer.
    pub width: usize,
    /// Whether to add, to first order in one over the width, what the fluctuations of a random kernel do: a larger ridge
    /// on average (Jacot et al. arXiv:2002.08404), and a spread around the average. Takes about five times as long.
    pub fluctuations: bool,
}

/// Predictions of reconstructions, layer by layer.
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
    /// What the decoders below add to the spread of a reconstruction, as a quadratic form in its weights, `[n, n]`.
    spread: Option<Array2<f64>>,
}

/// Reconstructions of the probe samples from one layer, `[m, D]` each.
#[derive(Clone, Debug, PartialEq)]
pub struct RidgeReconstruction {
    /// The layer reconstructed from.
    pub layer: usize,
    /// By one decoder from the layer to the input.
    pub direct: Array2<f32>,
    /// By the chain of decoders from layer to layer.
    pub chained: Array2<f32>,
    /// The squared error that the spread over random networks adds to each direct reconstruction, summed over pixels,
    /// `[m]`; of the last layer's units alone. Zero without fluctuations.
    pub direct_spread: Array1<f64>,
    /// The same of the chain, of all its decoders.
    pub chained_spread: Array1<f64>,
    /// The ridge in force, `lambda` or the larger one that fluctuations amount to.
    pub lambda: f64,
}

impl RidgeTheory {
    /// Decoders that learn from `train` `[n, D]` and reconstruct `probe` `[m, D]`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for settings or samples outside their range, [`Error::NoInputs`] without samples,
    /// [`Error::InputWidths`] if the two differ in width.
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
        let spread = ridge.fluctuations.then(|| Array2::zeros((n_train, n_train)));
        Ok(Self { kernels, ridge, n_train, mean, centred, smoothed, spread })
    }

    /// Goes on to the next layer and reconstructs from there.
    ///
    /// # Errors
    /// [`Error::LengthOverflow`] if lengths grow beyond what can be computed, [`Error::NotPositiveDefinite`] if the noise
    /// is too small for the kernel's rounding errors.
    pub fn next_layer(&mut self) -> Result<RidgeReconstruction> {
        self.kernels.advance()?;
        let (kernel, cross, own) = self.centred_kernels();
        let ridge = self.implicit_ridge(&kernel)?;
        let decoder = factorise(&kernel, ridge.lambda)?;
        let mut alpha = cross.clone();
        decoder.solve(&mut alpha);
        let direct = self.combine(&alpha, &self.centred);
        let chained = self.combine(&alpha, &self.smoothed);
        let mut solved = self.smoothed.clone();
        decoder.solve(&mut solved);
        let width = self.ridge.width as f64;
        let stage = Stage { kernel: &kernel, ridge, decoder: &decoder, width };
        let none = || Array1::zeros(own.len());
        let (mut direct_spread, mut chained_spread) = (none(), none());
        if let Some(below) = &mut self.spread {
            let kernels = [&cross, &alpha];
            let mut direct = self.centred.clone();
            decoder.solve(&mut direct);
            let t = stage.target_spread(&self.centred, &direct);
            direct_spread = stage.spread(kernels, &own, &direct, t);
            let t = stage.target_spread(&self.smoothed, &solved);
            chained_spread = stage.spread(kernels, &own, &solved, t)
                + (&alpha * &below.dot(&alpha)).sum_axis(Axis(0));
            *below = stage.pass(below, &self.smoothed, t);
        }
        // M S = S - lambda (K + lambda)^-1 S
        self.smoothed.scaled_add(-ridge.lambda, &solved);
        let (layer, lambda) = (self.kernels.layer(), ridge.lambda);
        Ok(RidgeReconstruction { layer, direct, chained, direct_spread, chained_spread, lambda })
    }

    /// `C A C` of the training samples, `C (a - A 1 / n)` of the probe samples with them, and the probe samples' own
    /// kernels about the training samples' mean.
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

    fn implicit_ridge(&self, kernel: &Array2<f64>) -> Result<ImplicitRidge> {
        let Ridge { noise, width, fluctuations } = self.ridge;
        let lambda = self.n_train as f64 * noise * noise / width as f64;
        if fluctuations {
            ImplicitRidge::new(kernel, lambda, width as f64)
        } else {
            Ok(ImplicitRidge { lambda, derivative: 1.0 })
        }
    }

    /// The reconstructions whose weights on the training samples' `targets` are `alpha` `[n, m]`.
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
    use crate::normal::Normal;
    use isobath_architecture::Activation;
    use ndarray::Zip;

    fn samples(n: usize, width: usize, seed: u64) -> Array2<f32> {
        let mut normal = Normal::new(seed);
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
    fn the_first_layer_has_no_chain() {
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

    /// With the identity as activation and as many units as one likes, a layer is the input in other coordinates, and
    /// the chain of two decoders is the square of one ridge: in the eigenbasis of the inputs' covariance, a component of
    /// variance `v` per unit of kernel is multiplied by `v / (v + lambda / n)` for each.
    #[test]
    fn linear_networks_shrink_each_component() {
        // One varying pixel, so that one component matters.
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
