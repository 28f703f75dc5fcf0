use ndarray_rand::rand::RngCore;

use super::report::{Finding, Report, Tally};
use crate::{
    Activation, Backend, FullBackend, GemmConfig, HostBuffer, RandomStream, Reference, Result,
    random::StreamRng,
};

/// Sizes that kernels may treat specially.
const SIZES: [usize; 24] =
    [1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 47, 48, 49, 61, 64, 96, 97, 131, 200];

/// A backend under test, and the cases to try.
pub(crate) struct Suite<'a, B> {
    pub(crate) backend: &'a B,
    pub(crate) cases: usize,
    pub(crate) seed: u64,
}

/// True for an activation whose derivative jumps somewhere.
pub(crate) const fn has_kink(activation: Activation) -> bool {
    match activation {
        Activation::Relu
        | Activation::LeakyRelu { .. }
        | Activation::Selu
        | Activation::HardTanh => true,
        Activation::Tanh
        | Activation::Erf
        | Activation::Elu
        | Activation::Softplus
        | Activation::Sigmoid
        | Activation::Gelu
        | Activation::Silu
        | Activation::Sine
        | Activation::Linear => false,
    }
}

impl<B: FullBackend> Suite<'_, B> {
    pub(crate) fn sizes<const N: usize>(&self, case: usize) -> [usize; N] {
        let mut rng = StreamRng::new(self.seed, 1000 + case as u64);
        std::array::from_fn(|_| SIZES[rng.below(SIZES.len() as u64) as usize])
    }

    /// Normal numbers, different for each `stream`.
    pub(crate) fn normal(&self, stream: usize, n: usize, std: f64) -> Vec<f32> {
        RandomStream::Normal { seed: self.seed, stream: stream as u64, std }.take(n)
    }

    pub(crate) fn upload(&self, host: &[f32]) -> Result<(B::Buffer<f32>, HostBuffer<f32>)> {
        Ok((self.backend.upload(host)?, Reference.upload(host)?))
    }

    /// Every case with an activation; at least one case for each.
    pub(crate) fn activations(&self) -> impl Iterator<Item = (usize, Activation)> {
        let cases = self.cases.max(Activation::ALL.len());
        (0..cases).map(|case| (case, Activation::ALL[case % Activation::ALL.len()]))
    }

    /// A product of this shape with whatever else it may have.
    pub(crate) fn product(&self, case: usize, [m, n, k]: [usize; 3]) -> GemmConfig {
        let flags = StreamRng::new(self.seed, case as u64).next_u32();
        GemmConfig {
            transpose_a: flags & 1 != 0,
            transpose_b: flags & 2 != 0,
            alpha: if flags & 4 != 0 { 1.0 } else { -0.5 },
            beta: if flags & 8 != 0 { 0.0 } else { 2.0 },
            ..GemmConfig::new(m, n, k)
        }
    }

    /// Checks the operations of [`Backend`] itself.
    pub(crate) fn memory(&self, report: &mut Report) -> Result<()> {
        report.add(self.copies()?);
        let b = self.backend;
        let (short, long) = (b.zeros::<f32>(5)?, b.zeros::<f32>(6)?);
        report.refused("write", b.write(&mut b.zeros(6)?, 3, &[0.0_f32; 4]));
        report.refused("read", b.read(&short, 4..6).map(drop));
        report.refused("copy", b.copy(&long, 0..6, &mut b.zeros(5)?, 0));
        Ok(())
    }

    fn copies(&self) -> Result<Finding> {
        let mut tally = Tally::new("memory", 0.0);
        let host = self.normal(0, 100, 1.0);
        let source = self.backend.upload(&host)?;
        let mut target = self.backend.zeros::<f32>(100)?;
        self.backend.copy(&source, 10..20, &mut target, 85)?;
        self.backend.write(&mut target, 3, &host[..7])?;
        let mut expected = vec![0.0_f32; 100];
        expected[85..95].copy_from_slice(&host[10..20]);
        expected[3..10].copy_from_slice(&host[..7]);
        tally.add(&self.backend.download(&target)?, &expected, 1.0, || "copy and write".to_owned());
        tally.add(&self.backend.read(&source, 90..100)?, &host[90..], 1.0, || "read".to_owned());
        Ok(tally.finding)
    }
}
