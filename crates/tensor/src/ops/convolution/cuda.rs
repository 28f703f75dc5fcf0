use crate::{
    Convolution,
    cuda::{backend::Cuda, device::Device, kernel::Source},
};

pub(crate) static KERNEL_FILES: &[&Source] = &[];

/// The default: patches, and products on tensor cores.
impl<D: Device> Convolution for Cuda<D> {}
