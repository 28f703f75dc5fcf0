use isobath_trainer::TrainerBackend;
use nalgebra::{Cholesky, DMatrix};
use ndarray::Array2;

use crate::{
    CostClass, Evidence, Predictor, PredictorId, PredictorInfo, PredictorOutput, Result, Scope,
    ScoreInfo, Settings, Subject,
    descriptor::no_other_scores,
    forward::{Seen, profiles},
};

const ID: PredictorId = PredictorId::new("naswot");

/// Descriptor.
pub(crate) const INFO: PredictorInfo = PredictorInfo {
    id: ID,
    label: "NASWOT",
    evidence: Evidence::Initialisation,
    scope: Scope::Family,
    cost: CostClass::Forward,
    source: "Mellor et al., arXiv:2006.04647",
    scores: &[
        ScoreInfo::fixed(
            ID,
            ["naswot", "NASWOT"],
            "nats",
            "ln det K, K_ij the number of hidden units whose pre-activations have one sign for samples i and j: \
                 networks that tell samples apart train better (Mellor et al., arXiv:2006.04647)",
        ),
        ScoreInfo::fixed(
            ID,
            ["naswot-last", "NASWOT, last layer"],
            "nats",
            "the same of the last hidden layer alone, K_ij a fraction of its units, so that neither depth nor \
                 width count by themselves (after Mellor et al., arXiv:2006.04647)",
        ),
    ],
    parse: no_other_scores,
};

/// Predictors of this kind.
pub(crate) fn build<B: TrainerBackend>(
    backend: &B,
    settings: &Settings,
) -> Vec<Box<dyn Predictor>> {
    vec![Box::new(Naswot::new(backend.clone(), settings.samples))]
}

/// Number of units whose signs differ between samples: "neural architecture search without training".
#[derive(Clone, Debug)]
pub(crate) struct Naswot<B> {
    backend: B,
    samples: usize,
}

impl<B> Naswot<B> {
    /// A predictor that reads `samples` samples.
    pub(crate) const fn new(backend: B, samples: usize) -> Self {
        Self { backend, samples }
    }
}

impl<B: TrainerBackend> Predictor for Naswot<B> {
    fn info(&self) -> &'static PredictorInfo {
        &INFO
    }

    fn predict(&self, subject: &Subject<'_>) -> Result<PredictorOutput> {
        let mut sum: Option<Array2<f64>> = None;
        profiles(&self.backend, subject, self.samples, |seen| {
            let Some((kernel, flops)) = agreements(&self.backend, seen)? else {
                return Ok(([f64::NEG_INFINITY; 2], 0));
            };
            let last = ln_det(&(&kernel / seen.h.nrows() as f64));
            let all = sum.take().map_or_else(|| kernel.clone(), |sum| sum + &kernel);
            let whole = ln_det(&all);
            sum = Some(all);
            Ok(([whole, last], flops))
        })
    }
}

/// Number of units of the layer with one sign for two samples, `[n, n]`; `None` for the input, which has no units.
fn agreements<B: TrainerBackend>(
    backend: &B,
    seen: &Seen<'_, B>,
) -> Result<Option<(Array2<f64>, u64)>> {
    let Some(layer) = seen.layer else { return Ok(None) };
    let (units, n) = seen.h.dim();
    let z = backend.read(&layer.trace.pre_activation, 0..units * n)?;
    let sign = |z: f32| if z > 0.0 { 1.0 } else { -1.0 };
    let signs = Array2::from_shape_fn((units, n), |(unit, sample)| sign(z[unit * n + sample]));
    let kernel = signs.t().dot(&signs).mapv(|product| 0.5 * (units as f64 + product));
    Ok(Some((kernel, 2 * (units * n * n) as u64)))
}

/// `ln det` of a matrix that is symmetric and has no negative eigenvalue; negative infinity where it is singular.
fn ln_det(matrix: &Array2<f64>) -> f64 {
    let n = matrix.nrows();
    let factor = Cholesky::new(DMatrix::from_fn(n, n, |i, j| matrix[[i, j]]));
    let pivots = factor.map(|factor| factor.l_dirty().diagonal());
    // Two samples with the same signs leave a pivot of rounding.
    let scale = matrix.diag().fold(0.0, |largest: f64, &x| largest.max(x));
    let floor = (n as f64 * f64::EPSILON * scale).sqrt();
    pivots
        .filter(|pivots| pivots.iter().all(|&pivot| pivot > floor))
        .map_or(f64::NEG_INFINITY, |pivots| pivots.iter().map(|pivot| 2.0 * pivot.ln()).sum())
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_tensor::Cpu;
    use ndarray::array;

    use super::*;
    use crate::testing::Case;

    #[test]
    fn a_determinant_by_hand() {
        assert!((ln_det(&array![[3.0, 1.0], [1.0, 2.0]]) - 5.0_f64.ln()).abs() < 1e-14);
        assert!(ln_det(&array![[2.0, 2.0], [2.0, 2.0]]).is_infinite());
    }

    /// Signs counted pair by pair and unit by unit; the determinant by Laplace's formula.
    #[test]
    fn three_samples_by_hand() {
        let case = Case::tanh(3, 1.5);
        let layers = case.hidden_layers();
        let agree = |h: &Array2<f64>, i, j| {
            h.rows().into_iter().filter(|row| (row[i] > 0.0) == (row[j] > 0.0)).count() as f64
        };
        let det = |k: &dyn Fn(usize, usize) -> f64| {
            k(0, 0) * (k(1, 1) * k(2, 2) - k(1, 2) * k(2, 1))
                - k(0, 1) * (k(1, 0) * k(2, 2) - k(1, 2) * k(2, 0))
                + k(0, 2) * (k(1, 0) * k(2, 1) - k(1, 1) * k(2, 0))
        };
        let whole = det(&|i, j| layers[1..].iter().map(|h| agree(h, i, j)).sum());
        let units = layers[2].nrows() as f64;
        let last = det(&|i, j| agree(&layers[2], i, j) / units);
        let scores = case.scores(&Naswot::new(Cpu::new(), 3));
        assert!((scores[0] - whole.ln()).abs() < 1e-9, "{} is not {}", scores[0], whole.ln());
        assert!((scores[1] - last.ln()).abs() < 1e-9, "{} is not {}", scores[1], last.ln());
    }

    #[test]
    fn a_network_without_hidden_units_has_no_signs() {
        let scores = Case::tanh(1, 1.5).scores(&Naswot::new(Cpu::new(), 8));
        assert_eq!(scores, [f64::NEG_INFINITY; 2]);
    }

    #[test]
    fn relu_without_biases_ignores_the_variance() {
        let scores = |sigma_w2| {
            let case =
                Case { activation: Activation::Relu, sigma_b2: 0.0, ..Case::tanh(8, sigma_w2) };
            case.scores(&Naswot::new(Cpu::new(), 8))
        };
        // The same weights times 2, so that not even rounding differs.
        assert_eq!(scores(0.8), scores(3.2));
    }
}
