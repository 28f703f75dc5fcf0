use crate::{
    Activation, HostBuffer, Pointwise, Reference, Result,
    backend::expect_len,
    reference::{activation_derivative as derivative, activation_value as value},
};

impl Pointwise for Reference {
    fn bias_activation(
        &self,
        [rows, cols]: [usize; 2],
        activation: Activation,
        bias: &HostBuffer<f32>,
        y: &mut HostBuffer<f32>,
    ) -> Result<()> {
        expect_len("bias_activation", "bias", cols, bias.as_slice().len())?;
        expect_len("bias_activation", "y", rows * cols, y.as_slice().len())?;
        for (index, y) in y.as_mut_slice()[..rows * cols].iter_mut().enumerate() {
            *y = value(activation, f64::from(*y) + f64::from(bias.as_slice()[index % cols])) as f32;
        }
        Ok(())
    }

    fn squared_error_gradient(
        &self,
        [rows, cols]: [usize; 2],
        activation: Activation,
        bias: &HostBuffer<f32>,
        target: &HostBuffer<f32>,
        z: &mut HostBuffer<f32>,
    ) -> Result<f64> {
        expect_len("squared_error_gradient", "bias", cols, bias.as_slice().len())?;
        expect_len("squared_error_gradient", "target", rows * cols, target.as_slice().len())?;
        expect_len("squared_error_gradient", "z", rows * cols, z.as_slice().len())?;
        let count = (rows * cols) as f64;
        let mut sum = 0.0;
        for (index, (z, &target)) in
            z.as_mut_slice()[..rows * cols].iter_mut().zip(target.as_slice()).enumerate()
        {
            let input = f64::from(*z) + f64::from(bias.as_slice()[index % cols]);
            let residual = value(activation, input) - f64::from(target);
            sum += residual * residual;
            *z = (2.0 / count * residual * derivative(activation, input)) as f32;
        }
        Ok(sum / count)
    }

    fn column_sums(
        &self,
        [rows, cols]: [usize; 2],
        x: &HostBuffer<f32>,
        out: &mut HostBuffer<f32>,
    ) -> Result<()> {
        expect_len("column_sums", "x", rows * cols, x.as_slice().len())?;
        expect_len("column_sums", "out", cols, out.as_slice().len())?;
        for (j, out) in out.as_mut_slice()[..cols].iter_mut().enumerate() {
            *out = (0..rows).map(|i| f64::from(x.as_slice()[i * cols + j])).sum::<f64>() as f32;
        }
        Ok(())
    }
}
