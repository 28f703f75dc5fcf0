//! Memory of a backend.

use std::{
    fmt::{self, Debug, Formatter},
    marker::PhantomData,
    ops::Range,
};

use crate::{Error, Result};

/// A number a buffer can hold.
pub trait Element: bytemuck::Pod + Default + Debug + PartialEq + Send + Sync {
    /// The number, where it can be the number of a row.
    fn row(self) -> Option<u32> {
        None
    }
}
impl Element for f32 {}
impl Element for f64 {}
impl Element for u32 {
    fn row(self) -> Option<u32> {
        Some(self)
    }
}

/// Memory of a device: allocation, and copies to and from the host. Operations are traits of their own over this one.
///
/// Buffers never leave the stage that made them; host values do. So no operation ever sees a buffer of another device.
pub trait Backend: Clone + Debug + Send + Sync + 'static {
    /// A contiguous run of numbers on the device.
    type Buffer<T: Element>: Debug + Send + Sync;

    /// The name an experiment file uses for it: `cpu`, `reference`, `cuda:0`.
    fn label(&self) -> String;

    /// The label and what else distinguishes the device: its instruction set, its model.
    fn description(&self) -> String {
        self.label()
    }

    /// A buffer of `len` zeros.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    fn zeros<T: Element>(&self, len: usize) -> Result<Self::Buffer<T>>;

    /// The number of elements in `buffer`.
    fn len<T: Element>(&self, buffer: &Self::Buffer<T>) -> usize;

    /// Copies `host` into `buffer` from element `offset` on.
    ///
    /// # Errors
    /// [`Error::Shape`] when `buffer` ends before `offset + host.len()`.
    fn write<T: Element>(
        &self,
        buffer: &mut Self::Buffer<T>,
        offset: usize,
        host: &[T],
    ) -> Result<()>;

    /// Copies the elements of `range` out of `buffer`.
    ///
    /// # Errors
    /// [`Error::Shape`] when `buffer` ends before `range` does.
    fn read<T: Element>(&self, buffer: &Self::Buffer<T>, range: Range<usize>) -> Result<Vec<T>>;

    /// Copies `source[range]` to `target[offset..]` without leaving the device.
    ///
    /// # Errors
    /// [`Error::Shape`] when either buffer is too short.
    fn copy<T: Element>(
        &self,
        source: &Self::Buffer<T>,
        range: Range<usize>,
        target: &mut Self::Buffer<T>,
        offset: usize,
    ) -> Result<()>;

    /// Bytes that one piece of work may keep in buffers for later, beside those it works with at the moment.
    fn spare_bytes(&self) -> usize {
        HOST_SPARE_BYTES
    }

    /// Waits until all work submitted so far is done.
    ///
    /// # Errors
    /// When that work failed.
    fn synchronize(&self) -> Result<()> {
        Ok(())
    }

    /// A buffer holding a copy of `host`.
    ///
    /// # Errors
    /// When the device cannot provide the memory.
    fn upload<T: Element>(&self, host: &[T]) -> Result<Self::Buffer<T>> {
        let mut buffer = self.zeros(host.len())?;
        self.write(&mut buffer, 0, host)?;
        Ok(buffer)
    }

    /// All of `buffer`, copied to the host.
    ///
    /// # Errors
    /// When work that writes to it failed.
    fn download<T: Element>(&self, buffer: &Self::Buffer<T>) -> Result<Vec<T>> {
        self.read(buffer, 0..self.len(buffer))
    }
}

/// [`spare_bytes`](Backend::spare_bytes) of the backends that compute on the host.
pub const HOST_SPARE_BYTES: usize = 128 << 20;

/// Memory of the backends that compute on the host, aligned to cache lines.
#[derive(Clone)]
pub struct HostBuffer<T> {
    lines: Vec<CacheLine>,
    len: usize,
    numbers: PhantomData<T>,
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct CacheLine([u8; 64]);

impl<T: Element> HostBuffer<T> {
    /// The numbers.
    pub fn as_slice(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }

