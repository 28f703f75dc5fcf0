use isobath_tensor::{CudaPart, CudaState, cuda_state};

/// Prints the installed CUDA components, and how to install missing ones.
pub(super) fn print() {
    match cuda_state() {
        Ok(state) => print_state(&state),
        Err(error) => println!("  {:<10} {error}", "cuda"),
    }
}

fn print_state(state: &CudaState) {
    let devices = state.devices.iter().filter(|device| device.is_ok()).count();
    let status = match devices {
        0 => "not available".to_owned(),
        devices => isobath_report::count(devices, "device"),
    };
    println!("  {:<10} {status}", "cuda");
    for CudaPart { name, version } in &state.parts {
        match version {
            Ok(version) => println!("    {name:<8} CUDA {version}"),
            Err(reason) => println!("    {name:<8} missing: {reason}"),
        }
    }
    let (Ok(text) | Err(text)) = &state.kernels;
    println!("    {:<8} {text}", "kernels");
    for device in &state.devices {
        let (Ok(text) | Err(text)) = device;
        println!("    {:<8} {text}", "device");
    }
}
