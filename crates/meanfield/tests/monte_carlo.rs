//! The maps against a sampler that shares nothing with them but the activation's name.

use meanfield::Theory;
use tensor::Activation;

/// The activations written down once more, so that an error in the crate's own cannot hide.
fn phi(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Tanh => x.tanh(),
        Activation::Erf => libm::erf(x),
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { slope } => x.max(0.0) + f64::from(slope) * x.min(0.0),
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

fn slope(activation: Activation, x: f64) -> f64 {
    (phi(activation, x + 1e-6) - phi(activation, x - 1e-6)) / 2e-6
}

/// Normal numbers by the polar method over a 64-bit xorshift generator.
struct Sampler {
    state: u64,
}

impl Sampler {
    fn uniform(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    fn normal_pair(&mut self) -> (f64, f64) {
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

/// A running mean and its standard error.
#[derive(Default)]
struct Estimate {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Estimate {
    fn add(&mut self, x: f64) {
        self.n += 1.0;
        self.sum += x;
        self.squares += x * x;
    }

    #[track_caller]
    fn check(&self, what: &str, expected: f64) {
        let mean = self.sum / self.n;
        let error = ((self.squares / self.n - mean * mean).max(0.0) / self.n).sqrt();
        // The absolute part is the finite difference's error where the sampled quantity is constant.
        assert!(
            (mean - expected).abs() <= 4.0 * error + 1e-8,
            "{what}: {mean} +- {error}, not {expected}"
        );
    }
}

#[test]
fn maps_agree_with_samples() {
    const N_SAMPLES: usize = 100_000;
    for (i, activation) in Activation::ALL.into_iter().enumerate() {
        for (j, (q, c)) in [(0.4_f64, 0.8_f64), (6.0, -0.3)].into_iter().enumerate() {
            let theory = Theory::new(activation, 1.0, 0.0).unwrap();
            let mut sampler = Sampler { state: 0x9E37_79B9_7F4A_7C15 + (2 * i + j) as u64 };
            let [mut square, mut product, mut gradient, mut chi] =
                [(); 4].map(|()| Estimate::default());
            for _ in 0..N_SAMPLES {
                let (z, w) = sampler.normal_pair();
                let (u, v) = (q.sqrt() * z, q.sqrt() * (c * z + (1.0 - c * c).sqrt() * w));
                square.add(phi(activation, u).powi(2));
                product.add(phi(activation, u) * phi(activation, v));
                gradient.add(slope(activation, u).powi(2));
                chi.add(slope(activation, u) * slope(activation, v));
            }
            let what = |name: &str| format!("{name} of {activation} at q = {q}, c = {c}");
            let length = theory.length_map(q).unwrap();
            square.check(&what("length"), length);
            product.check(&what("covariance"), length * theory.correlation_map(q, c).unwrap());
            gradient.check(&what("chi_1"), theory.chi(q, 1.0).unwrap());
            chi.check(&what("chi"), theory.chi(q, c).unwrap());
        }
    }
}
