//! The CUDA backend on a simulated device and on the mock driver. These tests form one program, so that the backend's generic
//! code is compiled once and long tests share the processor.

mod cascade;
mod mock_driver;
mod simulator;
mod training;