    /// The numbers, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

impl<T: Element> From<Vec<T>> for HostBuffer<T> {
    fn from(numbers: Vec<T>) -> Self {
        let lines = size_of_val(&*numbers).div_ceil(size_of::<CacheLine>());
        let lines = vec![CacheLine([0; size_of::<CacheLine>()]); lines];
        let mut buffer = Self { lines, len: numbers.len(), numbers: PhantomData };
        buffer.as_mut_slice().copy_from_slice(&numbers);
        buffer
    }
}

impl<T: Element> PartialEq for HostBuffer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Element> Debug for HostBuffer<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// Implements [`Backend`] for a type whose memory is the host's.
macro_rules! host_backend {
    ($backend:ty, $label:literal, $description:expr) => {
        impl $crate::Backend for $backend {
            type Buffer<T: $crate::Element> = $crate::HostBuffer<T>;

            fn label(&self) -> String {
                $label.to_owned()
            }

            fn description(&self) -> String {
                $description(self)
            }

            fn zeros<T: $crate::Element>(
                &self,
                len: usize,
            ) -> $crate::Result<$crate::HostBuffer<T>> {
                $crate::backend::host_zeros(len)
            }

            fn len<T: $crate::Element>(&self, buffer: &$crate::HostBuffer<T>) -> usize {
                buffer.as_slice().len()
            }

            fn write<T: $crate::Element>(
                &self,
                buffer: &mut $crate::HostBuffer<T>,
                offset: usize,
                host: &[T],
            ) -> $crate::Result<()> {
                $crate::backend::host_write(buffer, offset, host)
            }

            fn read<T: $crate::Element>(
                &self,
                buffer: &$crate::HostBuffer<T>,
                range: std::ops::Range<usize>,
            ) -> $crate::Result<Vec<T>> {
                $crate::backend::host_range("read", buffer, range).map(<[T]>::to_vec)
            }

            fn copy<T: $crate::Element>(
                &self,
                source: &$crate::HostBuffer<T>,
                range: std::ops::Range<usize>,
                target: &mut $crate::HostBuffer<T>,
                offset: usize,
            ) -> $crate::Result<()> {
                let source = $crate::backend::host_range("copy", source, range)?;
                $crate::backend::host_write(target, offset, source)
            }
        }
    };
}
pub(crate) use host_backend;

pub(crate) fn host_zeros<T: Element>(len: usize) -> Result<HostBuffer<T>> {
    let bytes = size_of::<T>();
    let too_many = Error::HostMemory { numbers: len, bytes };
    let lines = len.checked_mul(bytes).map(|all| all.div_ceil(size_of::<CacheLine>()));
    let lines = lines.and_then(|lines| bytemuck::allocation::try_zeroed_vec(lines).ok());
    Ok(HostBuffer { lines: lines.ok_or(too_many)?, len, numbers: PhantomData })
}

pub(crate) fn host_write<T: Element>(
    buffer: &mut HostBuffer<T>,
    offset: usize,
    host: &[T],
) -> Result<()> {
    let actual = buffer.as_slice().len();
    let expected = offset + host.len();
    let range = buffer.as_mut_slice().get_mut(offset..expected);
    range
        .ok_or(Error::Shape { op: "write", argument: "buffer", expected, actual })?
        .copy_from_slice(host);
    Ok(())
}

pub(crate) fn host_range<'a, T: Element>(
    op: &'static str,
    buffer: &'a HostBuffer<T>,
    range: Range<usize>,
) -> Result<&'a [T]> {
    let (expected, actual) = (range.end, buffer.as_slice().len());
    buffer.as_slice().get(range).ok_or(Error::Shape { op, argument: "buffer", expected, actual })
}

/// Checks that an argument holds at least as many numbers as its shape needs.
pub(crate) fn expect_len(
    op: &'static str,
    argument: &'static str,
    expected: usize,
    actual: usize,
) -> Result<()> {
    if actual < expected { Err(Error::Shape { op, argument, expected, actual }) } else { Ok(()) }
}

/// Checks that a size is positive.
pub(crate) fn expect_positive(op: &'static str, argument: &'static str, size: usize) -> Result<()> {
    if size == 0 { Err(Error::Empty { op, argument }) } else { Ok(()) }
}
