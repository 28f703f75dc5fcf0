//! Tests of the public interface. They form one program, so that they link once and share their helpers.

mod common;
mod compare;
mod damage;
mod doctor;
#[cfg(target_os = "linux")]
mod faults;
mod interpret;
mod kernels;
mod kinds;
mod list;
mod meanfield;
mod mistakes;
mod own_data;
mod predict;
mod predict_models;
mod reduced;
mod reference;
mod run;
mod shards;
mod signals;
mod slurm;
mod submit;
mod theory;
mod train;
mod verdicts;
