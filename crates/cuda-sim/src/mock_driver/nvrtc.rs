//! The interface of the compiler of kernels, as far as it is used. Its images say what the simulator is to run.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "pointers are those of the caller, who promises what the documentation of CUDA asks for"
)]

use std::{
    ffi::{CStr, CString, c_char, c_int},
    ptr, slice,
};

use cudarc::{
    driver::sys::CUresult,
    nvrtc::sys::{nvrtcProgram, nvrtcResult as Status},
};
use isobath_tensor::cuda::{
    device::{DEVICE_PRELUDE, Kernel},
    kernel_files,
};

use super::{
    Symbol, VERSION,
    answer::answer,
    machine::{Machine, Outcome, call},
    symbols,
};

pub(super) const SYMBOLS: &[Symbol] = symbols![
    "nvrtcVersion" => version,
    "nvrtcGetNumSupportedArchs" => get_num_supported_archs,
    "nvrtcGetSupportedArchs" => get_supported_archs,
    "nvrtcCreateProgram" => create_program,
    "nvrtcDestroyProgram" => destroy_program,
    "nvrtcCompileProgram" => compile_program,
    "nvrtcGetProgramLogSize" => get_log_size,
    "nvrtcGetProgramLog" => get_log,
    "nvrtcGetCUBINSize" => get_cubin_size,
    "nvrtcGetCUBIN" => get_cubin,
];

/// A program to be compiled.
#[derive(Debug, Default)]
pub(super) struct Program {
    source: String,
    log: CString,
    image: CString,
}

/// Begin of the lines before the prelude: macros and their values.
const MACRO: &str = "#define ";
/// Option for the architecture of the mock device.
const ARCHITECTURE: &str = "--gpu-architecture=sm_90a";

/// Status of the compiler for an error of the driver.
fn status(outcome: CUresult) -> Status {
    match outcome {
        CUresult::CUDA_SUCCESS => Status::NVRTC_SUCCESS,
        CUresult::CUDA_ERROR_INVALID_SOURCE => Status::NVRTC_ERROR_COMPILATION,
        _ => Status::NVRTC_ERROR_INVALID_INPUT,
    }
}

/// The kernels of an image, without the name of one of them.
pub(super) fn kernel_of(image: &CStr) -> Option<Kernel> {
    let mut lines = image.to_str().ok()?.lines();
    let name = lines.next()?;
    let source = kernel_files().find(|source| source.name == name)?;
    let define = |line: &str| {
        let (name, value) = line.strip_prefix(MACRO)?.split_once(' ')?;
        // As many as there are specialised kernels.
        Some((&*name.to_owned().leak(), value.to_owned()))
    };
    let defines = lines.map(define).collect::<Option<_>>()?;
    Some(Kernel { defines, ..Kernel::new(source, "") })
}

/// The image of a program of this crate's: its macros, the preludes, its file.
fn image_of(program: &str) -> Option<CString> {
    let (macros, rest) = program.split_once(DEVICE_PRELUDE)?;
    let (_, rest) = rest.split_once("#line 1 \"")?;
    let (name, _) = rest.split_once(".cu\"")?;
    CString::new(format!("{name}\n{macros}")).ok()
}

fn program_of(machine: &mut Machine, program: nvrtcProgram) -> Outcome<&mut Program> {
    machine.programs.get_mut(&program.addr()).ok_or(CUresult::CUDA_ERROR_INVALID_VALUE)
}

unsafe extern "C" fn version(major: *mut c_int, minor: *mut c_int) -> Status {
    status(call(|_| unsafe {
        answer(major, VERSION[0])?;
        answer(minor, VERSION[1])
    }))
}

unsafe extern "C" fn get_num_supported_archs(count: *mut c_int) -> Status {
    status(call(|_| unsafe { answer(count, 2) }))
}

unsafe extern "C" fn get_supported_archs(numbers: *mut c_int) -> Status {
    status(call(|_| unsafe {
        answer(numbers, 80)?;
        answer(numbers.add(1), 90)
    }))
}

unsafe extern "C" fn create_program(
    program: *mut nvrtcProgram,
    source: *const c_char,
    _name: *const c_char,
    _headers: c_int,
    _header_texts: *const *const c_char,
    _header_names: *const *const c_char,
) -> Status {
    let source = unsafe { CStr::from_ptr(source) }.to_string_lossy().into_owned();
    status(call(|machine| {
        let number = machine.next();
        machine.programs.insert(number, Program { source, ..Program::default() });
        unsafe { answer(program, ptr::without_provenance_mut(number)) }
    }))
}

unsafe extern "C" fn destroy_program(program: *mut nvrtcProgram) -> Status {
    status(call(|machine| {
        let number = unsafe { program.read() };
        program_of(machine, number)?;
        machine.programs.remove(&number.addr());
        unsafe { answer(program, ptr::null_mut()) }
    }))
}

unsafe extern "C" fn compile_program(
    program: nvrtcProgram,
    count: c_int,
    options: *const *const c_char,
) -> Status {
    let options = unsafe { slice::from_raw_parts(options, count.max(0) as usize) };
    let is_ours = |&option: &*const c_char| {
        unsafe { CStr::from_ptr(option) }.to_str().is_ok_and(|option| option == ARCHITECTURE)
    };
    let fits = options.iter().any(is_ours);
    status(call(|machine| {
        let program = program_of(machine, program)?;
        let Some(image) = image_of(&program.source).filter(|_| fits) else {
            program.log = CString::from(c"no program of Isobath's for sm_90a");
            return Err(CUresult::CUDA_ERROR_INVALID_SOURCE);
        };
        program.image = image;
        Ok(())
    }))
}

/// Tells how long a text of the program is, with the zero at its end.
unsafe fn tell_size(
    program: nvrtcProgram,
    size: *mut usize,
    text: fn(&Program) -> &CStr,
) -> Status {
    status(call(|machine| {
        let bytes = text(program_of(machine, program)?).count_bytes() + 1;
        unsafe { answer(size, bytes) }
    }))
}

/// Copies a text of the program, with the zero at its end.
unsafe fn tell(program: nvrtcProgram, target: *mut c_char, text: fn(&Program) -> &CStr) -> Status {
    status(call(|machine| {
        let bytes = text(program_of(machine, program)?).to_bytes_with_nul();
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr().cast(), target, bytes.len()) };
        Ok(())
    }))
}

unsafe extern "C" fn get_log_size(program: nvrtcProgram, size: *mut usize) -> Status {
    unsafe { tell_size(program, size, |program| &program.log) }
}

unsafe extern "C" fn get_log(program: nvrtcProgram, log: *mut c_char) -> Status {
    unsafe { tell(program, log, |program| &program.log) }
}

unsafe extern "C" fn get_cubin_size(program: nvrtcProgram, size: *mut usize) -> Status {
    unsafe { tell_size(program, size, |program| &program.image) }
}

unsafe extern "C" fn get_cubin(program: nvrtcProgram, cubin: *mut c_char) -> Status {
    unsafe { tell(program, cubin, |program| &program.image) }
}
