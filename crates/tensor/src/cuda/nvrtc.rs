//! Compiling kernels, once: what was compiled is kept on disk.

use std::{
    ffi::{CStr, CString},
    fs, io,
    path::{Path, PathBuf},
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use cudarc::nvrtc::{result, sys};
use sha2::{Digest, Sha256};

use super::{
    cache,
    kernel::{COMMON_PRELUDE, DEVICE_PRELUDE, Kernel},
    libraries::Library,
};
use crate::{Error, Resources, Result};

/// Names the folder where compiled kernels are kept; empty for nowhere.
pub const CACHE_VARIABLE: &str = "ISOBATH_KERNEL_CACHE";

/// Machine code of a file of kernels.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    /// The device's executable.
    pub cubin: Vec<u8>,
    /// Resources of its kernels.
    pub resources: Vec<Resources>,
}

/// The first processors that have the instructions kernels use, as `sm_80` counts.
const LEAST_ARCHITECTURE: i32 = 80;

/// Compiles the file of `kernel`, specialised, for `architecture` (`sm_90a`), unless that was done before.
///
/// # Errors
/// [`Error::Unavailable`] without a compiler, [`Error::Architecture`] where it does not know `architecture`,
/// [`Error::Kernel`] with the compiler's log.
pub(crate) fn compile(kernel: &Kernel, architecture: &str) -> Result<Compiled> {
    let unavailable = |reason| Error::Unavailable { backend: "cuda".to_owned(), reason };
    Library::Nvrtc.find().map_err(unavailable)?;
    check_architecture(architecture)?;
    let program = kernel.program(&[DEVICE_PRELUDE, COMMON_PRELUDE]);
    let options = options(architecture);
    let folder = folder();
    let name = file_name(kernel, &program, &options);
    if let Some(compiled) = folder.as_ref().and_then(|folder| load(&folder.join(&name))) {
        return Ok(compiled);
    }
    let (cubin, log) = run_compiler(&program, &options)
        .map_err(|log| Error::Kernel { source_name: kernel.source.name, reason: log })?;
    if let Some(folder) = folder
        && let Err(error) = save(&folder, &name, &cubin, &log)
    {
        // That costs time, not correctness.
        NOT_KEPT.get_or_init(|| cannot_keep(&folder, &error));
    }
    Ok(Compiled { cubin, resources: resources(&log) })
}

/// The reason why compiled kernels were not kept.
static NOT_KEPT: OnceLock<String> = OnceLock::new();

/// The reason why kernels that this process compiled were not kept, with what to do about it; `None` if they were.
pub fn not_kept() -> Option<&'static str> {
    NOT_KEPT.get().map(String::as_str)
}

/// Folder of compiled kernels, in words.
///
/// # Errors
/// A sentence that says why they cannot be, and what to do about it.
pub(crate) fn keeping() -> Result<String, String> {
    let Some(folder) = folder() else { return Ok("nowhere".to_owned()) };
    let kept = cache::try_folder(&folder).map_err(|error| cannot_keep(&folder, &error));
    kept.map(|()| folder.display().to_string())
}

fn folder() -> Option<PathBuf> {
    cache::folder(CACHE_VARIABLE, "kernels")
}

fn cannot_keep(folder: &Path, error: &io::Error) -> String {
    format!(
        "compiled kernels cannot be kept in {} ({error}), so every start compiles them anew; name a folder for them in \
         {CACHE_VARIABLE}",
        folder.display()
    )
}

/// Checks that the compiler, which was found, knows `architecture`.
///
/// # Errors
/// [`Error::Architecture`].
pub(crate) fn check_architecture(architecture: &str) -> Result<()> {
    let known = known_architectures();
    // A compiler that does not list its architectures reports an unknown one when it compiles.
    let is_known = |number| known.is_empty() || known.contains(&number);
    if number_of(architecture).is_some_and(is_known) {
        return Ok(());
    }
    let names: Vec<String> = known.iter().map(|number| format!("sm_{number}")).collect();
    Err(Error::Architecture {
        architecture: architecture.to_owned(),
        compiler: format!("NVRTC {}", Library::Nvrtc.version_name()),
        known: names.join(", "),
    })
}

/// Those the compiler knows of [`LEAST_ARCHITECTURE`] or later; none where it does not say.
fn known_architectures() -> Vec<i32> {
    let mut count = 0;
    // SAFETY: the compiler was found; `count` is ours.
    let counted = unsafe { sys::nvrtcGetNumSupportedArchs(&raw mut count) }.result();
    let mut numbers = vec![0; count.max(0) as usize];
    // SAFETY: as before; `numbers` has as many as the compiler said.
    let listed = unsafe { sys::nvrtcGetSupportedArchs(numbers.as_mut_ptr()) }.result();
    if counted.and(listed).is_err() {
        return Vec::new();
    }
    numbers.retain(|&number| number >= LEAST_ARCHITECTURE);
    numbers
}

/// 90 of `sm_90` and of `sm_90a`, the instructions that only this one processor has.
fn number_of(architecture: &str) -> Option<i32> {
    let name = architecture.strip_prefix("sm_")?;
    let digits = name.strip_suffix('a').unwrap_or(name);
    let number =
        digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    (number >= 90 || digits == name).then_some(number)
}

fn options(architecture: &str) -> Vec<String> {
    let architecture = format!("--gpu-architecture={architecture}");
    vec![architecture, "--std=c++17".to_owned(), "--ptxas-options=-v".to_owned()]
}

/// File name with a hash of everything that determines the result.
fn file_name(kernel: &Kernel, program: &str, options: &[String]) -> String {
    let version = Library::Nvrtc.version_name();
    let parts = options.iter().map(String::as_str).chain([&*version, program]);
    format!("{}-{}.cubin", kernel.source.name, cache::hash(parts))
}

