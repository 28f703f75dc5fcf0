//! Tests of the public interface. They form one program, so that they link once and share their helpers.

mod architectures;
mod common;
mod dropout;
mod every_activation;
mod finite_width;
mod gradient_norm;
mod kernels;
mod landmarks;
mod monte_carlo;
mod network_profile;
mod random_networks;
mod reference;
mod ridge;
mod robustness;
