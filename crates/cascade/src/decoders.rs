use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
};

use tensor::Activation;

use crate::{Error, Result};

/// A decoder `g(h) = phi(V h + c)` in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// `V`, `[outputs, inputs]`, row-major.
    pub weights: Vec<f32>,
    /// `c`, `[outputs]`.
    pub bias: Vec<f32>,
    /// `phi`
    pub activation: Activation,
}

impl Decoder {
    /// Width of what is decoded.
    pub const fn inputs(&self) -> usize {
        self.weights.len() / self.bias.len()
    }

    /// Width of what comes out.
    pub const fn outputs(&self) -> usize {
        self.bias.len()
    }
}

/// The decoders of a cascade, in memory up to a limit and in an unnamed temporary file beyond it, so that memory does
/// not grow with depth.
#[derive(Debug)]
pub struct Decoders {
    entries: Vec<Entry>,
    in_memory: usize,
    limit: usize,
    file: Option<File>,
    written: u64,
}

#[derive(Debug)]
enum Entry {
    Memory(Decoder),
    Spilled { offset: u64, weights: usize, bias: usize, activation: Activation },
}

impl Decoders {
    /// Bytes kept in memory unless another limit is given.
    pub const DEFAULT_LIMIT: usize = 128 << 20;

    /// No decoders yet; at most `limit` bytes of them will stay in memory.
    pub const fn with_limit(limit: usize) -> Self {
        Self { entries: Vec::new(), in_memory: 0, limit, file: None, written: 0 }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the next layer's decoder.
    ///
    /// # Errors
    /// [`Error::Spill`] when the temporary file cannot be written.
    pub fn push(&mut self, decoder: Decoder) -> Result<()> {
        let bytes = size_of_val(&decoder.weights[..]) + size_of_val(&decoder.bias[..]);
        let entry = if self.in_memory + bytes <= self.limit {
            self.in_memory += bytes;
            Entry::Memory(decoder)
        } else {
            self.spill(&decoder).map_err(Error::Spill)?
        };
        self.entries.push(entry);
        Ok(())
    }

    fn spill(&mut self, decoder: &Decoder) -> std::io::Result<Entry> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let offset = self.written;
        file.seek(SeekFrom::Start(offset))?;
        for numbers in [&decoder.weights, &decoder.bias] {
            let bytes: &[u8] = bytemuck::cast_slice(numbers);
            file.write_all(bytes)?;
            self.written += bytes.len() as u64;
        }
        let (weights, bias) = (decoder.weights.len(), decoder.bias.len());
        Ok(Entry::Spilled { offset, weights, bias, activation: decoder.activation })
    }

    /// `[outputs, inputs]` of the decoder of layer `index`, counted from 0.
    ///
    /// # Panics
    /// When there is no such decoder.
    pub fn shape(&self, index: usize) -> [usize; 2] {
        match &self.entries[index] {
            Entry::Memory(decoder) => [decoder.outputs(), decoder.inputs()],
            &Entry::Spilled { weights, bias, .. } => [bias, weights / bias],
        }
    }

    /// The decoder of layer `index`, counted from 0.
    ///
    /// # Errors
    /// [`Error::Spill`] when the temporary file cannot be read.
    ///
    /// # Panics
    /// When there is no such decoder.
    pub fn get(&self, index: usize) -> Result<Decoder> {
        match &self.entries[index] {
            Entry::Memory(decoder) => Ok(decoder.clone()),
            &Entry::Spilled { offset, weights, bias, activation } => {
                let read = || {
                    // A handle of its own, so that reading needs no exclusive access.
                    let mut file =
                        self.file.as_ref().ok_or(std::io::ErrorKind::NotFound)?.try_clone()?;
                    file.seek(SeekFrom::Start(offset))?;
                    let mut decoder =
                        Decoder { weights: vec![0.0; weights], bias: vec![0.0; bias], activation };
                    file.read_exact(bytemuck::cast_slice_mut(&mut decoder.weights))?;
                    file.read_exact(bytemuck::cast_slice_mut(&mut decoder.bias))?;
                    Ok(decoder)
                };
                read().map_err(Error::Spill)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spilled_decoders_come_back_unchanged() {
        let decoder = |i: usize| Decoder {
            weights: (0..6 * i).map(|x| x as f32 + 0.5).collect(),
            bias: vec![i as f32; i],
            activation: if i.is_multiple_of(2) { Activation::Tanh } else { Activation::Linear },
        };
        // Decoder i takes 28 i bytes: the first two stay, the others go.
        let mut decoders = Decoders::with_limit(100);
        for i in 1..7 {
            decoders.push(decoder(i)).unwrap();
        }
        assert!(matches!(decoders.entries[1], Entry::Memory(_)));
        assert!(matches!(decoders.entries[5], Entry::Spilled { .. }));
        for i in (1..7).rev() {
            assert_eq!(decoders.get(i - 1).unwrap(), decoder(i));
        }
    }
}
