use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    Decoder, DecoderLayer, Error, Result, decoder_layer::DecoderLayerSpec, device_decoder::is_dense,
};

/// An unnamed temporary file of decoders, made when the first one comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpillFile(Arc<Mutex<Option<File>>>);

/// A decoder in a [`SpillFile`].
#[derive(Debug)]
pub(crate) struct Spilled {
    file: SpillFile,
    /// Offset of its weights; its bias follows them, and then its next layer.
    offset: u64,
    layers: Vec<DecoderLayerSpec>,
}

impl SpillFile {
    /// Puts a decoder at the end of the file.
    ///
    /// # Errors
    /// [`Error::Spill`] when the file cannot be written.
    pub(crate) fn push(&self, decoder: &Decoder) -> Result<Spilled> {
        let offset = self.write(decoder).map_err(Error::Spill)?;
        Ok(Spilled { file: self.clone(), offset, layers: decoder.specs() })
    }

    fn write(&self, decoder: &Decoder) -> io::Result<u64> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let offset = file.seek(SeekFrom::End(0))?;
        for layer in &decoder.layers {
            file.write_all(bytemuck::cast_slice(&layer.weights))?;
            file.write_all(bytemuck::cast_slice(&layer.bias))?;
        }
        Ok(offset)
    }
}

impl Spilled {
    /// Numbers of what is decoded, per sample.
    pub(crate) fn inputs(&self) -> usize {
        self.layers[0].kind.inputs()
    }

    /// Numbers of what comes out, per sample.
    pub(crate) fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].kind.outputs()
    }

    /// True if it is one dense layer.
    pub(crate) fn is_dense(&self) -> bool {
        is_dense(self.layers.iter().map(|layer| layer.kind))
    }

    /// The decoder.
    ///
    /// # Errors
    /// [`Error::Spill`] when the file cannot be read.
    pub(crate) fn read(&self) -> Result<Decoder> {
        let layers = self.layers.iter().map(|&DecoderLayerSpec { kind, activation }| {
            let [weights, bias] = [kind.weights(), kind.matrix()[0]].map(|size| vec![0.0; size]);
            DecoderLayer { kind, activation, weights, bias }
        });
        let mut decoder = Decoder { layers: layers.collect() };
        self.fill(&mut decoder).map_err(Error::Spill)?;
        Ok(decoder)
    }

    fn fill(&self, decoder: &mut Decoder) -> io::Result<()> {
        let mut file = self.file.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(self.offset))?;
        for layer in &mut decoder.layers {
            file.read_exact(bytemuck::cast_slice_mut(&mut layer.weights))?;
            file.read_exact(bytemuck::cast_slice_mut(&mut layer.bias))?;
        }
        Ok(())
    }
}
