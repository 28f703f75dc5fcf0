//! Finding CUDA's libraries before anything calls into them: the bindings panic where one is missing.

use std::{
    env,
    error::Error as _,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use cudarc::{cublas, driver, nvrtc};

/// Variable with folders of libraries, searched first.
pub const LIBRARIES_VARIABLE: &str = "ISOBATH_CUDA_LIBRARIES";

/// The least driver interface these bindings know, as the driver counts.
const LEAST_DRIVER: i32 = 13_000;

/// A library of CUDA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// The driver's, which comes with the driver.
    Driver,
    /// The compiler of kernels.
    Nvrtc,
    /// Matrix products.
    Cublas,
}

impl Library {
    /// Files to be opened, in this order: each needs those before it.
    const fn files(self) -> &'static [&'static str] {
        match self {
            Self::Driver => &["libcuda.so.1"],
            Self::Nvrtc => &["libnvrtc-builtins.so.13", "libnvrtc.so.13"],
            Self::Cublas => &["libcublasLt.so.13", "libcublas.so.13"],
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Driver => "install NVIDIA's driver, release 580 or later",
            Self::Nvrtc => {
                "install CUDA 13, or `pip install nvidia-cuda-nvrtc==13.0.88` into the Python environment in use"
            }
            Self::Cublas => {
                "install CUDA 13, or `pip install nvidia-cublas` into the Python environment in use"
            }
        }
    }

    /// Finds the library in a version that fits; looks once.
    ///
    /// # Errors
    /// A sentence with the missing file, the places searched and what to do.
    pub fn find(self) -> Result<(), String> {
        static FOUND: [OnceLock<Result<(), String>>; 3] = [const { OnceLock::new() }; 3];
        FOUND[self as usize].get_or_init(|| self.look()).clone()
    }

    fn look(self) -> Result<(), String> {
        // The driver's is where the driver is, nowhere else.
        let folders = if self == Self::Driver { Vec::new() } else { folders() };
        // Opened beside those that the loader finds, others of another version would be mixed with them.
        let is_named = env::var_os(LIBRARIES_VARIABLE).is_some();
        let refused: Vec<String> = if is_named || !self.is_found_by_loader() {
            self.files().iter().filter_map(|file| open(file, &folders).err()).collect()
        } else {
            Vec::new()
        };
        // SAFETY: opening a library of CUDA's runs nothing but its initialisation.
        let present = unsafe {
            match self {
                Self::Driver => driver::sys::is_culib_present(),
                Self::Nvrtc => nvrtc::sys::is_culib_present(),
                Self::Cublas => cublas::sys::is_culib_present(),
            }
        };
        if !present {
            return Err(self.missing(&folders, &refused));
        }
        let version = self.version()?;
        let fits = match self {
            Self::Driver => version >= LEAST_DRIVER,
            Self::Nvrtc | Self::Cublas => version / 1000 == LEAST_DRIVER / 1000,
        };
        if fits { Ok(()) } else { Err(self.does_not_fit(version)) }
    }

    /// True if the system's loader finds it, in the version that is needed or under the name that the bindings try first.
    fn is_found_by_loader(self) -> bool {
        let name = self.files()[self.files().len() - 1];
        let first_tried = name.split_inclusive(".so").next().unwrap_or(name);
        // SAFETY: opening a library of CUDA's runs nothing but its initialisation.
        [name, first_tried]
            .into_iter()
            .any(|name| unsafe { libloading::Library::new(name) }.is_ok())
    }

    fn missing(self, folders: &[PathBuf], refused: &[String]) -> String {
        let name = self.files()[self.files().len() - 1];
        let places: Vec<String> =
            folders.iter().map(|folder| folder.display().to_string()).collect();
        let places =
            if places.is_empty() { String::new() } else { format!(", {}", places.join(", ")) };
        let named = env::var_os(LIBRARIES_VARIABLE);
        let setting = match named {
            _ if self == Self::Driver => String::new(),
            None => format!(", or set {LIBRARIES_VARIABLE} to its folder"),
            Some(named) => no_folders(&named),
        };
        let looked = format!("looked where the system's loader does{places}");
        let sentences = [format!("{name} was not found"), looked].into_iter();
        let sentences = sentences.chain(refused.iter().cloned());
        let remedy = format!("{}{setting}", self.remedy());
        sentences.chain([remedy]).collect::<Vec<_>>().join("; ")
    }

    fn does_not_fit(self, version: i32) -> String {
        let [found, needed] = [version, LEAST_DRIVER]
            .map(|version| format!("{}.{}", version / 1000, version % 1000 / 10));
        match self {
            Self::Driver => format!(
                "the driver knows CUDA {found} and version {needed} is needed; {}",
                self.remedy()
            ),
            Self::Nvrtc | Self::Cublas => format!(
                "the {} that the system's loader finds is of CUDA {found} and version {needed} is needed; remove its \
                 development link from the loader's path, or {}",
                self.files()[self.files().len() - 1].trim_end_matches(".13"),
                self.remedy()
            ),
        }
    }

    /// Version as CUDA counts: 13000 is 13.0.
    fn version(self) -> Result<i32, String> {
        let failed = |error: String| format!("asking {self:?} for its version failed: {error}");
        let (mut major, mut minor, mut version) = (0, 0, 0);
        // SAFETY: the library is present, the pointers are to numbers of ours.
        unsafe {
            match self {
                Self::Driver => driver::sys::cuDriverGetVersion(&raw mut version)
                    .result()
                    .map(|()| version)
                    .map_err(|error| failed(error.to_string())),
                Self::Nvrtc => nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor)
                    .result()
                    .map(|()| major * 1000 + minor * 10)
                    .map_err(|error| failed(format!("{error:?}"))),
                Self::Cublas => {
                    let property = |property, value| {
                        cublas::sys::cublasGetProperty(property, value)
                            .result()
                            .map_err(|error| failed(format!("{error:?}")))
                    };
                    property(cublas::sys::libraryPropertyType_t::MAJOR_VERSION, &raw mut major)?;
                    property(cublas::sys::libraryPropertyType_t::MINOR_VERSION, &raw mut minor)?;
                    Ok(major * 1000 + minor * 10)
                }
            }
        }
    }

    /// Its version in words, for those who have found it.
    pub fn version_name(self) -> String {
        self.version().map_or_else(
            |error| error,
            |version| format!("{}.{}", version / 1000, version % 1000 / 10),
        )
    }
}

