//! The machine's C++ compiler.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use isobath_tensor::{Error, Result, cuda::cache};
use sha2::{Digest, Sha256};

/// The name of the simulated device.
pub(super) const LABEL: &str = "cuda-simulated";

/// Variable that names the folder where compiled kernels are kept.
const CACHE_VARIABLE: &str = "ISOBATH_SIMULATOR_CACHE";

/// Products are rounded before they are added, as the sources say. Checks of a jump's depth do not know of fibres.
const FLAGS: [&str; 8] = [
    "-std=c++17",
    "-fno-exceptions",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-strict-aliasing",
    "-U_FORTIFY_SOURCE",
    "-fvisibility=hidden",
    "-fPIC",
];
const RUNTIME_FLAGS: [&str; 2] = ["-O2", "-c"];
/// Kernels report what they do with memory, to the runtime instead of the compiler's own libraries.
const KERNEL_FLAGS: [&str; 4] =
    ["-O1", "-fsanitize=thread,alignment,bounds", "-shared", "-nodefaultlibs"];
/// Extensions of the files that are made.
const ENDINGS: [&str; 5] = ["o", "so", "seal", "part", "cpp"];
const LIBRARIES: [&str; 3] = ["-lm", "-lc", "-lgcc"];

/// A C++ compiler.
#[derive(Debug)]
pub(super) struct Compiler {
    /// Its name and arguments that come first.
    command: Vec<String>,
    version: String,
}

