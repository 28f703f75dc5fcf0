//! Tests of the public interface. They form one program, so that they link once and share their helpers.

mod common;
mod compare;
mod doctor;
mod kernels;
mod list;
mod meanfield;
mod mistakes;
mod reduced;
mod reference;
mod run;
mod theory;
mod train;
mod verdicts;
