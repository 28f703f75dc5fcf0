use isobath_architecture::{ArrayLaw, Law};
use isobath_tensor::{
    Backend, RandomFill, RandomStream, Reference,
    random::{StandardNormal, StreamRng},
};
use ndarray_rand::rand_distr::Distribution;

use crate::{ParameterArray, orthogonal::semi_orthogonal};

/// First stream of this crate: two for each layer, in a range no other crate uses.
const STREAMS: u64 = 1 << 32;

/// Random numbers of one array of parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    seed: u64,
    stream: u64,
    law: ArrayLaw,
}

impl Draw {
    /// Draws of array `array` (0 or 1) of the layer at `place`. Places of a network's layers are counted from 0; those of
    /// residual branches follow far behind.
    pub(crate) const fn new(seed: u64, place: usize, array: u64, law: ArrayLaw) -> Self {
        Self { seed, stream: STREAMS + 2 * place as u64 + array, law }
    }

    /// True for the law that leaves all elements of a kernel but its centre zero.
    pub(crate) const fn is_delta(self) -> bool {
        matches!(self.law.law, Law::DeltaOrthogonal)
    }

    /// The draws with another standard deviation, by this factor.
    pub(crate) const fn scaled(self, factor: f64) -> Self {
        let law = ArrayLaw { std: factor * self.law.std, ..self.law };
        Self { law, ..self }
    }

    /// Draws a matrix of `[rows, columns]` on the host, row-major.
    pub(crate) fn numbers(self, [rows, columns]: [usize; 2]) -> Vec<f32> {
        let len = rows * columns;
        let ArrayLaw { law, mean, std } = self.law;
        let mut numbers = match law {
            Law::Normal | Law::Uniform => self.streamed(len),
            Law::TruncatedNormal => self.truncated(len),
            Law::Orthogonal | Law::DeltaOrthogonal => {
                let scale = std * (rows.max(columns) as f64).sqrt();
                let mut rng = StreamRng::new(self.seed, self.stream);
                let matrix = semi_orthogonal([rows, columns], &mut rng);
                matrix.into_iter().map(|number| (scale * number) as f32).collect()
            }
        };
        if mean.abs() > 0.0 {
            numbers.iter_mut().for_each(|number| *number += mean as f32);
        }
        numbers
    }

    /// Draws a matrix on the device, the numbers of [`numbers`](Self::numbers), to the start of `out`.
    pub(crate) fn fill<B: Backend + RandomFill>(
        self,
        backend: &B,
        shape: [usize; 2],
        out: &mut B::Buffer<f32>,
    ) -> isobath_tensor::Result<()> {
        match self.stream() {
            Some(stream) if self.law.mean.abs() <= 0.0 => {
                backend.random_fill(stream, shape[0] * shape[1], out)
            }
            _ => backend.write(out, 0, &self.numbers(shape)),
        }
    }

    /// Draws one network's matrix of an array; a device draws to the start of a buffer only.
    pub(crate) fn write<B: Backend + RandomFill>(
        self,
        backend: &B,
        shape: [usize; 2],
        network: usize,
        array: &mut ParameterArray<B>,
    ) -> isobath_tensor::Result<()> {
        let range = array.range(network);
        if range.start == 0 {
            return self.fill(backend, shape, &mut array.values);
        }
        let mut drawn = backend.zeros(range.len())?;
        self.fill(backend, shape, &mut drawn)?;
        backend.copy(&drawn, 0..range.len(), &mut array.values, range.start)
    }

    /// The stream of a law that devices draw.
    fn stream(self) -> Option<RandomStream> {
        let Self { seed, stream, law: ArrayLaw { law, std, .. } } = self;
        match law {
            Law::Normal => Some(RandomStream::Normal { seed, stream, std }),
            Law::Uniform => {
                Some(RandomStream::Uniform { seed, stream, bound: 3.0_f64.sqrt() * std })
            }
            Law::TruncatedNormal | Law::Orthogonal | Law::DeltaOrthogonal => None,
        }
    }

    /// Numbers of [`stream`](Self::stream).
    fn streamed(self, len: usize) -> Vec<f32> {
        let drawn = self.stream().map(|stream| {
            let mut numbers = Reference.zeros(len)?;
            Reference.random_fill(stream, len, &mut numbers)?;
            Reference.download(&numbers)
        });
        drawn.and_then(Result::ok).unwrap_or_default()
    }

    /// Normal numbers within two standard deviations, scaled to the standard deviation of the law.
    fn truncated(self, len: usize) -> Vec<f32> {
        const BOUND: f64 = 2.0;
        /// Standard deviation of a standard normal number within the bound.
        const STD: f64 = 0.879_625_661_034_239_8;
        let mut rng = StreamRng::new(self.seed, self.stream);
        let mut within = || loop {
            let number: f64 = StandardNormal.sample(&mut rng);
            if number.abs() <= BOUND {
                return number;
            }
        };
        (0..len).map(|_| (self.law.std / STD * within()) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(law: Law) -> Draw {
        Draw::new(7, 3, 0, ArrayLaw::new(law, 0.25))
    }

    #[test]
    fn every_law_has_its_standard_deviation() {
        for law in Law::ALL {
            let shape = [150, 200];
            let numbers = draw(law).numbers(shape);
            let count = numbers.len() as f64;
            let mean = numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
            let square = numbers.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / count;
            // Four standard errors of a normal law; the others have smaller ones.
            assert!(mean.abs() < 4.0 * 0.25 / count.sqrt(), "{law:?} {mean}");
            let relative = square.sqrt() / 0.25 - 1.0;
            assert!(relative.abs() < 4.0 * (0.5 / count).sqrt(), "{law:?} {relative}");
        }
    }

    #[test]
    fn truncated_and_uniform_numbers_are_bounded() {
        let largest =
            |law| draw(law).numbers([100, 100]).into_iter().fold(0.0, |a: f32, b| a.max(b.abs()));
        let uniform = largest(Law::Uniform);
        assert!(uniform <= 0.25 * 3.0_f32.sqrt() && uniform > 0.43, "{uniform}");
        let truncated = largest(Law::TruncatedNormal);
        assert!(truncated <= 0.25 * 2.0 / 0.8796 && truncated > 0.55, "{truncated}");
    }

    #[test]
    fn device_draws_the_numbers_of_the_host() {
        for law in Law::ALL {
            for mean in [0.0, 0.5] {
                let law = ArrayLaw { mean, ..ArrayLaw::new(law, 0.25) };
                let draw = Draw::new(7, 3, 1, law);
                let mut out = isobath_tensor::Cpu::new().zeros(12).unwrap();
                draw.fill(&isobath_tensor::Cpu::new(), [3, 4], &mut out).unwrap();
                assert_eq!(out.as_slice(), draw.numbers([3, 4]), "{law:?}");
            }
        }
    }
}
