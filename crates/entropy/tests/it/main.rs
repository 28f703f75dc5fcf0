//! The tests of the public interface, one program, so that they are linked once and share their helpers.

mod cutoffs;
mod estimators;
mod reference;
