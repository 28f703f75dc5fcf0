use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    sync::{Arc, Mutex, PoisonError},
};

use isobath_architecture::Activation;

use crate::{Decoder, Error, Result};

/// An unnamed temporary file of decoders, made when the first one comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpillFile(Arc<Mutex<Option<File>>>);

/// A decoder in a [`SpillFile`].
#[derive(Debug)]
pub(crate) struct Spilled {
    file: SpillFile,
    /// Offset of its weights; its bias follows them.
    offset: u64,
    /// Width of what is decoded.
    pub(crate) inputs: usize,
    /// Width of what comes out.
    pub(crate) outputs: usize,
    activation: Activation,
}

impl SpillFile {
    /// Puts a decoder at the end of the file.
    ///
    /// # Errors
    /// [`Error::Spill`] when the file cannot be written.
    pub(crate) fn push(&self, decoder: &Decoder) -> Result<Spilled> {
        let offset = self.write(decoder).map_err(Error::Spill)?;
        let (inputs, outputs) = (decoder.inputs(), decoder.outputs());
        let activation = decoder.activation;
        Ok(Spilled { file: self.clone(), offset, inputs, outputs, activation })
    }

    fn write(&self, decoder: &Decoder) -> io::Result<u64> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let offset = file.seek(SeekFrom::End(0))?;
        file.write_all(bytemuck::cast_slice(&decoder.weights))?;
        file.write_all(bytemuck::cast_slice(&decoder.bias))?;
        Ok(offset)
    }
}

impl Spilled {
    /// The decoder.
    ///
    /// # Errors
    /// [`Error::Spill`] when the file cannot be read.
    pub(crate) fn read(&self) -> Result<Decoder> {
        let mut decoder = Decoder {
            weights: vec![0.0; self.outputs * self.inputs],
            bias: vec![0.0; self.outputs],
            activation: self.activation,
        };
        self.fill(&mut decoder).map_err(Error::Spill)?;
        Ok(decoder)
    }

    fn fill(&self, decoder: &mut Decoder) -> io::Result<()> {
        let mut file = self.file.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(self.offset))?;
        file.read_exact(bytemuck::cast_slice_mut(&mut decoder.weights))?;
        file.read_exact(bytemuck::cast_slice_mut(&mut decoder.bias))
    }
}