impl Compiler {
    /// The compiler named by `CXX`, else `c++` or `g++`, looked for once.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none.
    pub(super) fn find() -> Result<&'static Self> {
        static FOUND: OnceLock<Result<Compiler, String>> = OnceLock::new();
        let unavailable = |reason| Error::Unavailable { backend: LABEL.to_owned(), reason };
        FOUND.get_or_init(Self::look).as_ref().map_err(|reason| unavailable(reason.clone()))
    }

    fn look() -> Result<Self, String> {
        let named = env::var("CXX").ok().filter(|name| !name.trim().is_empty());
        let names =
            named.map_or_else(|| vec!["c++".to_owned(), "g++".to_owned()], |name| vec![name]);
        names.iter().find_map(|name| Self::at(name)).ok_or_else(|| {
            format!(
                "no C++ compiler answers to {}; install one or name it in CXX",
                names.join(" or ")
            )
        })
    }

    fn at(command: &str) -> Option<Self> {
        let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        let output =
            Command::new(&command[0]).args(&command[1..]).arg("--version").output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout);
        let version = version.lines().next().filter(|_| output.status.success())?.to_owned();
        Some(Self { command, version })
    }

    /// The first line of its `--version`.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The shared library made of `runtime` and `program`, the file of kernels `name`, compiled unless that was done
    /// before.
    ///
    /// # Errors
    /// [`Error::Kernel`] with the compiler's log, [`Error::Device`] when its results cannot be kept.
    pub(super) fn compile(
        &self,
        name: &'static str,
        runtime: &str,
        program: &str,
    ) -> Result<PathBuf> {
        let folder = folder()?;
        let object = folder.join(format!("runtime-{}.o", self.hash(&RUNTIME_FLAGS, &[runtime])));
        let hash = self.hash(&KERNEL_FLAGS, &[runtime, program]);
        let library = folder.join(format!("{name}-{hash}.so"));
        if !is_whole(&object) {
            self.run(name, &RUNTIME_FLAGS, runtime, &[], &object)?;
        }
        if !is_whole(&library) {
            let object = object.to_string_lossy();
            let [m, c, gcc] = LIBRARIES;
            self.run(name, &KERNEL_FLAGS, program, &[&object, m, c, gcc], &library)?;
            cache::prune(&folder, &ENDINGS, SystemTime::now());
        }
        Ok(library)
    }

    /// The shared library made of `program` alone, which the loader knows as `name`.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub(super) fn link(&self, name: &'static str, program: &str) -> Result<PathBuf> {
        let folder = folder()?;
        let known_as = format!("-Wl,-soname,{name}");
        let flags = ["-shared", "-nostdlib", &known_as];
        let library = folder.join(format!("{name}-{}.so", self.hash(&flags, &[program])));
        if !is_whole(&library) {
            self.run(name, &flags, program, &[], &library)?;
        }
        Ok(library)
    }

    /// Hash of everything that determines the result.
    fn hash(&self, flags: &[&str], texts: &[&str]) -> String {
        let command = self.command.iter().map(String::as_str);
        let flags = FLAGS.iter().chain(flags).chain(texts).copied();
        cache::hash(command.chain([&*self.version, env::consts::ARCH]).chain(flags))
    }

    /// Compiles `program`. Files get their names when they are whole: other threads and processes may be about the same.
    fn run(
        &self,
        name: &'static str,
        flags: &[&str],
        program: &str,
        others: &[&str],
        result: &Path,
    ) -> Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let unfinished = result.with_extension(format!("{}-{number}.part", process::id()));
        let source = unfinished.with_extension("cpp");
        let failed = |error: io::Error| cannot_keep(result, &error);
        let refused = |reason| Error::Kernel { source_name: name, reason };
        fs::write(&source, program).map_err(failed)?;
        let output = Command::new(&self.command[0])
            .args(&self.command[1..])
            .args(FLAGS)
            .args(flags)
            .arg("-o")
            .args([&unfinished, &source])
            .args(others)
            .output()
            .map_err(|error| refused(format!("{}: {error}", self.command[0])))?;
        fs::remove_file(source).map_err(failed)?;
        if !output.status.success() {
            return Err(refused(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let seal = seal_of(&fs::read(&unfinished).map_err(failed)?);
        fs::rename(unfinished, result).map_err(failed)?;
        fs::write(seal_place(result), seal).map_err(failed)
    }
}

/// Folder of compiled kernels.
fn folder() -> Result<PathBuf> {
    let nowhere = || env::temp_dir().join(format!("isobath-simulator-{}", process::id()));
    let folder = cache::folder(CACHE_VARIABLE, "simulator").unwrap_or_else(nowhere);
    fs::create_dir_all(&folder).map_err(|error| cannot_keep(&folder, &error))?;
    Ok(folder)
}

/// The kernels are not to blame.
fn cannot_keep(place: &Path, error: &io::Error) -> Error {
    Error::Device {
        backend: LABEL.to_owned(),
        action: format!("keep compiled kernels in {}", place.display()),
        reason: format!("{error}; name a folder for them in {CACHE_VARIABLE}"),
    }
}

/// True if a file is there and unchanged since it was made: a damaged library would end the process.
fn is_whole(file: &Path) -> bool {
    let sealed = fs::read_to_string(seal_place(file));
    fs::read(file).is_ok_and(|content| sealed.is_ok_and(|seal| seal == seal_of(&content)))
}

fn seal_place(file: &Path) -> PathBuf {
    let mut place = file.as_os_str().to_owned();
    place.push(".seal");
    place.into()
}

fn seal_of(content: &[u8]) -> String {
    format!("{:?}", Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unwritable_cache_is_reported_as_such() {
        let error =
            cannot_keep(Path::new("/nowhere/a.so"), &io::ErrorKind::PermissionDenied.into());
        let text = error.to_string();
        for part in ["cuda-simulated", "/nowhere/a.so", "permission denied", CACHE_VARIABLE] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn damaged_files_are_made_again() {
        let folder = env::temp_dir().join(format!("isobath-seals-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.so");
        fs::write(&file, "whole").unwrap();
        assert!(!is_whole(&file), "nobody has said so");
        fs::write(seal_place(&file), seal_of(b"whole")).unwrap();
        assert!(is_whole(&file));
        fs::write(&file, "hole").unwrap();
        assert!(!is_whole(&file));
        fs::remove_dir_all(folder).unwrap();
    }
}
