//! Maps compared with a sampler that shares only the name of the activation with them.

use crate::common::{Estimate, Sampler, phi, slope};
use isobath_architecture::Activation;
use isobath_meanfield::Theory;

#[test]
fn maps_agree_with_samples() {
    const N_SAMPLES: usize = 100_000;
    for (i, activation) in Activation::ALL.into_iter().enumerate() {
        for (j, (q, c)) in [(0.4_f64, 0.8_f64), (6.0, -0.3)].into_iter().enumerate() {
            let theory = Theory::new(activation, 1.0, 0.0).unwrap();
            let mut sampler = Sampler::new(2 * i + j);
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
            let label = |name: &str| format!("{name} of {activation} at q = {q}, c = {c}");
            let length = theory.length_map(q).unwrap();
            square.check(&label("length"), length, 0.0);
            product.check(
                &label("covariance"),
                length * theory.correlation_map(q, c).unwrap(),
                0.0,
            );
            gradient.check(&label("chi_1"), theory.chi(q, 1.0).unwrap(), 0.0);
            chi.check(&label("chi"), theory.chi(q, c).unwrap(), 0.0);
        }
    }
}
