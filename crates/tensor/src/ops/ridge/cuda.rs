use crate::{
    FitRidge,
    cuda::{backend::Cuda, device::Device, kernel::Source},
};

pub(crate) static KERNEL_FILES: &[&Source] = &[];

/// The default: its parts run on the device.
impl<D: Device> FitRidge for Cuda<D> {}
