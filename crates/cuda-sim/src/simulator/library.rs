//! Kernels compiled for the processor.

use std::{
    collections::HashMap,
    ffi::{CStr, CString, c_char, c_int, c_uint, c_void},
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use isobath_tensor::{
    Error, Result,
    cuda::device::{Argument, COMMON_PRELUDE, Kernel, Launch},
};

use super::compiler::Compiler;

/// Runtime of all kernels, compiled once.
const RUNTIME: [Part; 9] = [
    part("runtime.hpp", include_str!("runtime.hpp")),
    part("fibre.hpp", include_str!("fibre.hpp")),
    part("order.hpp", include_str!("order.hpp")),
    part("block.hpp", include_str!("block.hpp")),
    part("shared.hpp", include_str!("shared.hpp")),
    part("accesses.hpp", include_str!("accesses.hpp")),
    part("copies.hpp", include_str!("copies.hpp")),
    part("warp.hpp", include_str!("warp.hpp")),
    part("grid.hpp", include_str!("grid.hpp")),
];
/// Text before the kernels: the names that the device's compiler has built in.
const SHIM: [Part; 2] = [RUNTIME[0], part("shim.hpp", include_str!("shim.hpp"))];
/// Text that all kernels use.
const COMMON: [Part; 1] = [part("common.cuh", COMMON_PRELUDE)];
/// Text behind the kernels.
const ENTRY: [Part; 1] = [part("entry.hpp", include_str!("entry.hpp"))];

/// A file of C++: its name and its text.
type Part = (&'static str, &'static str);

const fn part(name: &'static str, text: &'static str) -> Part {
    (name, text)
}

/// A file of kernels, specialised and loaded. It is never unloaded.
#[derive(Debug)]
pub(super) struct Library {
    handle: libloading::Library,
    /// Shared memory and threads are the library's own.
    one_at_a_time: Mutex<()>,
}

/// A launch of a kernel.
pub(super) struct Request<'a> {
    pub launch: Launch,
    pub seed: u64,
    pub arguments: &'a [Argument],
    /// Memory that the kernel may use.
    pub memories: &'a [ArgumentMemory],
}

/// A memory that a kernel is given, as `runtime.hpp` has it.
#[repr(C)]
pub(super) struct ArgumentMemory {
    pub begin: *mut u8,
    pub bytes: usize,
    /// Number of the argument, from 1 on.
    pub argument: c_uint,
}

/// A request, as `runtime.hpp` has it.
#[repr(C)]
struct ForeignRequest {
    grid: [c_uint; 2],
    threads: c_uint,
    shared_bytes: c_uint,
    seed: u64,
    kinds: *const c_char,
    arguments: *const *mut c_void,
    memories: *const ArgumentMemory,
    n_memories: usize,
    message: *mut c_char,
    message_bytes: usize,
}

type Entry = unsafe extern "C" fn(*const ForeignRequest) -> c_int;

/// The library `kernel` is in, compiled and loaded at its first use.
pub(super) fn find(compiler: &Compiler, kernel: &Kernel) -> Result<Arc<Library>> {
    type Key = (&'static str, Vec<(&'static str, String)>);
    type Slot = Arc<Mutex<Option<Arc<Library>>>>;
    static LOADED: Mutex<Option<HashMap<Key, Slot>>> = Mutex::new(None);
    let slot = {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kernel.source.text, kernel.defines.clone());
        Arc::clone(loaded.get_or_insert_default().entry(key).or_default())
    };
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = &*slot {
        return Ok(Arc::clone(library));
    }
    let library = Library::new(compiler, kernel)?;
    Ok(Arc::clone(slot.insert(Arc::new(library))))
}

impl Library {
    fn new(compiler: &Compiler, kernel: &Kernel) -> Result<Self> {
        let source_name = kernel.source.name;
        let path = compiler.compile(source_name, &text_of(&RUNTIME), &program(kernel))?;
        // SAFETY: what the library does on being loaded is nothing.
        let handle = unsafe { libloading::Library::new(path) }
            .map_err(|error| Error::Kernel { source_name, reason: reasons(&error) })?;
        Ok(Self { handle, one_at_a_time: Mutex::default() })
    }

