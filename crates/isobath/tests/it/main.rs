//! The tests of the program, one program themselves, so that they are linked once and share their helpers.

mod common;
mod compare;
mod doctor;
mod kernels;
mod meanfield;
mod mistakes;
mod reduced;
mod reference;
mod run;
mod theory;
mod train;
