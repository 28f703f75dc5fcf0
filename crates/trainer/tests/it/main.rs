//! The tests of the public interface, one program, so that they are linked once and share their helpers.

mod batch_entropy;
mod checkpoints;
mod common;
mod gradients;
mod learning;
mod optimizers;
mod outcomes;
mod together;