/// Opens the first `file` in `folders` and never closes it: the loader then returns it for its name.
///
/// # Errors
/// The loader's error for the last file that is there and cannot be opened.
fn open(file: &str, folders: &[PathBuf]) -> Result<(), String> {
    let mut outcome = Ok(());
    for path in folders.iter().flat_map(|folder| versions(folder, file)) {
        // SAFETY: opening a library of CUDA's runs nothing but its initialisation.
        #[cfg(unix)]
        match unsafe {
            libloading::os::unix::Library::open(
                Some(&path),
                libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_GLOBAL,
            )
        } {
            Ok(library) => {
                std::mem::forget(library);
                return Ok(());
            }
            Err(error) => {
                let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                outcome = Err(format!("{} is there and cannot be loaded: {cause}", path.display()));
            }
        }
        #[cfg(not(unix))]
        let _ = path;
    }
    outcome
}

/// Error for folders named by the user that do not exist; empty if there are none.
fn no_folders(named: &OsString) -> String {
    let none: Vec<String> = env::split_paths(named)
        .filter(|path| !path.is_dir())
        .map(|path| path.display().to_string())
        .collect();
    if none.is_empty() {
        return String::new();
    }
    format!("; {LIBRARIES_VARIABLE} names {}, which is no folder", none.join(" and "))
}

