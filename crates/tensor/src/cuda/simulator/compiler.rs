//! The machine's C++ compiler.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{Error, Result, cuda::cache};

/// Names the folder where compiled kernels are kept.
const CACHE_VARIABLE: &str = "ISOBATH_SIMULATOR_CACHE";

/// Products are rounded before they are added, as the sources say. Checks of a jump's depth do not know of fibres, whose
/// stacks are 64 KiB, some of it for functions that kernels call.
const FLAGS: [&str; 10] = [
    "-std=c++17",
    "-O1",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-strict-aliasing",
    "-U_FORTIFY_SOURCE",
    "-Werror=frame-larger-than=40000",
    "-fvisibility=hidden",
    "-fPIC",
    "-shared",
];

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
        let unavailable = |reason| Error::Unavailable { backend: "simulated".to_owned(), reason };
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

    /// What it calls itself.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The shared library made of `program`, compiled unless that was done before.
    ///
    /// # Errors
    /// What the compiler said.
    pub(super) fn compile(&self, name: &str, program: &str) -> Result<PathBuf, String> {
        let nowhere = || env::temp_dir().join(format!("isobath-simulator-{}", process::id()));
        let folder = cache::folder(CACHE_VARIABLE, "simulator").unwrap_or_else(nowhere);
        let library = folder.join(format!("{name}-{}.so", self.hash(program)));
        if !library.exists() {
            let failed = |error: io::Error| format!("{}: {error}", folder.display());
            fs::create_dir_all(&folder).map_err(failed)?;
            self.run(&library, program)?;
        }
        Ok(library)
    }

    /// Stands for all that determines the result.
    fn hash(&self, program: &str) -> String {
        let command = self.command.iter().map(String::as_str);
        cache::hash(command.chain(FLAGS).chain([&*self.version, env::consts::ARCH, program]))
    }

    /// Files get their names when they are whole: other threads and processes may be about the same.
    fn run(&self, library: &Path, program: &str) -> Result<(), String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let unfinished = library.with_extension(format!("{}-{number}.part", process::id()));
        let source = unfinished.with_extension("cpp");
        let failed = |error: io::Error| format!("{}: {error}", library.display());
        fs::write(&source, program).map_err(failed)?;
        let output = Command::new(&self.command[0])
            .args(&self.command[1..])
            .args(FLAGS)
            .arg("-o")
            .args([&unfinished, &source])
            .output()
            .map_err(|error| format!("{}: {error}", self.command[0]))?;
        fs::remove_file(source).map_err(failed)?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        fs::rename(unfinished, library).map_err(failed)
    }
}
