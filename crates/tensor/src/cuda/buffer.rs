use std::{marker::PhantomData, ops::Range};

use bytemuck::{cast_slice, cast_slice_mut};

use super::{
    argument::Argument,
    backend::Cuda,
    device::{Device, Memory},
    driver::Driver,
};
use crate::{Backend, Element, Error, Result, backend::expect_len};

/// Numbers in a CUDA device's memory.
#[derive(Debug)]
pub struct CudaBuffer<T, D: Device = Driver> {
    memory: D::Memory,
    len: usize,
    /// No smaller than any of the numbers, where they are rows' numbers; no kernel writes those.
    largest_row: u32,
    element: PhantomData<T>,
}

impl<T, D: Device> CudaBuffer<T, D> {
    /// Address of the first number.
    pub(crate) fn address(&self) -> u64 {
        self.memory.address()
    }

    /// No smaller than any of the numbers, where they are rows' numbers.
    pub(crate) const fn largest_row(&self) -> u32 {
        self.largest_row
    }
}

impl<T, D: Device> From<&CudaBuffer<T, D>> for Argument {
    fn from(buffer: &CudaBuffer<T, D>) -> Self {
        Self::Address(buffer.address())
    }
}

impl<T, D: Device> From<&mut CudaBuffer<T, D>> for Argument {
    fn from(buffer: &mut CudaBuffer<T, D>) -> Self {
        Self::Address(buffer.address())
    }
}

impl<D: Device> Cuda<D> {
    /// Memory for `len` numbers that holds anything.
    pub(crate) fn scratch<T: Element>(&self, len: usize) -> Result<CudaBuffer<T, D>> {
        let bytes = len.checked_mul(size_of::<T>()).ok_or_else(|| Error::Unavailable {
            backend: self.label(),
            reason: format!("{len} numbers of {} bytes fit into no memory", size_of::<T>()),
        })?;
        let memory = self.device.allocate(bytes.max(1))?;
        Ok(CudaBuffer { memory, len, largest_row: 0, element: PhantomData })
    }
}

impl<D: Device> Backend for Cuda<D> {
    type Buffer<T: Element> = CudaBuffer<T, D>;

    fn label(&self) -> String {
        self.device.label()
    }

    fn description(&self) -> String {
        self.device.description()
    }

    fn zeros<T: Element>(&self, len: usize) -> Result<CudaBuffer<T, D>> {
        let mut buffer = self.scratch(len)?;
        self.device.clear(&mut buffer.memory)?;
        Ok(buffer)
    }

    fn upload<T: Element>(&self, host: &[T]) -> Result<CudaBuffer<T, D>> {
        let mut buffer = self.scratch(host.len())?;
        self.write(&mut buffer, 0, host)?;
        Ok(buffer)
    }

    fn len<T: Element>(&self, buffer: &CudaBuffer<T, D>) -> usize {
        buffer.len
    }

    fn write<T: Element>(
        &self,
        buffer: &mut CudaBuffer<T, D>,
        offset: usize,
        host: &[T],
    ) -> Result<()> {
        expect_len("write", "buffer", offset + host.len(), buffer.len)?;
        let largest = host.iter().filter_map(|number| number.row()).max();
        buffer.largest_row = buffer.largest_row.max(largest.unwrap_or(0));
        self.device.upload(&mut buffer.memory, offset * size_of::<T>(), cast_slice(host))
    }

    fn read<T: Element>(&self, buffer: &CudaBuffer<T, D>, range: Range<usize>) -> Result<Vec<T>> {
        expect_len("read", "buffer", range.end, buffer.len)?;
        let mut host = vec![T::default(); range.len()];
        let offset = range.start * size_of::<T>();
        self.device.download(&buffer.memory, offset, cast_slice_mut(&mut host))?;
        Ok(host)
    }

    fn copy<T: Element>(
        &self,
        source: &CudaBuffer<T, D>,
        range: Range<usize>,
        target: &mut CudaBuffer<T, D>,
        offset: usize,
    ) -> Result<()> {
        expect_len("copy", "buffer", range.end, source.len)?;
        expect_len("copy", "buffer", offset + range.len(), target.len)?;
        target.largest_row = target.largest_row.max(source.largest_row);
        let (from, to) = (range.start * size_of::<T>(), offset * size_of::<T>());
        let bytes = range.len() * size_of::<T>();
        self.device.copy((&source.memory, from), (&mut target.memory, to), bytes)
    }

    /// A sixteenth of the device's memory: eight pieces of work at once leave half of it to what they work with.
    fn spare_bytes(&self) -> usize {
        self.device.memory_bytes() / 16
    }

    fn synchronize(&self) -> Result<()> {
        self.device.synchronize()
    }
}
