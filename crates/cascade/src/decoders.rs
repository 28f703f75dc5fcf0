use std::fmt::Debug;

use isobath_network::ForwardBackend;
use isobath_tensor::Backend;

use crate::{
    Decoder, Result,
    columns::DecodingMemory,
    device_decoder::DeviceDecoder,
    spill::{SpillFile, Spilled},
};

/// The decoders of a cascade. They stay where it put them, in the memory of its backend and in a temporary file, and are
/// read back one at a time on demand.
#[derive(Debug, Default)]
pub struct Decoders(Vec<Box<dyn Stored>>);

impl Decoders {
    /// Number of them.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The decoder of layer `index`, counted from 0.
    ///
    /// # Errors
    /// When the device fails, [`Error::Spill`](crate::Error::Spill) when the temporary file cannot be read.
    ///
    /// # Panics
    /// When there is no such decoder.
    pub fn get(&self, index: usize) -> Result<Decoder> {
        self.0[index].read()
    }
}

/// A decoder somewhere.
trait Stored: Debug + Send + Sync {
    fn read(&self) -> Result<Decoder>;
}

/// The decoders of the layers so far: in the memory of the backend up to a limit and in an unnamed temporary file beyond
/// it, so that memory does not grow with depth.
#[derive(Debug)]
pub(crate) struct Stack<B: Backend> {
    backend: B,
    entries: Vec<Entry<B>>,
    kept_bytes: usize,
    limit: usize,
    file: SpillFile,
}

#[derive(Debug)]
enum Entry<B: Backend> {
    Kept(DeviceDecoder<B>),
    Spilled(Spilled),
}

impl<B: ForwardBackend> Stack<B> {
    /// No decoders yet; at most `limit` bytes of them will stay in the memory of `backend`.
    pub(crate) fn with_limit(backend: &B, limit: usize) -> Self {
        let (backend, file) = (backend.clone(), SpillFile::default());
        Self { backend, entries: Vec::new(), kept_bytes: 0, limit, file }
    }

    /// Number of them.
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds the next layer's decoder.
    ///
    /// # Errors
    /// When the device fails, [`Error::Spill`](crate::Error::Spill) when the temporary file cannot be written.
    pub(crate) fn push(&mut self, decoder: DeviceDecoder<B>) -> Result<()> {
        let bytes = self.kept_bytes + decoder.bytes();
        let entry = if bytes <= self.limit {
            self.kept_bytes = bytes;
            Entry::Kept(decoder)
        } else {
            Entry::Spilled(self.file.push(&decoder.download()?)?)
        };
        self.entries.push(entry);
        Ok(())
    }

    /// `[outputs, inputs]`, per sample, of the decoder of layer `index`, counted from 0.
    ///
    /// # Panics
    /// When there is no such decoder.
    pub(crate) fn shape(&self, index: usize) -> [usize; 2] {
        match &self.entries[index] {
            Entry::Kept(decoder) => [decoder.outputs(), decoder.inputs()],
            Entry::Spilled(spilled) => [spilled.outputs(), spilled.inputs()],
        }
    }

    /// True if every decoder is one dense layer.
    pub(crate) fn is_dense(&self) -> bool {
        self.entries.iter().all(|entry| match entry {
            Entry::Kept(decoder) => decoder.is_dense(),
            Entry::Spilled(spilled) => spilled.is_dense(),
        })
    }

    /// Applies the decoder of layer `index`, counted from 0, to each of `batches` of `samples` samples, as
    /// [`DeviceDecoder::apply_to_columns`] does.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    ///
    /// # Panics
    /// When there is no such decoder.
    pub(crate) fn apply_to_columns(
        &self,
        index: usize,
        samples: usize,
        batches: &mut [B::Buffer<f32>],
        memory: &mut DecodingMemory<B>,
    ) -> Result<()> {
        let uploaded;
        let decoder = match &self.entries[index] {
            Entry::Kept(decoder) => decoder,
            Entry::Spilled(spilled) => {
                uploaded = DeviceDecoder::upload(&self.backend, &spilled.read()?)?;
                &uploaded
            }
        };
        batches.iter_mut().try_for_each(|batch| decoder.apply_to_columns(samples, batch, memory))
    }

    /// Applies the decoder of layer `index`, counted from 0, as [`DeviceDecoder::apply`] does.
    ///
    /// # Errors
    /// When the device fails, [`Error::Spill`](crate::Error::Spill) when the temporary file cannot be read.
    ///
    /// # Panics
    /// When there is no such decoder.
    pub(crate) fn apply(
        &self,
        index: usize,
        rows: usize,
        x: &B::Buffer<f32>,
        y: &mut B::Buffer<f32>,
    ) -> Result<()> {
        match &self.entries[index] {
            Entry::Kept(decoder) => decoder.apply(rows, x, y),
            Entry::Spilled(spilled) => {
                DeviceDecoder::upload(&self.backend, &spilled.read()?)?.apply(rows, x, y)
            }
        }
    }
}

impl<B: Backend> Stored for Entry<B> {
    fn read(&self) -> Result<Decoder> {
        match self {
            Self::Kept(decoder) => decoder.download(),
            Self::Spilled(spilled) => spilled.read(),
        }
    }
}

impl<B: Backend> From<Stack<B>> for Decoders {
    fn from(stack: Stack<B>) -> Self {
        Self(stack.entries.into_iter().map(|entry| Box::new(entry) as Box<dyn Stored>).collect())
    }
}

#[cfg(test)]
mod tests {
    use isobath_architecture::Activation;
    use isobath_tensor::Reference;

    use super::*;

    #[test]
    fn spilled_decoders_come_back_unchanged() {
        let decoder = |i: usize| {
            let activation =
                if i.is_multiple_of(2) { Activation::Tanh } else { Activation::Linear };
            let weights = (0..6 * i).map(|x| x as f32 + 0.5).collect();
            Decoder::dense(weights, vec![i as f32; i], activation)
        };
        // Decoder i takes 28 i bytes: the first two stay, the others go.
        let mut stack = Stack::with_limit(&Reference, 100);
        for i in 1..7 {
            stack.push(DeviceDecoder::upload(&Reference, &decoder(i)).unwrap()).unwrap();
        }
        assert!(matches!(stack.entries[1], Entry::Kept(_)));
        assert!(matches!(stack.entries[5], Entry::Spilled(_)));
        assert_eq!([1, 5].map(|index| stack.shape(index)), [[2, 6], [6, 6]]);
        let decoders = Decoders::from(stack);
        for i in (1..7).rev() {
            assert_eq!(decoders.get(i - 1).unwrap(), decoder(i));
        }
    }
}
