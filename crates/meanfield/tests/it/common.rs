//! Sampler that shares only the names of the activations with the crate.

use isobath_architecture::Activation;
use ndarray::Array2;

/// Activations, written again independently of the crate, so that an error there cannot cancel.
pub(crate) fn phi(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Tanh => x.tanh(),
        Activation::Erf => libm::erf(x),
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { slope } => x.max(0.0) + slope * x.min(0.0),
        Activation::Elu => x.max(0.0) + x.min(0.0).exp() - 1.0,
        Activation::Selu => 1.050_700_987 * (x.max(0.0) + 1.673_263_242 * (x.min(0.0).exp() - 1.0)),
        Activation::Softplus => (1.0 + x.exp()).ln(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::HardTanh => x.clamp(-1.0, 1.0),
        Activation::Gelu => 0.5 * x * (1.0 + libm::erf(x / 2_f64.sqrt())),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Sine => x.sin(),
        Activation::Linear => x,
    }
}

pub(crate) fn slope(activation: Activation, x: f64) -> f64 {
    (phi(activation, x + 1e-6) - phi(activation, x - 1e-6)) / 2e-6
}

/// Normal random numbers by the polar method over a 64-bit xorshift generator.
pub(crate) struct Sampler {
    state: u64,
}

impl Sampler {
    pub(crate) fn new(seed: usize) -> Self {
        Self { state: 0x9E37_79B9_7F4A_7C15 + seed as u64 }
    }

    fn uniform(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    pub(crate) fn normal_pair(&mut self) -> (f64, f64) {
        loop {
            let (x, y) = (self.uniform(), self.uniform());
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                let scale = (-2.0 * s.ln() / s).sqrt();
                return (x * scale, y * scale);
            }
        }
    }
}

/// Matrix of independent normal entries with variance `variance / columns`.
pub(crate) fn gaussian(sampler: &mut Sampler, shape: [usize; 2], variance: f64) -> Array2<f64> {
    let scale = (variance / shape[1] as f64).sqrt();
    normal(sampler, shape) * scale
}

/// Matrix of independent standard normal entries.
pub(crate) fn normal(sampler: &mut Sampler, shape: [usize; 2]) -> Array2<f64> {
    let mut spare = None;
    Array2::from_shape_simple_fn(shape, || {
        spare.take().unwrap_or_else(|| {
            let (x, y) = sampler.normal_pair();
            spare = Some(y);
            x
        })
    })
}

/// Mean product per unit of two inputs, the columns of `x`.
pub(crate) fn mean_product(x: &Array2<f64>, a: usize, b: usize) -> f64 {
    x.column(a).dot(&x.column(b)) / x.nrows() as f64
}

/// Bias vector shared by all inputs.
pub(crate) fn biases(sampler: &mut Sampler, width: usize, variance: f64) -> Array2<f64> {
    normal(sampler, [width, 1]) * variance.sqrt()
}

/// Running mean and its standard error.
#[derive(Clone, Default)]
pub(crate) struct Estimate {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Estimate {
    pub(crate) fn add(&mut self, x: f64) {
        self.n += 1.0;
        self.sum += x;
        self.squares += x * x;
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.n
    }

    /// Variance of a single sample.
    pub(crate) fn variance(&self) -> f64 {
        (self.squares / self.n - self.mean().powi(2)).max(0.0)
    }

    /// Asserts agreement within four standard errors plus `bias` times the expected size, for effects of finite width.
    #[track_caller]
    pub(crate) fn check(&self, label: &str, expected: f64, bias: f64) {
        let (mean, error) = (self.mean(), (self.variance() / self.n).sqrt());
        // The absolute part is the error of the finite difference where the sampled quantity is constant.
        let allowed = 4.0 * error + bias * expected.abs() + 1e-8;
        assert!((mean - expected).abs() <= allowed, "{label}: {mean} +- {error}, not {expected}");
    }
}
