use isobath_tensor::{
    Backend, RandomFill, RandomStream,
    random::{StandardNormal, StreamRng},
};
use ndarray::{Array, Dimension, ShapeBuilder};
use ndarray_rand::{RandomExt, rand::Rng, rand_distr::Distribution};

use crate::ParameterArray;

/// First stream of this crate: two for each layer, in a range no other crate uses.
const STREAMS: u64 = 1 << 32;

/// Normal draws of one array of parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    seed: u64,
    stream: u64,
    std: f64,
}

impl Draw {
    /// Draws of array `array` (0 or 1) of the layer at place `layer` with standard deviation `std`. Places of a network's
    /// layers are counted from 0; those of residual branches follow far behind.
    pub(crate) const fn new(seed: u64, layer: usize, array: u64, std: f64) -> Self {
        Self { seed, stream: STREAMS + 2 * layer as u64 + array, std }
    }

    /// Draws on the host.
    pub(crate) fn array<D: Dimension, S: ShapeBuilder<Dim = D>>(self, shape: S) -> Array<f32, D> {
        let mut rng = StreamRng::new(self.seed, self.stream);
        Array::random_using(shape, Scaled(self.std), &mut rng)
    }

    /// Draws on the device, the numbers of [`array`](Self::array).
    pub(crate) fn fill<B: Backend + RandomFill>(
        self,
        backend: &B,
        len: usize,
        out: &mut B::Buffer<f32>,
    ) -> isobath_tensor::Result<()> {
        let Self { seed, stream, std } = self;
        backend.random_fill(RandomStream::Normal { seed, stream, std }, len, out)
    }

    /// Draws one network's numbers of an array; a device draws to the start of a buffer only.
    pub(crate) fn write<B: Backend + RandomFill>(
        self,
        backend: &B,
        network: usize,
        array: &mut ParameterArray<B>,
    ) -> isobath_tensor::Result<()> {
        let range = array.range(network);
        if range.start == 0 {
            return self.fill(backend, range.len(), &mut array.values);
        }
        let mut drawn = backend.zeros(range.len())?;
        self.fill(backend, range.len(), &mut drawn)?;
        backend.copy(&drawn, 0..range.len(), &mut array.values, range.start)
    }
}

/// Normal distribution with mean 0 and the given standard deviation, rounded to f32 once.
struct Scaled(f64);

impl Distribution<f32> for Scaled {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f32 {
        let standard: f64 = StandardNormal.sample(rng);
        (self.0 * standard) as f32
    }
}
