//! Tests of the public interface. They form one program, so that they link once and share their helpers.

mod batch_entropy;
mod checkpoints;
mod common;
mod gradients;
mod learning;
mod optimizers;
mod outcomes;
mod together;