/// `file` in `folder`, and where its name goes on with the number of a lesser version.
fn versions(folder: &Path, file: &str) -> Vec<PathBuf> {
    let goes_on = |rest: &str| rest.is_empty() || rest.starts_with('.');
    entries(folder, |name| name.to_string_lossy().strip_prefix(file).is_some_and(goes_on))
}

/// Folders beyond the system's where libraries may be: those the user names, those of Python packages, CUDA's own.
fn folders() -> Vec<PathBuf> {
    let named = env::var_os(LIBRARIES_VARIABLE).unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&named).collect();
    folders.extend(python_prefixes().iter().flat_map(|prefix| of_packages(prefix)));
    folders.extend(["/usr/local/cuda-13/lib64", "/usr/local/cuda/lib64"].map(PathBuf::from));
    folders.retain(|folder| folder.is_dir());
    folders.dedup();
    folders
}

/// Prefixes of Python environments: those in use, the one of `python3` on the path, the system's, the user's.
fn python_prefixes() -> Vec<PathBuf> {
    let mut prefixes: Vec<PathBuf> = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .into_iter()
        .filter_map(env::var_os)
        .map(Into::into)
        .collect();
    let path = env::var_os("PATH").unwrap_or_default();
    let python = env::split_paths(&path).find(|folder| folder.join("python3").is_file());
    prefixes.extend(python.and_then(|folder| folder.parent().map(Path::to_owned)));
    prefixes.extend(["/usr/local", "/usr"].map(PathBuf::from));
    prefixes.extend(env::home_dir().map(|home| home.join(".local")));
    prefixes
}

/// `lib/python3*/{site,dist}-packages/nvidia/*/lib` under `prefix`, in order of name.
fn of_packages(prefix: &Path) -> Vec<PathBuf> {
    let python = |name: &OsString| name.to_string_lossy().starts_with("python3");
    let versions = entries(&prefix.join("lib"), python);
    let packages = versions
        .iter()
        .flat_map(|version| ["site-packages", "dist-packages"].map(|name| version.join(name)));
    let of_nvidia = packages.flat_map(|packages| entries(&packages.join("nvidia"), |_| true));
    of_nvidia.map(|package| package.join("lib")).filter(|folder| folder.is_dir()).collect()
}

fn entries(folder: &Path, accept: impl Fn(&OsString) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.filter(|entry| accept(&entry.file_name())).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_python_packages_are_found() {
        let prefix = env::temp_dir().join(format!("isobath-libraries-{}", std::process::id()));
        let folder = prefix.join("lib/python3.12/site-packages/nvidia/cu13/lib");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(prefix.join("lib/python3.12/site-packages/nvidia/empty")).unwrap();
        assert_eq!(of_packages(&prefix), std::slice::from_ref(&folder));
        for name in
            ["libnvrtc.so.13", "libnvrtc.so.130", "libnvrtc-builtins.so.13.1", "libnvrtc.so"]
        {
            fs::write(folder.join(name), "").unwrap();
        }
        let found = |file| versions(&folder, file);
        assert_eq!(found("libnvrtc.so.13"), [folder.join("libnvrtc.so.13")]);
        let builtins = folder.join("libnvrtc-builtins.so.13.1");
        assert_eq!(found("libnvrtc-builtins.so.13"), [builtins]);
        fs::remove_dir_all(prefix).unwrap();
    }

    #[test]
    fn errors_name_the_file_the_places_and_the_remedy() {
        let message = Library::Nvrtc.missing(&[PathBuf::from("/opt/somewhere")], &[]);
        for part in ["libnvrtc.so.13", "/opt/somewhere", "nvidia-cuda-nvrtc", "install"] {
            assert!(message.contains(part), "{message}");
        }
        let message = Library::Driver.does_not_fit(12_020);
        assert!(message.contains("CUDA 12.2") && message.contains("13.0"), "{message}");
    }
}
