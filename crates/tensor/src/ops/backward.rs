use crate::{
    Activation, Backend, Result,
    backend::expect_len,
    reference::{activation_derivative, activation_value},
};

/// Activations on the way there and back.
///
/// The defaults go through host memory in f64: slow, obvious, and what kernels are tested against.
pub trait Backward: Backend {
    /// `y = phi(z)` for the first `n` elements. `z` is kept, since [`activation_gradient`](Self::activation_gradient)
    /// needs it.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn activate(
        &self,
        activation: Activation,
        n: usize,
        z: &Self::Buffer<f32>,
        y: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        check_activate(self, n, z, y)?;
        let phi = |z: f32| activation_value(activation, f64::from(z)) as f32;
        let values: Vec<f32> = self.read(z, 0..n)?.into_iter().map(phi).collect();
        self.write(y, 0, &values)
    }

    /// `delta <- delta phi'(z)` for the first `n` elements: from the derivative with respect to `phi(z)` to the one with
    /// respect to `z`. `y` is `phi(z)`, from which some derivatives are had for less.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) when a buffer is too short.
    fn activation_gradient(
        &self,
        activation: Activation,
        n: usize,
        z: &Self::Buffer<f32>,
        y: &Self::Buffer<f32>,
        delta: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        check_activation_gradient(self, n, z, y, delta)?;
        let slope = |z: f32| activation_derivative(activation, f64::from(z));
        let (z, old) = (self.read(z, 0..n)?, self.read(delta, 0..n)?);
        let new = old.into_iter().zip(z).map(|(delta, z)| (f64::from(delta) * slope(z)) as f32);
        self.write(delta, 0, &new.collect::<Vec<f32>>())
    }
}

pub(crate) fn check_activate<B: Backend>(
    backend: &B,
    n: usize,
    z: &B::Buffer<f32>,
    y: &B::Buffer<f32>,
) -> Result<()> {
    expect_len("activate", "z", n, backend.len(z))?;
    expect_len("activate", "y", n, backend.len(y))
}

pub(crate) fn check_activation_gradient<B: Backend>(
    backend: &B,
    n: usize,
    z: &B::Buffer<f32>,
    y: &B::Buffer<f32>,
    delta: &B::Buffer<f32>,
) -> Result<()> {
    for (argument, buffer) in [("z", z), ("y", y), ("delta", delta)] {
        expect_len("activation_gradient", argument, n, backend.len(buffer))?;
    }
    Ok(())
}
