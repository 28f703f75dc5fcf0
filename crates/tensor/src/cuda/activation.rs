use super::argument::Argument;
use crate::Activation;

/// An activation as arguments of kernels: its number in `common.cuh`, and a slope.
pub(crate) fn arguments(activation: Activation) -> [Argument; 2] {
    let (number, slope) = numbered(activation);
    [Argument::I32(number), Argument::F32(slope)]
}

/// Its number and its slope.
pub(crate) const fn numbered(activation: Activation) -> (i32, f32) {
    match activation {
        Activation::Tanh => (0, 0.0),
        Activation::Erf => (1, 0.0),
        Activation::Relu => (2, 0.0),
        Activation::LeakyRelu { slope } => (3, slope as f32),
        Activation::Elu => (4, 0.0),
        Activation::Selu => (5, 0.0),
        Activation::Softplus => (6, 0.0),
        Activation::Sigmoid => (7, 0.0),
        Activation::HardTanh => (8, 0.0),
        Activation::Gelu => (9, 0.0),
        Activation::Silu => (10, 0.0),
        Activation::Sine => (11, 0.0),
        Activation::Linear => (12, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::kernel::COMMON_PRELUDE;

    #[test]
    fn numbers_are_those_of_the_kernels() {
        let names = COMMON_PRELUDE.split_once("enum Activation {").unwrap().1;
        let names: Vec<&str> = names.split_once('}').unwrap().0.split(',').map(str::trim).collect();
        assert_eq!(names.len(), Activation::ALL.len());
        for activation in Activation::ALL {
            let name = activation.name().replace('-', "_").to_uppercase();
            assert_eq!(names[numbered(activation).0 as usize], name);
        }
    }
}
