#![expect(unsafe_code, reason = "kernels take raw addresses; each launch says why it is sound")]

use super::{check_pool, check_pool_gradient};
use crate::{
    PoolConfig, PoolKind, Pooling, Result,
    cuda::{
        argument::Argument,
        backend::Cuda,
        buffer::CudaBuffer,
        device::Device,
        kernel::{Kernel, Source},
    },
};

pub(crate) static KERNEL_FILES: &[&Source] = &[&SOURCE];
static SOURCE: Source = Source::new("pool", include_str!("pool.cu"));
static POOL: Kernel = Kernel::new(&SOURCE, "pool");
static POOL_GRADIENT: Kernel = Kernel::new(&SOURCE, "pool_gradient");

impl<D: Device> Pooling for Cuda<D> {
    fn pool(
        &self,
        config: &PoolConfig,
        x: &CudaBuffer<f32, D>,
        y: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        check_pool(self, "pool", config, x, y)?;
        let launch = self.limits().elements(config.output().len());
        let arguments = [&arguments(config)[..], &[x.into(), y.into()]].concat();
        // SAFETY: `check_pool` saw that the buffers are as long as the sizes need.
        unsafe { self.device.launch(&POOL, launch, &arguments) }
    }

    fn pool_gradient(
        &self,
        config: &PoolConfig,
        x: &CudaBuffer<f32, D>,
        delta: &CudaBuffer<f32, D>,
        input_delta: &mut CudaBuffer<f32, D>,
    ) -> Result<()> {
        check_pool_gradient(self, config, x, delta, input_delta)?;
        let launch = self.limits().elements(config.input_gradient().len());
        let buffers = [x.into(), delta.into(), input_delta.into()];
        let arguments = [&arguments(config)[..], &buffers].concat();
        // SAFETY: `check_pool_gradient` saw that the buffers are as long as the sizes need.
        unsafe { self.device.launch(&POOL_GRADIENT, launch, &arguments) }
    }
}

/// The sizes in the order kernels take them.
fn arguments(config: &PoolConfig) -> Vec<Argument> {
    let &PoolConfig { channels, image, grid, kernel, stride, padding, samples, .. } = config;
    let sizes = [image, grid, kernel, stride, padding].into_iter().flatten();
    let mut arguments = vec![Argument::I32((config.kind == PoolKind::Average).into())];
    arguments.extend([channels].into_iter().chain(sizes).chain([samples]).map(Argument::from));
    arguments.extend(config.axes.map(|axes| Argument::I32(axes.code())));
    arguments
}
