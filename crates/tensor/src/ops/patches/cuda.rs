#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use super::check_patches;
use crate::{
    Boundary, Patches, PatchesConfig, Result,
    cuda::{
        argument::Argument,
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("patches", include_str!("patches.cu"));
static PATCHES: Kernel = Kernel::new(&SOURCE, "patches");
static PATCHES_ADJOINT: Kernel = Kernel::new(&SOURCE, "patches_adjoint");

impl<D: Device> Patches for Cuda<D> {
    fn patches(
        &self,
        config: &PatchesConfig,
        images: &CudaBuffer<f32, D>,
        patches: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        check_patches(self, "patches", config, images, patches)?;
        let launch = self.limits().elements(config.patches().len());
        let arguments = [&arguments(config)[..], &[images.into(), patches.into()]].concat();
        // SAFETY: `check_patches` saw that the buffers are as long as the sizes need.
        unsafe { self.device.launch(&PATCHES, launch, &arguments) }
    }

    fn patches_adjoint(
        &self,
        config: &PatchesConfig,
        patches: &CudaBuffer<f32, D>,
        images: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        check_patches(self, "patches_adjoint", config, images, patches)?;
        let launch = self.limits().elements(config.images().len());
        let arguments = [&arguments(config)[..], &[patches.into(), images.into()]].concat();
        // SAFETY: as before.
        unsafe { self.device.launch(&PATCHES_ADJOINT, launch, &arguments) }
    }
}

/// The sizes in the order kernels take them.
fn arguments(config: &PatchesConfig) -> Vec<Argument> {
    let &PatchesConfig { channels, image, grid, kernel, stride, spread, samples, .. } = config;
    let sizes = [image, grid, kernel, stride, spread].into_iter().flatten();
    let mut arguments: Vec<Argument> =
        [channels].into_iter().chain(sizes).map(Into::into).collect();
    // A layer's padding is small.
    arguments.extend(config.origin.map(|origin| Argument::I32(origin as i32)));
    arguments.push(i32::from(config.boundary == Boundary::Circular).into());
    arguments.push(samples.into());
    arguments.extend(config.axes.map(|axes| Argument::I32(axes.code())));
    arguments
}