/// The compiler's log, a zero, the machine code; before them a hash of both.
fn save(folder: &Path, name: &str, cubin: &[u8], log: &str) -> io::Result<()> {
    /// Others, in this process too, may be about the same.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    fs::create_dir_all(folder)?;
    let mut content = log.as_bytes().to_vec();
    content.push(0);
    content.extend_from_slice(cubin);
    let mut file = Sha256::digest(&content).to_vec();
    file.extend_from_slice(&content);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let unfinished = folder.join(format!("{name}.{}-{number}.part", std::process::id()));
    fs::write(&unfinished, file)?;
    fs::rename(unfinished, folder.join(name))?;
    cache::prune(folder, &["cubin", "part"], SystemTime::now());
    Ok(())
}

fn load(place: &Path) -> Option<Compiled> {
    let file = fs::read(place).ok()?;
    let (hash, content) = file.split_at_checked(32)?;
    if Sha256::digest(content).as_slice() != hash {
        return None;
    }
    let end = content.iter().position(|&byte| byte == 0)?;
    let log = std::str::from_utf8(&content[..end]).ok()?;
    Some(Compiled { cubin: content[end + 1..].to_vec(), resources: resources(log) })
}

/// Machine code and log, or the log alone.
fn run_compiler(program: &str, options: &[String]) -> Result<(Vec<u8>, String), String> {
    let text = |error: result::NvrtcError| format!("{error:?}");
    let source = CString::new(program).map_err(|error| error.to_string())?;
    let program = Program(result::create_program(&source, None).map_err(text)?);
    // SAFETY: the program lives until the end of this function.
    let outcome = unsafe { result::compile_program(program.0, options) };
    // SAFETY: as before.
    let log = unsafe { result::get_program_log(program.0) }.map_err(text)?;
    // SAFETY: the log ends in a zero.
    let log = unsafe { CStr::from_ptr(log.as_ptr()) }.to_string_lossy().into_owned();
    match outcome {
        Ok(()) => Ok((program.cubin().map_err(text)?, log)),
        Err(error) => Err(format!("{error:?}\n{log}")),
    }
}

/// Destroyed when dropped.
struct Program(sys::nvrtcProgram);

impl Program {
    fn cubin(&self) -> Result<Vec<u8>, result::NvrtcError> {
        let mut size = 0;
        // SAFETY: the program was compiled; `size` is ours.
        unsafe { sys::nvrtcGetCUBINSize(self.0, ptr::from_mut(&mut size)) }.result()?;
        let mut cubin = vec![0_u8; size];
        // SAFETY: the program was compiled; `cubin` is as long as it says.
        unsafe { sys::nvrtcGetCUBIN(self.0, cubin.as_mut_ptr().cast()) }.result()?;
        Ok(cubin)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: nobody else has it; a failure would leak it.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

/// Resources of each kernel, from the assembler's log.
fn resources(log: &str) -> Vec<Resources> {
    let mut found: Vec<Resources> = Vec::new();
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            let kernel = rest.split('\'').next().unwrap_or_default().to_owned();
            found.push(Resources { kernel, registers: 0, stack_bytes: 0, spill_bytes: 0 });
        } else if let Some(last) = found.last_mut() {
            if line.contains("bytes stack frame") {
                let numbers = numbers(line);
                if let [stack, stores, loads, ..] = numbers[..] {
                    last.stack_bytes = last.stack_bytes.max(stack);
                    last.spill_bytes = last.spill_bytes.max(stores + loads);
                }
            } else if let Some((_, rest)) = line.split_once("Used ") {
                last.registers = numbers(rest).first().copied().unwrap_or(0);
            }
        }
    }
    found
}

/// The whole numbers in a line that stand alone.
fn numbers(line: &str) -> Vec<u32> {
    line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'first' for 'sm_90a'
ptxas info    : Function properties for first
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 400 bytes cmem[0]
ptxas info    : Compiling entry function 'second' for 'sm_90a'
ptxas info    : Function properties for second
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers
";

    #[test]
    fn resources_are_read_from_the_log() {
        let resource = |kernel: &str, registers, stack_bytes, spill_bytes| Resources {
            kernel: kernel.to_owned(),
            registers,
            stack_bytes,
            spill_bytes,
        };
        assert_eq!(resources(LOG), [resource("first", 40, 0, 0), resource("second", 255, 16, 20)]);
    }

    #[test]
    fn architecture_names_are_parsed() {
        for (architecture, number) in
            [("sm_80", 80), ("sm_90", 90), ("sm_90a", 90), ("sm_121a", 121)]
        {
            assert_eq!(number_of(architecture), Some(number), "{architecture}");
        }
        for architecture in ["sm_80a", "compute_90", "sm_", "sm_+90", "90", "sm_90 -G", ""] {
            assert_eq!(number_of(architecture), None, "{architecture}");
        }
    }

    #[test]
    fn the_cache_returns_unchanged_files_only() {
        let folder = std::env::temp_dir().join(format!("isobath-cache-{}", std::process::id()));
        let place = folder.join("a.cubin");
        save(&folder, "a.cubin", &[1, 0, 2], LOG).unwrap();
        let compiled = load(&place).unwrap();
        assert_eq!((compiled.cubin, compiled.resources.len()), (vec![1, 0, 2], 2));
        let mut damaged = fs::read(&place).unwrap();
        *damaged.last_mut().unwrap() ^= 1;
        fs::write(&place, damaged).unwrap();
        assert!(load(&place).is_none());
        fs::remove_dir_all(folder).unwrap();
    }
}
