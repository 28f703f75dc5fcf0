//! The tests of the public interface, one program, so that they are linked once and share their helpers.

mod architectures;
mod common;
mod every_activation;
mod finite_width;
mod kernels;
mod landmarks;
mod monte_carlo;
mod reference;
mod ridge;
mod robustness;