    /// The types of the parameters of the kernel `name`, see [`kind`].
    ///
    /// # Errors
    /// A sentence, where there is no such kernel.
    pub(super) fn signature(&self, name: &str) -> Result<String, String> {
        type Signature = unsafe extern "C" fn() -> *const c_char;
        // SAFETY: all symbols of this prefix are of this type, and give a text that stays.
        unsafe {
            let signature = self.handle.get::<Signature>(&format!("signature_{name}"));
            let signature = signature.map_err(|_| no_kernel(name))?;
            Ok(CStr::from_ptr(signature()).to_string_lossy().into_owned())
        }
    }

    /// Runs the kernel `name` to its end.
    ///
    /// # Safety
    /// The addresses among the arguments are of memory as long as the kernel takes it to be.
    ///
    /// # Errors
    /// The kernel's fault.
    pub(super) unsafe fn run(&self, name: &str, request: &Request<'_>) -> Result<(), String> {
        let symbol = format!("simulate_{name}");
        // SAFETY: all symbols of this prefix are of this type.
        let entry = unsafe { self.handle.get::<Entry>(&symbol) }.map_err(|_| no_kernel(name))?;
        let kinds: Vec<u8> = request.arguments.iter().map(kind).collect();
        let kinds = CString::new(kinds).map_err(|error| error.to_string())?;
        let arguments: Vec<*mut c_void> = request.arguments.iter().map(Argument::pointer).collect();
        let mut message = vec![0_u8; 1024];
        let Launch { grid, threads, shared_bytes } = request.launch;
        let foreign = ForeignRequest {
            grid,
            threads,
            shared_bytes,
            seed: request.seed,
            kinds: kinds.as_ptr(),
            arguments: arguments.as_ptr(),
            memories: request.memories.as_ptr(),
            n_memories: request.memories.len(),
            message: message.as_mut_ptr().cast(),
            message_bytes: message.len(),
        };
        let _running = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the request is whole and lives until the kernel has ended; the arguments are the caller's.
        if unsafe { entry(&raw const foreign) } == 0 {
            return Ok(());
        }
        let end = message.iter().position(|&byte| byte == 0).unwrap_or(message.len());
        Err(String::from_utf8_lossy(&message[..end]).into_owned())
    }
}

fn no_kernel(name: &str) -> String {
    format!("the file has no `__global__ void {name}(`")
}

/// The letter `entry.hpp` has for an argument's type.
fn kind(argument: &Argument) -> u8 {
    match argument {
        Argument::Address(_) => b'p',
        Argument::I32(_) => b'i',
        Argument::U64(_) => b'u',
        Argument::F32(_) => b'f',
        Argument::F64(_) => b'd',
    }
}

/// The parts as one text whose lines keep their files and numbers.
fn text_of(parts: &[Part]) -> String {
    let mut all = String::new();
    for (name, text) in parts {
        let _ = writeln!(all, "#line 1 \"{name}\"\n{text}");
    }
    all
}

/// Text for the compiler. The shim comes before the macros, which may have any name.
fn program(kernel: &Kernel) -> String {
    let mut program = text_of(&SHIM);
    program.push_str(&kernel.program(&[&text_of(&COMMON)]));
    program.push_str(&text_of(&ENTRY));
    for name in kernel_names(kernel.source.text) {
        let _ = writeln!(program, "SIMULATOR_ENTRY({name})");
    }
    program
}

/// The names behind `__global__ void`.
fn kernel_names(text: &str) -> Vec<&str> {
    text.split("__global__ void ").skip(1).filter_map(declared_name).collect()
}

/// The name before the parenthesis with the parameters in `void __launch_bounds__(256, 1) name(`.
fn declared_name(declaration: &str) -> Option<&str> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (before, behind) = declaration.split_once('(')?;
    let name = before.trim_end().rsplit(|c| !is_letter(c)).next()?;
    if name != "__launch_bounds__" {
        return Some(name);
    }
    let mut depth = 1;
    let end = behind.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    })?;
    declared_name(&behind[end + 1..])
}

/// An error and its causes.
fn reasons(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_found_by_their_declarations() {
        let text = "extern \"C\" __global__ void first(int n) {}\n\
                    extern \"C\" __global__ void __launch_bounds__((2 + 3) * 32, 1)\n    second (float* x) { f(x); }";
        assert_eq!(kernel_names(text), ["first", "second"]);
    }
}
